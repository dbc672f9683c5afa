/* Bounds of the rounding errors of feature maps: a map that contains nothing else is drawn as 0, as in the pictures. The
   mathematics is that of `cnnfx.nn.rounding`. */

const ROUNDOFF = 2 ** -24; // the largest relative error of rounding to float32
const ROUNDING_UNITS = 16; // the largest error of a sum, in ROUNDOFF of the sum of the magnitudes of its terms
const MAX_RELATIVE_ERROR = 2 ** -18; // the largest error that is assumed, relative to the channel's largest magnitude
const FEW_CHANNELS = 8; // filters of no more input channels have errors close to their bounds
const MAX_RELATIVE_ERROR_OF_FEW = 2 ** -10; // the largest error that is assumed for these
const FUNCTION_UNITS = 4; // the largest error of an activation itself, in ROUNDOFF of the largest result

/** The largest slope and the largest magnitude of the results of activations, and whether these are never larger than
    what the activation is applied to. */
const ACTIVATION_LIMITS = {
  relu6: { slope: 1, value: 6, throughZero: true },
  tanh: { slope: 1, value: 1, throughZero: true },
  hard_swish: { slope: 1.5, value: Infinity, throughZero: true },
  sigmoid: { slope: 0.25, value: 1 },
  hard_sigmoid: { slope: 1 / 6, value: 1 },
  softmax: { slope: 0.5, value: 1 },
};

/** Return the ranges of all maps, the input's first, without rounding errors, and the bound of these, `error`. `ranges`
    are those of `channelRanges`. */
function signalRanges(network, ranges, image) {
  const { mean, std } = network.input;
  const share = image ? outlierShare(network.input, ranges[0], image) : 1;
  const bounds = [];
  return ranges.map((channels, number) => {
    if (!number || !channels) {
      bounds.push(
        channels?.map(({ low, high }, channel) => {
          const shift = Math.abs(ofChannel(mean, channel) / ofChannel(std, channel));
          const magnitude = share * (Math.max(-low, high) + shift);
          return { magnitude, error: 2 * ROUNDOFF * magnitude };
        }),
      );
      return channels;
    }
    const layer = network.layers[number - 1];
    const possible = layer.given
      ? channels.map(({ low, high }) => ({ error: 2 * ROUNDOFF * share * Math.max(-low, high) }))
      : outputBounds(layer, joinedBounds(layer, bounds));
    const limit = maxRelativeError(layer);
    bounds.push(channels.map((range, channel) => actualBound(possible[channel].error, range, limit, share)));
    return channels.map((range, channel) => {
      const { error } = possible[channel];
      return { ...range, ...signalRange(range, error), error: Number.isFinite(error) ? error : 0 };
    });
  });
}

const OUTLIER_SHARE = 2 ** -10; // an image whose typical magnitude is a smaller share of the largest one has outliers
const SAMPLED_PIXELS = 100_000; // of an image, about

/** Return the share of the largest magnitudes that the values of a normalized image have without its outliers, 1 if it
    has none; `ranges` are those of `channelRanges`. */
function outlierShare({ mean, std }, ranges, image) {
  const shifts = ranges.map((_, channel) => Math.abs(ofChannel(mean, channel) / ofChannel(std, channel)));
  const largest = Math.max(...ranges.map(({ low, high }, channel) => Math.max(-low, high) + shifts[channel]));
  const typical = Math.max(...shifts.map((shift, channel) => typicalMagnitude(image, channel) + shift));
  const share = largest ? typical / largest : 1;
  return share > 0 && share < OUTLIER_SHARE ? share : 1;
}

/** Return the magnitude that 99 % of the finite values other than 0 of a channel do not exceed, of a sample. */
function typicalMagnitude({ height, width, values }, channel) {
  const step = Math.max(1, Math.floor(Math.sqrt((height * width) / SAMPLED_PIXELS)));
  const magnitudes = [];
  for (let row = 0; row < height; row += step) {
    for (let column = 0; column < width; column += step) {
      const value = values[(channel * height + row) * width + column];
      if (value !== 0 && Number.isFinite(value)) magnitudes.push(Math.abs(value));
    }
  }
  return percentile(Float32Array.from(magnitudes).sort(), 99);
}

/** Return the magnitude and error of each channel of a layer's joined input. */
function joinedBounds(layer, bounds) {
  const sources = layer.sources.map((number) => bounds[number]);
  if (layer.join === "concat") return sources.flat();
  return sources.reduce((joined, source) =>
    joined.map((one, channel) => {
      const other = source[channel];
      const isSum = layer.join === "add";
      const magnitude = isSum ? one.magnitude + other.magnitude : one.magnitude * other.magnitude;
      const error = isSum
        ? one.error + other.error
        : one.error * (other.magnitude + other.error) + one.magnitude * other.error;
      return { magnitude, error: error + ROUNDOFF * magnitude };
    }),
  );
}

