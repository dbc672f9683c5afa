"""Options of the commands that learn and that use what was learned."""

from __future__ import annotations

from typing import Annotated

import typer

from cnnfx.cli import parsers

DATA, NETWORK, RUN, PICTURES, TALK = "Data", "The network", "The run", "Pictures", "What is said"
"""The headings of the help."""

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A model made by cnnfx train (.npz).", show_default=False)]
ModelOption = Annotated[str, typer.Option("--model", "-m", metavar="MODEL", help="A model made by cnnfx train (.npz).")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="mnist; drawn, or drawn:N for N digits that cnnfx draws itself; a folder of IDX files; Keras' mnist.npz; "
        "a folder with a sub-folder of images per class. MNIST if it can be had, else drawn, unless given.",
        show_default=False,
        rich_help_panel=DATA,
    ),
]
ModelData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="As that of cnnfx train; its test images are read. What the model has learned on unless given.",
        show_default=False,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        parser=parsers.whole,
        metavar="N",
        help="Make the images of class folders N×N pixels; as large as the first one unless given.",
        rich_help_panel=DATA,
    ),
]
Color = Annotated[
    bool, typer.Option("--color", help="Read the images of class folders in colour, not grey.", rich_help_panel=DATA)
]
Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="FILE",
        help="A network in the language of filter files, with filters = 16 and size = 5 for filters to be learned.",
        rich_help_panel=NETWORK,
    ),
]
FilterCounts = Annotated[
    parsers.Counts | None,
    typer.Option(
        "--filters",
        parser=parsers.counts,
        metavar="N,N",
        help="So many filters in each layer.  [default: 24,48]",
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
        help="How often every image is seen.  [default: 3]",
        rich_help_panel=RUN,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        parser=parsers.whole,
        metavar="N",
        help="Images for each step.  [default: 128, or all if there are fewer]",
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
        help="Go on where the run that wrote this model was stopped, with its settings.",
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=parsers.whole,
        metavar="N",
        help="Threads in all, instead of $CNNFX_THREADS or what the machine grants; the result is the same.",
        rich_help_panel=RUN,
    ),
]
ModelOutput = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where the model is written, after every epoch.  [default: model.npz]",
        rich_help_panel=RUN,
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="FILE",
        help="Write one JSON object per epoch into a file too, such as run.jsonl.",
        rich_help_panel=TALK,
    ),
]
Filmstrip = Annotated[
    str | None,
    typer.Option(
        "--filmstrip",
        metavar="FILE",
        help="Show how the filters emerge, in a .gif, .webp or .png (animated) that is written at the end.",
        rich_help_panel=PICTURES,
    ),
]
FilmstripLayer = Annotated[
    int | None,
    typer.Option(
        "--filmstrip-layer",
        parser=parsers.whole,
        metavar="N",
        help="Whose filters.  [default: 1]",
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
EpochJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per epoch on standard output.", rich_help_panel=TALK),
]
