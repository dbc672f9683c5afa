"""The scripts of a page compute what Python computes: run in Node, where there is one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from cnnfx.conv.padding import source_indices
from cnnfx.datasets import fit_digit
from cnnfx.datasets.image_folder import resize_to_bytes
from cnnfx.images import Image
from cnnfx.nn.layers import Activation, Conv
from cnnfx.nn.network import Layer, Network
from cnnfx.render.color import COLORMAPS, NORMALIZATIONS, color_table, linear_scale
from cnnfx.render.page.data import pack
from tests.render.page.page_networks import BORDERS, in_node, random_case, told


def cases(count: int) -> list[tuple[Network, Image]]:
    """Random networks that fit their images."""
    found, seed = [], 0
    while len(found) < count:
        with suppress(ValueError):  # a kernel or border that the maps are too small for
            found.append(random_case(seed))
        seed += 1
    return found


@pytest.fixture(scope="module")
def some() -> list[tuple[Network, Image]]:
    return cases(60)


def test_the_cases_hold_every_feature(some):
    layers = [layer for network, _ in some for layer in network.layers]
    windows = [layer.conv.window for layer in layers]
    assert {window.border for window in windows if window.padding != ((0, 0), (0, 0))} == set(BORDERS)
    assert any(window.padding == "same" for window in windows)
    assert any(window.padding != "same" and len({*window.padding[0], *window.padding[1]}) > 2 for window in windows)
    assert {layer.activation.kind for layer in layers} == {"none", "relu", "abs"}
    assert {layer.pool.kind for layer in layers if layer.pool} == {"max", "mean"}
    assert {output.kind for layer in layers for output in layer.combine} == {
        "take", "norm", "max", "sum", "mean", "difference",
    }  # fmt: skip
    assert {layer.conv.groups for layer in layers} == {1, 2, 3}
    assert {image.values.dtype.name for _, image in some} == {"uint8", "uint16", "float32"}


def test_all_maps_and_probabilities_equal_pythons(some):
    given = [told(network, image) for network, image in some]
    results = in_node(
        """return given.map((told) => {
             const network = readNetwork(told.network), maps = finish(forward(network, readImage(told.image)));
             return { maps: maps.slice(1).map((layer) => Array.from(layer.values)),
                      shapes: maps.slice(1).map((layer) => [layer.channels, layer.height, layer.width]),
                      shares: probabilities(network.head, maps[maps.length - 1]) };
           });""",
        given,
    )
    for (network, image), result in zip(some, results, strict=True):
        wanted = network.feature_maps(image.floats())
        assert [list(maps.shape) for maps in wanted] == result["shapes"]
        for maps, values in zip(wanted, result["maps"], strict=True):
            np.testing.assert_allclose(np.ravel(maps), values, rtol=1e-4, atol=1e-4 * np.abs(maps).max())
        np.testing.assert_allclose(network.probabilities(image.floats()), result["shares"], rtol=1e-4, atol=1e-5)


def test_an_explained_pixel_comes_to_the_value_in_the_map(some):
    given = [told(network, image) for network, image in some]
    results = in_node(
        """return given.map((told) => {
             const network = readNetwork(told.network), maps = finish(forward(network, readImage(told.image)));
             return network.layers.map((layer, index) => {
               const { channels, height, width } = maps[index + 1], found = [];
               for (let channel = 0; channel < channels; channel++) {
                 for (const [row, column] of [[0, 0], [height - 1, width - 1], [height >> 1, width >> 1]]) {
                   const told = explain(network, maps, index + 1, channel, row, column);
                   const sums = told.filters.map((filter) => filter.terms.reduce((sum, term) =>
                     sum + term.patch.reduce((total, value, k) => total + value * term.weights[k], 0), filter.bias));
                   found.push([channel, row, column, told.result, sums, told.filters.map((filter) => filter.sum)]);
                 }
               }
               return found;
             });
           });""",
        given,
    )
    for (network, image), layers in zip(some, results, strict=True):
        for maps, found in zip(network.feature_maps(image.floats()), layers, strict=True):
            for channel, row, column, value, sums, told_sums in found:
                assert value == pytest.approx(
                    float(maps[channel, row, column]), rel=1e-4, abs=float(1e-4 * np.abs(maps).max())
                )
                assert sums == pytest.approx(told_sums)


def field_by_impulses(network: Network, shape, channel: int, row: int, column: int) -> np.ndarray:
    """The input pixels (C, H, W) that a pixel of the last layer depends on: a light in each of them in turn."""
    impulses = np.eye(int(np.prod(shape)), dtype=np.float32).reshape(-1, *shape)
    return (network.feature_maps(impulses)[-1][:, channel, row, column] > 0).reshape(shape)


def test_the_receptive_field_is_every_pixel_that_lights_the_output():
    networks = []
    for network, image in cases(30):
        # Positive weights and no bias: a lit pixel in the field is seen in the output, whatever else is there.
        layers = [
            replace(
                layer,
                conv=replace(layer.conv, weights=np.abs(layer.conv.weights) + 0.1, bias=0 * layer.conv.bias),
                combine=(),
                activation=Activation("relu"),
            )
            for layer in network.layers
        ]
        depth = 0
        for index, layer in enumerate(layers):  # without combinations the layers above see other channels
            if index and layer.conv.weights.shape[1] * layer.conv.groups != depth:
                layers = layers[:index]
                break
            depth = layer.conv.weights.shape[0]
        networks.append((replace(network, layers=tuple(layers), head=None, mean=0.0, std=1.0), image))
    places = []
    for network, image in networks:
        channels, height, width = network.output_shapes(image.shape)[-1]
        places.append([[0, 0, 0], [channels - 1, height - 1, width - 1], [0, height // 2, width // 2]])
    given = [[told(network, image), spots] for (network, image), spots in zip(networks, places, strict=True)]
    results = in_node(
        """return given.map(([told, spots]) => {
             const network = readNetwork(told.network), maps = finish(forward(network, readImage(told.image)));
             return spots.map((spot) => receptiveField(network, maps, network.layers.length, ...spot)[0]);
           });""",
        given,
    )
    for (network, image), spots, fields in zip(networks, places, results, strict=True):
        for spot, field in zip(spots, fields, strict=True):
            marked = np.zeros(image.shape, bool)
            marked[np.ix_(field["channels"], field["rows"], field["columns"])] = True
            np.testing.assert_array_equal(marked, field_by_impulses(network, image.shape, *spot))


def test_a_channel_of_zero_weights_is_not_in_the_receptive_field():
    weights = np.zeros((1, 3, 1, 1), "f4")
    weights[0, 1] = 1
    network = Network((Layer(Conv(weights, np.zeros(1, "f4")), ("green",)),))
    image = Image("image", np.zeros((3, 4, 4), np.uint8), ("red", "green", "blue"))
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              return receptiveField(network, maps, 1, 0, 2, 3)[0];"""
    assert in_node(body, told(network, image)) == {"rows": [2], "columns": [3], "channels": [1]}


