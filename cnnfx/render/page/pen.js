/* A cell to draw on. The drawing is a plane of ink, 0..1, four times as fine as what a digit's model sees; a rim of it
   stays free, so that ground is ground. `changed(plane)` is called after every stroke's piece. */

const CELL = 112, NIB = 5.2, RIM = 2;

class Pen {
  constructor(changed) {
    this.changed = changed;
    this.plane = { height: CELL, width: CELL, values: new Float32Array(CELL * CELL) };
    this.cursor = { x: CELL / 2, y: CELL / 2 };
    this.down = this.seen = false;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "drawing";
    this.canvas.width = this.canvas.height = CELL;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "drawing cell");
    this.canvas.setAttribute("aria-label", "Draw with mouse or finger. By keyboard: Space lowers and lifts the pen, the arrow keys move it, Delete clears.");
    this.listen();
    this.draw();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      this.seen = this.down = false; // the ring is for the keyboard
      if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
      this.finger = event.pointerId;
      this.last = this.place(event);
      this.stroke(this.last, this.last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.finger) return;
      const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const piece of events.length ? events : [event]) {
        const next = this.place(piece);
        this.ink(this.last, next);
        this.last = next;
      }
      this.told();
    });
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { this.finger = null; });
    canvas.addEventListener("keydown", (event) => { if (this.key(event)) event.preventDefault(); });
    canvas.addEventListener("focus", () => { this.seen = canvas.matches(":focus-visible"); this.draw(); });
    canvas.addEventListener("blur", () => { this.seen = this.down = false; this.draw(); });
  }

  /** Where an event is, in pixels of the plane. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * CELL, y: ((event.clientY - box.top) / box.height) * CELL };
  }

  /** Ink from one point to another. */
  stroke(from, to) {
    this.ink(from, to);
    this.told();
  }

  /** Every pixel within the nib of the line becomes ink, those at its edge in part. */
  ink(from, to) {
    const { values } = this.plane, low = (a, b) => Math.max(RIM, Math.floor(Math.min(a, b) - NIB - 1));
    const high = (a, b) => Math.min(CELL - RIM, Math.ceil(Math.max(a, b) + NIB + 1));
    for (let row = low(from.y, to.y); row < high(from.y, to.y); row++) {
      for (let column = low(from.x, to.x); column < high(from.x, to.x); column++) {
        const covered = Math.min(1, Math.max(0, NIB + 0.5 - distance(column + 0.5, row + 0.5, from, to)));
        const ink = Math.round(255 * covered) / 255; // what is seen is what is computed with
        if (ink > values[row * CELL + column]) values[row * CELL + column] = ink;
      }
    }
  }

  clear() {
    this.plane.values.fill(0);
    this.told();
  }

  told() {
    this.draw();
    this.changed(this.plane);
  }

  draw() {
    const context = this.canvas.getContext("2d"), { values } = this.plane;
    context.drawImage(painted(CELL, CELL, (at) => GRAYS[Math.round(255 * values[at])]), 0, 0);
    if (!this.seen) return;
    context.strokeStyle = COLORS.here;
    context.lineWidth = this.down ? 3 : 1.5;
    context.beginPath();
    context.arc(this.cursor.x, this.cursor.y, NIB, 0, 2 * Math.PI);
    context.stroke();
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const from = { ...this.cursor };
    if (event.key in STEPS) {
      const [down, across] = STEPS[event.key], far = event.shiftKey ? 1 : 4;
      this.seen = true;
      this.cursor.x = Math.min(CELL - NIB, Math.max(NIB, from.x + far * across));
      this.cursor.y = Math.min(CELL - NIB, Math.max(NIB, from.y + far * down));
      if (!this.down) this.draw();
    } else if (event.key === " " || event.key === "Enter") {
      this.seen = true;
      this.down = !this.down;
      this.draw();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
      return true;
    } else return false;
    if (this.down) this.stroke(from, this.cursor);
    return true;
  }
}

/** How far a point is from the line between two others. */
function distance(x, y, from, to) {
  const across = to.x - from.x, down = to.y - from.y, length = across * across + down * down;
  const share = length ? Math.min(1, Math.max(0, ((x - from.x) * across + (y - from.y) * down) / length)) : 0;
  return Math.hypot(x - from.x - share * across, y - from.y - share * down);
}
