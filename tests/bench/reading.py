"""Benchmark of reading: time and largest memory of commands that show the first layer of a large file.

    python tests/bench/reading.py                 files of safetensors, PyTorch (both containers), NumPy and HDF5
    python tests/bench/reading.py --runs 9        more runs; the median is printed
    python tests/bench/reading.py --against PATH  start-up times against another checkout, in turns

Each file has a first layer of 64 filters of 3×7×7, and four large layers with which it has 100 MB, those of PyTorch
45 MB. The command is `cnnfx show-filters FILE --layer features.0`, from the start of the process to its end, with the
file in the cache of the system. Memory is the largest resident size of the process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from apply import ENVIRONMENT, ROOT

sys.path.insert(0, str(ROOT))

from tests.fuzz.hdf5_files import hdf5_file  # after the path of the checkout
from tests.fuzz.pytorch_files import StoredTensor, legacy_file, zip_file
from tests.fuzz.safetensors_files import safetensors_file

FIRST = "features.0"


def weights(megabytes: int) -> dict[str, np.ndarray]:
    """Return a first layer and four others of a total size."""
    random = np.random.default_rng(0)
    found = {f"{FIRST}.weight": random.standard_normal((64, 3, 7, 7), np.float32), f"{FIRST}.bias": np.zeros(64, "f4")}
    count = megabytes * 1_000_000 // 4 // 4 // 9 // 512
    for number in range(1, 5):
        found[f"features.{number}.weight"] = random.standard_normal((count, 512, 3, 3), np.float32)
    return found


def write_files(folder: Path) -> None:
    """Write a file of each format."""
    large, small = weights(100), weights(45)
    stored = {name: StoredTensor(array) for name, array in small.items()}
    np.savez(folder / "arrays.npz", **large)
    (folder / "model.safetensors").write_bytes(safetensors_file(large, {"format": "pt"}))
    (folder / "zip.pth").write_bytes(zip_file(stored))
    (folder / "legacy.pth").write_bytes(legacy_file(stored))
    write = hdf5_file(lambda file: [file.create_dataset(name, data=array) for name, array in large.items()])
    (folder / "arrays.h5").write_bytes(write)


class Usage(NamedTuple):
    """What a command takes: seconds, seconds of the processor, and the largest memory in bytes."""

    seconds: float
    cpu: float
    memory: int


def measure(args: Sequence[str], checkout: Path = ROOT) -> Usage:
    """Run a command of a checkout."""
    command = [sys.executable, "-m", "cnnfx", *args]
    begin = time.perf_counter()
    environment = {**ENVIRONMENT, "PYTHONPATH": str(checkout)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Usage(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, memory)


def compare_starts(other: Path, folder: Path, runs: int) -> None:
    """Print the median start-up times of two checkouts, measured in turns, and their ratio."""
    seven = str(ROOT / "samples" / "seven.png")
    commands = {
        "--help": ["--help"],
        "list-filters": ["list-filters"],
        "apply to 28×28": ["apply", seven, "-f", "edges", "-o", str(folder / "edges.png")],
    }
    for title, args in commands.items():
        measure(args), measure(args, other)
        pairs = [(measure(args), measure(args, other)) for _ in range(runs)]
        own, theirs = (statistics.median(usage.cpu for usage in side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(mine.cpu / others.cpu for mine, others in pairs)
        print(f"{title:<16} {own:6.3f} s of the processor, the other {theirs:6.3f} s, ratio {ratio:.3f}", flush=True)


def main() -> None:
    """Write the files and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="PATH")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="only write the files")
    args = parser.parse_args()
    if args.write:
        write_files(args.write)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.against:
            compare_starts(args.against, folder, args.runs)
            return
        # The memory of this process would count as that of the commands.
        subprocess.run([sys.executable, __file__, "--write", name], check=True)
        for path in sorted(folder.iterdir()):
            show = ["show-filters", str(path), "--layer", FIRST, "-o", str(folder / "filters.png")]
            measure(show)
            found = [measure(show) for _ in range(args.runs)]
            seconds, cpu = (statistics.median(usage[index] for usage in found) for index in (0, 1))
            memory, size = (max(usage.memory for usage in found) / 1e6, path.stat().st_size / 1e6)
            print(
                f"{path.name:<18} {size:4.0f} MB: {seconds:.3f} s, {cpu:.3f} s of the processor, {memory:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
