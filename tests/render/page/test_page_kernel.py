"""The kernel editor of a page, in Chromium."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.layers import Activation
from cnnfx.nn.network import Network
from tests.render.page.browser_helpers import click, map_named, point, shown_value, wait_until

pytestmark = pytest.mark.browser


def weight(page, row: int, column: int, filter: str = "top"):
    """Return the cell of a weight, after choosing its filter."""
    select = page.locator("#filter")
    if select.locator("option:checked").text_content() != filter:
        select.select_option(label=filter)
    return page.locator(f"#weights input[aria-label^='Weight of {filter}, row {row}, column {column}']")


def edited(network: Network, changes: dict[tuple[int, int, int], float], bias: float = 0.0) -> Network:
    """Return a network of one layer with other weights (filter, row, column) and the bias of filter 0."""
    conv = network.layers[0].conv
    weights, biases = conv.weights.astype("f4"), conv.bias.astype("f4")
    for (filter, row, column), value in changes.items():
        weights[filter, :, row, column] = value
    biases[0] += bias
    return replace(network, layers=(replace(network.layers[0], conv=replace(conv, weights=weights, bias=biases)),))


def assert_value(page, network: Network, image: Image, channel: int, row: int, column: int) -> None:
    """Check the value of a pixel of the first layer against Python."""
    maps = network.feature_maps(image.floats())[-1]
    name = network.layers[-1].outputs[channel].name
    point(page, map_named(page, f"Feature map {name},"), row, column, maps.shape[1:])
    assert shown_value(page) == pytest.approx(float(maps[channel, row, column]), abs=1e-5)


def test_the_maps_follow_a_weight_that_is_typed(visit, edges, seven):
    page, network = visit(edges, seven), edges.bind(seven.channel_names)
    weight(page, 0, 1).fill("-2.5")
    changed = edited(network, {(0, 0, 1): -2.5})
    for row, column in ((7, 9), (8, 12), (20, 14)):
        assert_value(page, changed, seven, 0, row, column)
    assert_value(page, changed, seven, 1, 7, 9)  # the other filters keep their weights
    weight(page, 0, 1).fill("1/3")
    assert_value(page, edited(network, {(0, 0, 1): 1 / 3}), seven, 0, 8, 12)


def test_a_text_that_is_no_number_changes_nothing_and_is_marked(visit, edges, seven):
    page, network = visit(edges, seven), edges.bind(seven.channel_names)
    for text in ("", "one", "1/0", "1e99", "-"):
        weight(page, 0, 1).fill(text)
        assert weight(page, 0, 1).get_attribute("aria-invalid") == "true"
        assert_value(page, network, seven, 0, 7, 9)
    page.focus("#reset")
    assert weight(page, 0, 1).input_value() == "−1"
    assert weight(page, 0, 1).get_attribute("aria-invalid") is None


def test_the_maps_follow_a_weight_that_is_dragged(visit, edges, seven):
    page, network = visit(edges, seven), edges.bind(seven.channel_names)
    box = weight(page, 1, 2).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 40, steps=8)  # up: ten steps of 0.1 more
    assert float(weight(page, 1, 2).get_attribute("data-value")) == pytest.approx(2.0)
    page.mouse.move(x - 20, y, steps=8)  # left: five steps less than at the start
    page.mouse.up()
    assert float(weight(page, 1, 2).get_attribute("data-value")) == pytest.approx(0.5)
    assert page.evaluate("document.activeElement.tagName") != "INPUT"  # a drag does not start typing
    assert_value(page, edited(network, {(0, 1, 2): 0.5}), seven, 0, 8, 12)


def test_weights_can_be_dragged_with_a_finger(visit, edges, seven):
    page = visit(edges, seven, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.click("#kernel summary")
    box = weight(page, 1, 2).bounding_box()
    finger = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    touch = page.context.new_cdp_session(page)
    before = page.evaluate("scrollY")
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [finger]})
    for distance in (10, 20, 30, 40):
        moved = {**finger, "y": finger["y"] - distance}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [moved]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert float(weight(page, 1, 2).get_attribute("data-value")) == pytest.approx(2.0)
    assert page.evaluate("scrollY") == before


def test_weights_can_be_changed_by_keyboard(visit, edges, seven):
    page, network = visit(edges, seven), edges.bind(seven.channel_names)
    weight(page, 0, 0).focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert weight(page, 0, 0).input_value() == "0.1"  # −1, one step of 0.1, and ten steps
    page.keyboard.press("Tab")
    page.keyboard.type("-3")
    page.keyboard.press("Enter")
    assert_value(page, edited(network, {(0, 0, 0): 0.1, (0, 0, 1): -3}), seven, 0, 8, 12)


def test_clicking_a_weight_selects_its_text_for_typing(visit, edges, seven):
    page = visit(edges, seven)
    weight(page, 2, 2).click()
    page.keyboard.type("0.25")
    assert weight(page, 2, 2).get_attribute("data-value") == "0.25"


def test_the_bias_can_be_changed_and_everything_can_be_reset(visit, edges, seven):
    page, network = visit(edges, seven), edges.bind(seven.channel_names)
    weight(page, 0, 1).fill("7")
    page.locator("#bias input").fill("0.5")
    assert_value(page, edited(network, {(0, 0, 1): 7}, bias=0.5), seven, 0, 8, 12)
    page.click("#reset")
    assert_value(page, network, seven, 0, 8, 12)
    assert weight(page, 0, 1).input_value() == "−1"
    assert page.locator("#bias input").input_value() == "0"


def test_clicking_a_map_shows_its_filter_in_the_editor(visit, edges, seven):
    page = visit(edges, seven)
    click(page, map_named(page, "Feature map bottom"), 5, 5, (26, 26))
    assert page.input_value("#filter") == "2"
    assert weight(page, 2, 0, "bottom").input_value() == "−1"
    page.select_option("#filter", label="right")
    assert weight(page, 0, 2, "right").input_value() == "−1"


def test_at_first_the_editor_shows_the_filter_of_the_explained_pixel(visit, edges, seven):
    page = visit(edges, seven)
    name = page.text_content("#where").split(",")[0]
    assert page.locator("#filter option:checked").text_content() == name


def test_the_pixel_of_another_filter_is_replaced_by_one_of_the_edited_filter_unless_it_is_pinned(visit, edges, seven):
    page, network = visit(edges, seven), edges.bind(seven.channel_names)
    weight(page, 1, 1, "left").fill("2")
    maps = edited(network, {(1, 1, 1): 2}).feature_maps(seven.floats())[-1]
    row, column = np.unravel_index(maps[1].argmax(), maps[1].shape)
    assert shown_value(page) == pytest.approx(float(maps[1].max()), abs=1e-5)
    assert page.text_content("#where") == f"left, layer 1, column {column}, row {row}"
    click(page, map_named(page, "Feature map left"), 3, 4, (26, 26))
    weight(page, 1, 1, "right").fill("3")
    shown_value(page)
    assert page.text_content("#where") == "left, layer 1, column 4, row 3"


def test_a_combination_and_its_filters_follow_the_weights(visit, seven):
    sobel = cnnfx.load_network("sobel").bind(seven.channel_names)
    page = visit(sobel, seven)
    page.select_option("#filter", label="y")
    weight(page, 1, 1, "y").fill("3")
    assert_value(page, edited(sobel, {(1, 1, 1): 3}), seven, 2, 9, 17)


def test_each_color_has_its_own_kernel(visit):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 9), np.uint8)
    image = Image("color.png", pixels, ("red", "green", "blue"))
    network = cnnfx.load_network("edges").bind(image.channel_names)
    page = visit(network, image)
    page.select_option("#filter", label="top")
    page.locator("#weights input[aria-label='Weight of top, row 0, column 1, green']").fill("4")
    weights = network.layers[0].conv.weights.astype("f4")
    weights[0, 1, 0, 1] = 4
    layer = replace(network.layers[0], conv=replace(network.layers[0].conv, weights=weights))
    assert_value(page, replace(network, layers=(layer,)), image, 0, 3, 4)


def test_copy_as_toml_gives_a_filter_file_with_the_edited_weights(visit, edges, seven, tmp_path):
    layer = replace(edges.layers[0], activation=Activation("relu"))
    network = replace(edges, layers=(layer,)).bind(seven.channel_names)
    page = visit(network, seven)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    weight(page, 0, 1).fill("1/3")
    page.locator("#bias input").fill("-0.25")
    page.click("#copy")
    wait_until(page, "document.getElementById('copied').textContent")
    path = tmp_path / "copied.toml"
    path.write_text(page.input_value("#toml"), encoding="utf-8")
    assert page.evaluate("navigator.clipboard.readText()") == page.input_value("#toml")
    copied = cnnfx.load_network(path).bind(seven.channel_names)
    wanted = edited(network, {(0, 0, 1): 1 / 3}, bias=-0.25)
    np.testing.assert_array_equal(copied.layers[0].conv.weights.astype("f4"), wanted.layers[0].conv.weights)
    np.testing.assert_array_equal(copied.layers[0].conv.bias.astype("f4"), wanted.layers[0].conv.bias)
    assert copied.layers[0].activation == layer.activation
    assert copied.name == "edges"


def test_the_weights_of_large_kernels_can_be_edited_too(visit, seven):
    network = cnnfx.load_network("circles").bind(seven.channel_names)
    first = replace(network, layers=network.layers[:1])
    height, width = first.layers[0].conv.weights.shape[-2:]
    page = visit(first, seven)
    assert page.locator("#weights input").count() == height * width
    name = first.layers[0].filter_names[0]
    weight(page, 4, 5, name).fill("9")
    assert_value(page, edited(first, {(0, 4, 5): 9}), seven, 0, 8, 9)


def test_networks_of_several_layers_have_no_kernel_editor(visit, digit_model, seven):
    assert not visit(digit_model, seven).is_visible("#kernel")
