/* The page: reads its data, computes the maps, lays them out, and keeps all parts showing the same. */

/** What the page shows: the network, its input, all maps, how they are drawn, and the pixel that is explained. */
const page = {
  views: [], // of each layer, the input being layer 0
  chosen: null, // { view, row, column }
  pinned: false,
  within: undefined, // the place in a pooled block, where one was chosen
  opened: new Set(), // the input channels whose tables are open

  start(told, network, image) {
    Object.assign(this, { told, network, given: image, look: { ...told.look } });
    this.tables = Object.fromEntries(Object.entries(told.colormaps).map(([name, packed]) => [name, colorTable(decode(packed))]));
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

  /** The brightest pixel of the last layer's first map that is not all one value: something to see before anything is
      pointed at. */
  pointAtPeak() {
    const ranges = this.ranges[this.ranges.length - 1];
    const channel = Math.max(0, ranges.findIndex(({ low, high }) => low < high));
    this.select(this.views[this.views.length - 1][channel], ranges[channel].row, ranges[channel].column);
  },

  get isDrawing() {
    return this.input !== this.given;
  },

  /** Draw all maps anew, in the colors that are chosen. */
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
    const colors = colormap === "gray" ? "" : `; from black to white in the colors of ${colormap}`;
    find("meaning").textContent = `${text[0].toUpperCase()}${text.slice(1)}${colors}.`;
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
