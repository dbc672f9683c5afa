"""Where an error becomes a message on standard error and an exit code; how the help of a command is laid out."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from cnnfx.cli.printing import tell
from cnnfx.errors import CnnfxError

if TYPE_CHECKING:
    from typer import Context

INTERRUPTED = 130

_WrongUsage = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""What Typer raises for every wrong command line; it has no public name."""


class Commands(TyperGroup):
    """A group of commands that turns what they raise into a message and an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line and exit; an error of ours is told, not traced."""
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except CnnfxError as error:
            complain(str(error))
            status = error.exit_code
        except _WrongUsage as error:
            complain(_advised(error))
            status = error.exit_code
        except MemoryError:
            complain("not enough memory for an image of this size. Try a smaller one, or fewer filters at a time.")
            status = 1
        except OSError as error:
            if error.filename is not None or error.errno is None:
                raise
            complain(f"standard output cannot be written: {error.strerror}.")
            silence_stdout()
            status = 1
        if status == INTERRUPTED:
            complain("interrupted.")
        sys.exit(status)

    def list_commands(self, ctx: Context) -> list[str]:  # type: ignore[override] # Typer's own Click has no public name for it
        """The names of the commands, in order, without looking at the commands themselves."""
        return list(self.commands)

    def invoke(self, ctx: Context) -> Any:  # type: ignore[override] # as above
        """Run the command; a reader of our output that went away has had enough, which is no error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            silence_stdout()
            raise typer.Exit(0) from None


class Command(TyperCommand):
    """A command whose help shows its options under the headings that they were given."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # type: ignore[override] # as above
        """The parts of the usage line, without Typer's braces around what is needed."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Context, formatter: Any) -> None:  # type: ignore[override] # as above
        """Write the arguments, then the options heading by heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                heading = getattr(param, "rich_help_panel", None)
                default = "Arguments" if param.param_type_name == "argument" else "Options"
                groups.setdefault(heading or default, []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    tell(f"cnnfx: {message}")


def silence_stdout() -> None:
    """Whoever read our output is gone: what Python still holds for it must not be flushed at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 # a standard output without a file, as in tests


def _advised(error: typer.BadParameter) -> str:
    """Typer's message, and where to read on."""
    if error.ctx is None:
        return error.format_message()
    return f"{error.format_message()}\nTry '{error.ctx.command_path} --help' for help."
