"""Pictures as arrays that notebooks show."""

from __future__ import annotations

import io
import pickle

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.render.picture import Picture

LEVELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


@pytest.mark.parametrize("array", [LEVELS, LEVELS[..., 0], LEVELS[::2, 1:]])
def test_a_notebook_gets_the_pixels_as_png(array) -> None:
    shown = Picture.of(array)._repr_png_()
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(shown))), array)


def test_what_is_not_a_picture_is_shown_as_numbers() -> None:
    picture = Picture.of(LEVELS)
    for other in (picture[0, 0], picture / 2, picture[..., :2], picture[:0], picture.mean()):
        assert not isinstance(other, Picture) or other._repr_png_() is None
    assert repr(picture[0, 0]) == repr(LEVELS[0, 0])


def test_a_picture_is_an_array() -> None:
    picture = Picture.of(LEVELS)
    assert np.shares_memory(picture, LEVELS)
    np.testing.assert_array_equal(np.asarray(picture), LEVELS)
    assert type(np.asarray(picture)) is np.ndarray
    np.testing.assert_array_equal(picture[1:3], LEVELS[1:3])


def test_a_picture_can_be_pickled() -> None:
    copy = pickle.loads(pickle.dumps(Picture.of(LEVELS)))  # noqa: S301 # bytes of this test
    assert isinstance(copy, Picture)
    np.testing.assert_array_equal(copy, LEVELS)


def test_a_picture_is_shown_in_a_line_in_a_session_without_pictures() -> None:
    assert repr(Picture.of(LEVELS)) == "<Picture 5×4, color>"
    assert repr(Picture.of(LEVELS[..., 0])) == "<Picture 5×4, gray>"


def test_a_grid_is_a_picture_that_can_be_saved(tmp_path) -> None:
    picture = cnnfx.grid(np.random.default_rng(0).normal(size=(4, 6, 5)))
    assert isinstance(picture, Picture)
    cnnfx.save_grid(tmp_path / "grid.png", picture)
    assert (tmp_path / "grid.png").read_bytes() == picture._repr_png_()


def test_a_grid_takes_names_and_kinds_from_maps() -> None:
    values = np.arange(60, dtype=np.float32).reshape(2, 5, 6)
    maps = ArrayMaps(values, ("top", "left"), (True, True))
    named = cnnfx.grid(values, ["top", "left"], normalize="positive", legend=False)
    np.testing.assert_array_equal(cnnfx.grid(maps, legend=False), named)
    np.testing.assert_array_equal(cnnfx.grid(maps, ["top", "left"], legend=False), named)
    assert not np.array_equal(cnnfx.grid(maps, ["a", "b"], legend=False), named)


@pytest.mark.parametrize("argument", ["normalize", "scope", "colormap"])
def test_an_unknown_choice_is_refused_with_the_known_ones(argument) -> None:
    known = {"normalize": "auto, signed, minmax", "scope": "channel, all", "colormap": "gray, diverging, heat"}
    with pytest.raises(cnnfx.ArgumentError, match=f"called 'bright'. Choose one of {known[argument]}"):
        cnnfx.grid(np.ones((1, 2, 2)), **{argument: "bright"})
