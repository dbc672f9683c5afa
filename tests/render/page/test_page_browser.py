"""Pages in Chromium: mouse, keyboard, touch, drawing, narrow windows, dark mode, and no JavaScript."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.datasets import fit_digit
from cnnfx.images import Image
from cnnfx.nn.input import Input
from cnnfx.nn.network import Network
from cnnfx.render.color import ColorScale, linear_scale
from tests.render.page.browser_helpers import (
    click,
    click_in_panel,
    draw_seven,
    drawing,
    map_named,
    marked_maps,
    point,
    screen_position,
    shown_position,
    shown_probabilities,
    shown_value,
)

pytestmark = pytest.mark.browser


# --- pointing


def test_pointing_at_a_map_shows_the_value_that_apply_computes(visit, edges, seven):
    page, maps = visit(edges, seven), edges.feature_maps(seven.floats())[-1]
    for channel, row, column in ((0, 7, 9), (1, 12, 17), (3, 0, 0), (2, 25, 25)):
        point(page, map_named(page, f"Feature map {edges.layers[0].filter_names[channel]},"), row, column, (26, 26))
        assert shown_value(page) == pytest.approx(float(maps[channel, row, column]), abs=1e-5)
        assert shown_position(page) == f"{edges.layers[0].filter_names[channel]}, layer 1, column {column}, row {row}"


def test_the_panel_shows_patch_weights_and_products_of_the_pixel(visit, edges, seven):
    page = visit(edges, seven)
    point(page, map_named(page, "Feature map left,"), 9, 17, (26, 26))
    shown_value(page)
    numbers = [
        [float(cell.replace("−", "-")) for cell in table.locator("td").all_text_contents()]
        for table in page.locator("#sum table").all()
    ]
    patch, weights = seven.floats()[0, 9:12, 17:20], edges.layers[0].conv.weights[1, 0]
    for found, wanted in zip(numbers, (patch, weights, patch * weights), strict=True):
        np.testing.assert_allclose(found, np.ravel(wanted), rtol=5e-3)


def test_pointing_marks_the_receptive_field_in_every_layer_below(visit, digit_model, seven):
    page = visit(digit_model, seven)
    click(page, map_named(page, "Feature map 4, layer 2"), 2, 2, (5, 5))
    shown_value(page)
    assert marked_maps(page) == ["Input", "Feature map a", "Feature map b", "Feature map c", "Feature map 4"]


def test_pooled_and_normalized_values_equal_those_of_python(visit, digit_model, seven):
    page, maps = visit(digit_model, seven), digit_model.feature_maps(seven.floats())
    point(page, map_named(page, "Feature map b,"), 5, 6, (12, 12))
    assert shown_value(page) == pytest.approx(float(maps[0][1, 5, 6]), rel=1e-4)
    point(page, map_named(page, "Feature map 3,"), 1, 4, (5, 5))
    assert shown_value(page) == pytest.approx(float(maps[1][2, 1, 4]), rel=1e-4)
    assert "mean pooling" in page.text_content("#sum")


def test_a_combination_shows_the_sums_of_its_filters(visit, seven):
    page, sobel = visit(cnnfx.load_network("sobel"), seven), cnnfx.load_network("sobel")
    point(page, map_named(page, "Feature map magnitude"), 9, 17, (26, 26))
    assert shown_value(page) == pytest.approx(float(sobel.feature_maps(seven.floats())[0][2, 9, 17]), rel=1e-5)
    assert page.locator("#sum h3").all_text_contents() == ["Filter x", "Filter y"]
    assert "norm: √(" in page.text_content("#sum")


def test_each_input_channel_has_a_table_of_products(visit):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 9), np.uint8)
    image = Image("color.png", pixels, ("red", "green", "blue"))
    page = visit(cnnfx.load_network("sobel"), image)
    point(page, map_named(page, "Feature map x,"), 3, 4, (7, 7))
    shown_value(page)
    headings = page.locator("#sum h4").all_text_contents()
    assert [heading.split(":")[0] for heading in headings] == ["On red", "On green", "On blue"]
    assert page.locator("#sum table").count() == 9


def strongest_pixel(network: Network, image) -> str:
    """Return where the largest value of the last layer is, as the panel writes it."""
    maps = network.feature_maps(image)[-1]
    channel, row, column = np.unravel_index(maps.argmax(), maps.shape)
    name = network.layers[-1].outputs[channel].name
    title = f"map {name}" if name.isdigit() else name
    return f"{title}, layer {len(network.layers)}, column {column}, row {row}"


def test_at_first_the_strongest_pixel_of_the_last_layer_is_explained(visit, digit_model, seven):
    page = visit(digit_model, seven)
    assert shown_position(page) == strongest_pixel(digit_model, seven.floats())
    assert page.text_content("#explanation-heading") == "Strongest pixel of the last layer"
    assert page.get_attribute("#pin", "aria-pressed") == "false"


def test_maps_have_no_marks_before_a_pixel_is_pointed_at(visit, digit_model, seven):
    page = visit(digit_model, seven)
    shown_value(page)
    strongest = shown_position(page).split(",")[0].removeprefix("map ")
    assert marked_maps(page) == ["Input", f"Feature map {strongest}"]
    point(page, map_named(page, "Feature map 4, layer 2"), 2, 2, (5, 5))
    shown_value(page)
    assert marked_maps(page) == ["Input", "Feature map a", "Feature map b", "Feature map c", "Feature map 4"]


def test_the_receptive_field_is_tinted_only_while_a_map_is_pointed_at(visit, digit_model, seven):
    page = visit(digit_model, seven)
    view = map_named(page, "Feature map 4, layer 2")

    def tinted_pixels() -> int:
        shown_value(page)
        return page.evaluate(
            """() => { const canvas = document.querySelector("canvas.map[aria-label^='Input']");
                 const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                 let count = 0;
                 for (let at = 0; at < data.length; at += 4) count += data[at + 2] - data[at] > 8;
                 return count; }"""
        )

    before = tinted_pixels()
    point(page, view, 2, 2, (5, 5))
    pointing = tinted_pixels()
    page.mouse.move(5, 5)
    assert before < pointing / 3
    assert tinted_pixels() < pointing / 3


def test_pointing_at_the_input_shows_the_value_of_the_pixel(visit, edges, seven):
    page = visit(edges, seven)
    point(page, map_named(page, "Input"), 8, 12, (28, 28))
    assert shown_value(page) == pytest.approx(float(seven.floats()[0, 8, 12]))


def test_clicking_a_number_of_the_patch_selects_the_pixel_below(visit, digit_model, seven):
    page, maps = visit(digit_model, seven), digit_model.feature_maps(seven.floats())
    click(page, map_named(page, "Feature map 3,"), 1, 4, (5, 5))
    shown_value(page)
    cell = page.locator("#sum table td[data-row]").first
    row, column = int(cell.get_attribute("data-row")), int(cell.get_attribute("data-column"))
    click_in_panel(page, cell)
    assert shown_value(page) == pytest.approx(float(maps[0][0, row, column]), rel=1e-4)
    assert shown_position(page) == f"a, layer 1, column {column}, row {row}"


def test_clicking_a_value_of_the_pooled_block_shows_its_sum(visit, digit_model, seven):
    page = visit(digit_model, seven)
    point(page, map_named(page, "Feature map 3,"), 1, 4, (5, 5))
    shown_value(page)
    assert page.locator("#sum td.chosen").get_attribute("data-block-index") == "0"
    click_in_panel(page, page.locator("#sum td[data-block-index='2']"))
    shown_value(page)
    chosen = page.locator("#sum td.chosen")
    assert chosen.get_attribute("data-block-index") == "2"
    assert page.get_attribute("#pin", "aria-pressed") == "true"
    activation = page.locator("#sum .step strong").all_text_contents()[-1].replace("−", "-")
    assert float(chosen.text_content().replace("−", "-")) == pytest.approx(float(activation), rel=5e-3)


def test_numbers_that_select_something_have_a_pointer_cursor(visit, digit_model, seven):
    page = visit(digit_model, seven)
    point(page, map_named(page, "Feature map 3,"), 1, 4, (5, 5))
    shown_value(page)
    cursors = [
        page.locator(f"#sum td[{attribute}]").first.evaluate("(cell) => getComputedStyle(cell).cursor")
        for attribute in ("data-row", "data-block-index")
    ]
    assert cursors == ["pointer", "pointer"]


# --- pinning


def test_clicking_pins_a_pixel_and_escape_unpins_it(visit, edges, seven):
    page = visit(edges, seven)
    top = map_named(page, "Feature map top")
    click(page, top, 7, 9, (26, 26))
    pinned = shown_position(page)
    assert page.get_attribute("#pin", "aria-pressed") == "true"
    point(page, top, 20, 20, (26, 26))
    assert shown_position(page) == pinned
    page.keyboard.press("Escape")
    point(page, top, 21, 20, (26, 26))
    assert shown_position(page) == "top, layer 1, column 20, row 21"


def test_clicking_a_pinned_pixel_unpins_it(visit, edges, seven):
    page = visit(edges, seven)
    top = map_named(page, "Feature map top")
    click(page, top, 7, 9, (26, 26))
    click(page, top, 7, 9, (26, 26))
    shown_value(page)
    assert page.get_attribute("#pin", "aria-pressed") == "false"


# --- keyboard and screen reader


def test_any_pixel_can_be_selected_and_pinned_by_keyboard(visit, edges, seven):
    page, maps = visit(edges, seven), edges.feature_maps(seven.floats())[-1]
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label') || ''").startswith("Feature map left"):
            break
    page.keyboard.press("Home")
    for _ in range(26):
        page.keyboard.press("ArrowUp")
    for key in ("ArrowRight",) * 3 + ("ArrowDown",) * 2 + ("Shift+ArrowDown",):
        page.keyboard.press(key)
    assert shown_position(page) == "left, layer 1, column 3, row 12"
    assert shown_value(page) == pytest.approx(float(maps[1, 12, 3]), abs=1e-5)
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    assert shown_position(page) == "left, layer 1, column 25, row 12"
    assert page.get_attribute("#pin", "aria-pressed") == "true"
    page.locator("#announcement", has_text="column 25, row 12").wait_for(state="attached")
    announcement = page.text_content("#announcement")
    assert announcement.startswith("left, layer 1, column 25, row 12: products ")
    assert announcement.endswith("Pinned.")


def test_page_up_and_page_down_move_from_layer_to_layer(visit, digit_model, seven):
    page = visit(digit_model, seven)
    map_named(page, "Feature map b,").focus()
    page.keyboard.press("PageDown")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Feature map 2, layer 2")
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Input")


def test_all_controls_have_accessible_names_and_headings_are_heading_elements(visit, digit_model, seven):
    page = visit(digit_model, seven)
    assert page.locator("h1").count() == 1
    headings = ["Input", "Layer 1", "Layer 2", "Classes", "Strongest pixel of the last layer"]
    assert page.locator("h2:visible").all_text_contents() == headings
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
             "button:not([hidden]), select, input, textarea, [tabindex='0'], [role=img]"
           )].filter((element) => !(
             element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length
           )).length"""
    )
    assert nameless == 0
    assert page.get_attribute("#announcement", "aria-live") == "polite"
    assert "Filter a: 5×5 weights" not in page.content()  # 25 weights are named one by one
    assert page.locator(".kernel").first.get_attribute("aria-label").count(";") == 4


