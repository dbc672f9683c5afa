"""`cnnfx animate`: filters sliding over an image, as a moving picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cnnfx.cli import options
from cnnfx.cli import options as moving
from cnnfx.cli.console import put_json, tell
from cnnfx.pipeline.targets import STDOUT

if TYPE_CHECKING:
    from cnnfx.cli.networks import Settings
    from cnnfx.cli.parsers import Region
    from cnnfx.images import Image
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.pipeline.targets import Target
    from cnnfx.render.color import LinearScale
    from cnnfx.render.sliding.frames import FrameLayout
    from cnnfx.render.sliding.positions import SlidingWindow

LONGEST, LONGEST_NUMBERED = 32, 12
"""The longer side of an image, in pixels, to which larger ones are shrunk."""
MOST_FRAMES = 1200
MOST_PIXELS = 400_000_000
"""Of all frames together."""
WHOLE, SLOWEST, FASTEST, NUMBERED = 27, 5, 25, 2
"""The seconds that an animation takes if no less than so many and no more than so many frames are shown in each; and
the frames per second where there are numbers to be read."""
LAST = 2000
"""The milliseconds for which the last frame is seen."""


def animate(
    image: moving.Picture,
    filters: options.Filters = None,
    kernel: options.Kernels = None,
    then: options.Then = None,
    only: moving.Only = None,
    layer: moving.AnimatedLayer = None,
    stride: options.Stride = None,
    dilation: options.Dilation = None,
    padding: options.Padding = None,
    border: options.Border = None,
    activation: options.ActivationOption = None,
    flip: options.Flip = False,
    channels: options.ChannelsOption = "auto",
    background: options.Background = "white",
    max_pixels: options.MaxPixels = None,
    region: moving.Region = None,
    size: moving.Size = None,
    output: moving.AnimationOutput = None,
    format: moving.AnimationFormat = None,
    numbers: moving.Numbers = False,
    fps: moving.Fps = None,
    steps: moving.Steps = None,
    scale: moving.CellScale = None,
    normalize: options.NormalizeOption = "signed",
    scope: options.ScopeOption = "channel",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show filters at work: how they slide over an image.

    The input is below in blue, the filter's window shaded over it; above, in
    green, the feature maps fill position by position. Pooling is left out.

    \b
      cnnfx animate digit.png --filters edges
      cnnfx animate digit.png -f edges --filter top --numbers -o slide.gif
      cnnfx animate digit.png -f sobel --stride 2 --padding 1 -o slide.webp
      cnnfx animate photo.png -f edges --region 200,80,24,24
      cnnfx animate digit.png -f model.npz --filter 3 --layer 1
    """
    from cnnfx.cli.networks import Settings
    from cnnfx.errors import UsageError
    from cnnfx.images import MAX_PIXELS
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.pipeline.targets import Source, moving_target
    from cnnfx.render.color import ColorScale
    from cnnfx.render.sliding.frames import FrameLayout
    from cnnfx.render.sliding.palette import CellStyle
    from cnnfx.render.sliding.positions import sliding_window

    if not filters and not kernel:
        raise UsageError("Say which filters to use, such as -f edges; cnnfx list-filters shows what there is.")
    settings = Settings(stride, dilation, padding, border, activation, None, flip)
    network, left_out = _network(filters or [], kernel or [], then or [], layer or 1, settings)
    target = moving_target(Source(image), output, format, network.name)
    if as_json and target.path is None:
        raise UsageError("--json and the animation cannot both go to standard output. Give -o FILE.")
    work = Pipeline(network, (), channels, background, max_pixels or MAX_PIXELS)
    shown, notes = _loaded(work, image, region, size or (LONGEST_NUMBERED if numbers else LONGEST))
    maps = work.maps(shown)[0][1]
    sliding = sliding_window(maps, shown.channel_names, only or ())
    _check_count(shown, sliding, steps)
    cell, more = _cell(sliding, scale, numbers)
    positions = sliding.frame_positions(steps)
    _check_size(shown, sliding, cell, len(positions) + 1)
    layout = FrameLayout(sliding, _drawn(shown, sliding), ColorScale(normalize, scope), CellStyle(cell, numbers))
    written = _write(target, layout, positions, fps or _suitable_fps(positions, numbers))
    if as_json:
        put_json({"input": shown.name, "filters": network.name, "layer": layer or 1, **_described(sliding), **written})
    if not quiet:
        for note in (*left_out, *notes, *more):
            tell(note)
        if target.path is not None and not as_json:
            tell(_summary(written))


def _loaded(work: Pipeline, name: str, region: Region | None, longest: int) -> tuple[Image, list[str]]:
    """The image, cut and shrunk, and what is to be told of that."""
    from cnnfx.cli.inputs import content
    from cnnfx.images.image import crop, shrink_to_side

    given = content(name)
    whole = work.load(given if given is not None else name)
    part = crop(whole, *region) if region else whole
    shown = shrink_to_side(part, longest)
    notes = list(whole.notes)
    if shown is not part:
        notes.append(
            f"{whole.name}: shrunk from {_by(part)} to {_by(shown)} pixels, so that each can be seen. "
            "--region X,Y,W,H shows a part as it is, --size N more of it."
        )
    return shown, notes


