/* A map on the screen: its pixels, the part of them that is looked at, and what is marked on them. */

/** What part of every map is looked at: the middle, as shares of width and height, and the magnification. All maps
    share it, so that they show the same part of the image. */
const viewport = { x: 0.5, y: 0.5, zoom: 1 };
const MOST_ZOOM = 64;

/** Magnify `factor` times around a point given as shares of a map's width and height. */
function zoomBy(factor, x = viewport.x, y = viewport.y) {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, viewport.zoom * factor)), kept = viewport.zoom / zoom;
  Object.assign(viewport, { zoom, x: x + (viewport.x - x) * kept, y: y + (viewport.y - y) * kept });
  stayInside();
}

/** Move what is looked at by shares of the whole width and height. */
function panBy(x, y) {
  viewport.x += x;
  viewport.y += y;
  stayInside();
}

/** Move as little as needed for a point to be seen. */
function reveal(x, y) {
  const half = 0.5 / viewport.zoom * 0.9;
  viewport.x = Math.min(Math.max(viewport.x, x - half), x + half);
  viewport.y = Math.min(Math.max(viewport.y, y - half), y + half);
  stayInside();
}

function stayInside() {
  const half = 0.5 / viewport.zoom;
  viewport.x = Math.min(1 - half, Math.max(half, viewport.x));
  viewport.y = Math.min(1 - half, Math.max(half, viewport.y));
}

const COLORS = { field: "#2f86eb", patch: "#2f86eb", here: "#f0443e" };
const SMALLEST_MARK = 7;

/** A canvas in the page that shows one map. */
class MapView {
  /** `layer` and `channel` say which map it is; the input is layer 0. */
  constructor(layer, channel, label) {
    Object.assign(this, { layer, channel, label, width: 1, height: 1, picture: null, marks: [], row: 0, column: 0 });
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.className = "map";
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", layer ? "feature map" : "image");
  }

  /** Show other pixels. */
  show(width, height, picture) {
    Object.assign(this, { width, height, picture });
    this.row = Math.min(this.row, height - 1);
    this.column = Math.min(this.column, width - 1);
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    this.canvas.setAttribute("aria-label", `${this.label}, ${width} wide and ${height} high. Arrow keys move the position.`);
    this.draw();
  }

  /** Give the canvas as many pixels as it has on the screen. */
  fit() {
    const box = this.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(box.width * ratio)), height = Math.max(1, Math.round(box.height * ratio));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    this.draw();
  }

  /** The part of the map that is seen, in its pixels. */
  get seen() {
    const width = this.width / viewport.zoom, height = this.height / viewport.zoom;
    return { left: viewport.x * this.width - width / 2, top: viewport.y * this.height - height / 2, width, height };
  }

  /** The pixel under a point of the screen. */
  at(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect(), seen = this.seen;
    const column = Math.floor(seen.left + ((clientX - box.left) / box.width) * seen.width);
    const row = Math.floor(seen.top + ((clientY - box.top) / box.height) * seen.height);
    return { row: Math.min(this.height - 1, Math.max(0, row)), column: Math.min(this.width - 1, Math.max(0, column)) };
  }

  draw() {
    if (!this.picture) return;
    const context = this.canvas.getContext("2d"), { width, height } = this.canvas, seen = this.seen;
    context.imageSmoothingEnabled = width < seen.width; // enlarged pixels stay squares
    context.imageSmoothingQuality = "high";
    context.drawImage(this.picture, seen.left, seen.top, seen.width, seen.height, 0, 0, width, height);
    for (const mark of this.marks) this.mark(context, mark);
  }

  /** A rectangle of pixels { kind, top, left, bottom, right } with a light rim, so that it is seen on any color. */
  mark(context, { kind, top, left, bottom, right }) {
    const seen = this.seen, ratio = window.devicePixelRatio || 1;
    const across = this.canvas.width / seen.width, down = this.canvas.height / seen.height;
    const [x, width] = grown((left - seen.left) * across, (right - left) * across, SMALLEST_MARK * ratio, this.canvas.width);
    const [y, height] = grown((top - seen.top) * down, (bottom - top) * down, SMALLEST_MARK * ratio, this.canvas.height);
    if (kind === "field") {
      context.globalAlpha = 0.16;
      context.fillStyle = COLORS[kind];
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
    }
    for (const [color, thick] of [["#fff", 3.5], [COLORS[kind], kind === "patch" ? 1 : 2]]) {
      context.lineWidth = thick * ratio;
      context.strokeStyle = color;
      context.strokeRect(x, y, width, height);
    }
  }
}

/** A stretch made at least `least` long around its middle; at the edge of a canvas of a size it stays inside. */
function grown(start, length, least, size) {
  const extra = Math.max(0, least - length), seen = start + length > 0 && start < size;
  const moved = start - extra / 2, rim = least / 5; // for the line itself
  if (!extra || !seen) return [moved, length + extra];
  return [Math.min(Math.max(moved, rim), size - least - rim), least];
}
