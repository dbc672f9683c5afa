/* The maps that an output channel is computed from: those of each kernel, their sum, combination, and activation. */

/** Return the maps that a channel of layer `number` (the first is 1) is computed from; maps[number - 1] are the input
    of the layer.

    The result is { height, width, filters, combined, activated }: values of maps before pooling. Each of `filters` is
    { index, name, bias, terms, values }; each of its terms is { slice, channel, values }, the map of one kernel, whose
    weights are not all 0. `combined` and `activated` are null if they are the same as the values before. */
function channelMaps(network, maps, number, channel) {
  const layer = network.layers[number - 1];
  const input = maps[number - 1];
  const output = layer.outputs[channel];
  const rows = axisGeometry(layer, 0, input.height);
  const columns = axisGeometry(layer, 1, input.width);
  const filters = output.of.map((index) => filterMaps(layer, input, rows, columns, index));
  let { values } = filters[0];
  let [combined, activated] = [null, null];
  if (output.kind !== "take") {
    values = combined = new Float32Array(values.length);
    combinePixels(
      COMBINATIONS[output.kind],
      filters.map((filter) => filter.values),
      combined,
    );
  }
  if (layer.activation !== "none") activated = values.map(ACTIVATIONS[layer.activation]);
  return { height: rows.outputs, width: columns.outputs, filters, combined, activated };
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
    finish(addKernel(products, padChannel(input, channel, rows, columns), layer, index, slice, rows, columns));
    for (let pixel = 0; pixel < size; pixel++) sums[pixel] += products[pixel] *= unit;
    terms.push({ slice, channel, values: Float32Array.from(products) });
  }
  return { index, name: layer.filters[index], bias, terms, values: Float32Array.from(sums) };
}
