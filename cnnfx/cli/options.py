"""Options that several commands share, and how their texts become values."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import typer

Normalize = Literal["signed", "minmax", "positive", "absolute", "none"]
Scope = Literal["channel", "all"]
Colormap = Literal["gray", "diverging", "heat", "viridis"]
Channels = Literal["auto", "gray", "rgb", "each"]
Activation = Literal["none", "relu", "abs"]

FILTERS, LAST, IMAGES = "Filters", "The last layer", "Images"
OUTPUT, LOOK, TALK = "Output", "The picture", "What is said"
"""The headings of the help."""


MOST_DIGITS = 9
"""No option takes a number as long as that of all pixels."""


class Pair(NamedTuple):
    """Two whole numbers; a class of its own because Typer takes a plain tuple for an option with two values."""

    vertical: int
    horizontal: int


class Pooled(NamedTuple):
    """A kind of pooling and the size of its blocks."""

    kind: str
    size: int


def whole(text: str) -> int:
    """A whole number from 1 on."""
    if not _is_whole(text) or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is not a whole number of 1 or more.")
    return int(text)


def pixels(text: str) -> int:
    """A whole number from 0 on."""
    if not _is_whole(text):
        raise typer.BadParameter(f"{text!r} is not a whole number of 0 or more.")
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


def pair(text: str) -> Pair:
    """A number, or "vertical,horizontal", as a pair of whole numbers from 1 on."""
    parts = text.replace("x", ",").split(",")
    numbers = [int(part) for part in parts if _is_whole(part.strip())]
    if len(numbers) != len(parts) or len(parts) > 2 or min(numbers) < 1:
        raise typer.BadParameter(
            f"{text!r} is not a whole number of 1 or more, nor two of them as VERTICAL,HORIZONTAL."
        )
    return Pair(numbers[0], numbers[-1])


def padding(text: str) -> str:
    """ "valid", "same" or a number of pixels; kept as text."""
    if text not in ("valid", "same") and not _is_whole(text):
        raise typer.BadParameter(f"{text!r} is not valid, same or a whole number of pixels.")
    return text


def pool(text: str) -> Pooled:
    """ "max:2" or "mean:2" as a kind and a size; "none" takes the pooling away."""
    kind, _, size = text.partition(":")
    if text == "none":
        return Pooled("none", 1)
    if kind not in ("max", "mean") or not _is_whole(size) or int(size) < 1:
        raise typer.BadParameter(f"{text!r} is not max:N, mean:N (N of 1 or more) or none.")
    return Pooled(kind, int(size))


def colour(text: str) -> str:
    """A colour that Pillow knows; kept as text."""
    if text != "white":
        from PIL import ImageColor

        try:
            ImageColor.getrgb(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a colour. Write a name such as gray, or #rrggbb.") from None
    return text


def complete_filters(incomplete: str) -> list[str]:
    """The presets whose names begin so."""
    from cnnfx.filterbank import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def layers(text: str) -> str:
    """ "all" or a layer's number from 1 on; kept as text."""
    if text != "all" and not (_is_whole(text) and int(text) >= 1):
        raise typer.BadParameter(f"{text!r} is not all or the number of a layer, 1 or more.")
    return text


Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE...",
        help="Pictures, arrays (.npy, .npz, .csv), folders of pictures, or - for standard input.",
        show_default=False,
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filters",
        "-f",
        metavar="SPEC",
        help="A preset's name or a .toml file. Repeat it for several, side by side in one layer.",
        autocompletion=complete_filters,
        rich_help_panel=FILTERS,
    ),
]
Kernels = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel",
        "-k",
        metavar="NUMBERS",
        help="A kernel, row by row: '-1 0 1; -2 0 2; -1 0 1'. Can be repeated.",
        rich_help_panel=FILTERS,
    ),
]
Then = Annotated[
    list[str] | None,
    typer.Option(
        "--then",
        metavar="SPEC",
        help="Stack further layers: their input channels are the output channels so far. Can be repeated.",
        autocompletion=complete_filters,
        rich_help_panel=FILTERS,
    ),
]