# --- magnification and colors


def test_pointing_at_a_magnified_map_selects_the_pixel_under_the_mouse(visit, edges, seven):
    page, maps = visit(edges, seven), edges.feature_maps(seven.floats())[-1]
    top = map_named(page, "Feature map top")
    click(page, top, 7, 9, (26, 26))
    for _ in range(4):
        page.click("#larger")
    assert page.text_content("#zoom") == "5.1×"
    top.focus()
    for key in ("ArrowRight",) * 8:
        page.keyboard.press(key)
    assert shown_value(page) == pytest.approx(float(maps[0, 7, 17]), abs=1e-5)
    page.keyboard.press("Escape")
    box = top.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    _, column, row = (int(part) for part in shown_position(page).replace(",", "").split() if part.isdigit())
    assert 12 <= column <= 17
    assert shown_value(page) == pytest.approx(float(maps[0, row, column]), abs=1e-5)
    page.click("#whole")
    assert page.text_content("#zoom") == "1×"


def test_dragging_a_magnified_map_moves_it_without_pinning(visit, edges, seven):
    page = visit(edges, seven)
    page.click("#larger")
    page.click("#larger")
    x, y = screen_position(page, map_named(page, "Feature map top"), 13, 13, (26, 26))
    page.mouse.move(x, y)
    before = shown_position(page)
    page.mouse.down()
    page.mouse.move(x - 60, y - 40, steps=5)
    page.mouse.up()
    page.mouse.move(x, y)
    assert shown_position(page) != before
    assert page.get_attribute("#pin", "aria-pressed") == "false"


