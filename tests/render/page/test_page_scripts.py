"""The scripts of a page, run by Node: they compute what Python computes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.conv.padding import source_indices
from cnnfx.datasets import draw_digits, fit_digit
from cnnfx.images import Image
from cnnfx.images.fit import squash
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.render.color import COLORMAPS, NORMALIZATIONS, ColorScale, color_table, linear_scale
from cnnfx.render.feature_grid import input_tiles
from cnnfx.render.page.data import pack_array
from tests.render.page.page_helpers import BORDERS, page_data_of, random_case, run_in_node


def cases(count: int) -> list[tuple[Network, Image]]:
    """Return random networks with images that are large enough for them."""
    found, seed = [], 0
    while len(found) < count:
        with suppress(ValueError):  # the maps are too small for a kernel or border
            found.append(random_case(seed))
        seed += 1
    return found


@pytest.fixture(scope="module")
def random_cases() -> list[tuple[Network, Image]]:
    return cases(60)


def test_the_random_networks_have_every_kind_of_layer(random_cases):
    layers = [layer for network, _ in random_cases for layer in network.layers]
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
    assert {image.values.dtype.name for _, image in random_cases} == {"uint8", "uint16", "float32"}


def test_maps_and_probabilities_equal_those_of_python(random_cases):
    given = [page_data_of(network, image) for network, image in random_cases]
    results = run_in_node(
        """return given.map((data) => {
             const network = readNetwork(data.network), maps = finish(forward(network, readImage(data.image)));
             return { maps: maps.slice(1).map((layer) => Array.from(layer.values)),
                      shapes: maps.slice(1).map((layer) => [layer.channels, layer.height, layer.width]),
                      probabilities: probabilities(network, classMaps(network, maps)) };
           });""",
        given,
    )
    for (network, image), result in zip(random_cases, results, strict=True):
        wanted = network.feature_maps(image.floats())
        assert [list(maps.shape) for maps in wanted] == result["shapes"]
        for maps, values in zip(wanted, result["maps"], strict=True):
            np.testing.assert_allclose(np.ravel(maps), values, rtol=1e-4, atol=1e-4 * np.abs(maps).max())
        np.testing.assert_allclose(network.probabilities(image.floats()), result["probabilities"], rtol=1e-4, atol=1e-5)


def test_the_trace_of_an_output_gives_its_value_in_the_map(random_cases):
    given = [page_data_of(network, image) for network, image in random_cases]
    results = run_in_node(
        """return given.map((data) => {
             const network = readNetwork(data.network), maps = finish(forward(network, readImage(data.image)));
             return network.layers.map((layer, index) => {
               const { channels, height, width } = maps[index + 1], found = [];
               for (let channel = 0; channel < channels; channel++) {
                 for (const [row, column] of [[0, 0], [height - 1, width - 1], [height >> 1, width >> 1]]) {
                   const trace = traceOutput(network, maps, index + 1, channel, row, column);
                   const sums = trace.filters.map((filter) => filter.terms.reduce((sum, term) =>
                     sum + term.patch.reduce((total, value, k) => total + value * term.weights[k], 0), filter.bias));
                   found.push([channel, row, column, trace.result, sums, trace.filters.map((filter) => filter.sum)]);
                 }
               }
               return found;
             });
           });""",
        given,
    )
    for (network, image), layers in zip(random_cases, results, strict=True):
        for maps, found in zip(network.feature_maps(image.floats()), layers, strict=True):
            for channel, row, column, value, sums, filter_sums in found:
                assert value == pytest.approx(
                    float(maps[channel, row, column]), rel=1e-4, abs=float(1e-4 * np.abs(maps).max())
                )
                assert sums == pytest.approx(filter_sums)


def field_by_impulses(network: Network, shape, channel: int, row: int, column: int) -> np.ndarray:
    """Return which input pixels (C, H, W) an output of the last layer depends on, from an impulse at each pixel."""
    impulses = np.eye(int(np.prod(shape)), dtype=np.float32).reshape(-1, *shape)
    return (network.feature_maps(impulses)[-1][:, channel, row, column] > 0).reshape(shape)


def test_the_receptive_field_is_every_pixel_that_changes_the_output():
    networks = []
    for network, image in cases(30):
        # With positive weights and no bias, an impulse in the receptive field makes the output positive.
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
        for index, layer in enumerate(layers):  # without combinations, the layers above have other input channels
            if index and layer.conv.weights.shape[1] * layer.conv.groups != depth:
                layers = layers[:index]
                break
            depth = layer.conv.weights.shape[0]
        networks.append((replace(network, layers=tuple(layers), head=None, input=Input(mean=0.0, std=1.0)), image))
    positions = []
    for network, image in networks:
        channels, height, width = network.output_shapes(image.shape)[-1]
        positions.append([[0, 0, 0], [channels - 1, height - 1, width - 1], [0, height // 2, width // 2]])
    given = [
        [page_data_of(network, image), outputs] for (network, image), outputs in zip(networks, positions, strict=True)
    ]
    results = run_in_node(
        """return given.map(([data, outputs]) => {
             const network = readNetwork(data.network), maps = finish(forward(network, readImage(data.image)));
             const number = network.layers.length;
             return outputs.map((output) => receptiveField(network, maps, maps[0].channels, number, ...output)[0]);
           });""",
        given,
    )
    for (network, image), outputs, fields in zip(networks, positions, results, strict=True):
        for output, field in zip(outputs, fields, strict=True):
            marked = np.zeros(image.shape, bool)
            marked[np.ix_(field["channels"], field["rows"], field["columns"])] = True
            np.testing.assert_array_equal(marked, field_by_impulses(network, image.shape, *output))


def test_a_channel_with_zero_weights_is_not_in_the_receptive_field():
    weights = np.zeros((1, 3, 1, 1), "f4")
    weights[0, 1] = 1
    network = Network((Layer(Conv(weights, np.zeros(1, "f4")), ("green",)),))
    image = Image("image", np.zeros((3, 4, 4), np.uint8), ("red", "green", "blue"))
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              return receptiveField(network, maps, 3, 1, 0, 2, 3)[0];"""
    assert run_in_node(body, page_data_of(network, image)) == {"rows": [2], "columns": [3], "channels": [1]}


