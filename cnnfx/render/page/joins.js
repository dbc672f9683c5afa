/* Joins: the maps of several layers as the input of one. */

const JOINS = { add: (a, b) => a + b, multiply: (a, b) => a * b };

/** The joined inputs of the layers of each result of `forward`, so that they are joined only once. */
const joinedInputs = new WeakMap();

/** Return the joined maps that layer `number` (the first is 1) reads. */
function layerInput(network, maps, number) {
  const layer = network.layers[number - 1];
  if (layer.sources.length === 1) return maps[layer.sources[0]];
  if (!joinedInputs.has(maps)) joinedInputs.set(maps, new Map());
  const inputs = joinedInputs.get(maps);
  if (!inputs.has(number))
    inputs.set(
      number,
      joinMaps(
        layer.join,
        layer.sources.map((source) => maps[source]),
      ),
    );
  return inputs.get(number);
}

/** Return maps side by side, or added or multiplied channel by channel. */
function joinMaps(join, inputs) {
  const { height, width } = joinedSize(inputs, join);
  const size = height * width;
  if (join === "concat") {
    const channels = sumOf(inputs, (input) => input.channels);
    const values = new Float32Array(channels * size);
    let start = 0;
    for (const input of inputs) {
      values.set(input.values, start);
      start += input.values.length;
    }
    return { channels, height, width, values };
  }
  const { channels } = inputs[0];
  const values = new Float32Array(channels * size);
  for (let index = 0; index < values.length; index++) {
    values[index] = inputs.reduce((joined, input, k) => {
      const value = input.values[input.values.length === values.length ? index : Math.floor(index / size)];
      return k ? JOINS[join](joined, value) : value;
    }, 0);
  }
  return { channels, height, width, values };
}

/** Return what a channel of a layer's joined input is made from: one { number, channel } if channels are side by side,
    otherwise one for each source. `number` 0 is the image. */
function inputParts(network, maps, layer, channel) {
  if (layer.join !== "concat") return layer.sources.map((number) => ({ number, channel }));
  let first = 0;
  for (const number of layer.sources) {
    const count = channelCount(network, maps, number);
    if (channel < first + count) return [{ number, channel: channel - first }];
    first += count;
  }
  return [];
}

/** Return the number of channels of the image, if `number` is 0, or of a layer. */
function channelCount(network, maps, number) {
  return number ? network.layers[number - 1].outputs.length : maps[0].channels;
}

/** Return the position in one of the joined maps that a position of the joined input is from. */
function partPosition({ height, width }, row, column) {
  return height === 1 && width === 1 ? { row: 0, column: 0 } : { row, column };
}

/** Return the layer that computes a channel of layer `number`, and its channel, { number, channel }: a layer that only
    passes on the maps of others, side by side, computes nothing. */
function computingChannel(network, maps, number, channel) {
  const layer = network.layers[number - 1];
  const { shape, activation, pool, given } = layer;
  const { kind, of } = layer.outputs[channel];
  const passesOn = !shape && kind === "take" && activation === "none" && !layer.local_response && !pool && !given;
  const parts = passesOn ? inputParts(network, maps, layer, of[0]) : [];
  if (parts.length !== 1 || !parts[0].number || network.layers[parts[0].number - 1].given) return { number, channel };
  return computingChannel(network, maps, parts[0].number, parts[0].channel);
}
