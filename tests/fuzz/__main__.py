"""Fuzzing of every reader of cnnfx.

    python -m tests.fuzz --all --seconds 100 --seed 1     every target, 100 seconds in all, as CI does
    python -m tests.fuzz png --runs 100000 --seed 7       one target
    python -m tests.fuzz png --start 4711 --runs 1        the input number 4711 again
    python -m tests.fuzz png --replay FILE …              given inputs
    python -m tests.fuzz --corpus                         the inputs of tests/fuzz/corpus/
    python -m tests.fuzz png --atheris                    guided by coverage, until stopped; needs the extra `fuzz`
    python -m tests.fuzz --list                           the names of the targets

A target is a reader: of filter files, kernels, arch files, `.csv`, `.npy`, `.npz`, tensors, models, files of PyTorch,
safetensors, ONNX, HDF5 and Keras, Keras' and IDX datasets, each picture format, option values, and whole command lines.
Its inputs are seeds made in the code, and those of the corpus, with random changes that keep to the format: PNG chunks
with right checksums, TIFF tags, members of zip files, headers of `.npy` files, words of TOML, the JSON of models,
pickle opcodes, fields of messages, JPEG segments, GIF blocks, and so on.

For every input, only `CnnfxError` may leave the reader, with a message that names the input. Nothing may be printed and
no warning be given. An input has at most 100 kB and may use 1 GB of memory and 10 s of the processor. What is read must
be consistent, and the same when it is read again. A crash, as by a signal, is attributed to the input that made it.

Input N of a seed is always the same for one checkout. A failing input is made as small as is possible in 20 seconds and
written to the folder of `--failures`, with a text that says what happened. When it is mended, the small input moves to
tests/fuzz/corpus/TARGET/, which tests/fuzz/test_fuzz.py and every later run read.

Modules, in reading order: `engine` (processes, limits, reports), `mutations` (numbers, bytes, texts, lists), `texts`,
`arrays`, `models`, `pytorch_files`, `safetensors_files`, `onnx_files`, `hdf5_files`, `pictures`, `tiff`,
`picture_seeds`, `commands`, `checks` (what is promised), `networks` (the same of files of other programs), `targets`,
`minimize`, `guided` (atheris).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.fuzz.engine import Inputs, Report, Target, corpus_files, run, run_inputs
from tests.fuzz.minimize import minimize
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run the command line; return 1 if an input failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one or more of {', '.join(TARGETS)}")
    parser.add_argument("--all", action="store_true", help="run all targets")
    parser.add_argument("--list", action="store_true", help="print the names of the targets")
    parser.add_argument("--corpus", action="store_true", help="run the inputs of the corpus")
    parser.add_argument("--replay", nargs="+", type=Path, metavar="FILE", help="run these inputs")
    parser.add_argument("--runs", type=int, metavar="N", help="inputs for each target")
    parser.add_argument("--seconds", type=float, metavar="S", help="time for all targets together")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the seed of the inputs (default 1)")
    parser.add_argument("--start", type=int, default=0, metavar="N", help="the number of the first input (default 0)")
    parser.add_argument(
        "--failures",
        type=Path,
        default=Path("fuzz-failures"),
        metavar="FOLDER",
        help="where failing inputs are written",
    )
    parser.add_argument("--atheris", action="store_true", help="let atheris choose the inputs by coverage")
    args = parser.parse_args()
    if args.list:
        print(*TARGETS, sep="\n")
        return 0
    unknown = [name for name in args.targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]}; there are {', '.join(TARGETS)}")
    if args.atheris and args.targets:
        runs = -1 if args.runs is None else args.runs
        command = [sys.executable, "-m", "tests.fuzz.guided", args.targets[0], str(args.seed), str(runs)]
        os.execv(sys.executable, command)  # noqa: S606 # no shell
    targets = [TARGETS[name] for name in ((args.targets or TARGETS) if args.all or args.corpus else args.targets)]
    if not targets:
        parser.error("name a target, or give --all")
    failed = False
    for target in targets:
        if args.replay or args.corpus:
            files = args.replay or corpus_files(target.name)
            report = run_inputs(target, [path.read_bytes() for path in files])
        else:
            seconds = args.seconds / len(targets) if args.seconds else None
            if args.runs is None and seconds is None:
                parser.error("give --runs or --seconds")
            report = run(
                Inputs(target, args.seed), runs=args.runs, seconds=seconds, start=args.start, progress=_progress
            )
        print(report.line(), flush=True)
        failed |= bool(report.failures)
        _save(target, report, args.failures)
    return int(failed)


def _progress(report: Report) -> None:
    if sys.stderr.isatty():
        print(f"\r{report.line()}", end="\r", file=sys.stderr)


def _save(target: Target, report: Report, folder: Path) -> None:
    """Write each kind of failure, made small, with a text that says what happened and how to run it again."""
    for number, failure in enumerate(report.failures.values(), 1):
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{target.name}-{report.seed}-{failure.index}"
        small = minimize(target, failure)
        (folder / f"{name}{target.ending}").write_bytes(small)
        (folder / f"{name}.full{target.ending}").write_bytes(failure.data)
        again = f"python -m tests.fuzz {target.name} --replay {folder / name}{target.ending}"
        (folder / f"{name}.report").write_text(
            f"{failure.signature}\n{again}\n\n{failure.text}\n", errors="backslashreplace"
        )
        print(f"  {number}. {failure.signature}\n     {again}  ({len(small)} bytes)")


if __name__ == "__main__":
    sys.exit(main())
