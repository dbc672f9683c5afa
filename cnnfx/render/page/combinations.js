/* Combinations of feature maps into output channels. */

/** Return the sum of f(value) for all values. */
function sumOf(values, f = (value) => value) {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += f(values[k]);
  return sum;
}

/** Return the largest value; NaN if one is NaN. */
function maxOf(values) {
  let largest = values[0];
  for (let k = 1; k < values.length; k++) largest = Math.max(largest, values[k]);
  return largest;
}

const meanOf = (values) => sumOf(values) / values.length;

const COMBINATIONS = {
  take: (values) => values[0],
  norm: (values) => Math.sqrt(sumOf(values, (value) => value * value)),
  max: maxOf,
  sum: (values) => sumOf(values),
  mean: meanOf,
  difference: (values) => values[0] - sumOf(values.slice(1)),
};

/** Return the output channels computed from the feature maps of the filters. */
function* combine(layer, maps) {
  const { outputs } = layer;
  const size = maps.height * maps.width;
  if (outputs.length === maps.channels && outputs.every(({ kind, of }, index) => kind === "take" && of[0] === index))
    return maps;
  const values = new Float32Array(outputs.length * size);
  for (const [index, { kind, of }] of outputs.entries()) {
    const channels = of.map((filter) => maps.values.subarray(filter * size, (filter + 1) * size));
    if (kind === "take") values.set(channels[0], index * size);
    else combinePixels(COMBINATIONS[kind], channels, values.subarray(index * size, (index + 1) * size));
    yield;
  }
  return { ...maps, channels: outputs.length, values };
}

/** Write a function of the values of several channels at each pixel into `result`. */
function combinePixels(combination, channels, result) {
  const values = new Array(channels.length).fill(0);
  for (let pixel = 0; pixel < result.length; pixel++) {
    for (let k = 0; k < values.length; k++) values[k] = channels[k][pixel];
    result[pixel] = combination(values);
  }
}
