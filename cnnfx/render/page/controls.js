/* The controls above the maps: normalization, range, colors, and magnification. */

function createControls(page) {
  const { data, colorScale } = page;
  if (colorScale.limits !== null) {
    byId("scope").append(createElement("option", { value: "fixed" }, "fixed"));
    colorScale.scope = "fixed";
  }
  const choices = { normalize: data.normalizations, colormap: Object.keys(data.colormaps), scope: [] };
  for (const [name, values] of Object.entries(choices)) {
    const select = byId(name);
    select.append(...values.map((value) => createElement("option", { value }, value)));
    select.value = colorScale[name];
    select.addEventListener("change", () => {
      colorScale[name] = select.value;
      page.draw();
      page.refresh();
    });
  }
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  const zoomFactors = { smaller: 1 / ZOOM_STEP, larger: ZOOM_STEP, whole: 0 };
  for (const [id, factor] of Object.entries(zoomFactors)) {
    byId(id).addEventListener("click", () => zoomAtPosition(page.selected.view, page, factor));
  }
  byId("pin").addEventListener("click", () => {
    page.pinned = !page.pinned;
    page.refresh();
  });
  byId("expand").addEventListener("click", () => {
    const isCollapsed = byId("explanation").classList.toggle("collapsed");
    byId("expand").setAttribute("aria-expanded", String(!isCollapsed));
  });
  byId("sum").addEventListener("click", ({ target }) => followCell(page, target.dataset ?? {}));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") page.escape();
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

/** Say what the colors mean, and how many values have none. */
function describeColors({ colorScale, data, network, ranges, shown }) {
  const nonNegative = shown.flatMap((number) => network.layers[number - 1].nonNegative);
  const count = shown.flatMap((number) => ranges[number]).reduce((sum, { nonfinite }) => sum + nonfinite, 0);
  const note = count ? ` ${count} value${count > 1 ? "s are" : " is"} NaN or infinite and drawn in magenta.` : "";
  byId("meaning").textContent = colorMeaning(colorScale, data.colorNames[colorScale.colormap], nonNegative) + note;
}
