"""Options that several commands share, and groups of them that a command takes as one parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, get_type_hints

import typer

from cnnfx.cli import parsers

Normalize = Literal["signed", "minmax", "positive", "absolute", "none"]
Scope = Literal["channel", "all"]
Colormap = Literal["gray", "diverging", "heat", "viridis"]
Channels = Literal["auto", "gray", "rgb", "each"]
Activation = Literal["none", "relu", "abs"]

FILTERS = "Filters"
LAST_LAYER = "The last layer"
IMAGES = "Images"
OUTPUT = "Output"
PICTURE = "The picture"
MESSAGES = "Messages"
DATA = "Data"
"""The headings of the help that several commands share."""


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose parameters that are groups of options are replaced by these options, for Typer.

    A group is a dataclass whose fields are options. The command gets an instance of it.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            group = groups[parameter.name]
            annotations = get_type_hints(group, include_extras=True)
            for option in inspect.signature(group).parameters.values():
                parameters.append(option.replace(annotation=annotations[option.name], kind=option.KEYWORD_ONLY))
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name], kind=parameter.KEYWORD_ONLY))

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # read by inspect.signature
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE...",
        help="Pictures, arrays (.npy, .npz, .csv), folders of pictures, or - for standard input.",
        show_default=False,
    ),
]
Image = Annotated[
    str,
    typer.Argument(metavar="IMAGE", help="A picture, an array (.npy, .npz, .csv), or - for standard input."),
]

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filters",
        "-f",
        metavar="SPEC",
        help="A preset's name, a .toml file or a model (.npz). Can be repeated; their filters form one layer.",
        autocompletion=parsers.complete_filters,
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
        help="Add layers that read the output channels of the layers before. Can be repeated.",
        autocompletion=parsers.complete_filters,
        rich_help_panel=FILTERS,
    ),
]
Stride = Annotated[
    parsers.Pair | None,
    typer.Option(
        "--stride",
        parser=parsers.pair,
        metavar="N",
        help="Pixels between the positions of a filter: N, or VERTICAL,HORIZONTAL.",
        rich_help_panel=LAST_LAYER,
    ),
]
Dilation = Annotated[
    parsers.Pair | None,
    typer.Option(
        "--dilation",
        parser=parsers.pair,
        metavar="N",
        help="Pixels between the inputs of neighboring weights: N, or VERTICAL,HORIZONTAL.",
        rich_help_panel=LAST_LAYER,
    ),
]
Padding = Annotated[
    str | None,
    typer.Option(
        "--padding",
        parser=parsers.padding,
        metavar="P",
        help="valid (none), same (the maps keep the image's size), or P pixels on every side.",
        rich_help_panel=LAST_LAYER,
    ),
]
Border = Annotated[
    str | None,
    typer.Option(
        "--border",
        metavar="B",
        help="The values of the padding: constant (zeros), edge, reflect, symmetric or wrap.",
        rich_help_panel=LAST_LAYER,
    ),
]
ActivationOption = Annotated[
    Activation | None,
    typer.Option(
        "--activation",
        help="The function applied to each value: relu sets negative ones to 0, abs takes the magnitude.",
        show_default=False,
        rich_help_panel=LAST_LAYER,
    ),
]
Pooling = Annotated[
    str | None,
    typer.Option(
        "--pool",
        parser=parsers.pool,
        metavar="KIND:N",
        help="max:N or mean:N reduces each N×N block to one value; none keeps all.",
        rich_help_panel=LAST_LAYER,
    ),
]
Flip = Annotated[
    bool,
    typer.Option("--flip", help="Compute a true convolution: rotate each kernel by 180°.", rich_help_panel=LAST_LAYER),
]


@dataclass(frozen=True)
class NetworkOptions:
    """The network, and the settings of its last layer; None keeps those of its file."""

    filters: Filters = None
    kernel: Kernels = None
    then: Then = None
    stride: Stride = None
    dilation: Dilation = None
    padding: Padding = None
    border: Border = None
    activation: ActivationOption = None
    flip: Flip = False


ChannelsOption = Annotated[
    Channels,
    typer.Option(
        "--channels",
        help="The input channels of a color image: luminance (gray), three channels (rgb), each color "
        "filtered separately (each), or what the filters need (auto).",
        rich_help_panel=IMAGES,
    ),
]
Background = Annotated[
    str,
    typer.Option(
        "--background",
        parser=parsers.color,
        metavar="COLOR",
        help="The color behind transparent pixels: a name or #rrggbb.",
        rich_help_panel=IMAGES,
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        parser=parsers.whole,
        metavar="N",
        help="Refuse images with more pixels.  [default: 200000000]",
        rich_help_panel=IMAGES,
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders, too.", rich_help_panel=IMAGES)]


@dataclass(frozen=True)
class ImageOptions:
    """How images are read."""

    channels: ChannelsOption = "auto"
    background: Background = "white"
    max_pixels: MaxPixels = None


Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="ENDING",
        help="The format, such as png or npz, if the output's name has no ending.",
        rich_help_panel=OUTPUT,
    ),
]
NormalizeOption = Annotated[
    Normalize,
    typer.Option(
        "--normalize",
        help="signed: 0 is mid-gray; minmax: the smallest value is black, the largest white; positive: 0 and less is "
        "black; absolute: 0 is black, large magnitudes are white; none: clip to 0..1.",
        rich_help_panel=PICTURE,
    ),
]
ScopeOption = Annotated[
    Scope,
    typer.Option(
        "--scope", help="Scale each channel by its own range, or all by the range of all.", rich_help_panel=PICTURE
    ),
]
ColormapOption = Annotated[Colormap, typer.Option("--colormap", help="The colors of values.", rich_help_panel=PICTURE)]

Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per result on standard output.", rich_help_panel=MESSAGES),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=MESSAGES)]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=parsers.whole,
        metavar="N",
        help="Total number of threads, instead of $CNNFX_THREADS or the number of processors.",
        rich_help_panel=IMAGES,
    ),
]

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model (.npz) written by cnnfx train.", show_default=False)
]
ModelData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="A data set as for cnnfx train, of which the test images are used. By default the model's own.",
        show_default=False,
    ),
]
