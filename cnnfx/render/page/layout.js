/* The sections of the page: the input, each layer with a card for every map and its filter, and the classes. */

const PHOTO_WIDTH = 100; // pixels; wider inputs get wider cards

/** Create the sections. */
function layOut(page) {
  const { network, source } = page;
  byId("input-map").append(mapCard(page.views[0][0], source.title));
  byId("input").classList.toggle("photo", source.image.width > PHOTO_WIDTH);
  byId("layers").append(...graphSection(page));
  page.shown.forEach((number) => {
    const layer = network.layers[number - 1];
    const cards = layer.outputs.map((output, channel) =>
      mapCard(page.views[number][channel], output.name, layer, output),
    );
    const section = layerSection(page, layer, cards);
    setGroupRows(section.querySelector(".cards"), layer.outputs.length / (layer.groups ?? 1), layer.groups ?? 1);
    byId("layers").append(section);
  });
  createClasses(page);
  const sizes = new ResizeObserver(() => {
    fitToScreen(page.views.flat());
    page.channelView?.place();
  });
  for (const number of [0, ...page.shown]) sizes.observe(page.views[number][0].canvas);
}

/** Give each group of filters a row where the window is wide enough, such as the filters on one color channel. */
function setGroupRows(cards, count, groups) {
  if (groups === 1 || count < 2 || count > 6 || !Number.isInteger(count)) return;
  cards.classList.add("grouped");
  cards.style.setProperty("--group", count);
}

/** Return the section of a layer: what it reads, its settings, its legend, and its cards. */
function layerSection(page, layer, cards) {
  const cardWidth = cards.length > 12 ? "6.2rem" : cards.length > 6 ? "8rem" : "9.2rem";
  const grid = createElement("div", { class: cards.length <= 4 ? "cards few" : "cards" }, ...cards);
  grid.style.setProperty("--card", cardWidth);
  grid.style.setProperty("--count", cards.length);
  const title = layer.name || `Layer ${layer.number}`;
  const heading = createElement(
    "div",
    {},
    createElement("h2", {}, title),
    createElement("p", { class: "about" }, layerText(layer)),
    ...sourcesLine(page, layer),
  );
  const header = createElement("div", { class: "layer-header" }, heading, createElement("div", { class: "legend" }));
  return createElement(
    "section",
    { class: "layer", id: `layer-${layer.number}`, "aria-label": title, "data-number": layer.number },
    header,
    grid,
  );
}

/** Return a line that says what a layer of a graph reads, with links to the layers that are on the page; none for
    layers that follow one another. */
function sourcesLine({ network, shown }, layer) {
  if (network.layers.every((each) => !each || (!each.name && each.sources.join() === String(each.number - 1))))
    return [];
  const name = (number) => {
    const text = number ? network.layers[number - 1].title : "the input";
    const id = number ? `layer-${number}` : "input";
    return !number || shown.includes(number) ? createElement("a", { href: `#${id}` }, text) : text;
  };
  const signs = { concat: " and ", add: " + ", multiply: " × " };
  const parts = layer.sources.flatMap((number, index) => [...(index ? [signs[layer.join]] : []), name(number)]);
  return [createElement("p", { class: "about sources" }, "Reads ", ...parts, ".")];
}

/** Return a map under its name and range, with its filter or the formula of a combination beside the name. */
function mapCard(view, name, layer, output) {
  const label = createElement("span", { class: "label" }, createElement("span", { class: "title" }, name));
  const caption = createElement("figcaption", {}, label);
  if (layer) label.append(" ", createElement("span", { class: "range" }));
  if (output && output.kind === "take") caption.append(...(layer.shape ? filterPicture(layer, output.of[0]) : []));
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
  document.querySelectorAll(".layer[data-number]").forEach((section) => {
    section.querySelector(".legend").replaceChildren(...layerLegend(scales[section.dataset.number], table));
  });
}

/** Draw the filter of each map of a layer again, after its weights have changed. */
function redrawFilters({ views }, number, layer) {
  layer.outputs.forEach((output, channel) => {
    const picture = views[number][channel].canvas.parentElement.querySelector(".kernel");
    if (picture) picture.replaceWith(...filterPicture(layer, output.of[0]));
  });
}
