"""Images that the user opens on a page or drops onto it, in Chromium."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.datasets import fit_digit
from cnnfx.images import Image
from cnnfx.nn.network import Network
from cnnfx.render.page import contents as contents_module
from tests.render.page.browser_helpers import map_named, point, shown_probabilities, shown_value, wait_until

pytestmark = pytest.mark.browser


def picture(seed: int, height: int, width: int, mode: str = "RGB") -> bytes:
    """Return a random picture as PNG."""
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    file = io.BytesIO()
    PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(file, "PNG")
    return file.getvalue()


def open_file(page, name: str, content: bytes) -> None:
    """Open a file with the button, and wait until the page has read it."""
    before = page.text_content("#input-notes")
    with page.expect_file_chooser() as chooser:
        page.click("#open")
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})
    wait_for_input(page, name, before)


def drop_file(page, name: str, content: bytes) -> None:
    """Drop a file onto the page, and wait until the page has read it."""
    before = page.text_content("#input-notes")
    transfer = page.evaluate_handle(
        """([name, content]) => { const transfer = new DataTransfer();
             const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
             transfer.items.add(new File([bytes], name)); return transfer; }""",
        [name, base64.b64encode(content).decode()],
    )
    page.dispatch_event("#layers", "dragover", {"dataTransfer": transfer})
    assert "dropping" in page.get_attribute("html", "class")
    page.dispatch_event("#layers", "drop", {"dataTransfer": transfer})
    wait_for_input(page, name, before)


def wait_for_input(page, name: str, notes: str) -> None:
    wait_until(
        page,
        """([name, notes]) => document.querySelector("#input .title").textContent === name ||
             document.getElementById("input-notes").textContent !== notes""",
        [name, notes],
    )


def input_title(page) -> str:
    return page.text_content("#input .title")


def assert_maps(page, network: Network, image: Image) -> None:
    """Compare values of the last layer with those of Python."""
    maps = network.feature_maps(image.floats())[-1]
    for channel, row, column in ((0, 0, 0), (-1, maps.shape[1] - 1, 2), (0, maps.shape[1] // 2, maps.shape[2] - 1)):
        name = network.layers[-1].outputs[channel].name
        point(page, map_named(page, f"Feature map {name},"), row, column, maps.shape[1:])
        assert shown_value(page) == pytest.approx(float(maps[channel, row, column]), abs=1e-5)


@pytest.mark.parametrize("add", [open_file, drop_file])
def test_a_picture_is_converted_to_gray_as_by_the_command_line(add, visit, edges, seven):
    page, content = visit(edges, seven), picture(1, 17, 23)
    add(page, "own.png", content)
    assert input_title(page) == "own.png"
    assert page.text_content("h1") == page.title() == "edges on own.png"
    assert_maps(page, edges.bind(("gray",)), cnnfx.load_image(content, channels="gray"))
    assert page.text_content("#input-notes") == ""


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_network_that_reads_colors_gets_colors(mode, visit):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 9), np.uint8)
    image = Image("color.png", pixels, ("red", "green", "blue"))
    network = cnnfx.load_network("sobel").bind(image.channel_names)
    page, content = visit(network, image), picture(2, 12, 15, mode)
    if mode == "RGBA":
        # Without partly transparent pixels, whose rounding depends on the browser.
        pixels = np.asarray(PIL.Image.open(io.BytesIO(content))).copy()
        pixels[..., 3] = 255 * (pixels[..., 3] > 99)
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, "PNG")
        content = file.getvalue()
    open_file(page, "own.png", content)
    assert_maps(page, network, cnnfx.load_image(content, channels="rgb"))


def test_a_large_picture_is_reduced_with_a_note(visit, edges, seven, monkeypatch):
    monkeypatch.setattr(contents_module, "MAX_IMAGE_PIXELS", 30 * 40)
    page = visit(edges, seven)
    open_file(page, "large.png", picture(3, 90, 160))
    wanted = cnnfx.images.image.shrink_to_pixels(Image("large.png", np.zeros((1, 90, 160), np.uint8), ("gray",)), 1200)
    assert page.locator("#input-notes p").all_text_contents() == list(wanted.notes)
    _, height, width = wanted.shape
    assert f"{width} wide and {height} high" in page.locator("#input canvas").get_attribute("aria-label")


@pytest.mark.parametrize("name", ["notes.txt", "cut.png"])
def test_a_file_that_is_no_picture_gives_a_message_and_changes_nothing(name, visit, edges, seven):
    page = visit(edges, seven)
    before = shown_value(page)
    drop_file(page, name, b"text" if name == "notes.txt" else picture(1, 20, 20)[:40])
    assert page.text_content("#input-notes") == (
        f"{name}: this browser cannot read it as an image. Open a PNG, JPEG, WebP or GIF file."
    )
    assert input_title(page) == "seven.png"
    assert shown_value(page) == before


def test_a_picture_smaller_than_the_kernel_gives_a_message(visit, edges, seven):
    page = visit(edges, seven)
    open_file(page, "dot.png", picture(1, 2, 5))
    assert page.text_content("#input-notes") == "dot.png: 5×2 pixels are too few for these layers."
    assert input_title(page) == "seven.png"


def test_a_picture_for_an_array_of_other_channels_gives_a_message(visit):
    image = Image("data.npy", np.zeros((2, 9, 9), "f4"), ("1", "2"), is_array=True)
    page = visit(cnnfx.load_network("edges").bind(image.channel_names), image)
    open_file(page, "own.png", picture(1, 9, 9))
    assert "a picture has 1 or 3 channels. These filters read 2." in page.text_content("#input-notes")


def test_the_original_image_can_be_shown_again(visit, edges, seven):
    page = visit(edges, seven)
    assert not page.is_visible("#back")
    before = shown_value(page)
    open_file(page, "own.png", picture(1, 17, 23))
    page.click("text=Back to seven.png")
    assert input_title(page) == "seven.png"
    assert page.title() == "edges on seven.png"
    assert not page.is_visible("#back")
    assert shown_value(page) == before


def photo_of_a_digit() -> bytes:
    """Return a dark stroke on light paper as PNG, larger than the images of the model."""
    rows, columns = np.mgrid[:90, :70]
    stroke = (np.abs(rows - 10 - 0.9 * columns) < 5) & (columns > 8) & (columns < 60)
    pixels = np.where(stroke, 30, 230).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_photo_of_a_digit_has_the_probabilities_of_predict(visit, digit_model, seven):
    page, content = visit(digit_model, seven), photo_of_a_digit()
    drop_file(page, "photo.png", content)
    digit, notes = fit_digit(cnnfx.load_image(content, channels="gray").floats()[0])
    wanted = digit_model.probabilities(digit[None])
    assert shown_probabilities(page) == pytest.approx(wanted.tolist(), abs=1e-4)
    assert page.locator("#input-notes p").count() == len(notes) == 2
    assert page.locator("#input-notes p").first.text_content() == "photo.png: dark on light: inverted."


def test_a_photo_without_contrast_gives_a_message(visit, digit_model, seven):
    page, file = visit(digit_model, seven), io.BytesIO()
    PIL.Image.new("L", (40, 40), 128).save(file, "PNG")
    drop_file(page, "gray.png", file.getvalue())
    assert page.text_content("#input-notes") == (
        "gray.png: the image has no contrast: all of it has the same brightness."
    )


def test_a_jpeg_photograph_is_read_within_rounding(visit, edges, seven, tmp_path: Path):
    file = io.BytesIO()
    rows, columns = np.mgrid[:40, :50]
    plane = np.rint(127 + 60 * np.sin(rows / 5) + 60 * np.cos(columns / 7)).astype(np.uint8)
    PIL.Image.fromarray(plane).save(file, "JPEG", quality=95)
    page = visit(edges, seven)
    open_file(page, "photo.jpg", file.getvalue())
    maps = edges.feature_maps(cnnfx.load_image(file.getvalue(), channels="gray").floats())[-1]
    point(page, map_named(page, "Feature map top,"), 11, 17, maps.shape[1:])
    assert shown_value(page) == pytest.approx(float(maps[0, 11, 17]), abs=6 / 255)
