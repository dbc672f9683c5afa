"""`cnnfx animate`: an animation of filters that slide over an image."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cnnfx.cli import options, parsers
from cnnfx.cli.console import print_json, print_message
from cnnfx.cli.options import option
from cnnfx.system.sizes import counted, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnnfx.cli.inputs import InputImage
    from cnnfx.cli.parsers import Region
    from cnnfx.images import Image
    from cnnfx.nn.feature_maps import FeatureMaps
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.pipeline.targets import Target
    from cnnfx.render.color import ColorScale
    from cnnfx.render.sliding.layouts import Layout
    from cnnfx.render.sliding.positions import SlidingWindow
    from cnnfx.render.sliding.schedule import Frame

DEFAULT_MAX_SIDE = 32
"""The longer side, in pixels, to which larger images are shrunk by default."""
DEFAULT_MAX_SIDE_WITH_NUMBERS = 12
"""The same with `--numbers`, which needs larger cells."""
MAX_DEFAULT_CHANNELS = 32
"""With more output channels, only the strongest is shown unless others are chosen."""
MAX_DRAWN_INPUTS = 12
"""No layout draws more input channels."""
MAX_STRIDE = 16
"""The most pixels of the image for a pixel of the input of a deep layer by which the image is shrunk less."""
MAX_FRAMES = 1200
"""The most frames of an animation without `--steps`."""
MAX_ANIMATION_PIXELS = 400_000_000
"""The most pixels of all frames together."""
ANIMATION = "The animation"
"""A heading of the help."""

Only = Annotated[list[str] | None, options.only("--filter --only LIST", options.FILTERS)]
Layer = Annotated[
    str | None,
    option(
        "--layer NAME|N",
        "The layer to show, by its name, a unique part of it, or its number; its input are the feature maps of the "
        "layers that it reads. The options for the last layer then apply to this one.  [default: 1]",
        options.FILTERS,
        parsers.layer,
        parsers.complete_layers,
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
        "A .gif, .webp or .png (animated); - for standard output. {stem}, {name} (with ending), {ext} "
        "and {filters} stand for the names of image and filters.  [default: {stem}.{filters}.gif]",
        options.OUTPUT,
    ),
]
Format = Annotated[
    str | None,
    option("--format ENDING", "gif, webp or png, if the output's name has no ending.", options.OUTPUT),
]
LayoutName = Literal["planes", "equation"]
LayoutOption = Annotated[
    LayoutName | None,
    option(
        "--layout",
        "planes: tilted planes, the input in blue below, the output in green above; equation: input × kernel = "
        "output, in gray.  [default: planes; equation with --numbers]",
        ANIMATION,
    ),
]
Numbers = Annotated[
    bool, option("--numbers", "Write pixels, weights, products and their sum into the cells.", ANIMATION)
]
Fps = Annotated[
    float | None,
    option(
        "--fps X",
        "Frames per second; constant regions pass faster.  [default: 2 with --numbers; else 5 to 25, by the number of "
        "positions]",
        ANIMATION,
        parsers.fps,
    ),
]
Steps = Annotated[
    int | None,
    option(
        "--steps N",
        "Show all positions in N frames, several per frame. By default one per frame, apart from constant regions.",
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
    page: options.Page = None,
    pool: options.Pooling = None,
    only: Only = None,
    layer: Layer = None,
    region: RegionOption = None,
    size: Size = None,
    threads: options.Threads = None,
    output: Output = None,
    format: Format = None,
    open: options.Open = False,
    layout: LayoutOption = None,
    numbers: Numbers = False,
    fps: Fps = None,
    steps: Steps = None,
    scale: Scale = None,
    scale_options: options.ScaleOptions = DEFAULT_SCALE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Animate how filters slide over an image.

    The window of the filters slides over the input, and the feature maps fill
    position by position; then the window of the pooling, if there is any.

    \b
      cnnfx animate digit.png --filters edges
      cnnfx animate digit.png -f edges --only top --numbers -o slide.gif
      cnnfx animate digit.png -f sobel --stride 2 --padding 1 -o slide.webp
      cnnfx animate digit.png -f edges --only left --pool max:2
      cnnfx animate photo.png -f edges --region 200,80,24,24
      cnnfx animate digit.png -f model.npz --only 3 --layer 1
      cnnfx animate photo.png -f squeezenet --layer fire2/expand3x3 --only 6
    """
    from cnnfx.cli.advice import advised_note
    from cnnfx.cli.conflicts import check_targets, image_files, option_files
    from cnnfx.cli.inputs import InputImage, check_no_networks
    from cnnfx.cli.networks import chosen_channels, note_unused_reading, requested_network, use_threads
    from cnnfx.cli.outputs import animation_target
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.explain import channel_strengths
    from cnnfx.pipeline.notes import nonfinite_notes
    from cnnfx.render.sliding.layouts import make_layout
    from cnnfx.render.sliding.positions import sliding_window
    from cnnfx.render.sliding.scales import input_scale
    from cnnfx.render.sliding.schedule import default_fps, schedule
    from cnnfx.render.text import notes_on_escapes

    color_scale = scale_options.color_scale()
    layout_name = _layout_name(layout, numbers, color_scale)
    use_threads(threads)
    check_no_networks([image], network_options)
    if not quiet:
        note_unused_reading(network_options.specs)
    network = requested_network(network_options, pool, layer or 1)
    number = len(network.layers)
    source = InputImage(image, page=page)
    target = animation_target(source, output, format, network.name)
    check_targets([target], image_files([source], [image]), option_files(network_options))
    if as_json and target.path is None:
        raise UsageError("--json and the animation cannot both go to standard output. Give -o FILE.")
    if open:
        from cnnfx.cli.viewer import check_can_be_opened, open_file

        check_can_be_opened(target)
    _check_filters(network)
    pipeline = image_options.pipeline(network)
    max_side = size or (DEFAULT_MAX_SIDE_WITH_NUMBERS if numbers else DEFAULT_MAX_SIDE)
    shown, image_notes = _load(pipeline, source, region, max_side, size is None)
    maps = pipeline.feature_maps(shown)[0][1]
    if only is None and maps.shape[0] > MAX_DEFAULT_CHANNELS:
        only = ["top:1"]
        image_notes.append(_strongest_note(network, maps))
    strengths = partial(channel_strengths, maps)
    chosen = chosen_channels(only, maps.names, network.layer_owner(), strengths=strengths)
    sliding = sliding_window(maps, shown.channel_names, chosen)
    _check_count(shown, sliding, steps)
    fps = fps or default_fps(sliding, numbers)
    frames = schedule(sliding, fps, steps)
    cell, cell_notes = _cell_size(sliding, scale, layout_name, numbers)
    _check_size(shown, sliding, cell, len(frames))
    drawn = make_layout(layout_name, sliding, input_scale(shown, sliding), color_scale, cell, numbers, len(frames))
    written = _write(target, drawn, frames, fps)
    names = [*(channel.name for channel in sliding.channels), *sliding.input_names]
    nonfinite = nonfinite_notes(target.name, [(number, sliding.maps.select(chosen))])
    notes = [*image_notes, *cell_notes, *nonfinite, *notes_on_escapes(target.name, names)]
    if as_json:
        print_json(
            {
                "input": source.label,
                **source.page_data,
                "filters": network.name,
                "layer": number,
                **({"layer_name": network.layers[-1].name} if network.layers[-1].name else {}),
                "layout": layout_name,
                **_described(sliding),
                **written,
                "notes": notes,
            }
        )
    if not quiet:
        for note in notes:
            print_message(advised_note(note))
        if target.path is not None and not as_json:
            print_message(_summary(written))
    if open and target.path is not None:
        open_file(target.path)


