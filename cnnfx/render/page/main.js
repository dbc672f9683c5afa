/* The page: reads its data, computes the maps, lays them out, and keeps all parts showing the same. */

const find = (id) => document.getElementById(id);

/** What the page shows: the network, its input, all maps, how they are drawn, and the pixel that is explained. */
const page = {
  views: [], // of each layer, the input being layer 0
  chosen: null, // { view, row, column }
  pinned: false,
  within: undefined, // the place in a pooled block, where one was chosen
  opened: new Set(), // the input channels whose tables are open

  start(told, network, image) {
    Object.assign(this, { told, network, given: image, look: { ...told.look } });
    this.tables = Object.fromEntries(Object.entries(told.colormaps).map(([name, packed]) => [name, colourTable(decode(packed))]));
    this.views = [[new MapView(0, 0, "Input")], ...network.layers.map((layer, index) =>
      layer.outputs.map(({ name }, channel) => new MapView(index + 1, channel, `Feature map ${name}, layer ${index + 1}`)))];
    layOut(this);
    for (const view of this.views.flat()) listen(view, this);
    fillControls(this);
  },

  /** Show maps: those of the image, or of a drawing. */
  show(input, maps) {
    Object.assign(this, { input, maps, ranges: maps.map(statistics) });
    this.paint();
    showClasses(this, maps[maps.length - 1]);
    if (!this.chosen) this.pointAtPeak();
    else this.select(this.chosen.view, this.chosen.view.row, this.chosen.view.column);
  },

  /** The brightest pixel of the last layer's first map: something to see before anything is pointed at. */
  pointAtPeak() {
    const { row, column } = this.ranges[this.ranges.length - 1][0];
    this.select(this.views[this.views.length - 1][0], row, column);
  },

  get isDrawing() {
    return this.input !== this.given;
  },

  /** Draw all maps anew, in the colours that are chosen. */
  paint() {
    const isArray = this.told.image.isArray && !this.isDrawing;
    this.lines = this.maps.map((_, number) => number ? lines(this.ranges[number], this.look) : []);
    this.inputLine = inputLine(this.input, isArray);
    this.views[0][0].show(this.input.width, this.input.height, paintedInput(this.input, isArray));
    for (const view of this.views.slice(1).flat()) {
      const maps = this.maps[view.layer];
      view.show(maps.width, maps.height, paintedMap(maps, view.channel, this.lines[view.layer][view.channel], this.tables[this.look.colormap]));
    }
  },

  point(view, row, column, byKey = false) {
    if (!this.pinned || byKey) this.select(view, row, column, byKey);
  },

  pin(view, row, column) {
    const { chosen, pinned } = this;
    this.pinned = !(pinned && chosen.view === view && chosen.row === row && chosen.column === column);
    this.select(view, row, column);
  },

  release() {
    this.pinned = false;
    this.refresh();
  },

  /** Explain a pixel; the maps that Tab leads to next stand at the same place of the image. */
  select(view, row, column, revealed = false) {
    this.chosen = { view, row, column };
    this.within = undefined;
    const x = (column + 0.5) / view.width, y = (row + 0.5) / view.height;
    for (const other of this.views.flat()) {
      other.row = Math.floor(y * other.height);
      other.column = Math.floor(x * other.width);
    }
    Object.assign(view, { row, column });
    if (revealed && viewport.zoom > 1) {
      reveal(x, y);
      this.moved();
    }
    this.refresh();
  },

  step(view, by) {
    const layer = this.views[view.layer + by];
    if (layer) layer[Math.min(view.channel, layer.length - 1)].canvas.focus({ focusVisible: true });
  },

  /** Say what black and white are. */
  sayMeaning() {
    const { normalize, colormap } = this.look, text = this.told.modes[normalize];
    const colours = colormap === "gray" ? "" : `; from black to white in the colours of ${colormap}`;
    find("meaning").textContent = `${text[0].toUpperCase()}${text.slice(1)}${colours}.`;
  },

  /** Draw again what another viewport shows. */
  moved() {
    find("zoom").textContent = `${short(viewport.zoom, 2)}×`;
    find("live").classList.toggle("zoomed", viewport.zoom > 1);
    this.views.flat().forEach((view) => view.draw());
  },

  /** Show what is chosen, once per frame at most. */
  refresh() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      explainChosen(this);
    });
  },
};

