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
  byId("explanation-heading").textContent = page.isStrongest ? "Strongest pixel of the last layer" : "Selected pixel";
  const trace = number ? traceOutput(page.network, page.maps, number, channel, row, column, page.blockIndex) : null;
  const marked = page.views.flat().filter(({ marks }) => marks.length);
  marked.forEach((other) => {
    other.marks = [];
  });
  view.marks = [{ kind: "position", top: row, left: column, bottom: row + 1, right: column + 1 }];
  if (trace) markReceptiveField(page, trace);
  new Set([...marked, ...page.views.flat().filter(({ marks }) => marks.length)]).forEach((other) => other.draw());
  page.channelView.showPixel(page.selected, trace);
  const position = `column ${column}, row ${row}`;
  if (trace) explainOutput(page, trace, position);
  else explainInput(page, row, column, position);
}

/** Mark the receptive field on all maps below, and with pooling the patch of the sum that is shown. Before a pixel is
    pointed at or pinned, only the input is marked. */
function markReceptiveField(page, trace) {
  const { view, row, column } = page.selected;
  const fields = receptiveField(page.network, page.maps, view.layer, view.channel, row, column);
  fields.forEach(({ rows, columns, channels }, number) => {
    if (number && page.isStrongest && !page.pinned) return;
    const marks = rectangles(rows, columns, page.isPointing ? "field" : "outline");
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
    colorBar(page.scales[number][channel], page.table, { value: trace.result }),
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
    const name = page.source.channels[channel] ?? `channel ${channel}`;
    return { name, channel, color: (value) => GRAYS[levelOf(page.inputScale, value * std + mean)] };
  }
  const scale = page.scales[number][channel];
  return {
    name: channelTitle(layers[number - 1].outputs[channel].name),
    channel,
    color: (value) => colorOf(scale, value, page.table),
  };
}

function explainInput(page, row, column, position) {
  const { image, channels: names, isPicture } = page.source;
  const values = names.map((_, channel) => valueAt(image, channel, row, column));
  const what = names.length > 1 ? `Values of the channels ${names.join(", ")}` : "The value of this pixel";
  byId("where").replaceChildren(createElement("strong", {}, "input"), `, ${position}`);
  byId("value").replaceChildren(...values.map(largeNumber));
  byId("sum").replaceChildren(createElement("p", {}, what, isPicture ? "; 0 is black, 1 is white." : "."));
  announce(`input, ${position}: ${values.map((value) => numberText(value)).join(", ")}`);
}

function largeNumber(value) {
  return createElement("output", { class: "number", "data-value": value }, numberText(value));
}