@pytest.mark.parametrize("border", BORDERS)
def test_source_indexes_of_the_padding_are_those_of_python(border):
    sizes = [(length, before, after) for length in (1, 2, 3, 5) for before in (0, 1, 14) for after in (0, 1, 9)]
    found = run_in_node("return given[0].map((size) => Array.from(sourceIndexes(...size, given[1])));", [sizes, border])
    assert found == [source_indices(*size, border).tolist() for size in sizes]


@pytest.mark.parametrize("mode", NORMALIZATIONS)
def test_levels_equal_those_of_the_pictures(mode):
    random = np.random.default_rng(5)
    ranges = [(-3.0, 2.0), (0.0, 1.0), (0.0, 0.0), (-2.0, -1.0), (1e-30, 2e-30), (0.5, 0.5)]
    values = [random.uniform(low - 0.1, high + 0.1, 500).astype("f4") for low, high in ranges]
    found = run_in_node(
        """return given.cases.map(([low, high, values]) => {
             const scale = linearScale(given.mode, low, high);
             return Array.from(decode(values), (value) => levelOf(scale, value));
           });""",
        {"mode": mode, "cases": [[*span, pack_array(v)] for span, v in zip(ranges, values, strict=True)]},
    )
    for (low, high), given, levels in zip(ranges, values, found, strict=True):
        np.testing.assert_array_equal(linear_scale(mode, low, high).levels(given), levels)


