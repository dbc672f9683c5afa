"""`cnnfx animate`: an animation of filters that slide over an image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from cnnfx.cli import options, parsers
from cnnfx.cli.console import print_json, print_message
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from cnnfx.cli.inputs import InputImage
    from cnnfx.cli.parsers import Region
    from cnnfx.images import Image
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.pipeline.targets import Target
    from cnnfx.render.color import LinearScale
    from cnnfx.render.sliding.frames import FrameLayout
    from cnnfx.render.sliding.positions import SlidingWindow

DEFAULT_MAX_SIDE = 32
"""The longer side, in pixels, to which larger images are shrunk by default."""
DEFAULT_MAX_SIDE_WITH_NUMBERS = 12
"""The same with `--numbers`, which needs larger cells."""
MAX_FRAMES = 1200
"""The most frames of an animation without `--steps`."""
MAX_ANIMATION_PIXELS = 400_000_000
"""The most pixels of all frames together."""
DEFAULT_SECONDS = 27
"""The duration, in seconds, that the default number of frames per second aims at."""
MIN_DEFAULT_FPS = 5
"""The least frames per second by default."""
MAX_DEFAULT_FPS = 25
"""The most frames per second by default."""
DEFAULT_FPS_WITH_NUMBERS = 2
"""Frames per second by default with `--numbers`, so that they can be read."""
LAST_FRAME_MILLISECONDS = 2000
"""The duration of the last frame."""
ANIMATION = "The animation"
"""A heading of the help."""

Only = Annotated[list[str] | None, options.only("--filter --only LIST", options.FILTERS)]
Layer = Annotated[
    int | None,
    option(
        "--layer N",
        "The layer to show, whose input are the feature maps of the layer below. The options for the last "
        "layer then apply to this one.  [default: 1]",
        options.FILTERS,
        parsers.whole,
    ),
]
RegionOption = Annotated[
    parsers.Region | None,
    option("--region X,Y,W,H", "Crop the image to this region.", options.IMAGES, parsers.region),
]
Size = Annotated[
    int | None,
    option(
        "--size N",
        "Shrink the image to at most N pixels along its longer side.  [default: 32; 12 with --numbers]",
        options.IMAGES,
        parsers.whole,
    ),
]
Output = Annotated[
    str | None,
    option(
        "--output -o FILE",
        "A .gif, .webp or .png (animated); - for standard output. {stem} and {filters} stand for the names of "
        "image and filters.  [default: {stem}.{filters}.gif]",
        options.OUTPUT,
    ),
]
Format = Annotated[
    str | None,
    option("--format ENDING", "gif, webp or png, if the output's name has no ending.", options.OUTPUT),
]
Numbers = Annotated[
    bool, option("--numbers", "Write pixels, weights, products and their sum into the cells.", ANIMATION)
]
Fps = Annotated[
    float | None,
    option(
        "--fps X",
        "Frames per second.  [default: 2 with --numbers; else 5 to 25, for about half a minute]",
        ANIMATION,
        parsers.fps,
    ),
]
Steps = Annotated[
    int | None,
    option(
        "--steps N",
        "Show all positions in N frames, several per frame. By default one per frame.",
        ANIMATION,
        parsers.whole,
    ),
]
Scale = Annotated[
    int | None,
    option("--scale N", "Draw each pixel as a cell of N×N. By default chosen by the sizes.", ANIMATION, parsers.whole),
]
DEFAULT_SCALE = options.ScaleOptions()


@options.with_option_groups
def animate(
    image: options.Image,
    network_options: options.NetworkOptions,
    image_options: options.ImageOptions,
    only: Only = None,
    layer: Layer = None,
    region: RegionOption = None,
    size: Size = None,
    output: Output = None,
    format: Format = None,
    numbers: Numbers = False,
    fps: Fps = None,
    steps: Steps = None,
    scale: Scale = None,
    scale_options: options.ScaleOptions = DEFAULT_SCALE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Animate how filters slide over an image.

    The input is below in blue, with the window of the filter shaded; above, in
    green, the feature maps fill position by position. Pooling is left out.

    \b
      cnnfx animate digit.png --filters edges
      cnnfx animate digit.png -f edges --only top --numbers -o slide.gif
      cnnfx animate digit.png -f sobel --stride 2 --padding 1 -o slide.webp
      cnnfx animate photo.png -f edges --region 200,80,24,24
      cnnfx animate digit.png -f model.npz --only 3 --layer 1
    """
    from cnnfx.cli.inputs import InputImage
    from cnnfx.cli.networks import chosen_channels, layer_owner
    from cnnfx.cli.outputs import animation_target
    from cnnfx.errors import UsageError
    from cnnfx.images import MAX_PIXELS
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.render.sliding.frames import FrameLayout
    from cnnfx.render.sliding.palette import CellStyle
    from cnnfx.render.sliding.positions import sliding_window
    from cnnfx.render.text import notes_on_escapes

    color_scale = scale_options.color_scale()
    network, network_notes = _network(network_options, layer or 1)
    source = InputImage(image)
    target = animation_target(source, output, format, network.name)
    if as_json and target.path is None:
        raise UsageError("--json and the animation cannot both go to standard output. Give -o FILE.")
    channels, background = image_options.channels, image_options.background
    pipeline = Pipeline(network, (), channels, background, image_options.max_pixels or MAX_PIXELS)
    max_side = size or (DEFAULT_MAX_SIDE_WITH_NUMBERS if numbers else DEFAULT_MAX_SIDE)
    shown, image_notes = _load(pipeline, source, region, max_side)
    maps = pipeline.feature_maps(shown)[0][1]
    names = [maps.names[index] for index in chosen_channels(only, maps.names, layer_owner(network))]
    sliding = sliding_window(maps, shown.channel_names, names)
    _check_count(shown, sliding, steps)
    cell, cell_notes = _cell_size(sliding, scale, numbers)
    positions = sliding.frame_positions(steps)
    _check_size(shown, sliding, cell, len(positions) + 1)
    layout = FrameLayout(sliding, _input_scale(shown, sliding), color_scale, CellStyle(cell, numbers))
    written = _write(target, layout, positions, fps or _default_fps(positions, numbers))
    if as_json:
        print_json(
            {"input": shown.name, "filters": network.name, "layer": layer or 1, **_described(sliding), **written}
        )
    if not quiet:
        for note in (*network_notes, *image_notes, *cell_notes, *notes_on_escapes(target.name, names)):
            print_message(note)
        if target.path is not None and not as_json:
            print_message(_summary(written))


