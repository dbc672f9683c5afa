/* The sections of the page: the input, each layer with a card for every map and its filter, and the classes. */

const PHOTO_WIDTH = 100; // pixels; wider inputs get wider cards

/** Create the sections. */
function layOut(page) {
  const { network, source } = page;
  byId("input-map").append(mapCard(page.views[0][0], source.title));
  byId("input").classList.toggle("photo", source.image.width > PHOTO_WIDTH);
  network.layers.forEach((layer, index) => {
    const cardWidth = layer.outputs.length > 12 ? "6.2rem" : layer.outputs.length > 6 ? "8rem" : "9.2rem";
    const cards = layer.outputs.map((output, channel) =>
      mapCard(page.views[index + 1][channel], output.name, layer, output),
    );
    const section = layerSection(index + 1, layerText(layer), cards, cardWidth);
    setGroupRows(section.querySelector(".cards"), layer.outputs.length / layer.groups, layer.groups);
    byId("layers").append(section);
  });
  createClasses(page);
  const sizes = new ResizeObserver(() => {
    fitToScreen(page.views.flat());
    page.channelView?.place();
  });
  page.views.forEach((views) => sizes.observe(views[0].canvas));
}

/** Give each group of filters a row where the window is wide enough, such as the filters on one color channel. */
function setGroupRows(cards, count, groups) {
  if (groups === 1 || count < 2 || count > 6 || !Number.isInteger(count)) return;
  cards.classList.add("grouped");
  cards.style.setProperty("--group", count);
}

/** Return the section of a layer: its settings, its legend, and its cards. */
function layerSection(number, about, cards, cardWidth) {
  const grid = createElement("div", { class: cards.length <= 4 ? "cards few" : "cards" }, ...cards);
  grid.style.setProperty("--card", cardWidth);
  grid.style.setProperty("--count", cards.length);
  const heading = createElement(
    "div",
    {},
    createElement("h2", {}, `Layer ${number}`),
    createElement("p", { class: "about" }, about),
  );
  const header = createElement("div", { class: "layer-header" }, heading, createElement("div", { class: "legend" }));
  return createElement("section", { class: "layer", "aria-label": `Layer ${number}` }, header, grid);
}

/** Return a map under its name and range, with its filter or the formula of a combination beside the name. */
function mapCard(view, name, layer, output) {
  const label = createElement("span", { class: "label" }, createElement("span", { class: "title" }, name));
  const caption = createElement("figcaption", {}, label);
  if (layer) label.append(" ", createElement("span", { class: "range" }));
  if (output && output.kind === "take") caption.append(...filterPicture(layer, output.of[0]));
  else if (output) {
    const filters = output.of.map((index) => layer.filters[index]).join(", ");
    label.append(" ", createElement("span", { class: "how" }, `${output.kind} of ${filters}`));
  }
  return createElement("figure", { class: "card" }, caption, view.canvas);
}

/** Show the range of each map, and the legend of each layer. */
function showRanges({ views, scales, table }) {
  for (const view of views.slice(1).flat()) {
    const range = view.canvas.parentElement.querySelector(".range");
    range.textContent = rangeText(scales[view.layer][view.channel]);
  }
  document.querySelectorAll(".layer-header .legend").forEach((legend, index) => {
    legend.replaceChildren(...layerLegend(scales[index + 1], table));
  });
}

/** Draw the filter of each map of a layer again, after its weights have changed. */
function redrawFilters({ views }, number, layer) {
  layer.outputs.forEach((output, channel) => {
    const picture = views[number][channel].canvas.parentElement.querySelector(".kernel");
    if (picture) picture.replaceWith(...filterPicture(layer, output.of[0]));
  });
}

/** Return the settings of a layer in one line. */
function layerText(layer) {
  const [count, , height, width] = layer.shape;
  const pairText = ([vertical, horizontal]) =>
    vertical === horizontal ? `${vertical}` : `${vertical} vertical, ${horizontal} horizontal`;
  const parts = [`${count} filter${count > 1 ? "s" : ""} of ${width}×${height}`];
  if (layer.stride.some((step) => step !== 1)) parts.push(`stride ${pairText(layer.stride)}`);
  if (layer.dilation.some((step) => step !== 1)) parts.push(`dilation ${pairText(layer.dilation)}`);
  if (layer.padding === "same" || layer.padding.flat().some(Boolean)) parts.push(`padding ${paddingText(layer)}`);
  if (layer.activation !== "none") parts.push({ relu: "ReLU", abs: "absolute value" }[layer.activation]);
  if (layer.pool) parts.push(`${layer.pool.kind} pooling ${layer.pool.size}×${layer.pool.size}`);
  return parts.join(", ");
}

function paddingText({ padding, border }) {
  return `${paddingSize(padding)} (${border === "constant" ? "zeros" : border})`;
}

function paddingSize(padding) {
  if (padding === "same") return "same";
  const [top, bottom, left, right] = padding.flat();
  const isEqual = top === bottom && top === left && top === right;
  return isEqual ? top : `${top} top, ${bottom} bottom, ${left} left, ${right} right`;
}
