/* Positions of the layers of a graph in a drawing: from top to bottom, each layer below all that it reads. */

const BEND_WIDTH = 0.4; // of an edge that passes a row of layers, in columns

/** Return where the input (number 0) and the layers are drawn: { nodes, edges, rows, left, right }.

    Each of `nodes` is { number, row, x }, where the row is the length of the longest path from the input, and `x`, in
    columns, is that of the middle. An edge is { from, to, points }, with a point { row, x } in every row from one node
    to the other; edges pass between the nodes of the rows that they cross. `left` and `right` are the smallest and the
    largest `x`. */
function graphLayout(layers) {
  const items = new Map([["0", { number: 0, row: 0, above: [] }]]);
  const rows = [[items.get("0")]];
  const edges = [];
  const addItem = (key, item) => {
    items.set(key, item);
    (rows[item.row] ??= []).push(item);
  };
  for (const layer of layers) {
    if (!layer) continue;
    const sources = [...new Set(layer.sources)];
    const row = 1 + Math.max(...sources.map((source) => items.get(String(source)).row));
    const node = { number: layer.number, row, above: [] };
    addItem(String(layer.number), node);
    for (const source of sources) {
      const path = [items.get(String(source))];
      for (let between = path[0].row + 1; between < row; between++) {
        const key = `${source} in row ${between}`; // edges from the same layer are drawn as one
        if (!items.has(key)) addItem(key, { number: null, row: between, above: [path[path.length - 1]] });
        path.push(items.get(key));
      }
      node.above.push(path[path.length - 1]);
      edges.push({ from: source, to: layer.number, points: [...path, node] });
    }
  }
  rows.forEach(placeRow);
  const all = [...items.values()];
  return {
    nodes: all.filter(({ number }) => number !== null),
    edges,
    rows: rows.length,
    left: Math.min(...all.map(({ x }) => x)),
    right: Math.max(...all.map(({ x }) => x)),
  };
}

/** Place the items of a row below those that they come from, in their order, without overlaps. */
function placeRow(row) {
  const wanted = (item) => (item.above.length ? meanOf(item.above.map(({ x }) => x)) : 0);
  const placed = row.map((item) => ({ item, wanted: wanted(item), width: item.number === null ? BEND_WIDTH : 1 }));
  placed.sort((a, b) => a.wanted - b.wanted);
  let end = -Infinity;
  for (const one of placed) {
    one.item.x = Math.max(one.wanted, end + one.width / 2);
    end = one.item.x + one.width / 2;
  }
  const shift = meanOf(placed.map((one) => one.wanted - one.item.x));
  for (const { item } of placed) item.x += shift;
}
