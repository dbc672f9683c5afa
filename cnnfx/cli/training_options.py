"""Options of `cnnfx train`."""

from __future__ import annotations

from typing import Annotated

import typer

from cnnfx.cli import parsers
from cnnfx.cli.options import DATA, MESSAGES

NETWORK = "The network"
RUN = "The run"
PICTURES = "Pictures"
"""The headings of the help."""

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="mnist; drawn, or drawn:N for N digits that cnnfx draws itself; a folder of IDX files; Keras' mnist.npz; "
        "a folder with a subfolder of images per class. By default MNIST if it is available, otherwise drawn.",
        show_default=False,
        rich_help_panel=DATA,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        parser=parsers.whole,
        metavar="N",
        help="Resize the images of class folders to N×N pixels. By default to the size of the first one.",
        rich_help_panel=DATA,
    ),
]
Color = Annotated[
    bool, typer.Option("--color", help="Read the images of class folders in color, not gray.", rich_help_panel=DATA)
]
Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="FILE",
        help="A network as a filter file, with filters = 16 and size = 5 for filters to train.",
        rich_help_panel=NETWORK,
    ),
]
FilterCounts = Annotated[
    parsers.Counts | None,
    typer.Option(
        "--filters",
        parser=parsers.counts,
        metavar="N,N",
        help="The number of filters in each layer.  [default: 24,48]",
        rich_help_panel=NETWORK,
    ),
]
FilterSize = Annotated[
    int | None,
    typer.Option(
        "--size",
        parser=parsers.whole,
        metavar="N",
        help="Filters of N×N weights.  [default: 5]",
        rich_help_panel=NETWORK,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        parser=parsers.whole,
        metavar="N",
        help="Passes over the training images.  [default: 3]",
        rich_help_panel=RUN,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        parser=parsers.whole,
        metavar="N",
        help="Images per step.  [default: 128, or all if there are fewer]",
        rich_help_panel=RUN,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--lr",
        parser=parsers.rate,
        metavar="X",
        help="The largest learning rate, reached early in the run.  [default: 0.01]",
        rich_help_panel=RUN,
    ),
]
Augment = Annotated[
    bool | None,
    typer.Option(
        "--augment/--no-augment",
        help="Shift the images by up to a pixel at random.  [default: augment]",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        parser=parsers.pixels,
        metavar="N",
        help="The same seed gives the same model.  [default: 0]",
        rich_help_panel=RUN,
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="MODEL",
        help="Continue the run that wrote this model, with its settings.",
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=parsers.whole,
        metavar="N",
        help="Total number of threads, instead of $CNNFX_THREADS or the number of processors. The result is the same.",
        rich_help_panel=RUN,
    ),
]
ModelOutput = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The file to which the model is written after every epoch.  [default: model.npz]",
        rich_help_panel=RUN,
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="FILE",
        help="Also write one JSON object per epoch to a file, such as run.jsonl.",
        rich_help_panel=MESSAGES,
    ),
]
Filmstrip = Annotated[
    str | None,
    typer.Option(
        "--filmstrip",
        metavar="FILE",
        help="Animate how the filters change: a .gif, .webp or animated .png, written at the end.",
        rich_help_panel=PICTURES,
    ),
]
FilmstripLayer = Annotated[
    int | None,
    typer.Option(
        "--filmstrip-layer",
        parser=parsers.whole,
        metavar="N",
        help="The layer whose filters the filmstrip shows.  [default: 1]",
        rich_help_panel=PICTURES,
    ),
]
Curve = Annotated[
    str | None,
    typer.Option(
        "--curve",
        metavar="FILE",
        help="Plot loss and accuracy into a picture, such as curve.png, at the end.",
        rich_help_panel=PICTURES,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per epoch on standard output.", rich_help_panel=MESSAGES),
]
