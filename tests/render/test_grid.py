"""The layout of grids, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

import cnnfx
from cnnfx.conv import BAND_ROWS
from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.render import grid as grid_module
from cnnfx.render.color import ColorScale
from cnnfx.render.grid import ArrayMaps, Grid, Section, Tiles, enlarge, map_tiles, suitable_columns
from cnnfx.render.text import BACKGROUND


def tiles(count: int, height: int, width: int, first: int = 1) -> Tiles:
    """Pictures that are each of one level: `first`, `first + 1` and so on."""

    def rows(begin: int, end: int, top: int, bottom: int) -> np.ndarray:
        return np.stack([np.full((bottom - top, width), first + index, np.uint8) for index in range(begin, end)])

    return Tiles([f"tile {index}" for index in range(count)], height, width, rows)


def plain(*given: Tiles, columns: int, scale: int = 1, gap: int = 0) -> np.ndarray:
    return Grid([Section(given, columns, scale)], labels=False, gap=gap).pixels()


def test_pictures_stand_from_left_to_right_and_from_top_to_bottom() -> None:
    assert plain(tiles(4, 1, 1), columns=2).tolist() == [[1, 2], [3, 4]]


def test_a_gap_of_paper_lies_between_pictures_and_around_them() -> None:
    expected = [[255] * 5, [255, 1, 255, 2, 255], [255] * 5]
    assert plain(tiles(2, 1, 1), columns=2, gap=1).tolist() == expected


def test_an_empty_place_is_paper() -> None:
    assert plain(tiles(3, 1, 1), columns=2).tolist() == [[1, 2], [3, BACKGROUND]]


def test_every_pixel_becomes_a_square_of_the_scale() -> None:
    assert plain(tiles(2, 1, 1), columns=2, scale=2).tolist() == [[1, 1, 2, 2]] * 2


def test_pictures_of_other_sizes_stand_in_the_same_cells() -> None:
    picture = plain(tiles(1, 3, 3, first=9), tiles(1, 1, 1), columns=2)
    assert picture.tolist() == [[9, 9, 9, 1, 255, 255], [9, 9, 9, 255, 255, 255], [9, 9, 9, 255, 255, 255]]


def test_sections_stand_one_below_the_other_each_in_its_own_scale() -> None:
    sections = [Section([tiles(2, 1, 1)], 2, 1), Section([tiles(1, 1, 1, first=7)], 1, 2)]
    assert Grid(sections, labels=False, gap=0).pixels().tolist() == [[1, 2], [7, 7], [7, 7]]


def test_bands_join_to_the_pixels_whatever_their_height(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = np.random.default_rng(5).normal(size=(5, 600, 40)).astype(np.float32)
    grid = Grid([Section([map_tiles(ArrayMaps(maps, list("abcde")), ColorScale())], 2, 2)])
    whole = grid.pixels()
    monkeypatch.setattr(grid_module, "BAND_PIXELS", 1)
    bands = list(grid.bands())
    assert max(len(band) for band in bands) == 2 * BAND_ROWS
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    assert whole.shape == (grid.height, grid.width)


def test_labels_stand_over_their_pictures() -> None:
    with_labels = Grid([Section([tiles(2, 40, 90)], 2, 1)], gap=4).pixels()
    without = Grid([Section([tiles(2, 40, 90)], 2, 1)], labels=False, gap=4).pixels()
    height = len(with_labels) - len(without)
    label = with_labels[4 : 4 + height, 4:94]
    assert label.min() == 0
    np.testing.assert_array_equal(with_labels[4 + height :], without[4:])


def test_a_label_wider_than_its_picture_does_not_run_into_the_next() -> None:
    named = Tiles(["a very long name of a channel", "b"], 8, 60, tiles(2, 8, 60).rows)
    picture = Grid([Section([named], 2, 1)], gap=6).pixels()
    assert (picture[: -8 - 6, 66:72] == BACKGROUND).all()


@pytest.mark.parametrize(
    ("count", "width", "height", "columns"),
    [(1, 9, 9, 1), (4, 26, 26, 2), (3, 26, 26, 3), (16, 5, 5, 4), (32, 5, 5, 8)],
)
def test_columns_suit_the_number_and_shape_of_the_pictures(count: int, width: int, height: int, columns: int) -> None:
    assert suitable_columns(count, width, height) == columns


def test_small_pictures_are_enlarged_by_themselves() -> None:
    assert Grid([Section([tiles(1, 26, 26)])], labels=False, gap=0).width == 26 * 7
    assert Grid([Section([tiles(1, 300, 300)])], labels=False, gap=0).width == 300


def test_a_huge_grid_is_refused_before_anything_is_computed() -> None:
    def never(*_: int) -> np.ndarray:
        raise AssertionError

    with pytest.raises(
        CnnfxError,
        match=r"^the grid would have 40000×40000 pixels, 600 megapixels are the most\. "
        r"Write one picture per channel with -o FOLDER/, or use a smaller --scale\.$",
    ):
        Grid([Section([Tiles(["a"], 40000, 40000, never)])], labels=False, gap=0)


def test_one_picture_can_be_picked() -> None:
    assert plain(tiles(4, 1, 1).pick(2), columns=1).tolist() == [[3]]


def test_enlarging_repeats_pixels() -> None:
    assert enlarge(np.array([[1, 2]]), 2).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_all_channels_by_one_range_can_be_compared() -> None:
    maps = np.array([[[1.0]], [[-2.0]]], np.float32)
    options = {"labels": False, "gap": 0, "columns": 2, "scale": 1}
    assert cnnfx.grid(maps, scope="channel", **options).tolist() == [[255, 0]]
    assert cnnfx.grid(maps, scope="all", **options).tolist() == [[191, 0]]


def test_a_color_map_makes_a_color_grid() -> None:
    picture = cnnfx.grid(np.array([[[1.0]]]), colormap="diverging", labels=False, gap=0, scale=1)
    assert picture.tolist() == [[[127, 0, 0]]]


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [
        ((4, 4), None, r"^maps has the shape \(4, 4\); a grid is drawn of an array \(K, H, W\)\.$"),
        ((2, 4, 4), ["a"], r"^There are 1 names for 2 maps\.$"),
    ],
)
def test_a_grid_of_something_else_is_refused(shape: tuple[int, ...], names: list[str] | None, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        cnnfx.grid(np.zeros(shape), names)


def test_a_saved_grid_holds_the_same_pixels(tmp_path) -> None:
    import PIL.Image

    picture = cnnfx.grid(np.random.default_rng(1).normal(size=(4, 26, 26)), ["top", "left", "bottom", "right"])
    cnnfx.save_grid(tmp_path / "grid.png", picture)
    with PIL.Image.open(tmp_path / "grid.png") as read:
        np.testing.assert_array_equal(np.asarray(read), picture)
