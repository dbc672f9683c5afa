"""The work on one image, as a value that can be sent to another process, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.outputs import Written, write
from cnnfx.pipeline import Layout, Pipeline
from cnnfx.target import Target, layer_names


@dataclass(frozen=True)
class Task:
    """One image to work on.

    Parameters
    ----------
    source : str
        What the image is called in messages: its path, or `-`.
    goal : Target
        Where its feature maps go.
    work : Pipeline
    layout : Layout
    described : bool
        Whether its channels are to be described in numbers.
    skip_existing : bool
        Whether nothing is done where the output is there already.
    content : bytes, optional
        The image itself, where `source` is no path.
    """

    source: str
    goal: Target
    work: Pipeline
    layout: Layout
    described: bool = False
    skip_existing: bool = False
    content: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Parameters
    ----------
    source : str
        The task's.
    talk : tuple of str
        What to tell the user: what was lost in reading, and what was written.
    results : tuple of dict
        A description of each output, ready for JSON, if the task asked for it.
    error : str, optional
        Why it failed.
    exit_code : int
    """

    source: str
    talk: tuple[str, ...] = ()
    results: tuple[dict[str, Any], ...] = ()
    error: str | None = None
    exit_code: int = 0


Show = Callable[[list[Written]], None]
"""What shows an output to the user at once, where that is possible."""


def perform(task: Task, show: Show | None = None) -> Outcome:
    """Do the work; an error of ours becomes the outcome's."""
    try:
        if task.skip_existing and _is_done(task, task.work.names()):
            return Outcome(task.source, (f"{task.source}: its output is there already.",))
        image = task.work.load(task.source if task.content is None else task.content)
        layers = task.work.maps(image)
        if task.skip_existing and _is_done(task, [(number, maps.names) for number, maps in layers]):
            return Outcome(task.source, (f"{task.source}: its output is there already.",))
        written = write(task.goal, image, layers, task.layout)
        if show is not None:
            show(written)
        return _told(task, image, written)
    except CnnfxError as error:
        return Outcome(task.source, error=str(error), exit_code=error.exit_code)


def in_turn(tasks: Iterable[Task], show: Show | None = None) -> Iterator[Outcome]:
    """Do the tasks one by one in this process."""
    return (perform(task, show) for task in tasks)


def _is_done(task: Task, layers: Sequence[tuple[int, Sequence[str]]] | None) -> bool:
    """Whether every file that the task would write is there; files are written whole or not at all."""
    if layers is None and task.goal.folder:
        return False
    files = task.goal.files(layer_names(layers or []))
    return bool(files) and all(file.is_file() for file in files)


def _told(task: Task, image: Image, written: list[Written]) -> Outcome:
    """The outcome of a task that has written something."""
    results = tuple(_described(task.source, output) for output in written) if task.described else ()
    talk = () if task.described or task.goal.path is None else (_summary(written),)
    return Outcome(task.source, (*image.notes, *talk), results)


def _summary(written: list[Written]) -> str:
    outputs = dict.fromkeys(output.output for output in written)
    layers = {output.layer: output.maps for output in written}
    where = written[0].output if len(outputs) == 1 else f"{len(outputs)} files, {written[0].output} the first"
    return f"{where}: {', '.join(_size(*maps.shape) for maps in layers.values())}"


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