def _network(network_options: options.NetworkOptions, layer: int) -> tuple[Network, list[str]]:
    """Return the network up to the shown layer, without the pooling of this layer, and notes about it.

    Without pooling, the feature maps are as large as the filters have positions.
    """
    from cnnfx.cli.networks import requested_network
    from cnnfx.render.sliding.positions import without_pooling

    network = requested_network(network_options, layer=layer)
    pool = network.layers[layer - 1].pool
    note = f"{network.name}: the maps are those before the pooling of layer {layer}, {pool}, which is left out."
    return without_pooling(network, layer), [note] if pool else []


def _load(pipeline: Pipeline, source: InputImage, region: Region | None, max_side: int) -> tuple[Image, list[str]]:
    """Return the image, cropped and shrunk, and notes about it."""
    from cnnfx.cli.inputs import read_stdin
    from cnnfx.images.image import crop, shrink_to_side

    image = pipeline.load(read_stdin() if source.is_stdin else source.path)
    cropped = crop(image, *region) if region else image
    shown = shrink_to_side(cropped, max_side)
    notes = list(image.notes)
    if shown is not cropped:
        notes.append(
            f"{image.name}: shrunk from {_size_text(cropped)} to {_size_text(shown)} pixels, so that each can be seen. "
            "--region X,Y,W,H shows a part in full size, --size N shrinks less."
        )
    return shown, notes


def _size_text(image: Image) -> str:
    return f"{image.shape[2]}×{image.shape[1]}"


