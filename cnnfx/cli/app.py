"""The commands in the order of the help; errors as messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from cnnfx.cli.advice import FAILURE, report
from cnnfx.cli.console import INTERRUPTED, print_error, print_lines, print_message, silence_stdout
from cnnfx.cli.given import remember_given
from cnnfx.cli.renamed import normalized, shown_names
from cnnfx.errors import CnnfxError
from cnnfx.system.signals import end_message, exit_code

if TYPE_CHECKING:
    from typer import Context

COMMANDS = (
    "list-filters", "show-filters", "apply", "animate", "explain", "train", "summary", "evaluate", "predict",
    "show-patterns", "convert",
)  # fmt: skip
"""The commands: `list-filters` is the function `list_filters` of the module `cnnfx.cli.list_filters`."""

_ClickError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""What Typer raises for every wrong command line; it has no public name."""


class _LazyCommands(Mapping[str, Any]):
    """The commands by name. Each is imported when it is first used, so that a command does not load the others."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = dict.fromkeys(COMMANDS)

    def __getitem__(self, name: str) -> Any:
        if self._built[name] is None:
            group = typer.Typer(add_completion=False, rich_markup_mode=None)
            group.command(name, cls=_Command)(_function(name))
            self._built[name] = get_command(group)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._built)

    def __len__(self) -> int:
        return len(self._built)


def _function(name: str) -> Callable[..., None]:
    """Import the function of a command."""
    module = name.replace("-", "_")
    function: Callable[..., None] = getattr(import_module(f"cnnfx.cli.{module}"), module)
    return function


class _Commands(TyperGroup):
    """The group of all commands, which turns what they raise into a message and an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": _LazyCommands()})

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line and exit."""
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except CnnfxError as error:
            status = report(error)
        except _ClickError as error:
            from cnnfx.cli.hints import usage_message

            print_error(usage_message(error))
            if error.ctx is not None:
                print_message(f"Try '{error.ctx.command_path} --help' for help.")
            status = error.exit_code
        except MemoryError:
            print_error("not enough memory for an image of this size. Try a smaller one, or fewer filters at a time.")
            status = FAILURE
        except OSError as error:
            if error.filename is not None or error.errno is None:
                raise
            print_error(f"standard output cannot be written: {error.strerror}.")
            silence_stdout()
            status = FAILURE
        if status == INTERRUPTED:
            from cnnfx.system.files import remove_unfinished_files

            remove_unfinished_files()
            print_error(f"{end_message()}.")
            status = exit_code()
        sys.exit(status)

    def list_commands(self, ctx: Context) -> list[str]:  # type: ignore[override] # Click's class, which Typer hides
        """Return the names of the commands in order, without importing them."""
        return list(self.commands)

    def get_help(self, ctx: Context) -> str:  # type: ignore[override] # as above
        """Return the help, whose lines end between words only."""
        return _formatted_help(self, ctx)

    def format_commands(self, ctx: Context, formatter: Any) -> None:  # type: ignore[override] # as above
        """Write the commands with the first line of each docstring: building the commands takes longer."""
        with formatter.section("Commands"):
            formatter.write_dl((name, (_function(name).__doc__ or "").partition("\n")[0]) for name in self.commands)

    def invoke(self, ctx: Context) -> Any:  # type: ignore[override] # as above
        """Run the command; it is not an error if the reader of a pipe closes it."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            silence_stdout()
            raise typer.Exit(0) from None


class _Command(TyperCommand):
    """A command whose plain help lists its options under their headings."""

    def get_help(self, ctx: Context) -> str:  # type: ignore[override] # as above
        """Return the help, whose lines end between words only."""
        return _formatted_help(self, ctx)

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:  # type: ignore[override] # as above
        """Parse the arguments; every error knows the command."""
        try:
            rest = super().parse_args(ctx, args)
        except _ClickError as error:
            error.ctx = error.ctx or ctx
            raise
        remember_given(ctx, self.get_params(ctx))
        return rest

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # type: ignore[override] # as above
        """Return the parts of the usage line, without Typer's braces around required ones."""
        return [part.strip("{}") for part in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Context, formatter: Any) -> None:  # type: ignore[override] # as above
        """Write the arguments, then the options of each heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                record = shown_names(self.name or "", record[0]), record[1]
                heading = getattr(param, "rich_help_panel", None)
                default = "Arguments" if param.param_type_name == "argument" else "Options"
                groups.setdefault(heading or default, []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def _formatted_help(command: TyperCommand | TyperGroup, ctx: Context) -> str:
    from cnnfx.cli.help import HelpFormatter

    formatter = HelpFormatter()
    command.format_help(ctx, formatter)  # type: ignore[arg-type] # it has the methods of Click's class
    return formatter.getvalue()


app = typer.Typer(
    cls=_Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's help takes longer to import than most commands take to run
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": normalized},
)


def _print_version(given: bool) -> None:
    if given:
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
      cnnfx list-filters                       list the presets
      cnnfx show-filters edges                 draw filters
      cnnfx apply photo.png --filters edges    write feature maps
      cnnfx animate digit.png --filters edges  animate the sliding window
      cnnfx explain a.png -f edges --at 9,4    explain one value
      cnnfx train --epochs 3                   train filters on MNIST
      cnnfx predict seven.png                  classify an image
      cnnfx show-patterns model.npz            show what filters respond to
      cnnfx convert model.npz model.onnx       write a network for other programs
    """
    if ctx.invoked_subcommand is None:
        print_lines(ctx.get_help())
        raise typer.Exit(2)
