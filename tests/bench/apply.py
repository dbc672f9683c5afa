"""Benchmark of `cnnfx apply` against the same job in OpenCV, ImageMagick and libvips: ratios, below 1 is faster.

    python tests/bench/apply.py            a color photograph of 512×512 and of 12 megapixels
    python tests/bench/apply.py --start    the time to start, against importing the libraries alone
    python tests/bench/apply.py --growth   time per pixel and peak memory from 1 to 100 megapixels

Whole processes, in turns; each ratio is the median of pairs. The photograph is `samples/still-life.png` enlarged, with
noise.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
CNNFX = [sys.executable, "-m", "cnnfx"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise each start compiles cnnfx, unlike an installed one

PHOTO = """
import sys
import numpy as np
import PIL.Image

source, path, width, height, mode = sys.argv[1:]
with PIL.Image.open(source) as picture:
    size = int(width), int(height)
    pixels = np.asarray(picture.convert(mode).resize(size, PIL.Image.Resampling.BICUBIC))
noise = np.random.default_rng(0).integers(-4, 5, size=pixels.shape, dtype=np.int8)
PIL.Image.fromarray(np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)).save(path, compress_level=1)
"""


def photo(path: Path, width: int, height: int, mode: str = "RGB") -> Path:
    """Make a photograph in a new process: memory that this process used counts as peak memory of its children."""
    source = str(ROOT / "samples" / "still-life.png")
    subprocess.run([sys.executable, "-c", PHOTO, source, str(path), str(width), str(height), mode], check=True)
    return path


def run(command: list[str], folder: Path) -> tuple[float, int]:
    """Return the seconds that a command takes, and its peak memory in KiB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    taken = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return taken, usage.ru_maxrss


def seconds(command: list[str], folder: Path) -> float:
    return run(command, folder)[0]


def in_turns(ours: list[str], theirs: list[str], folder: Path, pairs: int) -> tuple[float, float]:
    """Run both commands in turns; return the median of our seconds, and of the ratios of ours to theirs."""
    seconds(ours, folder), seconds(theirs, folder)
    taken = [(seconds(ours, folder), seconds(theirs, folder)) for _ in range(pairs)]
    return statistics.median(a for a, _ in taken), statistics.median(a / b for a, b in taken)


def edges(source: Path | str) -> list[str]:
    return [*CNNFX, "apply", str(source), "--filters", "edges", "-o", "grid.png"]


def peers(source: Path, grid: str) -> dict[str, list[str]]:
    found = {"OpenCV": [sys.executable, str(PEERS / "opencv_apply.py"), str(source), grid]}
    if shutil.which("convert") and shutil.which("montage"):
        found["ImageMagick"] = ["sh", str(PEERS / "imagemagick_apply.sh"), str(source), grid]
    if shutil.which("vips"):
        found["libvips"] = ["sh", str(PEERS / "libvips_apply.sh"), str(source), grid]
    return found


def compare(folder: Path, pairs: int) -> None:
    print(f"{'cnnfx apply photo.png --filters edges -o grid.png':52}{'seconds':>8}   of peer")
    for width, height in ((512, 512), (4000, 3000)):
        source = photo(folder / f"photo{width}.png", width, height)
        for peer, command in peers(source, "peer.png").items():
            taken, ratio = in_turns(edges(source), command, folder, pairs if peer == "OpenCV" or width < 1000 else 3)
            print(f"{width}x{height} against {peer:35}{taken:8.3f}{ratio:10.2f}", flush=True)


def start(folder: Path, pairs: int) -> None:
    jobs = {
        "cnnfx --help": ([*CNNFX, "--help"], "import typer, rich.console"),
        "cnnfx apply seven.png -f edges": (edges(ROOT / "samples" / "seven.png"), "import numpy, PIL.Image, typer"),
    }
    for name, (ours, imports) in jobs.items():
        taken, ratio = in_turns(ours, [sys.executable, "-c", imports], folder, 3 * pairs)
        print(f"{name:40}{taken:8.3f} s{ratio:8.2f} of python -c {imports!r}", flush=True)


def growth(folder: Path, pairs: int) -> None:
    """Print the time per pixel and the peak memory for gray pictures and four filters, with and without the start."""
    for width, height in ((1155, 866), (3651, 2739), (11547, 8660)):
        source, pixels = photo(folder / "gray.png", width, height, "L"), width * height
        times, starts, peaks = [], [], []
        for _ in range(pairs if width < 10000 else 3):
            taken, peak = run(edges(source), folder)
            times.append(taken)
            peaks.append(peak)
            starts.append(seconds(edges(ROOT / "samples" / "seven.png"), folder))
        taken, without = statistics.median(times), statistics.median(times) - statistics.median(starts)
        print(f"{pixels / 1e6:6.1f} megapixels {taken:7.3f} s {taken / pixels * 1e9:7.1f} ns per pixel, ", end="")
        print(f"{without / pixels * 1e9:6.1f} without starting, ", end="")
        print(f"peak {max(peaks) / 1024:.0f} MiB (allowed: {3 * pixels / 2**20 + 150:.0f})", flush=True)


def versions() -> str:
    """Return the kind of machine, and the versions of the compared libraries."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pillow", "opencv-python-headless"))
    processors = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {processors} processors, Python {platform.python_version()}, {libraries}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    print(versions())
    job = start if given.start else growth if given.growth else compare
    with tempfile.TemporaryDirectory() as folder:
        job(Path(folder), given.pairs)


if __name__ == "__main__":
    main()
