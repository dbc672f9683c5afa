"""`cnnfx list-filters`: the presets, with small pictures of their kernels or the names of their channels."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfx.cli.console import in_lines, print_json, print_result_lines, text_width
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from pathlib import Path

    from cnnfx.nn.network import Network


Json = Annotated[bool, option("--json", "Print one JSON object per preset on standard output.")]


def list_filters(
    as_json: Json = False,
) -> None:
    """List the presets with small pictures of their kernels.

    For presets of several layers, the names of each layer's channels are
    listed; cnnfx show-filters draws their kernels.

    Your own presets are listed, too: .toml files in the folders that
    $CNNFX_FILTERS names, and in cnnfx/filters in your configuration folder
    (~/.config on Linux).

    \b
      cnnfx list-filters
      cnnfx list-filters --json
    """
    from cnnfx.cli.advice import report
    from cnnfx.errors import CnnfxError
    from cnnfx.formats import find_presets, load_network

    code = 0
    for name, path in find_presets():
        try:
            network = load_network(path)
        except CnnfxError as error:  # the other presets are still listed
            code = report(error)
        else:
            print_json(_described(name, path, network)) if as_json else print_result_lines(_picture_text(name, network))
    if code:
        raise typer.Exit(code)


def _described(name: str, path: Path, network: Network) -> dict[str, object]:
    return {
        "name": name,
        "description": network.description,
        "source": network.source,
        "path": str(path),
        "layers": len(network.layers),
        "channels": list(network.layers[-1].channel_names),
    }


def _picture_text(name: str, network: Network) -> str:
    from cnnfx.cli.terminal import text_terminal
    from cnnfx.render.filter_preview import filters_preview
    from cnnfx.render.terminal import BOLD, RESET

    terminal = text_terminal(sys.stdout)
    title = in_lines(f"{name}  {network.description}", sys.stdout)
    if terminal.colors != "none":
        title = f"{BOLD}{name}{RESET}{title.removeprefix(name)}"
    one_layer = len(network.layers) == 1
    body = filters_preview(network.layers[0], terminal) if one_layer else _channels(network, text_width())
    return f"{title}\n{body}\n"


def _channels(network: Network, width: int | None) -> str:
    """The names of each layer's channels, in lines of at most `width` characters."""
    import textwrap

    lines = []
    for number, layer in enumerate(network.layers, 1):
        head = f"layer {number}: "
        names = ", ".join(name.replace(" ", "\xa0") for name in layer.channel_names)  # names stay whole
        wrapped = textwrap.wrap(names, width or sys.maxsize, initial_indent=head, subsequent_indent=" " * len(head))
        lines += [line.replace("\xa0", " ") for line in wrapped]
    return "\n".join(lines)
