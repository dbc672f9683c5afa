"""`cnnfx list-filters`: the presets there are, with their kernels drawn small or the names of their channels."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfx.cli.console import put, put_json

if TYPE_CHECKING:
    from pathlib import Path

    from cnnfx.nn.network import Network
    from cnnfx.render.terminal import ColorDepth


def list_filters(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per preset on standard output.")
    ] = False,
) -> None:
    """List the presets with their kernels drawn small.

    Of a preset of several layers the names of each layer's channels are
    listed; cnnfx show-filters draws its kernels.

    Your own presets are found too: .toml files in the folders that
    $CNNFX_FILTERS names, and in cnnfx/filters in your configuration folder
    (~/.config on Linux).

    \b
      cnnfx list-filters
      cnnfx list-filters --json
    """
    from cnnfx.cli.advice import advised
    from cnnfx.cli.console import complain
    from cnnfx.errors import CnnfxError
    from cnnfx.formats import find_presets, load_network

    failed = False
    for name, path in find_presets():
        try:
            network = load_network(path)
        except CnnfxError as error:  # one file of the user's that is wrong does not hide the others
            complain(advised(error))
            failed = True
        else:
            put_json(_described(name, path, network)) if as_json else put(_drawn(name, network))
    if failed:
        raise typer.Exit(1)


def _described(name: str, path: Path, network: Network) -> dict[str, object]:
    return {
        "name": name,
        "description": network.description,
        "source": network.source,
        "path": str(path),
        "layers": len(network.layers),
        "channels": list(network.layers[-1].channel_names),
    }


def _drawn(name: str, network: Network) -> str:
    import shutil

    from cnnfx.render.terminal import color_depth

    depth, width = color_depth(sys.stdout, os.environ), shutil.get_terminal_size().columns
    title = typer.style(name, bold=True) if depth != "none" else name
    body = _kernels(network, width, depth) if len(network.layers) == 1 else _channels(network, width)
    return f"{title}  {network.description}\n{body}\n"


def _kernels(network: Network, width: int, depth: ColorDepth) -> str:
    from cnnfx.render.filters import kernel_tiles
    from cnnfx.render.preview import preview

    return preview(kernel_tiles(network.layers[0]), width, depth, sys.stdout.encoding, enlarge=2)


def _channels(network: Network, width: int) -> str:
    """The names of each layer's channels, in lines of at most `width` characters."""
    import textwrap

    lines = []
    for number, layer in enumerate(network.layers, 1):
        head = f"layer {number}: "
        names = ", ".join(name.replace(" ", "\xa0") for name in layer.channel_names)  # names stay whole
        wrapped = textwrap.wrap(names, width, initial_indent=head, subsequent_indent=" " * len(head))
        lines += [line.replace("\xa0", " ") for line in wrapped]
    return "\n".join(lines)
