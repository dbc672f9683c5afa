/* The forward pass of a network: cross-correlation, combination, activation, pooling, and the classifier head.

   Functions that take long are generators that yield from time to time, so that their caller can pause. */

/** Return the results of the forward pass: the normalized image, then the output channels of each layer, as maps. */
function* forward(network, image) {
  const results = [normalize(network, image)];
  for (const layer of network.layers) {
    const maps = yield* combine(layer, yield* correlate(layer, results[results.length - 1]));
    results.push(yield* pool(layer, activate(layer, maps)));
  }
  return results;
}

/** Run a generator without a pause; return its result. */
function finish(generator) {
  for (;;) {
    const { done, value } = generator.next();
    if (done) return value;
  }
}

/** Run a generator in slices, between which the browser handles events; return its result. */
async function finishInSlices(generator, milliseconds = 30) {
  for (;;) {
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      const { done, value } = generator.next();
      if (done) return value;
    }
    await new Promise((resume) => setTimeout(resume));
  }
}

function normalize(network, image) {
  const { mean, std } = network;
  if (mean === 0 && std === 1) return image;
  return { ...image, values: image.values.map((value) => (value - mean) / std) };
}

/* Padding and geometry */

/** Return the index of the pixel that is at each padded position of an axis; -1 where the border is zero. */
function sourceIndexes(length, before, after, border) {
  const sources = new Int32Array(before + length + after);
  for (let index = 0; index < sources.length; index++) sources[index] = sourceIndex(index - before, length, border);
  return sources;
}

function sourceIndex(index, length, border) {
  if (index >= 0 && index < length) return index;
  if (border === "constant") return -1;
  if (border === "edge") return index < 0 ? 0 : length - 1;
  if (border === "wrap") return modulo(index, length);
  if (border === "symmetric") {
    // mirrored, the edge pixel repeated
    const mirrored = modulo(index, 2 * length);
    return mirrored < length ? mirrored : 2 * length - 1 - mirrored;
  }
  const mirrored = modulo(index, Math.max(1, 2 * (length - 1))); // reflect: the edge pixel not repeated
  return mirrored < length ? mirrored : 2 * (length - 1) - mirrored;
}

function modulo(number, divisor) {
  return ((number % divisor) + divisor) % divisor;
}

/** Return the geometry of a layer's kernels along one axis (0: rows, 1: columns) of an input of a length: kernel size,
    stride, dilation, number of outputs, and the source index of each padded position. */
function axisGeometry(layer, axis, length) {
  const size = layer.shape[2 + axis];
  const stride = layer.stride[axis];
  const dilation = layer.dilation[axis];
  const extent = (size - 1) * dilation + 1;
  const [before, after] = layer.padding === "same" ? samePadding(length, stride, extent) : layer.padding[axis];
  const outputs = Math.floor((before + length + after - extent) / stride) + 1;
  return { size, stride, dilation, outputs, sources: sourceIndexes(length, before, after, layer.border) };
}

/** Return padding that gives ceil(length / stride) outputs; an odd remainder goes to the end. */
function samePadding(length, stride, extent) {
  const missing = Math.max(0, (Math.ceil(length / stride) - 1) * stride + extent - length);
  return [Math.floor(missing / 2), missing - Math.floor(missing / 2)];
}

/** Return one channel of maps with its padding. */
function padChannel(maps, channel, rows, columns) {
  const padded = new Float32Array(rows.sources.length * columns.sources.length);
  const start = channel * maps.height * maps.width;
  let index = 0;
  for (const row of rows.sources) {
    for (const column of columns.sources) {
      padded[index++] = row < 0 || column < 0 ? 0 : maps.values[start + row * maps.width + column];
    }
  }
  return padded;
}

/* Cross-correlation */

/** Return the feature maps of a layer's filters. Each weight adds the shifted input, times the weight, to the whole
    map. */
