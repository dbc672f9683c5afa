/* The receptive field of an output: the pixels of the image, and of every layer between, that it is computed from. */

/** Return the receptive field of an output of layer `number` (the first is 1) in the image and the layers below.

    `sizes` are those of the image and of each layer. The result is an array of { rows, columns, channels }, the image
    first, null for a layer that the output does not depend on: the field is every pixel whose row is in `rows` and
    whose column is in `columns` (both sorted), in the channels that are connected to the output by weights other than
    zero. Where several paths lead to a layer, it has the rows and the columns of all. */
function receptiveField(network, sizes, imageChannels, number, channel, row, column) {
  const found = Array.from({ length: number + 1 }, () => null);
  found[number] = { rows: new Set([row]), columns: new Set([column]), channels: new Set([channel]) };
  for (let top = number; top > 0; top--) {
    const layer = network.layers[top - 1];
    if (!found[top]) continue;
    const field = sorted(found[top]);
    const input = joinedSize(
      layer.sources.map((source) => sizes[source]),
      layer.join,
    );
    const read = {
      rows: sourcesOf(layer, 0, input.height, field.rows),
      columns: sourcesOf(layer, 1, input.width, field.columns),
    };
    const channels = inputChannelsOf(layer, field.channels);
    let first = 0;
    for (const source of layer.sources) {
      const count = source ? network.layers[source - 1].outputs.length : imageChannels;
      const own = layer.join === "concat" ? channels.map((index) => index - first) : channels;
      const inside = own.filter((index) => index >= 0 && index < count);
      if (inside.length) addField(found, source, read, inside, sizes[source]);
      first += count;
    }
  }
  return found.slice(0, number).map((field) => field && sorted(field));
}

/** Add rows, columns and channels to the field of a layer. Maps of 1×1 pixel are read as a whole. */
function addField(found, number, { rows, columns }, channels, size) {
  found[number] ??= { rows: new Set(), columns: new Set(), channels: new Set() };
  const isPoint = size.height === 1 && size.width === 1;
  for (const row of isPoint ? [0] : rows) found[number].rows.add(row);
  for (const column of isPoint ? [0] : columns) found[number].columns.add(column);
  for (const channel of channels) found[number].channels.add(channel);
}

function sorted({ rows, columns, channels }) {
  const inOrder = (indexes) => Array.from(indexes).sort((a, b) => a - b);
  return { rows: inOrder(rows), columns: inOrder(columns), channels: inOrder(channels) };
}

/** Return the input rows (axis 0) or columns (axis 1) that some outputs are computed from, by pooling and kernel. */
function sourcesOf(layer, axis, length, outputs) {
  const geometry = axisGeometry(layer, axis, length);
  const windows = poolWindows(layer.pool, axis, geometry.outputs);
  const positions = new Set();
  for (const output of outputs) {
    const [first, last] = windowInterval(windows, output, geometry.outputs);
    for (let position = first; position < last; position++) positions.add(position);
  }
  const found = new Set();
  for (const position of positions) kernelSources(geometry, position).forEach((index) => found.add(index));
  found.delete(-1);
  return found;
}

/** Return the input channels that some output channels are computed from, sorted: those for which their filters have
    weights other than zero, and with softmax or local response normalization those of other channels, too. */
function inputChannelsOf(layer, channels) {
  const outputs = channels.flatMap((channel) => channelsBefore(layer, channel));
  const filters = new Set(outputs.flatMap((channel) => layer.outputs[channel].of));
  if (!layer.shape) return Array.from(filters).sort((a, b) => a - b);
  const found = new Set();
  for (const filter of filters) {
    for (let slice = 0; slice < layer.shape[1]; slice++) {
      const channel = inputChannel(layer, filter, slice);
      if (!layer.weights || isConnected(layer, filter, slice)) found.add(channel);
    }
  }
  return Array.from(found).sort((a, b) => a - b);
}

/** Return the channels before the activation that an output channel is computed from. */
function channelsBefore(layer, channel) {
  const count = layer.outputs.length;
  if (layer.activation === "softmax") return Array.from({ length: count }, (_, k) => k);
  return layer.local_response ? responseChannels(layer.local_response, channel, count) : [channel];
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
