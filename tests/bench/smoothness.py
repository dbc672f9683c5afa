"""How the decay of roughness changes the filters that are learned, and the accuracy on validation images.

    python tests/bench/smoothness.py                          the comparison that the default was chosen by (minutes)
    python tests/bench/smoothness.py --smoothness 1 --seeds 3
    python tests/bench/smoothness.py --model model.npz        the smoothness of one model's filters

Trains the default network on the first 50,000 training images of MNIST and validates on the last 10,000, with each
value of the setting `smoothness` and each seed from 1 on. The test images are not used. Needs MNIST in the folder that
CNNFX_DATA names.

Printed for each value: the validation accuracy (mean of the seeds), the smoothness of the first layer's filters (mean),
their correlation with their random start (median of the magnitudes), and the active filters of each layer.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from cnnfx.datasets import load_dataset
from cnnfx.formats.arch import default_arch
from cnnfx.formats.model_npz import load_model
from cnnfx.images import as_floats
from cnnfx.training import Trainer, TrainingSettings

VALIDATION_IMAGES = 10_000
"""The last training images, on which the settings are chosen."""
ACTIVE_PIXELS = 1e-4
"""A filter is active if it is above 0 at more than this fraction of the positions in the validation images."""


def smoothness(weights):
    """Return the smoothness of filters `(K, C, kh, kw)`, each 0..1: `(K,)`.

    It is the fraction of the variance of a filter, averaged over its input channels, that the least-squares fit of a
    quadratic surface a + bx + cy + dx² + exy + fy² explains. Independent random weights of 5×5 have 5/24 = 0.21.
    """
    kernels = np.asarray(weights, np.float64).mean(axis=1)
    rows, columns = kernels.shape[1:]
    y, x = (axis.ravel() for axis in np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij"))
    surface = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    values = kernels.reshape(len(kernels), -1).T
    values = values - values.mean(axis=0)
    residual = values - surface @ np.linalg.lstsq(surface, values, rcond=None)[0]
    return 1 - (residual**2).sum(axis=0) / np.maximum((values**2).sum(axis=0), 1e-30)


def correlations(network):
    """Return the correlation of each filter of the first layer with its random start: `(K,)`."""
    pairs = zip(network.layers[0].conv.weights, network.start.layers[0].conv.weights, strict=True)
    return np.array([np.corrcoef(after.ravel(), before.ravel())[0, 1] for after, before in pairs])


def active_filters(network, images):
    """Return the number of active filters of each layer."""
    fractions = [[] for _ in network.layers]
    for batch in np.array_split(images, 20):
        for layer, maps in zip(fractions, network.feature_maps(as_floats(batch)), strict=True):
            layer.append((maps > 0).mean(axis=(0, 2, 3)))
    return [int((np.mean(layer, axis=0) > ACTIVE_PIXELS).sum()) for layer in fractions]


def part(data, first, last):
    """Return the images `first` to `last` (exclusive)."""
    return replace(data, images=data.images[first:last], labels=data.labels[first:last])


def train(data, settings, validate=True):
    """Return the trained network, and its accuracy on the validation images in percent."""
    count = len(data.labels) - VALIDATION_IMAGES
    trainer = Trainer.begin(default_arch(), part(data, 0, count), part(data, count, None), settings)
    for _ in trainer.run():
        pass
    return trainer.network, 100 * trainer.history[-1].test_accuracy


def compare(values, seeds):
    """Train with each value and each seed, and print a row of the table for each value."""
    data = load_dataset("mnist").train
    validation = data.images[-VALIDATION_IMAGES:]
    print("smoothness   validation (seeds)                     filters' smoothness   correlation   active filters")
    for value in values:
        results = [train(data, TrainingSettings(smoothness=value, seed=seed)) for seed in range(1, seeds + 1)]
        accuracies = [accuracy for _, accuracy in results]
        smooth = np.mean([smoothness(network.layers[0].conv.weights).mean() for network, _ in results])
        correlation = np.mean([np.median(np.abs(correlations(network))) for network, _ in results])
        active = np.mean([active_filters(network, validation) for network, _ in results], axis=0)
        each = ", ".join(f"{accuracy:.2f}" for accuracy in accuracies)
        print(
            f"{value:10g}   {np.mean(accuracies):.3f} % ({each})".ljust(52)
            + f"{smooth:19.2f}   {correlation:11.2f}   {', '.join(f'{count:.0f}' for count in active)}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoothness", type=float, nargs="+", default=[0, 0.5, 1, 1.5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", help="a model whose filters are described")
    arguments = parser.parse_args()
    if arguments.model is None:
        compare(arguments.smoothness, arguments.seeds)
    else:
        of_filters = smoothness(load_model(arguments.model).layers[0].conv.weights)
        below = int((of_filters < 0.5).sum())
        print(
            f"mean {of_filters.mean():.3f}, median {np.median(of_filters):.3f}, {below} of {len(of_filters)} below 0.5"
        )


if __name__ == "__main__":
    main()
