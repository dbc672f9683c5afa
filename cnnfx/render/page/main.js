/* The page: read the data, compute the maps, create the elements, and update them after each user action. */

/** The state of the page, and what user actions do to it. */
const page = {
  views: [], // the MapViews of each layer; layer 0 is the input. A layer that is not shown has none.
  selected: null, // the explained pixel, { view, row, column }
  isStrongest: true, // whether the selected pixel is the strongest of the last layer shown, not one pointed at
  pinned: false,
  isPointing: false, // whether a pointer or the keyboard is on a map
  blockIndex: undefined, // the value of a pooled block that was clicked
  opened: new Set(), // the input channels whose tables are open
  bestClass: null, // the index of the most probable class, if the classes are computed

  /** Create the elements for an input and its maps. */
  start(data, network, source) {
    Object.assign(this, { data, network, source, original: source, colorScale: { ...data.colorScale } });
    this.title = byId("title").textContent; // it ends with the name of the image
    this.tables = Object.fromEntries(
      Object.entries(data.colormaps).map(([name, packed]) => [name, colorTable(decode(packed))]),
    );
    this.views = [
      [new MapView(0, 0, "Input")],
      ...network.layers.map((layer) =>
        layer?.isShown
          ? layer.outputs.map(
              ({ name }, channel) => new MapView(layer.number, channel, `Feature map ${name}, ${layer.title}`),
            )
          : [],
      ),
    ];
    this.shown = this.views.flatMap((views, number) => (number && views.length ? [number] : []));
    layOut(this);
    for (const view of this.views.flat()) handleInput(view, this);
    createControls(this);
    this.channelView = new ChannelView(this);
    this.kernelEditor = createKernelEditor(this);
    createImageInput(this);
  },

  /** Show an input, { image, title, channels, isPicture, hasOwnRange, isDrawing, notes }, and its maps. */
  show(source) {
    this.source = source;
    describeInput(this);
    this.compute();
    if (!this.pinned) this.selectStrongest();
  },

  /** Compute the maps, after the input or a weight has changed. */
  compute() {
    this.update(finish(forward(this.network, this.source.image)));
  },

  /** Show maps. */
  update(maps) {
    this.sizes = layerSizes(this.network, this.source.image);
    this.maps = maps;
    this.ranges = signalRanges(
      this.network,
      maps.map((each) => each && channelRanges(each)),
      this.source.isPicture ? null : maps[0],
    );
    maps.forEach((each, number) => each && number && clearRounding(each, this.ranges[number]));
    this.draw();
    this.bestClass = showClasses(this, classMaps(this.network, maps));
    if (this.selected) this.select(this.selected.view, this.selected.row, this.selected.column);
    this.channelView.update();
  },

  /** Select the largest value of the last layer that is shown, in the map of the most probable class if its maps are
      those of classes. */
  selectStrongest() {
    const last = this.shown[this.shown.length - 1];
    const ranges = this.ranges[last];
    const largest = ranges.reduce((best, { high }, index) => (high > ranges[best].high ? index : best), 0);
    const channel = this.bestClass !== null && hasClassMaps(this.network, last) ? this.bestClass : largest;
    this.select(this.views[last][channel], ranges[channel].row, ranges[channel].column);
    this.isStrongest = true;
  },

  get table() {
    return this.tables[this.colorScale.colormap];
  },

  /** Draw all maps in the current color scale. */
  draw() {
    const { image, isPicture, hasOwnRange } = this.source;
    const { scope, limits } = this.colorScale;
    const colorScale = { ...this.colorScale, limits: scope === "fixed" ? limits : null };
    this.scales = this.maps.map((maps, number) => {
      if (!number || !maps) return [];
      const { nonNegative } = this.network.layers[number - 1];
      return linearScales(maps, this.ranges[number], colorScale, nonNegative);
    });
    this.inputScale = inputScale(image, hasOwnRange);
    this.views[0][0].show(image.width, image.height, drawInput(image, !isPicture, hasOwnRange));
    for (const view of this.views.slice(1).flat()) {
      const maps = this.maps[view.layer];
      const scale = this.scales[view.layer][view.channel];
      const picture = drawMap(maps, view.channel, scale, this.table);
      view.show(maps.width, maps.height, picture, isBlackAtZero(scale, this.colorScale));
    }
    showRanges(this);
    describeColors(this);
    this.channelView.draw();
  },

  /** Select a pixel, unless one is pinned and the mouse only moves. */
  point(view, row, column, byKey = false) {
    this.isPointing = true;
    if (!this.pinned || byKey) this.select(view, row, column, byKey);
  },

  /** The pointer has left a map: its marks become outlines. */
  leave() {
    this.isPointing = false;
    this.refresh();
  },

  /** Pin a pixel and open the maps that its channel is computed from, or unpin it if it is pinned. */
  pin(view, row, column) {
    const { selected, pinned } = this;
    this.pinned = !(pinned && selected.view === view && selected.row === row && selected.column === column);
    this.select(view, row, column);
    if (!this.pinned || view.layer === 0) return;
    this.channelView.open(view);
    this.kernelEditor?.showChannel(view.channel);
  },

  /** Unpin the pinned pixel or, if none is pinned, close the maps that a channel is computed from. */
  escape() {
    if (this.pinned) this.pinned = false;
    else this.channelView.close();
    this.refresh();
  },

  /** Select a pixel. The keyboard positions of all other maps move to the same part of the image. */
  select(view, row, column, makeVisible = false) {
    row = Math.min(row, view.height - 1); // a pixel of a larger input may have been selected before
    column = Math.min(column, view.width - 1);
    this.selected = { view, row, column };
    this.isStrongest = false;
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
    const order = [0, ...this.shown];
    const views = this.views[order[order.indexOf(view.layer) + offset]];
    if (views) views[Math.min(view.channel, views.length - 1)].canvas.focus({ focusVisible: true });
  },

  viewportChanged() {
    byId("zoom").textContent = `${numberText(viewport.zoom, 2)}×`;
    byId("live").classList.toggle("zoomed", viewport.zoom > 1);
    for (const view of [...this.views.flat(), ...this.channelView.views]) view.draw();
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

/** Compute the maps and show them instead of the fallback image, if this browser supports canvas elements. */
async function start() {
  if (!document.createElement("canvas").getContext?.("2d")) return;
  const status = byId("status");
  status.hidden = false;
  byId("fallback-note").hidden = true;
  const data = JSON.parse(byId("data").textContent);
  const network = readNetwork(data.network);
  const { name, channels, isArray, hasOwnRange } = data.image;
  const source = { image: readImage(data.image), title: name, channels, isPicture: !isArray, hasOwnRange, notes: [] };
  const maps = await finishInSlices(forward(network, source.image));
  page.start(data, network, source);
  byId("live").hidden = false;
  byId("fallback").hidden = status.hidden = true;
  page.update(maps);
  page.selectStrongest();
  page.kernelEditor?.showChannel(page.selected.view.channel);
  fitToScreen(page.views.flat());
  document.documentElement.dataset.ready = Math.round(performance.now());
}

start().catch((error) => {
  byId("live").hidden = true;
  byId("fallback").hidden = byId("status").hidden = false;
  byId("status").textContent =
    `This browser cannot compute the feature maps (${error.message}). The image shows them instead.`;
});
