"""The commands in the order in which a learner meets them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from cnnfx.cli.advice import advised, exit_code
from cnnfx.cli.console import INTERRUPTED, complain, silence_stdout
from cnnfx.errors import CnnfxError

if TYPE_CHECKING:
    from typer import Context


_WrongUsage = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""What Typer raises for every wrong command line; it has no public name."""


class Commands(TyperGroup):
    """A group of commands that turns what they raise into a message and an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line and exit; an error of ours is told, not traced."""
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except CnnfxError as error:
            complain(advised(error))
            status = exit_code(error)
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


def _advised(error: typer.BadParameter) -> str:
    """Typer's message, and where to read on."""
    if error.ctx is None:
        return error.format_message()
    return f"{error.format_message()}\nTry '{error.ctx.command_path} --help' for help."


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


COMMANDS = (
    "list-filters", "show-filters", "apply", "animate", "explain", "train", "summary", "evaluate", "predict",
    "show-patterns",
)  # fmt: skip
"""Each is a function, `list_filters`, in a module of its own, `cnnfx.cli.list_filters`."""


class _Cnnfx(Commands):
    """Our commands, each imported and built when it is asked for: the one that runs does not wait for the others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": OnDemand(COMMANDS)})


app = typer.Typer(
    cls=_Cnnfx,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's help takes longer to import than most commands take to run
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from cnnfx import __version__

        typer.echo(f"cnnfx {__version__}")
        raise typer.Exit


@app.callback()
def cnnfx(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """A convolutional layer from the shell.

    Filters are pattern detectors: slide them over an image and look at the
    feature maps.

    \b
      cnnfx list-filters                       the filters that come along
      cnnfx show-filters edges                 what they look like
      cnnfx apply photo.png --filters edges    what they detect in an image
      cnnfx animate digit.png --filters edges  how they slide over it
      cnnfx explain a.png -f edges --at 9,4    how one number comes about
      cnnfx train --epochs 3                   filters that are learned
      cnnfx predict seven.png                  what the network reads
      cnnfx show-patterns model.npz            what its filters look for
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        raise typer.Exit(2)
