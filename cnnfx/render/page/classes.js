/* The classes of a model: their probabilities, and a canvas to draw an image to classify. */

const MAX_CLASSES_IN_ORDER = 100; // with more, the most probable ones are listed
const TOP_CLASSES = 10; // of many

/** Show the panel of the classes, with a canvas to draw on if the model reads drawings. */
function createClasses(page) {
  if (!isClassifier(page.network)) return;
  byId("classes").hidden = false;
  if (page.data.drawing) byId("drawing").append(...drawingElements(page));
}

/** Return the canvas to draw on, with its name and its button. */
function drawingElements(page) {
  const { shape, digits } = page.data.drawing;
  const [, height, width] = shape;
  const pen = new Pen((drawing) => {
    const empty = { channels: 1, height, width, values: new Float32Array(height * width) };
    const fitted = digits ? fitDigit(drawing)?.digit : fitImage(drawing, height, width);
    const title = digits ? "your drawing, preprocessed" : "your drawing, resized";
    page.show({ image: fitted ?? empty, title, channels: ["ink"], isPicture: true, isDrawing: true, notes: [] });
  });
  const clear = createElement("button", { type: "button" }, "Clear");
  clear.addEventListener("click", () => pen.clear());
  return [createElement("p", { class: "how" }, digits ? "Draw a digit:" : "Draw here:"), pen.canvas, clear];
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

/** Show the probabilities of the classes, if the maps have the size that the head was trained on. Return the index of
    the most probable class, null if there is none. */
function showClasses({ network, data }, maps) {
  if (!isClassifier(network)) return null;
  const about = byId("classes").querySelector(".about");
  const list = byId("probabilities");
  if (!fitsHead(network, maps)) {
    list.replaceChildren();
    about.textContent = data.drawing
      ? `The model classifies images of ${data.drawing.shape.slice(1).reverse().join("×")} pixels only. Draw one.`
      : "The model classifies images of another size only.";
    return null;
  }
  const classProbabilities = probabilities(network, maps);
  const best = classProbabilities.indexOf(Math.max(...classProbabilities));
  const name = network.classes[best];
  const how = network.head ? `, computed from the ${maps.values.length} values of the last layer` : "";
  const listed = listedClasses(classProbabilities);
  const others = classProbabilities.length - listed.length;
  about.textContent = `Most probable: ${name}${how}.${others ? ` ${others} less probable classes are not listed.` : ""}`;
  list.replaceChildren(
    ...listed.map((index) => classItem(network.classes[index], classProbabilities[index], index === best)),
  );
  announce(`${name}, ${Math.round(100 * classProbabilities[best])} percent`);
  return best;
}

/** Return the indexes of the classes that are listed: all in their order, or of many the most probable ones first. */
function listedClasses(classProbabilities) {
  const all = classProbabilities.map((_, index) => index);
  if (all.length <= MAX_CLASSES_IN_ORDER) return all;
  return all.sort((a, b) => classProbabilities[b] - classProbabilities[a]).slice(0, TOP_CLASSES);
}

function classItem(name, probability, isBest) {
  const bar = createElement("div", { class: "bar" });
  bar.style.width = `${100 * probability}%`;
  return createElement(
    "li",
    { class: isBest ? "best" : "", "data-probability": probability },
    createElement("span", { class: "name", title: name }, name),
    bar,
    createElement("span", { class: "percent" }, percent(probability)),
  );
}