def _layout_name(layout: LayoutName | None, numbers: bool, color_scale: ColorScale) -> LayoutName:
    """Return the layout to draw.

    Raises
    ------
    UsageError
        If an option has no effect in it.
    """
    from cnnfx.errors import UsageError

    name = layout or ("equation" if numbers else "planes")
    if name == "planes":
        if numbers:
            raise UsageError("--layout planes has no numbers. Leave out --numbers, or use --layout equation.")
        if color_scale.colormap != "gray":
            raise UsageError(
                f"--colormap {color_scale.colormap} has no effect on planes, where the output is green. Add --layout "
                "equation, or leave it out."
            )
    return name


def _check_filters(network: Network) -> None:
    """Raise UsageError if the last layer has no filters."""
    from cnnfx.cli.networks import no_filters_text
    from cnnfx.errors import UsageError

    if network.layers[-1].conv is None:
        raise UsageError(f"{no_filters_text(network)} An animation shows filters: choose a layer that has some.")


def _strongest_note(network: Network, maps: FeatureMaps) -> str:
    strongest = max(range(maps.shape[0]), key=[high for _, high in maps.signal_ranges].__getitem__)
    title = network.layer_title(len(network.layers))
    return (
        f"{title} has {maps.shape[0]} channels; the one with the strongest response is shown: {maps.names[strongest]}. "
        "--only chooses others, such as top:4."
    )


def _load(
    pipeline: Pipeline, source: InputImage, region: Region | None, max_side: int, may_be_larger: bool
) -> tuple[Image, list[str]]:
    """Return the image, cropped and shrunk to `max_side`, and notes about it.

    It `may_be_larger` in a deep layer, whose input is what is drawn.
    """
    from cnnfx.images.image import crop, shrink_to_side

    image = pipeline.load(source.source, source.page)
    cropped = crop(image, *region) if region else image
    if may_be_larger:
        max_side = _suitable_side(pipeline.network, cropped, max_side)
    shown = shrink_to_side(cropped, max_side)
    notes = list(image.notes)
    if shown is not cropped:
        old, new = (size_text(each.shape[1:]) for each in (cropped, shown))
        notes.append(
            f"{image.name}: shrunk from {old} to {new} pixels, so that each can be seen. --region X,Y,W,H shows a "
            "part in full size, --size N shrinks less."
        )
    return shown, notes


