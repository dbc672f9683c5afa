/* A network of one layer as the text of a filter file. */

/** Return the text of a filter file with a layer's weights and settings, for a network of this name and input. `inputs`
    are the names of its channels. */
function filterFile({ name, input }, layer, inputs) {
  const lines = [`name = ${tomlText(name.replace(/[/\\:]/g, "-"))}`, ...settingLines(layer), ...inputLines(input)];
  layer.filters.forEach((filter, index) => {
    lines.push("", "[[filter]]", `name = ${tomlText(filter)}`, weightsLine(layer, index, inputs));
    if (layer.bias[index]) lines.push(`bias = ${tomlNumber(layer.bias[index])}`);
  });
  return `${lines.join("\n")}\n`;
}

/** Return the settings that are not the defaults, one in each line. */
function settingLines(layer) {
  const { stride, dilation, padding, border, activation, slope, pool, outputs, filters } = layer;
  const response = layer.local_response;
  const lines = [];
  if (stride.some((step) => step !== 1)) lines.push(`stride = ${JSON.stringify(stride)}`);
  if (dilation.some((step) => step !== 1)) lines.push(`dilation = ${JSON.stringify(dilation)}`);
  if (padding === "same" || padding.flat().some(Boolean)) lines.push(`padding = ${JSON.stringify(padding)}`);
  if (border !== "constant") lines.push(`border = ${tomlText(border)}`);
  if (activation !== "none") lines.push(`activation = ${tomlText(activation)}`);
  if (slope !== undefined) lines.push(`slope = ${JSON.stringify(slope)}`);
  if (response) lines.push(`local_response = ${tomlTable(response)}`);
  if (pool) lines.push(`pool = ${tomlPool(pool)}`);
  const combinations = outputs.filter(({ kind }) => kind !== "take");
  const entries = combinations.map(({ name, kind, of }) => {
    const names = of.map((index) => tomlText(filters[index])).join(", ");
    return `{ name = ${tomlText(name)}, kind = ${tomlText(kind)}, of = [${names}] }`;
  });
  if (entries.length) lines.push(`combine = [${entries.join(", ")}]`);
  return lines;
}

/** Return the table of the input, if values are normalized. */
function inputLines(input) {
  if (!isNormalized(input)) return [];
  return ["", "[input]", ...Object.entries(input).map(([key, numbers]) => `${key} = ${JSON.stringify(numbers)}`)];
}

/** Return a pooling as "max:2", or as a table if it is not of adjacent squares. */
function tomlPool({ kind, size, stride, padding, ceil, countPadding, isBlocks }) {
  if (!size) return tomlText(`${kind}:all`);
  return isBlocks
    ? tomlText(`${kind}:${size[0]}`)
    : tomlTable({ kind, size, stride, padding, ceil, count_padding: countPadding });
}

function tomlTable(values) {
  return `{ ${Object.entries(values)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
    .join(", ")} }`;
}

/** Return the weights of a filter: one matrix if all input channels have the same, otherwise one for each channel. */
function weightsLine(layer, filter, inputs) {
  const kernels = Array.from({ length: layer.shape[1] }, (_, slice) => kernelOf(layer, filter, slice));
  const isSame = kernels.every((kernel) => kernel.every((weight, k) => weight === kernels[0][k]));
  const width = layer.shape[3];
  if (layer.groups > 1) {
    const entries = kernels.map((kernel, slice) => {
      const channel = inputs[inputChannel(layer, filter, slice)];
      return `${tomlText(channel)} = ${matrixText(kernel, width, 0)}`;
    });
    return `inputs = { ${entries.join(", ").replace(/\n */g, " ")} }`;
  }
  if (isSame) return `weights = ${matrixText(kernels[0], width, 11)}`;
  return `weights = [${kernels.map((kernel) => matrixText(kernel, width, 12)).join(`,\n${" ".repeat(11)}`)}]`;
}

/** Return a matrix in aligned columns, its lines after the first indented by some spaces. */
function matrixText(kernel, width, indent) {
  const texts = Array.from(kernel, tomlNumber);
  const length = Math.max(...texts.map((text) => text.length));
  const rows = [];
  for (let start = 0; start < texts.length; start += width) {
    const row = texts.slice(start, start + width).map((text) => text.padStart(length));
    rows.push(`[${row.join(", ")}]`);
  }
  return `[${rows.join(`,\n${" ".repeat(indent)}`)}]`;
}

/** Return the shortest decimal number that is the same float32. */
function tomlNumber(number) {
  for (let digits = 1; digits < 9; digits++) {
    const text = number.toPrecision(digits);
    if (Math.fround(Number(text)) === number) return String(Number(text));
  }
  return String(Number(number.toPrecision(9)));
}

/** Return a text in quotes. Names in filter files are printable, so other characters become spaces. */
function tomlText(text) {
  return JSON.stringify(text.replace(/[\p{C}\p{Z}]/gu, " "));
}
