/* Padding, and which input pixels each output of a layer reads. */

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

/** Return the input channel of a slice of a filter: the filters of a group read the channels of that group only. */
function inputChannel(layer, filter, slice) {
  const [count, depth] = layer.shape;
  return Math.floor((filter * layer.groups) / count) * depth + slice;
}

/** Return the weights of one slice of a filter, a view of the layer's weights. */
function kernelOf({ shape: [, depth, height, width], weights }, filter, slice) {
  const start = (filter * depth + slice) * height * width;
  return weights.subarray(start, start + height * width);
}

/** Return whether a filter reads the channel of a slice: whether a weight of its kernel is not 0. */
function isConnected(layer, filter, slice) {
  return kernelOf(layer, filter, slice).some((weight) => weight !== 0);
}

/** Return whether every layer has outputs for an image of this size. */
function fitsLayers(network, { height, width }) {
  for (const layer of network.layers) {
    const size = layer.pool ? layer.pool.size : 1;
    const [rows, columns] = [axisGeometry(layer, 0, height), axisGeometry(layer, 1, width)];
    height = Math.floor(rows.outputs / size);
    width = Math.floor(columns.outputs / size);
    if (height < 1 || width < 1) return false;
  }
  return true;
}
