/* The classes of a model: their probabilities, and a canvas to draw an image to classify. */

/** Return the canvas to draw on, with its buttons and the predicted classes. */
function drawingCard(page) {
  const {
    drawing: { shape, digits },
    image,
  } = page.data;
  const [, height, width] = shape;
  const fit = (drawing) => (digits ? fitDigit(drawing) : fitDrawing(drawing, height, width));
  const pen = new Pen((drawing) => {
    const fitted = fit(drawing) || { channels: 1, height, width, values: new Float32Array(height * width) };
    page.show(fitted, finish(forward(page.network, fitted)));
    back.hidden = false;
    prediction.textContent = predictionText(page);
    title.textContent = digits ? "your drawing, preprocessed" : "your drawing, resized";
  });
  const title = page.views[0][0].canvas.parentElement.querySelector(".title");
  const prediction = createElement("p", { class: "prediction" });
  const clear = createElement("button", { type: "button" }, "Clear");
  const back = createElement("button", { type: "button" }, `Back to ${image.name}`);
  back.hidden = true;
  clear.addEventListener("click", () => pen.clear());
  back.addEventListener("click", () => {
    page.show(page.image, page.imageMaps);
    back.hidden = true;
    prediction.textContent = "";
    title.textContent = image.name;
    clear.focus();
  });
  const note = digits
    ? "The drawing is preprocessed as MNIST's digits were: scaled to 20×20 pixels, " +
      "with the center of mass in the middle of 28×28."
    : `The drawing is resized to ${width}×${height} pixels.`;
  return createElement(
    "figure",
    { class: "card" },
    createElement("figcaption", {}, digits ? "draw a digit here" : "draw here"),
    pen.canvas,
    prediction,
    createElement("div", { class: "buttons" }, clear, back),
    createElement("p", { class: "how" }, note),
  );
}

/** Return the three most probable classes of the input shown. */
function predictionText({ network, maps }) {
  const classes = Array.from(probabilities(network.head, maps[maps.length - 1]), (probability, index) => ({
    probability,
    name: network.classes[index],
  }));
  const texts = classes
    .sort((a, b) => b.probability - a.probability)
    .slice(0, 3)
    .map(({ name, probability }) => `${name} (${percent(probability)})`);
  return texts.length > 1 ? `${texts[0]}, or ${texts.slice(1).join(", ")}` : texts[0];
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

/** Show the probabilities of the classes, if the maps have the size that the head was trained on. */
function showClasses({ network, data }, maps) {
  const section = byId("classes");
  if (!section) return;
  section.querySelector(".classes")?.remove();
  const about = section.querySelector(".about");
  if (!fitsHead(network.head, maps)) {
    about.textContent = data.drawing
      ? `The model classifies images of ${data.drawing.shape.slice(1).reverse().join("×")} pixels only. Draw one above.`
      : "The model classifies images of another size only.";
    return;
  }
  const classProbabilities = probabilities(network.head, maps);
  const best = classProbabilities.indexOf(Math.max(...classProbabilities));
  const name = network.classes[best];
  const count = maps.values.length;
  about.textContent = `Most probable: ${name}. The probabilities are computed from all ${count} values of the last layer.`;
  section.append(
    createElement(
      "ol",
      { class: "classes" },
      ...classProbabilities.map((probability, index) => {
        const bar = createElement("div", { class: "bar" });
        bar.style.width = `${100 * probability}%`;
        return createElement(
          "li",
          { class: index === best ? "best" : "", "data-probability": probability },
          createElement("span", {}, network.classes[index]),
          bar,
          createElement("span", { class: "percent" }, percent(probability)),
        );
      }),
    ),
  );
  announce(`${name}, ${Math.round(100 * classProbabilities[best])} percent`);
}
