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
async function finishInSlices(generator, milliseconds = 100) {
  for (;;) {
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      const { done, value } = generator.next();
      if (done) return value;
    }
    await new Promise((resume) => setTimeout(resume));
  }
}

function normalize({ mean, std }, image) {
  if (mean === 0 && std === 1) return image;
  const { channels, height, width, values } = image;
  return { channels, height, width, values: values.map((value) => (value - mean) / std) };
}

/* Cross-correlation */

/** Return the numbers that kernels are applied to, and the factor of the result. The pixels of a picture are integers,
    so that sums of their products with integer weights are exact. */
function kernelInput({ values, integers, largest }) {
  return integers ? { numbers: integers, unit: 1 / largest } : { numbers: values, unit: 1 };
}

/** Return one channel of maps with its padding, and whether all its numbers are finite. */
function padChannel(maps, channel, rows, columns) {
  const { numbers } = kernelInput(maps);
  const padded = new Float32Array(rows.sources.length * columns.sources.length);
  const start = channel * maps.height * maps.width;
  let index = 0;
  for (const row of rows.sources) {
    for (const column of columns.sources) {
      padded[index++] = row < 0 || column < 0 ? 0 : numbers[start + row * maps.width + column];
    }
  }
  return { padded, isFinite: padded.every(Number.isFinite) };
}

/** Return the feature maps of a layer's filters. */
function* correlate(layer, maps) {
  const rows = axisGeometry(layer, 0, maps.height);
  const columns = axisGeometry(layer, 1, maps.width);
  const [count, depth] = layer.shape;
  const size = rows.outputs * columns.outputs;
  const values = new Float32Array(count * size);
  const { unit } = kernelInput(maps);
  const channels = [];
  const sums = new Float64Array(size);
  for (let filter = 0; filter < count; filter++) {
    sums.fill(0);
    for (let slice = 0; slice < depth; slice++) {
      const channel = inputChannel(layer, filter, slice);
      channels[channel] = channels[channel] || padChannel(maps, channel, rows, columns);
      yield* addKernel(sums, channels[channel], layer, filter, slice, rows, columns);
    }
    const bias = layer.bias[filter];
    for (let pixel = 0; pixel < size; pixel++) values[filter * size + pixel] = unit * sums[pixel] + bias;
  }
  return { channels: count, height: rows.outputs, width: columns.outputs, values };
}

const ROWS_IN_A_STEP = 64; // output rows that are computed without a pause

/** Add a kernel, applied to a padded channel, to the sum of each output.

    Weights of 0 are left out, unless the channel has values that are not finite: 0 · ∞ is NaN. All weights are applied
    to one row of outputs before the next, so that the row stays in the processor's cache. */
function* addKernel(sums, { padded, isFinite }, layer, filter, slice, rows, columns) {
  const width = columns.sources.length;
  const weights = [];
  const offsets = []; // from the pixel at the top left of the kernel
  kernelOf(layer, filter, slice).forEach((weight, k) => {
    if (weight === 0 && isFinite) return;
    weights.push(weight);
    offsets.push(Math.floor(k / columns.size) * rows.dilation * width + (k % columns.size) * columns.dilation);
  });
  if (!weights.length) return;
  for (let row = 0; row < rows.outputs; row++) {
    const input = row * rows.stride * width;
    const output = row * columns.outputs;
    const end = output + columns.outputs;
    let k = 0;
    for (; k + 3 < weights.length; k += 4)
      addFourRows(sums, output, end, padded, input, offsets.slice(k, k + 4), columns.stride, weights.slice(k, k + 4));
    for (; k < weights.length; k++) addRow(sums, output, end, padded, input + offsets[k], columns.stride, weights[k]);
    if (row % ROWS_IN_A_STEP === 0) yield;
  }
}

/** Add a weight times every `stride`-th pixel from `input` on to the sums from `output` to `end`. */
function addRow(sums, output, end, padded, input, stride, weight) {
  for (; output < end; output++, input += stride) sums[output] += weight * padded[input];
}

/** Do the same for four weights, whose pixels start at `input` plus an offset: each sum is read and written once. */
function addFourRows(sums, output, end, padded, input, offsets, stride, weights) {
  const [a, b, c, d] = weights;
  let [i, j, k, l] = offsets.map((offset) => input + offset);
  for (; output < end; output++, i += stride, j += stride, k += stride, l += stride)
    sums[output] += a * padded[i] + b * padded[j] + c * padded[k] + d * padded[l];
}

/* Combination, activation and pooling */

/** Return the sum of f(value) for all values. */
function sumOf(values, f = (value) => value) {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += f(values[k]);
  return sum;
}

/** Return the largest value; NaN if one is NaN. */
function maxOf(values) {
  let largest = values[0];
  for (let k = 1; k < values.length; k++) largest = Math.max(largest, values[k]);
  return largest;
}

const meanOf = (values) => sumOf(values) / values.length;

const COMBINATIONS = {
  take: (values) => values[0],
  norm: (values) => Math.sqrt(sumOf(values, (value) => value * value)),
  max: maxOf,
  sum: (values) => sumOf(values),
  mean: meanOf,
  difference: (values) => values[0] - sumOf(values.slice(1)),
};

const ACTIVATIONS = {
  none: (value) => value,
  relu: (value) => (value < 0 ? 0 : value),
  abs: Math.abs,
};

const POOLINGS = { max: maxOf, mean: meanOf };

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
    else combinePixels(COMBINATIONS[kind], channels, values.subarray(index * size, (index + 1) * size));
    yield;
  }
  return { ...maps, channels: outputs.length, values };
}

/** Write a function of the values of several channels at each pixel into `result`. */
function combinePixels(combination, channels, result) {
  const values = new Array(channels.length).fill(0);
  for (let pixel = 0; pixel < result.length; pixel++) {
    for (let k = 0; k < values.length; k++) values[k] = channels[k][pixel];
    result[pixel] = combination(values);
  }
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
