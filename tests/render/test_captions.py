"""Captions of images, networks and layers."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.captions import filters_caption, image_caption, layer_caption, picture_caption


def layer(count: int, height: int, width: int, activation: str = "none", pool: Pool | None = None, **conv) -> Layer:
    weights, bias = np.ones((count, 1, height, width), np.float32), np.zeros(count, np.float32)
    return Layer(Conv(weights, bias, **conv), tuple(map(str, range(count))), (), Activation(activation), pool)


def test_an_image_is_named_without_its_folder_and_has_width_by_height() -> None:
    assert image_caption(Image("photos/cat.png", np.zeros((3, 20, 30), np.uint8), ("r", "g", "b"))) == "cat.png 30×20"
    assert image_caption(Image("standard input", np.zeros((1, 2, 1)), ("gray",))) == "standard input 1×2"


@pytest.mark.parametrize(
    ("given", "caption"),
    [
        (layer(1, 3, 3), "1 filter of 3×3"),
        (layer(4, 3, 5), "4 filters of 5×3"),
        (layer(2, 3, 3, stride=2), "2 filters of 3×3, stride 2"),
        (layer(2, 3, 3, stride=(1, 3), dilation=2), "2 filters of 3×3, stride 1,3, dilation 2"),
    ],
)
def test_filters_are_counted_with_their_size_and_steps(given: Layer, caption: str) -> None:
    assert filters_caption(given) == caption


@pytest.mark.parametrize(
    ("inputs", "ending"),
    [(["*"], ""), (["red", "green", "blue"], " · on red, green and blue"), (list("abcd"), " · on 4 input channels")],
)
def test_several_input_channels_are_listed_or_counted(inputs: list[str], ending: str) -> None:
    assert filters_caption(layer(1, 3, 3), inputs) == f"1 filter of 3×3{ending}"


def test_a_layer_is_described_from_its_filters_to_its_maps() -> None:
    assert layer_caption(layer(4, 3, 3), (4, 20, 26)) == "4 filters of 3×3 → 4 maps of 26×20"
    described = layer_caption(layer(8, 3, 3, "relu", Pool("max", 2)), (8, 13, 13))
    assert described == "8 filters of 3×3 · ReLU · max pooling 2×2 → 8 maps of 13×13"
    assert layer_caption(layer(1, 3, 3, "abs"), (1, 1, 1)) == "1 filter of 3×3 · absolute value → 1 map of 1×1"


def test_a_picture_of_one_layer_names_image_network_and_layer() -> None:
    image = Image("a.png", np.zeros((1, 20, 30), np.uint8), ("gray",))
    one = Network((layer(4, 3, 3),), "edges")
    assert picture_caption(image, 1, FeatureMaps(one, image)) == (
        "a.png 30×20 · edges: 4 filters of 3×3 → 4 maps of 28×18"
    )
    two = Network((layer(1, 3, 3), layer(4, 3, 3)), "deep")
    assert picture_caption(image, 2, FeatureMaps(two, image)) == (
        "a.png 30×20 · deep, layer 2: 4 filters of 3×3 → 4 maps of 26×16"
    )
