"""Where things are on a page, and what its colors, ranges and legends say, in Chromium."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Activation, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.render.color import COLORMAPS, ColorScale, draw_values
from cnnfx.render.page.data import COLOR_NAMES
from tests.render.page.browser_helpers import (
    click,
    draw_seven,
    map_named,
    point,
    shown_position,
    shown_value,
    wait_until,
)

pytestmark = pytest.mark.browser
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def box(page, selector: str) -> dict[str, float]:
    return page.locator(selector).bounding_box()


# --- the panel beside the maps


def test_drawing_cell_class_bars_and_explanation_are_on_the_first_screen(visit, digit_model, seven):
    page = visit(digit_model, seven, **DESKTOP)
    drawing, bars, value = box(page, "canvas.drawing"), box(page, "#probabilities"), box(page, "#value")
    assert drawing["x"] + drawing["width"] <= bars["x"]
    assert abs(drawing["y"] - bars["y"]) < 60
    assert max(part["y"] + part["height"] for part in (drawing, bars, value)) < 800
    assert drawing["x"] > box(page, "#layers")["x"] + box(page, "#layers")["width"]


def test_the_panel_stays_on_the_screen_while_the_maps_scroll(visit, digit_model, seven):
    page = visit(digit_model, seven, viewport={"width": 1280, "height": 500})
    page.mouse.move(300, 300)
    page.mouse.wheel(0, 600)
    wait_until(page, "scrollY > 300")
    assert 0 <= box(page, "canvas.drawing")["y"] < 300


def test_on_a_phone_the_drawing_cell_is_on_the_first_screen_and_the_explanation_collapsed(visit, digit_model, seven):
    page = visit(digit_model, seven, **PHONE)
    drawing, bars, sheet = box(page, "canvas.drawing"), box(page, "#probabilities"), box(page, "#explanation")
    assert max(drawing["y"] + drawing["height"], bars["y"] + bars["height"]) < sheet["y"]
    assert sheet["height"] < 120
    assert not page.is_visible("#sum")
    assert page.is_visible("#value")
    page.tap("#expand")
    assert page.is_visible("#sum")
    assert page.get_attribute("#expand", "aria-expanded") == "true"
    page.tap("#expand")
    assert not page.is_visible("#sum")


def test_on_a_wide_window_there_is_nothing_to_collapse(visit, digit_model, seven):
    page = visit(digit_model, seven, **DESKTOP)
    assert page.is_visible("#sum")
    assert not page.is_visible("#expand")


# --- what is explained


def test_after_each_stroke_the_strongest_pixel_is_explained_until_one_is_pinned(visit, digit_model, seven):
    page = visit(digit_model, seven, **DESKTOP)
    draw_seven(page)
    shown_value(page)
    assert page.text_content("#explanation-heading") == "Strongest pixel of the last layer"
    values = page.locator(".layer").last.locator(".range").all_text_contents()
    largest = max(float(text.split("…")[-1]) for text in values)
    assert shown_value(page) == pytest.approx(largest, rel=5e-3)
    click(page, map_named(page, "Feature map b,"), 5, 6, (12, 12))
    pinned = shown_position(page)
    page.evaluate("scrollTo(0, 0)")
    draw_seven(page)
    assert shown_position(page) == pinned == "b, layer 1, column 6, row 5"
    assert page.text_content("#explanation-heading") == "Selected pixel"


def test_the_drawing_cell_does_not_move_while_one_draws(visit, digit_model, seven):
    page = visit(replace(digit_model, name="a model with a name of two lines"), seven, **PHONE)
    before = box(page, "canvas.drawing")
    draw_seven(page)
    shown_value(page)
    assert box(page, "canvas.drawing") == before
    assert page.text_content("h1") == "a model with a name of two lines on seven.png"


# --- small pictures of filters


def test_filters_whose_kernels_would_be_tiny_are_not_drawn(visit, seven):
    random = np.random.default_rng(0)
    names = tuple(f"n{index}" for index in range(30))
    lower = Layer(Conv(random.normal(size=(30, 1, 3, 3)).astype("f4"), np.zeros(30, "f4")), names)
    upper = Layer(Conv(random.normal(size=(2, 30, 3, 3)).astype("f4"), np.zeros(2, "f4")), ("a", "b"))
    page = visit(Network((lower, upper)), seven, **DESKTOP)
    assert page.locator("section[aria-label='Layer 1'] .kernel").count() == 30
    assert page.locator("section[aria-label='Layer 2'] .kernel").count() == 0
    sides = page.locator(".kernel").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().width)")
    assert min(sides) >= 12


# --- levels and colors


def network_with_both_kinds() -> Network:
    """Return layers whose channels are signed, of both kinds, and not negative, with weights that sum exactly."""
    edges = cnnfx.load_network("edges").layers[0]
    sobel = cnnfx.load_network("sobel").layers[0]
    mixed = replace(sobel, conv=replace(sobel.conv, weights=np.repeat(sobel.conv.weights, 4, axis=1), inputs=None))
    return Network(
        (edges, mixed, Layer(Conv(np.ones((1, 3, 1, 1), "f4"), np.zeros(1, "f4")), ("on",), (), Activation("relu")))
    )


@pytest.mark.parametrize(
    "scale",
    [
        ColorScale(),
        ColorScale(scope="all"),
        ColorScale(colormap="diverging"),
        ColorScale(colormap="viridis", clip=90.0),
        ColorScale(limits=2.0),
        ColorScale(limits=(-1.0, 3.0)),
        ColorScale("minmax", "all", "heat", clip=99.0),
    ],
    ids=["auto", "all", "diverging", "clip", "magnitude", "limits", "minmax"],
)
def test_the_colors_on_the_screen_equal_those_of_the_pictures(scale, visit, seven):
    # Multiples of 1/64 have exact sums, so that no value is near the border of two levels by rounding alone.
    image = Image("seven.npy", np.floor(seven.values / np.float32(4)) / np.float32(64), ("gray",), is_array=True)
    network = network_with_both_kinds().bind(image.channel_names)
    page = visit(network, image, scale, device_scale_factor=1)
    page.mouse.move(2, 2)
    for number in (1, 2, 3):
        part = replace(network, layers=network.layers[:number])
        maps = FeatureMaps(part, image)
        scales = scale.linear_scales(maps)
        for channel, name in enumerate(part.layers[-1].channel_names):
            values = maps.whole()[channel]
            wanted = draw_values(values, scales[channel], scale.colormap)
            wanted = np.dstack([wanted] * 3) if wanted.ndim == 2 else wanted
            found = screen_colors(page, f"Feature map {name}, layer {number},", values.shape)
            differs = (found != wanted).any(axis=-1)
            # The strongest pixel of the last layer has a mark. The norm is a square root, whose last bit may differ.
            assert differs.sum() <= (40 if number == 3 else 3), (name, number)


def screen_colors(page, name: str, shape: tuple[int, int]) -> np.ndarray:
    """Return the colors `(H, W, 3)` at the centers of a map's pixels on the screen."""
    found = page.evaluate(
        """([name, height, width]) => {
             const canvas = document.querySelector(`canvas.map[aria-label^='${name}']`);
             const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), found = [];
             for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) {
               const x = Math.floor((column + 0.5) * canvas.width / width);
               const y = Math.floor((row + 0.5) * canvas.height / height);
               found.push(...data.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3));
             }
             return found;
           }""",
        [name, *shape],
    )
    return np.reshape(found, (*shape, 3))