@pytest.mark.parametrize("mode", NORMALIZATIONS)
def test_levels_of_maps_with_rounding_errors_equal_those_of_the_pictures(mode):
    random = np.random.default_rng(6)
    values = np.concatenate([random.normal(size=(2, 9, 9)), -random.random((1, 9, 9)), np.full((2, 9, 9), 0.3)])
    values[:, 3:] = [[[0]], [[0]], [[0]], [[0.3]], [[0]]]
    errors = [1e-6, 2e-2, 1e-3, 1e-5, 1e-5]
    values = (values + random.uniform(-1, 1, values.shape) * np.array(errors)[:, None, None]).astype("f4")
    maps = ArrayMaps(values, list("abcde"), [False, False, False, True, True], errors)
    scales = [ColorScale(mode, scope) for scope in ("channel", "all")]
    if mode != "none":
        scales += [ColorScale(mode, scope, clip=70) for scope in ("channel", "all")] + [ColorScale(mode, limits=0.01)]
    body = """const maps = { channels: 5, height: 9, width: 9, values: decode(given.values) };
              const ranges = channelRanges(maps).map((range, channel) => {
                const error = given.errors[channel];
                return { ...range, ...signalRange(range, error), error };
              });
              return given.scales.map((colorScale) =>
                linearScales(maps, ranges, colorScale, given.nonNegative).map((scale, channel) => {
                  const values = maps.values.subarray(81 * channel, 81 * channel + 81);
                  return Array.from(values, (value) => levelOf(scale, value));
                }));"""
    described = [
        {"normalize": each.normalize, "scope": each.scope, "colormap": "gray", "clip": each.clip, "limits": each.limits}
        for each in scales
    ]
    given = {"values": pack_array(values), "errors": errors, "scales": described, "nonNegative": maps.non_negative}
    for scale, levels in zip(scales, run_in_node(body, given), strict=True):
        wanted = [each.levels(channel) for each, channel in zip(scale.linear_scales(maps), values, strict=True)]
        np.testing.assert_array_equal(np.reshape(levels, (5, 9, 9)), wanted, str(scale))


@pytest.mark.parametrize("name", COLORMAPS)
def test_colors_equal_those_of_the_pictures(name):
    body = "return Array.from(colorTable(decode(given)), (c) => [c & 255, (c >> 8) & 255, (c >> 16) & 255]);"
    np.testing.assert_array_equal(run_in_node(body, pack_array(color_table(name))), color_table(name))


def strokes(seed: int, side: int = 112) -> np.ndarray:
    """Return a drawing of a few straight strokes, with its margin empty."""
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


def test_a_drawn_digit_is_preprocessed_as_in_predict():
    planes = [strokes(seed) for seed in range(24)]
    body = """return given.map((packed) => { const [height, width] = packed.shape;
              return Array.from(fitDigit({ height, width, values: decode(packed) }).digit.values); });"""
    for plane, found in zip(planes, run_in_node(body, [pack_array(plane) for plane in planes]), strict=True):
        np.testing.assert_allclose(np.ravel(fit_digit(plane)[0]), found, atol=1e-5)


def test_a_digit_that_has_mnists_format_is_not_changed_as_in_predict():
    digit = draw_digits([7], seed=1)[0, 0] / np.float32(255)
    shifted = [np.roll(digit, (down, across), (0, 1)) for down in (0, 2, 4) for across in (0, 1, 5)]
    planes = [*shifted, digit * np.float32(0.4), np.maximum(digit, np.float32(0.05))]
    body = """const images = given.map((packed) => ({ height: 28, width: 28, values: decode(packed) }));
              return images.map((image) => Array.from(fitDigit(image).digit.values));"""
    found = run_in_node(body, [pack_array(plane.astype("f4")) for plane in planes])
    for plane, values in zip(planes, found, strict=True):
        np.testing.assert_allclose(np.ravel(fit_digit(plane)[0]), values, atol=1e-5)


