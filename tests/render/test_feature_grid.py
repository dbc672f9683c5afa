"""Feature maps as grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.statistics import channel_statistics
from cnnfx.render.cells import _lighter
from cnnfx.render.color import NONFINITE_COLOR, ColorScale
from cnnfx.render.feature_grid import GridOptions, ShownMaps, feature_grid, input_tiles, map_tiles
from cnnfx.render.text import draw_text
from cnnfx.render.tiles import FRAME_LEVEL, TileRun
from tests.render.test_filters import contains


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
        ((2, 4, 4), ["a"], r"^1 name for 2 maps: give one for each\.$"),
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


def image_and_maps(*, shape: tuple[int, int] = (40, 50), activation: str = "none") -> tuple[Image, FeatureMaps]:
    """Return an image and its maps by two filters with ranges of 1 and 2, and the norm of both."""
    weights = np.array([1, -2], np.float32).reshape(2, 1, 1, 1)
    combine = (Combination("one", "take", (0,)), Combination("two", "take", (1,)), Combination("both", "norm", (0, 1)))
    layer = Layer(Conv(weights, np.zeros(2, np.float32)), ("one", "two"), combine, Activation(activation))
    values = np.zeros((1, *shape), np.uint8)
    values[0, 10:20, 10:30] = 255
    image = Image("photos/box.png", values, ("gray",))
    return image, FeatureMaps(Network((layer,), "scaled"), image)


def drawn(options: GridOptions) -> np.ndarray:
    image, maps = image_and_maps()
    return feature_grid(image, [(1, maps)], options).pixels()


def test_a_legend_has_the_caption_a_bar_for_each_kind_and_the_range_of_each_channel() -> None:
    picture = drawn(GridOptions())
    for text in ("−max", "max", "±1", "±2", "0…2.24"):
        size_of_labels = draw_text(text, 13)
        lighter = 255 - (255 - size_of_labels.astype(int)) * 160 // 255
        assert contains(picture, size_of_labels) or contains(picture, lighter)
    assert contains(picture, draw_text("box.png 50×40 · scaled: 2 filters of 1×1 → 3 maps of 50×40", 16))


def test_without_a_legend_labels_are_names_only() -> None:
    picture = drawn(GridOptions(legend=False))
    assert contains(picture, draw_text("two", 13))
    assert not contains(picture, draw_text("max", 13))
    assert not contains(picture, draw_text("−max", 13))
    assert picture.shape[0] < drawn(GridOptions()).shape[0]


def test_without_labels_there_are_the_pixels_of_maps_and_input_alone() -> None:
    picture = drawn(GridOptions(labels=False, with_input=True, scale=1, columns=3, gap=0))
    inside = image_and_maps()[0].values[0] > 0
    levels = [(255, 0), (255, 128), (0, 128), (255, 0)]
    expected = [np.where(inside, level, zero) for level, zero in levels]
    np.testing.assert_array_equal(picture, np.concatenate(expected, axis=1))


def test_the_input_stands_left_of_the_maps_at_half_their_height_with_an_arrow_between() -> None:
    image, maps = image_and_maps()
    grid = feature_grid(image, [(1, maps)], GridOptions(with_input=True, scale=2, columns=1, gap=10))
    sources = [item for item in grid.items if isinstance(item, TileRun)]
    source, *runs = sources
    assert source.left == 10
    assert len(runs) == 3
    assert {run.left for run in runs} == {runs[0].left}
    middle = (runs[0].top + runs[-1].top + runs[-1].height) / 2
    assert abs(source.top + source.height / 2 - middle) <= 10
    between = grid.pixels()[source.top + source.height // 2, source.left + source.width + 1 : runs[0].left - 1]
    assert between.min() < 120
    assert (between[:8] == 255).all()
    assert (between[-8:] == 255).all()


def test_the_pixels_of_the_input_are_as_large_as_those_of_the_maps_or_a_whole_part_of_them() -> None:
    image, maps = image_and_maps()
    pooled = replace(maps.network.layers[0], pool=Pool("max", 2))
    grid = feature_grid(image, [(1, FeatureMaps(Network((pooled,)), image))], GridOptions(with_input=True))
    scales = [item.scale for item in grid.items if isinstance(item, TileRun)]
    assert scales == [4, 8]


def test_a_flat_input_stands_above_its_maps() -> None:
    image, maps = image_and_maps(shape=(21, 400))
    grid = feature_grid(image, [(1, maps)], GridOptions(with_input=True))
    source, *runs = [item for item in grid.items if isinstance(item, TileRun)]
    assert all(run.top > source.top + source.height and run.left == source.left for run in runs)
    between = grid.pixels()[source.top + source.height + 1 : runs[0].top, source.left + source.width // 2]
    assert between.min() < 120


def test_a_filter_stands_beside_its_name_above_its_map() -> None:
    image, maps = image_and_maps()
    grid = feature_grid(image, [(1, maps)], GridOptions(with_filters=True, legend=False, scale=4, columns=3))
    run = next(item for item in grid.items if isinstance(item, TileRun))
    picture = grid.pixels()
    header = picture[6 : run.top, 6 : 6 + run.width // 3]
    assert (header[1:35, 1:35] == 255).all()  # the weight 1
    assert (header[0, :36] == FRAME_LEVEL).all()
    assert contains(header[:, 36:], draw_text("one", 13))


def test_channels_made_from_others_say_so_instead_of_a_filter() -> None:
    picture = drawn(GridOptions(with_filters=True, scale=4))
    text = draw_text("0…2.24 · norm of one, two", 13)
    assert contains(picture, 255 - (255 - text.astype(int)) * 160 // 255)


def test_each_of_several_layers_has_a_heading_and_its_own_ranges() -> None:
    image, maps = image_and_maps()
    upper = Layer(Conv(np.ones((1, 3, 1, 1), np.float32), np.zeros(1, np.float32)), ("sum",))
    network = replace(maps.network, layers=(*maps.network.layers, upper))
    layers = [(1, maps), (2, FeatureMaps(network, image))]
    picture = feature_grid(image, layers, GridOptions(columns=3)).pixels()
    assert contains(picture, draw_text("box.png 50×40 · scaled: 2 layers", 16))
    assert contains(picture, draw_text("layer 1 · 2 filters of 1×1 → 3 maps of 50×40", 14))
    assert contains(picture, draw_text("layer 2 · 1 filter of 1×1 → 1 map of 50×40", 14))
    assert contains(picture, draw_text("−1.24", 13))


def test_statistics_are_computed_once_and_only_when_pixels_are(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(bands):
        calls.append(1)
        return channel_statistics(bands)

    monkeypatch.setattr("cnnfx.nn.feature_maps.channel_statistics", counted)
    image, maps = image_and_maps()
    grid = feature_grid(image, [(1, maps)], GridOptions(with_input=True, with_filters=True))
    assert (grid.width > 0, grid.height > 0, calls) == (True, True, [])
    grid.pixels()
    assert calls == [1]


def test_a_grid_of_named_maps_has_their_names_and_kinds() -> None:
    _, maps = image_and_maps(activation="relu")
    picture = cnnfx.grid(maps, scale=2, columns=3, legend=False, gap=6)
    assert contains(picture, draw_text("both", 13))
    assert picture[-7, 6] == 0  # zero is black where values cannot be negative
    renamed = cnnfx.grid(maps, ["a", "b", "größer"], legend=False)
    assert contains(renamed, draw_text("größer", 13))


def test_a_grid_has_the_title_and_the_legend_that_are_asked_for() -> None:
    values = np.array([[[1.0, -1]], [[3, -3]]])
    titled = cnnfx.grid(values, ["a", "b"], title="Two maps")
    assert contains(titled, draw_text("Two maps", 16))
    assert contains(titled, draw_text("−max", 13))
    bare = cnnfx.grid(values, ["a", "b"], title="Two maps", labels=False)
    np.testing.assert_array_equal(bare, cnnfx.grid(values, ["a", "b"], labels=False))


def test_filters_on_each_color_separately_are_drawn_as_those_on_gray() -> None:
    # No two channels are the same, so the tiles have equal ranges but other maps; the filters are the same.
    pixels = np.zeros((3, 20, 20), np.uint8)
    edges = cnnfx.load_network("edges")
    colors = Image("color.png", pixels, ("red", "green", "blue"))
    gray = Image("gray.png", pixels[:1], ("gray",))
    on_each = map_pictures(FeatureMaps(edges.per_channel(colors.channel_names), colors), colors)
    on_gray = map_pictures(FeatureMaps(edges.bind(gray.channel_names), gray), gray)
    assert len(on_each) == 12
    for index, picture in enumerate(on_each):
        np.testing.assert_array_equal(picture, on_gray[index % 4])


@pytest.mark.parametrize(
    ("chosen", "columns"),
    [
        (range(12), 4),
        ([0, 4, 8], 1),  # one map of each color
        ([2, 1, 5, 6], 2),
        ([0], 1),
        ([0, 1, 2, 4], None),
        ([0, 4, 1, 5], None),
        ([0, 4, 8, 1], None),
    ],
)
def test_maps_of_each_color_have_a_row_if_they_are_equally_many_in_succession(
    chosen: Sequence[int], columns: int | None
) -> None:
    image = Image("color.png", np.zeros((3, 20, 20), np.uint8), ("red", "green", "blue"))
    network = cnnfx.load_network("edges").per_channel(image.channel_names)
    grid = feature_grid(image, [(1, FeatureMaps(network, image).select(chosen))], GridOptions())
    assert grid.sections[0].columns == columns
    assert grid.pixels().size


def map_pictures(maps: FeatureMaps, image: Image) -> list[np.ndarray]:
    """Return the small pictures of the filters above the maps of a grid."""
    grid = feature_grid(image, [(1, maps)], GridOptions(with_filters=True))
    (tiles,) = grid.sections[-1].tiles
    return [tiles.small_picture(index, 60, 40) for index in range(maps.shape[0])]


@pytest.mark.parametrize(
    ("color_scale", "texts"),
    [
        (ColorScale(), ["−max", "0", "max"]),
        (ColorScale(limits=1.5), ["≤ −1.5", "≥ 1.5", "0"]),
        (ColorScale(limits=(-1.0, 3.0)), ["≤ −1", "≥ 3"]),
        (ColorScale(clip=99), ["≤ −limit", "≥ limit"]),
        (ColorScale("minmax"), ["min", "max"]),
        (ColorScale("absolute"), ["magnitude 0", "max"]),
        (ColorScale("positive"), ["≤ 0", "max"]),
        (ColorScale("none"), ["≤ 0", "≥ 1"]),
        (ColorScale(scope="all"), ["−2.24", "2.24"]),
    ],
)
def test_the_bar_of_each_mode_tells_what_its_ends_stand_for(color_scale: ColorScale, texts: list[str]) -> None:
    picture = drawn(GridOptions(color_scale))
    assert all(contains(picture, draw_text(text, 13)) for text in texts)


def test_a_diverging_color_map_has_one_bar_for_all_channels() -> None:
    _, maps = image_and_maps()
    assert ShownMaps(maps, ColorScale(colormap="diverging", clip=99)).legend.max_bars == 1
    assert ShownMaps(maps, ColorScale(clip=99)).legend.max_bars == 2


@pytest.mark.parametrize(("argument", "value"), [("columns", 0), ("scale", 0), ("gap", -1)])
def test_numbers_out_of_range_are_refused(argument, value) -> None:
    with pytest.raises(ArgumentError, match=f"^{argument} must be a whole number"):
        cnnfx.grid(np.zeros((2, 3, 3)), **{argument: value})


def test_complex_maps_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"maps must contain real numbers, not complex128\."):
        cnnfx.grid(np.zeros((2, 3, 3), complex))


@pytest.mark.parametrize(("count", "scale"), [(64, 28), (128, 20), (512, 10), (2000, 11)])
def test_the_more_small_maps_a_picture_has_the_less_they_are_enlarged(count: int, scale: int) -> None:
    conv = Conv(np.ones((count, 1, 2, 2), np.float32), np.zeros(count, np.float32))
    image = Image("counting", np.arange(64, dtype=np.float32).reshape(1, 8, 8), ("gray",))
    maps = FeatureMaps(Network((Layer(conv, tuple(map(str, range(count)))),)), image)
    (run, *_) = (item for item in feature_grid(image, [(1, maps)], GridOptions()).items if isinstance(item, TileRun))
    assert run.scale == scale
    (run, *_) = (
        item for item in feature_grid(image, [(1, maps)], GridOptions(scale=2)).items if isinstance(item, TileRun)
    )
    assert run.scale == 2


def test_maps_of_one_pixel_have_a_common_range_and_show_their_values() -> None:
    conv = Conv(np.array([1.0, 0.25], np.float32).reshape(2, 1, 1, 1), np.zeros(2, np.float32))
    layer = Layer(conv, ("a", "b"), pool=Pool("mean", None))
    image = Image("white", np.full((1, 4, 4), 2, np.float32), ("gray",))
    grid = feature_grid(image, [(1, FeatureMaps(Network((layer,)), image))], GridOptions(gap=0))
    picture = grid.pixels()
    runs = [item for item in grid.items if isinstance(item, TileRun)]
    (run,) = runs
    assert picture[run.top, run.left] == 255
    assert picture[run.top, run.left + run.step] == 159
    assert contains(picture, _lighter(draw_text("0.5", grid.font_size)))


def test_depthwise_filters_are_not_laid_out_in_a_row_for_each_group() -> None:
    conv = Conv(np.ones((12, 1, 1, 1), np.float32), np.zeros(12, np.float32), groups=12)
    image = Image("many", np.random.default_rng(1).random((12, 8, 8), np.float32), tuple(map(str, range(12))))
    maps = FeatureMaps(Network((Layer(conv, tuple(map(str, range(12)))),)), image)
    grid = feature_grid(image, [(1, maps)], GridOptions())
    assert grid.width > grid.height


OWN_RANGES = {
    "16 bits": np.uint16([[[600, 1000, 1400]]]),
    "floats": np.float32([[[-3, 0, 3]]]),
    "heights": np.float32([[[1300, 1500, 1700]]]),
}


@pytest.mark.parametrize("kind", OWN_RANGES)
def test_an_input_that_is_not_of_8_bits_is_drawn_by_its_own_range(kind):
    values = OWN_RANGES[kind]
    image = Image("image", values, ("gray",), is_array=values.dtype == np.float32)
    (picture,) = input_tiles(image).rows(0, 1, 0, 1)
    assert picture.tolist() == [[0, 128, 255]]


def test_the_colors_of_a_picture_of_16_bits_have_a_common_range():
    values = np.array([[[500, 1500]], [[1000, 1500]], [[500, 1250]]], np.uint16)
    (picture,) = input_tiles(Image("image", values, ("red", "green", "blue"))).rows(0, 1, 0, 1)
    assert picture.tolist() == [[[0, 127, 0], [255, 255, 191]]]


def test_a_picture_of_8_bits_is_drawn_as_it_is():
    (picture,) = input_tiles(Image("image", np.uint8([[[60, 100, 140]]]), ("gray",))).rows(0, 1, 0, 1)
    assert picture.tolist() == [[60, 100, 140]]


def test_the_mean_of_channels_of_huge_numbers_is_drawn_without_overflow():
    values = np.float32([[[3e38, -3e38, 0]]] * 3)
    (picture,) = input_tiles(Image("image", values, ("a", "b", "c"), is_array=True)).rows(0, 1, 0, 1)
    assert picture.tolist() == [[255, 0, 128]]
