/* The forward pass of a network: cross-correlation, combination, activation, pooling, and the dense head.

   What takes long is a generator that yields between its pieces, so that whoever drives it may pause. */

/** For each padded place along an axis, the place of the image whose pixel stands there; -1 is a zero. */
function sources(length, before, after, border) {
  const places = new Int32Array(before + length + after);
  for (let index = 0; index < places.length; index++) places[index] = source(index - before, length, border);
  return places;
}

function source(place, length, border) {
  if (place >= 0 && place < length) return place;
  if (border === "constant") return -1;
  if (border === "edge") return place < 0 ? 0 : length - 1;
  if (border === "wrap") return modulo(place, length);
  if (border === "symmetric") { // the edge pixel is repeated
    const turned = modulo(place, 2 * length);
    return turned < length ? turned : 2 * length - 1 - turned;
  }
  const turned = modulo(place, Math.max(1, 2 * (length - 1))); // reflect: it is not
  return turned < length ? turned : 2 * (length - 1) - turned;
}

function modulo(number, divisor) {
  return ((number % divisor) + divisor) % divisor;
}

/** How one axis (0: rows, 1: columns) of a layer's filters stands on an input of a length. */
function axis(layer, which, length) {
  const taps = layer.shape[2 + which], stride = layer.stride[which], dilation = layer.dilation[which];
  const extent = (taps - 1) * dilation + 1;
  const [before, after] = layer.padding === "same" ? samePads(length, stride, extent) : layer.padding[which];
  const outputs = Math.floor((before + length + after - extent) / stride) + 1;
  return { taps, stride, dilation, outputs, places: sources(length, before, after, layer.border) };
}

/** Padding that gives ceil(length / stride) outputs; an odd remainder goes to the end. */
function samePads(length, stride, extent) {
  const missing = Math.max(0, (Math.ceil(length / stride) - 1) * stride + extent - length);
  return [Math.floor(missing / 2), missing - Math.floor(missing / 2)];
}

/** One channel with its border around it. */
function padded(maps, channel, rows, columns) {
  const plane = new Float32Array(rows.places.length * columns.places.length);
  const first = channel * maps.height * maps.width;
  let at = 0;
  for (const row of rows.places) {
    for (const column of columns.places) {
      plane[at++] = row < 0 || column < 0 ? 0 : maps.values[first + row * maps.width + column];
    }
  }
  return plane;
}

/** The feature maps of a layer's filters. Each weight adds the whole shifted input, times itself, to the map. */
function* correlate(layer, maps) {
  const rows = axis(layer, 0, maps.height), columns = axis(layer, 1, maps.width);
  const [count, depth] = layer.shape, size = rows.outputs * columns.outputs;
  const result = { channels: count, height: rows.outputs, width: columns.outputs, values: new Float32Array(count * size) };
  const planes = [];
  const sums = new Float64Array(size);
  for (let filter = 0; filter < count; filter++) {
    sums.fill(layer.bias[filter]);
    for (let slice = 0; slice < depth; slice++) {
      const channel = inputChannel(layer, filter, slice);
      planes[channel] = planes[channel] || padded(maps, channel, rows, columns);
      const kernel = (filter * depth + slice) * rows.taps * columns.taps;
      for (let i = 0; i < rows.taps; i++) {
        for (let j = 0; j < columns.taps; j++) {
          addShifted(sums, planes[channel], layer.weights[kernel + i * columns.taps + j], i, j, rows, columns);
        }
        yield;
      }
    }
    result.values.set(sums, filter * size);
  }
  return result;
}

/** The input channel under a slice of a filter: the filters of a group see the channels of that group only. */
function inputChannel(layer, filter, slice) {
  const [count, depth] = layer.shape;
  return Math.floor((filter * layer.groups) / count) * depth + slice;
}

function addShifted(sums, plane, weight, i, j, rows, columns) {
  const width = columns.places.length, step = columns.stride, first = j * columns.dilation;
  let at = 0;
  for (let row = 0; row < rows.outputs; row++) {
    let from = (row * rows.stride + i * rows.dilation) * width + first;
    for (const end = at + columns.outputs; at < end; at++, from += step) sums[at] += weight * plane[from];
  }
}

const COMBINATIONS = {
  take: (values) => values[0],
  norm: (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)),
  max: (values) => Math.max(...values),
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  difference: ([first, ...others]) => others.reduce((left, value) => left - value, first),
};

const ACTIVATIONS = {
  none: (value) => value,
  relu: (value) => (value < 0 ? 0 : value),
  abs: Math.abs,
};

const POOLS = {
  max: (values) => Math.max(...values),
  mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
};

/** The output channels made from the filters' maps. */
function* combined(layer, maps) {
  const { outputs } = layer, size = maps.height * maps.width;
  if (outputs.length === maps.channels && outputs.every(({ kind, of }, index) => kind === "take" && of[0] === index)) return maps;
  const values = new Float32Array(outputs.length * size);
  for (const [index, { kind, of }] of outputs.entries()) {
    const sources = of.map((filter) => maps.values.subarray(filter * size, (filter + 1) * size));
    if (kind === "take") values.set(sources[0], index * size);
    else for (let at = 0; at < size; at++) values[index * size + at] = COMBINATIONS[kind](sources.map((source) => source[at]));
    yield;
  }
  return { ...maps, channels: outputs.length, values };
}

function activated(layer, maps) {
  if (layer.activation === "none") return maps;
  return { ...maps, values: maps.values.map(ACTIVATIONS[layer.activation]) };
}

/** One value of each block of size × size; what does not fill a block is dropped. */
function* pooled(layer, maps) {
  if (!layer.pool) return maps;
  const { kind, size } = layer.pool, block = new Array(size * size);
  const height = Math.floor(maps.height / size), width = Math.floor(maps.width / size);
  const values = new Float32Array(maps.channels * height * width);
  let at = 0;
  for (let channel = 0; channel < maps.channels; channel++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        let from = (channel * maps.height + row * size) * maps.width + column * size, k = 0;
        for (let i = 0; i < size; i++, from += maps.width) {
          for (let j = 0; j < size; j++) block[k++] = maps.values[from + j];
        }
        values[at++] = POOLS[kind](block);
      }
    }
    yield;
  }
  return { channels: maps.channels, height, width, values };
}

/** The image as the first layer sees it. */
function normalized(network, image) {
  const { mean, std } = network;
  if (mean === 0 && std === 1) return image;
  return { ...image, values: image.values.map((value) => (value - mean) / std) };
}

/** All maps: of the input as the first layer sees it, and the output channels of every layer. */
function* forward(network, image) {
  const results = [normalized(network, image)];
  for (const layer of network.layers) {
    const maps = yield* combined(layer, yield* correlate(layer, results[results.length - 1]));
    results.push(yield* pooled(layer, activated(layer, maps)));
  }
  return results;
}

/** Whether maps have the shape that the head has learned on. */
function fitsHead(head, { channels, height, width }) {
  return [channels, height, width].join() === head.shape.join();
}

/** The probability of each class: the softmax of the head's scores. */
function probabilities(head, maps) {
  const size = maps.values.length;
  const scores = Array.from(head.bias, (bias, index) =>
    maps.values.reduce((sum, value, at) => sum + value * head.weights[index * size + at], bias));
  const largest = Math.max(...scores), powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** The result of a generator, without a pause. */
function finish(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** The result of a generator that pauses every few milliseconds, so that the page never freezes. */
async function finishInSlices(work, milliseconds = 30) {
  for (;;) {
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      const { done, value } = work.next();
      if (done) return value;
    }
    await new Promise((resume) => setTimeout(resume));
  }
}
