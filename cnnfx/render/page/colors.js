/* From values to colors, by the same lines and tables as the pictures that cnnfx writes. */

/** Smallest and largest finite value of each channel, 0 and 0 if there are none, and where the largest is. */
function statistics(maps) {
  const size = maps.height * maps.width;
  return Array.from({ length: maps.channels }, (_, channel) => {
    let low = Infinity, high = -Infinity, peak = 0;
    for (let at = 0; at < size; at++) {
      const value = maps.values[channel * size + at];
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) { high = value; peak = at; }
    }
    const found = low <= high;
    return { low: found ? low : 0, high: found ? high : 0, row: Math.floor(peak / maps.width), column: peak % maps.width };
  });
}

/** The line level = scale · value + offset that draws values between low and high in a mode. */
function line(mode, low, high) {
  const largest = Math.max(Math.abs(low), Math.abs(high));
  if (mode === "signed") return { scale: ratio(127.5, largest), offset: 127.5 };
  if (mode === "positive") return { scale: ratio(255, Math.max(high, 0)), offset: 0 };
  if (mode === "absolute") return { scale: ratio(255, largest), offset: 0, magnitude: true };
  if (mode === "none") return { scale: 255, offset: 0 };
  const scale = ratio(255, high - low); // minmax
  return { scale, offset: -low * scale };
}

const LARGEST_FLOAT = 3.4028234663852886e38;

function ratio(span, extent) {
  return extent > span / LARGEST_FLOAT ? span / extent : 0;
}

/** The level 0..255 of a value; NaN is drawn black. All steps are rounded to 32 bits, as in the pictures. */
function level({ scale, offset, magnitude }, value) {
  const scaled = Math.fround(value * Math.fround(scale));
  const moved = Math.fround((magnitude ? Math.abs(scaled) : scaled) + Math.fround(offset + 0.5));
  return moved > 0 ? Math.floor(Math.min(moved, 255.5)) : 0;
}

/** The lines of a layer's channels, each by its own range or all by the range of all. */
function lines(ranges, look) {
  if (look.scope !== "all") return ranges.map(({ low, high }) => line(look.normalize, low, high));
  const low = Math.min(...ranges.map((range) => range.low)), high = Math.max(...ranges.map((range) => range.high));
  return ranges.map(() => line(look.normalize, low, high));
}

/** Red, green and blue, 0..255, as the one number that a canvas holds for a pixel. */
function packed(red, green, blue) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** A table of 256 colors from 768 bytes. */
function colorTable(bytes) {
  return Uint32Array.from({ length: 256 }, (_, index) => packed(...bytes.subarray(3 * index, 3 * index + 3)));
}

const GRAYS = Uint32Array.from({ length: 256 }, (_, gray) => packed(gray, gray, gray));

/** A canvas with one pixel per value; `color(at)` is its packed color. */
function painted(width, height, color) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let at = 0; at < pixels.length; at++) pixels[at] = color(at);
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** One channel of maps as a canvas. */
function paintedMap(maps, channel, drawn, table) {
  const first = channel * maps.height * maps.width, { values } = maps;
  return painted(maps.width, maps.height, (at) => table[level(drawn, values[first + at])]);
}

/** How the image is drawn: as it is if it is a picture, from smallest to largest value if it is data. */
function inputLine(image, isArray) {
  if (!isArray) return line("none", 0, 1);
  const ranges = statistics(image); // 0 is always within, as in the pictures
  return line("minmax", Math.min(0, ...ranges.map(({ low }) => low)), Math.max(0, ...ranges.map(({ high }) => high)));
}

/** The image as a canvas: in color if it is a picture of three channels, else the mean of its channels. */
function paintedInput(image, isArray) {
  const size = image.height * image.width, drawn = inputLine(image, isArray), { values, channels } = image;
  if (channels === 3 && !isArray) {
    return painted(image.width, image.height, (at) =>
      packed(level(drawn, values[at]), level(drawn, values[size + at]), level(drawn, values[2 * size + at])));
  }
  return painted(image.width, image.height, (at) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += values[channel * size + at];
    return GRAYS[level(drawn, sum / channels)];
  });
}

/** A packed color for a style sheet. */
function css(color) {
  return `rgb(${color & 255}, ${(color >> 8) & 255}, ${(color >> 16) & 255})`;
}

/** Dark or light ink, whichever is read more easily on a packed color. */
function inkOn(color) {
  return 0.299 * (color & 255) + 0.587 * ((color >> 8) & 255) + 0.114 * ((color >> 16) & 255) > 140 ? "#111" : "#fff";
}