def test_nan_and_infinity_have_a_color_of_their_own_and_are_counted(visit, edges):
    values = np.random.default_rng(0).random((1, 9, 9)).astype("f4")
    values[0, 4, 4] = np.nan
    image = Image("data.npy", values, ("gray",), is_array=True)
    page = visit(edges.bind(image.channel_names), image, device_scale_factor=1)
    page.mouse.move(2, 2)
    colors = screen_colors(page, "Feature map left, layer 1,", (7, 7))
    np.testing.assert_array_equal(
        (colors == (255, 0, 255)).all(axis=-1), np.isnan(edges.feature_maps(image.floats())[-1][1])
    )
    assert "36 values are NaN or infinite and drawn in magenta." in page.text_content("#meaning")


# --- words


def meaning(page) -> str:
    shown_value(page)
    return page.text_content("#meaning")


def test_the_words_for_the_colors_follow_the_color_map(visit, edges, seven):
    page = visit(edges, seven)
    assert meaning(page) == "Zero is mid-gray, the largest magnitude white or black."
    page.select_option("#colormap", "diverging")
    assert meaning(page) == "Zero is white, the largest magnitude orange or blue."
    page.select_option("#normalize", "minmax")
    assert meaning(page) == "The smallest value is blue, the largest orange."
    page.select_option("#colormap", "viridis")
    page.select_option("#normalize", "absolute")
    assert meaning(page) == "Zero is dark blue, the largest magnitude yellow."


def test_the_words_say_which_maps_cannot_be_negative(visit, digit_model, seven):
    page = visit(digit_model, seven)
    assert meaning(page) == "Zero is black, the largest value white."
    page.select_option("#colormap", "diverging")
    assert meaning(page) == "Zero is white, the largest magnitude orange or blue."
    page = visit(cnnfx.load_network("sobel"), seven)
    assert meaning(page) == "Zero is black in maps that cannot be negative, and mid-gray in others."


