"""`cnnfx summary`: the layers of a network, their shapes, and how their parameters are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import print_json, print_result, print_result_lines, text_width
from cnnfx.cli.options import option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnfx.formats.arch import Arch
    from cnnfx.nn.network import Network
    from cnnfx.nn.summary import Step

DEFAULT_SIDE = 28
"""The height and width of the input where a network does not contain it and takes that: those of MNIST's images."""
DEFAULT_CLASSES = 10
"""The classes of an arch file unless given."""

Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help=f"{options.NETWORK_FILES}. A .toml file may be one for --arch of train.",
        show_default=False,
        autocompletion=parsers.complete_filters,
    ),
]
Input = Annotated[
    parsers.Counts | None,
    option(
        "--input CxWxH",
        "Channels, width and height of the input; WxH for one channel. By default those of the network's images, or "
        "28x28.",
        parser=parsers.shape,
    ),
]
Order = Annotated[options.OrderName | None, options.order()]
ArchFile = Annotated[str | None, options.arch()]
Classes = Annotated[
    int | None,
    option("--classes N", "The number of classes of an arch file.  [default: 10]", parser=parsers.whole),
]


def summary(
    spec: Spec,
    order: Order = None,
    arch: ArchFile = None,
    input: Input = None,
    classes: Classes = None,
    as_json: options.JsonObject = False,
) -> None:
    """List a network's layers, shapes and parameters.

    Each filter has a weight for every input channel and position, and one
    bias: 16 filters of 5×5 on 1 channel have 16 × 1 × 5 × 5 + 16 = 416.

    \b
      cnnfx summary model.npz
      cnnfx summary edges --input 3x640x480
      cnnfx summary mobilenet_v2.pth
      cnnfx summary arch.toml --classes 26 --json
    """
    from cnnfx.cli.conflicts import arch_path, check_outputs, network_files
    from cnnfx.cli.given import given_options, note_without_effect
    from cnnfx.cli.networks import load_whole_network, note_unused_reading
    from cnnfx.formats.reading import Reading
    from cnnfx.nn.summary import summarize
    from cnnfx.system.sizes import shape_text

    untrained = _arch(spec)
    check_outputs((), network_files("SPEC", spec), network_files("--arch", arch_path(arch)))
    note_unused_reading([spec])
    network = untrained.network if untrained else load_whole_network(spec, Reading(order=order, arch=arch))
    shape: tuple[int, ...] = input or network.input_shape or _default_shape(network)
    trainable = untrained.trainable if untrained else _trainable(spec, network)
    head = (classes or DEFAULT_CLASSES) if untrained else 0
    steps = summarize(network, shape, trainable, head)  # type: ignore[arg-type]
    if untrained is None and not as_json:
        note_without_effect(given_options("--classes"), "on a network that is complete; it is for arch files")
    if as_json:
        print_json({"network": network.name, "input": _sizes(shape), **_described(network, steps)})
        return
    rows = layer_table(network, steps, text_width()) if _has_names(network) else table(steps, text_width())
    print_result(f"{spec}: {_title(network)}")
    print_result(f"input: {shape_text(shape)}")
    print_result_lines(f"\n{rows}")


def _default_shape(network: Network) -> tuple[int, int, int]:
    """Return the shape of the input of a network that does not contain it: the channels that it reads, or gray."""
    channels = network.in_channels or (3 if network.color_mode == "rgb" else 1)
    height, width = network.smallest_size(channels) or (DEFAULT_SIDE, DEFAULT_SIDE)
    return channels, max(height, DEFAULT_SIDE), max(width, DEFAULT_SIDE)


def _has_names(network: Network) -> bool:
    """Return whether layers have names, or read other layers than the one before."""
    return any(layer.name or layer.sources for layer in network.layers)


def _arch(spec: str) -> Arch | None:
    """The arch file of this name, if it is one."""
    from cnnfx.formats.arch import is_arch_file, load_arch

    return load_arch(spec) if is_arch_file(spec) else None


def _trainable(spec: str, network: Network) -> list[NDArray[np.bool_]] | None:
    """Which filters of a model were trained; None if the file does not contain that."""
    from cnnfx.cli.networks import is_model

    if not is_model(spec):
        return None
    from cnnfx.formats.model_npz import load_checkpoint
    from cnnfx.training.state import TrainingState

    _, arrays = load_checkpoint(spec)
    if not arrays:
        return None
    masks = TrainingState.from_arrays(arrays, spec).trainable_filters
    return masks if [len(mask) for mask in masks] == [len(layer.filter_names) for layer in network.layers] else None


