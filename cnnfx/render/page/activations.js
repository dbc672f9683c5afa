/* Activation functions and local response normalization. */

const DEFAULT_LEAKY_SLOPE = 0.01; // of leaky ReLU for negative values, unless given

const hardSigmoid = (value) => Math.min(1, Math.max(0, value / 6 + 0.5));
const leakyRelu = (value, slope) => (value > 0 ? value : slope * value);

/** Each kind of activation as a function of a value and the slope for negative values. Softmax depends on all channels
    and is not among them. Hard sigmoid and hard swish are those of MobileNetV3. */
const ACTIVATIONS = {
  none: (value) => value,
  relu: (value) => (value < 0 ? 0 : value),
  abs: Math.abs,
  relu6: (value) => (value < 0 ? 0 : value > 6 ? 6 : value),
  leaky_relu: leakyRelu,
  prelu: leakyRelu,
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  tanh: Math.tanh,
  hard_sigmoid: hardSigmoid,
  hard_swish: (value) => value * hardSigmoid(value),
};

/** Return the slope of a channel for negative values. */
function slopeOf({ slope }, channel) {
  return Array.isArray(slope) ? slope[channel] : (slope ?? DEFAULT_LEAKY_SLOPE);
}

/** Return the activations of one position, given the values of all channels there. `channels` are those that are
    needed. */
function activateAt(layer, values, channels) {
  if (layer.activation === "softmax") {
    const powers = softmax(values);
    return channels.map((channel) => powers[channel]);
  }
  const activation = ACTIVATIONS[layer.activation];
  return channels.map((channel) => activation(values[channel], slopeOf(layer, channel)));
}

/** Return the softmax of some values. */
function softmax(values) {
  const largest = Math.max(...values);
  const powers = Array.from(values, (value) => Math.exp(value - largest));
  const sum = sumOf(powers);
  return powers.map((power) => power / sum);
}

/** Return the maps after the activation. */
function activate(layer, maps) {
  if (layer.activation === "none") return maps;
  const size = maps.height * maps.width;
  const values = new Float32Array(maps.values.length);
  if (layer.activation === "softmax") {
    for (let pixel = 0; pixel < size; pixel++) {
      const powers = softmax(Array.from({ length: maps.channels }, (_, k) => maps.values[k * size + pixel]));
      powers.forEach((power, channel) => {
        values[channel * size + pixel] = power;
      });
    }
    return { ...maps, values };
  }
  const activation = ACTIVATIONS[layer.activation];
  for (let channel = 0, index = 0; channel < maps.channels; channel++) {
    const slope = slopeOf(layer, channel);
    for (const end = index + size; index < end; index++) values[index] = activation(maps.values[index], slope);
  }
  return { ...maps, values };
}

/* Local response normalization: y = x / (k + alpha / size · sum of the squares of the channels around)^beta. */

/** Return the channels that the normalization of a channel sums over, of `count`. */
function responseChannels({ size }, channel, count) {
  const first = Math.max(0, channel - Math.floor(size / 2));
  const last = Math.min(count - 1, channel + Math.floor((size - 1) / 2));
  return Array.from({ length: last - first + 1 }, (_, k) => first + k);
}

/** Return a value divided by the power of the energy of the channels around it. */
function normalizedResponse({ size, alpha, beta, k }, value, energy) {
  return value / (k + (alpha / size) * energy) ** beta;
}

/** Return the maps after the local response normalization. */
function normalizeResponses(layer, maps) {
  const response = layer.local_response;
  if (!response) return maps;
  const size = maps.height * maps.width;
  const values = new Float32Array(maps.values.length);
  for (let channel = 0; channel < maps.channels; channel++) {
    const around = responseChannels(response, channel, maps.channels);
    for (let pixel = 0; pixel < size; pixel++) {
      const energy = sumOf(around, (other) => maps.values[other * size + pixel] ** 2);
      const index = channel * size + pixel;
      values[index] = normalizedResponse(response, maps.values[index], energy);
    }
  }
  return { ...maps, values };
}
