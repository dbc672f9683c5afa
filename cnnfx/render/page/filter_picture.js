/* Small pictures of filters: 0 is mid-gray, the largest magnitude black or white. */

const MAX_KERNEL_COLUMNS = 4; // kernels in one row; those of deeper filters are arranged in a rectangle
const FILTER_PICTURE_WIDTH = 84; // CSS pixels
const FILTER_PICTURE_HEIGHT = 42; // CSS pixels
const MAX_WEIGHT_SIDE = 12; // CSS pixels
const MIN_KERNEL_SIDE = 12; // CSS pixels; filters whose kernels would be smaller are not drawn

/** Return the kernels of a filter as one small picture in an array, which is empty if the kernels would be too small to
    be recognized. */
function filterPicture(layer, filter) {
  const [, depth, height, width] = layer.shape;
  const slices = Array.from({ length: depth }, (_, slice) => slice).filter((slice) => isConnected(layer, filter, slice));
  if (!slices.length) slices.push(0);
  const columns = slices.length <= MAX_KERNEL_COLUMNS ? slices.length : Math.ceil(Math.sqrt(slices.length * 1.4));
  const rows = Math.ceil(slices.length / columns);
  const [fullWidth, fullHeight] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
  const fitting = Math.min(FILTER_PICTURE_WIDTH / fullWidth, FILTER_PICTURE_HEIGHT / fullHeight, MAX_WEIGHT_SIDE);
  const scale = fitting < 1 ? fitting : Math.floor(fitting);
  if (Math.max(width, height) * scale < MIN_KERNEL_SIDE) return [];
  const weights = kernelsOf(layer, filter);
  const color = signedGrays(weights);
  const canvas = drawPixels(fullWidth, fullHeight, (index) => {
    const x = index % fullWidth;
    const y = Math.floor(index / fullWidth);
    const slice = slices[Math.floor(y / (height + 1)) * columns + Math.floor(x / (width + 1))];
    const i = y % (height + 1);
    const j = x % (width + 1);
    const isGap = i === height || j === width || slice === undefined;
    return isGap ? 0 : color(weights[(slice * height + i) * width + j]); // 0 is transparent
  });
  canvas.className = slices.length > 1 ? "kernel many" : "kernel";
  canvas.style.width = `${fullWidth * scale}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", filterText(layer, filter, weights));
  return [canvas];
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
