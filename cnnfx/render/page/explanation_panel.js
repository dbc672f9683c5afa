/* The panel that explains the selected pixel, the marks on the maps, and the text for screen readers. */

const MAX_MARKS = 400; // rectangles on a map; a field of more is marked by its bounding box
const ANNOUNCEMENT_DELAY = 300; // milliseconds without a change

/** Announce a text to screen readers, once it has not changed for a moment. */
function announce(text) {
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => {
    byId("announcement").textContent = text;
  }, ANNOUNCEMENT_DELAY);
}

/** Explain the selected pixel: its receptive field on the maps, and its arithmetic in the panel. */
function explainSelection(page) {
  const { view, row, column } = page.selected;
  const { layer: number, channel } = view;
  byId("pin").setAttribute("aria-pressed", String(page.pinned));
  byId("pin").textContent = page.pinned ? "Pinned" : "Pin";
  const trace = number ? traceOutput(page.network, page.maps, number, channel, row, column, page.blockIndex) : null;
  const marked = page.views.flat().filter(({ marks }) => marks.length);
  marked.forEach((other) => {
    other.marks = [];
  });
  view.marks = [{ kind: "position", top: row, left: column, bottom: row + 1, right: column + 1 }];
  if (trace) markReceptiveField(page, trace);
  new Set([...marked, ...page.views.flat().filter(({ marks }) => marks.length)]).forEach((other) => other.draw());
  const position = `column ${column}, row ${row}`;
  if (trace) explainOutput(page, trace, position);
  else explainInput(page, row, column, position);
}

/** Mark the receptive field on all maps below, and with pooling the patch of the sum that is shown. */
function markReceptiveField(page, trace) {
  const { view, row, column } = page.selected;
  const fields = receptiveField(page.network, page.maps, view.layer, view.channel, row, column);
  fields.forEach(({ rows, columns, channels }, number) => {
    const marks = rectangles(rows, columns, "field");
    if (number === view.layer - 1 && trace.block.length > 1) {
      const { terms } = trace.filters[0];
      const inside = (indexes) => [...new Set(indexes)].filter((index) => index >= 0).sort((a, b) => a - b);
      marks.push(...rectangles(inside(terms[0].rows), inside(terms[0].columns), "patch"));
    }
    for (const channel of number ? channels : [0]) page.views[number][channel].marks = marks;
  });
}

/** Return rectangles that cover some rows and columns. */
function rectangles(rows, columns, kind) {
  let [vertical, horizontal] = [intervals(rows), intervals(columns)];
  if (vertical.length * horizontal.length > MAX_MARKS) {
    [vertical, horizontal] = [vertical, horizontal].map((all) => [[all[0][0], all[all.length - 1][1]]]);
  }
  return vertical.flatMap(([top, bottom]) => horizontal.map(([left, right]) => ({ kind, top, left, bottom, right })));
}

function explainOutput(page, trace, position) {
  const { layer: number, channel } = page.selected.view;
  const layer = page.network.layers[number - 1];
  const output = layer.outputs[channel];
  const name = channelTitle(output.name);
  byId("where").replaceChildren(createElement("strong", {}, name), `, layer ${number}, ${position}`);
  byId("value").replaceChildren(
    largeNumber(trace.result),
    colorBar(page.scales[number][channel], page.tables[page.colorScale.colormap], trace.result),
  );
  byId("sum").replaceChildren(
    ...normalizationNote(page, number),
    ...explanationElements(
      trace,
      layer,
      output,
      (below) => describeChannel(page, number - 1, below),
      number - 1,
      page.opened,
    ),
  );
  const sums = trace.filters.map((filter) => {
    const prefix = trace.filters.length > 1 ? `filter ${filter.name}: ` : "";
    const bias = filter.bias ? `, bias ${numberText(filter.bias)}` : "";
    return `${prefix}products ${numberText(filter.sum - filter.bias)}${bias}`;
  });
  announce(
    `${name}, layer ${number}, ${position}: ${sums.join("; ")}; value ${numberText(trace.result)}.${page.pinned ? " Pinned." : ""}`,
  );
}

/** Return the name of a channel outside its layer: "map 3" if the name is a number. */
function channelTitle(name) {
  return /^\d+$/.test(name) ? `map ${name}` : name;
}

/** Return a note on how the image is normalized, for pixels of the first layer. */
function normalizationNote({ network: { mean, std } }, number) {
  if (number > 1 || (mean === 0 && std === 1)) return [];
  return [
    createElement(
      "p",
      { class: "note" },
      `Input of the first layer: (pixel − mean ${numberText(mean)}) / std ${numberText(std)}.`,
    ),
  ];
}

/** Return the title of a channel of layer `number` (0 is the input), and a function from its values to colors. */
function describeChannel(page, number, channel) {
  const { mean, std, layers } = page.network;
  if (number === 0) {
    const name = page.data.image.channels[channel] ?? `channel ${channel}`;
    return { name, channel, color: (value) => GRAYS[levelOf(page.inputScale, value * std + mean)] };
  }
  const scale = page.scales[number][channel];
  const table = page.tables[page.colorScale.colormap];
  return {
    name: channelTitle(layers[number - 1].outputs[channel].name),
    channel,
    color: (value) => table[levelOf(scale, value)],
  };
}

function explainInput(page, row, column, position) {
  const names = page.isDrawing ? ["ink"] : page.data.image.channels;
  const isPicture = page.isDrawing || !page.data.image.isArray;
  const values = names.map((_, channel) => valueAt(page.input, channel, row, column));
  const what = names.length > 1 ? `Values of the channels ${names.join(", ")}` : "The value of this pixel";
  byId("where").replaceChildren(createElement("strong", {}, "input"), `, ${position}`);
  byId("value").replaceChildren(...values.map(largeNumber));
  byId("sum").replaceChildren(createElement("p", {}, what, isPicture ? "; 0 is black, 1 is white." : "."));
  announce(`input, ${position}: ${values.map((value) => numberText(value)).join(", ")}`);
}

function largeNumber(value) {
  return createElement("output", { class: "number", "data-value": value }, numberText(value));
}

/** Return the colors of a map from the lowest to the highest value, with a mark at a value. */
function colorBar(scale, table, value) {
  const stops = Array.from({ length: 17 }, (_, k) => cssColor(table[Math.min(255, 16 * k)])).join(", ");
  const colors = createElement("div", { class: "colors" });
  const tick = createElement("div", { class: "tick" });
  colors.style.background = `linear-gradient(to right, ${stops})`;
  tick.style.left = `${(100 * levelOf(scale, value)) / 255}%`;
  colors.append(tick);
  const ends = scale.scale ? [(0 - scale.offset) / scale.scale, (255 - scale.offset) / scale.scale] : [value, value];
  return createElement(
    "div",
    { class: "scale", "aria-hidden": "true" },
    colors,
    createElement("div", { class: "ends" }, ...ends.map((end) => createElement("span", {}, numberText(end, 3)))),
  );
}
