/* The forward pass of a network: joins, cross-correlation, and what follows it in each layer.

   Functions that take long are generators that yield from time to time, so that their caller can pause. */

/** Return the results of the forward pass: the normalized image, then the output channels of each layer, as maps; null
    for a layer that is not needed, or whose maps are not on the page. */
function* forward(network, image) {
  const results = [normalize(network.input, image)];
  for (const layer of network.layers) {
    const isComputed = layer && !layer.given && layer.isComputed;
    results.push(
      isComputed ? yield* layerOutput(layer, layerInput(network, results, layer.number)) : (layer?.given ?? null),
    );
  }
  return results;
}

/** Return the output channels of a layer for its joined input. */
function* layerOutput(layer, input) {
  const maps = yield* combine(layer, layer.shape ? yield* correlate(layer, input) : input);
  return yield* pool(layer, normalizeResponses(layer, activate(layer, maps)));
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

/** Return the image as the first layer reads it: (value · scale − mean) / std. */
function normalize(input, image) {
  if (!isNormalized(input)) return image;
  const { channels, height, width } = image;
  const values = image.values.map((value, index) => normalizeValue(input, Math.floor(index / (height * width)), value));
  return { channels, height, width, values };
}

/** Return whether the first layer reads other values than those of the image. */
function isNormalized({ scale, mean, std }) {
  return scale !== 1 || mean.some((value) => value !== 0) || std.some((value) => value !== 1);
}

/** Return a value of a channel as the first layer reads it. */
function normalizeValue({ scale, mean, std }, channel, value) {
  return (value * scale - ofChannel(mean, channel)) / ofChannel(std, channel);
}

/** Return the value of the image for a value that the first layer reads. */
function denormalizeValue({ scale, mean, std }, channel, value) {
  return (value * ofChannel(std, channel) + ofChannel(mean, channel)) / scale;
}

/** Return a channel's number of those of all channels, or the one for all. */
function ofChannel(numbers, channel) {
  return numbers.length === 1 ? numbers[0] : numbers[channel];
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
    const taps = [];
    for (let slice = 0; slice < depth; slice++) {
      const channel = inputChannel(layer, filter, slice);
      channels[channel] = channels[channel] || padChannel(maps, channel, rows, columns);
      addTaps(taps, channels[channel], layer, filter, slice, rows, columns);
    }
    yield* addProducts(sums.fill(0), taps, rows, columns);
    const bias = layer.bias[filter];
    for (let pixel = 0; pixel < size; pixel++) values[filter * size + pixel] = unit * sums[pixel] + bias;
  }
  return { channels: count, height: rows.outputs, width: columns.outputs, values };
}

/** Append the weights of a kernel and the pixels that they apply to for the first output, { numbers, offset, weight }.

    Weights of 0 are left out, unless the channel has values that are not finite: 0 · ∞ is NaN. */
function addTaps(taps, { padded, isFinite }, layer, filter, slice, rows, columns) {
  const width = columns.sources.length;
  kernelOf(layer, filter, slice).forEach((weight, k) => {
    if (weight === 0 && isFinite) return;
    const offset = Math.floor(k / columns.size) * rows.dilation * width + (k % columns.size) * columns.dilation;
    taps.push({ numbers: padded, offset, weight });
  });
}

const PRODUCTS_IN_A_STEP = 1_000_000; // products that are computed without a pause

/** Add the products of weights and pixels to the sum of each output. All weights are applied to one row of outputs
    before the next, so that the row stays in the processor's cache. */
function* addProducts(sums, taps, rows, columns) {
  const width = columns.sources.length;
  const isOneRow = columns.outputs === width && columns.stride === 1 && rows.stride === 1; // without padding, 1 wide
  const [count, length] = isOneRow ? [1, rows.outputs * width] : [rows.outputs, columns.outputs];
  let products = 0;
  for (let row = 0; row < count; row++) {
    const input = row * rows.stride * width;
    const output = row * length;
    const end = output + length;
    let k = 0;
    for (; k + 3 < taps.length; k += 4)
      addFourRows(sums, output, end, input, columns.stride, taps[k], taps[k + 1], taps[k + 2], taps[k + 3]);
    for (; k < taps.length; k++) addRow(sums, output, end, input, columns.stride, taps[k]);
    products += taps.length * length;
    if (products > PRODUCTS_IN_A_STEP) {
      yield;
      products = 0;
    }
  }
  yield;
}

/** Add a weight times every `stride`-th pixel from `input` on to the sums from `output` to `end`. */
function addRow(sums, output, end, input, stride, { numbers, offset, weight }) {
  for (let index = input + offset; output < end; output++, index += stride) sums[output] += weight * numbers[index];
}

/** Do the same for four weights: each sum is read and written once. */
function addFourRows(sums, output, end, input, stride, one, two, three, four) {
  const { numbers: p, weight: a } = one;
  const { numbers: q, weight: b } = two;
  const { numbers: r, weight: c } = three;
  const { numbers: s, weight: d } = four;
  let i = input + one.offset;
  let j = input + two.offset;
  let k = input + three.offset;
  let l = input + four.offset;
  for (; output < end; output++, i += stride, j += stride, k += stride, l += stride)
    sums[output] += a * p[i] + b * q[j] + c * r[k] + d * s[l];
}
