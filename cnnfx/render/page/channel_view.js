/* The maps that one channel is computed from: each input channel × its kernel, their sum and bias, combination,
   activation and pooling. They are computed when the channel is opened. */

const MAX_TERMS_WITH_INPUT = 6; // kernels of a filter; with more, the input of each is not shown again
const MAX_TERM_MAPS = 64; // kernels of a filter; of more, only those with the largest values are shown
const TOP_TERM_MAPS = 24; // of many

/** A section below a row of maps that shows how one of them is computed; at most one is open. */
class ChannelView {
  constructor(page) {
    this.page = page;
    this.views = [];
    this.opened = null; // the MapView of the channel
    this.element = createElement("section", { class: "channel-view", tabindex: -1 });
  }

  /** Show the maps that a channel is computed from. */
  open(view) {
    if (this.opened === view) return;
    this.opened = view;
    this.update();
    this.place();
  }

  close() {
    this.opened = null;
    this.views = [];
    this.element.remove();
  }

  /** Put the section below the row of the channel's map. */
  place() {
    if (!this.opened) return;
    const card = this.opened.canvas.parentElement;
    const cards = [...card.parentElement.querySelectorAll(".card")];
    const bottom = (one) => one.offsetTop + one.offsetHeight;
    const row = cards.filter((one) => Math.abs(bottom(one) - bottom(card)) < 2);
    const last = row[row.length - 1];
    if (last.nextElementSibling !== this.element) last.after(this.element);
    fitToScreen(this.views);
  }

