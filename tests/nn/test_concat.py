"""Concatenation of networks of one layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.formats import load_network
from cnnfx.formats.kernel_text import parse_kernel
from cnnfx.nn.concat import Filters, center, concat, concat_filters
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network

IMAGE = np.random.default_rng(5).random((1, 19, 23))


def network(
    name: str, *filters: str, size: tuple[int, int] = (3, 3), channels: int = 1, inputs=("*",), **settings
) -> Network:
    weights = np.random.default_rng(len(filters)).normal(size=(len(filters), channels, *size))
    conv = Conv(weights, np.arange(len(filters), dtype=float), inputs, **settings)
    return Network((Layer(conv, filters),), name=name)


def with_settings(net: Network, **settings) -> Network:
    return replace(net, layers=(replace(net.layers[0], **settings),))


def refusal(*networks: Network) -> str:
    with pytest.raises(ArgumentError) as caught:
        concat(networks)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "at"), [(1, 3, 1), (3, 5, 1), (2, 3, 1), (2, 4, 1), (3, 4, 0), (1, 4, 1), (4, 7, 2)]
)
def test_a_kernel_is_centered_so_that_its_middle_stays(old, new, at):
    result = center(np.ones((1, old)), (1, new))
    assert np.flatnonzero(result).tolist() == list(range(at, at + old))
    assert at + (old - 1) // 2 == (new - 1) // 2


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 2), (3, 5)])
def test_a_centered_kernel_gives_the_same_maps_with_same_padding(size):
    small = network("a", "f", size=size, padding="same")
    large = network("b", "g", size=(6, 7), padding="same")
    alone = [net.feature_maps(IMAGE)[0] for net in (small, large)]
    together = concat([small, large]).feature_maps(IMAGE)[0]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-12)


def test_the_channels_are_in_the_order_of_the_networks():
    joined = concat([load_network("sobel"), load_network("edges"), parse_kernel("1 2; 3 4")])
    assert joined.name == "sobel+edges+kernel"
    assert joined.layers[0].channel_names == ("x", "y", "magnitude", "top", "left", "bottom", "right", "kernel")
    assert joined.layers[0].filter_names == ("x", "y", "top", "left", "bottom", "right", "kernel")


def test_the_maps_are_those_of_each_network():
    nets = [load_network(name) for name in ("edges", "sobel", "scharr", "identity")]
    expected = np.concatenate([net.feature_maps(IMAGE)[0] for net in nets])
    np.testing.assert_allclose(concat(nets).feature_maps(IMAGE)[0], expected, atol=1e-12)


def test_only_names_that_clash_are_prefixed_with_the_name_of_the_network():
    joined = concat([load_network("sobel"), load_network("scharr"), load_network("box")])
    assert joined.layers[0].channel_names == (
        "sobel.x", "sobel.y", "sobel.magnitude", "scharr.x", "scharr.y", "scharr.magnitude", "box",
    )  # fmt: skip


def test_networks_without_combinations_give_a_layer_without_any():
    assert concat([load_network("edges"), load_network("box")]).layers[0].combine == ()


def test_biases_stay_with_their_filters():
    assert concat([network("a", "p", "q"), network("b", "r")]).layers[0].conv.bias.tolist() == [0, 1, 0]


def test_descriptions_and_sources_are_joined():
    joined = concat([load_network("box"), load_network("identity")])
    assert joined.description == "The mean of 3×3 pixels: the simplest blur. The image unchanged: the unit impulse."
    assert joined.source.startswith("M. J. McDonnell")
    assert "; Alan V. Oppenheim" in joined.source


def test_a_single_network_is_returned_unchanged():
    deep = network("a", "f").then(network("b", "g"))
    assert concat([deep]) is deep


def test_a_kernel_for_all_channels_is_repeated_beside_kernels_per_channel():
    flat, deep = network("flat", "f"), network("deep", "g", channels=3, inputs=None)
    conv = concat([flat, deep]).layers[0].conv
    assert conv.inputs is None
    assert conv.weights.shape == (2, 3, 3, 3)
    np.testing.assert_array_equal(conv.weights[0], np.repeat(flat.layers[0].conv.weights[0], 3, axis=0))


def test_a_kernel_for_all_channels_and_kernels_for_named_channels_do_not_mix():
    named, flat = network("named", "g", channels=2, inputs=("b", "a")), network("flat", "f")
    joined = concat([named, flat])
    assert joined.layers[0].conv.inputs == ("b", "a", "*")
    image = np.random.default_rng(1).random((3, 8, 9))
    expected = [net.bind("abc").layers[0].forward(image) for net in (named, flat)]
    np.testing.assert_allclose(joined.bind("abc").layers[0].forward(image), np.concatenate(expected), atol=1e-12)


def test_kernels_in_order_and_kernels_by_name_are_refused():
    assert refusal(network("deep", "f", channels=2, inputs=None), network("named", "g", inputs=("a",))) == (
        "deep gives a matrix per input channel in order, named by the channels' names. "
        "Within a layer write one or the other."
    )


def test_different_numbers_of_input_channels_are_refused():
    assert refusal(network("a", "f", channels=3, inputs=None), network("b", "g", channels=1, inputs=None)) == (
        "a has 3 input channels, b has 1 input channel. All filters of a layer must have the same input channels."
    )


def test_networks_of_several_layers_are_refused():
    assert refusal(network("a", "f"), network("b", "g").then(network("c", "h"))) == (
        "b-c has 2 layers; only networks of one layer can be concatenated."
    )


def test_no_network_is_refused():
    assert refusal() == "There is no network to concatenate."


@pytest.mark.parametrize(
    ("other", "setting", "one", "two"),
    [
        (network("b", "g", stride=(2, 1)), "stride", "1", "2,1"),
        (network("b", "g", dilation=2), "dilation", "1", "2"),
        (network("b", "g", padding="same"), "padding", "valid", "same"),
        (network("b", "g", padding=((0, 0), (0, 2))), "padding", "valid", "((0, 0), (0, 2))"),
        (network("b", "g", border="wrap"), "border", "constant", "wrap"),
        (with_settings(network("b", "g"), activation=Activation("relu")), "activation", "none", "relu"),
        (with_settings(network("b", "g"), pool=Pool("max", 2)), "pool", "none", "max:2"),
        (replace(network("b", "g"), input=Input(mean=0.5)), "mean", "0", "0.5"),
        (replace(network("b", "g"), input=Input(std=0.25)), "std", "1", "0.25"),
    ],
)
def test_different_settings_are_refused(other, setting, one, two):
    assert refusal(network("a", "f"), other) == (
        f"a and b cannot be concatenated: {setting} is {one} in a and {two} in b. "
        "Make them the same, or apply one after the other."
    )


def test_two_spellings_of_a_setting_are_the_same():
    first = network("a", "f", stride=2, border="mirror", padding=1)
    second = network("b", "g", stride=(2, 2), border="reflect", padding=((1, 1), (1, 1)))
    assert len(concat([first, second]).layers[0].channel_names) == 2


def test_the_same_network_twice_is_refused():
    assert refusal(load_network("edges"), load_network("edges")) == (
        'Two filters would be called "edges.top". Give each network once; two that have the same name need different '
        "names in their files."
    )


def test_a_combination_of_a_later_network_is_made_from_its_own_filters():
    second = with_settings(network("b", "p", "q"), combine=(Combination("m", "max", (1, 0)),))
    joined = concat([network("a", "f", "g", "h"), second]).layers[0]
    assert joined.combine[-1] == Combination("m", "max", (4, 3))


def test_a_layer_with_too_many_weights_is_refused():
    with pytest.raises(ArgumentError) as caught:
        concat_filters([Filters("a", np.zeros((1, 1, 9000, 1))), Filters("b", np.zeros((1, 1, 1, 9000)))])
    assert (
        str(caught.value)
        == "a layer of 2 filters of 9000×9000 on 1 input channel: it has 162,000,000 weights; the limit is 16,777,216."
    )