Stride = Annotated[
    Pair | None,
    typer.Option(
        "--stride",
        parser=pair,
        metavar="N",
        help="The step of the filters: N, or VERTICAL,HORIZONTAL.",
        rich_help_panel=LAST,
    ),
]
Dilation = Annotated[
    Pair | None,
    typer.Option(
        "--dilation",
        parser=pair,
        metavar="N",
        help="The distance of the pixels under neighbouring weights: N, or VERTICAL,HORIZONTAL.",
        rich_help_panel=LAST,
    ),
]
Padding = Annotated[
    str | None,
    typer.Option(
        "--padding",
        parser=padding,
        metavar="P",
        help="valid (none), same (the maps keep the image's size), or P pixels on every side.",
        rich_help_panel=LAST,
    ),
]
Border = Annotated[
    str | None,
    typer.Option(
        "--border",
        metavar="B",
        help="What the padding holds: constant (zeros), edge, reflect, symmetric or wrap.",
        rich_help_panel=LAST,
    ),
]
ActivationOption = Annotated[
    Activation | None,
    typer.Option(
        "--activation",
        help="What is done to each value: relu makes negative ones 0, abs positive.",
        show_default=False,
        rich_help_panel=LAST,
    ),
]
Pooling = Annotated[
    Pooled | None,
    typer.Option(
        "--pool",
        parser=pool,
        metavar="KIND:N",
        help="max:N or mean:N keeps one value of each N×N pixels; none keeps all.",
        rich_help_panel=LAST,
    ),
]
Flip = Annotated[
    bool, typer.Option("--flip", help="True convolution: turn each kernel by 180° first.", rich_help_panel=LAST)
]

OneLayer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        parser=layers,
        metavar="N|all",
        help="Whose output channels to show, the first layer's being 1; the last one's unless given.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
ChannelsOption = Annotated[
    Channels,
    typer.Option(
        "--channels",
        help="What the filters see of a picture: its brightness (gray), the three colours summed over (rgb), "
        "each colour apart (each), or what the filters ask for (auto).",
        rich_help_panel=IMAGES,
    ),
]
Background = Annotated[
    str,
    typer.Option(
        "--background",
        parser=colour,
        metavar="COLOR",
        help="What transparent parts are laid over: a name or #rrggbb.",
        rich_help_panel=IMAGES,
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        parser=whole,
        metavar="N",
        help="Refuse images with more pixels.  [default: 200000000]",
        rich_help_panel=IMAGES,
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look through folders within folders too.", rich_help_panel=IMAGES)
]

Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        parser=whole,
        metavar="N",
        help="Work on N images at a time, each in a process; as many as there are processors for many images.",
        rich_help_panel=IMAGES,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=whole,
        metavar="N",
        help="Threads in all, instead of $CNNFX_THREADS or what the machine grants.",
        rich_help_panel=IMAGES,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="Have the images done by the workers of this Dask scheduler.",
        rich_help_panel=IMAGES,
    ),
]
SkipExisting = Annotated[
    bool,
    typer.Option("--skip-existing", help="Pass over images whose output is there already.", rich_help_panel=IMAGES),
]

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="A picture; .npy or .npz for the numbers; a folder/ for one file per channel; - for standard output. "
        "{stem} and {filters} stand for the names of image and filters.  [default: {stem}.{filters}.png]",
        rich_help_panel=OUTPUT,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="ENDING",
        help="png, npz ... where the output's name does not tell.",
        rich_help_panel=OUTPUT,
    ),
]
NormalizeOption = Annotated[
    Normalize,
    typer.Option(
        "--normalize",
        help="signed: zero is mid-grey; minmax: smallest black, largest white; positive: zero and less is black; "
        "absolute: zero is black, magnitudes are bright; none: clipped at 0 and 1.",
        rich_help_panel=LOOK,
    ),
]
ScopeOption = Annotated[
    Scope,
    typer.Option(
        "--scope", help="Draw each channel by its own range, or all by the range of all.", rich_help_panel=LOOK
    ),
]
ColormapOption = Annotated[
    Colormap, typer.Option("--colormap", help="The colours of the values.", rich_help_panel=LOOK)
]
Columns = Annotated[
    int | None, typer.Option("--columns", parser=whole, metavar="N", help="Maps in a row.", rich_help_panel=LOOK)
]
Scale = Annotated[
    int | None,
    typer.Option(
        "--scale",
        parser=whole,
        metavar="N",
        help="Enlarge N times; small maps are enlarged by themselves.",
        rich_help_panel=LOOK,
    ),
]
Gap = Annotated[
    int | None,
    typer.Option("--gap", parser=pixels, metavar="N", help="Pixels between the maps.", rich_help_panel=LOOK),
]
Labels = Annotated[
    bool, typer.Option("--labels/--no-labels", help="Write each channel's name over its map.", rich_help_panel=LOOK)
]
WithInput = Annotated[bool, typer.Option("--with-input", help="Show the input too.", rich_help_panel=LOOK)]
WithFilters = Annotated[
    bool, typer.Option("--with-filters", help="Show each filter over its map.", rich_help_panel=LOOK)
]
Preview = Annotated[
    bool,
    typer.Option("--preview/--no-preview", help="On a terminal, show the maps there too.", rich_help_panel=TALK),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per result on standard output.", rich_help_panel=TALK),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=TALK)]
