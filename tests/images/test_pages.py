"""Tests of files with several pages or frames: the note, the choice of a page, and the number of pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images import count_pages, load_image, load_pages
from tests.images.files import PNG_SIGNATURE, chunk, encoded

LEVELS = (40, 120, 200)
FRAMES = [PIL.Image.new("RGB", (8, 6), (level, level // 2, 10)) for level in LEVELS]
NOUNS = {"TIFF": "page", "GIF": "frame", "WEBP": "frame", "PNG": "frame", "AVIF": "frame", "MPO": "frame"}


def several(kind: str, frames: list[PIL.Image.Image] = FRAMES) -> bytes:
    options = {"lossless": True} if kind == "WEBP" else {}
    first, *others = (frame.copy() for frame in frames)  # Pillow keeps options of one format for the next
    return encoded(first, kind, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("kind", NOUNS)
def test_the_first_page_is_read_with_a_note(kind: str) -> None:
    image = load_image(several(kind))
    assert (image.page, image.pages) == (1, 3)
    noun = "image" if kind == "MPO" else NOUNS[kind]
    assert image.notes == (f"standard input: it holds 3 {noun}s; {noun} 1 is read.",)
    np.testing.assert_allclose(image.values[0], LEVELS[0], atol=4)


@pytest.mark.parametrize("kind", NOUNS)
@pytest.mark.parametrize("page", [1, 2, 3])
def test_any_page_can_be_read(kind: str, page: int) -> None:
    image = load_image(several(kind), page=page)
    noun = "image" if kind == "MPO" else NOUNS[kind]
    assert (image.name, image.page, image.pages, image.notes) == (f"standard input, {noun} {page}", page, 3, ())
    np.testing.assert_allclose(image.values[0], LEVELS[page - 1], atol=4)


@pytest.mark.parametrize("kind", NOUNS)
def test_pages_are_counted_and_loaded_in_order(kind: str) -> None:
    content = several(kind)
    assert count_pages(content) == 3
    images = list(load_pages(content, channels="gray"))
    assert [image.page for image in images] == [1, 2, 3]
    assert [image.shape for image in images] == [(1, 6, 8)] * 3


@pytest.mark.parametrize("kind", NOUNS)
def test_a_page_that_does_not_exist_is_refused_with_their_number(kind: str) -> None:
    noun = "image" if kind == "MPO" else NOUNS[kind]
    with pytest.raises(FileError) as caught:
        load_image(several(kind), page=4)
    assert str(caught.value) == f"standard input: it holds 3 {noun}s, so there is no {noun} 4."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "PPM"])
def test_a_file_of_one_page_gives_no_note_and_keeps_its_name(kind: str) -> None:
    content = encoded(FRAMES[0], kind)
    image = load_image(content, page=1)
    assert (image.name, image.pages, image.notes) == ("standard input", 1, ())
    with pytest.raises(FileError, match=r"it holds 1 \w+, so there is no \w+ 2"):
        load_image(content, page=2)


def test_an_array_has_one_page(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    assert count_pages(tmp_path / "a.npy") == 1
    with pytest.raises(FileError, match="it holds 1 page, so there is no page 2"):
        load_image(tmp_path / "a.npy", page=2)


@pytest.mark.parametrize("page", [0, -1, 1.5, "2", True])
def test_a_page_that_is_no_whole_number_is_refused(page: object) -> None:
    with pytest.raises(ArgumentError, match="page must be a whole number, 1 or more, not"):
        load_image(encoded(FRAMES[0]), page=page)  # type: ignore[arg-type]


def test_frames_are_drawn_over_those_before() -> None:
    first, second = PIL.Image.new("L", (4, 4), 50), PIL.Image.new("L", (4, 4), 50)
    second.putpixel((1, 2), 90)
    expected = np.full((4, 4), 50)
    expected[2, 1] = 90
    for kind in ("GIF", "PNG"):
        image = load_image(several(kind, [first, second]), page=2, channels="gray")
        np.testing.assert_array_equal(image.values[0], expected)


def test_a_number_of_frames_that_a_png_does_not_hold_is_ignored() -> None:
    content = several("PNG")
    at = content.index(b"acTL") - 4
    many = chunk(b"acTL", (2**31 - 1).to_bytes(4, "big") + bytes(4))
    image = load_image(content[:at] + many + content[at + 20 :])
    assert content.startswith(PNG_SIGNATURE)
    assert (image.pages, image.notes) == (1, ())


def test_too_many_pages_are_refused_where_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnfx.images.load.MAX_PAGES", 2)
    with pytest.raises(FileError) as caught:
        count_pages(several("GIF"))
    assert str(caught.value) == "standard input: it has 3 frames; the limit is 2."


def test_a_frame_that_is_larger_than_the_limit_is_refused() -> None:
    content = encoded(PIL.Image.new("L", (4, 4), 9), "GIF")
    large = encoded(PIL.Image.new("L", (90, 90), 7), "GIF")
    both = content[:-1] + large[large.index(b",") :]  # the second frame reaches outside the first
    assert load_image(both, max_pixels=16).shape == (1, 4, 4)
    with pytest.raises(FileError) as caught:
        load_image(both, page=2, max_pixels=1000)
    assert str(caught.value) == "standard input: a part of it has more pixels than the limit of 1000."
