/* Reading the data of the page: base64 to typed arrays, the network, the image.

   Maps are objects { channels, height, width, values }; values is a Float32Array in the order channel, row, column. */

const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };
const LARGEST_VALUE = { uint8: 255, uint16: 65535, float32: 1 };

/** Return the numbers of { type, shape, data }: little-endian bytes in base64. */
function decode(packed) {
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = text.charCodeAt(index);
  return new ARRAY_TYPES[packed.type](bytes.buffer);
}

/** Return the network with decoded weights and biases. */
function readNetwork(data) {
  const { head } = data;
  return {
    ...data,
    layers: data.layers.map(readLayer),
    head: head && { ...head, weights: decode(head.weights), bias: decode(head.bias) },
  };
}

/** Return a layer with decoded arrays. Its `inputs` are the names of its input channels; its `shape` is [filters, input
    channels of a group, kernel rows, kernel columns]; `outputs` has { name, kind, of } for each output channel, `of`
    being the filters that it is computed from; `pool` is null or { kind, size }. */
function readLayer(data) {
  const outputs = data.combine.length
    ? data.combine
    : data.filters.map((name, index) => ({ name, kind: "take", of: [index] }));
  const [kind, size] = data.pool ? data.pool.split(":") : [];
  const pool = data.pool ? { kind, size: Number(size) } : null;
  return { ...data, outputs, pool, shape: data.weights.shape, weights: decode(data.weights), bias: decode(data.bias) };
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