@pytest.mark.parametrize("mode", ["signed", "minmax", "positive", "absolute", "none"])
def test_the_levels_on_the_screen_equal_those_of_the_picture(visit, edges, seven, mode):
    # Multiples of 1/64 have exact sums. Others differ in the last bit with the order of summation, which would change
    # the level of values halfway between two levels, such as half of the largest value.
    image = Image("seven.npy", np.floor(seven.values / np.float32(4)) / np.float32(64), ("gray",), is_array=True)
    page = visit(edges, image, ColorScale(mode), device_scale_factor=1)
    values = edges.feature_maps(image.floats())[-1][1]
    wanted = linear_scale(mode, float(values.min()), float(values.max())).levels(values)
    found = page.evaluate(
        """() => {
             const canvas = document.querySelector("canvas.map[aria-label^='Feature map left']");
             const context = canvas.getContext("2d"), found = [];
             for (let row = 0; row < 26; row++) for (let column = 0; column < 26; column++) {
               const x = Math.floor((column + 0.5) * canvas.width / 26);
               const y = Math.floor((row + 0.5) * canvas.height / 26);
               found.push(context.getImageData(x, y, 1, 1).data[0]);
             }
             return found;
           }"""
    )
    np.testing.assert_array_equal(np.reshape(found, (26, 26)), wanted)


