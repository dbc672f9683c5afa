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
  byId("explanation-heading").textContent = page.isStrongest ? strongestTitle(page) : "Selected pixel";
  const traceOf = (from) =>
    traceOutput(page.network, page.maps, from.number, from.channel, row, column, page.blockIndex);
  const trace = number ? traceOf({ number, channel }) : null;
  const source = number ? computingChannel(page.network, page.maps, number, channel) : null; // where the sums are
  const sourceTrace = source && source.number !== number ? traceOf(source) : null;
  const marked = page.views.flat().filter(({ marks }) => marks.length);
  marked.forEach((other) => {
    other.marks = [];
  });
  view.marks = [{ kind: "position", top: row, left: column, bottom: row + 1, right: column + 1 }];
  if (trace) markReceptiveField(page, trace);
  new Set([...marked, ...page.views.flat().filter(({ marks }) => marks.length)]).forEach((other) => other.draw());
  page.channelView.showPixel(page.selected, sourceTrace ?? trace);
  const position = `column ${column}, row ${row}`;
  if (trace) explainOutput(page, trace, sourceTrace && { ...source, trace: sourceTrace }, position);
  else explainInput(page, row, column, position);
}

/** Return the heading of the pixel that is explained before one is pointed at. */
function strongestTitle({ network, shown, bestClass }) {
  const last = shown[shown.length - 1];
  if (bestClass !== null && hasClassMaps(network, last)) return `Strongest pixel of ${network.classes[bestClass]}`;
  const { name } = network.layers[last - 1];
  return name ? `Strongest pixel of ${name}` : "Strongest pixel of the last layer";
}

/** Mark the receptive field on all maps below, and with pooling the patch of the sum that is shown. Before a pixel is
    pointed at or pinned, only the input is marked. */
