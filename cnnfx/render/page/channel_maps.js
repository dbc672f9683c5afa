/* The maps that an output channel is computed from: those of each kernel, their sum, combination, and activation. */

/** Return the maps that a channel of layer `number` (the first is 1) is computed from.

    The result is { height, width, filters, combined, activated, normalized }: values of maps before pooling. Each of
    `filters` is { index, name, bias, terms, values }; each of its terms is { slice, channel, values }, the map of one
    kernel, whose weights are not all 0. Without filters there are no terms, and `values` are those of an input channel.
    `combined`, `activated` and `normalized` are null if they are the same as the values before. */
function channelMaps(network, maps, number, channel) {
  const layer = network.layers[number - 1];
  const input = layerInput(network, maps, number);
  const rows = axisGeometry(layer, 0, input.height);
  const columns = axisGeometry(layer, 1, input.width);
  const { filters, combined } = combinedMaps(layer, input, rows, columns, channel);
  const valuesOf = (other) => {
    const found = other === channel ? { filters, combined } : combinedMaps(layer, input, rows, columns, other);
    return found.combined ?? found.filters[0].values;
  };
  return {
    height: rows.outputs,
    width: columns.outputs,
    filters,
    combined,
    activated: layer.activation === "none" ? null : activatedMap(layer, channel, valuesOf),
    normalized: layer.local_response ? normalizedMap(layer, channel, valuesOf) : null,
  };
}

/** Return the map of a channel after the activation; `valuesOf(channel)` are those before. */
function activatedMap(layer, channel, valuesOf) {
  if (layer.activation !== "softmax") {
    const [activation, slope] = [ACTIVATIONS[layer.activation], slopeOf(layer, channel)];
    return valuesOf(channel).map((value) => activation(value, slope));
  }
  const channels = layer.outputs.map((_, other) => valuesOf(other));
  return channels[channel].map((_, pixel) => softmax(channels.map((values) => values[pixel]))[channel]);
}

/** Return the map of a channel after the local response normalization; `valuesOf(channel)` are those before the
    activation. */
function normalizedMap(layer, channel, valuesOf) {
  const around = responseChannels(layer.local_response, channel, layer.outputs.length);
  const activated = around.map((other) => activatedMap(layer, other, valuesOf));
  const own = activated[around.indexOf(channel)];
  return own.map((value, pixel) => {
    const energy = sumOf(activated, (values) => values[pixel] ** 2);
    return normalizedResponse(layer.local_response, value, energy);
  });
}

/** Return the maps of the filters of an output channel, and their combination, null if there is one filter only. */
function combinedMaps(layer, input, rows, columns, channel) {
  const { kind, of } = layer.outputs[channel];
  const filters = of.map((index) =>
    layer.shape ? filterMaps(layer, input, rows, columns, index) : inputMaps(layer, input, index),
  );
  if (kind === "take") return { filters, combined: null };
  const combined = new Float32Array(filters[0].values.length);
  combinePixels(
    COMBINATIONS[kind],
    filters.map((filter) => filter.values),
    combined,
  );
  return { filters, combined };
}

/** Return the map of an input channel of a layer without filters. */
function inputMaps(layer, input, index) {
  const size = input.height * input.width;
  const values = input.values.subarray(index * size, (index + 1) * size);
  return { index, name: layer.filters[index], bias: 0, terms: [], values };
}

/** Return the map of each kernel of a filter, and their sum plus the bias. */
function filterMaps(layer, input, rows, columns, index) {
  const [, depth] = layer.shape;
  const size = rows.outputs * columns.outputs;
  const { unit } = kernelInput(input);
  const bias = layer.bias[index];
  const sums = new Float64Array(size).fill(bias);
  const terms = [];
  for (let slice = 0; slice < depth; slice++) {
    if (!isConnected(layer, index, slice)) continue;
    const channel = inputChannel(layer, index, slice);
    const products = new Float64Array(size);
    const taps = [];
    addTaps(taps, padChannel(input, channel, rows, columns), layer, index, slice, rows, columns);
    finish(addProducts([products], [taps], rows, columns));
    for (let pixel = 0; pixel < size; pixel++) sums[pixel] += products[pixel] *= unit;
    terms.push({ slice, channel, values: Float32Array.from(products) });
  }
  return { index, name: layer.filters[index], bias, terms, values: Float32Array.from(sums) };
}
