/* A field for one number that can be typed or dragged. */

const MIN_DRAG = 3; // CSS pixels
const PIXELS_PER_STEP = 4; // CSS pixels of a drag that change a number by one step

/** A field for one number: it can be typed, changed by the up and down keys, or dragged in any direction. */
class NumberCell {
  /** `number` is { get(), set(value) }; `editor` has step, and changed() is called after each change. */
  constructor(label, editor, number) {
    Object.assign(this, { editor, ...number });
    this.input = createElement("input", {
      type: "text",
      inputmode: "decimal",
      "aria-label": label,
      autocomplete: "off",
    });
    this.input.title = "Type a number, or drag up or down";
    this.handleInput();
  }

  handleInput() {
    const { input } = this;
    let start = null;
    input.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || input === document.activeElement) return;
      start = { x: event.clientX, y: event.clientY, value: this.get(), drags: false };
      if (event.isTrusted) input.setPointerCapture(event.pointerId);
    });
    input.addEventListener("mousedown", (event) => {
      if (start) event.preventDefault(); // a drag selects no text
    });
    input.addEventListener("pointermove", (event) => {
      if (!start) return;
      const distance = event.clientX - start.x - (event.clientY - start.y);
      start.drags ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > MIN_DRAG;
      if (start.drags) this.change(start.value + Math.round(distance / PIXELS_PER_STEP) * this.editor.step);
    });
    input.addEventListener("pointerup", () => {
      if (start && !start.drags) input.focus();
      start = null;
    });
    input.addEventListener("pointercancel", () => {
      start = null;
    });
    input.addEventListener("focus", () => {
      input.value = tomlNumber(this.get());
      input.select();
    });
    input.addEventListener("input", () => this.read());
    input.addEventListener("blur", () => {
      input.removeAttribute("aria-invalid");
      this.editor.draw();
    });
    input.addEventListener("keydown", (event) => {
      const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (event.key === "Escape") event.stopPropagation();
      if (event.key === "Escape" || event.key === "Enter") input.blur();
      if (!direction || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.change(this.get() + direction * (event.shiftKey ? 10 : 1) * this.editor.step);
      input.value = tomlNumber(this.get());
      input.select();
    });
  }

  /** Take the number that was typed, if it is one. */
  read() {
    const value = parseNumber(this.input.value);
    if (value === null) this.input.setAttribute("aria-invalid", "true");
    else {
      this.input.removeAttribute("aria-invalid");
      this.set(value);
      this.editor.changed();
    }
  }

  /** Take a number, rounded to a hundredth of a step so that it stays short. */
  change(value) {
    const unit = this.editor.step / 100;
    this.set(Number((Math.round(value / unit) * unit).toPrecision(7)));
    this.input.removeAttribute("aria-invalid");
    this.editor.changed();
  }

  /** Show the number, unless it is being edited, on a packed color or, if that is null, on the page's color. */
  show(color) {
    const { input } = this;
    if (input !== document.activeElement) input.value = numberText(this.get(), 3).replace(/^(−?)0\./, "$1.");
    input.dataset.value = this.get();
    if (color === null) return;
    input.style.background = cssColor(color);
    input.style.color = textColorOn(color);
  }
}

/** Return the number that a text is, also with "−", a decimal comma, or as a fraction "1/9"; null if it is none. */
function parseNumber(text) {
  const parts = text.trim().replace(/−/g, "-").replace(",", ".").split("/");
  if (parts.length > 2 || parts.some((part) => !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(part))) return null;
  const value = parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(parts[0]);
  return Math.abs(value) <= LARGEST_FLOAT32 ? value : null;
}