function* correlate(layer, maps) {
  const rows = axisGeometry(layer, 0, maps.height);
  const columns = axisGeometry(layer, 1, maps.width);
  const [count, depth] = layer.shape;
  const size = rows.outputs * columns.outputs;
  const result = {
    channels: count,
    height: rows.outputs,
    width: columns.outputs,
    values: new Float32Array(count * size),
  };
  const padded = [];
  const sums = new Float64Array(size);
  for (let filter = 0; filter < count; filter++) {
    sums.fill(layer.bias[filter]);
    for (let slice = 0; slice < depth; slice++) {
      const channel = inputChannel(layer, filter, slice);
      padded[channel] = padded[channel] || padChannel(maps, channel, rows, columns);
      const kernel = (filter * depth + slice) * rows.size * columns.size;
      for (let i = 0; i < rows.size; i++) {
        for (let j = 0; j < columns.size; j++) {
          addShifted(sums, padded[channel], layer.weights[kernel + i * columns.size + j], i, j, rows, columns);
        }
        yield;
      }
    }
    result.values.set(sums, filter * size);
  }
  return result;
}

/** Return the input channel of a slice of a filter: the filters of a group read the channels of that group only. */
function inputChannel(layer, filter, slice) {
  const [count, depth] = layer.shape;
  return Math.floor((filter * layer.groups) / count) * depth + slice;
}

/** Add weight (i, j) of a kernel times the input pixel under it to the sum of each output. */
function addShifted(sums, padded, weight, i, j, rows, columns) {
  const width = columns.sources.length;
  const step = columns.stride;
  const shift = j * columns.dilation;
  let output = 0;
  for (let row = 0; row < rows.outputs; row++) {
    let input = (row * rows.stride + i * rows.dilation) * width + shift;
    for (const end = output + columns.outputs; output < end; output++, input += step)
      sums[output] += weight * padded[input];
  }
}

/* Combination, activation and pooling */

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
const meanOf = (values) => sumOf(values) / values.length;

const COMBINATIONS = {
  take: (values) => values[0],
  norm: (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)),
  max: (values) => Math.max(...values),
  sum: sumOf,
  mean: meanOf,
  difference: ([first, ...others]) => others.reduce((rest, value) => rest - value, first),
};

const ACTIVATIONS = {
  none: (value) => value,
  relu: (value) => (value < 0 ? 0 : value),
  abs: Math.abs,
};

const POOLINGS = { max: COMBINATIONS.max, mean: meanOf };

/** Return the output channels computed from the feature maps of the filters. */
function* combine(layer, maps) {
  const { outputs } = layer;
  const size = maps.height * maps.width;
  if (outputs.length === maps.channels && outputs.every(({ kind, of }, index) => kind === "take" && of[0] === index))
    return maps;
  const values = new Float32Array(outputs.length * size);
  for (const [index, { kind, of }] of outputs.entries()) {
    const channels = of.map((filter) => maps.values.subarray(filter * size, (filter + 1) * size));
    if (kind === "take") values.set(channels[0], index * size);
    else
      for (let pixel = 0; pixel < size; pixel++)
        values[index * size + pixel] = COMBINATIONS[kind](channels.map((channel) => channel[pixel]));
    yield;
  }
  return { ...maps, channels: outputs.length, values };
}

function activate(layer, maps) {
  if (layer.activation === "none") return maps;
  return { ...maps, values: maps.values.map(ACTIVATIONS[layer.activation]) };
}

/** Return one value for each block of size × size; rows and columns that do not fill a block are dropped. */
function* pool(layer, maps) {
  if (!layer.pool) return maps;
  const { kind, size } = layer.pool;
  const block = new Array(size * size);
  const height = Math.floor(maps.height / size);
  const width = Math.floor(maps.width / size);
  const values = new Float32Array(maps.channels * height * width);
  let output = 0;
  for (let channel = 0; channel < maps.channels; channel++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        let input = (channel * maps.height + row * size) * maps.width + column * size;
        let k = 0;
        for (let i = 0; i < size; i++, input += maps.width) {
          for (let j = 0; j < size; j++) block[k++] = maps.values[input + j];
        }
        values[output++] = POOLINGS[kind](block);
      }
    }
    yield;
  }
  return { channels: maps.channels, height, width, values };
}

/* The classifier head */

/** Return whether maps have the shape that the head was trained on. */
function fitsHead(head, { channels, height, width }) {
  return [channels, height, width].join() === head.shape.join();
}

/** Return the probability of each class: the softmax of the head's scores. */
function probabilities(head, maps) {
  const size = maps.values.length;
  const scores = Array.from(head.bias, (bias, index) =>
    maps.values.reduce((sum, value, pixel) => sum + value * head.weights[index * size + pixel], bias),
  );
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = sumOf(powers);
  return powers.map((power) => power / sum);
}
