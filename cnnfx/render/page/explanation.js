/* The arithmetic of one output as elements: patch × weights = products for each input channel, then the sum,
   combination, activation and pooling. */

const MAX_NUMBER_CELLS = 49; // weights of a kernel; larger kernels are shown as pictures without numbers
const MAX_OPEN_CHANNELS = 3; // input channels; with more, each has a line that opens its tables
const MAX_LISTED_CHANNELS = 64; // input channels; of more, only those that add most are listed
const TOP_CHANNELS = 24; // of many
const MAX_POOL_CELLS = 100; // values of a pooled window; larger ones are shown as a picture without numbers

/** Return the elements that explain an output.

    `trace` is the result of traceOutput; `inputOf(channel)` describes a channel of the layer's joined input, see
    describeInputChannel; `opened` is the set of input channels whose tables are open. */
function explanationElements(trace, layer, output, inputOf, opened) {
  const isCombination = trace.filters.length > 1;
  const filters = trace.filters.map((filter) => ({ ...filter, connected: connectedTerms(filter) }));
  const hasManyChannels = filters.some(({ connected }) => connected.length > MAX_OPEN_CHANNELS);
  const parts = filters.flatMap((filter) => [
    ...(isCombination ? [createElement("h3", {}, `Filter ${filter.name}`)] : []),
    ...(hasManyChannels ? [sumLine(filter)] : []),
    ...(layer.shape ? termElements(filter, inputOf, opened) : [joinedElement(layer, filter, inputOf)]),
    ...(hasManyChannels || !layer.shape ? [] : [sumLine(filter)]),
  ]);
  const steps = [];
  if (output.kind !== "take")
    steps.push(
      stepLine(COMBINATION_TEXTS[output.kind](trace.filters.map(({ sum }) => numberText(sum))), trace.combined),
    );
  if (layer.activation !== "none") steps.push(stepLine(activationText(layer, trace), trace.activated));
  if (layer.local_response) steps.push(stepLine(responseText(layer.local_response, trace.activated), trace.value));
  if (layer.pool) steps.push(poolingElement(layer, trace));
  return hasManyChannels && !isCombination ? [parts[0], ...steps, ...parts.slice(1)] : [...parts, ...steps];
}

/** Return the terms of the channels that a filter reads; the first one if all its weights are 0. */
function connectedTerms({ terms }) {
  const connected = terms.filter(({ weights }) => weights.some((weight) => weight !== 0));
  return connected.length ? connected : terms.slice(0, 1);
}

const COMBINATION_TEXTS = {
  norm: (values) => `norm: √(${values.map((value) => `${inParentheses(value)}²`).join(" + ")})`,
  max: (values) => `max(${values.join(", ")})`,
  sum: (values) => values.map(inParentheses).join(" + "),
  mean: (values) => `(${values.map(inParentheses).join(" + ")}) / ${values.length}`,
  difference: (values) => values.map(inParentheses).join(" − "),
};
const ACTIVATION_TEXTS = {
  relu: (value) => `ReLU: max(0, ${value})`,
  abs: (value) => `|${value}|`,
  relu6: (value) => `ReLU6: min(6, max(0, ${value}))`,
  sigmoid: (value) => `sigmoid: 1 / (1 + exp(−${inParentheses(value)}))`,
  tanh: (value) => `tanh(${value})`,
  hard_sigmoid: (value) => `hard sigmoid: min(1, max(0, ${value} / 6 + 1/2))`,
  hard_swish: (value) => `hard swish: ${value} × min(1, max(0, ${value} / 6 + 1/2))`,
  softmax: (value) => `softmax: exp(${value}) / the sum over all channels`,
};

/** Return the activation of a value as a formula. */
function activationText(layer, { combined, channel }) {
  const value = numberText(combined);
  if (layer.activation in ACTIVATION_TEXTS) return ACTIVATION_TEXTS[layer.activation](value);
  const slope = numberText(slopeOf(layer, channel));
  const name = ACTIVATION_NAMES[layer.activation];
  return combined > 0 ? `${name}: ${value} > 0` : `${name}: ${slope} × ${inParentheses(value)}`;
}

