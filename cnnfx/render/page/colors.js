/* Values to levels and colors, by the same linear scales and color tables as the pictures that cnnfx writes. */

/** Return the smallest and largest finite value of each channel (0 if there are none), and the position of the largest.
    */
function channelRanges(maps) {
  const size = maps.height * maps.width;
  return Array.from({ length: maps.channels }, (_, channel) => {
    let low = Infinity;
    let high = -Infinity;
    let peak = 0;
    for (let pixel = 0; pixel < size; pixel++) {
      const value = maps.values[channel * size + pixel];
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) {
        high = value;
        peak = pixel;
      }
    }
    const found = low <= high;
    return {
      low: found ? low : 0,
      high: found ? high : 0,
      row: Math.floor(peak / maps.width),
      column: peak % maps.width,
    };
  });
}

/** Return the linear scale, level = scale · value + offset, of a normalization for values between low and high. */
function linearScale(normalization, low, high, nonNegative = false) {
  const largest = Math.max(Math.abs(low), Math.abs(high));
  if (normalization === "auto" && nonNegative) return { scale: ratio(255, largest), offset: 0 };
  if (normalization === "auto" || normalization === "signed") return { scale: ratio(127.5, largest), offset: 127.5 };
  if (normalization === "positive") return { scale: ratio(255, Math.max(high, 0)), offset: 0 };
  if (normalization === "absolute") return { scale: ratio(255, largest), offset: 0, magnitude: true };
  if (normalization === "none") return { scale: 255, offset: 0 };
  const scale = ratio(255, high - low); // minmax
  return { scale, offset: -low * scale };
}

const LARGEST_FLOAT32 = 3.4028234663852886e38;

/** Return span / extent, or 0 if the extent is 0 or the quotient would overflow. */
function ratio(span, extent) {
  return extent > span / LARGEST_FLOAT32 ? span / extent : 0;
}

/** Return the level 0..255 of a value; NaN becomes 0. Each step is rounded to float32, as in the pictures. */
function levelOf({ scale, offset, magnitude }, value) {
  const scaled = Math.fround(value * Math.fround(scale));
  const shifted = Math.fround((magnitude ? Math.abs(scaled) : scaled) + Math.fround(offset + 0.5));
  return shifted > 0 ? Math.floor(Math.min(shifted, 255.5)) : 0;
}

/** Return the linear scale of each channel of a layer's maps: by its own range, by that of all channels, or by fixed
    limits. `nonNegative` says of each channel whether it cannot be negative. */
function linearScales(maps, ranges, colorScale, nonNegative) {
  const { normalize, scope, clip, limits } = colorScale;
  if (Array.isArray(limits)) {
    return nonNegative.map(() => linearScale(normalize === "auto" ? "minmax" : normalize, ...limits));
  }
  if (limits !== null) return nonNegative.map((only) => channelScale(colorScale, only ? 0 : -limits, limits, only));
  let drawn = clip === null ? ranges : clippedRanges(maps, ranges, colorScale);
  if (scope === "all") {
    const low = Math.min(...drawn.map((range) => range.low));
    const high = Math.max(...drawn.map((range) => range.high));
    drawn = drawn.map(() => ({ low, high }));
  }
  return drawn.map(({ low, high }, channel) => channelScale(colorScale, low, high, nonNegative[channel]));
}

/** Return the scale of a channel whose values are drawn from `low` to `high`. */
function channelScale({ normalize, colormap }, low, high, nonNegative) {
  return linearScale(normalize, low, high, nonNegative && colormap !== "diverging");
}

/** Return the range of each channel up to the percentile `clip`; the whole range if the percentile is 0. */
function clippedRanges(maps, ranges, { normalize, scope, clip }) {
  const size = maps.height * maps.width;
  const magnitudes = normalize !== "minmax" && normalize !== "positive";
  const sorted = (values) => {
    const finite = values.filter(Number.isFinite);
    return (magnitudes ? finite.map(Math.abs) : finite).sort();
  };
  const all = scope === "all" ? sorted(maps.values) : null;
  const channels = all
    ? ranges.map(() => all)
    : ranges.map((_, channel) => sorted(maps.values.subarray(channel * size, (channel + 1) * size)));
  return channels.map((values, channel) => {
    const high = percentile(values, clip);
    if (normalize === "minmax") return { low: percentile(values, 100 - clip), high };
    return high > 0 ? { low: -high, high } : ranges[channel];
  });
}

/** Return a percentile of sorted values, interpolated linearly; 0 if there are none. */
function percentile(sorted, percentage) {
  if (!sorted.length) return 0;
  const rank = ((sorted.length - 1) * percentage) / 100;
  const below = sorted[Math.floor(rank)];
  return below + (sorted[Math.ceil(rank)] - below) * (rank - Math.floor(rank));
}

/** Return red, green and blue, 0..255, as the 32-bit number of a canvas pixel. */
function packColor(red, green, blue) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Return a table of 256 packed colors from 768 bytes. */
function colorTable(bytes) {
  return Uint32Array.from({ length: 256 }, (_, index) => packColor(...bytes.subarray(3 * index, 3 * index + 3)));
}

const NONFINITE_COLOR = packColor(255, 0, 255); // of NaN and infinity, as in the pictures

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

/** Return the packed color of a value in a table of colors. */
function colorOf(scale, value, table) {
  return Number.isFinite(value) ? table[levelOf(scale, value)] : NONFINITE_COLOR;
}

/** Return one channel of maps as a canvas. */
function drawMap(maps, channel, scale, table) {
  const start = channel * maps.height * maps.width;
  const { values } = maps;
  return drawPixels(maps.width, maps.height, (index) => colorOf(scale, values[start + index], table));
}

/** Return the linear scale of the input: 0..1 for pictures, from the smallest to the largest value for arrays. */
function inputScale(image, isArray) {
  if (!isArray) return linearScale("none", 0, 1);
  const ranges = channelRanges(image); // the range includes 0, as in the pictures
  return linearScale(
    "minmax",
    Math.min(0, ...ranges.map(({ low }) => low)),
    Math.max(0, ...ranges.map(({ high }) => high)),
  );
}

/** Return the input as a canvas: in color if it is a picture of three channels, otherwise the mean of its channels. */
function drawInput(image, isArray) {
  const size = image.height * image.width;
  const scale = inputScale(image, isArray);
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