/** Return the largest magnitude and error of each output channel of a layer, given those of its input channels. */
function outputBounds(layer, below) {
  const filters = layer.shape ? filterBounds(layer, below) : below;
  const combined = layer.outputs.map(({ kind, of }) => {
    const combination = COMBINATIONS[kind === "difference" ? "sum" : kind];
    return {
      magnitude: combination(of.map((filter) => filters[filter].magnitude)),
      error: combination(of.map((filter) => filters[filter].error)),
    };
  });
  const activated = activatedBounds(layer, combined);
  return layer.local_response ? normalizedBounds(layer.local_response, activated) : activated;
}

/** Return the bounds after the activation: errors grow by at most its largest slope, and its own rounding. */
function activatedBounds(layer, bounds) {
  const { activation } = layer;
  if (["none", "relu", "abs"].includes(activation)) return bounds;
  const limits = ACTIVATION_LIMITS[activation];
  const largestError = bounds.reduce((most, { error }) => Math.max(most, error), 0);
  return bounds.map((bound, channel) => {
    if (!limits) {
      const slope = Math.max(1, Math.abs(slopeOf(layer, channel)));
      return { magnitude: slope * bound.magnitude, error: slope * (bound.error + ROUNDOFF * bound.magnitude) };
    }
    const magnitude = limits.throughZero ? Math.min(bound.magnitude, limits.value) : limits.value;
    const error = activation === "softmax" ? largestError : bound.error;
    return { magnitude, error: limits.slope * error + FUNCTION_UNITS * ROUNDOFF * magnitude };
  });
}

/** Return the bounds after local response normalization. */
function normalizedBounds(response, bounds) {
  const largest = response.k ** -response.beta;
  return bounds.map((bound, channel) => {
    const around = sumOf(responseChannels(response, channel, bounds.length), (other) => bounds[other].error);
    const magnitude = largest * bound.magnitude;
    const error = largest * (bound.error + response.beta * around) + ROUNDING_UNITS * ROUNDOFF * magnitude;
    return { magnitude, error };
  });
}

/** Return the largest magnitude and error of the feature map of each filter. */
function filterBounds(layer, below) {
  const [count, depth, height, width] = layer.shape;
  const size = height * width;
  const units = size === 1 ? Math.min(ROUNDING_UNITS, depth) : ROUNDING_UNITS; // few products of one pixel
  return Array.from({ length: count }, (_, filter) => {
    let magnitude = Math.abs(layer.bias[filter]);
    let error = 0;
    for (let slice = 0; slice < depth; slice++) {
      let sum = 0;
      for (let k = 0, index = (filter * depth + slice) * size; k < size; k++, index++)
        sum += Math.abs(layer.weights[index]);
      const input = below[inputChannel(layer, filter, slice)];
      magnitude += sum * input.magnitude;
      error += sum * input.error;
    }
    return { magnitude, error: error + units * ROUNDOFF * magnitude };
  });
}

/** Return the largest error of a layer's channels that is assumed, relative to their largest magnitude. */
function maxRelativeError({ shape }) {
  return !shape || shape[1] <= FEW_CHANNELS ? MAX_RELATIVE_ERROR_OF_FEW : MAX_RELATIVE_ERROR;
}

/** Return the magnitude and error of a channel of a range; all of it is error if it is within the possible error. */
function actualBound(possibleError, { low, high }, limit, share) {
  const magnitude = share * Math.max(-low, high);
  const error = magnitude <= possibleError ? magnitude : Math.min(possibleError, limit * magnitude);
  return { magnitude, error };
}

/** Return a range without rounding errors: 0 if there is nothing else, one value if values differ by nothing else, and
    0 in place of an end that differs from 0 by nothing else. */
function signalRange({ low, high }, error) {
  if (Math.max(-low, high) <= error) return { low: 0, high: 0 };
  if (high - low <= 2 * error) return high > -low ? { low: high, high } : { low, high: low };
  const orZero = (end) => (Math.abs(end) <= error ? 0 : end);
  return { low: orZero(low), high: orZero(high) };
}

/** Set the finite values of the channels of maps that are nothing but rounding errors to 0. */
function clearRounding(maps, ranges) {
  const size = maps.height * maps.width;
  ranges.forEach(({ low, high }, channel) => {
    if (low !== 0 || high !== 0) return;
    const values = maps.values.subarray(channel * size, (channel + 1) * size);
    values.forEach((value, pixel) => {
      if (Number.isFinite(value)) values[pixel] = 0;
    });
  });
}
