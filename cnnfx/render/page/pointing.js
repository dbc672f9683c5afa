/* Mouse, touch and keyboard on a map.

   `page` has point(view, row, column), leave(), pin(view, row, column), viewportChanged() after panning and zooming,
   and focusLayer(view, offset). */

const MAX_CLICK_MOVEMENT = 5; // CSS pixels that a pointer may move in a click
const ZOOM_STEP = 1.5; // factor of the zoom buttons and keys

/** Handle the events of a map. */
function handleInput(view, page) {
  const { canvas } = view;
  const pointers = new Map();
  let start = null;
  canvas.addEventListener("pointermove", (event) => {
    const previous = pointers.get(event.pointerId);
    if (!previous) {
      if (event.pointerType === "mouse") pointAt(event);
      return;
    }
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) pinch(event, previous);
    else if (start && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > MAX_CLICK_MOVEMENT)
      start.drags = true;
    if (pointers.size === 1 && start && start.drags && viewport.zoom > 1) drag(event, previous);
  });
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    start = pointers.size === 1 ? { clientX: event.clientX, clientY: event.clientY, drags: false } : null;
    if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (start && !start.drags && pointers.size === 1) {
      const { row, column } = view.pixelAt(event.clientX, event.clientY);
      page.pin(view, row, column);
    }
    pointers.delete(event.pointerId);
    start = null;
  });
  for (const type of ["pointerleave", "blur"]) canvas.addEventListener(type, () => page.leave());
  for (const type of ["pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(type, (event) => pointers.delete(event.pointerId));
  }
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 200), ...fractions(event));
      page.viewportChanged();
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    if (!event.altKey && !event.ctrlKey && !event.metaKey && handleKey(view, page, event)) event.preventDefault();
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) page.point(view, view.row, view.column);
  });

  function pointAt(event) {
    const { row, column } = view.pixelAt(event.clientX, event.clientY);
    page.point(view, row, column);
  }

  /** Return the position of an event in fractions of the map's width and height. */
  function fractions(event) {
    const box = canvas.getBoundingClientRect();
    const visible = view.visible;
    return [
      (visible.left + ((event.clientX - box.left) / box.width) * visible.width) / view.width,
      (visible.top + ((event.clientY - box.top) / box.height) * visible.height) / view.height,
    ];
  }

  function drag(event, previous) {
    const box = canvas.getBoundingClientRect();
    panBy(
      (previous.clientX - event.clientX) / box.width / viewport.zoom,
      (previous.clientY - event.clientY) / box.height / viewport.zoom,
    );
    page.viewportChanged();
  }

  function pinch(event, previous) {
    const other = [...pointers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    const distance = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
    if (distance(previous) > 0) zoomBy(distance(event) / distance(previous), ...fractions(event));
    page.viewportChanged();
  }
}

/** Rows and columns that the arrow keys move by. */
const ARROW_STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** Handle a key; return whether the key has a meaning. */
function handleKey(view, page, event) {
  const distance = event.shiftKey ? 10 : 1;
  if (event.key in ARROW_STEPS) {
    const [rows, columns] = ARROW_STEPS[event.key];
    moveTo(view, page, view.row + distance * rows, view.column + distance * columns);
  } else if (event.key === "Home") moveTo(view, page, view.row, 0);
  else if (event.key === "End") moveTo(view, page, view.row, view.width - 1);
  else if (event.key === "Enter" || event.key === " ") page.pin(view, view.row, view.column);
  else if (event.key === "PageDown") page.focusLayer(view, 1);
  else if (event.key === "PageUp") page.focusLayer(view, -1);
  else if (event.key === "+" || event.key === "=") zoomAtPosition(view, page, ZOOM_STEP);
  else if (event.key === "-") zoomAtPosition(view, page, 1 / ZOOM_STEP);
  else if (event.key === "0") zoomAtPosition(view, page, 0);
  else return false;
  return true;
}

/** Move the keyboard's position, within the map. */
function moveTo(view, page, row, column) {
  page.point(view, Math.min(view.height - 1, Math.max(0, row)), Math.min(view.width - 1, Math.max(0, column)), true);
}

/** Magnify by a factor around the position of a view. */
function zoomAtPosition(view, page, factor) {
  zoomBy(factor, (view.column + 0.5) / view.width, (view.row + 0.5) / view.height);
  page.viewportChanged();
}
