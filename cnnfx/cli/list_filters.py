"""`cnnfx list-filters`: the presets, with small pictures of their kernels or the names of their channels."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfx.cli.console import in_lines, print_json, print_result_lines, text_width
from cnnfx.cli.options import option
from cnnfx.system.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cnnfx.nn.network import Network


Json = Annotated[bool, option("--json", "Print one JSON object per preset on standard output.")]


def list_filters(
    as_json: Json = False,
) -> None:
    """List the presets with small pictures of their kernels.

    For presets of several layers, the names of each layer's channels are
    listed, and for trained networks the names of their layers; cnnfx
    show-filters draws their kernels.

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
    names = [layer.name for layer in network.layers]
    channels = {"channels": list(network.layers[-1].channel_names)}
    return {
        "name": name,
        "description": network.description,
        "source": network.source,
        "path": str(path),
        "layers": len(network.layers),
        **({"layer_names": names} if any(names) else {}),
        **({"classes": len(network.classes)} if network.classes else channels),  # too many to list
    }


def _picture_text(name: str, network: Network) -> str:
    from cnnfx.cli.terminal import text_terminal
    from cnnfx.render.filter_preview import filters_preview
    from cnnfx.render.terminal import BOLD, RESET

    terminal = text_terminal(sys.stdout)
    name = printable(name)
    title = in_lines(f"{name}  {network.description}", sys.stdout)
    if terminal.colors != "none":
        title = f"{BOLD}{name}{RESET}{title.removeprefix(name)}"
    one_layer = len(network.layers) == 1
    body = filters_preview(network.layers[0], terminal) if one_layer else _layers_text(network, text_width())
    return f"{title}\n{body}\n"


def _layers_text(network: Network, width: int | None) -> str:
    """The layers of a network, in lines of at most `width` characters: their names, or without names their channels.

    Of layers such as "fire2/squeeze", which are parts of a layer "fire2", only the whole is listed.
    """
    from cnnfx.nn.selection import listed_names

    names = [network.layer_title(number) for number in range(1, len(network.layers) + 1)]
    if not any(layer.name for layer in network.layers):
        lines = zip(names, (layer.channel_names for layer in network.layers), strict=True)
        return "\n".join(_wrapped(title, ", ".join(_unbroken(channels)), width) for title, channels in lines)
    wholes = [name for name in names if name.rpartition("/")[0] not in names]
    title, outputs = ("classes", network.classes) if network.classes else ("channels", network.layers[-1].channel_names)
    lists = [("layers", ", ".join(_unbroken(wholes))), (title, listed_names(_unbroken(outputs)))]
    return "\n".join(_wrapped(each, text, width) for each, text in lists)


def _unbroken(names: Sequence[str]) -> list[str]:
    """Return names with spaces at which lines are not broken."""
    return [name.replace(" ", "\xa0") for name in names]


def _wrapped(title: str, text: str, width: int | None) -> str:
    """Return a title and a text in lines of at most `width` characters, with normal spaces."""
    import textwrap

    head = f"{title}: "
    lines = textwrap.wrap(text, width or sys.maxsize, initial_indent=head, subsequent_indent=" " * len(head))
    return "\n".join(line.replace("\xa0", " ") for line in lines)