def _suitable_side(network: Network, image: Image, side: int) -> int:
    """Return the side to which an image is shrunk so that the input of the last layer has about this side.

    The image is not shrunk to less than the network takes. A chain reads small images, which stay as they are.
    """
    from cnnfx.nn.receptive_field import receptive_field

    _, height, width = image.shape
    smallest = network.smallest_size(image.shape[0])
    if smallest is not None:
        side = max(side, math.ceil(max(height, width) * max(smallest[0] / height, smallest[1] / width)))
    source = network.sources(len(network.layers))[0]
    if network.is_chain or source == 0:
        return side
    fitting = (image.shape[0], *(smallest or (height, width)))
    return side * min(max(receptive_field(network, fitting, source).stride), MAX_STRIDE)


def _check_count(image: Image, sliding: SlidingWindow, steps: int | None) -> None:
    """Raise UsageError if there are more than `MAX_FRAMES` frames."""
    from cnnfx.errors import UsageError

    total = math.prod(sliding.output_size) + math.prod(sliding.pooled_size)
    if min(steps or total, total) > MAX_FRAMES:
        pooling = f" and {_grid_text(sliding.pooled_size)} of the pooling" if sliding.pool else ""
        count = f"{_grid_text(sliding.output_size)} positions{pooling}"
        raise UsageError(
            f"{image.name}: the filter has {count} on {size_text(image.shape[1:])} pixels; {MAX_FRAMES} frames are "
            f"the most. Crop the image with --region X,Y,W,H, shrink it with --size {DEFAULT_MAX_SIDE}, or show them "
            "in fewer frames with --steps 300."
        )


def _grid_text(size: tuple[int, int]) -> str:
    return f"{size_text(size)} = {math.prod(size)}"


def _cell_size(sliding: SlidingWindow, scale: int | None, layout: LayoutName, numbers: bool) -> tuple[int, list[str]]:
    """Return the side of a cell in pixels, and notes about it."""
    from cnnfx.render.sliding.layouts import smallest_cell, suitable_cell

    if scale is None:
        return suitable_cell(layout, sliding, numbers), []
    smallest = smallest_cell(sliding, numbers)
    if scale < smallest:
        return smallest, [f"--scale {scale} is too small for numbers: each pixel is drawn as {smallest}×{smallest}."]
    return scale, []


def _check_size(image: Image, sliding: SlidingWindow, cell: int, frames: int) -> None:
    """Raise UsageError if the frames together have more than `MAX_ANIMATION_PIXELS` pixels."""
    from cnnfx.errors import UsageError

    drawn = len(sliding.read_inputs(MAX_DRAWN_INPUTS))
    cells = drawn * math.prod(sliding.padded_size) + len(sliding.channels) * math.prod(sliding.output_size)
    if cells * cell**2 * frames > MAX_ANIMATION_PIXELS:
        raise UsageError(
            f"{image.name}: {frames} frames of {cells} cells of {cell}×{cell} pixels are too large an animation. Show "
            "fewer filters with --only LIST, a smaller image with --size, smaller cells with --scale, or fewer "
            "frames with --steps."
        )


def _write(target: Target, layout: Layout, frames: Sequence[Frame], fps: float) -> dict[str, Any]:
    """Write the animation, and describe it, ready for JSON."""
    from cnnfx.render.animation import frame_duration, write_animation

    height, width = layout.shape
    durations = [frame.milliseconds for frame in frames]
    pictures = layout.frames([frame.position for frame in frames])
    with target.open() as file:
        write_animation(file, target.name, pictures, durations, target.format, layout.palette.colors)
    return {
        "output": target.name, "format": target.format, "frames": len(durations), "width": width, "height": height,
        "fps": 1000 / frame_duration(fps), "seconds": sum(durations) / 1000,
    }  # fmt: skip


def _described(sliding: SlidingWindow) -> dict[str, Any]:
    _, height, width = sliding.inputs.shape
    rows, columns = sliding.output_size
    return {
        "channels": [channel.name for channel in sliding.channels],
        "input_size": [width, height],
        "positions": [columns, rows],
        "pooled_positions": list(reversed(sliding.pooled_size)) if sliding.pool else None,
    }


def _summary(written: dict[str, Any]) -> str:
    size = f"{written['width']}×{written['height']}"
    return f"{written['output']}: {counted(written['frames'], 'frame')} of {size}, {written['seconds']:.3g} s"