def test_normalization_range_and_colors_can_be_changed(visit, edges, seven):
    page = visit(edges, seven)
    page.select_option("#normalize", "positive")
    assert page.text_content("#meaning") == "Zero and less is black, the largest value white."
    page.select_option("#colormap", "diverging")
    page.select_option("#scope", "all")
    values = edges.feature_maps(seven.floats())[-1]
    shown_value(page)
    ends = page.locator(".scale .ends span").all_text_contents()
    assert float(ends[1]) == pytest.approx(float(values.max()), rel=5e-3)


# --- touch, narrow windows, dark mode, no JavaScript


def test_on_a_phone_a_tap_pins_a_pixel_and_the_page_fits_the_width(visit, digit_model, seven):
    page = visit(digit_model, seven, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    maps = digit_model.feature_maps(seven.floats())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    view = map_named(page, "Feature map a,")
    view.evaluate("(canvas) => canvas.scrollIntoView({ block: 'start' })")
    box = view.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 4.5 / 12, box["y"] + box["height"] * 3.5 / 12)
    assert shown_position(page) == "a, layer 1, column 4, row 3"
    assert shown_value(page) == pytest.approx(float(maps[0][0, 3, 4]), rel=1e-4)
    assert page.get_attribute("#pin", "aria-pressed") == "true"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def touch(page, kind: str, *points: tuple[float, float]) -> None:
    page.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})