def _title(network: Network) -> str:
    """The training of a model or the description of a network, in one line."""
    from cnnfx.system.sizes import counted

    meta = network.meta
    if "dataset" not in meta:
        return network.description or network.name
    epochs, accuracy = meta.get("epochs", 0), [value for value in meta.get("accuracy", []) if value is not None]
    tested = f", test accuracy {100 * accuracy[-1]:.2f} %" if accuracy else ""
    return f"trained on {meta['dataset']}, {counted(epochs, 'epoch')}{tested}"


def table(steps: Sequence[Step], width: int | None) -> str:
    """Return the steps of a network as lines in columns; as a list where they are wider than `width`."""
    rows = [(step.name, _shape(step), str(step.parameters or ""), step.sum) for step in steps]
    return _columns(("layer", "output", "parameters", "calculation"), rows, steps, width)


def layer_table(network: Network, steps: Sequence[Step], width: int | None) -> str:
    """Return a line for each layer of a network, with its name; as a list where they are wider than `width`."""
    rows = []
    for number, layer in enumerate((*network.layers, None), 1):
        own = [step for step in steps if step.layer == (number if layer else 0)]
        if own:
            text = ", ".join(step.name for step in own)
            arrow = "" if layer is None or (layer.conv is None and len(layer.sources) > 1) else _arrow(network, number)
            parameters = sum(step.parameters for step in own)
            title = network.layer_title(number) if layer else "head"
            rows.append((title, _shape(own[-1]), str(parameters or ""), text + arrow))
    return _columns(("layer", "output", "parameters", "steps"), rows, steps, width)


def _arrow(network: Network, number: int) -> str:
    """Return what a layer reads, where this is not the layer before it."""
    sources = network.sources(number)
    if sources == (number - 1,):
        return ""
    return " ← " + ", ".join(network.layer_title(source) if source else "image" for source in sources)


def _columns(
    head: tuple[str, str, str, str], rows: Sequence[tuple[str, str, str, str]], steps: Sequence[Step], width: int | None
) -> str:
    """Return rows in columns, or as a list where these are wider than `width`, and the totals."""
    total, trainable = (sum(getattr(step, name) for step in steps) for name in ("parameters", "trainable"))
    headed = [head, *rows, ("total", "", str(total), "")]
    widths = [max(len(row[column]) for row in headed) for column in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in headed]
    if width is not None and max(map(len, lines)) > width:
        lines = [line for row in rows for line in _listed(*row, width)] + [f"total: {total} parameters"]
    return "\n".join(lines) + (f"\n{trainable} of them are trainable" if trainable != total else "")


def _listed(name: str, output: str, parameters: str, details: str, width: int) -> list[str]:
    """Return a row of the table as lines of a list."""
    from cnnfx.render.wrapping import wrap

    counted = f", {parameters} parameters" if parameters else ""
    lines = wrap(f"{name}: {output}{counted}", width, "  ")
    return lines + (wrap(f"  {details}", width, "    ") if details else [])


def _shape(step: Step) -> str:
    from cnnfx.system.sizes import shape_text

    if step.output is None:
        return "does not fit"
    return shape_text(step.output, "map") if len(step.output) > 1 else str(step.output[0])


def _sizes(shape: Sequence[int]) -> dict[str, int]:
    """Return the shape (C, H, W) of maps, or (K,) of classes, ready for JSON."""
    channels, height, width = shape if len(shape) > 1 else (*shape, 1, 1)
    return {"channels": channels, "width": width, "height": height}


def _described(network: Network, steps: Sequence[Step]) -> dict[str, object]:
    layers = []
    for step in steps:
        described = {**vars(step), "output": step.output and _sizes(step.output)}
        if step.layer == 0:
            del described["layer"]
        elif _has_names(network):
            sources = network.sources(step.layer)
            described["layer_name"] = network.layers[step.layer - 1].name
            described["from"] = [network.layer_title(source) if source else "input" for source in sources]
        layers.append(described)
    totals = {name: sum(getattr(step, name) for step in steps) for name in ("parameters", "trainable")}
    return {"layers": layers, **totals}