def _by(image: Image) -> str:
    return f"{image.shape[2]}×{image.shape[1]}"


def _check_count(image: Image, sliding: SlidingWindow, steps: int | None) -> None:
    """Refuse more frames than anybody looks at."""
    from cnnfx.errors import UsageError

    if (steps or sliding.position_count) > MOST_FRAMES and sliding.position_count > MOST_FRAMES:
        count = f"{sliding.output_size[1]}×{sliding.output_size[0]} = {sliding.position_count} positions"
        raise UsageError(
            f"{image.name}: the filter has {count} on {_by(image)} pixels; {MOST_FRAMES} frames are the most. "
            f"Take a part with --region X,Y,W,H, shrink the image with --size {LONGEST}, or go through them in fewer "
            "frames with --steps 300."
        )


def _cell(sliding: SlidingWindow, scale: int | None, numbers: bool) -> tuple[int, list[str]]:
    """The side of a cell, and what is to be told of it."""
    from cnnfx.render.sliding.frames import MIN_NUMBER_CELL, suitable_cell_size

    if scale is None:
        return suitable_cell_size(sliding, numbers), []
    if numbers and scale < MIN_NUMBER_CELL:
        return MIN_NUMBER_CELL, [
            f"--scale {scale} is too small for numbers: each pixel is drawn as {MIN_NUMBER_CELL}×{MIN_NUMBER_CELL}."
        ]
    return scale, []


def _check_size(image: Image, sliding: SlidingWindow, cell: int, frames: int) -> None:
    """Refuse what would take too long to draw and to look at, before it is drawn."""
    from cnnfx.errors import UsageError

    cells = len(sliding.inputs) * math.prod(sliding.padded_size) + len(sliding.channels) * sliding.position_count
    if cells * cell**2 * frames > MOST_PIXELS:
        raise UsageError(
            f"{image.name}: {frames} frames of {cells} cells of {cell}×{cell} pixels are too large an animation. Show "
            "fewer filters with --filter NAME, a smaller image with --size, smaller cells with --scale, or fewer "
            "frames with --steps."
        )


def _drawn(image: Image, sliding: SlidingWindow) -> LinearScale:
    """How the input's values become levels: as they are where they are a picture's, else by their range."""
    from cnnfx.nn.feature_maps import channel_statistics
    from cnnfx.render.color import linear_scale

    if sliding.title == "input" and not image.is_array:
        return linear_scale("none", 0, 1)
    ranges = [channel.range for channel in channel_statistics([(0, sliding.inputs)])]
    return linear_scale("minmax", min(low for low, _ in ranges), max(high for _, high in ranges))


def _suitable_fps(positions: list[int], numbers: bool) -> float:
    return NUMBERED if numbers else min(max(len(positions) / WHOLE, SLOWEST), FASTEST)


def _write(target: Target, layout: FrameLayout, positions: list[int], fps: float) -> dict[str, Any]:
    """Write the animation; what was written."""
    from cnnfx.render.animation import frame_duration, write_animation
    from cnnfx.render.sliding.frames import draw_frames
    from cnnfx.render.sliding.palette import palette

    height, width = layout.shape
    where = STDOUT if target.path is None else str(target.path)
    durations = [frame_duration(fps)] * len(positions) + [LAST]
    with target.open() as file:
        write_animation(file, where, draw_frames(layout, positions), durations, target.format, palette())
    return {
        "output": where, "format": target.format, "frames": len(durations), "width": width, "height": height,
        "fps": 1000 / durations[0], "seconds": sum(durations) / 1000,
    }  # fmt: skip


def _described(sliding: SlidingWindow) -> dict[str, Any]:
    _, height, width = sliding.inputs.shape
    rows, columns = sliding.output_size
    return {
        "channels": [channel.name for channel in sliding.channels],
        "input_size": [height, width],
        "positions": [rows, columns],
    }


def _summary(written: dict[str, Any]) -> str:
    size = f"{written['width']}×{written['height']}"
    return f"{written['output']}: {written['frames']} frames of {size}, {written['seconds']:.3g} s"


def _network(
    filters: list[str], kernels: list[str], then: list[str], layer: int, settings: Settings
) -> tuple[Network, list[str]]:
    """The network up to the layer at work, and what is to be told of it; the settings are that layer's.

    It is not pooled: its maps are as large as the filters have positions.
    """
    from cnnfx.cli.networks import build_upto
    from cnnfx.render.sliding.positions import without_pooling

    network = build_upto(layer, filters, kernels, then, settings)
    pool = network.layers[layer - 1].pool
    told = f"{network.name}: the maps are those before the pooling of layer {layer}, {{}}:{{}}, which is left out."
    return without_pooling(network, layer), [told.format(pool.kind, pool.size)] if pool else []
