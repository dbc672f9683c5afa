/* The sections of the page: the input, and each layer with a card for every map, its filter over it. */

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

/** A row for each group of filters, such as those of one color, where there is room. */
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

/** The kernels of a filter as one small picture: -1 black, 0 gray, 1 white. */
function drawnFilter(layer, filter) {
  const [, depth, height, width] = layer.shape, size = depth * height * width;
  const weights = layer.weights.subarray(filter * size, (filter + 1) * size), color = signed(weights);
  const columns = depth <= 3 ? depth : Math.ceil(Math.sqrt(depth * 1.4)), rows = Math.ceil(depth / columns);
  const [wide, high] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
  const canvas = painted(wide, high, (at) => {
    const x = at % wide, y = Math.floor(at / wide), slice = Math.floor(y / (height + 1)) * columns + Math.floor(x / (width + 1));
    const i = y % (height + 1), j = x % (width + 1);
    return i === height || j === width || slice >= depth ? 0 : color(weights[(slice * height + i) * width + j]);
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
