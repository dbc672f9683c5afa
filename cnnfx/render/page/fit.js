/* A drawing made as MNIST's digits were, by the steps of `cnnfx predict`: cropped, scaled to 20 pixels on the larger
   side, its center of mass in the middle of 28×28. Planes are { height, width, values }, 0 ground, 1 ink. */

const SIDE = 28, BOX = 20, MIDDLE = 14.5, INK = 0.2;

/** The drawing fitted into 28×28, or null if there is nothing drawn. */
function fitDigit(plane) {
  const strokes = inked(plane), box = inkBox(strokes);
  if (!box) return null;
  const factor = BOX / Math.max(box.height, box.width);
  const height = Math.max(1, roundEven(box.height * factor)), width = Math.max(1, roundEven(box.width * factor));
  return centerd(brightest(resized(cropped(strokes, box), height, width, factor < 0.5 ? BOXES : BICUBIC)));
}

/** The drawing in the size that a model of other classes has learned on, in steps of 1/255 as its images were. */
function fitPlain(plane, height, width) {
  const { values } = resized(plane, height, width, BILINEAR);
  return { channels: 1, height, width, values: values.map((value) => roundEven(255 * Math.min(1, Math.max(0, value))) / 255) };
}

/** The strokes, of which the brightest is 1, without what is too faint to be ink. */
function inked(plane) {
  const largest = plane.values.reduce((most, value) => Math.max(most, value), 0) || 1;
  return { ...plane, values: plane.values.map((value) => (value / largest < INK ? 0 : value / largest)) };
}

/** The rows and columns from the first to the last that hold ink; null if none does. */
function inkBox({ height, width, values }) {
  let top = height, left = width, bottom = -1, right = -1;
  values.forEach((value, at) => {
    if (value < INK) return;
    const row = Math.floor(at / width), column = at % width;
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  });
  return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
}

function cropped({ width, values }, box) {
  const result = new Float32Array(box.height * box.width).map((_, at) =>
    values[(box.top + Math.floor(at / box.width)) * width + box.left + (at % box.width)]);
  return { height: box.height, width: box.width, values: result };
}

function brightest(plane) {
  const clipped = plane.values.map((value) => Math.min(1, Math.max(0, value)));
  const largest = clipped.reduce((most, value) => Math.max(most, value), 0);
  return { ...plane, values: clipped.map((value) => value / largest) };
}

/** The strokes in 28×28, their center of mass as near the middle as whole pixels and the frame let. */
function centerd({ height, width, values }) {
  let mass = 0, down = 0, across = 0;
  values.forEach((value, at) => {
    mass += value;
    down += value * (Math.floor(at / width) + 0.5);
    across += value * ((at % width) + 0.5);
  });
  const top = Math.min(Math.max(roundEven(MIDDLE - down / mass), 0), SIDE - height);
  const left = Math.min(Math.max(roundEven(MIDDLE - across / mass), 0), SIDE - width);
  const digit = new Float32Array(SIDE * SIDE);
  values.forEach((value, at) => { digit[(top + Math.floor(at / width)) * SIDE + left + (at % width)] = value; });
  return { channels: 1, height: SIDE, width: SIDE, values: digit };
}

/** A half is rounded to the even neighbor. */
function roundEven(number) {
  const down = Math.floor(number);
  if (number - down !== 0.5) return Math.round(number);
  return down % 2 ? down + 1 : down;
}

/* Resampling: each new pixel is a mean of those around its place, weighted by a filter that is as wide as the new
   pixel where the picture shrinks. Keys, 1981, "Cubic convolution interpolation", with a = -1/2. */
const BOXES = { reach: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
const BILINEAR = { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
const BICUBIC = {
  reach: 2,
  weight: (x) => {
    const d = Math.abs(x);
    if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
    return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
  },
};

/** A plane with other numbers of rows and columns: columns first, then rows. */
function resized({ height, width, values }, newHeight, newWidth, filter) {
  const wide = resizedRows(values, height, width, newWidth, filter);
  const turned = transposed(wide, height, newWidth);
  const low = resizedRows(turned, newWidth, height, newHeight, filter);
  return { height: newHeight, width: newWidth, values: transposed(low, newWidth, newHeight) };
}

function resizedRows(values, rows, length, wanted, filter) {
  const result = new Float32Array(rows * wanted);
  for (let to = 0; to < wanted; to++) {
    const { first, weights } = taps(to, length, wanted, filter);
    for (let row = 0; row < rows; row++) {
      result[row * wanted + to] = weights.reduce((sum, weight, k) => sum + weight * values[row * length + first + k], 0);
    }
  }
  return result;
}

/** The pixels that a new pixel is made from, and their weights, which add up to 1. */
function taps(to, length, wanted, filter) {
  const scale = length / wanted, wide = Math.max(scale, 1), center = (to + 0.5) * scale, reach = filter.reach * wide;
  const first = Math.max(0, Math.trunc(center - reach + 0.5)), last = Math.min(length, Math.trunc(center + reach + 0.5));
  const weights = Array.from({ length: last - first }, (_, k) => filter.weight((first + k - center + 0.5) / wide));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { first, weights: weights.map((weight) => weight / sum) };
}

function transposed(values, rows, columns) {
  return new Float32Array(values.length).map((_, at) => values[(at % rows) * columns + Math.floor(at / rows)]);
}
