"""Overlays: peaks and their frames at known places, colors, labels and legends."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats.load import load_network
from cnnfx.images import Image, load_image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box
from cnnfx.render.captions import picture_caption
from cnnfx.render.color import ColorScale
from cnnfx.render.filter_colors import COLOR_NAMES, FILTER_COLORS, filter_colors
from cnnfx.render.heading import Heading
from cnnfx.render.overlay import MIN_FONT_SIZE, OverlayOptions, draw_overlay, framed_peaks
from tests.golden import assert_golden

SAMPLES = Path(__file__).parents[2] / "samples"
BARE = OverlayOptions(scale=1, labels=False, legend=False)


def image_of(values) -> Image:
    return Image("drawn.png", np.array(values, np.float32)[None], ("gray",))


def layers_of(name: str, image: Image, *numbers: int):
    network = load_network(name)
    return [
        (number, feature_maps(network, image, image.channel_names, number))
        for number in numbers or [len(network.layers)]
    ]


def white_square(height: int, width: int, middle: tuple[int, int], side: int) -> Image:
    """A white square on black; `middle` is (row, column)."""
    values = np.zeros((height, width))
    top, left = (position - side // 2 for position in middle)
    values[top : top + side, left : left + side] = 1
    return image_of(values)


def overlay_of(name: str, image: Image, options: OverlayOptions = BARE):
    return draw_overlay(image, layers_of(name, image), options)


def test_a_white_square_is_framed_at_its_place():
    image = white_square(90, 120, (45, 60), 13)
    overlay = overlay_of("squares", image)
    ((framed,),) = overlay.peaks
    assert (framed.name, framed.peak.row, framed.peak.column) == ("side 13", 45, 60)
    assert framed.field == Box(45 - 17, 60 - 17, 45 + 18, 60 + 18)  # corners at 6, tolerance 1, their arms and edges 10
    assert overlay.pixels.shape == (90, 120, 3)
    yellow = (overlay.pixels == FILTER_COLORS[0]).all(axis=2)
    yellow[44:47, 59:62] = False  # the peak itself
    expected = np.zeros((90, 120), bool)
    expected[26:65, 41:80] = True
    expected[28:63, 43:78] = False
    np.testing.assert_array_equal(yellow, expected)


def test_the_frame_of_an_enlarged_image_is_enlarged():
    image = white_square(90, 120, (45, 60), 13)
    pixels = overlay_of("squares", image, BARE._replace(scale=3)).pixels
    yellow = (pixels == FILTER_COLORS[0]).all(axis=2)
    rows = np.nonzero(yellow[:, 43 * 3])[0]
    assert (rows.min(), rows.max()) == (28 * 3 - 2, 63 * 3 + 1)


def test_a_receptive_field_beyond_the_border_is_clipped_to_the_image():
    image = white_square(90, 120, (8, 60), 13)
    overlay = overlay_of("squares", image)
    ((framed,),) = overlay.peaks
    assert framed.field.top < 0
    assert (overlay.pixels[0, 60] == 0).all()  # the dark edge of the frame, moved into the picture
    assert (overlay.pixels[1, 60] == FILTER_COLORS[0]).all()


def test_two_squares_have_two_frames_and_two_filters_with_the_same_field_both():
    values = white_square(90, 160, (45, 40), 13).values[0] + white_square(90, 160, (45, 110), 21).values[0]
    names = [framed.name for framed in overlay_of("squares", image_of(values)).peaks[0]]
    assert sorted(names) == ["side 13", "side 21"]
    line = np.zeros((40, 40))
    line[:, 20] = 1
    ((first, second),) = overlay_of("sobel", image_of(line), BARE._replace(peaks=1)).peaks
    assert {first.name, second.name} == {"x", "magnitude"}
    assert first.field == second.field


def test_weak_responses_have_no_frame():
    values = white_square(90, 160, (45, 40), 13).values[0] + 0.5 * white_square(90, 160, (45, 110), 21).values[0]
    peaks = framed_peaks(layers_of("squares", image_of(values))[0][1])
    assert [framed.name for framed in peaks] == ["side 13"]


def test_the_number_of_peaks_of_each_channel_is_limited():
    values = np.zeros((60, 300))
    values[20:40, 20:280:40] = 1
    ((_, maps),) = layers_of("edges", image_of(values))
    assert len(framed_peaks(maps, 1)) <= 4
    assert len(framed_peaks(maps)) <= 20
    assert len(framed_peaks(maps, 9)) > len(framed_peaks(maps, 2))


def test_an_image_in_which_nothing_is_found_says_so():
    overlay = overlay_of("circles", image_of(np.full((50, 60), 0.5)))
    assert overlay.peaks == [[]]
    assert overlay.notes == ("drawn.png: nothing found: no value of layer 2 is above 0.",)
    assert len(np.unique(overlay.pixels)) == 1


def test_the_heading_has_the_number_of_peaks():
    image, options = white_square(120, 900, (45, 60), 13), BARE._replace(legend=True)
    ((number, maps),) = layers_of("squares", image)
    overlay = draw_overlay(image, [(number, maps)], options)
    assert len(overlay.peaks[0]) == 1
    text = Heading(f"{picture_caption(image, number, maps)} · 1 peak").draw(MIN_FONT_SIZE, 900)
    margin = MIN_FONT_SIZE // 2
    height, width = text.shape[:2]
    np.testing.assert_array_equal(overlay.pixels[margin : margin + height, margin : margin + width, 0], text)


def test_of_many_channels_the_strongest_eight_are_shown():
    image = load_image(SAMPLES / "still-life.png", channels="rgb")
    network = load_network("edges").per_channel(image.channel_names)
    maps = feature_maps(network, image, image.channel_names)
    overlay = draw_overlay(image, [(1, maps)], BARE)
    assert overlay.notes == (
        "layer 1: the overlay shows the 8 of 12 channels with the largest values: red top, red left, red bottom, "
        "red right, green left, green bottom, green right, blue left.",
    )
    assert len({framed.name for framed in overlay.peaks[0]}) <= 8


def test_several_layers_are_drawn_one_below_the_other():
    image = white_square(90, 120, (45, 60), 13)
    layers = layers_of("squares", image, 1, 4)
    both = draw_overlay(image, layers, BARE)
    assert both.pixels.shape == (180, 120, 3)
    np.testing.assert_array_equal(both.pixels[90:], draw_overlay(image, layers[1:], BARE).pixels)
    assert [len(peaks) > 0 for peaks in both.peaks] == [True, True]


def test_limits_and_percentiles_determine_which_value_has_the_full_color():
    image = white_square(30, 30, (15, 15), 10)
    ((_, maps),) = layers_of("identity", image)
    for limits, red_level in ((1.0, 255), (2.0, 198)):
        options = BARE._replace(color_scale=ColorScale(limits=limits))
        center = draw_overlay(image, [(1, maps)], options).pixels[19, 19]
        assert abs(int(center[0]) - red_level) <= 1


def test_a_large_image_is_drawn_smaller_with_its_peaks_at_their_places(monkeypatch):
    image = white_square(300, 400, (150, 201), 41)
    monkeypatch.setattr("cnnfx.render.tint.MAX_PIXELS", 30_000)
    overlay = overlay_of("squares", image)
    assert overlay.pixels.shape == (150, 200, 3)
    assert overlay.notes == ("drawn.png: drawn at 1/2 of its size. The peaks are those of the whole image.",)
    ((framed,),) = overlay.peaks
    assert (framed.peak.row, framed.peak.column) == (150, 201)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (2000, 20), (20, 2000)])
def test_strips_and_single_pixels_have_room_for_their_labels(height, width):
    image = image_of(np.linspace(0, 1, height * width).reshape(height, width) + 0.1)
    conv = Conv(np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32))
    maps = feature_maps(Network((Layer(conv, ("itself",)),), "test"), image, image.channel_names)
    overlay = draw_overlay(image, [(1, maps)], OverlayOptions())
    assert overlay.pixels.shape[0] >= 100
    assert overlay.pixels.shape[1] >= 400
    assert (overlay.pixels == FILTER_COLORS[0]).all(axis=2).sum() > 300  # the label


def test_filters_named_for_a_color_have_this_color():
    assert filter_colors(["red", "x", "blue"]) == [COLOR_NAMES["red"], FILTER_COLORS[0], COLOR_NAMES["blue"]]
    assert filter_colors(["yellow", "x"]) == [COLOR_NAMES["yellow"], FILTER_COLORS[1]]


VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}
"""How linear red, green and blue are seen (Machado, Oliveira and Fernandes, 2009)."""


@pytest.mark.parametrize("vision", VISION)
def test_the_colors_of_filters_differ_for_color_blind_readers(vision):
    seen = lab(linear(FILTER_COLORS) @ np.transpose(VISION[vision]))
    assert min(np.linalg.norm(first - second) for first, second in combinations(seen, 2)) > 20


def test_black_text_on_the_colors_of_filters_is_readable():
    luminance = linear([*FILTER_COLORS, *COLOR_NAMES.values()]) @ (0.2126, 0.7152, 0.0722)
    assert ((luminance + 0.05) / 0.05 >= 4.5).all()


def linear(colors):
    values = np.array(colors) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colors):
    """CIE L*a*b* of linear colors."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(colors, 1e-3, 1) @ to_xyz.T / (0.9505, 1, 1.089)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.mark.parametrize(("name", "file"), [("squares", "patterns"), ("edges", "seven")])
def test_overlays_look_as_reviewed(name, file, tmp_path):
    image = replace(load_image(SAMPLES / f"{file}.png", channels="gray"), name=f"{file}.png")
    assert_golden(f"overlay_{name}", overlay_of(name, image, OverlayOptions()).pixels, tmp_path)


def test_the_only_face_of_a_photograph_is_framed_and_nothing_else():
    photograph = load_image(SAMPLES / "astronaut.jpg")
    maps = feature_maps(load_network("faces"), photograph, photograph.channel_names)
    (framed,) = framed_peaks(maps)
    assert framed.name == "face of 96 pixels"
    height = photograph.shape[1]
    face = Box(*(round(edge * height / 512) for edge in (75, 170, 200, 290)))  # of the original of 512×512 pixels
    assert face.top <= framed.field.top < framed.field.bottom <= face.bottom
    assert face.left <= framed.field.left < framed.field.right <= face.right
