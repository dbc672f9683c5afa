"""Messages about wrong command lines: what Typer says, completed with what may be meant."""

from __future__ import annotations

from typing import Any

import typer

MODEL_ARGUMENT = "Name the model without it: cnnfx {command} model.npz."
FILTERS_ARGUMENT = "Name the filters without it: cnnfx {command} edges."
OPTION_HINTS = {
    "train": {
        "--filters": "--filters is now --widths.",
        "--size": "--size is now --kernel-size.",
        "--color": "--color is now --channels rgb.",
        "--no-augment": "--no-augment is now --augment none.",
    },
    "show-filters": dict.fromkeys(("-f", "--filters"), FILTERS_ARGUMENT),
    "summary": dict.fromkeys(("-f", "--filters", "-m", "--model"), FILTERS_ARGUMENT),
    "evaluate": dict.fromkeys(("-m", "--model"), MODEL_ARGUMENT),
    "show-patterns": dict.fromkeys(("-m", "--model"), MODEL_ARGUMENT),
}
"""What to write instead of options that a command does not have: former names, and what is an argument there."""
EXTRA_ARGUMENTS = "unexpected extra argument"
"""A part of Typer's message about arguments that a command does not take."""
NO_COMMAND = "No such command "
"""The begin of Typer's message about an unknown command."""


def usage_message(error: typer.BadParameter) -> str:
    """Return the message of an error that Typer raises, completed with what may be meant."""
    message, context = error.format_message(), error.ctx
    if context is None:
        return message
    if hint := OPTION_HINTS.get(context.info_name or "", {}).get(getattr(error, "option_name", "")):
        begin = "" if " is now " in hint else f"{message.partition(' (')[0]}. "
        message = f"{begin}{hint.format(command=context.info_name)}"
    elif EXTRA_ARGUMENTS in message:
        message = _with_preset_hint(context, message.rpartition("(")[2].removesuffix(")").split())
    elif message.startswith(NO_COMMAND) and "Did you mean" not in message:
        message += _similar_commands(context, message.split("'")[1])
    return message


def _with_preset_hint(context: Any, words: list[str]) -> str:
    """Return the message about arguments that a command does not take: presets may be meant as further filters."""
    from cnnfx.formats import preset_names

    message = f"Got unexpected extra argument{'s' * (len(words) > 1)} ({' '.join(words)})"
    presets = [word for word in words if word in preset_names()]
    if not presets or not any(param.name == "filters" for param in context.command.params):
        return message
    filters = dict.fromkeys((*(context.params.get("filters") or []), *presets))
    return f"{message}. For several filters, repeat -f: {' '.join(f'-f {name}' for name in filters)}."


def _similar_commands(context: Any, given: str) -> str:
    """Return a question with the commands that contain the given name; "" if there is none."""
    names = [name for name in context.command.commands if given and given in name]
    return f" Did you mean {', '.join(map(repr, names))}?" if names else ""
