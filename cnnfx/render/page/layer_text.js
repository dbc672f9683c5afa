/* The settings of a layer in words. */

/** Return the settings of a layer in one line. */
function layerText(layer) {
  const parts = layer.shape ? filterTexts(layer) : [JOIN_TEXTS[layer.sources.length > 1 ? layer.join : "single"]];
  if (layer.activation !== "none") parts.push(ACTIVATION_NAMES[layer.activation]);
  if (layer.local_response) parts.push(`local response normalization over ${layer.local_response.size} channels`);
  if (layer.pool) parts.push(poolText(layer.pool));
  return parts.filter(Boolean).join(", ");
}

const JOIN_TEXTS = {
  concat: "inputs side by side",
  add: "sum of the inputs",
  multiply: "product of the inputs",
  single: "",
};
const ACTIVATION_NAMES = {
  relu: "ReLU",
  abs: "absolute value",
  relu6: "ReLU6",
  leaky_relu: "leaky ReLU",
  prelu: "parametric ReLU",
  sigmoid: "sigmoid",
  tanh: "tanh",
  hard_sigmoid: "hard sigmoid",
  hard_swish: "hard swish",
  softmax: "softmax",
};

function filterTexts(layer) {
  const [count, depth, height, width] = layer.shape;
  const parts = [`${count} filter${count > 1 ? "s" : ""} of ${width}×${height}`];
  if (layer.groups > 1 && depth === 1 && layer.inputs.length === layer.groups && layer.name) parts.push("depthwise");
  else if (layer.groups > 1 && layer.name) parts.push(`${layer.groups} groups`);
  if (layer.stride.some((step) => step !== 1)) parts.push(`stride ${pairText(layer.stride)}`);
  if (layer.dilation.some((step) => step !== 1)) parts.push(`dilation ${pairText(layer.dilation)}`);
  if (layer.padding === "same" || layer.padding.flat().some(Boolean)) parts.push(`padding ${paddingText(layer)}`);
  return parts;
}

function pairText([vertical, horizontal]) {
  return vertical === horizontal ? `${vertical}` : `${vertical} vertical, ${horizontal} horizontal`;
}

/** Return a pooling in words: "max pooling 3×3, stride 2", or "mean of the whole map". */
function poolText({ kind, size, stride, padding, ceil }) {
  if (!size) return `${kind === "max" ? "largest value" : "mean"} of the whole map`;
  const parts = [`${kind} pooling ${size[1]}×${size[0]}`];
  if (stride.join() !== size.join()) parts.push(`stride ${pairText(stride)}`);
  if (padding.flat().some(Boolean)) parts.push(`padding ${paddingSize(padding)}`);
  if (ceil) parts.push("incomplete windows kept");
  return parts.join(", ");
}

function paddingText({ padding, border }) {
  return `${paddingSize(padding)} (${border === "constant" ? "zeros" : border})`;
}

function paddingSize(padding) {
  if (padding === "same") return "same";
  const [top, bottom, left, right] = padding.flat();
  const isEqual = top === bottom && top === left && top === right;
  return isEqual ? top : `${top} top, ${bottom} bottom, ${left} left, ${right} right`;
}