function responseText({ size, alpha, beta, k }, value) {
  const energy = `${numberText(k)} + ${numberText(alpha / size)} × the squares of ${size} channels`;
  return `local response: ${numberText(value)} / (${energy})^${numberText(beta)}`;
}

/** Return a number in parentheses if it is negative. */
function inParentheses(text) {
  return text.startsWith("−") ? `(${text})` : text;
}

function stepLine(text, value) {
  return createElement("p", { class: "step" }, text, " = ", createElement("strong", {}, numberText(value)));
}

/** Return the sum over the input channels, and the bias. */
function sumLine({ connected, bias, sum }) {
  const sums =
    connected.length <= 6 && connected.length > 1
      ? connected.map((term) => inParentheses(numberText(term.sum))).join(" + ")
      : `sum over ${connected.length} input channels`;
  const line = createElement("p", { class: "step" });
  line.append(connected.length === 1 ? "sum of the products" : sums);
  if (connected.length === 1 && bias) line.append(` ${numberText(connected[0].sum)}`);
  if (bias) line.append(` + bias ${inParentheses(numberText(bias))}`);
  line.append(" = ", createElement("strong", {}, numberText(sum)));
  return line;
}

function poolingElement({ pool }, { block, blockWidth, blockIndex }) {
  const color = signedGrays(block);
  const height = block.length / blockWidth;
  const what = pool.kind === "max" ? "largest value" : "mean";
  const window = pool.size ? `a ${blockWidth}×${height} ${pool.isBlocks ? "block" : "window"}` : "the whole map";
  const text = `${pool.kind} pooling: the ${what} of ${window}.`;
  if (block.length > MAX_POOL_CELLS) {
    const line = createElement(
      "p",
      { class: "step" },
      `${text} The sum above is for one of its ${block.length} values.`,
    );
    return createElement(
      "div",
      { class: "pool" },
      line,
      captionedPicture(`${blockWidth}×${height} values`, smallPicture(block, blockWidth, color)),
    );
  }
  const cells = block.map((value, index) => ({
    text: numberText(value, 3),
    color: color(value),
    isChosen: index === blockIndex,
    blockIndex: index,
  }));
  return createElement(
    "div",
    { class: "pool" },
    createElement("p", { class: "step" }, `${text} The sum above is for the outlined value.`),
    numberTable(`${blockWidth}×${height} ${pool.isBlocks ? "block" : "window"}`, blockWidth, cells),
  );
}

/** Return the values that are joined to an input channel of a layer without filters, and the result. */
function joinedElement(layer, { channel, parts, sum }, inputOf) {
  const inputs = inputOf(channel).parts;
  const cells = parts.map(({ row, column, value }, index) => {
    const { name, color, number, isShown, channel: from } = inputs[index];
    const place = isShown ? { row, column, layer: number, channel: from } : {};
    return numberTable(name, 1, [{ text: numberText(value, 3), color: color(value), ...place }]);
  });
  const sign = layer.join === "add" ? "+" : "×";
  const elements = cells.flatMap((cell, index) => (index ? [signElement(sign), cell] : [cell]));
  if (parts.length > 1) elements.push(signElement("="), createElement("strong", { class: "sign" }, numberText(sum)));
  return createElement("div", { class: "product joined" }, ...elements);
}

/** Return the products of each input channel that a filter reads, and the number of the others. */
function termElements({ terms, connected }, inputOf, opened) {
  const isLong = connected.length > MAX_LISTED_CHANNELS;
  const bySize = (a, b) => Math.abs(b.sum) - Math.abs(a.sum);
  const listed = isLong ? [...connected].sort(bySize).slice(0, TOP_CHANNELS) : connected;
  const elements = listed.map((term) =>
    termElement(term, connected.length, terms.length, inputOf(term.channel), opened),
  );
  const notes = [];
  if (isLong) {
    const rest = sumOf(connected, ({ sum }) => sum) - sumOf(listed, ({ sum }) => sum);
    notes.push(`${connected.length - listed.length} other input channels add ${numberText(rest)} together.`);
  }
  const others = terms.length - connected.length;
  if (others) notes.push(`${others} other input channel${others > 1 ? "s have" : " has"} weights of 0.`);
  return [...elements, ...notes.map((note) => createElement("p", { class: "note" }, note))];
}

