/* The kernel of a filter as a table of numbers that can be typed or dragged. The maps follow at once. */

const MAX_EDITABLE_WEIGHTS = 512; // of a filter
const MAX_COLUMNS_WITH_NUMBERS = 9; // of all kernels side by side; in wider tables only the edited number is shown
const CELL_WIDTH = 2.75; // rem
const DENSE_CELL_WIDTH = 1.3; // rem

/** Return the editor of a network of one layer with small kernels, undefined for others. */
function createKernelEditor(page) {
  const { layers } = page.network;
  if (
    layers.length !== 1 ||
    !layers[0].shape ||
    layers[0].shape.slice(1).reduce((a, b) => a * b) > MAX_EDITABLE_WEIGHTS
  )
    return undefined;
  return new KernelEditor(page, layers[0]);
}

/** The editor of the filters of a layer, one at a time. */
class KernelEditor {
  constructor(page, layer) {
    Object.assign(this, { page, layer, cells: [] });
    this.original = { weights: layer.weights.slice(), bias: layer.bias.slice() };
    this.select = byId("filter");
    this.select.append(...layer.filters.map((name, index) => createElement("option", { value: index }, name)));
    this.select.parentElement.hidden = layer.filters.length < 2; // its label
    this.select.addEventListener("change", () => this.showFilter(Number(this.select.value)));
    byId("reset").addEventListener("click", () => this.reset());
    byId("copy").addEventListener("click", () => this.copy());
    byId("kernel").hidden = false;
    byId("kernel").open = !window.matchMedia(NARROW_WINDOW).matches;
    this.showFilter(0);
  }

  /** Show the filter of a channel, the first one if it is a combination of several. */
  showChannel(channel) {
    const { of } = this.layer.outputs[channel];
    if (!of.includes(this.filter)) this.showFilter(of[0]);
  }

  /** Create the cells of a filter: a table for each input channel, and the bias. */
  showFilter(filter) {
    const [, depth, height, width] = this.layer.shape;
    this.filter = filter;
    this.select.value = filter;
    this.weights = kernelsOf(this.layer, filter);
    const name = (slice) => describeChannel(this.page, 0, inputChannel(this.layer, filter, slice)).name;
    const where = (k, slice) => `row ${Math.floor((k % (height * width)) / width)}, column ${k % width}${slice}`;
    this.cells = Array.from(this.weights, (_, k) => {
      const slice = depth > 1 ? `, ${name(Math.floor(k / (height * width)))}` : "";
      return new NumberCell(`Weight of ${this.layer.filters[filter]}, ${where(k, slice)}`, this, {
        get: () => this.weights[k],
        set: (value) => {
          this.weights[k] = value;
        },
      });
    });
    this.bias = new NumberCell(`Bias of ${this.layer.filters[filter]}`, this, {
      get: () => this.layer.bias[filter],
      set: (value) => {
        this.layer.bias[filter] = value;
      },
    });
    const isDense = width * Math.min(depth, 3) > MAX_COLUMNS_WITH_NUMBERS;
    const tables = Array.from({ length: depth }, (_, slice) => {
      const cells = this.cells.slice(slice * height * width, (slice + 1) * height * width);
      const table = createElement(
        "div",
        { class: "weights" },
        ...cells.map(({ input }) => createElement("span", {}, input)),
      );
      table.style.gridTemplateColumns = `repeat(${width}, minmax(0, 1fr))`;
      table.classList.toggle("dense", isDense);
      const caption = depth > 1 ? [createElement("figcaption", {}, name(slice))] : [];
      const figure = createElement("figure", {}, ...caption, table);
      figure.style.width = `${width * (isDense ? DENSE_CELL_WIDTH : CELL_WIDTH)}rem`;
      return figure;
    });
    byId("weights").replaceChildren(...tables);
    byId("bias").replaceChildren(createElement("label", {}, "Bias ", this.bias.input));
    this.draw();
  }

  /** The amount by which keys and a drag change a number: a power of ten, about a tenth of the largest weight. */
  get step() {
    const size = this.weights.length;
    const original = this.original.weights.subarray(this.filter * size, (this.filter + 1) * size);
    return 10 ** (Math.floor(Math.log10(largestMagnitude(original) || 1)) - 1);
  }

  /** Color the cells, and write the numbers of those that are not being edited. */
  draw() {
    const color = signedGrays(this.weights);
    for (const cell of this.cells) cell.show(color(cell.get()));
    this.bias.show(null);
  }

  /** Compute the maps with the new weights, at most once per screen refresh. */
  changed() {
    this.draw();
    if (this.isComputing) return;
    this.isComputing = true;
    requestAnimationFrame(() => {
      this.isComputing = false;
      redrawFilters(this.page, 1, this.layer);
      this.page.compute();
      this.explainFilter();
    });
  }

  /** Explain the strongest pixel of the filter, unless a pixel of it is explained or one is pinned. */
  explainFilter() {
    const { page, layer } = this;
    const usesFilter = ({ of }) => of.includes(this.filter);
    const { view } = page.selected;
    if (page.pinned || (view.layer === 1 && usesFilter(layer.outputs[view.channel]))) return;
    const channel = layer.outputs.findIndex(usesFilter);
    if (channel < 0) return; // no map is made from the filter
    const { row, column } = page.ranges[1][channel];
    page.select(page.views[1][channel], row, column);
  }

  reset() {
    this.layer.weights.set(this.original.weights);
    this.layer.bias.set(this.original.bias);
    this.showFilter(this.filter);
    this.changed();
    byId("copied").textContent = "";
  }

  /** Copy the network as a filter file, and show its text. */
  async copy() {
    const text = byId("toml");
    text.value = filterFile(this.page.network, this.layer, this.page.data.image.channels);
    text.hidden = false;
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      byId("copied").textContent = "Copied. Save it as FILE.toml for: cnnfx apply IMAGE -f FILE.toml";
    } catch {
      byId("copied").textContent = "Press Ctrl+C to copy the text, and save it as FILE.toml.";
    }
  }
}
