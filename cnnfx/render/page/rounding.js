/* Bounds of the rounding errors of feature maps: a map that contains nothing else is drawn as 0, as in the pictures. The
   mathematics is that of `cnnfx.nn.rounding`. */

const ROUNDOFF = 2 ** -24; // the largest relative error of rounding to float32
const ROUNDING_UNITS = 16; // the largest error of a sum, in ROUNDOFF of the sum of the magnitudes of its terms
const MAX_RELATIVE_ERROR = 2 ** -16; // the largest error that is assumed, relative to the channel's largest magnitude

/** Return the ranges of all maps, the input's first, without rounding errors. `ranges` are those of `channelRanges`. */
function signalRanges(network, ranges) {
  let below = ranges[0].map(({ low, high }) => {
    const magnitude = Math.max(-low, high) + Math.abs(network.mean / network.std);
    return { magnitude, error: 2 * ROUNDOFF * magnitude };
  });
  return ranges.map((channels, number) => {
    if (!number) return channels;
    const possible = outputBounds(network.layers[number - 1], below);
    below = channels.map((range, channel) => actualBound(possible[channel].error, range));
    return channels.map((range, channel) => ({ ...range, ...signalRange(range, possible[channel].error) }));
  });
}

/** Return the largest magnitude and error of each output channel of a layer, given those of its input channels. */
function outputBounds(layer, below) {
  const [count, depth] = layer.shape;
  const filters = Array.from({ length: count }, (_, filter) => {
    let magnitude = Math.abs(layer.bias[filter]);
    let error = 0;
    for (let slice = 0; slice < depth; slice++) {
      const sum = sumOf(kernelOf(layer, filter, slice), Math.abs);
      const input = below[inputChannel(layer, filter, slice)];
      magnitude += sum * input.magnitude;
      error += sum * input.error;
    }
    return { magnitude, error: error + ROUNDING_UNITS * ROUNDOFF * magnitude };
  });
  return layer.outputs.map(({ kind, of }) => {
    const combination = COMBINATIONS[kind === "difference" ? "sum" : kind];
    return {
      magnitude: combination(of.map((filter) => filters[filter].magnitude)),
      error: combination(of.map((filter) => filters[filter].error)),
    };
  });
}

/** Return the magnitude and error of a channel of a range; all of it is error if it is within the possible error. */
function actualBound(possibleError, { low, high }) {
  const magnitude = Math.max(-low, high);
  const error = magnitude <= possibleError ? magnitude : Math.min(possibleError, MAX_RELATIVE_ERROR * magnitude);
  return { magnitude, error };
}

/** Return a range without rounding errors: 0 if there is nothing else, a single value if values differ by nothing else. */
function signalRange({ low, high }, error) {
  if (Math.max(-low, high) <= error) return { low: 0, high: 0 };
  if (high - low > 2 * error) return { low, high };
  return high > -low ? { low: high, high } : { low, high: low };
}
