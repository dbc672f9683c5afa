"""The levels in which an animation draws the values of its input."""

from __future__ import annotations

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.render.sliding.positions import sliding_window
from cnnfx.render.sliding.scales import input_scale

RAMP = np.arange(25).reshape(1, 5, 5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.uint8(40 + RAMP), (0, 1)),
        (np.uint16(600 + 20 * RAMP), (600 / 65535, 1080 / 65535)),
        (np.float32(1500 + RAMP), (1500, 1524)),
        (np.float32(RAMP - 30), (-30, -6)),
    ],
    ids=["8 bits", "16 bits", "heights", "negative"],
)
def test_an_input_is_drawn_by_its_own_range_unless_it_is_of_8_bits(
    values: np.ndarray, expected: tuple[float, float]
) -> None:
    image = Image("image", values, ("gray",), is_array=values.dtype == np.float32)
    maps = feature_maps(cnnfx.load_network("edges"), image, image.channel_names)
    np.testing.assert_allclose(input_scale(image, sliding_window(maps, ("gray",))).limits, expected, rtol=1e-5)
