/* The chosen pixel: its marks on the maps, its sum in the panel, and what is said of it. */

/** Say something to who does not see the page, when it has been the same for a moment. */
function speak(text) {
  clearTimeout(speak.timer);
  speak.timer = setTimeout(() => { find("spoken").textContent = text; }, 300);
}

/** Explain the chosen pixel: marks on the maps, and the sum in the panel. */
function explainChosen(page) {
  const { view, row, column } = page.chosen, { layer: number, channel } = view;
  find("pin").setAttribute("aria-pressed", String(page.pinned));
  find("pin").textContent = page.pinned ? "Pinned" : "Pin";
  const marked = page.views.flat().filter(({ marks }) => marks.length);
  marked.forEach((other) => { other.marks = []; });
  view.marks = [{ kind: "here", top: row, left: column, bottom: row + 1, right: column + 1 }];
  const told = number ? explain(page.network, page.maps, number, channel, row, column, page.within) : null;
  if (told) markFields(page, told);
  new Set([...marked, ...page.views.flat().filter(({ marks }) => marks.length)]).forEach((other) => other.draw());
  const place = `column ${column}, row ${row}`;
  if (told) explainOutput(page, told, place);
  else explainInput(page, row, column, place);
}

const MOST_MARKS = 400;

/** Mark the receptive field in everything below, and the patch of the sum that is shown where that is a part of it. */
function markFields(page, told) {
  const { view, row, column } = page.chosen, fields = receptiveField(page.network, page.maps, view.layer, view.channel, row, column);
  fields.forEach(({ rows, columns, channels }, number) => {
    const marks = rectangles(rows, columns, "field");
    if (number === view.layer - 1 && told.block.length > 1) {
      const { terms } = told.filters[0], inside = (places) => [...new Set(places)].filter((place) => place >= 0).sort((a, b) => a - b);
      marks.push(...rectangles(inside(terms[0].rows), inside(terms[0].columns), "patch"));
    }
    for (const channel of number ? channels : [0]) page.views[number][channel].marks = marks;
  });
}

function rectangles(rows, columns, kind) {
  let [down, across] = [runs(rows), runs(columns)];
  if (down.length * across.length > MOST_MARKS) [down, across] = [down, across].map((all) => [[all[0][0], all[all.length - 1][1]]]);
  return down.flatMap(([top, bottom]) => across.map(([left, right]) => ({ kind, top, left, bottom, right })));
}

function explainOutput(page, told, place) {
  const { view } = page.chosen, { layer: number, channel } = view, layer = page.network.layers[number - 1];
  const output = layer.outputs[channel], drawn = page.lines[number][channel];
  find("where").replaceChildren(make("strong", {}, titled(output.name)), `, layer ${number}, ${place}`);
  find("value").replaceChildren(bigNumber(told.result), scale(drawn, page.tables[page.look.colormap], told.result));
  find("sum").replaceChildren(...notes(page, number), ...explanation(told, layer, output, (below) => channelBelow(page, number - 1, below), number - 1, page.opened));
  const products = told.filters.map(({ name, sum, bias }) => `${told.filters.length > 1 ? `filter ${name}: ` : ""}products ${short(sum - bias)}${bias ? `, bias ${short(bias)}` : ""}`);
  speak(`${titled(output.name)}, layer ${number}, ${place}: ${products.join("; ")}; value ${short(told.result)}.${page.pinned ? " Pinned." : ""}`);
}

/** A channel's name where it stands alone: a mere number says what it counts. */
function titled(name) {
  return /^\d+$/.test(name) ? `map ${name}` : name;
}

/** What must be known to understand a patch. */
function notes({ network: { mean, std } }, number) {
  if (number > 1 || (mean === 0 && std === 1)) return [];
  return [make("p", { class: "note" }, `The first layer sees (pixel − ${short(mean)}) / ${short(std)}.`)];
}

/** The name of a channel of layer `number`, and the color in which its values are drawn. */
function channelBelow(page, number, channel) {
  const { mean, std, layers } = page.network;
  if (number === 0) {
    const names = page.told.image.channels;
    return { name: names[channel] ?? `channel ${channel}`, channel, color: (value) => GRAYS[level(page.inputLine, value * std + mean)] };
  }
  const drawn = page.lines[number][channel], table = page.tables[page.look.colormap];
  return { name: titled(layers[number - 1].outputs[channel].name), channel, color: (value) => table[level(drawn, value)] };
}

function explainInput(page, row, column, place) {
  const { input } = page, names = page.isDrawing ? ["ink"] : page.told.image.channels;
  const values = names.map((_, channel) => valueAt(input, channel, row, column));
  find("where").replaceChildren(make("strong", {}, "input"), `, ${place}`);
  find("value").replaceChildren(...values.map(bigNumber));
  find("sum").replaceChildren(make("p", {}, names.length > 1 ? `${names.join(", ")} of this pixel` : "The value of this pixel", page.told.image.isArray && !page.isDrawing ? "." : ": 0 is black, 1 white."));
  speak(`input, ${place}: ${values.map((value) => short(value)).join(", ")}`);
}

function bigNumber(value) {
  return make("output", { class: "number", "data-value": value }, short(value));
}

/** The colors from the lowest to the highest value that a map's line tells apart, and where a value stands. */
function scale(drawn, table, value) {
  const stops = Array.from({ length: 17 }, (_, k) => css(table[Math.min(255, 16 * k)])).join(", ");
  const colors = make("div", { class: "colors" }), tick = make("div", { class: "tick" });
  colors.style.background = `linear-gradient(to right, ${stops})`;
  tick.style.left = `${(100 * level(drawn, value)) / 255}%`;
  colors.append(tick);
  const ends = drawn.scale ? [(0 - drawn.offset) / drawn.scale, (255 - drawn.offset) / drawn.scale] : [value, value];
  return make("div", { class: "scale", "aria-hidden": "true" }, colors,
    make("div", { class: "ends" }, ...ends.map((end) => make("span", {}, short(end, 3)))));
}
