"""How long the whole command takes beside the same job in OpenCV, ImageMagick and libvips: ratios, below 1 is faster.

    python tests/bench/apply.py            a colour photograph of 512×512 and of 12 megapixels
    python tests/bench/apply.py --start    what starting costs, beside importing the libraries alone
    python tests/bench/apply.py --growth   time per pixel and peak memory from 1 to 100 megapixels

Whole processes, in turns; each ratio is the median of pairs. The photograph is `samples/still-life.png` enlarged, with noise.
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

import numpy as np
import PIL.Image

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
CNNFX = [sys.executable, "-m", "cnnfx"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start would compile cnnfx, which an installed one does not


def photo(path: Path, width: int, height: int, mode: str = "RGB") -> Path:
    with PIL.Image.open(ROOT / "samples" / "still-life.png") as picture:
        pixels = np.asarray(picture.convert(mode).resize((width, height), PIL.Image.Resampling.BICUBIC))
    generator = np.random.default_rng(0)
    noise = generator.integers(-4, 5, size=pixels.shape, dtype=np.int8)
    PIL.Image.fromarray(np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)).save(path, compress_level=1)
    return path


def seconds(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def in_turns(ours: list[str], theirs: list[str], folder: Path, pairs: int) -> tuple[float, float]:
    """The median of our seconds, and of the ratios of ours to theirs."""
    seconds(ours, folder), seconds(theirs, folder)
    taken = [(seconds(ours, folder), seconds(theirs, folder)) for _ in range(pairs)]
    return statistics.median(a for a, _ in taken), statistics.median(a / b for a, b in taken)


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
        ours = [*CNNFX, "apply", str(source), "--filters", "edges", "-o", "grid.png"]
        for peer, command in peers(source, "peer.png").items():
            taken, ratio = in_turns(ours, command, folder, pairs if peer == "OpenCV" or width < 1000 else 3)
            print(f"{width}x{height} against {peer:35}{taken:8.3f}{ratio:10.2f}", flush=True)


def start(folder: Path, pairs: int) -> None:
    source = str(ROOT / "samples" / "seven.png")
    jobs = {
        "cnnfx --help": ([*CNNFX, "--help"], "import typer, rich.console"),
        "cnnfx apply seven.png -f edges": (
            [*CNNFX, "apply", source, "-f", "edges", "-o", "seven.png"],
            "import numpy, PIL.Image, typer",
        ),
    }
    for name, (ours, imports) in jobs.items():
        taken, ratio = in_turns(ours, [sys.executable, "-c", imports], folder, 3 * pairs)
        print(f"{name:40}{taken:8.3f} s{ratio:8.2f} of python -c {imports!r}", flush=True)


def growth(folder: Path, pairs: int) -> None:
    """Time per pixel and the largest memory, grey pictures, four filters, grid to PNG."""
    for width, height in ((1155, 866), (3651, 2739), (11547, 8660)):
        source = photo(folder / "grey.png", width, height, "L")
        command = [*CNNFX, "apply", str(source), "--filters", "edges", "-o", "grid.png"]
        times, peak = [], 0
        for _ in range(pairs if width < 10000 else 3):
            began = time.perf_counter()
            child = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
            _, _, usage = os.wait4(child.pid, 0)
            times.append(time.perf_counter() - began)
            peak = max(peak, usage.ru_maxrss)
        pixels, taken = width * height, statistics.median(times)
        allowed = 3 * pixels / 2**20 + 150
        print(f"{pixels / 1e6:6.1f} megapixels {taken:7.3f} s {taken / pixels * 1e9:7.1f} ns per pixel, ", end="")
        print(f"peak {peak / 1024:.0f} MiB (three times the image and 150 MiB: {allowed:.0f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pillow", "opencv-python-headless"))
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} processors, Python {platform.python_version()}, {versions}")
    job = start if given.start else growth if given.growth else compare
    with tempfile.TemporaryDirectory() as folder:
        job(Path(folder), given.pairs)


if __name__ == "__main__":
    main()
