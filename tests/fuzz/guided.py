"""Fuzzing guided by coverage with atheris (the extra `fuzz`), by the same mutators and checks.

atheris runs in this process: an error that a check raises, a crash or a limit ends it, and libFuzzer writes the input
as `crash-…` to the current folder. `python -m tests.fuzz TARGET --replay FILE` runs it again. Inputs that reach new
code are kept in `fuzz-corpus/TARGET/`, from which a later run goes on.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random

FOLDER = Path("fuzz-corpus")


def run_atheris(name: str, runs: int | None, seed: int) -> int:
    """Run a target until something fails, or as often as `runs`; return 1 if atheris is not installed."""
    try:
        import atheris
    except ImportError:
        print("atheris is not installed. Install the extra: pip install -e '.[fuzz]'", file=sys.stderr)
        return 1
    with atheris.instrument_imports(include=["cnnfx", "tomllib", "zipfile", "PIL", "numpy.lib"]):
        import tomllib
        import zipfile

        import PIL.Image

        from tests.fuzz.engine import Inputs, limits, watched_output
        from tests.fuzz.targets import TARGETS

    del PIL, tomllib, zipfile
    target = TARGETS[name]
    seeds = Inputs(target, seed).seeds
    corpus = (FOLDER / name).absolute()
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    folder = Path(tempfile.mkdtemp(prefix="cnnfx-fuzz-"))

    def run_one(data: bytes) -> None:
        with watched_output() as output:
            target.check(data, folder)
            printed = output()
        if printed:
            raise AssertionError(f"printed: {printed}")

    def mutate(data: bytes, max_size: int, number: int) -> bytes:
        rng = Random(number)  # noqa: S311 # inputs are no secrets
        if rng.random() < 0.2:
            return bytes(atheris.Mutate(data, max_size))
        return target.mutate(rng, data, seeds)[:max_size]

    arguments = [
        sys.argv[0],
        str(corpus),
        f"-seed={seed}",
        "-max_len=100000",
        f"-timeout={int(target.max_seconds)}",
        "-rss_limit_mb=3000",
    ]
    if runs is not None:
        arguments.append(f"-runs={runs}")
    with limits(target, memory=False):
        atheris.Setup(arguments, run_one, custom_mutator=mutate)
        atheris.Fuzz()
    return 0
