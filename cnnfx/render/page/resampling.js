/* Resampling of images as in Pillow: each output pixel is a weighted mean of the input pixels within `radius` of its
   position. The filter gets wider by the scale factor when the image shrinks. Bicubic: Keys, 1981, "Cubic convolution
   interpolation", a = -1/2. */

const BOX = { radius: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
const BILINEAR = { radius: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
const HAMMING = {
  radius: 1,
  weight: (x) => {
    if (x === 0) return 1;
    return Math.abs(x) < 1 ? (Math.sin(Math.PI * x) / (Math.PI * x)) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0;
  },
};
const BICUBIC = {
  radius: 2,
  weight: (x) => {
    const d = Math.abs(x);
    if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
    return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
  },
};

/** Return an image { height, width, values } of one channel with another height and width.

    `round` is applied to the values after the rows and after the columns are resized, as Pillow rounds integers. */
function resize({ height, width, values }, newHeight, newWidth, filter, round = (value) => value) {
  const resizedRows = resizeRows(values, height, width, newWidth, filter).map(round);
  const columns = transpose(resizedRows, height, newWidth);
  const resizedColumns = resizeRows(columns, newWidth, height, newHeight, filter).map(round);
  return { height: newHeight, width: newWidth, values: transpose(resizedColumns, newWidth, newHeight) };
}

function resizeRows(values, rows, length, newLength, filter) {
  const result = new Float32Array(rows * newLength);
  for (let output = 0; output < newLength; output++) {
    const { first, weights } = resamplingWeights(output, length, newLength, filter);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * values[row * length + first + k];
      result[row * newLength + output] = sum;
    }
  }
  return result;
}

/** Return the first input pixel of an output pixel, and the weights of the pixels from there on, with sum 1. */
function resamplingWeights(output, length, newLength, filter) {
  const scale = length / newLength;
  const stretch = Math.max(scale, 1);
  const center = (output + 0.5) * scale;
  const radius = filter.radius * stretch;
  const first = Math.max(0, Math.trunc(center - radius + 0.5));
  const last = Math.min(length, Math.trunc(center + radius + 0.5));
  const weights = Array.from({ length: last - first }, (_, k) => filter.weight((first + k - center + 0.5) / stretch));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { first, weights: weights.map((weight) => weight / sum) };
}

function transpose(values, rows, columns) {
  return new Float32Array(values.length).map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]);
}

/** Round to the nearest integer, halves to the even one, as Python's `round` does. */
function roundHalfEven(number) {
  const floor = Math.floor(number);
  if (number - floor !== 0.5) return Math.round(number);
  return floor % 2 ? floor + 1 : floor;
}
