"""Sixel graphics, decoded back to pixels."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfx.render.sixel import sixel
from tests.render.sixel_decoder import decode_sixel


def test_a_small_picture_is_written_as_the_manual_says() -> None:
    picture = np.array([[255, 0], [255, 255]], np.uint8)
    assert sixel(picture) == '\x1bP0;1q"1;1;2;2#0;2;0;0;0#1;2;100;100;100#0?@$#1BA\x1b\\'


def test_repeated_columns_are_counted() -> None:
    assert "#0!9~" in sixel(np.zeros((6, 9), np.uint8))


@given(
    picture=st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(
        lambda shape: arrays(
            np.uint8, st.sampled_from([shape, (*shape, 3)]), elements=st.integers(0, 5).map((51).__mul__)
        )
    )
)
def test_decoding_gives_the_pixels(picture) -> None:
    pixels = picture if picture.ndim == 3 else np.stack([picture] * 3, axis=-1)
    np.testing.assert_array_equal(decode_sixel(sixel(picture)), pixels // 51 * 20)


def test_all_gray_levels_are_exact_to_half_a_percent() -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(8, 32)
    assert np.abs(decode_sixel(sixel(picture))[..., 0] * 2.55 - picture).max() <= 1.275 + 1e-9


def test_more_than_256_colors_are_reduced_to_similar_ones() -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    picture = np.stack([4 * rows, 4 * columns, 255 - 2 * rows - 2 * columns], axis=-1).astype(np.uint8)
    text = sixel(picture)
    assert len(re.findall(r"#\d+;2;", text)) <= 256
    assert np.abs(decode_sixel(text) * 2.55 - picture).mean() < 10
