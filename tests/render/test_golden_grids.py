"""Grids and pictures of filters compared with reviewed ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats import load_network
from cnnfx.images.image import crop
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.pipeline.pipeline import Pipeline
from cnnfx.render.captions import filters_caption, layer_name
from cnnfx.render.feature_grid import GridOptions, feature_grid
from cnnfx.render.filters import FilterStyle, filters_picture
from tests.golden import assert_golden
from tests.nn.graphs import fire_network

SAMPLES = Path(__file__).parents[2] / "samples"
SEVEN = SAMPLES / "seven.png"
FULL = GridOptions(with_input=True, with_filters=True)


def draw(network: Network, path: Path, options: GridOptions, layers: tuple[int, ...] = ()) -> np.ndarray:
    image, maps = Pipeline(network, layers).run(str(path))
    return feature_grid(replace(image, name=path.name), maps, options).pixels()


def test_the_seven_through_edge_detectors_with_input_and_filters(tmp_path: Path) -> None:
    assert_golden("grid_seven_edges", draw(load_network("edges"), SEVEN, FULL), tmp_path)


def test_channels_of_different_ranges_and_kinds(tmp_path: Path) -> None:
    pipeline = Pipeline(load_network("sobel"))
    image = crop(pipeline.load(str(SAMPLES / "still-life.png")), 60, 100, 110, 80)
    picture = feature_grid(replace(image, name="still-life.png"), pipeline.feature_maps(image), FULL).pixels()
    assert_golden("grid_sobel", picture, tmp_path)


def test_all_layers_with_headings(tmp_path: Path) -> None:
    edges = load_network("edges")
    relu = replace(edges.layers[0], activation=Activation("relu"), pool=Pool("max", 2))
    network = replace(edges, layers=(relu,)).then(load_network("box"))
    assert_golden("grid_layers", draw(network, SEVEN, FULL, (1, 2)), tmp_path)


def test_a_layer_of_a_trained_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    first = Conv(rng.normal(size=(6, 1, 5, 5)).astype(np.float32), np.zeros(6, np.float32))
    second = Conv(rng.normal(size=(10, 6, 3, 3)).astype(np.float32), np.full(10, -1, np.float32))
    relu = Activation("relu")
    layers = (
        Layer(first, tuple(map(str, range(6))), (), relu, Pool("max", 2)),
        Layer(second, tuple(map(str, range(10))), (), relu),
    )
    assert_golden("grid_model", draw(Network(layers, "model"), SEVEN, FULL), tmp_path)


def test_a_fixed_range_in_color(tmp_path: Path) -> None:
    from cnnfx.render.color import ColorScale

    options = GridOptions(ColorScale(colormap="diverging", limits=2.0))
    assert_golden("grid_diverging", draw(load_network("edges"), SEVEN, options), tmp_path)


@pytest.mark.parametrize(
    ("name", "preset", "inputs", "style"),
    [
        ("filters_edges", "edges", ["*"], FilterStyle()),
        ("filters_gaussian_values", "gaussian", ["*"], FilterStyle(values=True)),
        ("filters_colors", "colors", ["red", "green", "blue"], FilterStyle()),
    ],
)
def test_filters(name: str, preset: str, inputs: list[str], style: FilterStyle, tmp_path: Path) -> None:
    network = load_network(preset)
    layer = network.layers[0]
    if layer.conv.inputs is not None and len(inputs) == 3:
        inputs = list(layer.conv.inputs)
    caption = f"{network.name}: {filters_caption(layer, inputs)}"
    assert_golden(name, filters_picture(layer, inputs, caption, style), tmp_path)


def test_filters_on_many_channels_make_a_table(tmp_path: Path) -> None:
    weights = np.random.default_rng(3).normal(size=(4, 5, 3, 3)).astype(np.float32)
    weights[1, 2] = 0
    layer = Layer(Conv(weights, np.zeros(4, np.float32)), ("0", "1", "2", "3"))
    assert_golden("filters_table", filters_picture(layer, list("abcde"), "model, layer 2: 4 filters of 3×3"), tmp_path)


def test_without_labels_there_is_no_text_and_no_arrow(tmp_path: Path) -> None:
    picture = draw(load_network("edges"), SEVEN, GridOptions(labels=False, with_input=True))
    assert (picture[:6] == 255).all()
    assert_golden("grid_no_labels", picture, tmp_path)


def test_the_first_filters_of_a_network_for_photographs_in_color(tmp_path: Path) -> None:
    network = load_network("squeezenet")
    layer = network.layers[0]
    inputs = ["red", "green", "blue"]
    caption = f"{layer_name(network, 1)}: {filters_caption(layer, inputs)}"
    assert_golden("filters_squeezenet", filters_picture(layer, inputs, caption), tmp_path)


def test_the_layers_of_a_graph(tmp_path: Path) -> None:
    network = fire_network()
    pipeline = Pipeline(network, (1, 5, 9, 11))
    image = crop(pipeline.load(str(SAMPLES / "still-life.png")), 60, 100, 110, 80)
    layers = pipeline.feature_maps(image)
    picture = feature_grid(replace(image, name="still-life.png"), layers, FULL).pixels()
    assert_golden("grid_graph", picture, tmp_path)
