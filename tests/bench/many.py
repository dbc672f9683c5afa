"""Benchmark of many images against OpenCV in a pool of as many processes: ratios of times, below 1 is faster.

    python tests/bench/many.py             200 color photographs of 512×512, and 16 of 12 megapixels

Whole commands, in turns; each ratio is the median of pairs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from apply import CNNFX, PEERS, in_turns, photo, versions


def photos(folder: Path, count: int, width: int, height: int) -> Path:
    """Make a folder with copies of a photograph."""
    folder.mkdir()
    first = photo(folder / "photo0.png", width, height)
    for number in range(1, count):
        shutil.copy(first, folder / f"photo{number}.png")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    jobs = str(given.jobs)
    print(versions())
    print(f"{'cnnfx apply photos/ -f edges --jobs ' + jobs:42}{'images/s':>9}   of OpenCV's time")
    for count, width, height in ((200, 512, 512), (16, 4000, 3000)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source = str(photos(folder / "photos", count, width, height))
            (folder / "ours").mkdir()
            (folder / "theirs").mkdir()
            ours = [*CNNFX, "apply", source, "-f", "edges", "-o", "ours/{stem}.png", "--jobs", jobs]
            theirs = [sys.executable, str(PEERS / "opencv_many.py"), source, "theirs", jobs]
            taken, ratio = in_turns(ours, theirs, folder, given.pairs)
            print(f"{count} of {width}x{height}{'':27}{count / taken:9.1f}{ratio:10.2f}", flush=True)


if __name__ == "__main__":
    main()
