/* The arithmetic of one output: patch × weights for each input channel, the sum, combination, activation, pooling. */

/** Return how output (row, column) of a channel of layer `number` (the first is 1) is computed.

    maps[number - 1] are the input of the layer. With pooling, the output is computed from a block of values;
    `blockIndex` chooses the one whose sum is returned: for max pooling the largest, otherwise the first, unless given.

    The result is { filters, combined, value, block, blockIndex, result }. Each of `filters` is
    { name, terms, bias, sum }; each term, one per input channel, is { channel, patch, weights, rows, columns, sum },
    where rows and columns are those of the patch in the input, -1 in zero padding. */
function traceOutput(network, maps, number, channel, row, column, blockIndex) {
  const layer = network.layers[number - 1];
  const input = maps[number - 1];
  const size = layer.pool ? layer.pool.size : 1;
  const output = layer.outputs[channel];
  const axes = [axisGeometry(layer, 0, input.height), axisGeometry(layer, 1, input.width)];
  const positions = Array.from({ length: size * size }, (_, k) => [
    row * size + Math.floor(k / size),
    column * size + (k % size),
  ]);
  const traces = positions.map(([y, x]) => {
    const filters = output.of.map((filter) => traceFilter(layer, input, axes, filter, y, x));
    const combined = COMBINATIONS[output.kind](filters.map(({ sum }) => sum));
    return { filters, combined, value: ACTIVATIONS[layer.activation](combined) };
  });
  const block = traces.map(({ value }) => value);
  const largest = layer.pool && layer.pool.kind === "max" ? Math.max(0, block.indexOf(Math.max(...block))) : 0;
  const chosen = blockIndex ?? largest;
  return {
    ...traces[chosen],
    block,
    blockIndex: chosen,
    result: layer.pool ? POOLINGS[layer.pool.kind](block) : block[0],
  };
}

/** Return the arithmetic of one filter at one position: its patch and sum of products for each input channel. */
function traceFilter(layer, input, [rowGeometry, columnGeometry], filter, row, column) {
  const rows = kernelSources(rowGeometry, row);
  const columns = kernelSources(columnGeometry, column);
  const { numbers, unit } = kernelInput(input);
  const terms = Array.from({ length: layer.shape[1] }, (_, slice) => {
    const channel = inputChannel(layer, filter, slice);
    const weights = kernelOf(layer, filter, slice);
    const patch = rows.flatMap((y) => columns.map((x) => unit * numberAt(input, numbers, channel, y, x)));
    const products = patch.map((value, k) => value * weights[k]);
    const largest = largestMagnitude(products);
    return { channel, patch, weights, rows, columns, largest, sum: withoutRounding(sumOf(products), largest) };
  });
  const bias = layer.bias[filter];
  const largest = Math.max(...terms.map((term) => term.largest));
  return {
    name: layer.filters[filter],
    terms,
    bias,
    sum: withoutRounding(sumOf(terms, ({ sum }) => sum) + bias, largest),
  };
}

const MAX_ROUNDING_ERROR = 1e-6; // of a sum, as a share of its largest product

/** Return a sum, or 0 if it is only the rounding error of products that cancel. */
function withoutRounding(sum, largest) {
  return Math.abs(sum) < MAX_ROUNDING_ERROR * largest ? 0 : sum;
}

/** Return the largest magnitude of the finite values; 0 if there are none. */
function largestMagnitude(values) {
  let largest = 0;
  for (const value of values) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  return largest;
}

function valueAt(maps, channel, row, column) {
  return numberAt(maps, maps.values, channel, row, column);
}

/** Return a number of maps, 0 in zero padding. */
function numberAt({ height, width }, numbers, channel, row, column) {
  return row < 0 || column < 0 ? 0 : numbers[(channel * height + row) * width + column];
}

/** Return the input rows or columns that a kernel reads for an output, in the order of the kernel; -1 in zero padding.
 */
function kernelSources({ size, stride, dilation, sources }, output) {
  return Array.from({ length: size }, (_, index) => sources[output * stride + index * dilation]);
}
