"""`cnnfx convert`: write a network to a file for PyTorch, ONNX Runtime and others, or as a filter file to edit."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.targets import Target

Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help=f"{options.NETWORK_FILES}.",
        show_default=False,
        autocompletion=parsers.complete_filters,
    ),
]
Output = Annotated[
    str,
    typer.Argument(
        metavar="OUTPUT",
        help="The file to write: .npz, .safetensors, .onnx or .toml; or - for standard output, with --format.",
        show_default=False,
    ),
]
Layer = Annotated[
    str | None,
    option(
        "--layer NAME|N",
        "The last layer that is written, by name or number, after those that it needs.  [default: all]",
        autocompletion=parsers.complete_layers,
    ),
]
Order = Annotated[options.OrderName | None, options.order()]
ArchFile = Annotated[str | None, options.arch()]
Format = Annotated[
    str | None,
    option("--format ENDING", "The format, such as onnx or toml, if the output's name has no ending.", options.OUTPUT),
]


def convert(
    spec: Spec,
    output: Output,
    layer: Layer = None,
    order: Order = None,
    arch: ArchFile = None,
    format: Format = None,
    as_json: options.JsonObject = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a network to a file for other programs.

    The file computes the same: as an ONNX model, as arrays for PyTorch
    (safetensors, npz), or as a filter file that can be read and edited.

    \b
      cnnfx convert model.npz model.onnx
      cnnfx convert model.npz model.safetensors
      cnnfx convert sobel sobel.onnx
      cnnfx convert resnet.onnx first.toml --layer conv1
    """
    from cnnfx.cli.advice import output_option
    from cnnfx.cli.conflicts import NamedFile, arch_path, check_outputs, network_files
    from cnnfx.cli.console import print_json, print_message
    from cnnfx.cli.networks import load_named_network, note_unused_reading
    from cnnfx.errors import UsageError
    from cnnfx.formats.reading import Reading
    from cnnfx.system.files import check_writable

    target = _target(output, format)
    if as_json and target.path is None:
        raise UsageError("--json and the network cannot both go to standard output. Give the name of a file.")
    check_outputs(
        [NamedFile("OUTPUT", target.name)], network_files("SPEC", spec), network_files("--arch", arch_path(arch))
    )
    note_unused_reading([spec])
    with output_option("OUTPUT"):
        if target.path is not None:
            check_writable(target.path)
    network = load_named_network(spec, Reading(layer, order, arch))
    if layer is not None:
        network = _up_to(network, layer)
    with output_option("OUTPUT"):
        _write(network, target)
    if as_json:
        print_json(_described(network, target))
    elif not quiet and target.path is not None:
        print_message(f"{target.name}: {_title(network, target.format)}")


def _target(output: str, format: str | None) -> Target:
    """Return the file or standard output with the format of its ending, or of `--format`."""
    from cnnfx.cli.inputs import check_not_empty
    from cnnfx.cli.outputs import is_folder
    from cnnfx.errors import UsageError
    from cnnfx.formats.save import network_format
    from cnnfx.pipeline.targets import STDOUT_NAMES, Target

    check_not_empty([output], "The name of the output")
    ending = None if format is None else network_format(format, f"--format {format}")
    if output in STDOUT_NAMES:
        if ending is None:
            raise UsageError("Standard output has no ending that determines the format. Give --format, such as onnx.")
        return Target(None, ending)
    if is_folder(output):
        raise UsageError(f"{output} is a folder. A network is one file: give the name of a file in it.")
    path = Path(output)
    if not path.suffix and ending is not None:
        return Target(path, ending)
    found = network_format(path.suffix, output)
    if ending not in (None, found):
        raise UsageError(f"{path} ends in {path.suffix}, but --format is {ending}. Give one of the two.")
    return Target(path, found)


def _up_to(network: Network, layer: str) -> Network:
    """Return the network of the layers that a layer needs, with this layer as the last."""
    part = network.upto(network.layer_number(layer))
    return replace(part.only_needed(), head=None, classes=() if part.head else part.classes)


def _write(network: Network, target: Target) -> None:
    """Write a network; on a terminal, print a filter file."""
    from cnnfx.errors import ArgumentError, UsageError
    from cnnfx.formats.save import write_network

    try:
        if target.path is None and target.format == "toml" and sys.stdout.isatty():
            from cnnfx.cli.console import print_result_lines
            from cnnfx.formats.toml_writer import toml_text

            print_result_lines(toml_text(network).removesuffix("\n"))
            return
        with target.open() as file:
            write_network(file, network, target.format)
    except ArgumentError as error:
        if error.remedy == "terminal":
            text = "Give the name of a file, or send the output into a pipe or file."
            raise UsageError(f"{error} {text}") from error
        raise error.prefixed(str(target.path or "standard output")) from error


def _title(network: Network, format: str) -> str:
    """Return the message about a written network."""
    from cnnfx.system.sizes import counted

    layers, parameters = counted(len(network.layers), "layer"), counted(_parameters(network), "parameter")
    head = f" and a head of {len(network.classes)} classes" if network.head else ""
    resumed = " The state of the training run is not in it." if format == "npz" and "dataset" in network.meta else ""
    return f"{layers}{head}, {parameters}.{resumed}"


def _described(network: Network, target: Target) -> dict[str, object]:
    return {
        "network": network.name,
        "output": target.name,
        "format": target.format,
        "layers": len(network.layers),
        "parameters": _parameters(network),
        "classes": len(network.classes),
    }


def _parameters(network: Network) -> int:
    """Return the number of weights and biases of a network on the images that it is written for."""
    from cnnfx.formats.image_channels import bound_to_image

    bound = bound_to_image(network)
    parts = [*(layer.conv for layer in bound.layers), bound.head]
    return sum(part.weights.size + part.bias.size for part in parts if part is not None)
