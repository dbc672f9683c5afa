"""Options that several commands share, and groups of them that a command takes as one parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

import typer

from cnnfx.cli import parsers

if TYPE_CHECKING:
    from cnnfx.formats.reading import Reading
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.render.color import ColorScale

Normalize = Literal["auto", "signed", "minmax", "positive", "absolute", "none"]
Scope = Literal["channel", "all"]
Colormap = Literal["gray", "diverging", "heat", "magma", "viridis"]
Channels = Literal["auto", "gray", "rgb", "each"]
Activation = Literal[
    "none", "relu", "abs", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_sigmoid", "hard_swish", "softmax"
]
OrderName = Literal["pytorch", "keras", "depthwise", "mlx", "theano"]

NETWORK_FILES = "A preset's name, a .toml file, a model (.npz), or a file of PyTorch, Keras, ONNX or safetensors"
"""What a network can be, for the help."""

# The headings of the help that several commands share:
FILTERS = "Filters"
LAST_LAYER = "The last layer"
IMAGES = "Images"
OUTPUT = "Output"
PICTURE = "The picture"
COLORS = "The colors"
MESSAGES = "Messages"
DATA = "Data"


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


def option(
    declaration: str,
    help: str,
    heading: str | None = None,
    parser: Callable[[str], Any] | None = None,
    autocompletion: Callable[..., list[str]] | None = None,
) -> Any:
    """Return the declaration of an option, for `Annotated`.

    Parameters
    ----------
    declaration : str
        Its names and the placeholder of its value, separated by spaces: "--output -o FILE".
    help : str
    heading : str, optional
        The heading of the help under which the option is listed.
    parser : callable, optional
        Converts the text to a value.
    autocompletion : callable, optional
        Returns the values that a shell suggests.
    """
    names = declaration.split()
    metavar = None if names[-1].startswith("-") else names.pop()
    return typer.Option(
        *names, metavar=metavar, help=help, rich_help_panel=heading, parser=parser, autocompletion=autocompletion
    )


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
    option(
        "--filters -f SPEC",
        f"{NETWORK_FILES}. Can be repeated; their filters form one layer.",
        FILTERS,
        autocompletion=parsers.complete_filters,
    ),
]
Kernels = Annotated[
    list[str] | None,
    option("--kernel -k NUMBERS", "A kernel, row by row: '-1 0 1; -2 0 2; -1 0 1'. Can be repeated.", FILTERS),
]
Then = Annotated[
    list[str] | None,
    option(
        "--then SPEC",
        "Add layers that read the output channels of the layers before. Can be repeated.",
        FILTERS,
        autocompletion=parsers.complete_filters,
    ),
]


def order(heading: str | None = None) -> Any:
    """Return the declaration of the option that gives the order of the axes of filters."""
    return option(
        "--order NAME",
        "The order of the axes of filters in a file of weights, if it is not recognized: pytorch, keras, depthwise "
        "(of Keras), mlx or theano.",
        heading,
    )


def arch(heading: str | None = None) -> Any:
    """Return the declaration of the option that names the layers of a file of weights."""
    return option(
        "--arch FILE",
        "A .toml file with the layers that a file of weights is for. Known architectures are recognized without it.",
        heading,
    )


Order = Annotated[OrderName | None, order(FILTERS)]
Arch = Annotated[str | None, arch(FILTERS)]
Stride = Annotated[
    parsers.Pair | None,
    option(
        "--stride N", "Pixels between the positions of a filter: N, or VERTICAL,HORIZONTAL.", LAST_LAYER, parsers.pair
    ),
]
Dilation = Annotated[
    parsers.Pair | None,
    option(
        "--dilation N",
        "Pixels between the inputs of neighboring weights: N, or VERTICAL,HORIZONTAL.",
        LAST_LAYER,
        parsers.pair,
    ),
]
Padding = Annotated[
    str | None,
    option(
        "--padding P",
        "valid (none), same (the maps keep the image's size), or P pixels on every side.",
        LAST_LAYER,
        parsers.padding,
    ),
]
Border = Annotated[
    str | None,
    option("--border B", "The values of the padding: constant (zeros), edge, reflect, symmetric or wrap.", LAST_LAYER),
]
ActivationOption = Annotated[
    Activation | None,
    option(
        "--activation NAME",
        "The function applied to each value: none, relu (sets negative ones to 0), abs (the magnitude), relu6, "
        "leaky_relu, sigmoid, tanh, hard_sigmoid or hard_swish; or softmax, over all channels.",
        LAST_LAYER,
    ),
]
Pooling = Annotated[
    str | None,
    option(
        "--pool KIND:N",
        "max:N or mean:N reduces each N×N block to one value, 'max:3, stride 2' overlapping ones, mean:all whole maps; "
        "none keeps all.",
        LAST_LAYER,
        parsers.pool,
    ),
]
Flip = Annotated[bool, option("--flip", "Compute a true convolution: rotate each kernel by 180°.", LAST_LAYER)]


@dataclass(frozen=True)
class NetworkOptions:
    """The network, and the settings of its last layer; None keeps those of its file."""

    filters: Filters = None
    kernel: Kernels = None
    then: Then = None
    order: Order = None
    arch: Arch = None
    stride: Stride = None
    dilation: Dilation = None
    padding: Padding = None
    border: Border = None
    activation: ActivationOption = None
    flip: Flip = False

    @property
    def specs(self) -> list[str]:
        """The networks that `--filters` and `--then` name."""
        return [*(self.filters or []), *(self.then or [])]

    def reading(self, layer: str | int | None = None) -> Reading:
        """Return how the files of the networks are read, of which a layer is needed."""
        from cnnfx.formats.reading import Reading

        return Reading(layer, self.order, self.arch)


ChannelsOption = Annotated[
    Channels,
    option(
        "--channels MODE",
        "The input channels of a color image: luminance (gray), three channels (rgb), each color "
        "filtered separately (each), or what the filters need (auto).",
        IMAGES,
    ),
]


def background(heading: str) -> Any:
    """Return the declaration of the option that chooses the color behind transparent pixels."""
    return option(
        "--background COLOR",
        "The color behind transparent pixels: a name or #rrggbb.  [default: white, or black behind pixels that are "
        "almost white]",
        heading,
        parsers.color,
    )


Background = Annotated[str | None, background(IMAGES)]
DataBackground = Annotated[str | None, background(DATA)]
Page = Annotated[
    int | None,
    option("--page N", "The page of a TIFF, or the frame of an animation.  [default: 1]", IMAGES, parsers.whole),
]
Pages = Annotated[
    parsers.PageChoice | None,
    option(
        "--page N|all",
        "The page of a TIFF, or the frame of an animation; all: each as an image of its own.  [default: 1]",
        IMAGES,
        parsers.page,
    ),
]
MaxPixels = Annotated[
    int | None, option("--max-pixels N", "Refuse images with more pixels.  [default: 200000000]", IMAGES, parsers.whole)
]
Recursive = Annotated[bool, option("--recursive -r", "Search subfolders, too.", IMAGES)]


@dataclass(frozen=True)
class ImageOptions:
    """How images are read."""

    channels: ChannelsOption = "auto"
    background: Background = None
    max_pixels: MaxPixels = None

    def pipeline(self, network: Network, layers: tuple[int, ...] = ()) -> Pipeline:
        """Return the pipeline that reads images in this way; see `Pipeline` for the parameters."""
        from cnnfx.images import MAX_PIXELS
        from cnnfx.pipeline.pipeline import Pipeline

        return Pipeline(network, layers, self.channels, self.background, self.max_pixels or MAX_PIXELS)


def only(declaration: str = "--only LIST", heading: str | None = None) -> Any:
    """Return the declaration of the option that chooses channels; with older names in front of `--only`."""
    return option(
        declaration,
        "Show some channels only, by name or number: top,left or 1,4,7-9; top:12 are the twelve with the strongest "
        "response, the strongest first.",
        heading,
        autocompletion=parsers.complete_channels,
    )


Format = Annotated[
    str | None, option("--format ENDING", "The format, such as png or npz, if the output's name has no ending.", OUTPUT)
]
OPEN = "Show the result in the system's viewer, a page in the browser."
Open = Annotated[bool, option("--open", OPEN, OUTPUT)]
NormalizeOption = Annotated[
    Normalize,
    option(
        "--normalize MODE",
        "auto: 0 is black where values cannot be negative (ReLU, norm), else mid-gray; signed: 0 is mid-gray; minmax: "
        "the smallest value is black, the largest white; positive: 0 and less is black; absolute: 0 is black, large "
        "magnitudes are white; none: clip to 0..1.",
        COLORS,
    ),
]
ScopeOption = Annotated[
    Scope, option("--scope", "Scale each channel by its own range, or all by the range of all.", COLORS)
]


def colormap(what: str, heading: str | None = None, default: str = "") -> Any:
    """Return the declaration of the option that chooses the colors of something."""
    *names, last = get_args(Colormap)
    return option("--colormap NAME", f"The colors of {what}: {', '.join(names)} or {last}.{default}", heading)


ColormapOption = Annotated[Colormap, colormap("values", COLORS)]
Clip = Annotated[
    float | None,
    option(
        "--clip P",
        "Draw the largest 100 - P percent of the values like the percentile P, such as 99.5, for more contrast.",
        COLORS,
        parsers.percentile,
    ),
]
Range = Annotated[
    parsers.Limits | None,
    option(
        "--range LOW,HIGH",
        "The values drawn black and white, the same for all maps and images; MAX alone is -MAX,MAX, or 0,MAX where "
        "values cannot be negative.",
        COLORS,
        parsers.limits,
    ),
]


@dataclass(frozen=True)
class ScaleOptions:
    """How values become colors."""

    normalize: NormalizeOption = "auto"
    scope: ScopeOption = "channel"
    clip: Clip = None
    range: Range = None
    colormap: ColormapOption = "gray"

    def color_scale(self) -> ColorScale:
        """Return the color scale.

        Raises
        ------
        UsageError
            If options contradict each other.
        """
        from cnnfx.errors import ArgumentError, UsageError
        from cnnfx.render.color import ColorScale

        if self.clip is not None and self.range is not None:
            raise UsageError("--clip and --range both set the range of values. Give one of them.")
        for name, value in (("--clip", self.clip), ("--range", self.range)):
            if value is not None and self.normalize == "none":
                raise UsageError(f"--normalize none draws 0 black and 1 white, so {name} has no effect. Leave one out.")
        limits = None if self.range is None else self.range.value
        try:
            return ColorScale(self.normalize, self.scope, self.colormap, self.clip, limits)
        except ArgumentError as error:
            raise UsageError(f"--range: {error}") from error


Json = Annotated[bool, option("--json", "Print one JSON object per result on standard output.", MESSAGES)]
JsonObject = Annotated[bool, option("--json", "Print one JSON object on standard output.", MESSAGES)]
Quiet = Annotated[bool, option("--quiet -q", "Print errors only.", MESSAGES)]
THREADS = "Total number of threads, instead of $CNNFX_THREADS or the number of processors."
Threads = Annotated[int | None, option("--threads N", THREADS, IMAGES, parsers.whole)]

DEFAULT_MODEL = "model.npz"
"""The model that `cnnfx train` writes, and that other commands read, unless another is named."""

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model (.npz) written by cnnfx train, or another network with classes.")
]
SkipBad = Annotated[
    bool,
    option("--skip-bad", "Leave out images that cannot be read, with a note, instead of stopping.", DATA),
]

ModelData = Annotated[
    str | None,
    option(
        "--data DATA",
        "A data set as for cnnfx train, of which the test images are used. By default the model's own.",
        DATA,
    ),
]
