/* A drawing of the layers of a graph, with links to those that are on the page. */

const GRAPH_ROW_HEIGHT = 32; // CSS pixels, of a box and the edges below it
const GRAPH_BOX_HEIGHT = 21; // CSS pixels
const GRAPH_LETTER_WIDTH = 6.4; // CSS pixels, on average
const GRAPH_GAP = 12; // CSS pixels between boxes
const MAX_OPEN_GRAPH_ROWS = 14; // the drawing of a deeper network is closed at first

/** Return the section with the drawing of a network, none if its layers follow one another. */
function graphSection({ network, shown }) {
  const layers = network.layers.filter(Boolean);
  if (layers.every(({ number, sources }) => sources.join() === String(number - 1))) return [];
  const layout = graphLayout(layers);
  const summary = createElement("summary", {}, createElement("h2", {}, `Graph of the ${layers.length} layers`));
  const drawing = createElement("div", { class: "graph" }, graphDrawing(layout, network, shown));
  const section = createElement("details", { class: "layer", id: "graph" }, summary, drawing);
  section.open = layout.rows <= MAX_OPEN_GRAPH_ROWS && !window.matchMedia(NARROW_WINDOW).matches;
  return [section];
}

function graphDrawing({ nodes, edges, rows, left, right }, network, shown) {
  const titleOf = (number) => (number ? network.layers[number - 1].title : "input");
  const longest = Math.max(...nodes.map(({ number }) => titleOf(number).length));
  const boxWidth = longest * GRAPH_LETTER_WIDTH + 14;
  const columnWidth = boxWidth + GRAPH_GAP;
  const width = Math.ceil((right - left) * columnWidth + boxWidth + 2);
  const height = rows * GRAPH_ROW_HEIGHT;
  const svg = createSvg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group" });
  svg.setAttribute("aria-label", "The layers and what they read, from top to bottom");
  const middle = (x) => (x - left) * columnWidth + boxWidth / 2 + 1;
  const top = (row) => row * GRAPH_ROW_HEIGHT + 1;
  for (const { points } of edges) svg.append(createSvg("path", { d: edgePath(points, middle, top) }));
  for (const { number, row, x } of nodes) {
    const layer = number ? network.layers[number - 1] : null;
    const box = createSvg("rect", { x: middle(x) - boxWidth / 2, y: top(row), width: boxWidth, rx: 4 });
    box.setAttribute("height", GRAPH_BOX_HEIGHT);
    const text = createSvg("text", { x: middle(x), y: top(row) + 15 }, titleOf(number));
    const isShown = !number || shown.includes(number);
    const node = createSvg(
      isShown ? "a" : "g",
      isShown ? { href: number ? `#layer-${number}` : "#input" } : {},
      box,
      text,
    );
    if (layer) node.append(createSvg("title", {}, layerText(layer)));
    svg.append(node);
  }
  return svg;
}

/** Return the path of an edge: a curve from the bottom of one box through the rows between to the top of another. */
function edgePath(points, middle, top) {
  const start = points[0];
  let path = `M${middle(start.x)} ${top(start.row) + GRAPH_BOX_HEIGHT}`;
  for (const [index, { row, x }] of points.slice(1).entries()) {
    const [before, y] = [points[index], top(row)];
    const bend = y - (GRAPH_ROW_HEIGHT - GRAPH_BOX_HEIGHT) / 2;
    path += `C${middle(before.x)} ${bend} ${middle(x)} ${bend} ${middle(x)} ${y}`;
    if (index < points.length - 2) path += `V${y + GRAPH_BOX_HEIGHT}`;
  }
  return path;
}

/** Create an SVG element with attributes and children. */
function createSvg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
