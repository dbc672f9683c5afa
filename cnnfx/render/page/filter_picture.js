/* Small pictures of filters: 0 is mid-gray, the largest magnitude black or white. */

const MAX_KERNEL_COLUMNS = 4; // kernels in one row; those of deeper filters are arranged in a rectangle
const FILTER_PICTURE_WIDTH = 84; // CSS pixels
const FILTER_PICTURE_HEIGHT = 42; // CSS pixels
const MAX_WEIGHT_SIDE = 12; // CSS pixels
const MIN_KERNEL_SIDE = 12; // CSS pixels; filters whose kernels would be smaller are not drawn

/** Return the kernels of a filter as one small picture in an array, which is empty if the kernels would be too small to
    be recognized. */
function filterPicture(layer, filter) {
  const [, , height, width] = layer.shape;
  const slices = readsColors(layer) ? [0] : connectedSlices(layer, filter);
  const columns = slices.length <= MAX_KERNEL_COLUMNS ? slices.length : Math.ceil(Math.sqrt(slices.length * 1.4));
  const rows = Math.ceil(slices.length / columns);
  const [fullWidth, fullHeight] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
  const fitting = Math.min(FILTER_PICTURE_WIDTH / fullWidth, FILTER_PICTURE_HEIGHT / fullHeight, MAX_WEIGHT_SIDE);
  const scale = fitting < 1 ? fitting : Math.floor(fitting);
  if (Math.max(width, height) * scale < MIN_KERNEL_SIDE) return [];
  const weights = kernelsOf(layer, filter);
  const color = readsColors(layer) ? weightColors(weights) : weightGrays(weights);
  const canvas = drawPixels(fullWidth, fullHeight, (index) => {
    const x = index % fullWidth;
    const y = Math.floor(index / fullWidth);
    const slice = slices[Math.floor(y / (height + 1)) * columns + Math.floor(x / (width + 1))];
    const i = y % (height + 1);
    const j = x % (width + 1);
    const isGap = i === height || j === width || slice === undefined;
    return isGap ? 0 : color((slice * height + i) * width + j); // 0 is transparent
  });
  canvas.className = slices.length > 1 ? "kernel many" : "kernel";
  canvas.style.width = `${fullWidth * scale}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", filterText(layer, filter, weights));
  return [canvas];
}

/** Return whether a layer's filters read red, green and blue: then they are drawn in color. */
function readsColors({ inputs, shape }) {
  return shape[1] === 3 && inputs.join() === "red,green,blue";
}

/** Return the slices of the channels that a filter reads; the first one if all its weights are 0. */
function connectedSlices(layer, filter) {
  const slices = Array.from({ length: layer.shape[1] }, (_, slice) => slice);
  const connected = slices.filter((slice) => isConnected(layer, filter, slice));
  return connected.length ? connected : [0];
}

/** Return a function from the index of a weight to its gray. */
function weightGrays(weights) {
  const gray = signedGrays(weights);
  return (index) => gray(weights[index]);
}

/** Return a function from the index of a weight of the first kernel to the color of the weights on red, green and blue
    at its position. */
function weightColors(weights) {
  const size = weights.length / 3;
  const gray = signedGrays(weights);
  const level = (index) => gray(weights[index]) & 255;
  return (index) => packColor(level(index), level(size + index), level(2 * size + index));
}

/** Return the weights of all kernels of a filter. */
function kernelsOf({ shape: [, depth, height, width], weights }, filter) {
  const size = depth * height * width;
  return weights.subarray(filter * size, (filter + 1) * size);
}

/** Return the weights of a filter as text for screen readers. */
function filterText(layer, filter, weights) {
  const [, depth, height, width] = layer.shape;
  const name = `Filter ${layer.filters[filter]}`;
  if (weights.length > MAX_NUMBER_CELLS)
    return `${name}: ${width}×${height} weights on ${depth} channel${depth > 1 ? "s" : ""}`;
  const rows = Array.from({ length: depth * height }, (_, row) =>
    Array.from(weights.subarray(row * width, (row + 1) * width), (weight) => numberText(weight, 3)).join(" "),
  );
  return `${name}: ${rows.join("; ")}`;
}

const KERNEL_PICTURE_SIDE = 36; // CSS pixels

/** Return one kernel of a filter as a picture, in the colors of the whole filter. */
function kernelPicture(layer, filter, slice) {
  const [, , height, width] = layer.shape;
  const color = signedGrays(kernelsOf(layer, filter));
  const kernel = kernelOf(layer, filter, slice);
  const canvas = drawPixels(width, height, (index) => color(kernel[index]));
  canvas.className = "kernel";
  canvas.style.width = `${(KERNEL_PICTURE_SIDE * width) / Math.max(width, height)}px`;
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
