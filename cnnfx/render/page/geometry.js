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
    stride, dilation, number of outputs, and the source index of each padded position. Without filters it is that of a
    kernel of 1×1. */
function axisGeometry(layer, axis, length) {
  if (!layer.shape) return { size: 1, stride: 1, dilation: 1, outputs: length, sources: sourceIndexes(length, 0, 0) };
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

/** Return the windows of a pooling along one axis of maps of a length: { size, stride, before, outputs }; without
    pooling, each position is a window. */
function poolWindows(pool, axis, length) {
  if (!pool) return { size: 1, stride: 1, before: 0, outputs: length };
  if (!pool.size) return { size: length, stride: 1, before: 0, outputs: 1 };
  const [size, stride] = [pool.size[axis], pool.stride[axis]];
  const [before, after] = pool.padding[axis];
  const extra = length + before + after - size;
  let outputs = (pool.ceil ? Math.ceil(extra / stride) : Math.floor(extra / stride)) + 1;
  if (pool.ceil && (outputs - 1) * stride >= length + before) outputs--; // it would begin in the padding at the end
  return { size, stride, before, outputs };
}

/** Return the first position of a window and the last, exclusive, without the padding. */
function windowInterval({ size, stride, before }, output, length) {
  const start = output * stride - before;
  return [Math.max(0, start), Math.min(length, start + size)];
}

/** Return the size of the maps of a layer, { height, width }, for a joined input of a size. */
function outputSize(layer, { height, width }) {
  const lengths = [axisGeometry(layer, 0, height).outputs, axisGeometry(layer, 1, width).outputs];
  const [rows, columns] = lengths.map((length, axis) => poolWindows(layer.pool, axis, length).outputs);
  return { height: rows, width: columns };
}

/** Return the size of joined maps of some sizes, null if they do not fit together. Maps of 1×1 pixel that are added or
    multiplied apply to all positions of the others. */
function joinedSize(sizes, join) {
  const large = join === "concat" ? sizes : sizes.filter(({ height, width }) => height > 1 || width > 1);
  const [size] = large.length ? large : sizes;
  return large.every(({ height, width }) => height === size.height && width === size.width) ? size : null;
}

/** Return the sizes of an image and of the maps of each layer, null if a layer has no outputs for such an image. */
function layerSizes(network, { height, width }) {
  const sizes = [{ height, width }];
  for (const layer of network.layers) {
    const input =
      layer &&
      joinedSize(
        layer.sources.map((number) => sizes[number]),
        layer.join,
      );
    const size = input && outputSize(layer, input);
    if (layer && !(size && size.height > 0 && size.width > 0)) return null;
    sizes.push(size);
  }
  return sizes;
}
