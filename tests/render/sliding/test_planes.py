"""The layout "planes": which cells are drawn in which colors, and where the rays end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.formats import load_network
from cnnfx.images import Image, load_image
from cnnfx.images.image import crop
from cnnfx.nn.layers import Activation, Pool
from cnnfx.render.color import ColorScale, linear_scale
from cnnfx.render.sliding.palette import RAY_COLOR
from cnnfx.render.sliding.planes import PlanesLayout, suitable_plane_cell
from cnnfx.render.sliding.schedule import Position, positions
from tests.cli.commands import SEVEN
from tests.golden import assert_golden
from tests.render.sliding.test_positions import make_image, make_network, slide

CELL = 24
UNCHANGED = linear_scale("none", 0, 1)


def lay_out(sliding, cell=CELL, frames=1):
    return PlanesLayout(sliding, UNCHANGED, ColorScale(), cell, frames)


def frame_at(layout, row, column, stage="filters"):
    (frame,) = layout.frames([Position(stage, row, column)])
    return frame


def cell_middles(frame, plane, corner):
    """Return the middle pixel of each cell: neither lines nor frames are drawn there."""
    top, left = corner
    indices = np.empty((plane.rows, plane.columns), np.uint8)
    for row, column in np.ndindex(indices.shape):
        x, y = plane.middle(slice(row, row + 1), slice(column, column + 1))
        indices[row, column] = frame[top + int(y), left + int(x)]
    return indices


def is_in(indices, ramp):
    return (indices >= ramp.first) & (indices < ramp.first + ramp.count)


def with_layer(network, **changes):
    return replace(network, layers=(replace(network.layers[0], **changes),))


@settings(max_examples=20, deadline=None)
@given(
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same", 2]),
)
def test_the_input_is_orange_where_it_is_multiplied_with_weights(stride, dilation, padding):
    settings = {"stride": stride, "dilation": dilation, "padding": padding, "border": "edge"}
    sliding = slide(make_network(kernel=(3, 2), filters=1, **settings), make_image())
    layout = lay_out(sliding, frames=10**6)  # without rays
    for position in positions(sliding)[:: max(1, len(positions(sliding)) // 4)]:
        frame = frame_at(layout, position.row, position.column)
        under_weights = np.zeros(sliding.padded_size, bool)
        (sv, sh), (dv, dh), row, column = stride, dilation, position.row, position.column
        under_weights[row * sv : row * sv + 2 * dv + 1 : dv, column * sh : column * sh + dh + 1 : dh] = True
        middles = cell_middles(frame, layout.input_plane, layout.inputs[0])
        np.testing.assert_array_equal(is_in(middles, layout.orange), under_weights)


def test_the_brightness_of_the_input_and_the_output_is_their_value():
    image = make_image()
    sliding = slide(make_network(filters=1), image)
    layout = lay_out(sliding, frames=10**6)
    rows, columns = sliding.output_size
    frame = frame_at(layout, rows - 1, columns - 1)
    blue = cell_middles(frame, layout.input_plane, layout.inputs[0])
    expected = layout.blue.indices(UNCHANGED.levels(image.floats()[0]))
    outside = np.ones(blue.shape, bool)
    outside[sliding.kernel_slices(rows - 1, columns - 1)] = False
    np.testing.assert_array_equal(blue[outside], expected[outside])
    values = sliding.channels[0].values
    green = cell_middles(frame, layout.output_plane, layout.groups[0].output)
    levels = linear_scale("signed", float(values.min()), float(values.max())).levels(values)
    np.testing.assert_array_equal(green, layout.green.indices(levels))


def test_channels_that_cannot_be_negative_are_drawn_from_black():
    sliding = slide(with_layer(make_network(filters=1), activation=Activation("relu")), make_image())
    layout = lay_out(sliding, frames=10**6)
    rows, columns = sliding.output_size
    green = cell_middles(frame_at(layout, rows - 1, columns - 1), layout.output_plane, layout.groups[0].output)
    assert (green[sliding.channels[0].values == 0] == layout.green.first).all()
    assert green.max() == layout.green.first + layout.green.count - 1


def test_outputs_are_empty_until_the_window_has_reached_them():
    sliding = slide(make_network(filters=1), make_image())
    layout = lay_out(sliding, frames=10**6)
    middles = cell_middles(frame_at(layout, 2, 3), layout.output_plane, layout.groups[0].output).ravel()
    computed = 2 * sliding.output_size[1] + 4
    assert is_in(middles[:computed], layout.green).all()
    assert (layout.palette.colors[middles[computed:]] == 255).all()


def test_the_last_frame_shows_the_whole_output_of_each_filter():
    network, image = load_network("edges"), make_image()
    sliding = slide(network, image)
    layout = lay_out(sliding, frames=10**6)
    *_, last = layout.frames(positions(sliding))
    for values, group in zip(network.feature_maps(image.floats())[-1], layout.groups, strict=True):
        levels = linear_scale("signed", float(values.min()), float(values.max())).levels(values)
        middles = cell_middles(last, layout.output_plane, group.output)
        np.testing.assert_array_equal(middles, layout.green.indices(levels))


def test_frames_do_not_depend_on_those_before_them():
    sliding = slide(with_layer(make_network(kernel=(3, 3)), pool=Pool("max", 2)), make_image(height=6, width=7))
    layout = lay_out(sliding)
    order = positions(sliding)
    for position, frame in zip(order, layout.frames(order), strict=True):
        np.testing.assert_array_equal(frame, frame_at(layout, position.row, position.column, position.stage))


def test_padding_of_zeros_is_an_empty_rim():
    sliding = slide(make_network(filters=1, padding=2), make_image())
    layout = lay_out(sliding, frames=10**6)
    middles = cell_middles(frame_at(layout, 5, 5), layout.input_plane, layout.inputs[0])
    colors = layout.palette.colors[middles]
    rim = sliding.is_padding
    assert (colors[rim] == 255).all()
    assert is_in(middles[~rim], layout.blue).sum() + is_in(middles[~rim], layout.orange).sum() == (~rim).sum()


def test_padding_that_repeats_values_is_paler_than_the_image():
    image = Image("flat", np.zeros((1, 6, 6), np.float32), ("gray",))
    sliding = slide(make_network(filters=1, padding=1, border="edge"), image)
    layout = lay_out(sliding, frames=10**6)
    middles = cell_middles(frame_at(layout, 4, 4), layout.input_plane, layout.inputs[0])
    rim = sliding.is_padding & is_in(middles, layout.blue)
    assert (middles[rim] > layout.blue.first + layout.blue.count // 2).all()
    assert middles[2, 2] == layout.blue.first


def on_canvas(plane, corner, rows, columns):
    return [(x + corner[1], y + corner[0]) for x, y in plane.corners(rows, columns)]


def has_ray(layout, frame, start, end, share):
    """Return whether the pixel at a share of the way between two points, or one beside it, has the color of rays."""
    x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    near = frame[int(y), int(x) - 1 : int(x) + 2]
    difference = np.abs(layout.palette.colors[near].astype(int) - RAY_COLOR).sum(axis=1)
    return difference.min() < 130


def test_rays_go_from_the_corners_of_the_window_to_those_of_its_output():
    sliding = slide(make_network(kernel=(3, 3), filters=1), make_image(height=6, width=7))
    layout = lay_out(sliding, cell=40)
    frame = frame_at(layout, 1, 2)
    window = on_canvas(layout.input_plane, layout.inputs[0], slice(1, 4), slice(2, 5))
    output = on_canvas(layout.output_plane, layout.groups[0].output, slice(1, 2), slice(2, 3))
    gap = layout.groups[0].output[0] + layout.output_plane.shape[0], layout.inputs[0][0]
    middle = (gap[0] + gap[1]) / 2  # between the planes
    for start, end in zip(window, output, strict=True):
        assert has_ray(layout, frame, start, end, (start[1] - middle) / (start[1] - end[1]))
    assert not has_ray(layout, frame_at(layout, 1, 1), window[1], output[1], 0.5)


def test_long_animations_of_several_maps_have_one_ray_each():
    sliding = slide(load_network("edges"), make_image())
    layout = lay_out(sliding, frames=400)
    assert (layout.beams, layout.rays) == (False, True)
    frame = frame_at(layout, 2, 2)
    window = layout.input_plane.middle(slice(2, 5), slice(2, 5))
    start = window[0] + layout.inputs[0][1], window[1] + layout.inputs[0][0]
    gap = layout.groups[0].output[0] + layout.output_plane.shape[0], layout.inputs[0][0]
    for group in layout.groups:
        x, y = layout.output_plane.middle(slice(2, 3), slice(2, 3))
        end = x + group.output[1], y + group.output[0]
        assert has_ray(layout, frame, start, end, (start[1] - sum(gap) / 2) / (start[1] - end[1]))


def test_the_largest_value_of_a_block_is_framed_in_white_while_the_pooling_slides():
    sliding = slide(
        with_layer(make_network(kernel=(3, 3), filters=1), pool=Pool("max", 2)), make_image(height=8, width=8)
    )
    layout = lay_out(sliding, cell=40, frames=10**6)
    for row, column in np.ndindex(sliding.pooled_size):
        frame = frame_at(layout, row, column, "pooling")
        down, across = sliding.largest(sliding.channels[0], row, column)
        rows, columns = sliding.block(row, column)
        for y, x in np.ndindex(2, 2):
            cell = slice(rows.start + y, rows.start + y + 1), slice(columns.start + x, columns.start + x + 1)
            part = layout.output_plane.part(*cell)
            line = layout.output_plane.outline(*cell, part, 1.5) > 0.9
            top, left = layout.groups[0].output
            pixels = frame[top : top + layout.output_plane.shape[0], left : left + layout.output_plane.shape[1]][part]
            white = (layout.palette.colors[pixels[line]] == 255).all(axis=1).mean()
            assert (white > 0.9) == ((rows.start + y, columns.start + x) == (down, across))


def test_pooled_values_have_the_colors_of_the_values_they_are_kept_from():
    sliding = slide(
        with_layer(make_network(kernel=(3, 3), filters=1), pool=Pool("max", 2)), make_image(height=8, width=8)
    )
    layout = lay_out(sliding, frames=10**6)
    *_, last = layout.frames(positions(sliding))
    pooled = cell_middles(last, layout.pooled_plane, layout.groups[0].pooled)
    values = sliding.channels[0].values
    levels = linear_scale("signed", float(values.min()), float(values.max())).levels(sliding.channels[0].pooled)
    np.testing.assert_array_equal(pooled, layout.green.indices(levels))


def test_values_that_are_not_finite_are_magenta():
    values = np.zeros((1, 8, 8), np.float32)
    values[0, 1, 2], values[0, 6, 6] = np.nan, np.inf
    sliding = slide(make_network(kernel=(3, 3), filters=1), Image("gaps", values, ("gray",)))
    layout = lay_out(sliding, frames=10**6)
    frame = layout.palette.colors[frame_at(layout, 5, 5)]
    for plane, corner, shown in (
        (layout.input_plane, layout.inputs[0], sliding.inputs[0]),
        (layout.output_plane, layout.groups[0].output, sliding.channels[0].values),
    ):
        magenta = np.array(
            [
                (frame[corner[0] + int(y), corner[1] + int(x)] == (255, 0, 255)).all()
                for row, column in np.ndindex(shown.shape)
                for x, y in [plane.middle(slice(row, row + 1), slice(column, column + 1))]
            ]
        )
        np.testing.assert_array_equal(magenta.reshape(shown.shape), ~np.isfinite(shown))


def test_each_input_channel_has_a_plane():
    sliding = slide(make_network(3, filters=2), make_image(3))
    layout = lay_out(sliding)
    assert sorted(layout.inputs) == [0, 1, 2]
    assert len({top for top, _ in layout.inputs.values()}) == 1
    sliding = slide(make_network(40, filters=2), make_image(40))
    assert len(lay_out(sliding, 6).inputs) == 12


@pytest.mark.parametrize(("cell", "channels"), [(3, 1), (5, 1), (16, 3)])
def test_all_frames_have_one_size_and_contain_only_palette_indices(cell, channels):
    sliding = slide(make_network(channels, padding=1), make_image(channels))
    layout = lay_out(sliding, cell)
    assert len(layout.palette.colors) <= 255
    for frame in layout.frames(positions(sliding)[::20]):
        assert frame.shape == layout.shape
        assert frame.max() < len(layout.palette.colors)


def test_cells_of_small_images_are_larger_than_those_of_large_ones():
    small, large = slide(make_network(filters=1), make_image()), slide(make_network(), make_image(height=90, width=100))
    assert suitable_plane_cell(small) > suitable_plane_cell(large) >= 3


def seven(*region):
    return crop(load_image(SEVEN), *region) if region else load_image(SEVEN)


def test_a_frame_of_a_small_region_looks_as_reviewed(tmp_path):
    layout = PlanesLayout(slide(load_network("edges"), seven(8, 7, 7, 7), 0), UNCHANGED, ColorScale(), 40, 25)
    assert_golden("animation_planes", layout.palette.colors[frame_at(layout, 2, 2)], tmp_path)


def test_a_frame_of_four_maps_looks_as_reviewed(tmp_path):
    layout = PlanesLayout(slide(load_network("edges"), seven()), UNCHANGED, ColorScale(), 6, 352)
    assert_golden("animation_planes_maps", layout.palette.colors[frame_at(layout, 11, 13)], tmp_path)


def test_a_frame_with_stride_dilation_and_padding_looks_as_reviewed(tmp_path):
    network = load_network("edges")
    conv = replace(network.layers[0].conv, stride=(2, 2), dilation=(2, 2), padding=2)
    sliding = slide(with_layer(network, conv=conv), seven(6, 6, 9, 9), 1)
    layout = PlanesLayout(sliding, UNCHANGED, ColorScale(), 30, 25)
    assert_golden("animation_planes_dilation", layout.palette.colors[frame_at(layout, 2, 1)], tmp_path)


def test_a_frame_of_the_pooling_looks_as_reviewed(tmp_path):
    network = with_layer(load_network("edges"), pool=Pool("max", 2), activation=Activation("relu"))
    layout = PlanesLayout(slide(network, seven(8, 7, 8, 8), 0), UNCHANGED, ColorScale(), 36, 45)
    assert_golden("animation_planes_pooling", layout.palette.colors[frame_at(layout, 1, 1, "pooling")], tmp_path)