/** Return the products of one of `count` input channels that a filter reads, of `depth` in all. */
function termElement(term, count, depth, input, opened) {
  if (count <= MAX_OPEN_CHANNELS) {
    const heading = depth > 1 ? [createElement("h4", {}, `On ${input.name}: ${numberText(term.sum)}`)] : [];
    return createElement("div", { class: "term" }, ...heading, productElement(term, input));
  }
  const width = term.columns.length;
  const summary = createElement(
    "summary",
    {},
    smallPicture(term.patch, width, input.color),
    " × ",
    smallPicture(term.weights, width, signedGrays(term.weights)),
    createElement("span", { class: "name" }, ` ${input.name}`),
    createElement("span", { class: "sum" }, numberText(term.sum)),
  );
  const details = createElement("details", { class: "channel" }, summary);
  details.open = opened.has(term.channel);
  const fill = () => {
    if (details.open && details.children.length === 1) details.append(productElement(term, input));
  };
  fill();
  details.addEventListener("toggle", () => {
    fill();
    opened[details.open ? "add" : "delete"](term.channel);
  });
  return details;
}

/** Return patch × weights = products, as three tables, or as three pictures if the kernel is large. */
function productElement({ patch, weights, rows, columns }, input) {
  const products = Array.from(patch, (value, k) => value * weights[k]);
  const width = columns.length;
  if (patch.length > MAX_NUMBER_CELLS) {
    return createElement(
      "div",
      { class: "product" },
      captionedPicture("patch", smallPicture(patch, width, input.color)),
      signElement("×"),
      captionedPicture("weights", smallPicture(weights, width, signedGrays(weights))),
      signElement("="),
      captionedPicture("products", smallPicture(products, width, signedGrays(products))),
    );
  }
  const text = (value) =>
    width > 3 ? numberText(value, 2).replace(/^(−?)0\./, "$1.") : numberText(value, window.innerWidth < 480 ? 2 : 3);
  const cells = (values, color, more = () => ({})) =>
    Array.from(values, (value, k) => ({ text: text(value), color: color(value), ...more(k) }));
  const source = (k) => {
    const row = rows[Math.floor(k / width)];
    const column = columns[k % width];
    const isPadding = row < 0 || column < 0;
    return input.isShown ? { row, column, isPadding, layer: input.number, channel: input.channel } : { isPadding };
  };
  return createElement(
    "div",
    { class: "product" },
    numberTable("patch", width, cells(patch, input.color, source)),
    signElement("×"),
    numberTable("weights", width, cells(weights, signedGrays(weights))),
    signElement("="),
    numberTable("products", width, cells(products, signedGrays(products))),
  );
}

function signElement(text) {
  return createElement("span", { class: "sign" }, text);
}

function captionedPicture(caption, picture) {
  return createElement("figure", {}, createElement("figcaption", {}, caption), picture);
}

/** Return a table of numbers in colored cells. */
function numberTable(caption, width, cells) {
  const table = createElement(
    "table",
    { class: width > 3 ? "numbers wide" : "numbers" },
    createElement("caption", {}, caption),
  );
  const body = createElement("tbody");
  for (let first = 0; first < cells.length; first += width) {
    body.append(createElement("tr", {}, ...cells.slice(first, first + width).map(numberCell)));
  }
  table.append(body);
  return table;
}

/** Return a table cell. Its data attributes name the pixel of the input, or the value of the pooled block, that a click
    selects. */
function numberCell({ text, color, isPadding, isChosen, row, column, layer, channel, blockIndex }) {
  const cell = createElement("td", {}, text);
  cell.style.background = cssColor(color);
  cell.style.color = textColorOn(color);
  if (isPadding) {
    cell.className = "padding";
    cell.title = "zero padding outside the image";
  } else if (row !== undefined) {
    Object.assign(cell.dataset, { row, column, layer, channel });
    cell.title = `column ${column}, row ${row}`;
  }
  if (isChosen) cell.className = "chosen";
  if (blockIndex !== undefined) cell.dataset.blockIndex = blockIndex;
  return cell;
}

/** Return a small picture with one pixel for each number. */
function smallPicture(values, width, color) {
  const canvas = drawPixels(width, values.length / width, (index) => color(values[index]));
  canvas.className = "small";
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