/** The sections of the input, the layers and the classes. */
function layOut(page) {
  const { network, told } = page, place = find("layers");
  const title = told.image.name;
  const input = layerSection("Input", "", [card(page.views[0][0], title)], "14rem");
  input.id = "input";
  if (page.given.width > 100) input.classList.add("photo");
  place.append(input);
  if (told.pen) input.querySelector(".cards").append(penCard(page));
  network.layers.forEach((layer, index) => {
    const wide = layer.outputs.length > 12 ? "6.2rem" : layer.outputs.length > 6 ? "8rem" : "9.2rem";
    const cards = layer.outputs.map((output, channel) => card(page.views[index + 1][channel], output.name, layer, output));
    const section = layerSection(`Layer ${index + 1}`, layerText(layer), cards, wide);
    groupRows(section.querySelector(".cards"), layer.outputs.length / layer.groups, layer.groups);
    place.append(section);
  });
  if (network.head) {
    place.append(make("section", { class: "layer", id: "classes" }, make("h2", {}, "Classes"), make("p", { class: "about" })));
  }
  const sizes = new ResizeObserver(() => page.views.flat().forEach((view) => view.fit()));
  page.views.forEach((views) => sizes.observe(views[0].canvas));
}

/** A row for each group of filters, such as those of one colour, where there is room. */
function groupRows(cards, count, groups) {
  if (groups === 1 || count < 2 || count > 6 || !Number.isInteger(count)) return;
  cards.classList.add("grouped");
  cards.style.setProperty("--group", count);
}

function layerSection(title, about, cards, wide) {
  const grid = make("div", { class: cards.length <= 4 ? "cards few" : "cards" }, ...cards);
  grid.style.setProperty("--card", wide);
  grid.style.setProperty("--count", cards.length);
  const told = about ? [make("p", { class: "about" }, about)] : [];
  return make("section", { class: "layer", "aria-label": title }, make("h2", {}, title), ...told, grid);
}

/** A map under its name, with its filter beside it. */
function card(view, name, layer, output) {
  const caption = make("figcaption", {}, make("span", { class: "title" }, name));
  if (output && output.kind === "take") caption.append(drawnFilter(layer, output.of[0]));
  else if (output) caption.append(make("span", { class: "how" }, `${output.kind} of ${output.of.map((k) => layer.filters[k]).join(", ")}`));
  return make("figure", { class: "card" }, caption, view.canvas);
}

/** What a layer does, in words. */
function layerText(layer) {
  const [count, , height, width] = layer.shape, same = (pair) => pair[0] === pair[1];
  const pair = ([a, b]) => (same([a, b]) ? `${a}` : `${a} down, ${b} across`);
  const parts = [`${count} filter${count > 1 ? "s" : ""} of ${height}×${width}`];
  if (!layer.stride.every((step) => step === 1)) parts.push(`stride ${pair(layer.stride)}`);
  if (!layer.dilation.every((step) => step === 1)) parts.push(`dilation ${pair(layer.dilation)}`);
  if (layer.padding === "same" || layer.padding.flat().some(Boolean)) parts.push(`padding ${padText(layer)}`);
  if (layer.activation !== "none") parts.push({ relu: "ReLU", abs: "magnitude" }[layer.activation]);
  if (layer.pool) parts.push(`${layer.pool.kind}-pool ${layer.pool.size}×${layer.pool.size}`);
  return parts.join(", ");
}

function padText({ padding, border }) {
  const sides = padding === "same" ? null : padding.flat();
  const size = !sides ? "same" : sides.every((side) => side === sides[0]) ? sides[0] : `${sides[0]} above, ${sides[1]} below, ${sides[2]} left, ${sides[3]} right`;
  return `${size} (${border === "constant" ? "zeros" : border})`;
}

