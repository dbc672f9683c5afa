"""The commands that write files, with small inputs on which each takes a moment, and what complete outputs are."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageSequence

from tests.cli.commands import SEVEN, done
from tests.faults.mirror import COMMAND_WITH_MIRROR

OLD = b"the output of an earlier run"
"""The content that output files have before a command runs."""
SIDE = 300
"""The width and height of the image, in pixels, that `apply` gets."""
IMAGES = 8
"""The number of images in the folder."""


@dataclass(frozen=True)
class Case:
    """A command that writes files.

    Parameters
    ----------
    name : str
    args : tuple of str
        The command line.
    outputs : tuple of str
        The files that it writes.
    varies : tuple of str
        Those whose content differs from run to run, or is written in several steps: they are read to see whether they
        are complete.
    appended : tuple of str
        Files that are written line by line, and need not be complete.
    program : tuple of str, optional
        What runs the command line, if not `python -m cnnfx`.
    """

    name: str
    args: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()
    appended: tuple[str, ...] = ()
    program: tuple[str, ...] | None = None


CHANNELS = ("top", "left", "bottom", "right")
APPLY = ("apply", "a.png", "-f", "edges", "-q", "-o")
TRAIN = ("train", "--widths", "4", "--batch-size", "4", "-q")
CASES = (
    Case("apply, picture", (*APPLY, "out/a.png"), ("a.png",)),
    Case("apply, arrays", (*APPLY, "out/a.npz"), ("a.npz",)),
    Case("apply, page", ("apply", "small.png", "-f", "edges", "-q", "-o", "out/a.html"), ("a.html",)),
    Case("apply, folder", (*APPLY, "out/"), tuple(f"a.{name}.png" for name in CHANNELS)),
    Case(
        "apply, two processes",
        ("apply", "photos", "-f", "edges", "-q", "--jobs", "2", "-o", "out/{stem}.png"),
        tuple(f"{number}.png" for number in range(IMAGES)),
    ),
    Case("animate", ("animate", "small.png", "-f", "edges", "--size", "9", "-q", "-o", "out/a.gif"), ("a.gif",)),
    Case("show-filters", ("show-filters", "squeezenet", "--layer", "conv1", "-q", "-o", "out/a.png"), ("a.png",)),
    Case(
        "show-patterns",
        ("show-patterns", "edges", "--data", "photos", "--method", "patches", "-q", "-o", "out/a.png"),
        ("a.png",),
    ),
    Case(
        "train",
        (*TRAIN, "--data", "classes", "--epochs", "4", "-o", "out/m.npz", "--log", "out/run.jsonl", "--curve",
         "out/curve.png", "--filmstrip", "out/strip.gif"),
        ("m.npz", "curve.png", "strip.gif"),
        varies=("m.npz", "curve.png", "strip.gif"),
        appended=("run.jsonl",),
    ),
    Case(
        "train, resumed",
        (*TRAIN[:1], "-q", "--resume", "resumed/m.npz", "--data", "classes", "-o", "out/m.npz"),
        ("m.npz",),
        varies=("m.npz",),
    ),
    Case(
        "train, download",
        ("train", "--data", "mnist", "--widths", "2", "--epochs", "1", "-q", "-o", "out/m.npz"),
        ("m.npz",),
        varies=("m.npz",),
        program=COMMAND_WITH_MIRROR,
    ),
    Case(
        "evaluate",
        ("evaluate", "m.npz", "--data", "mixed", "-q", "-o", "out/a.png", "--mistakes", "out/b.png"),
        ("a.png", "b.png"),
    ),
    Case("predict", ("predict", "photos", "-m", "m.npz", "-q", "-o", "out/", "--format", "png"),
         tuple(f"{number}.evidence.png" for number in range(IMAGES))),
    Case("list-filters", ("list-filters", "--json")),
)  # fmt: skip
"""All commands that write files, in each of the ways in which they write, and one that only prints."""


def prepare(folder: Path) -> None:
    """Write the inputs of all commands into a folder, and the folder `out` for their outputs."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (SIDE, SIDE), np.uint8)
    PIL.Image.fromarray(pixels).save(folder / "a.png")
    shutil.copy(SEVEN, folder / "small.png")
    for name in ("photos", "out", "resumed"):
        (folder / name).mkdir()
    for number in range(IMAGES):
        PIL.Image.fromarray(rng.integers(0, 256, (60, 60), np.uint8)).save(folder / "photos" / f"{number}.png")
    for value, name in enumerate(("dark", "light")):
        (folder / "classes" / name).mkdir(parents=True)
        for number in range(6):
            image = rng.integers(100 * value, 100 * value + 90, (28, 28), np.uint8)
            PIL.Image.fromarray(image).save(folder / "classes" / name / f"{number}.png")
    shutil.copytree(folder / "classes", folder / "mixed")
    for number in range(6):  # half of the images are in the folder of the other class
        dark, light = (folder / "mixed" / name / f"{number}.png" for name in ("dark", "light"))
        if number % 2:
            dark.rename(folder / "swap.png")
            light.rename(dark)
            (folder / "swap.png").rename(light)
    train = ("train", "--data", folder / "classes", "--widths", "4", "--batch-size", "4", "-q", "--epochs")
    done(*train, "1", "-o", folder / "m.npz")
    _write_half_a_run(folder)


def _write_half_a_run(folder: Path) -> None:
    """Write the model of a run of which one of four epochs is done."""
    from cnnfx.datasets import load_dataset
    from cnnfx.formats.arch import default_arch
    from cnnfx.training import EpochReport, TrainingSettings
    from cnnfx.training.train import start_run

    settings = TrainingSettings(epochs=4, batch_size=4)
    trainer = start_run(default_arch((4,), None), load_dataset(str(folder / "classes")), settings, limit_batch=False)
    next(report for report in trainer.run() if isinstance(report, EpochReport))
    trainer.save(folder / "resumed" / "m.npz")


def read_output(path: Path) -> None:
    """Read a whole output file; raises an exception if it is not complete."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            for name in arrays:
                arrays[name]
    else:
        with PIL.Image.open(path) as picture:
            for frame in PIL.ImageSequence.Iterator(picture):
                frame.load()


def check_log(path: Path) -> None:
    """Check that each whole line of a log is a JSON object."""
    for line in path.read_text().split("\n")[:-1]:
        assert isinstance(json.loads(line), dict)
