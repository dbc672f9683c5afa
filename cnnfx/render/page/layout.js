/* The sections of the page: the input, each layer with a card for every map and its filter, and the classes. */

const PHOTO_WIDTH = 100; // pixels; wider inputs get wider cards

/** Create the sections. */
function layOut(page) {
  const { network, data } = page;
  const container = byId("layers");
  const input = layerSection("Input", "", [mapCard(page.views[0][0], data.image.name)], "14rem");
  input.id = "input";
  if (page.image.width > PHOTO_WIDTH) input.classList.add("photo");
  container.append(input);
  if (data.drawing) input.querySelector(".cards").append(drawingCard(page));
  network.layers.forEach((layer, index) => {
    const cardWidth = layer.outputs.length > 12 ? "6.2rem" : layer.outputs.length > 6 ? "8rem" : "9.2rem";
    const cards = layer.outputs.map((output, channel) =>
      mapCard(page.views[index + 1][channel], output.name, layer, output),
    );
    const section = layerSection(`Layer ${index + 1}`, layerText(layer), cards, cardWidth);
    setGroupRows(section.querySelector(".cards"), layer.outputs.length / layer.groups, layer.groups);
    container.append(section);
  });
  if (network.head) {
    container.append(
      createElement(
        "section",
        { class: "layer", id: "classes" },
        createElement("h2", {}, "Classes"),
        createElement("p", { class: "about" }),
      ),
    );
  }
  const sizes = new ResizeObserver(() => page.views.flat().forEach((view) => view.fitToScreen()));
  page.views.forEach((views) => sizes.observe(views[0].canvas));
}

/** Give each group of filters a row where the window is wide enough, such as the filters on one color channel. */
function setGroupRows(cards, count, groups) {
  if (groups === 1 || count < 2 || count > 6 || !Number.isInteger(count)) return;
  cards.classList.add("grouped");
  cards.style.setProperty("--group", count);
}

function layerSection(title, about, cards, cardWidth) {
  const grid = createElement("div", { class: cards.length <= 4 ? "cards few" : "cards" }, ...cards);
  grid.style.setProperty("--card", cardWidth);
  grid.style.setProperty("--count", cards.length);
  const paragraph = about ? [createElement("p", { class: "about" }, about)] : [];
  return createElement(
    "section",
    { class: "layer", "aria-label": title },
    createElement("h2", {}, title),
    ...paragraph,
    grid,
  );
}

/** Return a map under its name, with its filter or the formula of a combination beside the name. */
function mapCard(view, name, layer, output) {
  const caption = createElement("figcaption", {}, createElement("span", { class: "title" }, name));
  if (output && output.kind === "take") caption.append(filterPicture(layer, output.of[0]));
  else if (output)
    caption.append(
      createElement(
        "span",
        { class: "how" },
        `${output.kind} of ${output.of.map((index) => layer.filters[index]).join(", ")}`,
      ),
    );
  return createElement("figure", { class: "card" }, caption, view.canvas);
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

const MAX_KERNEL_COLUMNS = 3; // kernels in one row; those of deeper filters are arranged in a rectangle
const FILTER_PICTURE_WIDTH = 84; // CSS pixels
const FILTER_PICTURE_HEIGHT = 48; // CSS pixels
const MAX_WEIGHT_SIDE = 12; // CSS pixels

/** Return the kernels of a filter as one small picture: 0 is mid-gray, the largest magnitude black or white. */
function filterPicture(layer, filter) {
  const [, depth, height, width] = layer.shape;
  const size = depth * height * width;
  const weights = layer.weights.subarray(filter * size, (filter + 1) * size);
  const color = signedGrays(weights);
  const columns = depth <= MAX_KERNEL_COLUMNS ? depth : Math.ceil(Math.sqrt(depth * 1.4));
  const rows = Math.ceil(depth / columns);
  const [fullWidth, fullHeight] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
  const canvas = drawPixels(fullWidth, fullHeight, (index) => {
    const x = index % fullWidth;
    const y = Math.floor(index / fullWidth);
    const slice = Math.floor(y / (height + 1)) * columns + Math.floor(x / (width + 1));
    const i = y % (height + 1);
    const j = x % (width + 1);
    const isGap = i === height || j === width || slice >= depth;
    return isGap ? 0 : color(weights[(slice * height + i) * width + j]); // 0 is transparent
  });
  const scale = Math.min(
    MAX_WEIGHT_SIDE,
    Math.floor(FILTER_PICTURE_WIDTH / fullWidth),
    Math.floor(FILTER_PICTURE_HEIGHT / fullHeight),
  );
  canvas.className = depth > 1 ? "kernel many" : "kernel";
  canvas.style.width = `${fullWidth * Math.max(1, scale)}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", filterText(layer, filter, weights));
  return canvas;
}

/** Return the weights of a filter as text for screen readers. */
function filterText(layer, filter, weights) {
  const [, depth, height, width] = layer.shape;
  const name = `Filter ${layer.filters[filter]}`;
  if (weights.length > MAX_NUMBER_CELLS)
    return `${name}: ${width}×${height} weights on ${depth} channel${depth > 1 ? "s" : ""}`;
  const rows = Array.from({ length: depth * height }, (_, row) =>
    Array.from(weights.subarray(row * width, (row + 1) * width), (weight) => numberText(weight, 3)).join(" "),
  );
  return `${name}: ${rows.join("; ")}`;
}