/** The kernels of a filter as one small picture: -1 black, 0 grey, 1 white. */
function drawnFilter(layer, filter) {
  const [, depth, height, width] = layer.shape, size = depth * height * width;
  const weights = layer.weights.subarray(filter * size, (filter + 1) * size), colour = signed(weights);
  const columns = depth <= 3 ? depth : Math.ceil(Math.sqrt(depth * 1.4)), rows = Math.ceil(depth / columns);
  const [wide, high] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
  const canvas = painted(wide, high, (at) => {
    const x = at % wide, y = Math.floor(at / wide), slice = Math.floor(y / (height + 1)) * columns + Math.floor(x / (width + 1));
    const i = y % (height + 1), j = x % (width + 1);
    return i === height || j === width || slice >= depth ? 0 : colour(weights[(slice * height + i) * width + j]);
  });
  canvas.className = depth > 1 ? "kernel many" : "kernel";
  canvas.style.width = `${wide * Math.max(1, Math.min(12, Math.floor(84 / wide), Math.floor(48 / high)))}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", filterText(layer, filter, weights));
  return canvas;
}

function filterText(layer, filter, weights) {
  const [, depth, height, width] = layer.shape, name = `Filter ${layer.filters[filter]}`;
  if (weights.length > MOST_CELLS) return `${name}: ${height}×${width} weights on ${depth} channel${depth > 1 ? "s" : ""}`;
  const rows = Array.from({ length: depth * height }, (_, row) => Array.from(weights.subarray(row * width, (row + 1) * width), (weight) => short(weight, 3)).join(" "));
  return `${name}: ${rows.join("; ")}`;
}

/** A cell to draw on, where the model tells classes of such images. */
function penCard(page) {
  const { pen: cell, image } = page.told, [, height, width] = cell.shape;
  const fit = (plane) => (cell.digits ? fitDigit(plane) : fitPlain(plane, height, width));
  const pen = new Pen((plane) => {
    const drawn = fit(plane) || { channels: 1, height, width, values: new Float32Array(height * width) };
    page.show(drawn, finish(forward(page.network, drawn)));
    back.hidden = false;
    reading.textContent = readingOf(page);
    title.textContent = cell.digits ? "your drawing, fitted" : "your drawing";
  });
  const title = page.views[0][0].canvas.parentElement.querySelector(".title");
  const reading = make("p", { class: "reading" });
  const clear = make("button", { type: "button" }, "Clear"), back = make("button", { type: "button" }, `Back to ${image.name}`);
  back.hidden = true;
  clear.addEventListener("click", () => pen.clear());
  back.addEventListener("click", () => {
    page.show(page.given, page.givenMaps);
    back.hidden = true;
    reading.textContent = "";
    title.textContent = image.name;
    clear.focus();
  });
  const how = cell.digits ? "It is fitted as MNIST's digits were made: scaled to 20×20, its centre of mass in the middle." : `It is scaled to ${width}×${height}.`;
  return make("figure", { class: "card" }, make("figcaption", {}, cell.digits ? "draw a digit here" : "draw here"),
    pen.canvas, reading, make("div", { class: "buttons" }, clear, back), make("p", { class: "how" }, how));
}

/** The three most probable classes of what is shown, in words. */
function readingOf({ network, maps }) {
  const shares = Array.from(probabilities(network.head, maps[maps.length - 1]), (share, index) => ({ share, name: network.classes[index] }));
  const [first, ...others] = shares.sort((a, b) => b.share - a.share).slice(0, 3).map(({ name, share }) => `${name} (${(100 * share).toFixed(1)} %)`);
  return `${first}${others.length ? `, or ${others.join(", ")}` : ""}`;
}

/** The probabilities of the classes, where the maps have the size that the head has learned on. */
function showClasses({ network, told }, maps) {
  const place = find("classes");
  if (!place) return;
  place.querySelector(".classes")?.remove();
  const about = place.querySelector(".about");
  if (!fitsHead(network.head, maps)) {
    about.textContent = `The classes are told of images of ${told.pen ? told.pen.shape.slice(1).reverse().join("×") : "another size"} only${told.pen ? ": draw one above" : ""}.`;
    return;
  }
  const shares = probabilities(network.head, maps), most = shares.indexOf(Math.max(...shares));
  about.textContent = `Most probable: ${network.classes[most]}. Each probability is made of all ${maps.values.length} pixels of the last layer.`;
  place.append(make("ol", { class: "classes" }, ...shares.map((share, index) => {
    const bar = make("div", { class: "share" });
    bar.style.width = `${100 * share}%`;
    return make("li", { class: index === most ? "most" : "", "data-probability": share },
      make("span", {}, network.classes[index]), bar, make("span", { class: "percent" }, `${(100 * share).toFixed(1)} %`));
  })));
  speak(`${network.classes[most]}, ${Math.round(100 * shares[most])} per cent`);
}

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
function notes({ network: { mean, deviation } }, number) {
  if (number > 1 || (mean === 0 && deviation === 1)) return [];
  return [make("p", { class: "note" }, `The first layer sees (pixel − ${short(mean)}) / ${short(deviation)}.`)];
}

/** The name of a channel of layer `number`, and the colour in which its values are drawn. */
function channelBelow(page, number, channel) {
  const { mean, deviation, layers } = page.network;
  if (number === 0) {
    const names = page.told.image.channels;
    return { name: names[channel] ?? `channel ${channel}`, channel, colour: (value) => GREYS[level(page.inputLine, value * deviation + mean)] };
  }
  const drawn = page.lines[number][channel], table = page.tables[page.look.colormap];
  return { name: titled(layers[number - 1].outputs[channel].name), channel, colour: (value) => table[level(drawn, value)] };
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

/** The colours from the lowest to the highest value that a map's line tells apart, and where a value stands. */
function scale(drawn, table, value) {
  const stops = Array.from({ length: 17 }, (_, k) => css(table[Math.min(255, 16 * k)])).join(", ");
  const colours = make("div", { class: "colours" }), tick = make("div", { class: "tick" });
  colours.style.background = `linear-gradient(to right, ${stops})`;
  tick.style.left = `${(100 * level(drawn, value)) / 255}%`;
  colours.append(tick);
  const ends = drawn.scale ? [(0 - drawn.offset) / drawn.scale, (255 - drawn.offset) / drawn.scale] : [value, value];
  return make("div", { class: "scale", "aria-hidden": "true" }, colours,
    make("div", { class: "ends" }, ...ends.map((end) => make("span", {}, short(end, 3)))));
}

function fillControls(page) {
  const { told, look } = page;
  const choices = { normalize: Object.keys(told.modes), colormap: Object.keys(told.colormaps), scope: [] };
  for (const [name, values] of Object.entries(choices)) {
    const select = find(name);
    select.append(...values.map((value) => make("option", { value }, value)));
    select.value = look[name];
    select.addEventListener("change", () => {
      look[name] = select.value;
      page.sayMeaning();
      page.paint();
      page.refresh();
    });
  }
  page.sayMeaning();
  find("look").addEventListener("submit", (event) => event.preventDefault());
  const zoom = { smaller: 1 / 1.5, larger: 1.5, whole: 0 };
  for (const [id, factor] of Object.entries(zoom)) {
    find(id).addEventListener("click", () => zoomAround(page.chosen.view, page, factor));
  }
  find("pin").addEventListener("click", () => {
    page.pinned = !page.pinned;
    page.refresh();
  });
  find("sum").addEventListener("click", ({ target }) => follow(page, target.dataset ?? {}));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") page.release(); });
}

/** Go to the pixel below that a number of a patch stands for, or to another place of a pooled block. */
function follow(page, { row, column, number, channel, within }) {
  if (within !== undefined) {
    page.within = Number(within);
    page.pinned = true;
    page.refresh();
  } else if (row !== undefined) {
    page.pinned = true;
    page.select(page.views[number][Number(number) ? Number(channel) : 0], Number(row), Number(column), true);
  }
}

/** Compute the maps and show them in place of the still picture, which stays if this browser cannot. */
async function start() {
  if (!document.createElement("canvas").getContext?.("2d")) return;
  const waiting = find("waiting");
  waiting.hidden = false;
  find("why").hidden = true;
  const told = JSON.parse(find("data").textContent), network = readNetwork(told.network), image = readImage(told.image);
  const maps = await finishInSlices(forward(network, image));
  page.start(told, network, image);
  page.givenMaps = maps;
  find("live").hidden = false;
  find("still").hidden = waiting.hidden = true;
  page.show(image, maps);
  page.views.flat().forEach((view) => view.fit());
  document.documentElement.dataset.ready = Math.round(performance.now());
}

start().catch((error) => {
  find("live").hidden = true;
  find("still").hidden = find("waiting").hidden = false;
  find("waiting").textContent = `The maps cannot be explored in this browser (${error.message}); this is a still picture of them.`;
});
