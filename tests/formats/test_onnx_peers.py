"""Random networks of PyTorch, exported to ONNX, equal onnxruntime; where both are installed."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnfx

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")
nn = torch.nn

COUNT = 4
"""The number of random networks; the exporters take most of the time."""
OLD_VERSIONS = (9, 11, 13, 17, 20)
"""Versions of operators that the older exporter writes."""


class Mean(nn.Module):
    """The mean over rows and columns."""

    def forward(self, maps: Any) -> Any:
        return maps.mean((2, 3))


class Normalize(nn.Module):
    """A normalization of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.rand(1, 3, 1, 1))
        self.register_buffer("std", torch.rand(1, 3, 1, 1) + 0.5)

    def forward(self, image: Any) -> Any:
        return (image - self.mean) / self.std


class Flattened(nn.Module):
    """A view of maps as a vector, by the size of the batch."""

    def forward(self, maps: Any) -> Any:
        return maps.view(maps.size(0), -1)


class Residual(nn.Module):
    """The input added to, multiplied by, subtracted from, or beside that of other layers."""

    def __init__(self, inside: Any, how: str) -> None:
        super().__init__()
        self.inside, self.how = inside, how

    def forward(self, maps: Any) -> Any:
        inner = self.inside(maps)
        if self.how == "concat":
            return torch.cat([maps, inner, maps], 1)
        if self.how == "subtract":
            return maps - inner
        return maps + inner if self.how == "add" else maps * inner


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int, sigmoid: Any) -> None:
        super().__init__()
        self.pool, self.fc, self.sigmoid = nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1), sigmoid

    def forward(self, maps: Any) -> Any:
        return maps * self.sigmoid(self.fc(self.pool(maps)))


def activation(rng: np.random.Generator, channels: int) -> Any:
    kinds = [
        nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.PReLU(channels), nn.PReLU(), nn.Sigmoid(), nn.Tanh(),
        nn.Hardsigmoid(), nn.Hardswish(), nn.SiLU(), nn.Hardtanh(-0.4, 0.7), nn.Identity(), nn.Softmax(1),
        nn.Dropout(),
    ]  # fmt: skip
    return kinds[rng.integers(len(kinds))]


def conv(rng: np.random.Generator, channels: int, out: int, *, same: bool = False) -> Any:
    kernel = 2 * rng.integers(0, 3, 2) + 1 if same else rng.integers(1, 5, 2)
    dilation = rng.integers(1, 3, 2)
    padding = (kernel - 1) * dilation // 2 if same else rng.integers(0, 3, 2)
    mode = ["zeros", "zeros", "reflect", "replicate"][rng.integers(4)] if not same else "zeros"
    stride = (1, 1) if same else rng.integers(1, 3, 2)
    groups = [1, channels][rng.integers(2)] if out % channels == 0 else 1
    sizes = [tuple(map(int, each)) for each in (kernel, stride, padding, dilation)]
    bias = bool(rng.integers(2))
    return nn.Conv2d(channels, out, sizes[0], sizes[1], sizes[2], sizes[3], int(groups), bias, mode)


def pooling(rng: np.random.Generator) -> Any:
    size, stride, ceil = (int(each) for each in (rng.integers(2, 4), rng.integers(1, 3), rng.integers(2)))
    padding = int(rng.integers(0, size // 2 + 1))
    if rng.integers(2):
        return nn.MaxPool2d(size, stride, padding, ceil_mode=bool(ceil))
    return nn.AvgPool2d(size, stride, padding, False, bool(rng.integers(2)))


def normalization(channels: int) -> Any:
    norm = nn.BatchNorm2d(channels)
    for values, low, high in ((norm.running_mean, -1, 1), (norm.running_var, 0.5, 2), (norm.weight, -2, 2)):
        nn.init.uniform_(values, low, high)
    return norm


def random_network(seed: int) -> Any:
    """Return a random network of PyTorch on images of 3 channels.

    PyTorch writes neither circular padding nor local response normalization as one operator, so there is none.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    while True:
        try:
            return _random_layers(rng)
        except RuntimeError:  # the image is too small for it
            continue


def _random_layers(rng: np.random.Generator) -> Any:
    layers, channels = [Normalize()] if rng.integers(2) else [], 3
    for _ in range(rng.integers(2, 6)):
        out = int(rng.integers(1, 4)) * channels if rng.integers(2) else int(rng.integers(2, 9))
        out = min(out, 24 // channels * channels or out)
        layers += [conv(rng, channels, out), *([normalization(out)] if rng.integers(2) else []), activation(rng, out)]
        channels = out
        choice = rng.integers(4)
        if choice == 0:
            how = ["concat", "add", "multiply", "subtract"][rng.integers(4)]
            inside = nn.Sequential(conv(rng, channels, channels, same=True), activation(rng, channels))
            layers.append(Residual(inside, how))
            channels *= 3 if how == "concat" else 1
        elif choice == 1:
            layers.append(pooling(rng))
        elif choice == 2:
            layers.append(Gate(channels, nn.Sigmoid() if rng.integers(2) else nn.Hardsigmoid()))
    with torch.no_grad():
        maps = nn.Sequential(*layers).eval()(torch.zeros(1, 3, 33, 27))
    end = rng.integers(4)
    if end == 1:
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5), nn.Softmax(1)]
    elif end == 2:
        layers += [Mean(), nn.Linear(channels, 7), nn.ReLU(), nn.Linear(7, 5, bias=False)]
    elif end == 3:
        layers += [Flattened() if rng.integers(2) else nn.Flatten(), nn.Linear(maps.numel(), 6)]
    return nn.Sequential(*layers).eval()


def export(path: Path, network: Any, image: Any, seed: int, exporter: str) -> None:
    """Write a network with the older or the newer exporter of PyTorch."""
    options: dict[str, Any] = {"dynamo": True, "external_data": False}
    if exporter == "old":
        axes = {0: "batch"} if seed % 2 else {}
        options = {"dynamo": False, "opset_version": OLD_VERSIONS[seed % 5], "dynamic_axes": {"image": axes}}
        options["input_names"] = ["image"]
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (image,), str(path), **options)


@pytest.mark.parametrize("exporter", ["old", "new"])
@pytest.mark.parametrize("seed", range(COUNT))
def test_a_random_network_of_pytorch_equals_onnxruntime(seed: int, exporter: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    network, image = random_network(seed), torch.rand(1, 3, 33, 27, generator=torch.Generator().manual_seed(seed))
    export(path, network, image, seed, exporter)
    session = onnxruntime.InferenceSession(path)
    (expected,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    loaded = cnnfx.load_network(path)
    found = loaded.forward(image.numpy())[len(loaded.layers)].reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max())
