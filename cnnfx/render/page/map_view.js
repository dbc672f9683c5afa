/* A map on the screen: its canvas, the visible part, and the marks on it. */

const MAX_ZOOM = 64;

/** The visible part of every map: its center in fractions of width and height, and the magnification. All maps share
    it, so that they show the same part of the image. */
const viewport = { x: 0.5, y: 0.5, zoom: 1 };

/** Magnify by a factor around a point given in fractions of width and height; factor 0 shows the whole map. */
function zoomBy(factor, x = viewport.x, y = viewport.y) {
  const zoom = Math.min(MAX_ZOOM, Math.max(1, viewport.zoom * factor));
  const ratio = viewport.zoom / zoom;
  Object.assign(viewport, { zoom, x: x + (viewport.x - x) * ratio, y: y + (viewport.y - y) * ratio });
  clampViewport();
}

/** Move the visible part by fractions of the map's width and height. */
function panBy(x, y) {
  viewport.x += x;
  viewport.y += y;
  clampViewport();
}

/** Move the visible part as little as needed to contain a point. */
function panTo(x, y) {
  const half = (0.5 / viewport.zoom) * 0.9; // the point keeps a distance from the edge
  viewport.x = Math.min(Math.max(viewport.x, x - half), x + half);
  viewport.y = Math.min(Math.max(viewport.y, y - half), y + half);
  clampViewport();
}

function clampViewport() {
  const half = 0.5 / viewport.zoom;
  viewport.x = Math.min(1 - half, Math.max(half, viewport.x));
  viewport.y = Math.min(1 - half, Math.max(half, viewport.y));
}

const MARK_COLORS = { field: "#2f86eb", outline: "#2f86eb", patch: "#2f86eb", position: "#f0443e" };
const MIN_MARK_SIDE = 7; // CSS pixels

/** A canvas in the page that shows one map. */
class MapView {
  /** `layer` and `channel` say which map it shows; layer 0 is the input. (row, column) is the keyboard's position. */
  constructor(layer, channel, label) {
    Object.assign(this, { layer, channel, label, width: 1, height: 1, picture: null, marks: [], row: 0, column: 0 });
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.className = "map";
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", layer ? "feature map" : "image");
  }

  /** Show another picture, a canvas with one pixel for each value. With `keepsBright`, where the screen has fewer
      pixels than the map, each shows the brightest pixel under it instead of the mean, so that it stays visible. */
  show(width, height, picture, keepsBright = false) {
    Object.assign(this, { width, height, picture, keepsBright, key: null });
    this.row = Math.min(this.row, height - 1);
    this.column = Math.min(this.column, width - 1);
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    this.canvas.style.setProperty("--ratio", width / height);
    this.canvas.classList.toggle("point", width === 1 && height === 1); // small, as it has one color
    this.canvas.setAttribute(
      "aria-label",
      `${this.label}, ${width} wide and ${height} high. Arrow keys move the position.`,
    );
    this.draw();
  }

  /** Give the canvas the number of pixels that it covers on the screen, a box in CSS pixels. */
  fit(box) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(box.width * ratio));
    const height = Math.max(1, Math.round(box.height * ratio));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    this.isFitted = true;
    this.draw();
  }

  /** The visible part, in pixels of the map. */
  get visible() {
    const width = this.width / viewport.zoom;
    const height = this.height / viewport.zoom;
    return { left: viewport.x * this.width - width / 2, top: viewport.y * this.height - height / 2, width, height };
  }

  /** Return the pixel at a point of the screen. */
  pixelAt(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const visible = this.visible;
    const column = Math.floor(visible.left + ((clientX - box.left) / box.width) * visible.width);
    const row = Math.floor(visible.top + ((clientY - box.top) / box.height) * visible.height);
    return { row: Math.min(this.height - 1, Math.max(0, row)), column: Math.min(this.width - 1, Math.max(0, column)) };
  }

  /** Draw the visible part and the marks. */
  draw() {
    if (!this.picture || !this.isFitted) return;
    const context = this.canvas.getContext("2d");
    context.drawImage(this.visiblePicture(), 0, 0);
    for (const mark of this.marks) this.drawMark(context, mark);
  }

  /** Return the visible part without marks in the size of the canvas. It is kept, as marks change more often. */
  visiblePicture() {
    const { width, height } = this.canvas;
    const key = [width, height, viewport.x, viewport.y, viewport.zoom].join();
    if (this.key === key) return this.resized;
    this.resized = createElement("canvas", { width, height });
    this.key = key;
    const context = this.resized.getContext("2d");
    const visible = this.visible;
    const isReduced = width < visible.width;
    context.imageSmoothingEnabled = isReduced && !this.keepsBright; // enlarged pixels stay squares
    context.imageSmoothingQuality = "high";
    const drawShifted = (x, y) => {
      const [left, top] = [visible.left + x, visible.top + y];
      context.drawImage(this.picture, left, top, visible.width, visible.height, 0, 0, width, height);
    };
    drawShifted(0, 0);
    if (isReduced && this.keepsBright) {
      context.globalCompositeOperation = "lighten"; // the larger of two values, for each of red, green and blue
      for (const [x, y] of shiftsWithin(visible.width / width)) drawShifted(x, y);
    }
    return this.resized;
  }

  /** Draw a rectangle around pixels, { kind, top, left, bottom, right }, with a white outline that is visible on any
      color. */
  drawMark(context, { kind, top, left, bottom, right }) {
    const visible = this.visible;
    const ratio = window.devicePixelRatio || 1;
    const xScale = this.canvas.width / visible.width;
    const yScale = this.canvas.height / visible.height;
    const [x, width] = enlargeInterval(
      (left - visible.left) * xScale,
      (right - left) * xScale,
      MIN_MARK_SIDE * ratio,
      this.canvas.width,
    );
    const [y, height] = enlargeInterval(
      (top - visible.top) * yScale,
      (bottom - top) * yScale,
      MIN_MARK_SIDE * ratio,
      this.canvas.height,
    );
    if (kind === "field") {
      context.globalAlpha = 0.16;
      context.fillStyle = MARK_COLORS[kind];
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
    }
    for (const [color, thickness] of [
      ["#fff", 3.5],
      [MARK_COLORS[kind], kind === "patch" ? 1 : 2],
    ]) {
      context.lineWidth = thickness * ratio;
      context.strokeStyle = color;
      context.strokeRect(x, y, width, height);
    }
  }
}

/** Give the canvases as many pixels as they cover on the screen. All are measured before the first is changed, so that
    the browser lays the page out only once. */
function fitToScreen(views) {
  const boxes = views.map(({ canvas }) => canvas.getBoundingClientRect());
  views.forEach((view, index) => view.fit(boxes[index]));
}

/** Return shifts by whole pixels that together reach every pixel of a block of some size around its middle. */
function shiftsWithin(size) {
  const reach = Math.ceil((size - 1) / 2);
  const steps = Array.from({ length: 2 * reach + 1 }, (_, index) => index - reach);
  return steps.flatMap((x) => steps.map((y) => [x, y]));
}

/** Return an interval [start, length] enlarged around its middle to a minimum length; a visible one stays within
    0..size. */
function enlargeInterval(start, length, minimum, size) {
  const extra = Math.max(0, minimum - length);
  const isVisible = start + length > 0 && start < size;
  const enlarged = start - extra / 2;
  const margin = minimum / 5; // for the line
  if (!extra || !isVisible) return [enlarged, length + extra];
  return [Math.min(Math.max(enlarged, margin), size - minimum - margin), minimum];
}