@pytest.mark.parametrize("border", BORDERS)
def test_what_lies_outside_is_what_numpy_pads(border):
    sizes = [(length, before, after) for length in (2, 3, 5) for before in (0, 1) for after in (0, 1)]
    found = in_node("return given[0].map((size) => Array.from(sources(...size, given[1])));", [sizes, border])
    assert found == [source_indices(*size, border).tolist() for size in sizes]


@pytest.mark.parametrize("mode", NORMALIZATIONS)
def test_levels_are_those_of_the_pictures(mode):
    random = np.random.default_rng(5)
    ranges = [(-3.0, 2.0), (0.0, 1.0), (0.0, 0.0), (-2.0, -1.0), (1e-30, 2e-30), (0.5, 0.5)]
    values = [random.uniform(low - 0.1, high + 0.1, 500).astype("f4") for low, high in ranges]
    found = in_node(
        """return given.cases.map(([low, high, values]) => {
             const drawn = line(given.mode, low, high);
             return Array.from(decode(values), (value) => level(drawn, value));
           });""",
        {"mode": mode, "cases": [[*span, pack(v)] for span, v in zip(ranges, values, strict=True)]},
    )
    for (low, high), given, levels in zip(ranges, values, found, strict=True):
        np.testing.assert_array_equal(linear_scale(mode, low, high).levels(given), levels)


@pytest.mark.parametrize("name", COLORMAPS)
def test_colors_are_those_of_the_pictures(name):
    body = "return Array.from(colorTable(decode(given)), (c) => [c & 255, (c >> 8) & 255, (c >> 16) & 255]);"
    np.testing.assert_array_equal(in_node(body, pack(color_table(name))), color_table(name))


def strokes(seed: int, side: int = 112) -> np.ndarray:
    """A drawing of a few straight strokes of a pen, its rim free."""
    random = np.random.default_rng(seed)
    points = random.uniform(8, side - 8, (4, 2)) if seed % 4 else random.uniform(45, 67, (3, 2))
    rows, columns = np.mgrid[:side, :side] + 0.5
    plane = np.zeros((side, side))
    for (y, x), (down, across) in zip(points[:-1], np.diff(points, axis=0), strict=True):
        share = np.clip(((columns - x) * across + (rows - y) * down) / (across**2 + down**2), 0, 1)
        away = np.hypot(columns - x - share * across, rows - y - share * down)
        plane = np.maximum(plane, np.clip(5.7 - away, 0, 1))
    plane[[0, 1, -2, -1]] = plane[:, [0, 1, -2, -1]] = 0
    return plane.astype("f4")


def test_a_drawing_is_fitted_as_predict_fits_a_picture():
    planes = [strokes(seed) for seed in range(24)]
    body = """return given.map((told) => { const [height, width] = told.shape;
              return Array.from(fitDigit({ height, width, values: decode(told) }).values); });"""
    for plane, found in zip(planes, in_node(body, [pack(plane) for plane in planes]), strict=True):
        np.testing.assert_allclose(np.ravel(fit_digit(plane)[0]), found, atol=1e-5)


def test_a_drawing_for_other_classes_is_scaled_as_predict_scales_a_picture():
    plane = strokes(1)
    body = """const [height, width] = given.shape;
              return Array.from(fitPlain({ height, width, values: decode(given) }, 9, 13).values);"""
    wanted = resize_to_bytes(Image("image", plane[None], ("gray",), True), 9, 13)[0] / 255
    np.testing.assert_allclose(in_node(body, pack(plane)), np.ravel(wanted), atol=1e-6)


def test_nothing_drawn_is_nothing_fitted():
    body = "return fitDigit({ height: 112, width: 112, values: new Float32Array(112 * 112) });"
    assert in_node(body, None) is None


def test_a_nan_spreads_as_far_as_in_python():
    image = Image("image", np.array([[[1, np.nan, 2, 3, -1, 1]]], "f4"), ("a",), True)
    weights = np.array([[[[0, 1]]], [[[1, -1]]]], "f4")
    network = Network((Layer(Conv(weights, np.zeros(2, "f4")), ("a", "b"), activation=Activation("relu")),))
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              return Array.from(maps[1].values, (value) => Number.isNaN(value) ? "NaN" : value);"""
    found = [float(value) for value in in_node(body, told(network, image))]
    np.testing.assert_array_equal(np.ravel(network.feature_maps(image.floats())[0]), np.array(found))
