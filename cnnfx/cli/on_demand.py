"""Commands that are imported and built when they are asked for by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from cnnfx.cli.boundary import Command


class OnDemand(Mapping[str, Any]):
    """Commands by name, in order; a dictionary of them as Typer makes one, except that none is there before its use.

    Parameters
    ----------
    names : sequence of str
        The command `show-filters` is the function `show_filters` of the module `cnnfx.cli.show_filters`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._built: dict[str, Any] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Any:
        self._built[name] = self._built[name] or _build(name)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._built)

    def __len__(self) -> int:
        return len(self._built)


def _build(name: str) -> Any:
    function = name.replace("-", "_")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=Command)(getattr(import_module(f"cnnfx.cli.{function}"), function))
    return get_command(alone)
