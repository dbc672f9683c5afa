"""Options of the commands that make moving pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from cnnfx.cli import options, parsers

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
OneLayer = Annotated[
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
Scale = Annotated[
    int | None,
    typer.Option(
        "--scale",
        parser=parsers.whole,
        metavar="N",
        help="Draw each pixel as a cell of N×N; what suits the sizes unless given.",
        rich_help_panel=MOTION,
    ),
]
Output = Annotated[
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
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="ENDING",
        help="gif, webp or png, where the output's name does not tell.",
        rich_help_panel=options.OUTPUT,
    ),
]
