"""Benchmark of `cnnfx.correlate` against OpenCV, PyTorch and SciPy: a table of ratios of times; below 1 is faster.

    python tests/bench/correlate.py            all cells (about a quarter of an hour)
    python tests/bench/correlate.py --quick    some of them (a few minutes)
    python tests/bench/correlate.py --methods  the methods of cnnfx against each other, and the choice of "auto"
    python tests/bench/correlate.py --batches  batches of small images against PyTorch
    python tests/bench/correlate.py --gaussian Gaussian kernels, against the peers' functions for any and for separable

All libraries compute the same on all cores: float32, zero padding, an output of the image's size, and all K maps. Cells
with a kernel larger than the image are skipped. Each ratio is the median of alternating pairs of measurements: seven
pairs if a pair takes less than 0.3 s, else fewer. A peer is skipped in a cell if it took more than `SLOW_PEER_RATIO`
times as long as the best peer in the same cell of a smaller image, more than `HOPELESS_PEER_RATIO` times with the same
large kernel, or if its speed in earlier cells predicts this. Cells with a pair longer than --longest are skipped and
counted.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import platform
import statistics
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy import ndimage

import cnnfx
from cnnfx.conv import choose_method, correlate, window
from cnnfx.system.threads import thread_count

SIZES = [(28, 28), (512, 512), (1080, 1920), (3000, 4000)]
CHANNELS = 1, 3
FILTERS = 1, 4, 8, 32
KERNELS = 3, 5, 7, 9, 15, 31, 63
QUICK_FILTERS = 1, 4
QUICK_KERNELS = 3, 5, 9, 15, 31
SLOW_PEER_RATIO = 3  # a peer's time relative to the best peer's, above which it is skipped in larger images
HOPELESS_PEER_RATIO = 30  # a peer's time relative to the best peer's, above which it is skipped with large kernels
PAUSE_SECONDS = 0.02  # before a measurement, as threads of the library measured before may still spin
WARM_UP_SECONDS = 0.03  # of calls before a measurement, which wake the library's threads and allocate its memory
LONG_PAIR_SECONDS = 0.3  # time of a pair above which fewer pairs are measured
LONG_PAIRS_SECONDS = 1.0  # time of all pairs that are longer than LONG_PAIR_SECONDS


def opencv(image, weights):
    maps = []
    for slices in weights:
        total = cv2.filter2D(image[0], -1, slices[0], borderType=cv2.BORDER_CONSTANT)
        for channel, kernel in zip(image[1:], slices[1:], strict=True):
            cv2.add(total, cv2.filter2D(channel, -1, kernel, borderType=cv2.BORDER_CONSTANT), total)
        maps.append(total)
    return maps


def pytorch(image, weights):
    with torch.inference_mode():
        return torch.nn.functional.conv2d(torch.from_numpy(image), torch.from_numpy(weights), padding="same")


def scipy(image, weights):
    maps = np.empty((len(weights), *image.shape[1:]), np.float32)
    for total, slices in zip(maps, weights, strict=True):
        ndimage.correlate(image[0], slices[0], mode="constant", output=total)
        for channel, kernel in zip(image[1:], slices[1:], strict=True):
            total += ndimage.correlate(channel, kernel, mode="constant")
    return maps


PEERS = {"OpenCV": opencv, "PyTorch": pytorch, "SciPy": scipy}


def seconds(call, *arguments, repeat=1):
    time.sleep(PAUSE_SECONDS)
    start = time.perf_counter()
    while time.perf_counter() - start < WARM_UP_SECONDS:
        call(*arguments)
    start = time.perf_counter()
    for _ in range(repeat):
        call(*arguments)
    return (time.perf_counter() - start) / repeat


def paired(ours, theirs, pairs):
    """Return the medians of our time and of the ratios of our time to theirs, measured alternately."""
    once = seconds(ours), seconds(theirs)
    mine, other = (max(1, int(0.01 / max(taken, 1e-6))) for taken in once)  # repetitions of short calls
    times, ratios = ([], []) if sum(once) < LONG_PAIRS_SECONDS else ([once[0]], [once[0] / once[1]])
    for _ in range(pairs if sum(once) < LONG_PAIR_SECONDS else min(pairs, int(LONG_PAIRS_SECONDS / sum(once)))):
        times.append(seconds(ours, repeat=mine))
        ratios.append(times[-1] / seconds(theirs, repeat=other))
    return statistics.median(times), statistics.median(ratios)


def machine():
    """Return the processor's name on Linux, elsewhere its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def data(size, channels, filters, kernel):
    generator = np.random.default_rng(0)
    image = generator.random((channels, *size), dtype=np.float32)
    return image, generator.standard_normal((filters, channels, kernel, kernel), dtype=np.float32)


