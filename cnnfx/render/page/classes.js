/* The classes that a model tells apart: their probabilities, and the cell whose drawing they follow. */

/** A cell to draw on, where the model tells classes of such images. */
function penCard(page) {
  const { pen: cell, image } = page.told, [, height, width] = cell.shape;
  const fit = (plane) => (cell.digits ? fitDigit(plane) : fitPlain(plane, height, width));
  const pen = new Pen((plane) => {
    const drawn = fit(plane) || { channels: 1, height, width, values: new Float32Array(height * width) };
    page.show(drawn, finish(forward(page.network, drawn)));
    back.hidden = false;
    reading.textContent = readingOf(page);
    title.textContent = cell.digits ? "your drawing, fitted" : "your drawing";
  });
  const title = page.views[0][0].canvas.parentElement.querySelector(".title");
  const reading = make("p", { class: "reading" });
  const clear = make("button", { type: "button" }, "Clear"), back = make("button", { type: "button" }, `Back to ${image.name}`);
  back.hidden = true;
  clear.addEventListener("click", () => pen.clear());
  back.addEventListener("click", () => {
    page.show(page.given, page.givenMaps);
    back.hidden = true;
    reading.textContent = "";
    title.textContent = image.name;
    clear.focus();
  });
  const how = cell.digits ? "It is fitted as MNIST's digits were made: scaled to 20×20, its center of mass in the middle." : `It is scaled to ${width}×${height}.`;
  return make("figure", { class: "card" }, make("figcaption", {}, cell.digits ? "draw a digit here" : "draw here"),
    pen.canvas, reading, make("div", { class: "buttons" }, clear, back), make("p", { class: "how" }, how));
}

/** The three most probable classes of what is shown, in words. */
function readingOf({ network, maps }) {
  const shares = Array.from(probabilities(network.head, maps[maps.length - 1]), (share, index) => ({ share, name: network.classes[index] }));
  const [first, ...others] = shares.sort((a, b) => b.share - a.share).slice(0, 3).map(({ name, share }) => `${name} (${(100 * share).toFixed(1)} %)`);
  return `${first}${others.length ? `, or ${others.join(", ")}` : ""}`;
}

/** The probabilities of the classes, where the maps have the size that the head has learned on. */
function showClasses({ network, told }, maps) {
  const place = find("classes");
  if (!place) return;
  place.querySelector(".classes")?.remove();
  const about = place.querySelector(".about");
  if (!fitsHead(network.head, maps)) {
    about.textContent = `The classes are told of images of ${told.pen ? told.pen.shape.slice(1).reverse().join("×") : "another size"} only${told.pen ? ": draw one above" : ""}.`;
    return;
  }
  const shares = probabilities(network.head, maps), most = shares.indexOf(Math.max(...shares));
  about.textContent = `Most probable: ${network.classes[most]}. Each probability is made of all ${maps.values.length} pixels of the last layer.`;
  place.append(make("ol", { class: "classes" }, ...shares.map((share, index) => {
    const bar = make("div", { class: "share" });
    bar.style.width = `${100 * share}%`;
    return make("li", { class: index === most ? "most" : "", "data-probability": share },
      make("span", {}, network.classes[index]), bar, make("span", { class: "percent" }, `${(100 * share).toFixed(1)} %`));
  })));
  speak(`${network.classes[most]}, ${Math.round(100 * shares[most])} per cent`);
}
