"""Training runs on MNIST, and measures of the filters that they learn, for `train.py` and `search.py`.

    python tests/bench/runs.py model.npz     the smoothness of one model's filters, and their colors

Needs MNIST in the folder that CNNFX_DATA names.
"""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, replace
from functools import cache

import numpy as np

from cnnfx.datasets import load_dataset
from cnnfx.formats.arch import parse_arch
from cnnfx.formats.model_npz import load_model
from cnnfx.formats.toml_schema import Location
from cnnfx.images import as_floats
from cnnfx.training import Trainer

VALIDATION_IMAGES = 10_000
"""The last training images, on which the settings are chosen."""
ACTIVE_PIXELS = 1e-4
"""A filter is active if it is above 0 at more than this fraction of the positions; otherwise it is dead."""

POOLS = {"m2": "max:2", "a2": "mean:2", "g": "mean:all"}
"""The poolings in the notation of `parse_layers`."""


@cache
def datasets(validate, images=None):
    """Return the images to train on and those to measure on.

    With `validate` these are the first 50,000 and the last 10,000 training images of MNIST, otherwise its training and
    test images. `images` limits the number of those to train on.
    """
    data = load_dataset("mnist")
    train, test = data.train, data.test
    if validate:
        train, test = train_part(train, 0, -VALIDATION_IMAGES), train_part(train, -VALIDATION_IMAGES, None)
    return train_part(train, 0, images), test


def train_part(data, first, last):
    """Return the images `first` to `last` (exclusive)."""
    return replace(data, images=data.images[first:last], labels=data.labels[first:last])


def run(arch, settings, validate, images=None):
    """Train a network, and return what is measured of it, as a dict."""
    train, test = datasets(validate, images)
    trainer = Trainer.begin(arch, train, None, settings)
    for _ in trainer.run():
        pass
    network = trainer.network
    loss, accuracy = trainer.evaluate(test)
    active = active_filters(network, test.images)
    return {
        "settings": asdict(settings),
        "accuracy": 100 * accuracy,
        "loss": loss,
        "parameters": len(trainer.parameters),
        "smoothness": float(smoothness(network.layers[0].conv.weights).mean()),
        "correlation": float(np.median(np.abs(correlations(network)))),
        "active": active,
        "dead": sum(len(layer.filter_names) for layer in network.layers) - sum(active),
        "seconds": sum(report.seconds for report in trainer.history),
    }


def parse_layers(text):
    """Return the arch of a text such as "24x5m2,48x3s,10x3g".

    Each layer has a number of filters, their size, s for padding of the same size, and m2, a2 or g for the largest of
    2×2 values, their mean, or the mean of all. The activation is ReLU.
    """
    layers = []
    for layer in text.split(","):
        found = re.fullmatch(r"(\d+)x(\d+)(s?)(m2|a2|g|)", layer)
        if found is None:
            raise ValueError(f"{layer} is not a layer such as 24x5m2")
        filters, size, same, pool = found.groups()
        layers.append({"filters": int(filters), "size": int(size), "activation": "relu"})
        layers[-1] |= ({"padding": "same"} if same else {}) | ({"pool": POOLS[pool]} if pool else {})
    return parse_arch({"layer": layers}, Location("--layers"), "network")


def layers_text(arch):
    """Return the number and size of the filters and the pooling of each layer: "24 5×5 max:2, 48 3×3"."""
    return ", ".join(
        "{} {}×{} {}".format(*np.take(layer.conv.weights.shape, (0, 2, 3)), layer.pool or "").strip()
        for layer in arch.network.layers
    )


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


def color_shares(weights):
    """Return the fraction of the energy of each filter `(K, 3, kh, kw)` that is on the axes of color: `(K,)`.

    Energy is the sum of squared weights. The axes red–green (1, −1, 0) and blue–yellow (−1, −1, 2) are orthogonal to
    gray (1, 1, 1), which has the rest.
    """
    values = np.asarray(weights, np.float64)
    energy, gray = (values**2).sum(axis=(1, 2, 3)), (values.sum(axis=1) ** 2).sum(axis=(1, 2)) / 3
    return 1 - gray / np.maximum(energy, 1e-30)


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


def main():
    network = load_model(sys.argv[1])
    weights = network.layers[0].conv.weights
    of_filters = smoothness(weights)
    print(
        f"smoothness: mean {of_filters.mean():.3f}, median {np.median(of_filters):.3f}, "
        f"{(of_filters < 0.5).sum()} below 0.5"
    )
    if weights.shape[1] == 3:
        for name, layer in (("start", network.start.layers[0]), ("trained", network.layers[0])):
            shares = color_shares(layer.conv.weights)
            print(
                f"{name}: of {len(shares)} filters, {(shares > 0.8).sum()} have more than 80 % of their energy on the "
                f"axes of color, {(shares < 0.2).sum()} on that of gray"
            )


if __name__ == "__main__":
    main()
