"""Where an error becomes a message on standard error and an exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from cnnfx.errors import CnnfxError

if TYPE_CHECKING:
    from typer import Context

INTERRUPTED = 130


class Commands(TyperGroup):
    """A group of commands that turns what they raise into a message and an exit code."""

    def invoke(self, ctx: Context) -> Any:  # type: ignore[override] # Typer's own Click has no public name for it
        """Run the command; an error of ours is told, not traced."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except CnnfxError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            _silence_stdout()
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            complain("interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except MemoryError:
            complain("not enough memory for an image of this size. Try a smaller one, or fewer filters at a time.")
            raise typer.Exit(1) from None
        except OSError as error:
            if sys.stdout.closed or error.filename is not None:
                raise
            complain(f"standard output cannot be written: {error.strerror}.")
            _silence_stdout()
            raise typer.Exit(1) from None


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    typer.echo(f"cnnfx: {message}", err=True)


def _silence_stdout() -> None:
    """Whoever read our output is gone: what Python still holds for it must not be flushed at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 # a standard output without a file, as in tests
