"""The layout "equation": numbers, contrast, the window and its arrow, and what the last frame shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.formats import load_network
from cnnfx.images import load_image
from cnnfx.images.image import crop
from cnnfx.nn.layers import Activation, Pool
from cnnfx.render.color import COLORMAPS, ColorScale, linear_scale
from cnnfx.render.contrast import contrast_ratio
from cnnfx.render.filters import kernel_levels
from cnnfx.render.sliding.cells import number_texts
from cnnfx.render.sliding.equation import EquationLayout, smallest_number_cell, suitable_equation_cell
from cnnfx.render.sliding.palette import GOLD, text_color
from cnnfx.render.sliding.schedule import Position, positions
from cnnfx.render.sliding.sheet import text_picture
from cnnfx.render.sliding.sums import sum_lines
from tests.cli.commands import SEVEN
from tests.golden import assert_golden
from tests.render.sliding.test_positions import make_image, make_network, slide

UNCHANGED = linear_scale("none", 0, 1)
CELL = 44


def lay_out(sliding, cell=CELL, numbers=True, colormap="gray"):
    return EquationLayout(sliding, UNCHANGED, ColorScale(colormap=colormap), cell, numbers)


def frame_at(layout, row, column, stage="filters"):
    (frame,) = layout.frames([Position(stage, row, column)])
    return frame


def part(frame, corner, picture):
    top, left = corner
    return frame[top : top + picture.shape[0], left : left + picture.shape[1]]


def is_drawn(frame, corner, picture):
    """Return whether a picture is drawn at a corner, apart from the frames and arrows over it."""
    return (part(frame, corner, picture) == picture).mean()


def with_layer(network, **changes):
    return replace(network, layers=(replace(network.layers[0], **changes),))


def test_every_frame_shows_the_products_and_sums_that_are_explained():
    sliding = slide(make_network(2, (3, 2), padding=1), make_image(2, 5, 6))
    layout = lay_out(sliding)
    order = positions(sliding)
    for position, frame in zip(order, layout.frames(order), strict=True):
        explanations = sliding.explain(position.row, position.column)
        for group, explanation in zip(layout.groups, explanations, strict=True):
            (point,) = explanation.points
            terms = point.sums[0].terms
            texts = number_texts(np.stack([term.products for term in terms]))
            largest = float(np.abs(group.channel.weights).max() * np.abs(sliding.padded).max())
            for term, own_texts in zip(terms, texts, strict=True):
                levels = kernel_levels(term.products, largest)
                picture = layout.painter.draw(layout.gray.indices(levels), own_texts)
                top, left = group.panel.products[term.index]
                corner = group.panel_corner[0] + top, group.panel_corner[1] + left
                assert is_drawn(frame, corner, picture) == 1
            for number, line in enumerate(sum_lines(point)):
                picture = text_picture(layout.palette, line)
                assert is_drawn(frame, (group.text[0] + number * 18, group.text[1]), picture) == 1
            text = number_texts(group.channel.values)[position.row, position.column]
            assert float(text.replace("−", "-")) == pytest.approx(explanation.value, abs=6e-4)


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_numbers_have_a_contrast_of_at_least_4_5_in_all_levels_and_color_maps(colormap):
    layout = lay_out(slide(make_network(filters=1), make_image()), colormap=colormap)
    levels = np.arange(256, dtype=np.uint8)
    for ramp in (layout.gray, layout.tinted_gray, layout.colors):
        for index in np.unique(ramp.indices(levels)):
            color = layout.palette.color(index)
            assert contrast_ratio(text_color(color), color) >= 4.5
            cell = layout.painter.draw(np.array([[index]]), np.array([["0"]]))
            used = [layout.palette.color(each) for each in np.unique(cell[1:-1, 1:-1])]
            assert max(contrast_ratio(each, color) for each in used) >= 4.5


def test_the_output_is_drawn_in_the_color_map_and_the_rest_in_gray():
    sliding = slide(make_network(filters=1), make_image())
    layout = lay_out(sliding, cell=12, numbers=False, colormap="viridis")
    frame = frame_at(layout, *(side - 1 for side in sliding.output_size))
    colors = layout.palette.colors[frame]
    values = sliding.channels[0].values
    levels = linear_scale("signed", float(values.min()), float(values.max())).levels(values)
    top, left = layout.groups[0].output
    middles = frame[top + 3 :: 12, left + 3 :: 12][: values.shape[0], : values.shape[1]]
    np.testing.assert_array_equal(middles[:-1], layout.colors.indices(levels)[:-1])
    top, left = layout.inputs[0]
    middles = colors[top + 6 :: 12, left + 6 :: 12][:5, :5]  # above the window, which is at the end
    assert (np.ptp(middles.astype(int), axis=-1) == 0).all()


def test_the_last_frame_shows_the_whole_output_and_the_numbers_of_the_last_position():
    sliding = slide(load_network("edges"), make_image(height=6, width=6), 0)
    layout = lay_out(sliding)
    *_, last = layout.frames(positions(sliding))
    values = sliding.channels[0].values
    levels = linear_scale("signed", float(values.min()), float(values.max())).levels(values)
    picture = layout.painter.draw(layout.colors.indices(levels), number_texts(values))
    assert is_drawn(last, layout.groups[0].output, picture) > 0.95  # the frame around the last cell is over it
    assert is_drawn(frame_at(layout, 0, 0), layout.groups[0].output, picture) < 0.8
    (point,) = sliding.explain(3, 3)[0].points
    assert is_drawn(last, layout.groups[0].text, text_picture(layout.palette, sum_lines(point)[0])) == 1


def test_frames_do_not_depend_on_those_before_them():
    network = with_layer(make_network(kernel=(3, 3)), pool=Pool("mean", 2), activation=Activation("relu"))
    sliding = slide(network, make_image(height=6, width=7))
    layout = lay_out(sliding)
    order = positions(sliding)
    for position, frame in zip(order, layout.frames(order), strict=True):
        np.testing.assert_array_equal(frame, frame_at(layout, position.row, position.column, position.stage))


@pytest.mark.parametrize("value", [0, 1])
def test_the_window_has_a_bright_frame_on_black_and_on_white_and_a_light_tint(value):
    image = make_image()
    image = replace(image, values=np.full_like(image.values, value))
    layout = lay_out(slide(make_network(kernel=(3, 3), filters=1), image), cell=12, numbers=False)
    frame = layout.palette.colors[frame_at(layout, 2, 3)].astype(int)
    top, left = layout.inputs[0]
    outside = frame[top + 6, left + 6]
    assert (outside == 255 * value).all()
    line = frame[top + 24 - 1 : top + 24 + 2, left + 3 * 12 + 6]  # across the upper line of the frame
    assert min(np.abs(line - GOLD).sum(axis=1)) == 0
    assert max(contrast_ratio(tuple(outside), tuple(color)) for color in line) >= 4.5
    inside = frame[top + 24 + 18, left + 36 + 18]
    assert 40 < np.abs(inside - outside).sum() < 300


def test_an_arrow_goes_from_the_window_to_its_output():
    layout = lay_out(slide(make_network(kernel=(3, 3), filters=1), make_image()), cell=12, numbers=False)
    frame = layout.palette.colors[frame_at(layout, 3, 4)].astype(int)
    (top, left), (output_top, output_left) = layout.inputs[0], layout.groups[0].output
    start = left + 7 * 12, top + 3 * 12 + 18
    end = output_left + 4 * 12, output_top + 3 * 12 + 6
    for share in (0.05, 0.2, 0.95):
        x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        near = frame[int(y) - 1 : int(y) + 2, int(x)]
        assert min(np.abs(near - GOLD).sum(axis=1)) == 0, share


def test_while_the_pooling_slides_the_largest_value_is_framed_and_the_block_written():
    network = with_layer(load_network("edges"), pool=Pool("max", 2))
    sliding = slide(network, make_image(height=6, width=6), 0)
    layout = lay_out(sliding)
    for row, column in np.ndindex(sliding.pooled_size):
        frame = frame_at(layout, row, column, "pooling")
        down, across = sliding.largest(sliding.channels[0], row, column)
        rows, columns = sliding.block(row, column)
        for y in range(rows.start, rows.stop):
            for x in range(columns.start, columns.stop):
                top, left = layout.groups[0].output
                line = frame[top + y * CELL + 1, left + x * CELL + 4 : left + (x + 1) * CELL - 4]
                white = (layout.palette.colors[line] == 255).all()
                assert white == ((y, x) == (down, across))


def test_a_mean_is_written_as_such():
    network = with_layer(load_network("edges"), pool=Pool("mean", 2))
    sliding = slide(network, make_image(height=6, width=6), 0)
    layout = lay_out(sliding)
    frame = frame_at(layout, 1, 1, "pooling")
    values = number_texts(sliding.channels[0].values[2:4, 2:4]).ravel()
    added = " + ".join(f"({text})" if text.startswith("−") else text for text in values)
    result = f"{sliding.channels[0].pooled[1, 1]:.3f}".replace("-", "−")
    picture = text_picture(layout.palette, f"mean = ({added}) / 4 = {result}")
    assert is_drawn(frame, layout.groups[0].text, picture) == 1


def test_an_activation_is_written_and_the_output_shows_its_result():
    sliding = slide(with_layer(load_network("edges"), activation=Activation("relu")), make_image(height=6, width=6), 0)
    values = sliding.channels[0].values
    for row, column in np.ndindex(sliding.output_size):
        (point,) = sliding.explain(row, column)[0].points
        _, line = sum_lines(point)
        assert line.startswith("ReLU: max(0, ")
        assert float(line.split(" = ")[1]) == pytest.approx(values[row, column], abs=6e-4)


def test_cells_are_as_large_as_their_numbers_need():
    sliding = slide(make_network(filters=1), make_image())
    cell = suitable_equation_cell(sliding, numbers=True)
    assert 26 <= smallest_number_cell(sliding) < cell <= 50
    large = slide(make_network(filters=1), replace(make_image(), values=make_image().values * 12345))
    assert suitable_equation_cell(large, numbers=True) > cell
    assert suitable_equation_cell(sliding, numbers=False) < cell


@pytest.mark.parametrize(("channels", "numbers", "cell"), [(1, True, 44), (6, True, 44), (6, False, 4), (1, False, 20)])
def test_all_frames_have_one_size_and_contain_only_palette_indices(channels, numbers, cell):
    sliding = slide(make_network(channels, padding=1), make_image(channels, 6, 7))
    layout = lay_out(sliding, cell, numbers)
    assert len(layout.palette.colors) <= 255
    for frame in layout.frames(positions(sliding)[::11]):
        assert frame.shape == layout.shape
        assert frame.max() < len(layout.palette.colors)


def seven(*region):
    return crop(load_image(SEVEN), *region)


def test_a_frame_with_numbers_looks_as_reviewed(tmp_path):
    layout = lay_out(slide(load_network("edges"), seven(8, 7, 6, 6), 0), 46)
    assert_golden("animation_equation", layout.palette.colors[frame_at(layout, 1, 1)], tmp_path)


def test_a_frame_of_several_maps_looks_as_reviewed(tmp_path):
    layout = lay_out(slide(load_network("sobel"), seven(8, 7, 7, 7)), 14, numbers=False, colormap="diverging")
    assert_golden("animation_equation_maps", layout.palette.colors[frame_at(layout, 2, 3)], tmp_path)


def test_a_frame_of_the_pooling_with_numbers_looks_as_reviewed(tmp_path):
    network = with_layer(load_network("edges"), pool=Pool("max", 2), activation=Activation("relu"))
    layout = lay_out(slide(network, seven(8, 7, 6, 6), 0), 46)
    assert_golden("animation_equation_pooling", layout.palette.colors[frame_at(layout, 1, 0, "pooling")], tmp_path)
