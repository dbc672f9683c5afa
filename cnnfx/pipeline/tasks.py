"""The task and the result of one image, which can be sent to another process, and the processor between them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfx.errors import CnnfxError
from cnnfx.pipeline.outputs import Written, write
from cnnfx.pipeline.pipeline import Pipeline
from cnnfx.pipeline.targets import Target, layer_label, layer_names
from cnnfx.render.feature_grid import GridOptions
from cnnfx.system.sizes import counted, shape_text

if TYPE_CHECKING:
    from cnnfx.nn.feature_maps import FeatureMaps
    from cnnfx.render.overlay import FramedPeak, OverlayOptions


MAX_LISTED_LAYERS = 6
"""With more layers, messages do not list each."""


@dataclass(frozen=True, eq=False)
class Task:
    """One image to process.

    Parameters
    ----------
    source : str
        The name of the image: its path as given, or `-`.
    target : Target
        Where its feature maps are written.
    content : bytes, optional
        The image itself, where it is not in a file.
    path : str, optional
        Where the image is, if not at `source`.
    page : int, optional
        The page of a file with several; see `cnnfx.load_image`.
    """

    source: str
    target: Target
    content: bytes | None = None
    path: str | None = None
    page: int | None = None


class Result(NamedTuple):
    """The result of a task.

    Parameters
    ----------
    source : str
        The name of the image.
    notes : tuple of str
        Messages for the user: what was lost in reading, and what was written.
    outputs : tuple of dict
        A description of each output, ready for JSON, if `Processor.describe` is set.
    error : CnnfxError, optional
        Why the task failed.
    """

    source: str
    notes: tuple[str, ...] = ()
    outputs: tuple[dict[str, Any], ...] = ()
    error: CnnfxError | None = None


ShowOutput = Callable[[list[Written]], None]
"""Shows feature maps that were written, where this process has a terminal."""


@dataclass(frozen=True, eq=False)
class Processor:
    """Processes one image after the other in the same way.

    Parameters
    ----------
    pipeline : Pipeline
    grid_options : GridOptions
    describe : bool
        Whether results describe each output.
    skip_existing : bool
        Whether images whose output exists are skipped.
    overlay_options : OverlayOptions, optional
        For overlays instead of grids.
    """

    pipeline: Pipeline
    grid_options: GridOptions
    describe: bool = False
    skip_existing: bool = False
    overlay_options: OverlayOptions | None = None

    def process(self, task: Task, show: ShowOutput | None = None) -> Result:
        """Read an image, compute its feature maps and write them; an error becomes part of the result."""
        try:
            return self._process(task, show)
        except CnnfxError as error:
            return Result(task.source, error=error)
        except MemoryError:
            message = f"{task.source}: there is not enough memory. Try a smaller image, or fewer filters at a time."
            return Result(task.source, error=CnnfxError(message))

    def _process(self, task: Task, show: ShowOutput | None) -> Result:
        if self.skip_existing and self._is_written(task, self.pipeline.channel_names()):
            return _skipped(task)
        source = task.content if task.content is not None else task.path or task.source
        image, layers = self.pipeline.run(source, task.page)
        if task.path:
            image = replace(image, name=task.source + image.name.removeprefix(task.path))
        if self.skip_existing and self._is_written(task, [(number, maps.names) for number, maps in layers]):
            return _skipped(task)
        written = write(task.target, image, layers, self.grid_options, self.overlay_options, self.pipeline.network)
        if show is not None:
            show(written)
        notes = [*image.notes, *(note for output in written for note in output.notes)]
        if self.describe:
            described = tuple(_described(task, output, image.notes) for output in written)
            return Result(task.source, tuple(notes), described)
        if task.target.path is not None:
            notes += [_summary(written), *_notes_on_zero_maps(written)]
        return Result(task.source, tuple(notes))

    def _is_written(self, task: Task, layers: Sequence[tuple[int, Sequence[str]]] | None) -> bool:
        """Return whether every file of a task exists; files are written completely or not at all."""
        if layers is None and task.target.folder:
            return False
        network = self.pipeline.network
        labeled = [(layer_label(network.layers[number - 1].name, number), names) for number, names in layers or []]
        files = task.target.files(layer_names(labeled))
        return bool(files) and all(map(os.path.isfile, files))


def process_serially(
    processor: Processor, tasks: Iterable[Task], show: ShowOutput | None = None
) -> Generator[Result, None, None]:
    """Process the tasks one after the other in this process."""
    return (processor.process(task, show) for task in tasks)


def worker_killed(source: str) -> CnnfxError:
    """Return the error of an image that makes worker processes die, also when it is the only one in work."""
    return CnnfxError(
        f"{source}: it crashes the process that works on it. The file may be damaged, or too large for the memory. "
        "Get the file again, or make it smaller."
    )


def _skipped(task: Task) -> Result:
    return Result(task.source, (f"{task.source}: its output exists already.",))


def _summary(written: list[Written]) -> str:
    """The files that were written, and the sizes of their feature maps."""
    files = dict.fromkeys(output.output for output in written)
    layers = {output.layer: output.maps for output in written}
    first = written[0].output
    name = first if len(files) == 1 else f"{len(files)} files, {first} the first"
    shapes = [shape_text(maps.shape) for maps in layers.values()]
    listed = ", ".join(shapes)
    if len(shapes) > MAX_LISTED_LAYERS:
        listed = f"{len(shapes)} layers, {shapes[0]} to {shapes[-1]}"
    if written[0].peaks is not None:
        count = sum(len(output.peaks or ()) for output in written)
        return f"{name}: {counted(count, 'peak')} in {listed}"
    return f"{name}: {listed}"


def _notes_on_zero_maps(written: list[Written]) -> Iterator[str]:
    """Explain maps that are 0 everywhere, which look like a fault."""
    zero: list[tuple[str, int, int]] = []
    for layer, maps in {output.layer: output.maps for output in written}.items():
        if maps.network.layers[-1].activation.kind != "relu" or "statistics" not in vars(maps):
            continue  # arrays are written without statistics
        count = sum(channel.range == (0, 0) and not channel.nonfinite for channel in maps.statistics)
        zero += [(_title(maps, layer), count, len(maps.statistics))] if count else []
    if len(zero) > MAX_LISTED_LAYERS:
        count = sum(count for _, count, _ in zero)
        yield f"{count} maps of {len(zero)} layers are 0 everywhere: ReLU set all values to 0."
        return
    for title, count, total in zero:
        verb = "is" if count == 1 else "are"
        yield (
            f"{count} of {total} maps {verb} 0 everywhere: ReLU set all values to 0. "
            f"With the activation none, {title} shows the values before."
        )


def _title(maps: FeatureMaps, layer: int) -> str:
    return maps.network.layers[-1].name or f"layer {layer}"


def _described(task: Task, written: Written, image_notes: Sequence[str]) -> dict[str, Any]:
    channels = [_described_channel(written, index) for index in written.channels]
    name = written.maps.network.layers[-1].name
    named = {"layer_name": name} if name else {}
    notes = [*image_notes, *written.notes]
    return {
        "input": task.source,
        **({} if task.page is None else {"page": task.page}),
        "output": written.output,
        "layer": written.layer,
        **named,
        "channels": channels,
        "notes": notes,
    }


def _described_channel(written: Written, index: int) -> dict[str, Any]:
    name, statistics = written.maps.names[index], written.maps.statistics[index]
    low, high = statistics.range if statistics.count else (None, None)
    description: dict[str, Any] = {
        "name": name,
        "size": written.maps.shape[:0:-1],
        "min": low,
        "max": high,
        "mean": statistics.mean,
        "peak": statistics.peak and list(statistics.peak),
        "nonfinite": statistics.nonfinite,
        "nan": statistics.nan,
        "rounding_error": _rounding_error(written, index),
    }
    if written.peaks is not None:
        description["peaks"] = [_described_peak(framed) for framed in written.peaks if framed.name == name]
    return description


def _rounding_error(written: Written, index: int) -> float | None:
    """Return the bound of the rounding errors of a channel; None if weights that are not finite leave none."""
    error = written.maps.rounding_errors[index]
    return error if math.isfinite(error) else None


def _described_peak(framed: FramedPeak) -> dict[str, Any]:
    peak, field = framed.peak, framed.field
    box = {"left": field.left, "top": field.top, "right": field.right, "bottom": field.bottom}
    return {"x": peak.column, "y": peak.row, "value": peak.value, "receptive_field": box}
