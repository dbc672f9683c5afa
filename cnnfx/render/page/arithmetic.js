/* The sum of one pixel in words and tables: patch × weights = products, for each input channel, and what follows. */

const MOST_CELLS = 49; // larger kernels are drawn without numbers
const FEW_CHANNELS = 3; // of more, only the sums are shown until one is opened

/** The explanation of a pixel as elements.

    `told` is what `explain` gives; `layer` the layer; `below(channel)` has { name, color(value) }; `number` that
    of the layer below; `opened` the input channels whose tables are open, where there are many. */
function explanation(told, layer, output, below, number, opened) {
  const several = told.filters.length > 1;
  const many = told.filters.some(({ terms }) => terms.length > FEW_CHANNELS);
  const parts = told.filters.flatMap((filter) => [
    ...(several ? [make("h3", {}, `Filter ${filter.name}`)] : []),
    ...(many ? [sumLine(filter)] : []),
    ...filter.terms.map((term) => termParts(term, filter.terms.length, below(term.channel), number, opened)),
    ...(many ? [] : [sumLine(filter)]),
  ]);
  const steps = [];
  if (output.kind !== "take") steps.push(step(COMBINED[output.kind](told.filters.map(({ sum }) => short(sum))), told.combined));
  if (layer.activation !== "none") steps.push(step(ACTIVATED[layer.activation](short(told.combined)), told.value));
  if (layer.pool) steps.push(poolLine(layer.pool, told));
  return many && !several ? [parts[0], ...steps, ...parts.slice(1)] : [...parts, ...steps];
}

const COMBINED = {
  take: ([value]) => value,
  norm: (values) => `norm: √(${values.map((value) => `${bracketed(value)}²`).join(" + ")})`,
  max: (values) => `max(${values.join(", ")})`,
  sum: (values) => values.map(bracketed).join(" + "),
  mean: (values) => `(${values.map(bracketed).join(" + ")}) / ${values.length}`,
  difference: (values) => values.map(bracketed).join(" − "),
};
const ACTIVATED = { relu: (value) => `ReLU: max(0, ${value})`, abs: (value) => `|${value}|` };

function bracketed(text) {
  return text.startsWith("−") ? `(${text})` : text;
}

function step(how, value) {
  return make("p", { class: "step" }, how, " = ", make("strong", {}, short(value)));
}

/** The sum over the input channels, and the bias. */
function sumLine({ terms, bias, sum }) {
  const sums = terms.length <= 6 && terms.length > 1
    ? terms.map((term) => bracketed(short(term.sum))).join(" + ")
    : `${terms.length} sums, one of each input channel,`;
  const products = terms.length === 1 ? short(terms[0].sum) : sums;
  const line = make("p", { class: "step" });
  line.append(terms.length === 1 ? "sum of the products" : sums);
  if (terms.length === 1 && bias) line.append(` ${products}`);
  if (bias) line.append(` + bias ${bracketed(short(bias))}`);
  line.append(" = ", make("strong", {}, short(sum)));
  return line;
}

function poolLine({ kind, size }, { block, chosen }) {
  const highest = Math.max(...block.map(Math.abs)) || 1;
  const cells = block.map((value, k) => ({ text: short(value, 3), color: GRAYS[Math.round(127.5 + (127.5 * value) / highest) || 0], chosen: k === chosen, within: k }));
  const which = kind === "max" ? "largest" : "mean";
  return make("div", { class: "pool" },
    make("p", { class: "step" }, `${kind}-pool: the ${which} of a block of ${size}×${size}. The sum above is that of the framed one.`),
    numberTable(`block of ${size}×${size}`, size, cells));
}

/** One input channel's share of the sum. */
function termParts(term, count, below, number, opened) {
  if (count <= FEW_CHANNELS) {
    const heading = count > 1 ? [make("h4", {}, `On ${below.name}: ${short(term.sum)}`)] : [];
    return make("div", { class: "term" }, ...heading, product(term, below, number));
  }
  const summary = make("summary", {},
    small(term.patch, term.columns.length, below.color), " × ", small(term.weights, term.columns.length, signed(term.weights)),
    make("span", { class: "name" }, ` ${below.name}`), make("span", { class: "sum" }, short(term.sum)));
  const details = make("details", { class: "channel" }, summary);
  details.open = opened.has(term.channel);
  const fill = () => { if (details.open && details.children.length === 1) details.append(product(term, below, number)); };
  fill();
  details.addEventListener("toggle", () => {
    fill();
    opened[details.open ? "add" : "delete"](term.channel);
  });
  return details;
}

/** Gray levels for numbers of either sign: 0 is mid-gray, the largest magnitude black or white. */
function signed(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const drawn = line("signed", -largest, largest);
  return (value) => GRAYS[level(drawn, value)];
}

/** patch × weights = products, as three tables; as pictures if the kernel is large. */
function product({ patch, weights, rows, columns }, below, number) {
  const products = Array.from(patch, (value, k) => value * weights[k]), width = columns.length;
  if (patch.length > MOST_CELLS) {
    return make("div", { class: "product" },
      pictured("patch", small(patch, width, below.color)), sign("×"),
      pictured("weights", small(weights, width, signed(weights))), sign("="),
      pictured("products", small(products, width, signed(products))));
  }
  const text = (value) => (width > 3 ? short(value, 2).replace(/^(−?)0\./, "$1.") : short(value, window.innerWidth < 480 ? 2 : 3));
  const place = (k) => ({ row: rows[Math.floor(k / width)], column: columns[k % width] });
  const cells = (values, color, more = () => ({})) =>
    Array.from(values, (value, k) => ({ text: text(value), color: color(value), ...more(k) }));
  const under = (k) => ({ ...place(k), padding: place(k).row < 0 || place(k).column < 0, number, channel: below.channel });
  return make("div", { class: "product" },
    numberTable("patch", width, cells(patch, below.color, under)), sign("×"),
    numberTable("weights", width, cells(weights, signed(weights))), sign("="),
    numberTable("products", width, cells(products, signed(products))));
}

function sign(text) {
  return make("span", { class: "sign" }, text);
}

function pictured(caption, picture) {
  return make("figure", {}, make("figcaption", {}, caption), picture);
}

/** Numbers in colored squares. */
function numberTable(caption, width, cells) {
  const table = make("table", { class: width > 3 ? "numbers wide" : "numbers" }, make("caption", {}, caption)), body = make("tbody");
  for (let first = 0; first < cells.length; first += width) {
    body.append(make("tr", {}, ...cells.slice(first, first + width).map(numberCell)));
  }
  table.append(body);
  return table;
}

function numberCell({ text, color, padding, chosen, row, column, number, channel, within }) {
  const cell = make("td", {}, text);
  cell.style.background = css(color);
  cell.style.color = inkOn(color);
  if (padding) {
    cell.className = "padding";
    cell.title = "padding: 0 lies outside the image";
  } else if (row !== undefined) {
    Object.assign(cell.dataset, { row, column, number, channel });
    cell.title = `column ${column}, row ${row}`;
  }
  if (chosen) cell.className = "chosen";
  if (within !== undefined) cell.dataset.within = within;
  return cell;
}

/** A small picture of numbers. */
function small(values, width, color) {
  const canvas = painted(width, values.length / width, (at) => color(values[at]));
  canvas.className = "small";
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
