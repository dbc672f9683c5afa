"""Feature maps as grids."""

from __future__ import annotations

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.render.color import NONFINITE_COLOR, ColorScale
from cnnfx.render.feature_grid import input_tiles, map_tiles


def test_the_scope_all_draws_all_channels_by_their_common_range() -> None:
    maps = np.array([[[1.0]], [[-2.0]]], np.float32)
    options = {"labels": False, "gap": 0, "columns": 2, "scale": 1}
    assert cnnfx.grid(maps, scope="channel", **options).tolist() == [[255, 0]]
    assert cnnfx.grid(maps, scope="all", **options).tolist() == [[191, 0]]


def test_a_color_map_gives_a_grid_in_color() -> None:
    picture = cnnfx.grid(np.array([[[1.0]]]), colormap="diverging", labels=False, gap=0, scale=1)
    assert picture.tolist() == [[[102, 46, 3]]]


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [
        ((4, 4), None, r"^maps has the shape \(4, 4\); a grid is drawn of an array \(K, H, W\)\.$"),
        ((2, 4, 4), ["a"], r"^There are 1 names for 2 maps\.$"),
    ],
)
def test_a_wrong_shape_or_number_of_names_is_an_error(
    shape: tuple[int, ...], names: list[str] | None, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        cnnfx.grid(np.zeros(shape), names)


def test_a_saved_grid_is_read_with_the_same_pixels(tmp_path) -> None:
    import PIL.Image

    picture = cnnfx.grid(np.random.default_rng(1).normal(size=(4, 26, 26)), ["top", "left", "bottom", "right"])
    cnnfx.save_grid(tmp_path / "grid.png", picture)
    with PIL.Image.open(tmp_path / "grid.png") as read:
        np.testing.assert_array_equal(np.asarray(read), picture)


def test_only_pictures_of_maps_with_nan_are_in_color() -> None:
    maps = ArrayMaps(np.array([[[0, 1]], [[np.nan, 1]]], np.float32), "ab")
    tiles = map_tiles(maps, ColorScale())
    assert (tiles.in_color, tiles.pick(0).in_color, tiles.pick(1).in_color) == (True, False, True)
    plain, colored = (next(iter(tiles.pick(index).rows(0, 1, 0, 1))) for index in range(2))
    assert plain.tolist() == [[128, 255]]
    assert colored.tolist() == [[list(NONFINITE_COLOR), [255] * 3]]


def test_nan_in_the_input_is_drawn_in_its_color() -> None:
    image = Image("a", np.array([[[0, 1, np.nan]]], np.float32), ("gray",), is_array=True)
    tiles = input_tiles(image)
    assert tiles.in_color
    assert next(iter(tiles.rows(0, 1, 0, 1))).tolist() == [[[0] * 3, [255] * 3, list(NONFINITE_COLOR)]]


def test_an_array_as_input_is_drawn_from_its_smallest_to_its_largest_value() -> None:
    tiles = input_tiles(Image("a", np.array([[[1300, 1500, 1700]]], np.float32), ("gray",), is_array=True))
    assert next(iter(tiles.rows(0, 1, 0, 1))).tolist() == [[0, 128, 255]]
