/* Elements of the page: found, made, and numbers written into them. */

function find(id) {
  return document.getElementById(id);
}

/** A number in few digits, with a true minus sign. */
function short(number, digits = 4) {
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const size = Math.abs(number);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? number.toExponential(digits - 2) : String(Number(number.toPrecision(digits)));
  return text.replace(/-/g, "−");
}

/** An element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