def _check_count(image: Image, sliding: SlidingWindow, steps: int | None) -> None:
    """Raise UsageError if there are more than `MAX_FRAMES` frames."""
    from cnnfx.errors import UsageError

    if min(steps or sliding.position_count, sliding.position_count) > MAX_FRAMES:
        count = f"{sliding.output_size[1]}×{sliding.output_size[0]} = {sliding.position_count} positions"
        raise UsageError(
            f"{image.name}: the filter has {count} on {_size_text(image)} pixels; {MAX_FRAMES} frames are the most. "
            f"Crop the image with --region X,Y,W,H, shrink it with --size {DEFAULT_MAX_SIDE}, or show them in fewer "
            "frames with --steps 300."
        )


def _cell_size(sliding: SlidingWindow, scale: int | None, numbers: bool) -> tuple[int, list[str]]:
    """Return the side of a cell in pixels, and notes about it."""
    from cnnfx.render.sliding.frames import MIN_NUMBER_CELL, suitable_cell_size

    if scale is None:
        return suitable_cell_size(sliding, numbers), []
    if numbers and scale < MIN_NUMBER_CELL:
        return MIN_NUMBER_CELL, [
            f"--scale {scale} is too small for numbers: each pixel is drawn as {MIN_NUMBER_CELL}×{MIN_NUMBER_CELL}."
        ]
    return scale, []


def _check_size(image: Image, sliding: SlidingWindow, cell: int, frames: int) -> None:
    """Raise UsageError if the frames together have more than `MAX_ANIMATION_PIXELS` pixels."""
    from cnnfx.errors import UsageError

    cells = len(sliding.inputs) * math.prod(sliding.padded_size) + len(sliding.channels) * sliding.position_count
    if cells * cell**2 * frames > MAX_ANIMATION_PIXELS:
        raise UsageError(
            f"{image.name}: {frames} frames of {cells} cells of {cell}×{cell} pixels are too large an animation. Show "
            "fewer filters with --only LIST, a smaller image with --size, smaller cells with --scale, or fewer "
            "frames with --steps."
        )


def _input_scale(image: Image, sliding: SlidingWindow) -> LinearScale:
    """Return the scale that maps input values to gray levels: from 0 to 1 for a picture, otherwise their range."""
    from cnnfx.nn.statistics import channel_statistics
    from cnnfx.render.color import linear_scale

    if sliding.title == "input" and not image.is_array:
        return linear_scale("none", 0, 1)
    ranges = [channel.range for channel in channel_statistics([(0, sliding.inputs)])]
    return linear_scale("minmax", min(low for low, _ in ranges), max(high for _, high in ranges))


def _default_fps(positions: list[int], numbers: bool) -> float:
    return (
        DEFAULT_FPS_WITH_NUMBERS
        if numbers
        else min(max(len(positions) / DEFAULT_SECONDS, MIN_DEFAULT_FPS), MAX_DEFAULT_FPS)
    )


def _write(target: Target, layout: FrameLayout, positions: list[int], fps: float) -> dict[str, Any]:
    """Write the animation, and describe it, ready for JSON."""
    from cnnfx.render.animation import frame_duration, write_animation
    from cnnfx.render.sliding.frames import draw_frames
    from cnnfx.render.sliding.palette import palette

    height, width = layout.shape
    durations = [frame_duration(fps)] * len(positions) + [LAST_FRAME_MILLISECONDS]
    with target.open() as file:
        write_animation(file, target.name, draw_frames(layout, positions), durations, target.format, palette())
    return {
        "output": target.name, "format": target.format, "frames": len(durations), "width": width, "height": height,
        "fps": 1000 / durations[0], "seconds": sum(durations) / 1000,
    }  # fmt: skip


def _described(sliding: SlidingWindow) -> dict[str, Any]:
    _, height, width = sliding.inputs.shape
    rows, columns = sliding.output_size
    return {
        "channels": [channel.name for channel in sliding.channels],
        "input_size": [width, height],
        "positions": [columns, rows],
    }


def _summary(written: dict[str, Any]) -> str:
    size = f"{written['width']}×{written['height']}"
    return f"{written['output']}: {written['frames']} frames of {size}, {written['seconds']:.3g} s"
