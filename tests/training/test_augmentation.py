"""Random shifts and warps of training images."""

from __future__ import annotations

import numpy as np

from cnnfx.training.augmentation import RandomShift

RANDOM = np.random.default_rng(3)


def test_shifted_images_are_the_images_moved_with_their_edges_repeated() -> None:
    images = RANDOM.integers(0, 256, (9, 2, 5, 4)).astype(np.uint8)
    shifts = np.array([(y, x) for y in range(3) for x in range(3)])
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    indices = np.array([4, 0, 8, 2, 2, 7, 1, 3, 5])
    shifted = RandomShift(1).apply(images, indices, shifts)
    assert shifted.shape == (2, 5, 4, 9)
    for number, (index, (y, x)) in enumerate(zip(indices, shifts, strict=True)):
        np.testing.assert_array_equal(shifted[..., number], padded[index, :, y : y + 5, x : x + 4])


def test_every_shift_is_drawn() -> None:
    shifts = RandomShift(2).sample(np.random.default_rng(0), 1000)
    assert len({tuple(shift) for shift in shifts.tolist()}) == 25
    assert (shifts.min(), shifts.max()) == (0, 4)


def test_a_shift_of_zero_pixels_does_not_change_the_images() -> None:
    images = RANDOM.integers(0, 256, (3, 1, 5, 4))
    shift = RandomShift(0)
    shifts = shift.sample(np.random.default_rng(0), 3)
    np.testing.assert_array_equal(shift.apply(images, np.arange(3), shifts), np.moveaxis(images, 0, -1))
