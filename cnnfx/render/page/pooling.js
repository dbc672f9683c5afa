/* Pooling: the largest or mean value of windows of maps, or of whole maps. */

const POOLINGS = { max: maxOf, mean: meanOf };

/** Return one value for each window. Padding is not among the values; means that count it divide by more than their
    number. */
function* pool(layer, maps) {
  if (!layer.pool) return maps;
  const rows = poolWindows(layer.pool, 0, maps.height);
  const columns = poolWindows(layer.pool, 1, maps.width);
  const divisors = meanDivisors(layer.pool, rows, columns, maps);
  const values = new Float32Array(maps.channels * rows.outputs * columns.outputs);
  const [tops, lefts] = [windowIntervals(rows, maps.height), windowIntervals(columns, maps.width)];
  const window = [];
  let output = 0;
  for (let channel = 0; channel < maps.channels; channel++) {
    const start = channel * maps.height * maps.width;
    for (let row = 0; row < rows.outputs; row++) {
      for (let column = 0; column < columns.outputs; column++) {
        fillWindow(window, maps, start, tops[row], lefts[column]);
        values[output++] = divisors ? sumOf(window) / divisors(row, column) : POOLINGS[layer.pool.kind](window);
      }
    }
    yield;
  }
  return { channels: maps.channels, height: rows.outputs, width: columns.outputs, values };
}

function windowIntervals(windows, length) {
  return Array.from({ length: windows.outputs }, (_, output) => windowInterval(windows, output, length));
}

/** Fill `window` with the values of the rows and columns of two intervals of the channel that begins at `start`. */
function fillWindow(window, { values, width }, start, [top, bottom], [left, right]) {
  window.length = (bottom - top) * (right - left);
  for (let row = top, k = 0; row < bottom; row++) {
    for (let column = left; column < right; column++) window[k++] = values[start + row * width + column];
  }
}

/** Return a function from a window to the number that its mean divides by, null where that is the number of its values.
    Rows and columns that `ceil` adds beyond the padding do not count. */
function meanDivisors({ kind, countPadding, padding }, rows, columns, { height, width }) {
  if (kind !== "mean" || !countPadding) return null;
  const counted = ({ size, stride, before }, output, length, after) =>
    Math.min(output * stride - before + size, length + after) - (output * stride - before);
  return (row, column) => counted(rows, row, height, padding[0][1]) * counted(columns, column, width, padding[1][1]);
}
