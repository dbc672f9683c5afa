/* The page: read the data, compute the maps, create the elements, and update them after each user action. */

/** The state of the page, and what user actions do to it. */
const page = {
  views: [], // the MapViews of each layer; layer 0 is the input
  selected: null, // the explained pixel, { view, row, column }
  pinned: false,
  blockIndex: undefined, // the value of a pooled block that was clicked
  opened: new Set(), // the input channels whose tables are open

  /** Create the elements for the page's own image and its maps. */
  start(data, network, image, maps) {
    Object.assign(this, { data, network, image, imageMaps: maps, colorScale: { ...data.colorScale } });
    this.tables = Object.fromEntries(
      Object.entries(data.colormaps).map(([name, packed]) => [name, colorTable(decode(packed))]),
    );
    this.views = [
      [new MapView(0, 0, "Input")],
      ...network.layers.map((layer, index) =>
        layer.outputs.map(
          ({ name }, channel) => new MapView(index + 1, channel, `Feature map ${name}, layer ${index + 1}`),
        ),
      ),
    ];
    layOut(this);
    for (const view of this.views.flat()) handleInput(view, this);
    createControls(this);
  },

  /** Show an input, which is the image or a drawing, and its maps. */
  show(input, maps) {
    Object.assign(this, { input, maps, ranges: maps.map(channelRanges) });
    this.draw();
    showClasses(this, maps[maps.length - 1]);
    if (this.selected) this.select(this.selected.view, this.selected.view.row, this.selected.view.column);
    else this.selectPeak();
  },

  /** Select the largest value of the first map of the last layer that is not constant, so that the panel is not empty
      at first. */
  selectPeak() {
    const ranges = this.ranges[this.ranges.length - 1];
    const channel = Math.max(
      0,
      ranges.findIndex(({ low, high }) => low < high),
    );
    this.select(this.views[this.views.length - 1][channel], ranges[channel].row, ranges[channel].column);
  },

  get isDrawing() {
    return this.input !== this.image;
  },

  /** Draw all maps in the current color scale. */
  draw() {
    const isArray = this.data.image.isArray && !this.isDrawing;
    this.scales = this.maps.map((maps, number) => {
      if (!number) return [];
      const { nonNegative } = this.network.layers[number - 1];
      return linearScales(maps, this.ranges[number], this.colorScale, nonNegative);
    });
    this.inputScale = inputScale(this.input, isArray);
    this.views[0][0].show(this.input.width, this.input.height, drawInput(this.input, isArray));
    for (const view of this.views.slice(1).flat()) {
      const maps = this.maps[view.layer];
      view.show(
        maps.width,
        maps.height,
        drawMap(maps, view.channel, this.scales[view.layer][view.channel], this.tables[this.colorScale.colormap]),
      );
    }
  },

  /** Select a pixel, unless one is pinned and the mouse only moves. */
  point(view, row, column, byKey = false) {
    if (!this.pinned || byKey) this.select(view, row, column, byKey);
  },

  /** Pin a pixel, or unpin it if it is pinned. */
  pin(view, row, column) {
    const { selected, pinned } = this;
    this.pinned = !(pinned && selected.view === view && selected.row === row && selected.column === column);
    this.select(view, row, column);
  },

  unpin() {
    this.pinned = false;
    this.refresh();
  },

  /** Select a pixel. The keyboard positions of all other maps move to the same part of the image. */
  select(view, row, column, makeVisible = false) {
    this.selected = { view, row, column };
    this.blockIndex = undefined;
    const x = (column + 0.5) / view.width;
    const y = (row + 0.5) / view.height;
    for (const other of this.views.flat()) {
      other.row = Math.floor(y * other.height);
      other.column = Math.floor(x * other.width);
    }
    Object.assign(view, { row, column });
    if (makeVisible && viewport.zoom > 1) {
      panTo(x, y);
      this.viewportChanged();
    }
    this.refresh();
  },

  /** Move the focus to the same channel of another layer: `offset` layers further from the input or, if negative,
      closer to it. */
  focusLayer(view, offset) {
    const views = this.views[view.layer + offset];
    if (views) views[Math.min(view.channel, views.length - 1)].canvas.focus({ focusVisible: true });
  },

  /** Describe the normalization and the color map. */
  describeColorScale() {
    const { normalize, colormap } = this.colorScale;
    const text = this.data.normalizations[normalize];
    const colors = colormap === "gray" ? "" : `; from black to white in the colors of ${colormap}`;
    byId("meaning").textContent = `${text[0].toUpperCase()}${text.slice(1)}${colors}.`;
  },

  viewportChanged() {
    byId("zoom").textContent = `${numberText(viewport.zoom, 2)}×`;
    byId("live").classList.toggle("zoomed", viewport.zoom > 1);
    this.views.flat().forEach((view) => view.draw());
  },

  /** Explain the selected pixel, at most once per screen refresh. */
  refresh() {
    if (this.isRefreshing) return;
    this.isRefreshing = true;
    requestAnimationFrame(() => {
      this.isRefreshing = false;
      explainSelection(this);
    });
  },
};

function createControls(page) {
  const { data, colorScale } = page;
  const choices = { normalize: Object.keys(data.normalizations), colormap: Object.keys(data.colormaps), scope: [] };
  for (const [name, values] of Object.entries(choices)) {
    const select = byId(name);
    select.append(...values.map((value) => createElement("option", { value }, value)));
    select.value = colorScale[name];
    select.addEventListener("change", () => {
      colorScale[name] = select.value;
      page.describeColorScale();
      page.draw();
      page.refresh();
    });
  }
  page.describeColorScale();
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  const zoomFactors = { smaller: 1 / ZOOM_STEP, larger: ZOOM_STEP, whole: 0 };
  for (const [id, factor] of Object.entries(zoomFactors)) {
    byId(id).addEventListener("click", () => zoomAtPosition(page.selected.view, page, factor));
  }
  byId("pin").addEventListener("click", () => {
    page.pinned = !page.pinned;
    page.refresh();
  });
  byId("sum").addEventListener("click", ({ target }) => followCell(page, target.dataset ?? {}));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") page.unpin();
  });
}

/** Select what a clicked number shows: a pixel of the layer below, or another value of the pooled block. */
function followCell(page, { row, column, layer, channel, blockIndex }) {
  if (blockIndex !== undefined) {
    page.blockIndex = Number(blockIndex);
    page.pinned = true;
    page.refresh();
  } else if (row !== undefined) {
    page.pinned = true;
    page.select(page.views[layer][Number(layer) ? Number(channel) : 0], Number(row), Number(column), true);
  }
}

/** Compute the maps and show them instead of the fallback image, if this browser supports canvas elements. */
async function start() {
  if (!document.createElement("canvas").getContext?.("2d")) return;
  const status = byId("status");
  status.hidden = false;
  byId("fallback-note").hidden = true;
  const data = JSON.parse(byId("data").textContent);
  const network = readNetwork(data.network);
  const image = readImage(data.image);
  const maps = await finishInSlices(forward(network, image));
  page.start(data, network, image, maps);
  byId("live").hidden = false;
  byId("fallback").hidden = status.hidden = true;
  page.show(image, maps);
  page.views.flat().forEach((view) => view.fitToScreen());
  document.documentElement.dataset.ready = Math.round(performance.now());
}

start().catch((error) => {
  byId("live").hidden = true;
  byId("fallback").hidden = byId("status").hidden = false;
  byId("status").textContent =
    `This browser cannot compute the feature maps (${error.message}). The image shows them instead.`;
});