def test_a_drawing_for_other_classes_is_resized_as_in_predict():
    plane = strokes(1)
    body = """const [height, width] = given.shape;
              return Array.from(fitImage({ height, width, values: decode(given) }, 9, 13).values);"""
    wanted = np.rint(255 * squash(Image("image", plane[None], ("gray",)), 9, 13).pixels[0]) / 255
    np.testing.assert_allclose(run_in_node(body, pack_array(plane)), np.ravel(wanted), atol=1e-6)


def test_an_empty_drawing_is_not_a_digit():
    body = "return fitDigit({ height: 112, width: 112, values: new Float32Array(112 * 112) });"
    assert run_in_node(body, None) is None


def test_a_nan_spreads_to_the_same_outputs_as_in_python():
    image = Image("image", np.array([[[1, np.nan, 2, 3, -1, 1]]], "f4"), ("a",), True)
    weights = np.array([[[[0, 1]]], [[[1, -1]]]], "f4")
    network = Network((Layer(Conv(weights, np.zeros(2, "f4")), ("a", "b"), activation=Activation("relu")),))
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              return Array.from(maps[1].values, (value) => Number.isNaN(value) ? "NaN" : value);"""
    found = [float(value) for value in run_in_node(body, page_data_of(network, image))]
    np.testing.assert_array_equal(np.ravel(network.feature_maps(image.floats())[0]), np.array(found))


def test_the_maps_of_the_kernels_of_a_channel_and_the_steps_after_them_are_those_of_python(random_cases):
    given = [page_data_of(network, image) for network, image in random_cases]
    results = run_in_node(
        """return given.map((data) => {
             const network = readNetwork(data.network), maps = finish(forward(network, readImage(data.image)));
             return network.layers.map((layer, index) => layer.outputs.map((_, channel) => {
               const { filters, combined, activated } = channelMaps(network, maps, index + 1, channel);
               const numbers = (values) => values && Array.from(values);
               return { combined: numbers(combined), activated: numbers(activated), filters: filters.map((filter) =>
                 ({ ...filter, values: numbers(filter.values),
                    terms: filter.terms.map((term) => ({ ...term, values: numbers(term.values) })) })) };
             }));
           });""",
        given,
    )
    for (network, image), layers in zip(random_cases, results, strict=True):
        values = network.normalize(image.floats())
        for layer, channels in zip(network.layers, layers, strict=True):
            for output, found in zip(layer.outputs, channels, strict=True):
                check_channel(layer, values, output, found)
            values = layer.forward(values)


def check_channel(layer: Layer, values: np.ndarray, output, found) -> None:
    """Compare the maps of a channel with those of Python, within 1e-5 of the largest."""
    sums = layer.conv.forward(values)
    tolerance = 1e-5 * float(np.abs(sums).max() + 1)
    depth = layer.conv.weights.shape[1]
    for index, kernels in zip(output.of, found["filters"], strict=True):
        np.testing.assert_allclose(kernels["values"], np.ravel(sums[index]), atol=tolerance)
        for term in kernels["terms"]:
            first = index * layer.conv.groups // len(layer.filter_names) * depth
            assert term["channel"] == first + term["slice"]
            alone = np.zeros_like(layer.conv.weights)
            alone[:, term["slice"]] = layer.conv.weights[:, term["slice"]]
            wanted = replace(layer.conv, weights=alone, bias=np.zeros_like(layer.conv.bias)).forward(values)[index]
            np.testing.assert_allclose(term["values"], np.ravel(wanted), atol=tolerance)
    combined = output.forward(sums)
    if output.kind == "take":
        assert found["combined"] is None
    else:
        np.testing.assert_allclose(found["combined"], np.ravel(combined), atol=tolerance)
    if layer.activation.kind == "none":
        assert found["activated"] is None
    else:
        np.testing.assert_allclose(found["activated"], np.ravel(layer.activation.forward(combined)), atol=tolerance)


def test_sums_of_pixels_times_integer_weights_are_exact():
    # 1/255 + 2/255 − 3/255 is not 0 in float32.
    image = Image("image", np.array([[[1, 2, 3], [40, 50, 90], [77, 200, 255]]], np.uint8), ("gray",))
    network = Network((Layer(Conv(np.array([[[[1, 1, -1]]]], "f4"), np.zeros(1, "f4")), ("a",)),))
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              const trace = traceOutput(network, maps, 1, 0, 1, 0);
              return [...maps[1].values, trace.result];"""
    *sums, traced = run_in_node(body, page_data_of(network, image))
    assert sums == [0, 0, pytest.approx(22 / 255)]
    assert traced == 0