def test_two_fingers_magnify_the_maps_and_one_finger_moves_them(visit, edges, seven):
    page = visit(edges, seven, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.cdp = page.context.new_cdp_session(page)
    view = map_named(page, "Feature map top")
    view.evaluate("(canvas) => canvas.scrollIntoView({ block: 'start' })")
    box = view.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch(page, "touchStart", (x - 20, y), (x + 20, y))
    for k in (30, 40, 50):
        touch(page, "touchMove", (x - k, y), (x + k, y))
    touch(page, "touchEnd")
    assert page.text_content("#zoom") == "2.5×"
    assert page.evaluate("visualViewport.scale") == 1
    page.touchscreen.tap(x, y)
    before = shown_position(page)
    touch(page, "touchStart", (x, y))
    for k in (10, 25, 40):
        touch(page, "touchMove", (x - k, y))
    touch(page, "touchEnd")
    assert shown_position(page) == before  # dragging does not pin
    page.touchscreen.tap(x, y)
    assert shown_position(page) != before


def test_light_and_dark_colors_follow_the_system(visit, edges, seven):
    def brightness(scheme: str) -> list[int]:
        page = visit(edges, seven, color_scheme=scheme)
        colors = page.evaluate("['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name])")
        return [sum(map(int, color[4:-1].split(","))) for color in colors]

    text, background = brightness("light")
    assert background - text > 500
    text, background = brightness("dark")
    assert text - background > 500


def test_without_javascript_the_fallback_image_is_shown(visit, edges, seven):
    page = visit(edges, seven, java_script_enabled=False)
    assert page.is_visible("#fallback img")
    assert page.evaluate("document.querySelector('#fallback img').naturalWidth") > 0
    assert page.get_attribute("#fallback img", "alt") == (
        "The input seven.png and its feature maps: top, left, bottom, right."
    )
    assert not page.is_visible("#live")
    assert page.is_visible("text=This is a static image.")


def test_without_a_canvas_the_fallback_image_is_shown(visit, edges, seven, browser, tmp_path):
    visit(edges, seven)
    page = browser.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null;")
    page.goto((tmp_path / "page.html").as_uri())
    assert page.is_visible("#fallback img")
    assert not page.is_visible("#live")
    page.close()


# --- drawing


def test_a_drawn_digit_has_the_probabilities_that_python_computes(visit, digit_model, seven):
    page = visit(digit_model, seven)
    assert shown_probabilities(page) == pytest.approx(digit_model.probabilities(seven.floats()).tolist(), abs=1e-4)
    draw_seven(page)
    cell = drawing(page) / np.float32(255)
    assert 0.05 < cell.mean() < 0.4
    digit, _ = fit_digit(cell)
    wanted = digit_model.probabilities(digit[None])
    assert np.abs(wanted - digit_model.probabilities(seven.floats())).max() > 0.01
    assert shown_probabilities(page) == pytest.approx(wanted.tolist(), abs=1e-4)
    point(page, map_named(page, "Feature map b,"), 5, 6, (12, 12))
    assert shown_value(page) == pytest.approx(float(digit_model.feature_maps(digit[None])[0][1, 5, 6]), rel=1e-4)
    assert page.is_visible("text=your drawing, preprocessed")


def test_a_drawing_can_be_cleared_and_replaced_by_the_image(visit, digit_model, seven):
    page = visit(digit_model, seven)
    before = shown_probabilities(page)
    draw_seven(page)
    page.click("text=Clear")
    assert drawing(page).max() == 0
    assert shown_probabilities(page) == pytest.approx(
        digit_model.probabilities(np.zeros((1, 28, 28), "f4")).tolist(), abs=1e-4
    )
    page.click("text=Back to seven.png")
    assert shown_probabilities(page) == before


def test_a_digit_can_be_drawn_by_keyboard(visit, digit_model, seven):
    page = visit(digit_model, seven)
    page.focus("canvas.drawing")
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    rows, columns = np.nonzero(drawing(page) > 128)
    assert np.ptp(rows) > 30
    assert np.ptp(columns) < 20
    page.keyboard.press("Delete")
    assert not (drawing(page) > 128).any()  # the ring at the pen's position is red


def test_drawing_with_a_finger_does_not_scroll_the_page(visit, digit_model, seven):
    page = visit(digit_model, seven, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.locator("canvas.drawing").evaluate("(canvas) => canvas.scrollIntoView({ block: 'start' })")
    box, at = page.locator("canvas.drawing").bounding_box(), page.evaluate("scrollY")
    touch = page.context.new_cdp_session(page)
    points = [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] * k / 10} for k in range(2, 9)]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [points[0]]})
    for finger in points[1:]:
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [finger]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    rows, _ = np.nonzero(drawing(page) > 128)
    assert np.ptp(rows) > 55
    assert page.evaluate("scrollY") == at


def test_for_an_image_of_another_size_only_drawings_are_classified(visit, digit_model):
    image = Image("photo.png", np.full((1, 60, 40), 200, np.uint8), ("gray",))
    page = visit(replace(digit_model, input=Input(fit="digit")), image)
    assert page.text_content("#classes .about") == "The model classifies images of 28×28 pixels only. Draw one."
    draw_seven(page)
    assert len(shown_probabilities(page)) == 10
    assert sum(shown_probabilities(page)) == pytest.approx(1)
