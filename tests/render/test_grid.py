"""The layout of grids, compared pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import CnnfxError
from cnnfx.render import grid as grid_module
from cnnfx.render.cells import MAX_LABEL_EMS, Section
from cnnfx.render.color import ColorScale
from cnnfx.render.feature_grid import ArrayMaps, map_tiles
from cnnfx.render.grid import Grid
from cnnfx.render.layout import suitable_columns
from cnnfx.render.text import BACKGROUND, text_width
from cnnfx.render.tiles import FRAME_LEVEL, Tiles, enlarge


def tiles(count: int, height: int, width: int, first: int = 1) -> Tiles:
    """Return pictures of one level each: `first`, `first + 1` and so on."""

    def rows(begin: int, end: int, top: int, bottom: int) -> np.ndarray:
        return np.stack([np.full((bottom - top, width), first + index, np.uint8) for index in range(begin, end)])

    return Tiles([f"tile {index}" for index in range(count)], height, width, rows)


def draw(*all_tiles: Tiles, columns: int, scale: int = 1, gap: int = 0) -> np.ndarray:
    """Draw tiles without labels."""
    return Grid([Section(all_tiles, columns, scale)], labels=False, gap=gap).pixels()


def test_framed_tiles_have_a_gray_line_around_them() -> None:
    pixels = Grid([Section([tiles(2, 20, 30)], 2, 1, framed=True)], gap=4).pixels()
    top, left = pixels.shape[0] - 4 - 20, 4
    for tile in (0, 1):
        framed = pixels[top - 1 :, left - 1 + 34 * tile :][:22, :32]
        assert (framed[1:-1, 1:-1] == tile + 1).all()
        framed[1:-1, 1:-1] = FRAME_LEVEL
        assert (framed == FRAME_LEVEL).all()


@pytest.mark.parametrize("options", [{"labels": False, "gap": 4}, {"gap": 0}])
def test_pixels_alone_and_tiles_without_a_gap_are_not_framed(options) -> None:
    plain, framed = (Grid([Section([tiles(2, 20, 30)], 2, 1, framed=framed)], **options) for framed in (False, True))
    assert FRAME_LEVEL not in framed.pixels()[-21:]
    assert plain.width == framed.width


def test_pictures_are_drawn_from_left_to_right_and_from_top_to_bottom() -> None:
    assert draw(tiles(4, 1, 1), columns=2).tolist() == [[1, 2], [3, 4]]


def test_a_gap_of_background_is_between_pictures_and_around_them() -> None:
    expected = [[255] * 5, [255, 1, 255, 2, 255], [255] * 5]
    assert draw(tiles(2, 1, 1), columns=2, gap=1).tolist() == expected


def test_an_empty_cell_has_the_background_color() -> None:
    assert draw(tiles(3, 1, 1), columns=2).tolist() == [[1, 2], [3, BACKGROUND]]


def test_the_scale_repeats_every_pixel_in_both_directions() -> None:
    assert draw(tiles(2, 1, 1), columns=2, scale=2).tolist() == [[1, 1, 2, 2]] * 2


def test_pictures_of_different_sizes_are_drawn_in_cells_of_one_size() -> None:
    picture = draw(tiles(1, 3, 3, first=9), tiles(1, 1, 1), columns=2)
    assert picture.tolist() == [[9, 9, 9, 1, 255, 255], [9, 9, 9, 255, 255, 255], [9, 9, 9, 255, 255, 255]]


def test_sections_are_drawn_from_top_to_bottom_each_with_its_own_scale() -> None:
    sections = [Section([tiles(2, 1, 1)], 2, 1), Section([tiles(1, 1, 1, first=7)], 1, 2)]
    assert Grid(sections, labels=False, gap=0).pixels().tolist() == [[1, 2], [7, 7], [7, 7]]


def test_the_pixels_do_not_depend_on_the_height_of_the_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = np.random.default_rng(5).normal(size=(5, 600, 40)).astype(np.float32)
    grid = Grid([Section([map_tiles(ArrayMaps(maps, list("abcde")), ColorScale())], 2, 2)])
    whole = grid.pixels()
    monkeypatch.setattr(grid_module, "BAND_PIXELS", 1)
    bands = list(grid.bands())
    assert max(len(band) for band in bands) == 2 * BAND_ROWS
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    assert whole.shape == (grid.height, grid.width)


def test_labels_are_drawn_above_their_pictures() -> None:
    with_labels = Grid([Section([tiles(2, 40, 90)], 2, 1)], gap=4).pixels()
    without = Grid([Section([tiles(2, 40, 90)], 2, 1)], labels=False, gap=4).pixels()
    height = len(with_labels) - len(without)
    label = with_labels[4 : 4 + height, 4:94]
    assert label.min() == 0
    np.testing.assert_array_equal(with_labels[4 + height :], without[4:])


def test_a_cell_is_as_wide_as_its_label_and_the_label_of_a_very_wide_one_is_shortened() -> None:
    for label in ["channel", "a very long name of a channel, which is wider than any other one in the picture"]:
        named = Tiles([label, "b"], 8, 20, tiles(2, 8, 20).rows)
        grid = Grid([Section([named], 2, 1)], gap=6)
        width = (grid.width - 3 * 6) // 2
        assert width == min(text_width(label, 13), MAX_LABEL_EMS * 13)
        picture = grid.pixels()
        assert (picture[: -8 - 6, 6 + width : 12 + width] == BACKGROUND).all()
        assert picture[: -8 - 6, width - 4 : 6 + width].min() < 100


@pytest.mark.parametrize(
    ("count", "width", "height", "columns"),
    [(1, 9, 9, 1), (4, 26, 26, 2), (3, 26, 26, 3), (16, 5, 5, 4), (32, 5, 5, 8)],
)
def test_the_default_columns_depend_on_the_number_and_shape_of_the_pictures(
    count: int, width: int, height: int, columns: int
) -> None:
    assert suitable_columns(count, width, height) == columns


def test_small_pictures_are_enlarged_by_default() -> None:
    assert Grid([Section([tiles(1, 26, 26)])], labels=False, gap=0).width == 26 * 7
    assert Grid([Section([tiles(1, 300, 300)])], labels=False, gap=0).width == 300


def test_a_grid_of_too_many_pixels_is_an_error_before_anything_is_computed() -> None:
    def never(*_: int) -> np.ndarray:
        raise AssertionError

    with pytest.raises(
        CnnfxError,
        match=r"^the grid would have 40000×40000 pixels; the limit is 600 megapixels\.$",
    ):
        Grid([Section([Tiles(["a"], 40000, 40000, never)])], labels=False, gap=0)


def test_picking_one_picture_draws_it_alone() -> None:
    assert draw(tiles(4, 1, 1).pick(2), columns=1).tolist() == [[3]]


def test_enlarging_repeats_pixels_in_both_directions() -> None:
    assert enlarge(np.array([[1, 2]]), 2).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
