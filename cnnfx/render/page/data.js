/* From the data of this page to numbers: base64 to typed arrays, a network, an image.

   Maps are everywhere { channels, height, width, values }, where values is a Float32Array in the order
   channel, row, column. */

const KINDS = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };

/** The numbers of { type, shape, data }, little-endian as the file holds them. */
function decode(packed) {
  const text = atob(packed.data), bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return new KINDS[packed.type](bytes.buffer);
}

/** The network with its weights and biases as arrays: `shape` of a layer is (K, C of a group, rows, columns). */
function readNetwork(told) {
  const layers = told.layers.map((layer) => ({
    ...layer, shape: layer.weights.shape, weights: decode(layer.weights), bias: decode(layer.bias),
  }));
  const head = told.head && { ...told.head, weights: decode(told.head.weights), bias: decode(told.head.bias) };
  return { ...told, layers, head };
}

/** The image as maps: whole numbers become 0..1, floats stay as they are. */
function readImage(told) {
  const [channels, height, width] = told.pixels.shape;
  const stored = decode(told.pixels), largest = { uint8: 255, uint16: 65535, float32: 1 }[told.pixels.type];
  const values = largest === 1 ? stored : new Float32Array(stored);
  if (largest > 1) for (let at = 0; at < values.length; at++) values[at] /= largest;
  return { channels, height, width, values };
}
