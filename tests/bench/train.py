"""Training times of cnnfx and PyTorch, and the accuracy on MNIST.

    python tests/bench/train.py                 the ratio of times, below 1 if cnnfx is faster (some minutes)
    python tests/bench/train.py --accuracy      also the test accuracy of five seeds with the default settings

Both train the default network with the same batch size, augmentation (shifts), optimizer (Adam with decoupled weight
decay) and schedule, in turns, on all cores; PyTorch in both of its memory layouts. Needs PyTorch, and MNIST in the
folder that CNNFX_DATA names.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import resource
import statistics
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from cnnfx.datasets import LabeledImages
from cnnfx.formats.arch import default_arch
from cnnfx.system.threads import thread_count
from cnnfx.training import Trainer, TrainingSettings

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def mnist(part):
    """Return the training or test images of MNIST."""
    folder = Path(os.environ["CNNFX_DATA"])
    images, labels = (gzip.decompress((folder / f"{name}.gz").read_bytes()) for name in FILES[part])
    return LabeledImages(
        name="mnist",
        images=np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28),
        labels=np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
        classes=tuple("0123456789"),
    )


def train_cnnfx(data, test, settings):
    """Return the seconds that training takes, and the trainer."""
    trainer = Trainer.begin(default_arch(), data, test, settings)
    start = time.perf_counter()
    for _ in trainer.run():
        pass
    return time.perf_counter() - start, trainer


def train_pytorch(data, settings, layout):
    """Return the seconds that training takes with PyTorch."""
    filters = [len(layer.filter_names) for layer in default_arch().network.layers]
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, filters[0], 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(filters[0], filters[1], 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(filters[1] * 16, 10),
    ).to(memory_format=layout)  # fmt: skip
    count, size, shift = len(data.labels), settings.batch_size, settings.shift
    batches = -(-count // size)
    optimizer = torch.optim.AdamW(
        net.parameters(), settings.rate, settings.betas, weight_decay=settings.decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=batches * settings.epochs, cycle_momentum=False
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=settings.smoothing)
    images = np.pad(data.images[:, 0], ((0, 0), (shift, shift), (shift, shift)), mode="edge")
    windows = torch.from_numpy(images).unfold(1, 28, 1).unfold(2, 28, 1)
    labels = torch.from_numpy(data.labels.copy())
    start = time.perf_counter()
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
    return time.perf_counter() - start


def compare(data, pairs, images):
    """Print the times of both for the first `images` images, measured in turns `pairs` times."""
    part = replace(data, images=data.images[:images], labels=data.labels[:images])
    settings = TrainingSettings(epochs=1)
    layouts = {"PyTorch": torch.contiguous_format, "PyTorch, channels last": torch.channels_last}
    times = {"cnnfx": [], **{name: [] for name in layouts}}
    for turn in range(pairs + 1):
        times_of_turn = {"cnnfx": train_cnnfx(part, None, settings)[0]}
        times_of_turn |= {name: train_pytorch(part, settings, layout) for name, layout in layouts.items()}
        for name, seconds in times_of_turn.items() if turn else ():  # the first turn warms up
            times[name].append(seconds)
    for name, seconds in times.items():
        ratio = statistics.median(ours / other for ours, other in zip(times["cnnfx"], seconds, strict=True))
        median, least = (value * 60000 / images for value in (statistics.median(seconds), min(seconds)))
        print(
            f"{name:24} median {median:6.2f} s, least {least:6.2f} s for an epoch of 60,000;  "
            f"time of cnnfx divided by it {ratio:.2f}"
        )


def print_accuracies(data, test, seeds):
    """Print the test accuracy of each seed, and the mean."""
    accuracies = []
    for seed in range(seeds):
        settings = TrainingSettings(seed=seed)
        seconds, trainer = train_cnnfx(data, test, settings)
        accuracies.append(100 * trainer.history[-1].test_accuracy)
        size = f"{len(trainer.parameters):,} parameters"
        result = f"{accuracies[-1]:.2f} % after {settings.epochs} epochs"
        print(f"seed {seed}: {result}, {size}, {seconds:.0f} s", flush=True)
    print(f"mean of {seeds} seeds: {statistics.mean(accuracies):.3f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", action="store_true", help="train five seeds on all of MNIST")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--images", type=int, default=12_800, help="images in a timed epoch")
    arguments = parser.parse_args()
    torch.set_num_threads(thread_count())
    print(f"{platform.machine()}, {thread_count()} threads, NumPy {np.__version__}, PyTorch {version('torch')}")
    data = mnist("train")
    if arguments.accuracy:
        print_accuracies(data, mnist("test"), arguments.seeds)
        print(f"peak memory, with PyTorch loaded: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    compare(data, arguments.pairs, arguments.images)


if __name__ == "__main__":
    main()
