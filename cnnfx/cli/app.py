"""The commands in the order in which a learner meets them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cnnfx.cli.boundary import Commands
from cnnfx.cli.on_demand import OnDemand

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
