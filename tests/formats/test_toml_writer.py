"""Filter files that are written: their text, which a person can read, and what they cannot hold."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfx.errors import ArgumentError
from cnnfx.formats.toml_file import parse_network
from cnnfx.formats.toml_schema import Location
from cnnfx.formats.toml_writer import HEADER, network_tables, toml_text
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from tests.formats.saved_networks import NETWORKS, conv, floats, names, one_layer

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def read(text: str) -> Network:
    return parse_network(tomllib.loads(text), Location("a.toml"), "a")


def test_a_layer_is_written_as_a_person_writes_it() -> None:
    weights = np.array([[[[-1, 0, 1], [-2, 0, 2]]], [[[0.25, 1e-9, -12], [3, 0.1, 0]]]], np.float32)
    layer = Layer(
        Conv(weights, np.array([0, 0.5], np.float32), ("*",), stride=(1, 2), padding="same", border="edge"),
        ("x", "2"),
        (
            Combination("x", "take", (0,)),
            Combination("2", "take", (1,)),
            Combination("size", "norm", (0, 1)),
        ),
        Activation("relu"),
        Pool("max", 3, 2, ceil=True),
    )
    network = one_layer(layer, description='A "test".', input=Input("rgb", (20, 30), mean=(0.1, 0.2, 0.3)))
    assert toml_text(network) == (
        HEADER
        + """\
name = "net"
description = "A \\"test\\"."
stride = [1, 2]
padding = "same"
border = "edge"
combine = [{ name = "size", kind = "norm", of = ["x", "2"] }]
activation = "relu"
pool = { kind = "max", size = 3, stride = 2, ceil = true }

[input]
channels = "rgb"
size = [20, 30]
mean = [0.1, 0.2, 0.3]

[[filter]]
name = "x"
weights = [[-1,  0,  1],
           [-2,  0,  2]]

[[filter]]
bias = 0.5
weights = [[ 0.25, 1e-09,   -12],
           [    3,   0.1,     0]]
"""
    )


def test_layers_have_a_comment_and_filters_a_matrix_for_each_channel() -> None:
    first = Layer(
        Conv(np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2), np.zeros(1, np.float32)), ("a b",), name="c/1"
    )
    second = Layer(Conv(np.ones((1, 1, 1, 1)), np.zeros(1), ("a b",)), ("1",), sources=("c/1",))
    text = toml_text(Network((first, second), "net"))
    assert (
        text.removeprefix(HEADER)
        == """\
name = "net"

# c/1: 1 filter of 2×2.
[[layer]]
name = "c/1"

[[layer.filter]]
name = "a b"
weights = [
  [[0, 1],
   [2, 3]],
  [[4, 5],
   [6, 7]],
]

# Layer 2: 1 filter of 1×1.
[[layer]]
from = "c/1"

[[layer.filter]]
[layer.filter.inputs]
"a b" = [[1]]
"""
    )


@settings(max_examples=40)
@given(arrays(np.float32, (2, 3, 2, 2), elements=FINITE), arrays(np.float32, 2, elements=FINITE))
def test_numbers_of_float32_are_read_back_exactly(weights, bias) -> None:
    conv = read(toml_text(one_layer(Layer(Conv(weights, bias), names(2))))).layers[0].conv
    np.testing.assert_array_equal(conv.weights.astype(np.float32), weights)
    np.testing.assert_array_equal(conv.bias.astype(np.float32), bias)


@settings(max_examples=40)
@given(arrays(np.float64, (2, 2, 1, 3), elements=st.floats(-1e30, 1e30)))
def test_numbers_of_float64_are_read_back_exactly(weights) -> None:
    conv = read(toml_text(one_layer(Layer(Conv(weights, np.zeros(2)), names(2))))).layers[0].conv
    np.testing.assert_array_equal(conv.weights, weights)


@settings(max_examples=40)
@given(arrays(np.float32, (4, 1, 1, 2), elements=FINITE), arrays(np.float32, 4, elements=FINITE))
def test_tensors_of_groups_and_slopes_are_read_back_exactly(weights, slopes) -> None:
    layer = Layer(Conv(weights, slopes, groups=2), names(4), (), Activation("prelu", tuple(map(float, slopes))))
    again = read(toml_text(one_layer(layer))).layers[0]
    np.testing.assert_array_equal(again.conv.weights, weights)
    np.testing.assert_array_equal(again.conv.bias, slopes)
    assert again.activation.slope == layer.activation.slope


@settings(max_examples=40)
@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_any_text_is_read_back(text) -> None:
    network = one_layer(Layer(conv(1, 1, 1, 1), ("a",)), description=text)
    assert read(toml_text(network)).description == network.description


def test_a_classifier_head_becomes_filters_as_large_as_the_maps() -> None:
    network = NETWORKS["model"]
    again = read(toml_text(network))
    assert again.head is None
    assert again.layers[-1].channel_names == again.classes == ("no", "yes")
    assert again.layers[-1].conv.weights.shape == (2, *network.head.shape)
    assert (again.input.channels, again.input.size) == ("gray", network.training_shape[1:])


def test_a_name_that_is_no_file_name_gets_hyphens() -> None:
    assert read(toml_text(Network(NETWORKS["relu"].layers, "a/b:c\\d"))).name == "a-b-c-d"


def test_many_names_are_written_on_a_line_each() -> None:
    layer = Layer(conv(30, 1, 1, 1), tuple(f"class {number}" for number in range(30)), (), pool=Pool("mean", None))
    text = toml_text(Network((layer,), "net", classes=layer.filter_names))
    assert 'classes = [\n  "class 0",\n  "class 1",\n' in text
    assert read(text).classes == layer.filter_names


def test_a_background_is_read_back() -> None:
    network = one_layer(Layer(conv(1, 1, 1, 1), ("a",)), input=Input(background="#102030"))
    assert read(toml_text(network)).input == network.input


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            Layer(conv(2, 1, 1, 1), names(2), (Combination("b", "take", (1,)), Combination("a", "take", (0,)))),
            "layer 1 of net: its output channels are not those of all filters, followed by combinations, which is the "
            "order that filter files have.",
        ),
        (
            Layer(conv(2, 1, 1, 1), ("a", "a")),
            "a filter file cannot hold this network: it would be read with the error: layer 1: two filters are",
        ),
        (Layer(conv(1, 1, 1, 1), ("*",)), "a filter file cannot hold this network: "),
        (Layer(conv(1, 1, 1, 1), ("a",), name="12"), "a filter file cannot hold this network: "),
    ],
)
def test_what_a_filter_file_cannot_hold_is_named(layer, message) -> None:
    with pytest.raises(ArgumentError) as caught:
        toml_text(one_layer(layer))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("count", "made"), [(80_000, 0), (75_000, 1)])
def test_networks_that_are_too_large_are_refused_mostly_before_their_text_is_made(count, made, monkeypatch) -> None:
    monkeypatch.setattr("cnnfx.formats.toml_writer.MAX_TOML_BYTES", 1_000_000)
    tables = []
    monkeypatch.setattr("cnnfx.formats.toml_writer.network_tables", lambda one: tables.append(1) or network_tables(one))
    weights = np.full((1, 1, count // 10, 10), -0.12345678, np.float32)  # 13 bytes each, and 7 more for each row
    with pytest.raises(ArgumentError) as caught:
        toml_text(one_layer(Layer(Conv(weights, floats(1)), ("a",))))
    assert str(caught.value) == (
        f"net has {count:,} weights, too many for a filter file, which has at most 1 MB of text. Write fewer layers, "
        "or a model (.npz)."
    )
    assert len(tables) == made
