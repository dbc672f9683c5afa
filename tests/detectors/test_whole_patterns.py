"""The presets with several layers respond to all parts of a light pattern together, and not to the image's border."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.formats import load_network
from tests.detectors.scenes import SIZE, draw, kinds


def response(preset, kind, image):
    """Return the largest value of a kind's map of a gray image `(H, W)`."""
    return load_network(preset).feature_maps(image[None])[-1][kinds(preset).index(kind)].max()


def alone(preset, kind, contrast):
    """Return a pattern without distractors or noise, 128×128, on a background of 0.45."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:SIZE, :SIZE] - 63.5
    drawing = draw(preset, kind, rng)
    return 0.45 + contrast * drawing.sign * drawing.field(x, y)


def test_corners_of_a_dark_square_are_less_than_half_as_bright_as_those_of_a_light_one():
    light = np.zeros((64, 64))
    light[20:40, 20:40] = 1
    for kind in kinds("corners"):
        assert response("corners", kind, 1 - light) < response("corners", kind, light) / 2


@pytest.mark.parametrize("preset", ["squares", "lines", "curves", "circles"])
def test_a_dark_pattern_on_light_is_not_detected(preset):
    for kind in kinds(preset):
        light = response(preset, kind, alone(preset, kind, 0.45))
        assert light > 0.1, kind
        assert response(preset, kind, alone(preset, kind, -0.45)) < 0.5 * light


def test_a_single_segment_is_not_detected_as_a_line_at_any_contrast():
    spot = np.zeros((64, 64))
    spot[31:34, 30:35] = 1
    assert response("lines", "line 0°", spot) == 0
    line = np.zeros((64, 64))
    line[31:34, 16:49] = 0.4
    assert response("lines", "line 0°", line) > 0.05


@pytest.mark.parametrize("kind", kinds("corners"))
def test_an_edge_that_leaves_the_image_has_no_corner(kind):
    edge = np.zeros((64, 64))
    edge[32:] = 1
    for turns in range(4):
        assert response("corners", kind, np.rot90(edge, turns)) == 0


def test_half_a_square_is_darker_than_half_the_square():
    square = np.zeros((64, 64))
    square[20:41, 20:41] = 0.5
    half = square.copy()
    half[:, :31] = 0
    assert response("squares", "side 21", half) < response("squares", "side 21", square) / 2


def test_half_a_circle_is_darker_than_half_the_circle():
    y, x = np.mgrid[:64, :64] - 32.0
    circle = 0.6 * np.clip(2 - abs(np.hypot(x, y) - 10), 0, 1)
    half = circle * (x < 0)
    assert response("circles", "radius 10", half) < response("circles", "radius 10", circle) / 2


@pytest.mark.parametrize("kind", kinds("spots"))
def test_a_line_across_the_image_is_not_detected_as_a_spot(kind):
    line = np.zeros((64, 64))
    line[30:34] = 1
    assert response("spots", kind, line) == 0
    assert response("spots", kind, line.T) == 0


# The offsets of the parts in the filter files


def parts(network, layer, name):
    """Return the offsets (down, right) of a filter's weights from its center, by input channel."""
    own = network.layers[layer]
    weights = own.conv.weights[own.filter_names.index(name)]
    middle = (np.array(weights.shape[1:]) - 1) // 2
    return {channel: np.argwhere(kernel) - middle for channel, kernel in zip(own.conv.inputs, weights, strict=True)}


def test_the_twelve_segments_of_a_circle_are_on_it():
    network = load_network("circles")
    for name in kinds("circles"):
        radius, found = int(name.split()[1]), parts(network, 1, name)
        for channel, offsets in found.items():
            angle = np.radians(int(channel.rstrip("°")))
            outwards = np.array([np.cos(angle), np.sin(angle)])  # down and right, perpendicular to the segment
            for side in (1, -1):
                near = offsets[np.hypot(*(offsets - side * radius * outwards).T) < 2.5]
                assert len(near) == 9
                assert np.hypot(*(near.mean(axis=0) - side * radius * outwards)) < 0.75


def test_the_five_segments_of_a_curve_are_on_a_circle_of_10_pixels():
    network = load_network("curves")
    centers = {"opens down": (10, 0), "opens up": (-10, 0), "opens left": (0, -10), "opens right": (0, 10)}
    for name, center in centers.items():
        middles = [offsets.mean(axis=0) for offsets in parts(network, 1, name).values() if len(offsets)]
        assert len(middles) == 5
        assert np.allclose([np.hypot(*(middle - center)) for middle in middles], 10, atol=0.7)


def test_the_five_segments_of_a_line_are_in_a_row():
    network = load_network("lines")
    for angle in (0, 30, 60, 90, 120, 150):
        offsets = parts(network, 1, f"line {angle}°")[f"{angle}°"]
        turn = np.radians(angle)
        along = offsets @ [-np.sin(turn), np.cos(turn)]
        assert np.allclose(offsets @ [np.cos(turn), np.sin(turn)], 0, atol=0.75)
        assert np.allclose(np.sort(along), [-12, -6, 0, 6, 12], atol=0.75)
