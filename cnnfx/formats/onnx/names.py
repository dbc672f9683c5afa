"""Names of layers from those of nodes and weights in an ONNX graph, as users of the exported network know them."""

from __future__ import annotations

import re
from typing import Any

_WEIGHTS = re.compile(
    r"(.+?)(?:/(?:Conv2D|MatMul|BiasAdd)/ReadVariableOp|[./_](?:weights?|kernel|filters?|scale|gamma|w|W)(?:_\d+)?)(?::0)?",
    re.DOTALL,
)
"""The name of a tensor of weights: that of its layer, then what it is in the layer: "conv1.weight", "conv1_w_0"."""
_NUMBERED = re.compile(r"(?:.*::.*|_?(?:val|tmp|const|constant|node|t)?[_@.]?\d+)", re.DOTALL | re.IGNORECASE)
"""A name that an exporter has made of a number."""
_SCOPES = "pkg.torch.onnx.name_scopes"
"""The entry of a node's metadata in which PyTorch writes the modules that the node is in, the innermost last."""


def layer_name(node: Any, weights: str = "") -> str:
    """Return the name of the layer of a node; empty if nothing but numbers is known.

    Parameters
    ----------
    node : NodeProto
    weights : str
        The name of the tensor of the node's weights, if it has any.

    Returns
    -------
    str
        The name of the weights without "weight"; otherwise the module of PyTorch that the node is in, or the name of
        the node, or that of its result.
    """
    match = _WEIGHTS.fullmatch(weights)
    if match is not None and not _NUMBERED.fullmatch(match[1]):
        return str(match[1])
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            modules = [name for name in re.findall(r"'([^']*)'", entry.value)[:-1] if name]
            if modules:
                return str(modules[-1])
    if node.name.startswith("/"):  # PyTorch before 2.5: /layer1/layer1.0/conv1/Conv
        return _module(node.name[1:].split("/"))
    names: list[str] = [node.name, *node.output[:1]]
    return next((name for name in names if name and not _NUMBERED.fullmatch(name)), "")


def _module(steps: list[str]) -> str:
    """Return the name of a module from the names of all modules around it and that of the operator."""
    *modules, operator = steps
    parts: list[str] = []
    for module in modules:
        if parts and (module == parts[-1] or module.startswith(f"{parts[-1]}.")):
            parts.pop()
        parts.append(module)
    return ".".join(parts) or operator