def cells(quick):
    sizes = [size for size in SIZES if not quick or size != (1080, 1920)]
    filters, kernels = (QUICK_FILTERS, QUICK_KERNELS) if quick else (FILTERS, KERNELS)
    for cell in itertools.product(sizes, CHANNELS, filters, kernels):
        if cell[3] <= min(cell[0]):
            yield cell


def name(cell):
    (height, width), channels, filters, kernel = cell
    return f"{width}x{height}, {channels} ch, {filters:2} filters, {kernel}x{kernel}"


def geometric_mean(numbers):
    return math.exp(statistics.fmean(map(math.log, numbers)))


def compare(chosen, pairs, longest):
    """Print the table of cnnfx against its peers, then the geometric mean and the cells with a ratio above 1."""
    best, behind, slowness, seconds_of = {}, set(), 1e-9, {}
    print(f"{'cell':40}{'cnnfx ms':>10}" + "".join(f"{peer:>9}" for peer in PEERS) + f"{'best':>9}")
    for cell in chosen:
        size, kernel, pixels = cell[0], cell[3], math.prod(cell[0])
        if seconds_of.get(cell[1:], 0) * pixels > longest:
            continue
        image, weights = data(*cell)
        work, ratios, times = weights.size * pixels, {}, {}
        for peer, call in PEERS.items():
            slow = peer == "SciPy" and work * slowness > SLOW_PEER_RATIO * min(times.values())
            if slow or behind & {(peer, cell[1:]), (peer, size, kernel)}:
                behind.add((peer, cell[1:]))
                continue
            taken, ratios[peer] = paired(
                partial(correlate, image, weights, padding="same"), partial(call, image, weights), pairs
            )
            times[peer] = taken / ratios[peer]
        least = min(times.values())
        slowness, seconds_of[cell[1:]] = times.get("SciPy", slowness * work) / work, (taken + least) / pixels
        if size[0] > 100:
            behind |= {(peer, cell[1:]) for peer in times if times[peer] > SLOW_PEER_RATIO * least}
        if kernel > 15:
            behind |= {(peer, size, kernel) for peer in times if times[peer] > HOPELESS_PEER_RATIO * least}
        best[cell] = max(ratios.values())
        columns = "".join(f"{ratios[peer]:9.2f}" if peer in ratios else f"{'-':>9}" for peer in PEERS)
        print(f"{name(cell):40}{taken * 1e3:10.3f}{columns}{best[cell]:9.2f}", flush=True)
    print(f"\n{len(chosen) - len(best)} cells skipped, a pair of which would take longer than {longest:g} s")
    report(best)


def report(best):
    over = sorted((ratio, name(cell)) for cell, ratio in best.items() if ratio > 1)
    print(f"\ngeometric mean over {len(best)} cells against the best peer of each: {geometric_mean(best.values()):.2f}")
    for size in sorted({cell[0] for cell in best}):
        own = [ratio for cell, ratio in best.items() if cell[0] == size]
        print(f"  {size[1]}x{size[0]}: {geometric_mean(own):.2f}, over 1.0 in {sum(r > 1 for r in own)} of {len(own)}")
    print(f"{len(over)} cells over 1.0" + "".join(f"\n  {ratio:.2f}  {cell}" for ratio, cell in reversed(over)))


def cells_of_methods(quick):
    """Yield the same cells, and some with the numbers of channels of hidden layers."""
    yield from cells(quick)
    yield from itertools.product(SIZES[:2], (8, 16, 32, 64), (8, 32, 64), (3, 5, 7))