def test_the_words_name_a_percentile_and_a_fixed_range(visit, edges, seven):
    page = visit(edges, seven, ColorScale(clip=99.5))
    assert meaning(page).endswith("Values beyond percentile 99.5 are clipped.")
    page = visit(edges, seven, ColorScale(limits=1.5))
    assert meaning(page).endswith("The range is fixed: ±1.5.")
    assert page.input_value("#scope") == "fixed"
    page.select_option("#scope", "channel")
    assert meaning(page) == "Zero is mid-gray, the largest magnitude white or black."


def test_every_color_map_has_names_for_its_colors():
    assert COLOR_NAMES.keys() == COLORMAPS.keys()


def test_each_map_has_its_range_and_each_layer_a_legend(visit, edges, seven):
    page = visit(edges, seven)
    largest = np.abs(edges.feature_maps(seven.floats())[-1]).max(axis=(1, 2))
    assert page.locator(".range").all_text_contents() == [f"±{value:.3g}" for value in largest]
    assert page.locator(".legend .ends span").all_text_contents() == ["−max", "0", "max"]
    page.select_option("#scope", "all")
    shown_value(page)
    assert page.locator(".range").all_text_contents() == [f"±{largest.max():.3g}"] * 4
    assert page.locator(".legend .ends span").all_text_contents() == [
        f"−{largest.max():.3g}",
        "0",
        f"{largest.max():.3g}",
    ]


def test_a_layer_with_signed_and_other_maps_has_a_legend_for_each(visit, seven):
    page = visit(cnnfx.load_network("sobel"), seven)
    magnitude = float(cnnfx.load_network("sobel").feature_maps(seven.floats())[-1][2].max())
    assert page.locator(".legend .scale").count() == 2
    assert page.locator(".range").last.text_content() == f"0…{magnitude:.3g}"


def test_a_map_that_is_zero_everywhere_has_the_range_zero(visit, edges):
    image = Image("flat.png", np.full((1, 9, 9), 77, np.uint8), ("gray",))
    page = visit(edges, image)
    assert page.locator(".range").all_text_contents() == ["0"] * 4
    point(page, map_named(page, "Feature map top"), 3, 3, (7, 7))
    assert shown_value(page) == 0


def test_a_page_of_some_channels_has_only_these_and_no_classes(visit, digit_model, seven):
    maps = FeatureMaps(digit_model.bind(seven.channel_names), seven).select([3, 0])
    page = visit(maps.network, seven)
    assert page.locator("section[aria-label='Layer 2'] .title").all_text_contents() == ["4", "1"]
    assert not page.is_visible("#classes")


def test_a_single_bright_pixel_stays_visible_where_the_map_is_shrunk(visit):
    pixels = np.zeros((1, 400, 500), np.uint8)
    pixels[0, 123, 321] = 255
    identity = cnnfx.load_network("identity").layers[0]
    layer = replace(identity, activation=Activation("relu"))
    page = visit(Network((layer,)), Image("dot.png", pixels, ("gray",)), device_scale_factor=1)
    page.mouse.move(2, 2)
    page.locator(".map").last.evaluate("(canvas) => canvas.focus()")  # the mark is elsewhere then
    page.keyboard.press("Home")
    shown_value(page)
    brightest = page.locator(".map").last.evaluate(
        """(canvas) => { const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
             const x = Math.round(321.5 / 500 * canvas.width), y = Math.round(123.5 / 400 * canvas.height);
             let largest = 0;
             for (let row = y - 2; row <= y + 2; row++) for (let column = x - 2; column <= x + 2; column++)
               largest = Math.max(largest, data[4 * (row * canvas.width + column) + 2]);
             return [canvas.width, largest]; }"""
    )
    assert brightest[0] < 400
    assert brightest[1] == 255


def test_filters_on_red_green_and_blue_are_drawn_as_one_color_picture(visit):
    image = Image("color.png", np.zeros((3, 9, 9), np.uint8), ("red", "green", "blue"))
    weights = np.zeros((1, 3, 1, 2), "f4")
    weights[0, :, 0, 0] = 1, -1, 0
    weights[0, 2, 0, 1] = 0.5
    page = visit(Network((Layer(Conv(weights, np.zeros(1, "f4")), ("a",)),)), image)
    colors = page.locator(".card .kernel").evaluate(
        "(canvas) => Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)"
    )
    assert colors == [255, 0, 128, 255, 128, 128, 191, 255]


def test_a_narrow_image_keeps_its_aspect_ratio(visit, edges):
    image = Image("narrow.png", np.zeros((1, 300, 12), np.uint8), ("gray",))
    page = visit(edges, image, **DESKTOP)
    for view, ratio in (("Input", 12 / 300), ("Feature map top", 10 / 298)):
        part = map_named(page, view).bounding_box()
        assert part["width"] / part["height"] == pytest.approx(ratio, rel=0.1)
        assert part["height"] <= 0.75 * 800 + 1
