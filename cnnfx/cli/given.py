"""The options that the command line gives, and notes on those that have no effect."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typer import Context

COMMAND_LINE = "COMMANDLINE"
"""The name of the source of values that the command line gives."""


class GivenOption(NamedTuple):
    """An option that the command line gives: its name, such as "--columns", and its heading in the help."""

    name: str
    heading: str


_given: ContextVar[tuple[GivenOption, ...]] = ContextVar("given", default=())


def remember_given(ctx: Context, params: Iterable[Any]) -> None:
    """Remember which options of a command the command line gives, after it was parsed."""
    given = []
    for param in params:
        source = ctx.get_parameter_source(param.name)
        if param.param_type_name == "option" and source is not None and source.name == COMMAND_LINE:
            name = max(param.opts, key=len)  # "--output", not "-o"
            if param.secondary_opts and ctx.params.get(param.name) is False:
                name = param.secondary_opts[0]  # "--no-labels"
            given.append(GivenOption(name, getattr(param, "rich_help_panel", None) or ""))
    _given.set(tuple(given))


def given_options(*names: str, heading: str = "") -> list[str]:
    """Return which of the named options, and of those under a heading, the command line gives."""
    return [option.name for option in _given.get() if option.name in names or (heading and option.heading == heading)]


def note_without_effect(options: Iterable[str], reason: str) -> None:
    """Print a note that options, which were given, have no effect; `reason` ends the sentence."""
    from cnnfx.cli.console import print_error

    if names := list(options):
        print_error(f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} no effect {reason}.")
