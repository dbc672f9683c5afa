/* Levels to colors, and pictures of maps, inputs and weights. */

/** Return red, green and blue, 0..255, as the 32-bit number of a canvas pixel. */
function packColor(red, green, blue) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Return a table of packed colors from three bytes for each. */
function colorTable(bytes) {
  const color = (index) => packColor(bytes[3 * index], bytes[3 * index + 1], bytes[3 * index + 2]);
  return Uint32Array.from({ length: bytes.length / 3 }, (_, index) => color(index));
}

const GRAYS = Uint32Array.from({ length: 256 }, (_, level) => packColor(level, level, level));

/** Return a canvas whose pixels have the packed colors `color(index)`. */
function drawPixels(width, height, color) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let index = 0; index < pixels.length; index++) pixels[index] = color(index);
  context.putImageData(picture, 0, 0);
  return canvas;
}

const NONFINITE_COLOR = packColor(255, 0, 255); // of NaN and infinity, as in the pictures

/** Return the packed color of a value in a table of colors. */
function colorOf(scale, value, table) {
  return Number.isFinite(value) ? table[levelOf(scale, value)] : NONFINITE_COLOR;
}

/** Return one channel of maps as a canvas. */
function drawMap(maps, channel, scale, table) {
  const start = channel * maps.height * maps.width;
  return drawPixels(maps.width, maps.height, (index) => colorOf(scale, maps.values[start + index], table));
}

/** Return the linear scale of the input: 0..1, or from the smallest to the largest value if it has a range of its own.
 */
function inputScale(image, hasOwnRange) {
  if (!hasOwnRange) return linearScale("none", 0, 1);
  const ranges = channelRanges(image);
  return linearScale("minmax", Math.min(...ranges.map(({ low }) => low)), Math.max(...ranges.map(({ high }) => high)));
}

/** Return the input as a canvas: in color if it is a picture of three channels, otherwise the mean of its channels. */
function drawInput(image, isArray, hasOwnRange) {
  const size = image.height * image.width;
  const scale = inputScale(image, hasOwnRange);
  const { values, channels } = image;
  if (channels === 3 && !isArray) {
    return drawPixels(image.width, image.height, (index) =>
      packColor(
        levelOf(scale, values[index]),
        levelOf(scale, values[size + index]),
        levelOf(scale, values[2 * size + index]),
      ),
    );
  }
  return drawPixels(image.width, image.height, (index) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += values[channel * size + index];
    return colorOf(scale, sum / channels, GRAYS);
  });
}

/** Return a function from weights or products to gray: 0 is mid-gray, the largest magnitude black or white. */
function signedGrays(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = linearScale("signed", -largest, largest);
  return (value) => GRAYS[levelOf(scale, value)];
}

/** Return a packed color in CSS notation. */
function cssColor(color) {
  return `rgb(${color & 255}, ${(color >> 8) & 255}, ${(color >> 16) & 255})`;
}

const LIGHT_LUMINANCE = 140; // text is dark on colors above this luminance, 0..255 (ITU-R BT.601)

/** Return the text color, dark or light, that is readable on a packed color. */
function textColorOn(color) {
  const luminance = 0.299 * (color & 255) + 0.587 * ((color >> 8) & 255) + 0.114 * ((color >> 16) & 255);
  return luminance > LIGHT_LUMINANCE ? "#111" : "#fff";
}
