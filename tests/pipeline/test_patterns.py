"""The patterns that filters respond to, from Python."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.render.picture import Picture


def digits(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 20, 20), np.uint8)


def test_an_array_of_images_is_searched() -> None:
    found = cnnfx.show_patterns("edges", digits(), only="top,left", methods=["patches"])
    assert [pattern.name for pattern in found.patterns] == ["top", "left"]
    assert [len(pattern.patches) for pattern in found.patterns] == [9, 9]
    best = found.patterns[0].patches[0]
    maps = cnnfx.load_network("edges")(digits()[best.image] / np.float32(255))
    assert maps["top"].max() == pytest.approx(best.activation, rel=1e-5)


def test_a_notebook_shows_the_picture() -> None:
    found = cnnfx.show_patterns("edges", digits(), only="top", methods=["patches", "deconvolution"])
    assert isinstance(found.picture, Picture)
    assert found._repr_png_() == found.picture._repr_png_()
    assert repr(found) == "<PatternsPicture edges, layer 1 · patches of 3×3 · from 40 images of array>"


def test_a_folder_of_pictures_is_searched(tmp_path) -> None:
    for number, image in enumerate(digits(3)):
        PIL.Image.fromarray(image[0]).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    found = cnnfx.show_patterns("edges", tmp_path, methods=["patches"])
    assert found.found.images == 4
    assert len(found.notes) == 1
    assert "bad.png" in found.notes[0]


def test_drawn_digits_can_be_named() -> None:
    assert cnnfx.show_patterns("edges", "drawn:30", only="top", methods=["patches"]).found.images == 30


def test_an_unknown_method_or_filter_is_refused() -> None:
    with pytest.raises(cnnfx.ArgumentError, match=r"no method called 'gradcam'\. Choose from patches, deconvolution"):
        cnnfx.show_patterns("edges", digits(), methods=["gradcam"])
    with pytest.raises(cnnfx.ArgumentError, match="no channel 'up'"):
        cnnfx.show_patterns("edges", digits(), only="up")


def test_patterns_are_shown_in_a_line() -> None:
    found = cnnfx.show_patterns("edges", digits(), only="top", methods=["patches"]).found
    assert repr(found) == "<LayerPatterns of 1 filters, 3×3, from 40 images>"
    assert repr(found.patterns[0]).startswith("<Pattern top: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": ()}, "No method is given"),
        ({"methods": "patch"}, "There is no method called 'patch'"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, not -1"),
        ({"columns": 0}, "columns must be a whole number, 1 or more, not 0"),
    ],
)
def test_methods_and_numbers_out_of_range_are_refused(arguments, message) -> None:
    with pytest.raises(cnnfx.ArgumentError, match=message):
        cnnfx.show_patterns("edges", "drawn:40", **arguments)