function markReceptiveField(page, trace) {
  const { view, row, column } = page.selected;
  const fields = receptiveField(page.network, page.sizes, page.maps[0].channels, view.layer, view.channel, row, column);
  const { sources } = page.network.layers[view.layer - 1];
  fields.forEach((field, number) => {
    if (!field || (number && page.isStrongest && !page.pinned) || !page.views[number].length) return;
    const { rows, columns, channels } = field;
    const marks = rectangles(rows, columns, page.isPointing ? "field" : "outline");
    const { terms } = trace.filters[0];
    if (sources.includes(number) && trace.block.length > 1 && terms.length) {
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

/** Show the arithmetic of the selected output. If its layer only passes it on, `source` is { number, channel, trace }
    of the layer that computes it. */
function explainOutput(page, trace, source, position) {
  const { layer: number, channel } = page.selected.view;
  const layer = page.network.layers[number - 1];
  const output = layer.outputs[channel];
  const name = channelTitle(output.name);
  byId("where").replaceChildren(createElement("strong", {}, name), `, ${layer.title}, ${position}`);
  byId("value").replaceChildren(
    largeNumber(trace.result),
    colorBar(page.scales[number][channel], page.table, { value: trace.result }),
  );
  byId("sum").replaceChildren(
    ...traceElements(page, number, channel, trace),
    ...(source ? sourceElements(page, source) : []),
  );
  const sums = trace.filters.map((filter) => {
    const prefix = trace.filters.length > 1 ? `filter ${filter.name}: ` : "";
    const bias = filter.bias ? `, bias ${numberText(filter.bias)}` : "";
    return `${prefix}products ${numberText(filter.sum - filter.bias)}${bias}`;
  });
  announce(
    `${name}, ${layer.title}, ${position}: ${sums.join("; ")}; value ${numberText(trace.result)}.${page.pinned ? " Pinned." : ""}`,
  );
}

/** Return the elements that explain an output of layer `number`. */
function traceElements(page, number, channel, trace) {
  const layer = page.network.layers[number - 1];
  const inputOf = (below) => describeInputChannel(page, layer, below);
  return [
    ...normalizationNote(page, number),
    ...explanationElements(trace, layer, layer.outputs[channel], inputOf, page.opened),
  ];
}

/** Return the elements that explain an output of a layer whose maps another layer passes on. */
function sourceElements(page, { number, channel, trace }) {
  const layer = page.network.layers[number - 1];
  const name = channelTitle(layer.outputs[channel].name);
  return [
    createElement("h3", {}, `How ${name} of ${layer.title} is computed`),
    createElement("p", { class: "about" }, layerText(layer)),
    ...traceElements(page, number, channel, trace),
  ];
}

/** Return the name of a channel outside its layer: "map 3" if the name is a number. */
function channelTitle(name) {
  return /^\d+$/.test(name) ? `map ${name}` : name;
}

/** Return a note on how the image is normalized, for pixels of a layer that reads the image. */
function normalizationNote({ network: { input, layers }, source }, number) {
  if (!layers[number - 1].sources.includes(0) || !isNormalized(input)) return [];
  const { scale, mean, std } = input;
  const pixel = scale === 1 ? "pixel" : `pixel × ${numberText(scale)}`;
  const text = (numbers) =>
    new Set(numbers).size === 1
      ? numberText(numbers[0])
      : `${numbers.map((one) => numberText(one)).join(", ")} of ${source.channels.join(", ")}`;
  const reader = number === 1 ? "the first layer" : "this layer";
  const note = `Input of ${reader}: (${pixel} − mean ${text(mean)}) / std ${text(std)}.`;
  return [createElement("p", { class: "note" }, note)];
}

/** Return a channel of layer `number` (0 is the input) as { name, number, channel, isShown, color }: isShown says that
    its map is on the page, and color is a function from its values to colors. */
function describeChannel(page, number, channel) {
  const { input, layers } = page.network;
  if (number === 0) {
    const name = page.source.channels[channel] ?? `channel ${channel}`;
    const color = (value) => GRAYS[levelOf(page.inputScale, denormalizeValue(input, channel, value))];
    return { name, number, channel, isShown: true, color };
  }
  const scale = page.scales[number][channel];
  return {
    name: channelTitle(layers[number - 1].outputs[channel].name),
    number,
    channel,
    isShown: page.views[number].length > 0,
    color: (value) => colorOf(scale, value, page.table),
  };
}

/** Describe a channel of a layer's joined input as `describeChannel` does; `parts` are the channels that it is made
    from. The number, the channel and isShown are left out if these are several. */
function describeInputChannel(page, layer, channel) {
  const { network, maps } = page;
  const parts = inputParts(network, maps, layer, channel).map((part) =>
    describeChannel(page, part.number, part.channel),
  );
  if (layer.sources.length > 1 || !layer.shape) {
    for (const part of parts) if (part.number) part.name = `${network.layers[part.number - 1].title} ${part.name}`;
  }
  if (parts.length === 1) return { ...parts[0], parts };
  const input = layerInput(network, maps, layer.number);
  const size = input.height * input.width;
  const values = { ...input, channels: 1, values: input.values.subarray(channel * size, (channel + 1) * size) };
  const [{ low, high }] = channelRanges(values);
  const scale = linearScale("signed", low, high);
  const sign = layer.join === "add" ? " + " : " × ";
  const name = parts.map((part) => part.name).join(sign);
  return { name, parts, color: (value) => colorOf(scale, value, page.table) };
}

function explainInput(page, row, column, position) {
  const { image, channels: names, hasOwnRange } = page.source;
  const values = names.map((_, channel) => valueAt(image, channel, row, column));
  const what = names.length > 1 ? `Values of the channels ${names.join(", ")}` : "The value of this pixel";
  byId("where").replaceChildren(createElement("strong", {}, "input"), `, ${position}`);
  byId("value").replaceChildren(...values.map(largeNumber));
  byId("sum").replaceChildren(createElement("p", {}, what, hasOwnRange ? "." : "; 0 is black, 1 is white."));
  announce(`input, ${position}: ${values.map((value) => numberText(value)).join(", ")}`);
}

function largeNumber(value) {
  return createElement("output", { class: "number", "data-value": value }, numberText(value));
}
