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
  const { channels, height, width, values } = input; // without the integers of the image
  const filtered = layer.shape ? yield* correlate(layer, input) : { channels, height, width, values };
  const maps = yield* combine(layer, filtered);
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

const FILTERS_AT_ONCE = 4; // filters that read the same pixels are computed together, as each pixel is then read once

/** Return the feature maps of a layer's filters. */
function* correlate(layer, maps) {
  const rows = axisGeometry(layer, 0, maps.height);
  const columns = axisGeometry(layer, 1, maps.width);
  const [count, depth] = layer.shape;
  const size = rows.outputs * columns.outputs;
  const values = new Float32Array(count * size);
  const { unit } = kernelInput(maps);
  const channels = [];
  const sums = Array.from({ length: FILTERS_AT_ONCE }, () => new Float64Array(size));
  for (let first = 0; first < count; first += FILTERS_AT_ONCE) {
    const taps = [];
    for (let filter = first; filter < Math.min(count, first + FILTERS_AT_ONCE); filter++) {
      const found = [];
      for (let slice = 0; slice < depth; slice++) {
        const channel = inputChannel(layer, filter, slice);
        channels[channel] = channels[channel] || padChannel(maps, channel, rows, columns);
        addTaps(found, channels[channel], layer, filter, slice, rows, columns);
      }
      taps.push(found);
    }
    for (const each of sums) each.fill(0);
    if (readSamePixels(layer, first, taps)) yield* addProducts(sums, taps, rows, columns);
    else for (const [index, each] of taps.entries()) yield* addProducts([sums[index]], [each], rows, columns);
    for (let index = 0; index < taps.length; index++) {
      const start = (first + index) * size;
      const bias = layer.bias[first + index];
      for (let pixel = 0; pixel < size; pixel++) values[start + pixel] = unit * sums[index][pixel] + bias;
    }
  }
  return { channels: count, height: rows.outputs, width: columns.outputs, values };
}

/** Return whether the taps of `FILTERS_AT_ONCE` filters, from `first` on, are on the same pixels. */
function readSamePixels(layer, first, taps) {
  const last = first + FILTERS_AT_ONCE - 1;
  if (taps.length < FILTERS_AT_ONCE || inputChannel(layer, first, 0) !== inputChannel(layer, last, 0)) return false;
  const [, depth, height, width] = layer.shape;
  return taps.every(({ length }) => length === depth * height * width);
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

/** Add the products of weights and pixels to the sum of each output, for one filter or for `FILTERS_AT_ONCE`: `sums` and
    `taps` have an array for each. All weights are applied to one row of outputs before the next, so that the row stays
    in the processor's cache. */
function* addProducts(sums, taps, rows, columns) {
  const width = columns.sources.length;
  const isOneRow = columns.outputs === width && columns.stride === 1 && rows.stride === 1; // kernels of one column
  const [count, length] = isOneRow ? [1, rows.outputs * width] : [rows.outputs, columns.outputs];
  const addFour = sums.length === 1 ? addFourTaps : addFourTapsToFourSums;
  let products = 0;
  for (let row = 0; row < count; row++) {
    const input = row * rows.stride * width;
    const output = row * length;
    const end = output + length;
    let k = 0;
    for (; k + 3 < taps[0].length; k += 4) addFour(sums, output, end, input, columns.stride, taps, k);
    for (; k < taps[0].length; k++) {
      for (const [index, each] of sums.entries()) addTap(each, output, end, input, columns.stride, taps[index][k]);
    }
    products += sums.length * taps[0].length * length;
    if (products > PRODUCTS_IN_A_STEP) {
      yield;
      products = 0;
    }
  }
  yield;
}

/** Add a weight times every `stride`-th pixel from `input` on to the sums from `output` to `end`. */
function addTap(sums, output, end, input, stride, { numbers, offset, weight }) {
  for (let index = input + offset; output < end; output++, index += stride) sums[output] += weight * numbers[index];
}

/** Do the same for the four weights of a filter from the `first` on: each sum is read and written once. */
function addFourTaps([sums], output, end, input, stride, [taps], first) {
  const { numbers: p, weight: a, offset: i } = taps[first];
  const { numbers: q, weight: b, offset: j } = taps[first + 1];
  const { numbers: r, weight: c, offset: k } = taps[first + 2];
  const { numbers: s, weight: d, offset: l } = taps[first + 3];
  for (; output < end; output++, input += stride)
    sums[output] += a * p[i + input] + b * q[j + input] + c * r[k + input] + d * s[l + input];
}

/** Do the same for four filters: each pixel is read once. */
function addFourTapsToFourSums(sums, output, end, input, stride, taps, first) {
  const { numbers: p, offset: i } = taps[0][first];
  const { numbers: q, offset: j } = taps[0][first + 1];
  const { numbers: r, offset: k } = taps[0][first + 2];
  const { numbers: s, offset: l } = taps[0][first + 3];
  const weight = (filter, index) => taps[filter][first + index].weight;
  const [sums0, sums1, sums2, sums3] = sums;
  const [a0, b0, c0, d0] = [weight(0, 0), weight(0, 1), weight(0, 2), weight(0, 3)];
  const [a1, b1, c1, d1] = [weight(1, 0), weight(1, 1), weight(1, 2), weight(1, 3)];
  const [a2, b2, c2, d2] = [weight(2, 0), weight(2, 1), weight(2, 2), weight(2, 3)];
  const [a3, b3, c3, d3] = [weight(3, 0), weight(3, 1), weight(3, 2), weight(3, 3)];
  for (; output < end; output++, input += stride) {
    const w = p[i + input];
    const x = q[j + input];
    const y = r[k + input];
    const z = s[l + input];
    sums0[output] += a0 * w + b0 * x + c0 * y + d0 * z;
    sums1[output] += a1 * w + b1 * x + c1 * y + d1 * z;
    sums2[output] += a2 * w + b2 * x + c2 * y + d2 * z;
    sums3[output] += a3 * w + b3 * x + c3 * y + d3 * z;
  }
}
