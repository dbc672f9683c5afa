"""Random models of Keras give what Keras itself predicts; only where Keras and PyTorch are installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnfx.formats import load_network

MODELS = 4
"""The number of random models. Several hundred were compared by hand."""


@pytest.fixture(scope="module")
def keras() -> Any:
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


class ModelMaker:
    """Makes random models: chains and branches of the layers that are supported."""

    def __init__(self, keras: Any, seed: int) -> None:
        self.keras, self.layers, self.rng = keras, keras.layers, np.random.default_rng(seed)
        self.first = bool(self.rng.random() < 0.2)
        self.format = "channels_first" if self.first else "channels_last"
        self.axis = 1 if self.first else -1
        self.largest = 1  # value of the images

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    def sides(self, x: Any) -> tuple[int, int]:
        return tuple(x.shape[2:] if self.first else x.shape[1:3])

    def channels(self, x: Any) -> int:
        return int(x.shape[self.axis])

    def activation(self) -> str | None:
        return self.pick(
            None, None, "relu", "relu", "relu6", "sigmoid", "tanh", "hard_sigmoid", "hard_silu", "silu", "leaky_relu"
        )

    def filters(self, x: Any) -> Any:
        layers, size = self.layers, [min(int(self.rng.integers(1, 5)), side) for side in self.sides(x)]
        padding = self.pick("valid", "same")
        steps: dict[str, Any] = {"strides": int(self.rng.integers(1, 3))}
        settings = {
            "padding": padding, "use_bias": self.chance(0.7), "activation": self.activation(),
            "data_format": self.format, "bias_initializer": "random_normal",
        }  # fmt: skip
        if steps["strides"] == 1 and padding == "same" and self.chance(0.3):
            steps = {"dilation_rate": 2}
        kind = self.pick("conv", "conv", "groups", "depthwise", "separable")
        count = int(self.rng.integers(2, 9))
        if kind == "depthwise":
            return layers.DepthwiseConv2D(size, depth_multiplier=int(self.rng.integers(1, 3)), **settings, **steps)(x)
        if kind == "separable":
            return layers.SeparableConv2D(count, size, **settings, **steps)(x)
        groups = self.channels(x) if kind == "groups" else 1
        return layers.Conv2D(count * groups, size, groups=groups, **settings, **steps)(x)

    def step(self, x: Any) -> Any:
        layers = self.layers
        height, width = self.sides(x)
        options = {"data_format": self.format}
        kind = self.pick(
            "filters", "filters", "filters", "norm", "norm", "activation", "pool", "pad", "add", "concat", "gate",
            "dropout", "model",
        )  # fmt: skip
        if kind == "filters":
            return self.filters(x)
        if kind == "norm":
            return layers.BatchNormalization(axis=self.axis, scale=self.chance(0.7), center=self.chance(0.7))(x)
        if kind == "activation":
            shared = [2, 3] if self.first else [1, 2]
            return self.pick(
                layers.ReLU(), layers.ReLU(max_value=6), layers.ReLU(negative_slope=0.2), layers.LeakyReLU(),
                layers.PReLU(shared_axes=shared, alpha_initializer="random_normal"), layers.Softmax(axis=self.axis),
                layers.Activation("tanh"),
            )(x)  # fmt: skip
        if kind == "pool" and min(height, width) > 1:
            size = int(self.rng.integers(2, min(height, width, 4) + 1))
            pool = self.pick(layers.MaxPooling2D, layers.AveragePooling2D)
            return pool(size, self.pick(None, 1, 2), self.pick("valid", "same"), **options)(x)
        if kind == "pad":
            pads = ((1, 0), (2, 1)) if self.chance(0.5) else int(self.rng.integers(0, 3))
            return layers.ZeroPadding2D(pads, **options)(x)
        count = self.channels(x)
        same: Any = lambda: layers.Conv2D(  # noqa: E731 # short names for a branch
            count, self.pick(1, 3), padding="same", activation=self.activation(), **options
        )
        if kind == "add":
            return self.pick(layers.Add(), layers.Average(), layers.Subtract())([same()(x), self.pick(x, same()(x))])
        if kind == "concat":
            return layers.Concatenate(axis=self.axis)([x, same()(x)][:: self.pick(1, -1)])
        if kind == "gate":
            gate = layers.GlobalAveragePooling2D(keepdims=True, **options)(x)
            return layers.Multiply()([x, layers.Conv2D(count, 1, activation="sigmoid", **options)(gate)])
        if kind == "model":
            inner = self.keras.Input(x.shape[1:])
            result = layers.Conv2D(count, 3, padding="same", **options)(inner)
            result = layers.BatchNormalization(axis=self.axis)(result)
            return self.keras.Model(inner, layers.Add()([inner, result]))(x)
        return layers.Dropout(0.5)(x)

    def model(self) -> Any:
        layers, sides = self.layers, [int(side) for side in self.rng.integers(9, 24, 2)]
        image = self.keras.Input((3, *sides) if self.first else (*sides, 3))
        x = image
        if self.chance(0.3):
            self.largest = self.pick(255, 1)
            x = layers.Rescaling(2 / self.largest, self.pick(0.0, -1.0))(x)
        for _ in range(self.rng.integers(2, 9)):
            x = self.step(x)
        end = self.pick("maps", "flatten", "flatten", "mean", "max")
        if end in ("mean", "max"):
            pool = layers.GlobalAveragePooling2D if end == "mean" else layers.GlobalMaxPooling2D
            x = pool(data_format=self.format)(x)
        if end == "flatten":
            x = layers.Flatten(data_format=self.pick(self.format, "channels_last"))(x)
            x = layers.Dense(5, activation="relu")(x)
            x = layers.BatchNormalization()(x)
        if end != "maps":
            x = layers.Dense(4, activation=self.pick("softmax", None))(x)
        model = self.keras.Model(image, x)
        for weight in model.weights:  # the values of normalizations as after training
            if weight.name in ("gamma", "beta", "moving_mean", "moving_variance"):
                weight.assign(self.rng.uniform(0.5, 1.5, weight.shape))
        return model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(MODELS))
@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_a_random_model_gives_what_keras_predicts(keras: Any, tmp_path: Path, seed: int, ending: str) -> None:
    maker = ModelMaker(keras, seed)
    model = maker.model()
    model.save(tmp_path / f"model{ending}")
    network = load_network(tmp_path / f"model{ending}")

    channels, *sides = (3, *model.input_shape[2:]) if maker.first else (3, *model.input_shape[1:3])
    images = maker.rng.random((2, channels, *sides), dtype=np.float32)
    given = images * maker.largest
    expected = np.asarray(model(given if maker.first else given.transpose(0, 2, 3, 1)).detach())
    if expected.ndim == 4 and not maker.first:
        expected = expected.transpose(0, 3, 1, 2)
    found = network.feature_maps(images)[-1].reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())