  /** Compute the maps, after another channel is opened, or the input or a weight has changed. */
  update() {
    if (!this.opened) return;
    const { network, maps } = this.page;
    Object.assign(this, computingChannel(network, maps, this.opened.layer, this.opened.channel));
    const { number, channel } = this;
    const layer = network.layers[number - 1];
    const output = layer.outputs[channel];
    this.views = [];
    this.computed = channelMaps(network, maps, number, channel);
    const close = createElement("button", { type: "button", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.close());
    const heading = createElement(
      "h3",
      {},
      "How ",
      createElement("strong", {}, channelTitle(output.name)),
      number === this.opened.layer ? " is computed" : ` of ${layer.title} is computed`,
    );
    this.element.setAttribute("aria-label", `How ${output.name} is computed`);
    this.element.replaceChildren(
      createElement("div", { class: "panel-header" }, heading, close),
      createElement("div", { class: "flow" }, ...(layer.shape ? this.termFigures(layer) : this.inputFigures(layer))),
      createElement("div", { class: "flow" }, ...this.stepFigures(layer, output)),
      createElement("div", { class: "legend" }),
    );
    this.draw();
    if (this.element.isConnected) fitToScreen(this.views);
    this.page.refresh();
  }

  /** Return a figure for each map that is joined to an input channel of a layer without filters. */
  inputFigures(layer) {
    const sign = layer.join === "add" ? "+" : "×";
    return this.computed.filters.flatMap(({ index }) =>
      describeInputChannel(this.page, layer, index).parts.map(({ name, number, channel, color }, k) => {
        const maps = this.page.maps[number];
        const size = maps.height * maps.width;
        const view = this.addMap(
          name,
          maps.values.subarray(channel * size, (channel + 1) * size),
          maps.height,
          maps.width,
        );
        Object.assign(view, { colorOfValue: color, isInput: true });
        const figure = createElement("figure", {}, createElement("div", { class: "figure-title" }, name), view.canvas);
        return createElement("div", { class: "equation step" }, ...(k ? [signElement(sign)] : []), figure);
      }),
    );
  }

  /** Return a figure for each kernel of each filter: input × kernel = map. If there are many, the inputs are left out
      and the kernels stand above their maps. */
  termFigures(layer) {
    const { filters, height, width } = this.computed;
    return filters.flatMap((filter) => [
      ...largestTerms(filter.terms).map((term) => {
        const { name } = describeInputChannel(this.page, layer, term.channel);
        const title = filters.length > 1 ? `${name} × ${filter.name}` : name;
        const kernel = kernelPicture(layer, filter.index, term.slice);
        const view = this.addMap(`${name} × kernel of ${filter.name}`, term.values, height, width);
        if (filter.terms.length > MAX_TERMS_WITH_INPUT) return this.valueFigure(view, kernel, title);
        const parts = [this.inputMap(term.channel), signElement("×"), kernel, signElement("="), this.valueFigure(view)];
        const row = createElement("div", { class: "equation" }, ...parts);
        return createElement("div", {}, createElement("p", { class: "how" }, title), row);
      }),
      ...otherTermsNote(filter.terms),
    ]);
  }

  /** Return a figure for each step after the kernels. */
  stepFigures(layer, output) {
    const { filters, combined, activated, normalized, height, width } = this.computed;
    const figures = [];
    const addStep = (sign, title, view) =>
      figures.push(createElement("div", { class: "equation step" }, signElement(sign), this.valueFigure(view, title)));
    for (const { name, bias, terms, values } of filters) {
      if (terms.length < 2 && !bias) continue;
      const title = `${terms.length > 1 ? "sum" : ""}${bias ? ` + bias ${inParentheses(numberText(bias, 3))}` : ""}`;
      const of = filters.length > 1 ? ` of ${name}` : "";
      addStep(terms.length > 1 ? "Σ" : "+", `${title.trim()}${of}`, this.addMap(title, values, height, width));
    }
    const final = this.page.maps[this.number];
    const start = this.channel * final.height * final.width;
    const result = final.values.subarray(start, start + final.height * final.width);
    const steps = [];
    if (!layer.shape && layer.sources.length > 1 && layer.join !== "concat" && !combined)
      steps.push([layer.join === "add" ? "sum" : "product", filters[0].values, height, width]);
    if (combined) steps.push([output.kind, combined, height, width]);
    if (activated) steps.push([ACTIVATION_NAMES[layer.activation], activated, height, width]);
    if (normalized) steps.push(["local response", normalized, height, width]);
    if (layer.pool) steps.push([poolText(layer.pool), result, final.height, final.width]);
    steps.forEach(([title, values, rows, columns]) => {
      const view = this.addMap(title, values, rows, columns, true);
      view.isPooled = values === result;
      addStep("→", title, view);
    });
    return figures;
  }

  /** Return a map of the layer's joined input. */
  inputMap(channel) {
    const { page } = this;
    const maps = layerInput(page.network, page.maps, this.number);
    const size = maps.height * maps.width;
    const values = maps.values.subarray(channel * size, (channel + 1) * size);
    const view = this.addMap("input", values, maps.height, maps.width);
    view.colorOfValue = describeInputChannel(page, page.network.layers[this.number - 1], channel).color;
    view.isInput = true;
    return view.canvas;
  }

  /** Return a view of a map. Maps from the combination on are drawn as the channel itself, `isResult`; those before by
      one common range. */
  addMap(title, values, height, width, isResult = false) {
    const view = new MapView(this.number, this.channel, title);
    Object.assign(view, { values, width, height, isResult });
    view.canvas.tabIndex = -1;
    view.canvas.setAttribute("role", "img");
    view.canvas.removeAttribute("aria-roledescription");
    view.canvas.addEventListener("click", (event) => this.pinPixel(view, event));
    this.views.push(view);
    return view;
  }

  /** Pin the pixel of the channel that a clicked pixel of one of its maps belongs to. */
  pinPixel(view, event) {
    if (view.isInput) return;
    const { row, column } = view.pixelAt(event.clientX, event.clientY);
    const { pool } = this.page.network.layers[this.number - 1];
    const isPooled = !pool || view.isPooled;
    const { height, width } = this.computed;
    const [y, x] = isPooled ? [row, column] : [windowOf(pool, 0, height, row), windowOf(pool, 1, width, column)];
    if (y < this.opened.height && x < this.opened.width) this.page.pin(this.opened, y, x);
  }

  /** Return a map with a title above and the value at the selected pixel below. */
  valueFigure(view, ...title) {
    view.output = createElement("output");
    const heading = title.length ? [createElement("div", { class: "figure-title" }, ...title)] : [];
    return createElement("figure", {}, ...heading, view.canvas, createElement("figcaption", {}, view.output));
  }

  /** Draw the maps in the current color scale. */
  draw() {
    if (!this.opened) return;
    const { page, number, channel } = this;
    const before = this.views.filter(({ isInput, isResult }) => !isInput && !isResult);
    const largest = Math.max(0, ...before.map(({ values }) => largestMagnitude(values)));
    const { error } = page.ranges[number][channel];
    const range = { ...signalRange({ low: -largest, high: largest }, error), error };
    const common = scaleWithoutRounding(linearScale("signed", range.low, range.high), range);
    for (const view of this.views) {
      const scale = view.isResult ? page.scales[number][channel] : common;
      const color = view.colorOfValue ?? ((value) => colorOf(scale, value, page.table));
      const picture = drawPixels(view.width, view.height, (index) => color(view.values[index]));
      view.show(view.width, view.height, picture, isBlackAtZero(scale, page.colorScale));
      view.canvas.setAttribute("aria-label", view.label);
    }
    this.element.querySelector(".legend").replaceChildren(...(before.length ? [colorBar(common, page.table)] : []));
  }

  /** Show the value of each map at the selected pixel, and mark it, if the pixel is one of the channel. */
  showPixel({ view: selected, row, column }, trace) {
    if (!this.opened) return;
    const { pool } = this.page.network.layers[this.number - 1];
    for (const view of this.views.filter(({ isInput }) => !isInput)) {
      const [y, x] = pool && !view.isPooled && trace ? trace.positions[trace.blockIndex] : [row, column];
      const isShown = selected === this.opened;
      view.marks = isShown ? [{ kind: "position", top: y, left: x, bottom: y + 1, right: x + 1 }] : [];
      const value = view.values[y * view.width + x];
      view.output.textContent = isShown ? numberText(value, 3) : "";
      view.output.dataset.value = isShown ? value : "";
      view.draw();
    }
  }
}

/** Return the terms of a filter; of many, those whose maps have the largest values. */
function largestTerms(terms) {
  if (terms.length <= MAX_TERM_MAPS) return terms;
  const sized = terms.map((term) => ({ term, size: largestMagnitude(term.values) }));
  sized.sort((a, b) => b.size - a.size);
  return sized.slice(0, TOP_TERM_MAPS).map(({ term }) => term);
}

function otherTermsNote(terms) {
  if (terms.length <= MAX_TERM_MAPS) return [];
  const text = `The ${TOP_TERM_MAPS} kernels with the largest values, of ${terms.length}.`;
  return [createElement("p", { class: "how" }, text)];
}

/** Return the window of a pooling that a position before it belongs to, along one axis of maps of a length. */
function windowOf(pool, axis, length, position) {
  const { stride, before, outputs } = poolWindows(pool, axis, length);
  return Math.min(outputs - (pool.isBlocks ? 0 : 1), Math.floor((position + before) / stride));
}