def methods(chosen, pairs):
    """Print the times of the methods, and how often "auto" takes one within 15 % of the fastest."""
    near, count = 0, 0
    print(f"{'cell':40}{'direct ms':>10}{'fft':>9}{'winograd':>9}  auto")
    for cell in chosen:
        image, weights = data(*cell)
        direct, *others = (
            partial(correlate, image, weights, padding="same", method=name) for name in ("direct", "fft", "winograd")
        )
        ratios = {"direct": 1.0}
        for method, other in zip(("fft", "winograd"), others, strict=True):
            taken, ratio = paired(direct, other, pairs)
            ratios[method] = 1 / ratio
        auto = choose_method((1, len(weights), *cell[0]), weights, window(weights.shape[2:], padding="same"))
        loss = ratios[auto] / min(ratios.values())
        near, count = near + (loss < 1.15), count + 1
        mark = "" if loss < 1.15 else f"  {loss:.2f} times the fastest"
        print(
            f"{name(cell):40}{taken * 1e3:10.3f}{ratios['fft']:9.2f}{ratios['winograd']:9.2f}  {auto}{mark}", flush=True
        )
    print(f'\n"auto" is within 15 % of the fastest in {near} of {count} cells ({near / count:.0%})')


def gaussian(size):
    """Return a kernel (1, 1, size, size) whose standard deviation is a sixth of its size, and its column."""
    column = np.exp(-18 * (np.arange(size) / size - (size - 1) / (2 * size)) ** 2)
    column = (column / column.sum()).astype(np.float32)
    return np.outer(column, column)[None, None], column


def separable(pairs):
    """Print the times for Gaussian kernels, given as full kernels, against the peers given full kernels and columns."""
    print(f"{'cell':30}{'cnnfx ms':>10}{'filter2D':>10}{'sepFilter2D':>13}{'conv2d':>9}{'correlate1d':>13}")
    for size in SIZES[1:]:
        image = np.random.default_rng(0).random((1, *size), dtype=np.float32)
        for kernel in KERNELS:
            weights, column = gaussian(kernel)
            peers = [
                partial(opencv, image, weights),
                lambda image=image, c=column: cv2.sepFilter2D(image[0], -1, c, c, borderType=cv2.BORDER_CONSTANT),
                partial(pytorch, image, weights) if kernel < 31 else None,
                lambda image=image, c=column: ndimage.correlate1d(
                    ndimage.correlate1d(image[0], c, 0, mode="constant"), c, 1, mode="constant"
                ),
            ]
            ours = partial(correlate, image, weights, padding="same")
            measured = [call and paired(ours, call, pairs) for call in peers]
            columns = (f"{each[1]:.2f}" if each else "-" for each in measured)
            print(f"{name((size, 1, 1, kernel))[:30]:30}{measured[0][0] * 1e3:10.3f}", end="", flush=True)
            print("".join(f"{text:>{wide}}" for text, wide in zip(columns, (10, 13, 9, 13), strict=True)), flush=True)


def batches(pairs):
    """Print the times for batches of small images against PyTorch."""
    generator = np.random.default_rng(0)
    for shape, weights in [
        ((1000, 1, 28, 28), (16, 1, 5, 5)),
        ((128, 16, 12, 12), (32, 16, 5, 5)),
        ((128, 16, 12, 12), (32, 16, 3, 3)),
    ]:
        images, filters = (generator.standard_normal(size, dtype=np.float32) for size in (shape, weights))

        def theirs(images=images, filters=filters):
            with torch.inference_mode():
                return torch.nn.functional.conv2d(torch.from_numpy(images), torch.from_numpy(filters))

        taken, ratio = paired(lambda a=images, b=filters: correlate(a, b), theirs, pairs)
        print(f"{shape!s:20} with {weights!s:16} {taken * 1e3:8.3f} ms  {ratio:5.2f} of PyTorch")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="measure some of the cells only")
    parser.add_argument("--methods", action="store_true", help="compare the methods of cnnfx")
    parser.add_argument("--batches", action="store_true", help="batches of small images only")
    parser.add_argument("--gaussian", action="store_true", help="Gaussian kernels only")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of measurements for each ratio (7)")
    parser.add_argument("--longest", type=float, default=30, help="seconds that a pair of measurements may take (30)")
    parser.add_argument("--size", type=int, help="only images of this width")
    given = parser.parse_args()
    peers = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "torch", "opencv-python-headless"))
    print(f"cnnfx {cnnfx.__version__} on {machine()}, {os.cpu_count()} processors, {thread_count()} threads; {peers}\n")
    every = cells_of_methods if given.methods else cells
    chosen = [cell for cell in every(given.quick) if given.size in (None, cell[0][1])]
    if given.batches:
        batches(given.pairs)
    elif given.gaussian:
        separable(given.pairs)
    elif given.methods:
        methods(chosen, given.pairs)
    else:
        compare(chosen, given.pairs, given.longest)
        batches(given.pairs)


if __name__ == "__main__":
    main()
