/* The arithmetic of one output: patch × weights for each input channel, the sum, combination, activation, local
   response normalization, pooling. */

/** Return how output (row, column) of a channel of layer `number` (the first is 1) is computed.

    With pooling, the output is computed from a window of values; `blockIndex` chooses the one whose sum is returned:
    for max pooling the largest, otherwise the first, unless given.

    The result is { channel, filters, combined, activated, value, block, blockWidth, positions, blockIndex, result }.
    Each of `filters` is { name, terms, bias, sum }; each term, one per input channel, is { channel, patch, weights,
    rows, columns, sum }, where rows and columns are those of the patch in the joined input, -1 in zero padding. A layer
    without filters has no terms: the sum is the value of an input channel, and `parts` are the values that are joined
    to it. `positions` are [row, column] of each value of the window, before pooling. */
function traceOutput(network, maps, number, channel, row, column, blockIndex) {
  const layer = network.layers[number - 1];
  const input = layerInput(network, maps, number);
  const output = layer.outputs[channel];
  const axes = [axisGeometry(layer, 0, input.height), axisGeometry(layer, 1, input.width)];
  const [[top, bottom], [left, right]] = [row, column].map((index, axis) =>
    windowInterval(poolWindows(layer.pool, axis, axes[axis].outputs), index, axes[axis].outputs),
  );
  const positions = Array.from({ length: (bottom - top) * (right - left) }, (_, k) => [
    top + Math.floor(k / (right - left)),
    left + (k % (right - left)),
  ]);
  const traceFilters = (of, y, x) =>
    of.map((filter) =>
      layer.shape
        ? traceFilter(layer, input, axes, filter, y, x)
        : traceInput(network, maps, layer, input, filter, y, x),
    );
  const combine = ({ kind }, filters) => COMBINATIONS[kind](filters.map(({ sum }) => sum));
  const traces = positions.map(([y, x]) => {
    const filters = traceFilters(output.of, y, x);
    const combined = combine(output, filters);
    const combinedOf = (other) =>
      other === channel ? combined : combine(layer.outputs[other], traceFilters(layer.outputs[other].of, y, x));
    return { filters, combined, ...activatedOf(layer, channel, combinedOf) };
  });
  const block = traces.map(({ value }) => value);
  const largest = layer.pool && layer.pool.kind === "max" ? Math.max(0, block.indexOf(Math.max(...block))) : 0;
  const chosen = blockIndex ?? largest;
  return {
    ...traces[chosen],
    channel,
    block,
    blockWidth: right - left,
    positions,
    blockIndex: chosen,
    result: pooledValue(layer.pool, block, [row, column], axes),
  };
}

/** Return the value of a channel at one position after the activation, and after the local response normalization,
    { activated, value }. `combinedOf(channel)` is the value of a channel there before the activation. */
function activatedOf(layer, channel, combinedOf) {
  const response = layer.local_response;
  const count = layer.outputs.length;
  const needed = response ? responseChannels(response, channel, count) : [channel];
  const read = layer.activation === "softmax" ? Array.from({ length: count }, (_, k) => k) : needed;
  const combined = [];
  for (const other of read) combined[other] = combinedOf(other);
  const values = activateAt(layer, combined, needed);
  const activated = values[needed.indexOf(channel)];
  const energy = sumOf(values, (value) => value ** 2);
  return { activated, value: response ? normalizedResponse(response, activated, energy) : activated };
}

/** Return the pooled value of the values of a window; [row, column] is its position after pooling. */
function pooledValue(pooling, values, [row, column], [rows, columns]) {
  if (!pooling) return values[0];
  const windows = [rows, columns].map(({ outputs }, axis) => poolWindows(pooling, axis, outputs));
  const divisors = meanDivisors(pooling, ...windows, { height: rows.outputs, width: columns.outputs });
  return divisors ? sumOf(values) / divisors(row, column) : POOLINGS[pooling.kind](values);
}

/** Return the value of a channel of the joined input at one position, as the sum of a layer without filters. */
function traceInput(network, maps, layer, input, channel, row, column) {
  const parts = inputParts(network, maps, layer, channel).map((part) => {
    const source = maps[part.number];
    const position = partPosition(source, row, column);
    return { ...part, ...position, value: valueAt(source, part.channel, position.row, position.column) };
  });
  return {
    name: layer.filters[channel],
    channel,
    terms: [],
    parts,
    bias: 0,
    sum: valueAt(input, channel, row, column),
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
    const sizes = { largest: largestMagnitude(products), total: totalMagnitude(products) };
    return { channel, patch, weights, rows, columns, ...sizes, sum: withoutRounding(sumOf(products), sizes) };
  });
  const bias = layer.bias[filter];
  const largest = Math.max(...terms.map((term) => term.largest));
  const total = sumOf(terms, (term) => term.total);
  return {
    name: layer.filters[filter],
    terms,
    bias,
    sum: withoutRounding(sumOf(terms, ({ sum }) => sum) + bias, { largest, total }),
  };
}

const MAX_ROUNDING_ERROR = 1e-6; // of a sum, as a share of its largest product
const FACTOR_ERROR = 2 ** -23; // of a sum, as a share of the sum of the magnitudes of its products

/** Return a sum, or 0 if it is only the rounding error of products that cancel, given the largest magnitude of these
    and the sum of all. */
function withoutRounding(sum, { largest, total }) {
  return Math.abs(sum) < Math.max(MAX_ROUNDING_ERROR * largest, FACTOR_ERROR * total) ? 0 : sum;
}

/** Return the sum of the magnitudes of the finite values. */
function totalMagnitude(values) {
  return sumOf(values, (value) => (Number.isFinite(value) ? Math.abs(value) : 0));
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
