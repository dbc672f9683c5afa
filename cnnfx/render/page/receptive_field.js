/* The receptive field of an output: the pixels of the image, and of every layer between, that it is computed from. */

/** Return the receptive field of an output of layer `number` (the first is 1) in the input of each layer up to it.

    The result is an array of { rows, columns, channels }, the image first: the field is every pixel whose row is in
    `rows` and whose column is in `columns` (both sorted), in the channels that are connected to the output by weights
    other than zero. */
function receptiveField(network, maps, number, channel, row, column) {
  const fields = [];
  let field = { rows: [row], columns: [column], channels: [channel] };
  for (let index = number - 1; index >= 0; index--) {
    const layer = network.layers[index];
    const input = maps[index];
    field = {
      rows: sourcesOf(layer, axisGeometry(layer, 0, input.height), field.rows),
      columns: sourcesOf(layer, axisGeometry(layer, 1, input.width), field.columns),
      channels: inputChannelsOf(layer, field.channels),
    };
    fields[index] = field;
  }
  return fields;
}

/** Return the input rows or columns that some outputs along an axis are computed from, through pooling and kernel,
    sorted. */
function sourcesOf(layer, geometry, outputs) {
  const size = layer.pool ? layer.pool.size : 1;
  const found = new Set();
  for (const output of outputs) {
    for (let k = 0; k < size; k++) kernelSources(geometry, output * size + k).forEach((index) => found.add(index));
  }
  found.delete(-1);
  return Array.from(found).sort((a, b) => a - b);
}

/** Return the input channels for which the filters of some output channels have weights other than zero, sorted. */
function inputChannelsOf(layer, channels) {
  const found = new Set();
  for (const filter of new Set(channels.flatMap((channel) => layer.outputs[channel].of))) {
    for (let slice = 0; slice < layer.shape[1]; slice++) {
      if (isConnected(layer, filter, slice)) found.add(inputChannel(layer, filter, slice));
    }
  }
  return Array.from(found).sort((a, b) => a - b);
}

/** Return sorted indexes as intervals [first, last), last exclusive: 1, 2, 3, 7 becomes [1, 4), [7, 8). */
function intervals(indexes) {
  const found = [];
  for (const index of indexes) {
    const last = found[found.length - 1];
    if (last && last[1] === index) last[1]++;
    else found.push([index, index + 1]);
  }
  return found;
}
