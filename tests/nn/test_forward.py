"""The forward pass: every layer as its steps give it, joins without copies, and no array that is read is changed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from cnnfx.nn.forward import forward_layers, joined_places
from cnnfx.nn.layers import Activation, Layer
from tests.nn.graphs import conv, graphs, numbers


def one_by_one(network, image) -> list[np.ndarray]:
    """Return the maps of all layers, each computed from copies by its parts."""
    maps = [network.normalize(image)]
    for number, layer in enumerate(network.layers, 1):
        read = layer.join_inputs([maps[each].copy() for each in network.sources(number)])
        maps.append(layer.finish(read if layer.conv is None else layer.conv.forward(read)))
    return maps[1:]


def filters(count, channels, activation="relu", **settings) -> Layer:
    return Layer(conv(count, channels), numbers(count), activation=Activation(activation), **settings)


def fan(*joins) -> list[Layer]:
    """Return two layers "a" and "b" that read the image, and layers that join them."""
    first = [filters(2, 3, name="a", sources=("input",)), filters(3, 3, "tanh", name="b", sources=("input",))]
    return [*first, *joins]


def sources_of(layers) -> list[tuple[int, ...]]:
    number = {"input": 0, **{layer.name: index for index, layer in enumerate(layers, 1)}}
    return [tuple(number[name] for name in layer.sources) for layer in layers]


@settings(max_examples=150)
@given(graphs())
def test_all_layers_are_what_their_parts_give_one_by_one(drawn) -> None:
    network, image = drawn
    pixels = image.floats()
    found = network.feature_maps(pixels)
    for maps, expected in zip(found, one_by_one(network, pixels), strict=True):
        np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=60)
@given(graphs())
def test_a_batch_gives_the_maps_of_its_images(drawn) -> None:
    network, image = drawn
    batch = np.stack([image.floats(), image.floats()[..., ::-1] * 0.5])
    together = network.feature_maps(batch)
    for index, pixels in enumerate(batch):
        for maps, alone in zip(together, one_by_one(network, pixels), strict=True):
            np.testing.assert_allclose(maps[index], alone, rtol=1e-4, atol=1e-5)


def test_the_sources_of_a_join_write_to_one_array() -> None:
    layers = fan(Layer(name="both", sources=("b", "a"), filter_names=numbers(5)))
    image = np.random.default_rng(0).normal(size=(3, 6, 7))
    maps = forward_layers(layers, sources_of(layers), image, [1, 2, 3])
    assert maps[3].dtype == np.float64
    assert np.shares_memory(maps[1], maps[3])
    assert np.shares_memory(maps[2], maps[3])
    np.testing.assert_array_equal(maps[3], np.concatenate([layers[1].forward(image), layers[0].forward(image)]))


def test_joins_that_share_a_source_or_read_the_image_copy() -> None:
    shared = fan(
        Layer(name="c", sources=("a", "b"), filter_names=numbers(5)),
        Layer(name="d", sources=("b", "a"), filter_names=numbers(5)),
        Layer(name="e", sources=("c", "input"), filter_names=numbers(8)),
    )
    assert joined_places(shared, sources_of(shared), range(1, 6)) == {}
    added = fan(Layer(name="c", sources=("a", "b"), join="add", filter_names=numbers(2)))
    assert joined_places(added, sources_of(added), range(1, 4)) == {}


def test_a_join_of_known_maps_copies() -> None:
    layers = fan(Layer(name="c", sources=("a", "b"), filter_names=numbers(5)))
    image = np.random.default_rng(0).normal(size=(3, 6, 7))
    known = {1: layers[0].forward(image)}
    maps = forward_layers(layers, sources_of(layers), image, [3], known)
    np.testing.assert_array_equal(maps[3][:2], known[1])


def test_maps_that_a_layer_without_filters_reads_stay_as_they_are() -> None:
    layers = [
        filters(4, 3, "none", name="a", sources=("input",)),
        Layer(name="b", sources=("a",), activation=Activation("relu"), filter_names=numbers(4)),
        Layer(name="c", sources=("input",), activation=Activation("relu6"), filter_names=numbers(3)),
    ]
    image = np.random.default_rng(0).normal(size=(3, 6, 7))
    before = image.copy()
    maps = forward_layers(layers, sources_of(layers), image, [1, 2, 3])
    np.testing.assert_array_equal(maps[1], layers[0].conv.forward(image))
    np.testing.assert_array_equal(maps[2], np.maximum(maps[1], 0))
    np.testing.assert_array_equal(image, before)
