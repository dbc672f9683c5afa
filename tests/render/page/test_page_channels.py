"""The maps that a channel is computed from, opened by a click on its map, in Chromium."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from tests.render.page.browser_helpers import click, draw_seven, map_named, shown_position, shown_value

pytestmark = pytest.mark.browser


def values(page) -> list[float]:
    """Return the values of all maps of the open channel at the selected pixel."""
    shown_value(page)
    return [float(output.get_attribute("data-value")) for output in page.locator(".channel-view output").all()]


def titles(page) -> list[str]:
    return page.locator(".channel-view .how, .channel-view .figure-title").all_text_contents()


def kernel_values(conv: Conv, inputs: np.ndarray, filter: int, row: int, column: int) -> list[float]:
    """Return the value of the map of each kernel of a filter at a position, without the bias."""
    found = []
    for channel in range(conv.weights.shape[1]):
        alone = np.zeros_like(conv.weights)
        alone[:, channel] = conv.weights[:, channel]
        maps = replace(conv, weights=alone, bias=np.zeros_like(conv.bias)).forward(inputs)
        found.append(float(maps[filter, row, column]))
    return found


def test_a_click_on_a_map_opens_the_map_of_each_input_channel_their_sum_and_the_steps_after_it(
    visit, digit_model, seven
):
    page = visit(digit_model, seven)
    click(page, map_named(page, "Feature map 4, layer 2"), 2, 3, (5, 5))
    layer = digit_model.layers[1]
    inputs = digit_model.feature_maps(seven.floats())[0]
    pooled = digit_model.feature_maps(seven.floats())[1]
    row, column = 4, 6  # mean pooling: the first value of the block
    kernels = kernel_values(layer.conv, inputs, 3, row, column)
    total = float(layer.conv.forward(inputs)[3, row, column])
    assert page.get_attribute(".channel-view", "aria-label") == "How 4 is computed"
    assert titles(page)[:3] == ["a", "b", "c"]
    assert titles(page)[3].startswith("sum + bias")
    assert titles(page)[4:] == ["ReLU", "mean pooling 2×2"]
    wanted = [*kernels, total, max(total, 0), float(pooled[3, 2, 3])]
    assert values(page) == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    assert sum(kernels) + float(layer.conv.bias[3]) == pytest.approx(total, rel=1e-4)


def test_a_combination_shows_the_maps_of_its_filters_on_each_color(visit):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 9), np.uint8)
    image = Image("color.png", pixels, ("red", "green", "blue"))
    sobel = cnnfx.load_network("sobel").bind(image.channel_names)
    page = visit(sobel, image)
    click(page, map_named(page, "Feature map magnitude"), 3, 4, (7, 7))
    conv = sobel.layers[0].conv
    kernels = [kernel_values(conv, image.floats(), filter, 3, 4) for filter in (0, 1)]
    sums = conv.forward(image.floats())[:, 3, 4].tolist()
    magnitude = float(sobel.feature_maps(image.floats())[0][2, 3, 4])
    assert values(page) == pytest.approx([*kernels[0], *kernels[1], *sums, magnitude], rel=1e-5, abs=1e-5)
    assert titles(page)[-3:] == ["sum of x", "sum of y", "norm"]


def test_input_channels_with_weights_of_zero_are_left_out(visit, seven):
    weights = np.ones((2, 2, 1, 1), "f4")
    weights[0, 1] = 0
    upper = Layer(Conv(weights, np.zeros(2, "f4")), ("first", "both"))
    lower = replace(cnnfx.load_network("edges").layers[0], filter_names=("top", "left", "bottom", "right"))
    conv = replace(lower.conv, weights=lower.conv.weights[:2], bias=lower.conv.bias[:2])
    network = Network((replace(lower, conv=conv, filter_names=("top", "left")), upper))
    page = visit(network, seven)
    click(page, map_named(page, "Feature map first"), 5, 5, (26, 26))
    assert titles(page) == ["top"]
    assert "1 other input channel has weights of 0." in page.text_content("#sum")
    click(page, map_named(page, "Feature map both"), 5, 5, (26, 26))
    assert titles(page) == ["top", "left", "sum"]


def test_the_maps_of_a_channel_are_below_its_row_and_move_nothing_above(visit, digit_model, seven):
    page = visit(digit_model, seven, viewport={"width": 700, "height": 900})
    view = map_named(page, "Feature map 1, layer 2")
    view.scroll_into_view_if_needed()
    before = view.evaluate("(map) => map.getBoundingClientRect().top + scrollY")
    click(page, view, 1, 1, (5, 5))
    shown_value(page)
    after = view.evaluate("(map) => map.getBoundingClientRect().top + scrollY")
    top = page.evaluate("document.querySelector('.channel-view').getBoundingClientRect().top + scrollY")
    bottom = view.evaluate("(map) => map.getBoundingClientRect().bottom + scrollY")
    assert after == before
    assert bottom <= top < bottom + 60


def test_escape_unpins_the_pixel_first_and_then_closes_the_maps(visit, edges, seven):
    page = visit(edges, seven)
    click(page, map_named(page, "Feature map top"), 7, 9, (26, 26))
    assert page.is_visible(".channel-view")
    page.keyboard.press("Escape")
    shown_value(page)
    assert page.get_attribute("#pin", "aria-pressed") == "false"
    assert page.is_visible(".channel-view")
    page.keyboard.press("Escape")
    assert not page.is_visible(".channel-view")


def test_another_channel_replaces_the_open_one_and_the_button_closes_it(visit, edges, seven):
    page = visit(edges, seven)
    click(page, map_named(page, "Feature map top"), 7, 9, (26, 26))
    click(page, map_named(page, "Feature map left"), 7, 9, (26, 26))
    assert page.locator(".channel-view").count() == 1
    assert page.get_attribute(".channel-view", "aria-label") == "How left is computed"
    page.click(".channel-view button[aria-label='Close']")
    assert page.locator(".channel-view").count() == 0


def test_clicking_one_of_the_maps_pins_the_pixel_of_the_channel(visit, digit_model, seven):
    page = visit(digit_model, seven)
    click(page, map_named(page, "Feature map 4, layer 2"), 2, 3, (5, 5))
    shown_value(page)
    first = page.locator(".channel-view figure canvas").first  # before pooling: 10×10
    box = first.bounding_box()
    page.mouse.click(box["x"] + 0.85 * box["width"], box["y"] + 0.15 * box["height"])
    assert shown_position(page) == "map 4, layer 2, column 4, row 0"


def test_the_open_maps_follow_a_drawing(visit, digit_model, seven):
    page = visit(digit_model, seven)
    click(page, map_named(page, "Feature map 4, layer 2"), 2, 3, (5, 5))
    before = values(page)
    draw_seven(page)
    after = values(page)
    assert after != before
    sizes = page.locator(".channel-view canvas.map").evaluate_all(
        "(all) => all.map((one) => [one.width, Math.round(one.getBoundingClientRect().width)])"
    )
    assert all(pixels == width for pixels, width in sizes)
    assert after[-1] == pytest.approx(shown_value(page), rel=1e-6)


def test_the_open_maps_are_drawn_again_in_other_colors(visit, digit_model, seven):
    page = visit(digit_model, seven)
    click(page, map_named(page, "Feature map 4, layer 2"), 2, 3, (5, 5))
    page.select_option("#colormap", "diverging")
    shown_value(page)
    colored_share = page.locator(".channel-view figure canvas").first.evaluate(
        """(canvas) => { const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
             let count = 0;
             for (let at = 0; at < data.length; at += 4) count += Math.abs(data[at + 2] - data[at]) > 15;
             return (4 * count) / data.length; }"""
    )
    assert colored_share > 0.3
