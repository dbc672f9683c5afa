/* Legends: color bars with numbers, ranges in words, and what the colors mean. */

const MAX_LEGEND_BARS = 2; // of a layer

/** Return the range of a scale in short: "±2.24", "0…3.1", "−0.5…1", or "0" for a map without contrast. */
function rangeText(scale) {
  const [low, high] = limitsOf(scale);
  if (low === high) return "0";
  if (low === -high) return `±${scaleNumber(high)}`;
  return `${scaleNumber(low)}…${scaleNumber(high)}`;
}

/** Return a number with three significant digits, as in the legends of pictures. */
function scaleNumber(value) {
  const size = Math.abs(value);
  return size >= 999.5 && size < 1e6 ? numberText(Math.round(value), 6) : numberText(value, 3);
}

/** Return a bar of the colors of a scale with numbers below it, and a mark at `value` if it is given. `isSame` is
    whether one range holds for all maps that the bar is for; otherwise words replace the numbers. */
function colorBar(scale, table, { value, isSame = true } = {}) {
  const stops = Array.from({ length: 17 }, (_, k) => cssColor(table[Math.min(255, 16 * k)])).join(", ");
  const colors = createElement("div", { class: "colors" });
  colors.style.background = `linear-gradient(to right, ${stops})`;
  if (value !== undefined) {
    const tick = createElement("div", { class: "tick" });
    tick.style.left = `${(100 * levelOf(scale, value)) / 255}%`;
    colors.append(tick);
  }
  const ends = createElement(
    "div",
    { class: "ends" },
    ...barTexts(scale, isSame).map((text) => createElement("span", {}, text)),
  );
  return createElement("div", { class: "scale", "aria-hidden": "true" }, colors, ends);
}

/** Return the texts below a color bar: its ends, and 0 if that is in the middle. */
function barTexts(scale, isSame) {
  const [low, high] = limitsOf(scale);
  if (low === high) return ["0"];
  const isSigned = low === -high;
  const largest = isSame ? scaleNumber(high) : "max";
  const smallest = isSame || low === 0 ? scaleNumber(low) : isSigned ? "−max" : "min";
  return isSigned ? [smallest, "0", largest] : [smallest, largest];
}

/** Return the legend of a layer: a bar for all maps in which 0 has the same color. */
function layerLegend(scales, table) {
  const drawn = scales.filter(({ scale }) => scale);
  const offsets = [...new Set(drawn.map(({ offset, magnitude }) => (magnitude ? "magnitude" : offset)))];
  if (offsets.length > MAX_LEGEND_BARS) return []; // each map has its own zero
  return offsets.map((offset) => {
    const same = drawn.filter((scale) => (scale.magnitude ? "magnitude" : scale.offset) === offset);
    return colorBar(same[0], table, { isSame: same.every(({ scale }) => scale === same[0].scale) });
  });
}

/** Return a sentence on what the colors mean; `names` are those of the first, the middle and the last color. */
function colorMeaning({ normalize, colormap, scope, clip, limits }, [first, middle, last], nonNegative) {
  const signed = `zero is ${middle}, the largest magnitude ${last} or ${first}`;
  const positive = `zero is ${first}, the largest value ${last}`;
  const isSigned = colormap === "diverging" || !nonNegative.some(Boolean);
  const meanings = {
    auto: isSigned
      ? signed
      : nonNegative.every(Boolean)
        ? positive
        : `zero is ${first} in maps that cannot be negative, and ${middle} in others`,
    signed,
    minmax: `the smallest value is ${first}, the largest ${last}`,
    positive: `zero and less is ${first}, the largest value ${last}`,
    absolute: `zero is ${first}, the largest magnitude ${last}`,
    none: `0 is ${first}, 1 is ${last}`,
  };
  const sentence = `${meanings[normalize][0].toUpperCase()}${meanings[normalize].slice(1)}.`;
  if (scope === "fixed") {
    const range = Array.isArray(limits) ? limits.map(scaleNumber).join("…") : `±${scaleNumber(limits)}`;
    return `${sentence} The range is fixed: ${range}.`;
  }
  return clip ? `${sentence} Values beyond percentile ${clip} are clipped.` : sentence;
}
