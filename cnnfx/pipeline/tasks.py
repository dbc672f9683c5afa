"""The work on one image, as a value that can be sent to another process, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cnnfx.errors import CnnfxError
from cnnfx.pipeline.outputs import Written, write
from cnnfx.pipeline.pipeline import Pipeline
from cnnfx.pipeline.targets import Target, layer_names
from cnnfx.render.feature_grid import GridOptions


@dataclass(frozen=True, eq=False)
class Recipe:
    """What is done to every image alike.

    Parameters
    ----------
    work : Pipeline
    grid_options : GridOptions
    described : bool
        Whether the channels are to be described in numbers.
    skip_existing : bool
        Whether nothing is done where the output is there already.
    """

    work: Pipeline
    grid_options: GridOptions
    described: bool = False
    skip_existing: bool = False


@dataclass(frozen=True, eq=False)
class Task:
    """One image to work on.

    Parameters
    ----------
    source : str
        What the image is called: its path as given, or `-`.
    goal : Target
        Where its feature maps go.
    content : bytes, optional
        The image itself, where it is in no file.
    path : str, optional
        Where the image is, if not at `source`.
    """

    source: str
    goal: Target
    content: bytes | None = None
    path: str | None = None


class Outcome(NamedTuple):
    """What came of a task.

    Parameters
    ----------
    source : str
        The task's.
    talk : tuple of str
        What to tell the user: what was lost in reading, and what was written.
    results : tuple of dict
        A description of each output, ready for JSON, if the task asked for it.
    error : CnnfxError, optional
        Why it failed.
    """

    source: str
    talk: tuple[str, ...] = ()
    results: tuple[dict[str, Any], ...] = ()
    error: CnnfxError | None = None


Show = Callable[[list[Written]], None]
"""What shows an output to the user at once, where that is possible."""


def perform(recipe: Recipe, task: Task, show: Show | None = None) -> Outcome:
    """Do the work; an error of ours becomes the outcome's."""
    try:
        return _done(recipe, task, show)
    except CnnfxError as error:
        return Outcome(task.source, error=error)
    except MemoryError:
        told = f"{task.source}: there is not enough memory for it. Try a smaller image, or fewer filters at a time."
        return Outcome(task.source, error=CnnfxError(told))


def in_turn(recipe: Recipe, tasks: Iterable[Task], show: Show | None = None) -> Generator[Outcome, None, None]:
    """Do the tasks one by one in this process."""
    return (perform(recipe, task, show) for task in tasks)


def killer_message(source: str) -> CnnfxError:
    """What to say of an image that ends the process that works on it."""
    return CnnfxError(
        f"{source}: it ends the process that works on it. The file may be damaged, or too large for the memory. "
        "Get the file again, or make it smaller."
    )


def _done(recipe: Recipe, task: Task, show: Show | None) -> Outcome:
    if recipe.skip_existing and _is_written(task, recipe.work.names()):
        return _passed_over(task)
    image = recipe.work.load(task.content if task.content is not None else task.path or task.source)
    image = replace(image, name=task.source) if task.path else image
    layers = recipe.work.maps(image)
    if recipe.skip_existing and _is_written(task, [(number, maps.names) for number, maps in layers]):
        return _passed_over(task)
    written = write(task.goal, image, layers, recipe.grid_options)
    if show is not None:
        show(written)
    results = tuple(_described(task.source, output) for output in written) if recipe.described else ()
    talk = () if recipe.described or task.goal.path is None else (_summary(written), *_empty(written))
    notes = [note for output in written for note in output.notes]
    return Outcome(task.source, (*image.notes, *notes, *talk), results)


def _passed_over(task: Task) -> Outcome:
    return Outcome(task.source, (f"{task.source}: its output is there already.",))


def _is_written(task: Task, layers: Sequence[tuple[int, Sequence[str]]] | None) -> bool:
    """Whether every file that the task would write is there; files are written whole or not at all."""
    if layers is None and task.goal.folder:
        return False
    files = task.goal.files(layer_names(layers or []))
    return bool(files) and all(file.is_file() for file in files)


def _summary(written: list[Written]) -> str:
    outputs = dict.fromkeys(output.output for output in written)
    layers = {output.layer: output.maps for output in written}
    where = written[0].output if len(outputs) == 1 else f"{len(outputs)} files, {written[0].output} the first"
    return f"{where}: {', '.join(_size(*maps.shape) for maps in layers.values())}"


def _empty(written: list[Written]) -> Iterator[str]:
    """Tells of maps that hold nothing, which look as if something had gone wrong."""
    for layer, maps in {output.layer: output.maps for output in written}.items():
        if maps.network.layers[-1].activation.kind != "relu" or "statistics" not in vars(maps):
            continue  # numbers are written without a look at them
        empty = sum(channel.range == (0, 0) for channel in maps.statistics)
        if empty:
            verb = "is" if empty == 1 else "are"
            yield (
                f"{empty} of {len(maps.statistics)} maps {verb} 0 everywhere: ReLU let nothing pass. "
                f"--layer {layer} --activation none shows what it takes away."
            )


def _size(channels: int, height: int, width: int) -> str:
    return f"{channels} channel{'s' * (channels > 1)} of {width}×{height}"


def _described(source: str, written: Written) -> dict[str, Any]:
    channels = [_channel(written, index) for index in written.channels]
    return {"input": source, "output": written.output, "layer": written.layer, "channels": channels}


def _channel(written: Written, index: int) -> dict[str, Any]:
    values = written.maps.statistics[index]
    low, high = values.range if values.count else (None, None)
    return {
        "name": written.maps.names[index],
        "shape": list(written.maps.shape[1:]),
        "min": low,
        "max": high,
        "mean": values.mean,
        "peak": values.peak and list(values.peak),
        "nonfinite": values.nonfinite,
    }
