/* What mouse, fingers and keys do on a map. `page` says what follows: it has point(view, row, column),
   pin(view, row, column), release(), moved() after panning and zooming, and step(view, by) to another layer. */

const STILL = 5; // pixels that a finger or mouse may move in a click

function listen(view, page) {
  const { canvas } = view, fingers = new Map();
  let start = null;
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") pointAt(event);
      return;
    }
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) pinch(event, before);
    else if (start && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > STILL) start.drags = true;
    if (fingers.size === 1 && start && start.drags && viewport.zoom > 1) drag(event, before);
  });
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    start = fingers.size === 1 ? { clientX: event.clientX, clientY: event.clientY, drags: false } : null;
    if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (start && !start.drags && fingers.size === 1) {
      const { row, column } = view.at(event.clientX, event.clientY);
      page.pin(view, row, column);
    }
    fingers.delete(event.pointerId);
    start = null;
  });
  for (const kind of ["pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 200), ...share(event));
    page.moved();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (!event.altKey && !event.ctrlKey && !event.metaKey && key(view, page, event)) event.preventDefault();
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) page.point(view, view.row, view.column);
  });

  function pointAt(event) {
    const { row, column } = view.at(event.clientX, event.clientY);
    page.point(view, row, column);
  }

  /** Where an event is, as shares of the map. */
  function share(event) {
    const box = canvas.getBoundingClientRect(), seen = view.seen;
    return [(seen.left + ((event.clientX - box.left) / box.width) * seen.width) / view.width,
      (seen.top + ((event.clientY - box.top) / box.height) * seen.height) / view.height];
  }

  function drag(event, before) {
    const box = canvas.getBoundingClientRect();
    panBy((before.clientX - event.clientX) / box.width / viewport.zoom, (before.clientY - event.clientY) / box.height / viewport.zoom);
    page.moved();
  }

  function pinch(event, before) {
    const other = [...fingers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    const distance = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
    if (distance(before) > 0) zoomBy(distance(event) / distance(before), ...share(event));
    page.moved();
  }
}

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** Do what a key says; whether it said anything. */
function key(view, page, event) {
  const far = event.shiftKey ? 10 : 1;
  if (event.key in STEPS) go(view, page, view.row + far * STEPS[event.key][0], view.column + far * STEPS[event.key][1]);
  else if (event.key === "Home") go(view, page, view.row, 0);
  else if (event.key === "End") go(view, page, view.row, view.width - 1);
  else if (event.key === "Enter" || event.key === " ") page.pin(view, view.row, view.column);
  else if (event.key === "Escape") page.release();
  else if (event.key === "PageDown") page.step(view, 1);
  else if (event.key === "PageUp") page.step(view, -1);
  else if (event.key === "+" || event.key === "=") zoomAround(view, page, 1.5);
  else if (event.key === "-") zoomAround(view, page, 1 / 1.5);
  else if (event.key === "0") zoomAround(view, page, 0);
  else return false;
  return true;
}

function go(view, page, row, column) {
  const inside = [Math.min(view.height - 1, Math.max(0, row)), Math.min(view.width - 1, Math.max(0, column))];
  page.point(view, ...inside, true);
}

function zoomAround(view, page, factor) {
  zoomBy(factor, (view.column + 0.5) / view.width, (view.row + 0.5) / view.height);
  page.moved();
}
