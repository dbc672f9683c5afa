/* Elements of the page: lookup, creation, and numbers as text. */

const NARROW_WINDOW = "(max-width: 60rem)"; // the explanation is a sheet at the bottom

function byId(id) {
  return document.getElementById(id);
}

/** Create an element with attributes and children. */
function createElement(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Return a number with few significant digits and the minus sign "−". */
function numberText(number, digits = 4) {
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const size = Math.abs(number);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e6)
      ? number.toExponential(digits - 2)
      : String(Number(number.toPrecision(digits)));
  return text.replace(/-/g, "−");
}
