"""The values in the receptive field of some outputs, against the forward pass on the whole image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.field_values import FieldValues
from tests.nn.graphs import fire_network, graphs, picture


def maps_of(network, image):
    return FeatureMaps(network.bind(image.channel_names), image)


@settings(max_examples=150)
@given(graphs(), st.data())
def test_the_values_are_those_of_the_forward_pass(case, data):
    network, image = case
    computed = network.feature_maps(image)
    maps = maps_of(network, image)
    number = data.draw(st.integers(1, len(computed)))
    rows, columns = (
        np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4)))
        for size in computed[number - 1].shape[1:]
    )
    expected = computed[number - 1][:, rows[:, None], columns]
    scale = max(1, np.abs(computed[number - 1]).max())
    found = FieldValues(maps, number, rows, columns).at(number, rows, columns)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * scale)


def test_values_of_layers_below_are_those_of_the_forward_pass():
    image = picture(3, 40, 50)
    network = fire_network()
    computed = network.feature_maps(image)
    values = FieldValues(maps_of(network, image), 9, np.array([3]), np.array([4]))
    for number, rows, columns in ((8, [3], [4]), (5, [3], [4]), (2, [2, 4], [3, 5])):
        found = values.at(number, np.array(rows), np.array(columns))
        expected = computed[number - 1][:, np.array(rows)[:, None], columns]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_values_before_pooling_are_those_of_the_layer_without_it():
    image = picture(3, 41, 30)
    maps = maps_of(fire_network(), image)
    values = FieldValues(maps, 1, np.array([2]), np.array([0]))
    assert values.pooled_from(1, 0, np.array([2])).tolist() == [[4, 5, 6]]
    conv = maps.network.layers[0].conv
    before = np.maximum(conv.forward(image.floats()), 0)
    found = values.unpooled(1, np.array([4, 5, 6]), np.array([0, 1, 2]))
    np.testing.assert_allclose(found, before[:, 4:7, :3], rtol=1e-4, atol=1e-5)


def test_layers_outside_the_field_are_not_computed():
    image = picture(3, 40, 50)
    values = FieldValues(maps_of(fire_network(), image), 3, np.array([0]), np.array([0]))
    assert sorted(values._values) == [0, 1, 2, 3]
    assert values._values[2].shape == (3, 1, 1)


def test_values_that_need_too_much_memory_are_refused(monkeypatch):
    maps = maps_of(fire_network(), picture(3, 40, 50))
    monkeypatch.setattr("cnnfx.nn.field_values.memory_limit", lambda: 20_000)
    assert FieldValues(maps, 1, np.array([0]), np.array([0])).at(1, np.array([0]), np.array([0])).shape == (8, 1, 1)
    message = (
        r"^layer classes of little: the values in its receptive field need about [\d.]+ [kM]B of memory, and the limit "
        r"is 20 kB\. Use a smaller image\.$"
    )
    with pytest.raises(ArgumentError, match=message):
        FieldValues(maps, 11, np.array([0]), np.array([0]))
