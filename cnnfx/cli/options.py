"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cnnfx.cli import options, parsers

Normalize = Literal["signed", "minmax", "positive", "absolute", "none"]
Scope = Literal["channel", "all"]
Colormap = Literal["gray", "diverging", "heat", "viridis"]
Channels = Literal["auto", "gray", "rgb", "each"]
Activation = Literal["none", "relu", "abs"]

FILTERS, LAST, IMAGES = "Filters", "The last layer", "Images"
OUTPUT, LOOK, TALK = "Output", "The picture", "What is said"
"""The headings of the help."""

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
        help="A preset's name, a .toml file or a model (.npz). Repeat it for several, side by side in one layer.",
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
        help="Stack further layers: their input channels are the output channels so far. Can be repeated.",
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
        help="The step of the filters: N, or VERTICAL,HORIZONTAL.",
        rich_help_panel=LAST,
    ),
]
Dilation = Annotated[
    parsers.Pair | None,
    typer.Option(
        "--dilation",
        parser=parsers.pair,
        metavar="N",
        help="The distance of the pixels under neighboring weights: N, or VERTICAL,HORIZONTAL.",
        rich_help_panel=LAST,
    ),
]
Padding = Annotated[
    str | None,
    typer.Option(
        "--padding",
        parser=parsers.padding,
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
    parsers.Pooled | None,
    typer.Option(
        "--pool",
        parser=parsers.pool,
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
        parser=parsers.layers,
        metavar="N|all",
        help="Whose output channels to show, the first layer's being 1; the last one's unless given. "
        "Settings of the last layer are then those of this one.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
ChannelsOption = Annotated[
    Channels,
    typer.Option(
        "--channels",
        help="What the filters see of a picture: its brightness (gray), the three colors summed over (rgb), "
        "each color apart (each), or what the filters ask for (auto).",
        rich_help_panel=IMAGES,
    ),
]
Background = Annotated[
    str,
    typer.Option(
        "--background",
        parser=parsers.color,
        metavar="COLOR",
        help="What transparent parts are laid over: a name or #rrggbb.",
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
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look through folders within folders too.", rich_help_panel=IMAGES)
]

Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        parser=parsers.whole,
        metavar="N",
        help="Work on N images at a time, each in a process; as many as there are processors for many images.",
        rich_help_panel=IMAGES,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=parsers.whole,
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
        help="A picture; .npy or .npz for the numbers; .html for a page to explore; a folder/ for one file per "
        "channel; - for standard output. "
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
        help="signed: zero is mid-gray; minmax: smallest black, largest white; positive: zero and less is black; "
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
ColormapOption = Annotated[Colormap, typer.Option("--colormap", help="The colors of the values.", rich_help_panel=LOOK)]
Columns = Annotated[
    int | None,
    typer.Option("--columns", parser=parsers.whole, metavar="N", help="Maps in a row.", rich_help_panel=LOOK),
]
Scale = Annotated[
    int | None,
    typer.Option(
        "--scale",
        parser=parsers.whole,
        metavar="N",
        help="Enlarge N times; small maps are enlarged by themselves.",
        rich_help_panel=LOOK,
    ),
]
Gap = Annotated[
    int | None,
    typer.Option("--gap", parser=parsers.pixels, metavar="N", help="Pixels between the maps.", rich_help_panel=LOOK),
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

MOTION = "The animation"
"""A heading of the help."""

Picture = Annotated[
    str,
    typer.Argument(metavar="IMAGE", help="A picture, an array (.npy, .npz, .csv), or - for standard input."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="NAME",
        help="Show this filter only. Can be repeated.  [default: all, side by side]",
        rich_help_panel=options.FILTERS,
    ),
]
AnimatedLayer = Annotated[
    int | None,
    typer.Option(
        "--layer",
        parser=parsers.whole,
        metavar="N",
        help="The layer at work, whose input are the feature maps below it; --stride and the like are for this layer.  "
        "[default: 1]",
        rich_help_panel=options.FILTERS,
    ),
]
Region = Annotated[
    parsers.Region | None,
    typer.Option(
        "--region",
        parser=parsers.region,
        metavar="X,Y,W,H",
        help="Take this part of the image, as if it were the whole.",
        rich_help_panel=options.IMAGES,
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        parser=parsers.whole,
        metavar="N",
        help="Shrink the image to N pixels along its longer side if it has more.  [default: 32; 12 with --numbers]",
        rich_help_panel=options.IMAGES,
    ),
]
Numbers = Annotated[
    bool,
    typer.Option(
        "--numbers",
        help="Write pixels, weights, products and their sum into the cells.",
        rich_help_panel=MOTION,
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps",
        parser=parsers.fps,
        metavar="X",
        help="Frames per second.  [default: 2 with --numbers; else 5 to 25, for half a minute in all]",
        rich_help_panel=MOTION,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        parser=parsers.whole,
        metavar="N",
        help="Go through all positions in N frames, several at a time; one at a time unless given.",
        rich_help_panel=MOTION,
    ),
]
CellScale = Annotated[
    int | None,
    typer.Option(
        "--scale",
        parser=parsers.whole,
        metavar="N",
        help="Draw each pixel as a cell of N×N; what suits the sizes unless given.",
        rich_help_panel=MOTION,
    ),
]
AnimationOutput = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="A .gif, .webp or .png (animated); - for standard output. {stem} and {filters} stand for the names of "
        "image and filters.  [default: {stem}.{filters}.gif]",
        rich_help_panel=options.OUTPUT,
    ),
]
AnimationFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="ENDING",
        help="gif, webp or png, where the output's name does not tell.",
        rich_help_panel=options.OUTPUT,
    ),
]

DATA, NETWORK, RUN, PICTURES, TRAINING_OUTPUT = "Data", "The network", "The run", "Pictures", "What is said"
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
    bool, typer.Option("--color", help="Read the images of class folders in color, not gray.", rich_help_panel=DATA)
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
TrainingThreads = Annotated[
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
        rich_help_panel=TRAINING_OUTPUT,
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
    typer.Option("--json", help="Print one JSON object per epoch on standard output.", rich_help_panel=TRAINING_OUTPUT),
]
