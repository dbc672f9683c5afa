"""Networks of one layer put side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.formats import load_network
from cnnfx.formats.kernel_text import parse_kernel
from cnnfx.nn.concat import Block, centerd, side_by_side, stack
from cnnfx.nn.layers import Activation, Combination, Conv, Pool
from cnnfx.nn.network import Layer, Network

IMAGE = np.random.default_rng(5).random((1, 19, 23))


def network(
    name: str, *filters: str, size: tuple[int, int] = (3, 3), depth: int = 1, inputs=("*",), **settings
) -> Network:
    weights = np.random.default_rng(len(filters)).normal(size=(len(filters), depth, *size))
    conv = Conv(weights, np.arange(len(filters), dtype=float), inputs, **settings)
    return Network((Layer(conv, filters),), name=name)


def changed(net: Network, **settings) -> Network:
    return replace(net, layers=(replace(net.layers[0], **settings),))


def refusal(*networks: Network) -> str:
    with pytest.raises(ArgumentError) as caught:
        side_by_side(networks)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "at"), [(1, 3, 1), (3, 5, 1), (2, 3, 1), (2, 4, 1), (3, 4, 0), (1, 4, 1), (4, 7, 2)]
)
def test_a_kernel_is_centerd_so_that_its_anchor_stays(old, new, at):
    result = centerd(np.ones((1, old)), (1, new))
    assert np.flatnonzero(result).tolist() == list(range(at, at + old))
    assert at + (old - 1) // 2 == (new - 1) // 2


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 2), (3, 5)])
def test_a_centerd_kernel_gives_the_same_maps_with_same_padding(size):
    small = network("a", "f", size=size, padding="same")
    large = network("b", "g", size=(6, 7), padding="same")
    alone = [net.feature_maps(IMAGE)[0] for net in (small, large)]
    together = side_by_side([small, large]).feature_maps(IMAGE)[0]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-12)


def test_the_channels_stand_in_the_order_of_the_networks():
    merged = side_by_side([load_network("sobel"), load_network("edges"), parse_kernel("1 2; 3 4")])
    assert merged.name == "sobel+edges+kernel"
    assert merged.layers[0].channel_names == ("x", "y", "magnitude", "top", "left", "bottom", "right", "kernel")
    assert merged.layers[0].filter_names == ("x", "y", "top", "left", "bottom", "right", "kernel")


def test_the_merged_maps_are_those_of_each_network():
    nets = [load_network(name) for name in ("edges", "sobel", "scharr", "identity")]
    expected = np.concatenate([net.feature_maps(IMAGE)[0] for net in nets])
    np.testing.assert_allclose(side_by_side(nets).feature_maps(IMAGE)[0], expected, atol=1e-12)


def test_only_names_that_clash_get_their_networks_name():
    merged = side_by_side([load_network("sobel"), load_network("scharr"), load_network("box")])
    assert merged.layers[0].channel_names == (
        "sobel.x", "sobel.y", "sobel.magnitude", "scharr.x", "scharr.y", "scharr.magnitude", "box",
    )  # fmt: skip


def test_networks_without_combinations_need_none():
    assert side_by_side([load_network("edges"), load_network("box")]).layers[0].combine == ()


def test_biases_follow_their_filters():
    assert side_by_side([network("a", "p", "q"), network("b", "r")]).layers[0].conv.bias.tolist() == [0, 1, 0]


def test_what_is_known_of_the_networks_is_joined():
    merged = side_by_side([load_network("box"), load_network("identity")])
    assert merged.description == "The mean of 3×3 pixels: the simplest blur. Gives the image back: the unit impulse."
    assert merged.source.startswith("M. J. McDonnell")
    assert "; Alan V. Oppenheim" in merged.source


def test_a_single_network_is_given_back_as_it_is():
    deep = network("a", "f").then(network("b", "g"))
    assert side_by_side([deep]) is deep


def test_flat_kernels_are_repeated_beside_positional_ones():
    flat, deep = network("flat", "f"), network("deep", "g", depth=3, inputs=None)
    conv = side_by_side([flat, deep]).layers[0].conv
    assert conv.inputs is None
    assert conv.weights.shape == (2, 3, 3, 3)
    np.testing.assert_array_equal(conv.weights[0], np.repeat(flat.layers[0].conv.weights[0], 3, axis=0))


def test_flat_kernels_and_named_slices_keep_to_themselves():
    named, flat = network("named", "g", depth=2, inputs=("b", "a")), network("flat", "f")
    merged = side_by_side([named, flat])
    assert merged.layers[0].conv.inputs == ("b", "a", "*")
    image = np.random.default_rng(1).random((3, 8, 9))
    expected = [net.bind("abc").layers[0].forward(image) for net in (named, flat)]
    np.testing.assert_allclose(merged.bind("abc").layers[0].forward(image), np.concatenate(expected), atol=1e-12)


def test_positional_and_named_slices_are_refused():
    assert refusal(network("deep", "f", depth=2, inputs=None), network("named", "g", inputs=("a",))) == (
        "deep gives a matrix per input channel in order, named by the channels' names. "
        "Within a layer write one or the other."
    )


def test_depths_that_differ_are_refused():
    assert refusal(network("a", "f", depth=3, inputs=None), network("b", "g", depth=1, inputs=None)) == (
        "a has 3 input channels, b has 1 input channel. All filters of a layer look at the same channels."
    )


def test_deeper_networks_are_refused():
    assert refusal(network("a", "f"), network("b", "g").then(network("c", "h"))) == (
        "b-c has 2 layers; only networks of one layer can stand side by side. To stack it on the others, use --then."
    )


def test_nothing_is_refused():
    assert refusal() == "There is no network to put side by side with others."


@pytest.mark.parametrize(
    ("other", "setting", "one", "two"),
    [
        (network("b", "g", stride=(2, 1)), "stride", "1×1", "2×1"),
        (network("b", "g", dilation=2), "dilation", "1×1", "2×2"),
        (network("b", "g", padding="same"), "padding", "valid", "same"),
        (network("b", "g", padding=((0, 0), (0, 2))), "padding", "valid", "((0, 0), (0, 2))"),
        (network("b", "g", border="wrap"), "border", "constant", "wrap"),
        (changed(network("b", "g"), activation=Activation("relu")), "activation", "none", "relu"),
        (changed(network("b", "g"), pool=Pool("max", 2)), "pool", "none", "max:2"),
        (replace(network("b", "g"), mean=0.5), "mean", "0", "0.5"),
        (replace(network("b", "g"), std=0.25), "std", "1", "0.25"),
    ],
)
def test_settings_that_differ_are_refused(other, setting, one, two):
    assert refusal(network("a", "f"), other) == (
        f"a and b cannot stand side by side: {setting} is {one} in a and {two} in b. "
        "Make them the same, or stack them with --then."
    )


def test_settings_written_differently_are_the_same():
    first = network("a", "f", stride=2, border="mirror", padding=1)
    second = network("b", "g", stride=(2, 2), border="reflect", padding=((1, 1), (1, 1)))
    assert len(side_by_side([first, second]).layers[0].channel_names) == 2


def test_the_same_network_twice_is_refused():
    assert refusal(load_network("edges"), load_network("edges")) == (
        'Two filters would be called "edges.top". Give each network once; two that have the same name need different '
        "names in their files."
    )


def test_a_combination_keeps_to_its_own_filters_behind_others():
    second = changed(network("b", "p", "q"), combine=(Combination("m", "max", (1, 0)),))
    merged = side_by_side([network("a", "f", "g", "h"), second]).layers[0]
    assert merged.combine[-1] == Combination("m", "max", (4, 3))


def test_a_layer_has_a_largest_size():
    with pytest.raises(ArgumentError) as caught:
        stack([Block("a", np.zeros((1, 1, 9000, 1))), Block("b", np.zeros((1, 1, 1, 9000)))])
    assert str(caught.value) == "2 filters of 9000×9000 on 1 input channel are more than 67,108,864 weights."
