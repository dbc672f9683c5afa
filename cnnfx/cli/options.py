"""Options that several commands share, and how their texts become values."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import typer

Normalize = Literal["signed", "minmax", "positive", "absolute", "none"]
Scope = Literal["channel", "all"]
Colormap = Literal["gray", "diverging", "heat", "viridis"]
Channels = Literal["auto", "gray", "rgb", "each"]
Activation = Literal["none", "relu", "abs"]


class Pair(NamedTuple):
    """Two whole numbers; a class of its own because Typer takes a plain tuple for an option with two values."""

    vertical: int
    horizontal: int


class Pooled(NamedTuple):
    """A kind of pooling and the size of its blocks."""

    kind: str
    size: int


def pair(text: str) -> Pair:
    """A number, or "vertical,horizontal", as a pair of whole numbers from 1 on."""
    parts = text.replace("x", ",").split(",")
    numbers = [int(part) for part in parts if part.strip().isascii() and part.strip().isdigit()]
    if len(numbers) != len(parts) or len(parts) > 2 or min(numbers) < 1:
        raise typer.BadParameter(
            f"{text!r} is not a whole number of 1 or more, nor two of them as VERTICAL,HORIZONTAL."
        )
    return Pair(numbers[0], numbers[-1])


def padding(text: str) -> str:
    """ "valid", "same" or a number of pixels; kept as text."""
    if text not in ("valid", "same") and not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"{text!r} is not valid, same or a whole number of pixels.")
    return text


def pool(text: str) -> Pooled:
    """ "max:2" or "mean:2" as a kind and a size; "none" takes the pooling away."""
    kind, _, size = text.partition(":")
    if text == "none":
        return Pooled("none", 1)
    if kind not in ("max", "mean") or not (size.isascii() and size.isdigit()) or int(size) < 1:
        raise typer.BadParameter(f"{text!r} is not max:N, mean:N (N of 1 or more) or none.")
    return Pooled(kind, int(size))


def layers(text: str) -> str:
    """ "all" or a layer's number from 1 on; kept as text."""
    if text != "all" and not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise typer.BadParameter(f"{text!r} is not all or the number of a layer, 1 or more.")
    return text


Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE...",
        help="Picture files, arrays (.npy, .npz, .csv), folders, or - for standard input.",
        show_default=False,
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filters",
        "-f",
        metavar="SPEC",
        help="A preset's name or a .toml file; several stand side by side in one layer.",
    ),
]
Kernels = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel", "-k", metavar="NUMBERS", help='A kernel, rows by ";": "-1 0 1; -2 0 2; -1 0 2". Repeatable.'
    ),
]
Then = Annotated[
    list[str] | None,
    typer.Option(
        "--then",
        metavar="SPEC",
        help="Stack a further network: its input channels are the output channels so far. Repeatable.",
    ),
]

Stride = Annotated[
    Pair | None,
    typer.Option(
        "--stride", parser=pair, metavar="N", help="Last layer: the step of the filters, N or VERTICAL,HORIZONTAL."
    ),
]
Dilation = Annotated[
    Pair | None,
    typer.Option(
        "--dilation", parser=pair, metavar="N", help="Last layer: the distance between the pixels under a kernel."
    ),
]
Padding = Annotated[
    str | None,
    typer.Option(
        "--padding", parser=padding, metavar="P", help="Last layer: valid (none), same, or P pixels on every side."
    ),
]
Border = Annotated[
    str | None,
    typer.Option(
        "--border",
        metavar="B",
        help="Last layer: what the padding holds: constant (zeros), edge, reflect, symmetric or wrap.",
    ),
]
ActivationOption = Annotated[
    Activation | None, typer.Option("--activation", help="Last layer: what is done to each value.", show_default=False)
]
Pooling = Annotated[
    Pooled | None,
    typer.Option(
        "--pool", parser=pool, metavar="KIND:N", help="Last layer: max:N or mean:N of each N×N pixels, or none."
    ),
]
Flip = Annotated[bool, typer.Option("--flip", help="Last layer: true convolution, each kernel turned by 180° first.")]
OneLayer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        parser=layers,
        metavar="N|all",
        help="Whose output channels to show; the last layer's unless given.",
        show_default=False,
    ),
]

ChannelsOption = Annotated[
    Channels,
    typer.Option(
        "--channels",
        help="What the filters see of a picture: gray, rgb (summed over), each channel apart; auto: what they ask for.",
    ),
]
Background = Annotated[str, typer.Option("--background", metavar="COLOR", help="What transparent parts are laid over.")]
MaxPixels = Annotated[
    int | None,
    typer.Option("--max-pixels", min=1, metavar="N", help="Refuse images with more pixels. [default: 200000000]"),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Look through folders within folders too.")]

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="A picture; .npy or .npz; a folder, for one picture per channel; or -. {stem} is the image's name.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="ENDING", help="The format where the output's name does not tell: png, npz ..."),
]
NormalizeOption = Annotated[
    Normalize,
    typer.Option("--normalize", help="signed: zero is mid-grey; minmax; positive; absolute; none: clipped at 0 and 1."),
]
ScopeOption = Annotated[
    Scope, typer.Option("--scope", help="Draw each channel by its own range, or all by the range of all.")
]
ColormapOption = Annotated[Colormap, typer.Option("--colormap", help="The colours of the levels.")]
Columns = Annotated[int | None, typer.Option("--columns", min=1, metavar="N", help="Maps in a row.")]
Scale = Annotated[
    int | None,
    typer.Option(
        "--scale", min=1, metavar="N", help="Enlarge by a whole factor; small maps are enlarged by themselves."
    ),
]
Gap = Annotated[int | None, typer.Option("--gap", min=0, metavar="N", help="Pixels between the maps.")]
Labels = Annotated[bool, typer.Option("--labels/--no-labels", help="Write each channel's name over its map.")]
WithInput = Annotated[bool, typer.Option("--with-input", help="Show the input too.")]
WithFilters = Annotated[bool, typer.Option("--with-filters", help="Show each filter over its map.")]
Preview = Annotated[bool, typer.Option("--preview/--no-preview", help="Show the maps in the terminal too.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per result on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
