"""Tests of cropping and resizing images."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.images.image import crop, shrink_to_side

WIDE = Image("wide.png", np.arange(48, dtype=np.uint8).reshape(1, 6, 8), ("gray",))


def test_a_crop_starts_at_its_top_left_pixel():
    np.testing.assert_array_equal(crop(WIDE, 2, 1, 3, 2).values, [[[10, 11, 12], [18, 19, 20]]])


@pytest.mark.parametrize("region", [(6, 0, 3, 1), (0, 5, 1, 2), (9, 9, 1, 1)])
def test_a_region_outside_the_image_is_refused(region):
    with pytest.raises(ArgumentError) as caught:
        crop(WIDE, *region)
    text = ",".join(map(str, region))
    assert str(caught.value) == (
        f"wide.png: the region {text} reaches outside the image, which is 8 pixels wide and 6 high."
    )


def test_an_image_is_shrunk_by_box_averages():
    small = shrink_to_side(WIDE, 4)
    assert small.shape == (1, 3, 4)
    means = WIDE.floats().reshape(1, 3, 2, 4, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(small.floats(), means, rtol=1e-6)


def test_a_small_image_is_returned_unchanged():
    assert shrink_to_side(WIDE, 8) is WIDE


def test_a_side_has_at_least_one_pixel():
    strip = Image("strip", np.ones((1, 2, 500), np.float32), ("gray",))
    assert shrink_to_side(strip, 20).shape == (1, 1, 20)
