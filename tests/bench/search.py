"""The search for settings and layers: one row for each combination of the given values, on validation images.

    python tests/bench/search.py --smoothness 0 0.5 1 2 --jobs 2
    python tests/bench/search.py --rate 0.005 0.01 0.02 --decay 0.03 0.1 0.3 --seeds 2 --jobs 2
    python tests/bench/search.py --epochs 15 --arch small.toml --layers 12x5m2,20x3m2,24x3 16x3,16x3m2,20x3m2

Trains on the first 50,000 training images of MNIST and validates on the last 10,000; the test images are not used.
Settings without values have their defaults. Layers are written as `runs.parse_layers` describes. Needs MNIST in the
folder that CNNFX_DATA names.

Each row has means of the seeds from 1 on: the validation accuracy (then that of each seed) and cross-entropy, the
smoothness of the first layer's filters, their correlation with their random start (median of the magnitudes), the
active filters of each layer, the number of parameters, and the seconds of training.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import islice, product
from multiprocessing import get_context

import numpy as np
from runs import layers_text, parse_layers, run

import cnnfx.training.trainer
from cnnfx.formats.arch import default_arch, load_arch
from cnnfx.system.threads import set_threads
from cnnfx.training import TrainingSettings
from cnnfx.training.augmentation import AUGMENTATIONS, augmentation_settings

SETTINGS = {
    "epochs": int, "batch_size": int, "rate": float, "decay": float, "smoothing": float, "smoothness": float,
    "batch_norm": int,
}  # fmt: skip
"""The settings that are passed on unchanged, with the types of their values; normalize is 0 or 1."""


def train(combination, seed, images):
    """Train with one combination of values, a dict, and return what is measured, as `runs.run` does."""
    values = dict(combination)
    arch, start = values.pop("network"), values.pop("start", None)
    if start is not None:
        cnnfx.training.trainer.SMOOTH_START = start
    values |= augmentation_settings(values.pop("augment", "shift"))
    return run(arch, TrainingSettings(**values, seed=seed), validate=True, images=images)


def print_row(combination, results):
    """Print the values of a combination, and the means of the results of its seeds."""
    mean = {
        name: np.mean([result[name] for result in results], axis=0)
        for name in ("accuracy", "loss", "smoothness", "correlation", "active", "seconds")
    }
    values = [layers_text(combination["network"])]
    values += [f"{name} {value}" for name, value in combination.items() if name != "network"]
    each = ", ".join(f"{result['accuracy']:.2f}" for result in results)
    columns = [
        "; ".join(values),
        f"{mean['accuracy']:.3f} % ({each})",
        f"{mean['loss']:.4f}",
        f"{mean['smoothness']:.2f}",
        f"{mean['correlation']:.2f}",
        ", ".join(f"{count:.3g}" for count in mean["active"]),
        f"{results[0]['parameters']:,}",
        f"{mean['seconds']:.1f}",
    ]
    print(f"| {' | '.join(columns)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind in SETTINGS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, nargs="+")
    parser.add_argument("--augment", choices=AUGMENTATIONS, nargs="+")
    parser.add_argument("--start", type=float, nargs="+", help="factor of the first layer's random weights")
    parser.add_argument("--arch", nargs="+", default=[], help="names or paths of arch files")
    parser.add_argument("--layers", nargs="+", default=[], help="networks such as 24x5m2,48x3m2,48x3")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, help="fewer training images, to try the script")
    parser.add_argument("--jobs", type=int, default=1, help="processes of one thread each")
    parser.add_argument("--max-runs", type=int, default=60)
    arguments = parser.parse_args()
    networks = [load_arch(path) for path in arguments.arch] + [parse_layers(text) for text in arguments.layers]
    options = {"network": networks or [default_arch()]}
    options |= {
        name: values for name in (*SETTINGS, "augment", "start") if (values := getattr(arguments, name)) is not None
    }
    combinations = [dict(zip(options, values, strict=True)) for values in product(*options.values())]
    seeds = range(1, arguments.seeds + 1)
    count = len(combinations) * len(seeds)
    print(f"{count} runs: {len(combinations)} combinations, {len(seeds)} seeds", file=sys.stderr)
    if count > arguments.max_runs:
        sys.exit(f"These are more than --max-runs {arguments.max_runs}.")
    print("| settings | validation (seeds) | loss | smoothness | correlation | active filters | parameters | seconds |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the new processes
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn"), set_threads, (1,)) as pool:
        runs = product(combinations, seeds, [arguments.images])
        results = pool.map(train, *zip(*runs, strict=True))
        for combination in combinations:
            print_row(combination, list(islice(results, len(seeds))))


if __name__ == "__main__":
    main()
