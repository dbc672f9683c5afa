"""Networks whose layers read several others: order, shapes, names, values and errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx import correlate
from cnnfx.errors import ArgumentError
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network

RANDOM = np.random.default_rng(5)


def filters(count, channels, size=1, **settings) -> dict[str, object]:
    """Return the arguments of a layer with random filters, called 1, 2 and so on."""
    weights, bias = RANDOM.normal(size=(count, channels, size, size)), RANDOM.normal(size=count)
    return {"conv": Conv(weights, bias, **settings), "filter_names": tuple(str(n + 1) for n in range(count))}


def fire() -> Network:
    """Return a network with one fire module, and classes from the mean of maps."""
    relu = Activation("relu")
    return Network(
        (
            Layer(**filters(4, 3, 3, stride=2), activation=relu, pool=Pool("max", 3, 2), name="first"),
            Layer(**filters(2, 4), activation=relu, name="squeeze"),
            Layer(**filters(3, 2), activation=relu, name="expand1", sources=("squeeze",)),
            Layer(**filters(2, 2, 3, padding="same"), activation=relu, name="expand3", sources=("squeeze",)),
            Layer(name="fire", sources=("expand1", "expand3")),
            Layer(**filters(6, 5), activation=relu, name="last"),
            Layer(pool=Pool("mean", None), name="classes"),
        ),
        "small",
        input=Input(channels="rgb", scale=2, mean=(1, 2, 3)),
        classes=tuple("abcdef"),
    )


def test_the_values_of_a_fire_module_are_those_of_its_steps() -> None:
    network, image = fire(), RANDOM.normal(size=(3, 21, 25))
    convs = [layer.conv for layer in network.layers]

    def step(x, index, **settings):
        return np.maximum(correlate(x, convs[index].weights, convs[index].bias, **settings), 0)

    x = step(image * 2 - np.array([1, 2, 3])[:, None, None], 0, stride=2)
    rows, columns = (x.shape[-2] - 3) // 2 + 1, (x.shape[-1] - 3) // 2 + 1
    pooled = np.array(
        [[[m[2 * y : 2 * y + 3, 2 * z : 2 * z + 3].max() for z in range(columns)] for y in range(rows)] for m in x]
    )
    squeezed = step(pooled, 1)
    joined = np.concatenate([step(squeezed, 2), step(squeezed, 3, padding="same")])
    maps = network.feature_maps(image)
    np.testing.assert_allclose(maps[4], joined, rtol=0, atol=1e-12)
    np.testing.assert_allclose(network.scores(image), step(joined, 5).mean(axis=(1, 2)), rtol=0, atol=1e-12)
    assert [each.shape for each in maps] == network.output_shapes(image.shape)
    assert network.probabilities(image).sum() == pytest.approx(1)


def test_only_the_wanted_layers_are_returned_for_images_and_batches() -> None:
    network, images = fire(), RANDOM.normal(size=(2, 3, 21, 25))
    found = network.forward(images, keep=[5, 2])
    assert list(found) == [2, 5]
    for number, maps in found.items():
        for image, one in zip(images, maps, strict=True):
            np.testing.assert_allclose(one, network.feature_maps(image)[number - 1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(network.scores(images)[1], network.scores(images[1]), rtol=0, atol=1e-12)


def test_layers_that_the_last_one_does_not_need_are_not_computed() -> None:
    upto = fire().upto(3)
    assert (upto.needed, upto.classes, upto.is_local) == ({0, 1, 2, 3}, (), True)
    assert fire().upto(4).needed == {0, 1, 2, 4}


def test_a_chain_is_of_layers_with_filters_that_read_the_one_before() -> None:
    layer = Layer(Conv(np.ones((1, 1, 3, 3)), np.zeros(1)), ("a",))
    assert Network((layer, layer)).is_chain
    assert not Network((layer, Layer(pool=Pool.parse("max:2")), layer)).is_chain
    assert not Network((replace(layer, name="first"), layer, replace(layer, sources=("first",)))).is_chain


def test_layers_have_numbers_names_and_sources() -> None:
    network = fire()
    assert network.layer_number("fire") == network.layer_number(5) == network.layer_number("5") == 5
    assert (network.sources(1), network.sources(4), network.sources(5)) == ((0,), (2,), (3, 4))
    assert (network.layer_title(5), network.layer_owner(5)) == ("fire", "layer fire of small")
    assert (network.maps_layer, network.is_local, network.is_chain, network.in_channels) == (6, False, False, 3)
    assert network.bind("rgb").layers[4].channel_names == ("1", "2", "3", "4", "5")
    with pytest.raises(ArgumentError) as error:
        network.layer_number("fires")
    assert str(error.value) == "There is no layer 'fires': small has 7 layers. Did you mean \"fire\"?"


def test_the_maps_of_a_classifier_are_those_before_its_layers_of_single_values() -> None:
    network = Network(
        (
            Layer(**filters(4, 1, 3), name="a"),
            Layer(pool=Pool("max", 2), name="b"),
            Layer(pool=Pool("mean", None), name="mean"),
            Layer(**filters(2, 4, 1), name="scores"),
        ),
        input=Input("gray", (8, 8)),
        classes=("no", "yes"),
    )
    assert network.maps_layer == 2
    assert replace(network, classes=()).maps_layer == 4
    assert replace(network, input=Input("gray", (4, 4))).maps_layer == 1
    assert replace(network, input=Input("gray", (3, 3)), layers=network.layers[:1]).maps_layer == 1


def test_a_residual_adds_the_input_and_a_gate_multiplies_by_maps_of_one_pixel() -> None:
    network = Network(
        (
            Layer(**filters(2, 2, 3, padding="same"), name="a"),
            Layer(name="sum", sources=("a", "input"), join="add"),
            Layer(pool=Pool("mean", None), activation=Activation("sigmoid"), name="gate"),
            Layer(name="gated", sources=("sum", "gate"), join="multiply"),
        )
    )
    image = RANDOM.normal(size=(2, 5, 6))
    a, total, gate, gated = network.feature_maps(image)
    np.testing.assert_array_equal(total, a + image)
    np.testing.assert_allclose(gate[:, 0, 0], (1 / (1 + np.exp(-total))).mean(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_array_equal(gated, total * gate)
    assert not network.is_local


def test_signs_are_known_through_joins_and_pooling() -> None:
    network = fire().bind("rgb")
    assert network.non_negative() == (True,) * 6
    assert network.non_negative(5) == (True,) * 5
    signed = Network(
        (
            Layer(**filters(1, 1), name="a"),
            Layer(**filters(1, 1), activation=Activation("relu"), name="b", sources=("input",)),
            Layer(sources=("a", "b"), pool=Pool("max", 2)),
        )
    ).bind(["gray"])
    assert signed.non_negative() == (False, True)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (("input", "a"), (True, True, False, False, False)),
        (("a", "input"), (False, False, False, True, True)),
        (("input", "a", "input"), (True, True, False, False, False, True, True)),
    ],
)
def test_signs_of_channels_beside_those_of_the_image_are_theirs(sources, expected) -> None:
    network = Network((Layer(**filters(3, 2), name="a"), Layer(sources=sources))).bind(["x", "y"])
    assert network.non_negative() == expected


def test_signs_are_found_quickly_in_a_network_with_many_paths() -> None:
    doubled = [Layer(name=f"sum{n}", sources=(f"sum{n - 1}", f"sum{n - 1}"), join="add") for n in range(1, 2000)]
    first = Layer(**filters(1, 1), activation=Activation("relu"), name="sum0")
    assert Network((first, *doubled)).bind(["gray"]).non_negative() == (True,)


def test_a_layer_without_filters_combines_the_channels_that_it_reads() -> None:
    combine = (Combination("edge", "norm", (0, 1)),)
    network = Network((Layer(**filters(2, 1), name="xy"), Layer(filter_names=("1", "2"), combine=combine)))
    image = RANDOM.normal(size=(1, 3, 4))
    maps = network.feature_maps(image)
    np.testing.assert_allclose(maps[1][0], np.hypot(*maps[0]), rtol=1e-12)
    assert network.bind(["gray"]).layers[-1].channel_names == ("edge",)


def chain_of(*parts: tuple[str, tuple[str, ...]]) -> Network:
    return Network(tuple(Layer(name=name, sources=sources) for name, sources in parts), "net")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            [("a", ()), ("b", ("A",))],
            "net: layer b reads 'A', which does not exist. Did you mean \"a\"?",
        ),
        ([("a", ("b",)), ("b", ("input",))], "net: layer a reads 'b', which comes after it. Move layer a below 'b'."),
        (
            [("a", ("c",)), ("b", ()), ("c", ("b",))],
            "net: layer a is part of a cycle: a reads c reads b reads a. A layer cannot read its own output.",
        ),
        (
            [("a", ("a",))],
            "net: layer a is part of a cycle: a reads a. A layer cannot read its own output.",
        ),
        (
            [("a", ()), ("a", ())],
            "net: layer 2 is called 'a', which is the name of layer 1, too. Give it another name.",
        ),
        (
            [("input", ())],
            "net: layer 1 is called 'input', which is the name of the image. Give it another name.",
        ),
    ],
)
def test_sources_that_cannot_be_read_are_refused(parts, message) -> None:
    with pytest.raises(ArgumentError) as error:
        chain_of(*parts)
    assert str(error.value) == message


def test_inputs_that_do_not_fit_together_name_the_layer() -> None:
    network = Network(
        (
            Layer(**filters(2, 1, 3), name="a"),
            Layer(**filters(2, 1, 1), name="b", sources=("input",)),
            Layer(name="both", sources=("a", "b")),
        ),
        "net",
    )
    with pytest.raises(ArgumentError) as error:
        network.output_shapes((1, 8, 9))
    assert str(error.value) == (
        "layer both of net: its inputs do not fit together (concat): a has 2 channels of 7×6, b has 2 channels of 9×8"
    )


def test_a_layer_comes_back_from_its_description() -> None:
    for layer in fire().bind("rgb").layers:
        data = layer.to_dict()
        weights = () if layer.conv is None else (layer.conv.weights, layer.conv.bias)
        assert Layer.from_dict(data, *weights).to_dict() == data


def test_a_softmax_at_the_end_is_not_part_of_the_scores() -> None:
    network = Network((Layer(**filters(3, 1), activation=Activation("softmax"), name="p"),), classes=("a", "b", "c"))
    image = RANDOM.normal(size=(1, 1, 1))
    np.testing.assert_allclose(network.probabilities(image), network.feature_maps(image)[0][:, 0, 0], rtol=1e-12)
