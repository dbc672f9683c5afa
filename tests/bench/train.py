"""Training: the time compared with PyTorch, the cost of augmentation, and the table of goals on MNIST.

    python tests/bench/train.py                    the ratio of times, below 1 if cnnfx is faster (some minutes)
    python tests/bench/train.py --augment-cost     the time with each augmentation, divided by that without
    python tests/bench/train.py --table            the table of goals (hours); prints each result at once
    python tests/bench/train.py --table --row 3-epochs --row tiny --seeds 2 --log runs.jsonl
    python tests/bench/train.py --table --validate as above, but on validation images

Both libraries train the default network: cross-correlation, max pooling, batch normalization with a bias and without a
scale, ReLU. Batch size, shifts, label smoothing, optimizer (Adam with decoupled weight decay) and schedule are the
same. PyTorch normalizes whole batches of 128, cnnfx halves of 64. For prediction, PyTorch updates running moments in
each step; cnnfx computes the moments of 4096 images after the epoch. The decay of roughness is in the time of cnnfx
alone. The two take turns, on all cores, PyTorch in both of its memory formats; before each measurement is a pause, for
threads of the library measured before may still spin, and a training on few images.

With `--log`, the results are appended to a file of JSON lines, and those that it already has are not measured again.

Needs MNIST in the folder that CNNFX_DATA names, and PyTorch, except for --augment-cost and --table.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from runs import datasets, layers_text, run, train_part

from cnnfx.formats.arch import default_arch, load_arch
from cnnfx.system.threads import thread_count
from cnnfx.training import Trainer, TrainingSettings
from cnnfx.training.augmentation import AUGMENTATIONS

PAUSE_SECONDS = 0.5
WARM_UP_IMAGES = 1280
FIRST_SEED = 11
"""Of the table of goals; the settings were chosen with the seeds from 1 on."""


class Row(NamedTuple):
    """A row of the table of goals: settings other than the defaults, and an arch file if not the default network."""

    goal: str
    settings: dict[str, Any]
    arch: str | None = None


ROWS = {
    "1-epoch": Row("≥ 99.35 %", {"epochs": 1}),
    "3-epochs": Row("≥ 99.45 %, ≤ 40,000 parameters, smoothness ≥ 0.8, ≤ 4 dead filters", {}),
    "10-epochs": Row("≥ 99.62 %, ≤ 40,000 parameters", {"epochs": 10, "decay": 0.3}),
    "30-epochs": Row("≥ 99.70 %, ≤ 40,000 parameters", {"epochs": 30, **AUGMENTATIONS["strong"]}),
    "small": Row(
        "≥ 99.45 %, < 10,000 parameters",
        {"epochs": 15, "rate": 0.02, "decay": 0.03, "smoothing": 0.05},
        "small.toml",
    ),
    "tiny": Row(
        "≥ 99.05 %, < 2,000 parameters",
        {"epochs": 75, "rate": 0.02, "decay": 0.02, "smoothing": 0.02},
        "tiny.toml",
    ),
}


def train_cnnfx(data, settings):
    """Train the default network with cnnfx."""
    for _ in Trainer.begin(default_arch(), data, None, settings).run():
        pass


def train_pytorch(data, settings, layout):
    """Train the default network with PyTorch."""
    import torch

    net = pytorch_network(data).to(memory_format=layout)
    count, size, shift = len(data.labels), settings.batch_size, settings.shift
    batches = -(-count // size)
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, settings.rate, settings.betas, weight_decay=settings.decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=batches * settings.epochs, cycle_momentum=False
    )
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=settings.smoothing)
    images = np.pad(data.images[:, 0], ((0, 0), (shift, shift), (shift, shift)), mode="edge")
    windows = torch.from_numpy(images).unfold(1, 28, 1).unfold(2, 28, 1)
    labels = torch.from_numpy(data.labels.astype(np.int64))
    for _ in range(settings.epochs):
        order, loss, correct = torch.randperm(count), 0.0, 0
        for chosen in order.split(size):
            y, x = torch.randint(0, 2 * shift + 1, (2, len(chosen)))
            batch = windows[chosen, y, x].float().mul_(1 / 255 / 0.3081).sub_(0.1307 / 0.3081).unsqueeze(1)
            scores = net(batch.contiguous(memory_format=layout))
            batch_loss = criterion(scores, labels[chosen])
            optimizer.zero_grad()
            batch_loss.backward()
            optimizer.step()
            schedule.step()
            loss += batch_loss.item()
            correct += int((scores.argmax(1) == labels[chosen]).sum())


def pytorch_network(data):
    """Return the default network as a module of PyTorch."""
    from torch import nn

    shape = data.images.shape[1:]
    network = default_arch().network.bind(["gray"])
    modules = []
    for layer in network.layers:
        filters, channels, *size = layer.conv.weights.shape
        norm = nn.BatchNorm2d(filters)
        norm.weight.requires_grad_(False)  # it stays 1
        pool = [nn.MaxPool2d(layer.pool_size)] if layer.pool else []
        modules += [nn.Conv2d(channels, filters, size, bias=False), *pool, norm, nn.ReLU()]
    return nn.Sequential(*modules, nn.Flatten(), nn.Linear(math.prod(network.output_shapes(shape)[-1]), 10))


def compare(data, turns):
    """Print the times of both libraries for an epoch, measured in turns."""
    import torch

    torch.set_num_threads(thread_count())
    print(f"{platform.machine()}, {thread_count()} threads, NumPy {np.__version__}, PyTorch {version('torch')}")
    settings = TrainingSettings(epochs=1)
    times = in_turns(
        {
            "cnnfx": lambda part: train_cnnfx(part, settings),
            "PyTorch": lambda part: train_pytorch(part, settings, torch.contiguous_format),
            "PyTorch, channels last": lambda part: train_pytorch(part, settings, torch.channels_last),
        },
        data,
        turns,
    )
    for name, measured in times.items():
        walls = [wall for wall, _ in measured]
        ratio = median_ratio(times["cnnfx"], measured, 0)
        print(
            f"{name:24} median {statistics.median(walls):6.2f} s, least {min(walls):6.2f} s for {len(data.labels)} "
            f"images;  time of cnnfx divided by it {ratio:.2f}"
        )


def print_augmentation_costs(data, turns):
    """Print the times of an epoch with each augmentation, divided by those without and with shifts."""
    settings = {name: TrainingSettings(epochs=1, **values) for name, values in AUGMENTATIONS.items()}
    calls = {name: lambda part, one=one: train_cnnfx(part, one) for name, one in settings.items()}
    times = in_turns(calls, data, turns)
    for name, measured in times.items():
        ratios = [
            f"divided by {other}: wall time {median_ratio(measured, times[other], 0):.3f}, "
            f"CPU time {median_ratio(measured, times[other], 1):.3f}"
            for other in ("none", "shift")
        ]
        print(f"{name:8} {';  '.join(ratios)}")


def in_turns(calls, data, turns):
    """Return the wall time and the CPU time of each call with the data, in seconds, for each turn: name -> pairs."""
    times = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            time.sleep(PAUSE_SECONDS)
            call(train_part(data, 0, WARM_UP_IMAGES))
            wall, cpu = time.perf_counter(), time.process_time()
            call(data)
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def median_ratio(times, others, kind):
    """Return the median over the turns of one kind of time (0 for wall, 1 for CPU) divided by that of another call."""
    return statistics.median(time[kind] / other[kind] for time, other in zip(times, others, strict=True))


def print_table(rows, seeds, validate, images, log):
    """Measure the rows of the table of goals with each seed, and print it."""
    known = [json.loads(line) for line in log.read_text().splitlines()] if log and log.exists() else []
    lines = []
    for name in rows:
        results = []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            result = result_of(name, seed, validate, images, known, log)
            print(f"{name}, seed {seed}: {result['accuracy']:.2f} %, loss {result['loss']:.4f}", flush=True)
            results.append(result)
        columns = [
            name,
            ROWS[name].goal,
            f"{mean_of('accuracy', results):.3f} %",
            ", ".join(f"{result['accuracy']:.2f}" for result in results),
            f"{results[0]['parameters']:,}",
            f"{mean_of('smoothness', results):.2f}",
            ", ".join(f"{result['dead']}" for result in results),
            f"{mean_of('seconds', results):.1f}",
        ]
        lines.append(f"| {' | '.join(columns)} |")
    print(f"\nMeasured on the {'validation' if validate else 'test'} images:\n")
    print("| run | goal | mean | seeds | parameters | smoothness | dead filters | seconds |")
    print("|---|---|---|---|---|---|---|---|", *lines, sep="\n")


def mean_of(name, results):
    """Return the mean of one value of the results."""
    return statistics.mean(result[name] for result in results)


def result_of(name, seed, validate, images, known, log):
    """Return the result of a row with a seed: from the `known` results, or measured and appended to the log."""
    row = ROWS[name]
    settings = TrainingSettings(**row.settings, seed=seed)
    arch = load_arch(row.arch) if row.arch else default_arch()
    identity = {"row": name, "layers": layers_text(arch), "validate": validate, "images": images}
    identity |= {"settings": json.loads(json.dumps(asdict(settings)))}
    for result in known:
        if identity.items() <= result.items():
            return result
    result = {**run(arch, settings, validate, images), **identity}
    if log:
        with log.open("a") as file:
            print(json.dumps(result), file=file)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--augment-cost", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--row", action="append", choices=ROWS, help="a row of the table; may be given several times")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--validate", action="store_true", help="train on 50,000 images, measure on the last 10,000")
    parser.add_argument("--log", type=Path, help="a file of JSON lines with results, which is continued")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--images", type=int, help="fewer training images")
    arguments = parser.parse_args()
    if arguments.table:
        rows = arguments.row or list(ROWS)
        print_table(rows, arguments.seeds, arguments.validate, arguments.images, arguments.log)
        return
    data, _ = datasets(validate=False, images=arguments.images)
    measure = print_augmentation_costs if arguments.augment_cost else compare
    measure(data, arguments.turns)


if __name__ == "__main__":
    main()
