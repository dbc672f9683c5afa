/* A canvas to draw on with mouse, finger or keyboard. */

const DRAWING_SIDE = 112; // pixels; four times the side of an MNIST digit
const PEN_RADIUS = 5.2; // pixels
const DRAWING_MARGIN = 2; // pixels at the edges that stay background

/** A canvas to draw on. It calls `changed(drawing)` after each change; the drawing is { height, width, values }, 0
    background, 1 ink. */
class Pen {
  constructor(changed) {
    this.changed = changed;
    this.drawing = { height: DRAWING_SIDE, width: DRAWING_SIDE, values: new Float32Array(DRAWING_SIDE * DRAWING_SIDE) };
    this.position = { x: DRAWING_SIDE / 2, y: DRAWING_SIDE / 2 }; // of the pen moved by keys
    this.isDown = this.isPositionVisible = false;
    this.canvas = createElement("canvas", {
      class: "drawing",
      width: DRAWING_SIDE,
      height: DRAWING_SIDE,
      tabindex: 0,
      role: "application",
      "aria-roledescription": "drawing canvas",
      "aria-label":
        "Draw with mouse or finger. Keyboard: Space lowers and lifts the pen, the arrow keys move it, Delete clears the drawing.",
    });
    this.handleInput();
    this.show();
  }

  handleInput() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      this.isPositionVisible = this.isDown = false;
      if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.last = this.pointOf(event);
      this.drawLine(this.last, this.last);
      this.update();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pointer) return;
      const coalesced = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const single of coalesced.length ? coalesced : [event]) {
        const next = this.pointOf(single);
        this.drawLine(this.last, next);
        this.last = next;
      }
      this.update();
    });
    for (const type of ["pointerup", "pointercancel"])
      canvas.addEventListener(type, () => {
        this.pointer = null;
      });
    canvas.addEventListener("keydown", (event) => {
      if (this.handleKey(event)) event.preventDefault();
    });
    canvas.addEventListener("focus", () => {
      this.isPositionVisible = canvas.matches(":focus-visible");
      this.show();
    });
    canvas.addEventListener("blur", () => {
      this.isPositionVisible = this.isDown = false;
      this.show();
    });
  }

  /** Return the position of an event in pixels of the drawing. */
  pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * DRAWING_SIDE,
      y: ((event.clientY - box.top) / box.height) * DRAWING_SIDE,
    };
  }

  /** Draw a line with round ends; pixels at its edge are partly covered. */
  drawLine(from, to) {
    const { values } = this.drawing;
    const reach = PEN_RADIUS + 1;
    const first = (a, b) => Math.max(DRAWING_MARGIN, Math.floor(Math.min(a, b) - reach));
    const last = (a, b) => Math.min(DRAWING_SIDE - DRAWING_MARGIN, Math.ceil(Math.max(a, b) + reach));
    for (let row = first(from.y, to.y); row < last(from.y, to.y); row++) {
      for (let column = first(from.x, to.x); column < last(from.x, to.x); column++) {
        const coverage = Math.min(1, Math.max(0, PEN_RADIUS + 0.5 - distanceToLine(column + 0.5, row + 0.5, from, to)));
        const ink = Math.round(255 * coverage) / 255; // the value that the screen shows
        if (ink > values[row * DRAWING_SIDE + column]) values[row * DRAWING_SIDE + column] = ink;
      }
    }
  }

  clear() {
    this.drawing.values.fill(0);
    this.update();
  }

  update() {
    this.show();
    this.changed(this.drawing);
  }

  /** Show the drawing, and a ring at the position of the pen while keys move it. */
  show() {
    const context = this.canvas.getContext("2d");
    const { values } = this.drawing;
    context.drawImage(
      drawPixels(DRAWING_SIDE, DRAWING_SIDE, (index) => GRAYS[Math.round(255 * values[index])]),
      0,
      0,
    );
    if (!this.isPositionVisible) return;
    context.strokeStyle = MARK_COLORS.position;
    context.lineWidth = this.isDown ? 3 : 1.5;
    context.beginPath();
    context.arc(this.position.x, this.position.y, PEN_RADIUS, 0, 2 * Math.PI);
    context.stroke();
  }

  /** Handle a key; return whether the key has a meaning. */
  handleKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const from = { ...this.position };
    if (event.key in ARROW_STEPS) {
      const [rows, columns] = ARROW_STEPS[event.key];
      const distance = event.shiftKey ? 1 : 4;
      this.isPositionVisible = true;
      this.position.x = Math.min(DRAWING_SIDE - PEN_RADIUS, Math.max(PEN_RADIUS, from.x + distance * columns));
      this.position.y = Math.min(DRAWING_SIDE - PEN_RADIUS, Math.max(PEN_RADIUS, from.y + distance * rows));
      if (!this.isDown) this.show();
    } else if (event.key === " " || event.key === "Enter") {
      this.isPositionVisible = true;
      this.isDown = !this.isDown;
      this.show();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
      return true;
    } else return false;
    if (this.isDown) {
      this.drawLine(from, this.position);
      this.update();
    }
    return true;
  }
}

/** Return the distance of a point from the line between two others. */
function distanceToLine(x, y, from, to) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const squaredLength = dx * dx + dy * dy;
  const fraction = squaredLength
    ? Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / squaredLength))
    : 0;
  return Math.hypot(x - from.x - fraction * dx, y - from.y - fraction * dy);
}
