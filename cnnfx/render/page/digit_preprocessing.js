/* Images preprocessed for a model as in `cnnfx predict`.

   Digits become images like MNIST's: cropped to the strokes, scaled so that the larger side is 20 pixels, and placed in
   28×28 with the center of mass in the middle. An image is { height, width, values }, with values in 0..1. */

const DIGIT_SIDE = 28; // pixels
const STROKES_SIDE = 20; // pixels of the larger side of the strokes in a digit
const CENTER_OF_MASS = 14.5; // pixels from the top and left
const MIN_INK = 0.2; // share of the brightest pixel; darker pixels are background
const MIN_CONTRAST = 0.03; // least difference of the brightest and the darkest pixel of an image of a digit
const MAX_SIDE_ERROR = 2; // pixels by which the strokes of an image that is not changed may differ from STROKES_SIDE
const MAX_CENTER_ERROR = 1.5; // pixels from CENTER_OF_MASS in an image that is not changed
const MIN_VISIBLE = 0.1; // least level of a pixel in the box of an image that is not changed
const MIN_BRIGHTEST = 0.5; // least level of the brightest pixel of an image that is not changed

/** Return { digit, notes }: the image as a digit of 28×28, and its changes in words; null if it has no contrast. */
function fitDigit(image) {
  const { low, high } = rangeOf(image.values);
  if (high - low < MIN_CONTRAST) return null;
  const { strokes, isDark } = extractStrokes(image);
  const isOfSize = image.height === DIGIT_SIDE && image.width === DIGIT_SIDE;
  if (isOfSize && !isDark && isFitted(image)) return { digit: { ...image, channels: 1 }, notes: [] };
  const box = boundingBox(strokes);
  const factor = STROKES_SIDE / Math.max(box.height, box.width);
  const height = Math.max(1, roundHalfEven(box.height * factor));
  const width = Math.max(1, roundHalfEven(box.width * factor));
  const scaled = resize(crop(strokes, box), height, width, factor < 0.5 ? BOX : BICUBIC);
  const notes = isDark ? ["dark on light: inverted"] : [];
  if (!isOfSize)
    notes.push(`fitted from ${image.width}×${image.height} to ${DIGIT_SIDE}×${DIGIT_SIDE}, as MNIST was made`);
  return { digit: placeCentered(stretchContrast(scaled)), notes };
}

/** Return the image resized for a model of other images than digits, in steps of 1/255 as its training images. */
function fitImage(image, height, width) {
  const { values } = resize(image, height, width, BILINEAR);
  return {
    channels: 1,
    height,
    width,
    values: values.map((value) => roundHalfEven(255 * Math.min(1, Math.max(0, value))) / 255),
  };
}

/** Return the smallest and the largest value. */
function rangeOf(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/** Return the strokes in 0..1 on a background of 0, and whether they are darker than the background, which is the
    median of the image's border. */
function extractStrokes({ height, width, values }) {
  const background = median(borderOf({ height, width, values }));
  const { low, high } = rangeOf(values);
  const isDark = high - background < background - low;
  const contrast = isDark ? background - low : high - background;
  const strokes = values.map((value) => {
    const share = Math.fround((isDark ? background - value : value - background) / contrast);
    return share < MIN_INK ? 0 : share;
  });
  return { strokes: { height, width, values: strokes }, isDark };
}

/** Return the first and last row, and the first and last column. */
function borderOf({ height, width, values }) {
  const rows = [...values.subarray(0, width), ...values.subarray((height - 1) * width)];
  const columns = Array.from({ length: height }, (_, row) => [values[row * width], values[(row + 1) * width - 1]]);
  return [...rows, ...columns.flat()];
}

function median(values) {
  const sorted = values.sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** Return whether an image of 28×28 already is like MNIST's, within tolerances. */
function isFitted(image) {
  const { low, high } = rangeOf(image.values);
  if (low !== 0 || high < MIN_BRIGHTEST) return false;
  const { top, left, height, width } = boundingBox(image, MIN_VISIBLE);
  const { row, column } = centerOfMass(image);
  const isCentered = (error, first, size) =>
    Math.abs(error) <= MAX_CENTER_ERROR || (error > 0 ? first === 0 : first + size === DIGIT_SIDE);
  return (
    Math.abs(Math.max(height, width) - STROKES_SIDE) <= MAX_SIDE_ERROR &&
    isCentered(row - CENTER_OF_MASS, top, height) &&
    isCentered(column - CENTER_OF_MASS, left, width)
  );
}

/** Return the smallest rectangle that contains all ink, the pixels of at least a level. */
function boundingBox({ height, width, values }, level = MIN_INK) {
  let top = height;
  let left = width;
  let bottom = -1;
  let right = -1;
  values.forEach((value, index) => {
    if (value < level) return;
    const row = Math.floor(index / width);
    const column = index % width;
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  });
  return { top, left, height: bottom - top + 1, width: right - left + 1 };
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
  const center = centerOfMass({ height, width, values });
  const top = Math.min(Math.max(roundHalfEven(CENTER_OF_MASS - center.row), 0), DIGIT_SIDE - height);
  const left = Math.min(Math.max(roundHalfEven(CENTER_OF_MASS - center.column), 0), DIGIT_SIDE - width);
  const digit = new Float32Array(DIGIT_SIDE * DIGIT_SIDE);
  values.forEach((value, index) => {
    digit[(top + Math.floor(index / width)) * DIGIT_SIDE + left + (index % width)] = value;
  });
  return { channels: 1, height: DIGIT_SIDE, width: DIGIT_SIDE, values: digit };
}

/** Return the center of mass; the centers of pixels have half-integer coordinates. */
function centerOfMass({ width, values }) {
  let mass = 0;
  let row = 0;
  let column = 0;
  values.forEach((value, index) => {
    mass += value;
    row += value * (Math.floor(index / width) + 0.5);
    column += value * ((index % width) + 0.5);
  });
  return { row: row / mass, column: column / mass };
}
