"""The smallest image that a network takes."""

from __future__ import annotations

import time

import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.image_size import smallest_size
from cnnfx.nn.layers import Layer, Pool
from cnnfx.nn.network import Network
from tests.nn.graphs import conv, fire_network, numbers, picture


def takes(sizes):
    """Return a function that raises an error for other sizes."""

    def fits(height, width):
        if (height, width) not in sizes:
            raise ArgumentError("no")

    return fits


def test_rows_and_columns_are_as_few_as_possible() -> None:
    network = Network((Layer(conv(2, 1, (3, 7)), numbers(2), pool=Pool("max", (4, 1))),))
    assert network.smallest_size() == (6, 7)


def test_sizes_between_those_that_fit_may_not_fit() -> None:
    assert smallest_size(takes({(4, 4), (2, 4), (7, 7), (8, 8)})) == (2, 4)
    assert smallest_size(takes({(5, 5)})) == (5, 5)
    assert smallest_size(takes(set())) is None


def test_layers_that_are_joined_have_one_size() -> None:
    layers = (
        Layer(conv(1, 1, 3), numbers(1), name="large"),
        Layer(conv(1, 1, 2, stride=2), numbers(1), name="small", sources=("input",)),
        Layer(name="both", sources=("large", "small")),
    )
    # Maps of H - 2 and H // 2 rows are equally high for H of 3 and 4.
    assert Network(layers).smallest_size() == (3, 3)


def test_an_image_that_is_too_small_is_refused_with_the_layer_and_the_smallest_size() -> None:
    network = fire_network()
    image = picture(3, 6, 40)
    with pytest.raises(
        ArgumentError,
        match=r"^layer conv1 of little: pool max:3, stride 2 does not fit into maps of 19×2 pixels\. "
        r"The smallest image that little takes is 7×7\.$",
    ):
        network.feature_maps(image)
    assert network.feature_maps(picture(3, 7, 7))[-1].shape == (4, 1, 1)


def test_an_image_that_is_large_enough_but_does_not_fit_is_refused_without_a_size() -> None:
    layers = (
        Layer(conv(1, 1, 3), numbers(1), name="large"),
        Layer(conv(1, 1, 2, stride=2), numbers(1), name="small", sources=("input",)),
        Layer(name="both", sources=("large", "small")),
    )
    with pytest.raises(
        ArgumentError,
        match=r"^layer both of network: its inputs do not fit together \(concat\): large has 1 channel of 4×4, "
        r"small has 1 channel of 3×3$",
    ):
        Network(layers).feature_maps(picture(1, 6, 6))


def test_the_smallest_size_of_many_layers_in_order_is_found_fast() -> None:
    network = Network(tuple(Layer(conv(1, 1, (3, 1)), numbers(1)) for _ in range(1000)))
    start = time.process_time()
    assert network.smallest_size() == (2001, 1)
    assert time.process_time() - start < 5


def test_few_sizes_are_tried_for_a_graph_of_many_layers() -> None:
    tried = []

    def fits(height, width):
        tried.append(height)
        raise ArgumentError("no")

    assert smallest_size(fits, max_side=7) is None
    assert tried == [1, 2, 3, 4, 5, 6, 7]
