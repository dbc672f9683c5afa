/* Reading the data of the page: base64 to typed arrays, the network, the image.

   Maps are objects { channels, height, width, values }; values is a Float32Array in the order channel, row, column. */

const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, float16: Uint16Array, float32: Float32Array };
const LARGEST_VALUE = { uint8: 255, uint16: 65535, float32: 1 };

/** Return the numbers of { type, shape, data }: little-endian bytes in base64. */
function decode(packed) {
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = text.charCodeAt(index);
  const numbers = new ARRAY_TYPES[packed.type](bytes.buffer);
  return packed.type === "float16" ? widen(numbers) : numbers;
}

/** Return float32 numbers of the bits of float16 numbers. */
function widen(bits) {
  widen.table ??= Float32Array.from({ length: 1 << 16 }, (_, index) => halfFloat(index)); // made once
  const { table } = widen;
  const numbers = new Float32Array(bits.length);
  for (let index = 0; index < bits.length; index++) numbers[index] = table[bits[index]];
  return numbers;
}

/** Return the number of the 16 bits of a float16: a sign, 5 bits of the exponent, 10 bits of the fraction. */
function halfFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Return the network with decoded arrays. `layers` has null for a layer that no layer of the page needs. */
function readNetwork(data) {
  const { head } = data;
  return {
    ...data,
    layers: data.layers.map(readLayer),
    head: head && { ...head, weights: decode(head.weights), bias: decode(head.bias) },
  };
}

/** Return a layer with decoded arrays.

    `sources` are the numbers of the layers that it reads, 0 for the image, and `inputs` the names of the joined
    channels; `shape` is [filters, input channels of a group, kernel rows, kernel columns], null for a layer without
    filters, whose maps are the joined inputs; `outputs` has { name, kind, of } for each output channel, `of` being the
    filters that it is computed from; `pool` is null or as `readPool` returns it. `given` are the maps of a layer that
    is not computed on the page: its weights are not there. */
function readLayer(data) {
  if (!data) return null;
  const outputs = data.combine.length
    ? data.combine
    : data.filters.map((name, index) => ({ name, kind: "take", of: [index] }));
  const arrays = { weights: data.weights && decode(data.weights), bias: data.bias && decode(data.bias) };
  return { ...data, ...arrays, outputs, pool: readPool(data.pool), given: data.given && readMaps(data.given) };
}

/** Return a pooling, { kind, size, stride, padding, ceil, countPadding, isBlocks }: `size` is [rows, columns] of its
    windows, null for whole maps; `isBlocks` says that they are adjacent squares without padding. */
function readPool(data) {
  if (!data) return null;
  const blocks = {
    padding: [
      [0, 0],
      [0, 0],
    ],
    ceil: false,
    countPadding: false,
    isBlocks: true,
  };
  if (typeof data === "string") {
    const [kind, text] = data.split(":");
    const size = text === "all" ? null : [Number(text), Number(text)];
    return { ...blocks, kind, size, stride: size ?? [1, 1], isBlocks: size !== null };
  }
  const { kind, size, stride, padding, ceil, count_padding: countPadding } = data;
  return { kind, size, stride, padding, ceil, countPadding, isBlocks: false };
}

/** Return maps of packed values (K, H, W). */
function readMaps(packed) {
  const [channels, height, width] = packed.shape;
  return { channels, height, width, values: decode(packed) };
}

/** Return the image as maps: integers are scaled to 0..1, floats keep their values. */
function readImage(data) {
  const [channels, height, width] = data.pixels.shape;
  return imageOf(decode(data.pixels), LARGEST_VALUE[data.pixels.type], channels, height, width);
}

/** Return pixels as maps. Integers from 0 to `largest` are kept beside their values in 0..1; floats have the `largest`
    value 1. */
function imageOf(pixels, largest, channels, height, width) {
  if (largest === 1) return { channels, height, width, values: pixels };
  const values = new Float32Array(pixels);
  for (let index = 0; index < values.length; index++) values[index] /= largest;
  return { channels, height, width, values, integers: pixels, largest };
}
