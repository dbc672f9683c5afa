/* A drawing preprocessed as MNIST's digits were, with the steps of `cnnfx predict`: cropped to its strokes, scaled so
   that the larger side is 20 pixels, and placed in 28×28 with the center of mass in the middle.

   A drawing is { height, width, values }; 0 is background, 1 is ink. */

const DIGIT_SIDE = 28; // pixels
const STROKES_SIDE = 20; // pixels of the larger side of the strokes in a digit
const CENTER_OF_MASS = 14.5; // pixels from the top and left
const MIN_INK = 0.2; // share of the brightest pixel; darker pixels are background

/** Return the drawing as a digit of 28×28, or null if it is empty. */
function fitDigit(drawing) {
  const strokes = extractStrokes(drawing);
  const box = boundingBox(strokes);
  if (!box) return null;
  const factor = STROKES_SIDE / Math.max(box.height, box.width);
  const height = Math.max(1, roundHalfEven(box.height * factor));
  const width = Math.max(1, roundHalfEven(box.width * factor));
  return placeCentered(stretchContrast(resize(crop(strokes, box), height, width, factor < 0.5 ? BOX : BICUBIC)));
}

/** Return the drawing resized for a model of other images than digits, in steps of 1/255 as its training images. */
function fitDrawing(drawing, height, width) {
  const { values } = resize(drawing, height, width, BILINEAR);
  return {
    channels: 1,
    height,
    width,
    values: values.map((value) => roundHalfEven(255 * Math.min(1, Math.max(0, value))) / 255),
  };
}

/** Return the drawing with 1 as its brightest value, and pixels below MIN_INK set to 0. */
function extractStrokes(drawing) {
  const largest = drawing.values.reduce((most, value) => Math.max(most, value), 0) || 1;
  return { ...drawing, values: drawing.values.map((value) => (value / largest < MIN_INK ? 0 : value / largest)) };
}

/** Return the smallest rectangle that contains all ink; null if there is none. */
function boundingBox({ height, width, values }) {
  let top = height;
  let left = width;
  let bottom = -1;
  let right = -1;
  values.forEach((value, index) => {
    if (value < MIN_INK) return;
    const row = Math.floor(index / width);
    const column = index % width;
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  });
  return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
}

function crop({ width, values }, box) {
  const result = new Float32Array(box.height * box.width).map(
    (_, index) => values[(box.top + Math.floor(index / box.width)) * width + box.left + (index % box.width)],
  );
  return { height: box.height, width: box.width, values: result };
}

/** Return values clipped to 0..1, then divided by the largest. */
function stretchContrast(drawing) {
  const clipped = drawing.values.map((value) => Math.min(1, Math.max(0, value)));
  const largest = clipped.reduce((most, value) => Math.max(most, value), 0);
  return { ...drawing, values: clipped.map((value) => value / largest) };
}

/** Return the strokes in 28×28 with the center of mass as close to the middle as whole pixels and the edges allow. */
function placeCentered({ height, width, values }) {
  let mass = 0;
  let rowMoment = 0;
  let columnMoment = 0;
  values.forEach((value, index) => {
    mass += value;
    rowMoment += value * (Math.floor(index / width) + 0.5);
    columnMoment += value * ((index % width) + 0.5);
  });
  const top = Math.min(Math.max(roundHalfEven(CENTER_OF_MASS - rowMoment / mass), 0), DIGIT_SIDE - height);
  const left = Math.min(Math.max(roundHalfEven(CENTER_OF_MASS - columnMoment / mass), 0), DIGIT_SIDE - width);
  const digit = new Float32Array(DIGIT_SIDE * DIGIT_SIDE);
  values.forEach((value, index) => {
    digit[(top + Math.floor(index / width)) * DIGIT_SIDE + left + (index % width)] = value;
  });
  return { channels: 1, height: DIGIT_SIDE, width: DIGIT_SIDE, values: digit };
}

/** Round to the nearest integer, halves to the even one, as Python's `round` does. */
function roundHalfEven(number) {
  const floor = Math.floor(number);
  if (number - floor !== 0.5) return Math.round(number);
  return floor % 2 ? floor + 1 : floor;
}

/* Resampling as in Pillow: each output pixel is a weighted mean of the input pixels within `radius` of its position.
   The filter gets wider by the scale factor when the image shrinks. Bicubic: Keys, 1981, "Cubic convolution
   interpolation", a = -1/2. */
const BOX = { radius: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
const BILINEAR = { radius: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
const BICUBIC = {
  radius: 2,
  weight: (x) => {
    const d = Math.abs(x);
    if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
    return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
  },
};

/** Return the drawing with another height and width. */
function resize({ height, width, values }, newHeight, newWidth, filter) {
  const resizedRows = resizeRows(values, height, width, newWidth, filter);
  const columns = transpose(resizedRows, height, newWidth);
  const resizedColumns = resizeRows(columns, newWidth, height, newHeight, filter);
  return { height: newHeight, width: newWidth, values: transpose(resizedColumns, newWidth, newHeight) };
}

function resizeRows(values, rows, length, newLength, filter) {
  const result = new Float32Array(rows * newLength);
  for (let output = 0; output < newLength; output++) {
    const { first, weights } = resamplingWeights(output, length, newLength, filter);
    for (let row = 0; row < rows; row++) {
      result[row * newLength + output] = weights.reduce(
        (sum, weight, k) => sum + weight * values[row * length + first + k],
        0,
      );
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
