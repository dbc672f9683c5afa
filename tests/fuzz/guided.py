"""Fuzzing guided by coverage with atheris (the extra `fuzz`), by the same mutators and checks.

atheris runs in this process: an error that a check raises, a crash or a limit ends it, and libFuzzer writes the input
as `crash-…` to the current folder. `python -m tests.fuzz TARGET --replay FILE` runs it again. Inputs that reach new
code are kept in `fuzz-corpus/TARGET/`, from which a later run goes on.

Modules are instrumented when they are imported, so `python -m tests.fuzz TARGET --atheris` starts this module in a new
process: `python -m tests.fuzz.guided TARGET SEED RUNS`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path
from random import Random

FOLDER = Path("fuzz-corpus")
"""Where inputs that reach new code are kept."""
INSTRUMENTED = ("cnnfx", "tomllib", "zipfile", "gzip", "PIL", "numpy.lib")
"""The packages whose coverage guides the run."""
PACKAGES = ("cnnfx.errors", "cnnfx.system", "cnnfx.conv", "cnnfx.images", "cnnfx.nn", "cnnfx.datasets", "cnnfx.formats")
"""The packages that are imported in advance, as functions that import them later would get them uninstrumented."""


def main() -> int:
    """Run a target until something fails, or for a number of runs; return 1 if atheris is not installed."""
    name, seed, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    try:
        import atheris
    except ImportError:
        print("atheris is not installed. Install the extra: pip install -e '.[fuzz]'", file=sys.stderr)
        return 1
    with atheris.instrument_imports(include=list(INSTRUMENTED), enable_loader_override=False):
        for package in map(importlib.import_module, PACKAGES):
            for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
                importlib.import_module(f"{package.__name__}.{module.name}")
        from tests.fuzz.engine import Inputs, limits, watched_output
        from tests.fuzz.targets import TARGETS

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

    arguments = [sys.argv[0], str(corpus), f"-seed={seed}", f"-runs={runs}", "-max_len=100000"]
    arguments += [f"-timeout={int(target.max_seconds)}", "-rss_limit_mb=3000"]
    with limits(target, memory=False):
        atheris.Setup(arguments, run_one, custom_mutator=mutate)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
