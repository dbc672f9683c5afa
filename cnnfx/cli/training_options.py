"""Options of `cnnfx train`."""

from __future__ import annotations

from typing import Annotated, Literal

from cnnfx.cli import parsers
from cnnfx.cli.options import DATA, MESSAGES, THREADS, Colormap, colormap, option

# The headings of the help:
NETWORK = "The network"
RUN = "The run"
PICTURES = "Pictures"

Data = Annotated[
    str | None,
    option(
        "--data DATA",
        "mnist; drawn, or drawn:N for N digits that cnnfx draws itself; shapes, or shapes:N, scenes of colored shapes "
        "likewise; a folder of IDX files; Keras' mnist.npz; a folder with a subfolder of images per class. By default "
        "MNIST if it is available, otherwise drawn.",
        DATA,
    ),
]
ImageSize = Annotated[
    int | None,
    option(
        "--image-size N",
        "Resize the images of class folders to N×N pixels. By default to the size of the first one.",
        DATA,
        parsers.whole,
    ),
]
Channels = Annotated[
    Literal["gray", "rgb"],
    option("--channels", "The channels of the images of class folders: gray, or red, green and blue (rgb).", DATA),
]
Arch = Annotated[
    str | None,
    option(
        "--arch FILE",
        "A network as a filter file, with filters = 16 and size = 5 for filters to train; or color.toml, small.toml or "
        "tiny.toml, which cnnfx contains.",
        NETWORK,
    ),
]
Widths = Annotated[
    parsers.Counts | None,
    option("--widths N,N", "The number of filters in each layer.  [default: 24,48,48]", NETWORK, parsers.counts),
]
KernelSize = Annotated[
    int | None,
    option(
        "--kernel-size N",
        "Filters of N×N weights.  [default: 5 in the first layer, 3 in the others]",
        NETWORK,
        parsers.whole,
    ),
]
Epochs = Annotated[
    int | None, option("--epochs N", "Passes over the training images.  [default: 3]", RUN, parsers.whole)
]
BatchSize = Annotated[
    int | None,
    option("--batch-size N", "Images per step.  [default: 128, or all if there are fewer]", RUN, parsers.whole),
]
Rate = Annotated[
    float | None,
    option("--lr X", "The largest learning rate, reached early in the run.  [default: 0.01]", RUN, parsers.rate),
]
WeightDecay = Annotated[
    float | None,
    option("--weight-decay X", "How fast weights decay.  [default: 0.1]", RUN, parsers.strength),
]
LabelSmoothing = Annotated[
    float | None,
    option(
        "--label-smoothing X",
        "The part of the target that is spread over all classes; 0 for none.  [default: 0.1]",
        RUN,
        parsers.below_one,
    ),
]
BatchNorm = Annotated[
    bool | None,
    option(
        "--batch-norm/--no-batch-norm",
        "Normalize the outputs of each layer during training.  [default: batch-norm]",
        RUN,
    ),
]
Smoothness = Annotated[
    float | None,
    option(
        "--smoothness X",
        "How strongly the filters of the first layer are smoothed; 0 for not at all.  [default: 1]",
        RUN,
        parsers.strength,
    ),
]
Augment = Annotated[
    Literal["none", "shift", "strong"] | None,
    option(
        "--augment",
        "Random changes of the training images: shifts by up to a pixel (shift), or also rotation, scale, shear and "
        "elastic distortion (strong).  [default: shift]",
        RUN,
    ),
]
Seed = Annotated[
    int | None, option("--seed N", "The same seed gives the same model.  [default: 0]", RUN, parsers.pixels)
]
Resume = Annotated[
    str | None, option("--resume MODEL", "Continue the run that wrote this model, with its settings.", RUN)
]
Threads = Annotated[
    int | None,
    option("--threads N", f"{THREADS} The result is the same.", RUN, parsers.whole),
]
ModelOutput = Annotated[
    str | None,
    option("--output -o FILE", "The file to which the model is written after every epoch.  [default: model.npz]", RUN),
]
Log = Annotated[
    str | None,
    option(
        "--log FILE",
        "Also write one line per epoch to a file: JSON to run.jsonl, a table to run.csv or .tsv.",
        MESSAGES,
    ),
]
Watch = Annotated[
    bool, option("--watch", "Draw the filters of the first layer in the terminal while they change.", PICTURES)
]
Filmstrip = Annotated[
    str | None,
    option(
        "--filmstrip FILE",
        "Animate how the filters change: a .gif, .webp or animated .png, written at the end.",
        PICTURES,
    ),
]
FilmstripLayer = Annotated[
    int | None,
    option(
        "--filmstrip-layer N", "The layer whose filters the filmstrip shows.  [default: 1]", PICTURES, parsers.whole
    ),
]
FilmstripColors = Annotated[Colormap | None, colormap("weights in the filmstrip", PICTURES, "  [default: gray]")]
Curve = Annotated[
    str | None,
    option("--curve FILE", "Plot cross-entropy and accuracy into a picture, such as curve.png, at the end.", PICTURES),
]
Json = Annotated[bool, option("--json", "Print one JSON object per epoch on standard output.", MESSAGES)]
