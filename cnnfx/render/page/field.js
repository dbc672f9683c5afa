/* One output pixel: how it is computed, and its receptive field, the pixels below that it is computed from. */

/** How output (row, column) of a channel of layer `number` (1 is the first) comes about.

    maps[number - 1] are the maps below. `within` chooses a place of the pooled block: the largest value's for max
    pooling unless told. Gives { filters, combined, value, block, chosen }, where each of `filters` has
    { name, terms, bias, sum } and each term, one per input channel, { channel, patch, weights, rows, columns, sum };
    rows and columns of a term are the places below, -1 in padding. */
function explain(network, maps, number, channel, row, column, within) {
  const layer = network.layers[number - 1], below = maps[number - 1], size = layer.pool ? layer.pool.size : 1;
  const output = layer.outputs[channel], axes = [axis(layer, 0, below.height), axis(layer, 1, below.width)];
  const places = Array.from({ length: size * size }, (_, k) => [row * size + Math.floor(k / size), column * size + (k % size)]);
  const whole = places.map(([y, x]) => {
    const filters = output.of.map((filter) => filterSum(layer, below, axes, filter, y, x));
    const combined = COMBINATIONS[output.kind](filters.map(({ sum }) => sum));
    return { filters, combined, value: ACTIVATIONS[layer.activation](combined), row: y, column: x };
  });
  const block = whole.map(({ value }) => value);
  const chosen = within ?? (layer.pool && layer.pool.kind === "max" ? Math.max(0, block.indexOf(Math.max(...block))) : 0);
  return { ...whole[chosen], block, chosen, result: layer.pool ? POOLS[layer.pool.kind](block) : block[0] };
}

/** One filter at one place: the patch under it and the sum of products for each input channel. */
function filterSum(layer, below, [down, across], filter, row, column) {
  const rows = reads(down, row), columns = reads(across, column), depth = layer.shape[1];
  const terms = Array.from({ length: depth }, (_, slice) => {
    const channel = inputChannel(layer, filter, slice), kernel = rows.length * columns.length;
    const weights = layer.weights.subarray((filter * depth + slice) * kernel, (filter * depth + slice + 1) * kernel);
    const patch = rows.flatMap((y) => columns.map((x) => valueAt(below, channel, y, x)));
    return { channel, patch, weights, rows, columns, sum: patch.reduce((sum, value, k) => sum + value * weights[k], 0) };
  });
  const bias = layer.bias[filter];
  return { name: layer.filters[filter], terms, bias, sum: terms.reduce((sum, term) => sum + term.sum, bias) };
}

function valueAt(maps, channel, row, column) {
  return row < 0 || column < 0 ? 0 : maps.values[(channel * maps.height + row) * maps.width + column];
}

/** The places below that an output along one axis reads, in the order of the kernel's taps; -1 in padding. */
function reads({ taps, stride, dilation, places }, output) {
  return Array.from({ length: taps }, (_, tap) => places[output * stride + tap * dilation]);
}

/** The receptive field of an output of layer `number` in everything below it.

    Gives for each index below, the image being 0, { rows, columns, channels }: the field is every pixel whose row and
    column are among the sorted `rows` and `columns`, in the channels that have a weight other than zero on the way. */
function receptiveField(network, maps, number, channel, row, column) {
  const fields = [];
  let field = { rows: [row], columns: [column], channels: [channel] };
  for (let index = number; index > 0; index--) {
    const layer = network.layers[index - 1], below = maps[index - 1];
    field = {
      rows: readBy(layer, axis(layer, 0, below.height), field.rows),
      columns: readBy(layer, axis(layer, 1, below.width), field.columns),
      channels: channelsUnder(layer, field.channels),
    };
    fields[index - 1] = field;
  }
  return fields;
}

/** The places that some outputs along one axis are computed from, through pooling and kernel, in order. */
function readBy(layer, along, outputs) {
  const size = layer.pool ? layer.pool.size : 1, found = new Set();
  for (const output of outputs) {
    for (let k = 0; k < size; k++) reads(along, output * size + k).forEach((place) => found.add(place));
  }
  found.delete(-1);
  return Array.from(found).sort((a, b) => a - b);
}

function channelsUnder(layer, channels) {
  const found = new Set(), [, depth, height, width] = layer.shape, size = height * width;
  for (const filter of new Set(channels.flatMap((channel) => layer.outputs[channel].of))) {
    for (let slice = 0; slice < depth; slice++) {
      const first = (filter * depth + slice) * size;
      if (layer.weights.subarray(first, first + size).some((weight) => weight !== 0)) {
        found.add(inputChannel(layer, filter, slice));
      }
    }
  }
  return Array.from(found).sort((a, b) => a - b);
}

/** Sorted places as runs [first, last): 1, 2, 3, 7 becomes [1, 4), [7, 8). */
function runs(places) {
  const found = [];
  for (const place of places) {
    const last = found[found.length - 1];
    if (last && last[1] === place) last[1]++;
    else found.push([place, place + 1]);
  }
  return found;
}
