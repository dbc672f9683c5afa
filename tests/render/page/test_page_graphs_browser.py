"""Pages of graphs in Chromium: what each layer reads, pointing through joins, classes, layers that are not shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image, load_image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.page import contents as contents_module
from tests.render.page.browser_helpers import (
    click,
    click_in_panel,
    map_named,
    marked_maps,
    point,
    shown_position,
    shown_probabilities,
    shown_value,
)
from tests.render.page.test_page_images import open_file, picture

pytestmark = pytest.mark.browser


def conv(random: np.random.Generator, count: int, depth: int, side: int, **settings) -> Conv:
    weights = random.normal(size=(count, depth, side, side)).astype("f4")
    return Conv(weights, random.normal(size=count).astype("f4"), **settings)


@pytest.fixture(scope="module")
def residual() -> Network:
    """Return a network with branches that are put side by side, and one that is added."""
    random = np.random.default_rng(2)
    relu = Activation("relu")
    return Network(
        (
            Layer(conv(random, 2, 1, 3), ("a", "b"), (), relu, name="stem"),
            Layer(conv(random, 2, 2, 1), ("c", "d"), (), relu, name="left"),
            Layer(conv(random, 2, 2, 3, padding="same"), ("e", "f"), (), relu, name="right", sources=("stem",)),
            Layer(name="both", sources=("left", "right")),
            Layer(conv(random, 2, 4, 3, padding="same"), ("g", "h"), name="mixed"),
            Layer(name="sum", sources=("mixed", "stem"), join="add", pool=Pool("max", 3, 2)),
        ),
        name="residual",
    )


@pytest.fixture(scope="module")
def classifier() -> Network:
    """Return a classifier of photographs without a head: its scores are the means of maps."""
    random = np.random.default_rng(4)
    names = tuple(f"class {index}" for index in range(120))
    return Network(
        (
            Layer(conv(random, 6, 3, 3, stride=2), tuple("abcdef"), (), Activation("relu"), name="conv1"),
            Layer(conv(random, 120, 6, 1), names, name="conv2"),
            Layer(name="classes", pool=Pool("mean", None)),
        ),
        name="photographs",
        input=Input("rgb", (24, 32), "crop", 40, "bicubic", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)),
        classes=names,
    )


@pytest.fixture(scope="module")
def photo() -> Image:
    return load_image(picture(3, 24, 32), channels="rgb")


def test_each_layer_says_what_it_reads_with_links(visit, residual, seven):
    page = visit(residual, seven)
    headings = [heading.removesuffix(" ") for heading in page.locator(".layer-header h2").all_text_contents()]
    assert headings == ["stem", "left", "right", "both", "mixed", "sum"]
    sources = page.locator(".sources").all_text_contents()
    assert sources == [
        "Reads the input.", "Reads stem.", "Reads stem.", "Reads left and right.", "Reads both.", "Reads mixed + stem.",
    ]  # fmt: skip
    page.click("section[aria-label='sum'] .sources a:text('stem')")
    assert page.evaluate("location.hash") == "#layer-1"


def test_the_graph_is_drawn_with_a_link_to_each_layer(visit, residual, seven):
    page = visit(residual, seven)
    nodes = page.locator("#graph svg a")
    assert [text.strip() for text in page.locator("#graph svg a > text").all_text_contents()] == [
        "input", "stem", "left", "right", "both", "mixed", "sum",
    ]  # fmt: skip
    assert nodes.last.get_attribute("href") == "#layer-6"
    assert page.locator("#graph svg path").count() == 8
    assert not visit(cnnfx.load_network("edges"), seven).locator("#graph").count()


def test_pointing_at_a_joined_map_shows_the_values_that_are_added(visit, residual, seven):
    page, maps = visit(residual, seven), residual.feature_maps(seven.floats())
    point(page, map_named(page, "Feature map h, sum"), 4, 5, maps[5].shape[1:])
    assert shown_value(page) == pytest.approx(float(maps[5][1, 4, 5]), rel=1e-4)
    window = maps[4][1, 8:11, 10:13] + maps[0][1, 8:11, 10:13]
    row, column = np.unravel_index(int(np.argmax(window)), (3, 3))
    joined = page.locator("#sum .joined")
    numbers = [float(text.replace("−", "-")) for text in joined.locator("td").all_text_contents()]
    wanted = [float(part[1, 8 + row, 10 + column]) for part in (maps[4], maps[0])]
    assert numbers == pytest.approx(wanted, rel=6e-3)
    assert joined.locator("caption").all_text_contents() == ["mixed h", "stem b"]
    click(page, map_named(page, "Feature map h, sum"), 4, 5, maps[5].shape[1:])
    click_in_panel(page, joined.locator("td").last)
    assert shown_position(page) == f"b, stem, column {10 + column}, row {8 + row}"


def test_pointing_marks_the_receptive_field_on_every_path(visit, residual, seven):
    page = visit(residual, seven)
    click(page, map_named(page, "Feature map f, both"), 7, 9, (26, 26))
    shown_value(page)
    assert marked_maps(page) == ["Input", "Feature map a", "Feature map b", "Feature map f", "Feature map f"]
    assert page.text_content("#sum h3") == "How f of right is computed"


def test_a_selected_channel_that_is_passed_on_is_explained_by_the_layer_that_computes_it(visit, residual, seven):
    network = residual.upto(4).bind(seven.channel_names)
    part = feature_maps(network, seven, seven.channel_names).select([3]).network
    page = visit(part, seven)
    assert page.text_content("#where").startswith("f, both, ")
    assert page.text_content("#sum h3") == "How f of right is computed"


def test_the_maps_that_are_added_are_shown_with_their_sum(visit, residual, seven):
    page = visit(residual, seven)
    click(page, map_named(page, "Feature map g, sum"), 3, 3, (12, 12))
    titles = page.locator(".channel-view .figure-title").all_text_contents()
    assert titles == ["mixed g", "stem a", "sum", "max pooling 3×3, stride 2"]


def test_the_keyboard_moves_between_the_layers_that_are_shown(visit, residual, seven):
    page = visit(residual, seven, shown=[2, 6])
    page.focus("canvas.map[aria-label^='Feature map c']")
    page.keyboard.press("PageDown")
    assert shown_position(page).startswith("g, sum")
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    assert shown_position(page).startswith("input")


def test_of_many_classes_the_ten_most_probable_are_listed(visit, classifier, photo):
    page = visit(classifier, photo, shown=[2])
    wanted = classifier.probabilities(photo.floats())
    assert shown_probabilities(page) == pytest.approx(sorted(wanted.tolist(), reverse=True)[:10], abs=1e-4)
    best = classifier.classes[int(np.argmax(wanted))]
    assert page.locator(".classes .best .name").text_content() == best
    assert page.text_content("#classes .about") == f"Most probable: {best}. 110 less probable classes are not listed."
    assert page.text_content("#explanation-heading") == f"Strongest pixel of {best}"


def test_an_opened_photograph_is_fitted_as_the_input_of_the_network_says(visit, classifier, photo):
    from cnnfx.training.prepare import prepare

    for network in (
        classifier,
        replace(classifier, input=replace(classifier.input, fit="squash", resample="bilinear")),
    ):
        page, content = visit(network, photo, shown=[2]), picture(7, 61, 93)
        open_file(page, "other.png", content)
        wanted = network.probabilities(prepare(network, content).pixels)
        assert shown_probabilities(page) == pytest.approx(sorted(wanted.tolist(), reverse=True)[:10], abs=1e-4)


def test_layers_that_are_not_shown_are_computed_for_every_image(visit, residual, seven):
    page = visit(residual, seven, shown=[5])
    assert page.locator(".layer-header h2").all_text_contents() == ["mixed"]
    maps = residual.feature_maps(seven.floats())[4]
    point(page, map_named(page, "Feature map g, mixed"), 6, 8, maps.shape[1:])
    assert shown_value(page) == pytest.approx(float(maps[0, 6, 8]), rel=1e-4)
    assert page.locator("#sum td[data-row]").count() == 0  # the maps of the numbers are not on the page
    content = picture(1, 20, 30)
    open_file(page, "own.png", content)
    maps = residual.feature_maps(load_image(content, channels="gray").floats())[4]
    point(page, map_named(page, "Feature map h, mixed"), 6, 8, maps.shape[1:])
    assert shown_value(page) == pytest.approx(float(maps[1, 6, 8]), rel=1e-4, abs=1e-5)


def test_a_layer_on_given_maps_is_explained_and_other_images_cannot_be_opened(visit, residual, seven, monkeypatch):
    monkeypatch.setattr(contents_module, "MAX_WEIGHT_BYTES", 100)
    upto = residual.upto(5)
    page, maps = visit(upto, seven, shown=[5]), residual.feature_maps(seven.floats())
    assert not page.is_visible("#open")
    assert not page.is_visible("#open-note")
    click(page, map_named(page, "Feature map h, mixed"), 6, 8, maps[4].shape[1:])
    assert shown_value(page) == pytest.approx(float(maps[4][1, 6, 8]), rel=1e-4)
    patch = page.locator("#sum details").first
    assert patch.locator(".name").text_content() == " c"
    assert marked_maps(page) == ["Input", "Feature map h"]


def test_the_first_filters_of_squeezenet_are_drawn_in_color(visit):
    path = cnnfx.__path__[0] + "/../samples/still-life.png"
    image = load_image(path, channels="rgb")
    network = cnnfx.load_network("squeezenet")
    network = network.upto(network.layer_number("conv1"))
    page = visit(network, image)
    assert page.locator("section[aria-label='conv1'] .kernel").count() == 64
    colored = page.locator("section[aria-label='conv1'] .kernel").evaluate_all(
        """(canvases) => canvases.filter((canvas) => {
             const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
             return Array.from({ length: 9 }, (_, k) => Math.abs(data[4 * k] - data[4 * k + 2])).some((d) => d > 20);
           }).length"""
    )
    assert colored > 20
    maps = network.feature_maps(image)[-1]
    point(page, map_named(page, "Feature map 5, conv1"), 20, 30, maps.shape[1:])
    assert shown_value(page) == pytest.approx(float(maps[4, 20, 30]), rel=1e-3, abs=1e-2)
    note = page.locator("#sum .note").first.text_content()
    assert note == "Input of the first layer: (pixel × 255 − mean 123.7, 116.8, 103.9 of red, green, blue) / std 1."