def test_weights_of_zero_take_no_time():
    random = np.random.default_rng(0)
    full = random.normal(size=(4, 1, 17, 17)).astype("f4")
    sparse = np.zeros_like(full)
    sparse[:, :, 8, 4:13] = full[:, :, 8, 4:13]
    image = Image("image", random.integers(0, 256, (1, 300, 300), np.uint8), ("gray",))
    networks = [Network((Layer(Conv(weights, np.zeros(4, "f4")), tuple("abcd")),)) for weights in (full, sparse)]
    body = """const image = readImage(given[0].image), networks = given.map(({ network }) => readNetwork(network));
              const times = networks.map(() => Infinity);
              for (let k = 0; k < 3; k++) networks.forEach((network, index) => {
                const start = performance.now();
                finish(forward(network, image));
                times[index] = Math.min(times[index], performance.now() - start);
              });
              return times;"""
    full_time, sparse_time = run_in_node(body, [page_data_of(network, image) for network in networks])
    assert sparse_time < full_time / 3


@pytest.mark.parametrize("preset", ["edges", "sobel", "circles", "spots"])
@pytest.mark.parametrize("value", [0.3, 0.7])
def test_maps_of_rounding_errors_only_are_recognized_as_in_python(preset, value):
    image = Image("image", np.full((1, 60, 60), value, "f4"), ("gray",), True)
    network = cnnfx.load_network(preset).bind(image.channel_names)
    layers = range(1, len(network.layers) + 1)
    wanted = [feature_maps(network, image, image.channel_names, number).signal_ranges for number in layers]
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              return signalRanges(network, maps.map(channelRanges)).slice(1)
                .map((ranges) => ranges.map(({ low, high }) => [low, high]));"""
    found = run_in_node(body, page_data_of(network, image))
    for ranges, expected in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.array(ranges) == 0, np.array(expected) == 0)
        np.testing.assert_allclose(ranges, expected, atol=1e-6)


def test_a_sum_that_is_only_rounding_errors_is_explained_as_zero():
    values = np.array([[[0.1, 0.2, 0.3]]], "f4")  # 0.1 + 0.2 − 0.3 is not 0 in floating point
    image = Image("image", values, ("gray",), True)
    network = Network((Layer(Conv(np.array([[[[1, 1, -1]]]], "f4"), np.zeros(1, "f4")), ("a",)),))
    body = """const network = readNetwork(given.network), maps = finish(forward(network, readImage(given.image)));
              const trace = traceOutput(network, maps, 1, 0, 0, 0);
              return [maps[1].values[0], trace.result, trace.filters[0].terms[0].sum];"""
    computed, *explained = run_in_node(body, page_data_of(network, image))
    assert computed != 0
    assert explained == [0, 0]


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_the_input_is_drawn_in_the_levels_of_the_pictures(dtype):
    values = np.array([[[60, 100], [140, 61]]], dtype)
    image = Image("image", values, ("gray",), is_array=dtype == "f4")
    body = """const image = readImage(given.image), scale = inputScale(image, given.image.hasOwnRange);
              return Array.from(image.values, (value) => levelOf(scale, value));"""
    found = run_in_node(body, page_data_of(cnnfx.load_network("identity").bind(("gray",)), image))
    (picture,) = input_tiles(image).rows(0, 1, 0, 2)
    assert found == picture.ravel().tolist()
