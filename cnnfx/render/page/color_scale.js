/* Values to levels 0..255, by the same linear scales as the pictures that cnnfx writes.

   A color scale is { normalize, scope, colormap, clip, limits }, as `ColorScale` in Python. */

/** Return the smallest and largest finite value of each channel (0 if there are none), the position of the largest, and
    the number of values that are NaN or infinite. */
function channelRanges(maps) {
  const size = maps.height * maps.width;
  return Array.from({ length: maps.channels }, (_, channel) => {
    let low = Infinity;
    let high = -Infinity;
    let peak = 0;
    let nonfinite = 0;
    for (let pixel = 0; pixel < size; pixel++) {
      const value = maps.values[channel * size + pixel];
      if (!Number.isFinite(value)) {
        nonfinite++;
        continue;
      }
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
      nonfinite,
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

const MAX_SHIFT = 0.25; // the largest error in levels for which the level of 0 is shifted; larger errors become 0
const LEVEL_ROUNDING = 2 ** -14; // more than the rounding error of a level in float32

/** Return a scale of a channel that does not show its rounding errors: these have the level of 0, and a channel that is
    constant but for them has one level. The range of the channel, { low, high, error }, is that of `signalRanges`. */
function scaleWithoutRounding(scale, { low, high, error = 0 }) {
  const levels = error * scale.scale;
  const replaced = levels > MAX_SHIFT ? Math.fround(error) : 0;
  const isShifted = levels > 0 && !replaced && !scale.magnitude;
  const [zero, bound] = [scale.offset + 0.5, levels + LEVEL_ROUNDING];
  const shift = isShifted ? Math.max(0, Math.floor(zero + bound) - (zero - bound)) : 0;
  return { ...scale, replaced, shift, constant: low === high ? low : null };
}

/** Return the level 0..255 of a value; NaN becomes 0. Each step is rounded to float32, as in the pictures. */
function levelOf({ scale, offset, magnitude, replaced = 0, shift = 0, constant = null }, value) {
  const shown = constant !== null && Number.isFinite(value) ? constant : Math.abs(value) <= replaced ? 0 : value;
  const scaled = Math.fround(shown * Math.fround(scale));
  const shifted = Math.fround((magnitude ? Math.abs(scaled) : scaled) + Math.fround(offset + 0.5 + shift));
  return shifted > 0 ? Math.floor(Math.min(shifted, 255.5)) : 0;
}

/** Return the linear scale of each channel of a layer's maps: by its own range, by that of all channels, or by fixed
    limits, without its rounding errors. `nonNegative` says of each channel whether it cannot be negative. */
function linearScales(maps, ranges, colorScale, nonNegative) {
  const scales = drawnScales(maps, ranges, colorScale, nonNegative);
  return scales.map((scale, channel) => scaleWithoutRounding(scale, ranges[channel]));
}

/** Return the linear scale of each channel of a layer's maps, see `linearScales`. */
function drawnScales(maps, ranges, colorScale, nonNegative) {
  const { normalize, scope, clip, limits } = colorScale;
  if (Array.isArray(limits)) {
    return nonNegative.map(() => linearScale(normalize === "auto" ? "minmax" : normalize, ...limits));
  }
  if (limits !== null) return nonNegative.map((only) => channelScale(colorScale, only ? 0 : -limits, limits, only));
  let drawn = clip === null ? ranges : clippedRanges(maps, ranges, colorScale);
  if (scope === "all") {
    const low = Math.min(...drawn.map((range) => range.low));
    const high = Math.max(...drawn.map((range) => range.high));
    const common = signalRange({ low, high }, largestError(ranges));
    drawn = drawn.map(() => common);
  }
  return drawn.map(({ low, high }, channel) => channelScale(colorScale, low, high, nonNegative[channel]));
}

/** Return the largest bound of the rounding errors of channels. */
function largestError(ranges) {
  return Math.max(...ranges.map(({ error = 0 }) => error));
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
    const low = normalize === "minmax" ? percentile(values, 100 - clip) : -high;
    const clipped = signalRange({ low, high }, all ? largestError(ranges) : (ranges[channel].error ?? 0));
    return clipped.low < clipped.high && ranges[channel].low < ranges[channel].high ? clipped : ranges[channel];
  });
}

/** Return a percentile of sorted values, interpolated linearly; 0 if there are none. */
function percentile(sorted, percentage) {
  if (!sorted.length) return 0;
  const rank = ((sorted.length - 1) * percentage) / 100;
  const below = sorted[Math.floor(rank)];
  return below + (sorted[Math.ceil(rank)] - below) * (rank - Math.floor(rank));
}

/** Return the values of level 0 and of level 255, which are one value for a map without contrast. */
function limitsOf({ scale, offset, constant }) {
  return scale ? [(0 - offset) / scale, (255 - offset) / scale] : [constant ?? 0, constant ?? 0];
}

/** Return whether 0 has the first color of the color map, which is the darkest except in a diverging one. */
function isBlackAtZero({ offset }, { colormap }) {
  return offset === 0 && colormap !== "diverging";
}
