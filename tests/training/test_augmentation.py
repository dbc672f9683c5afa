"""Random shifts and warps of training images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from cnnfx.formats.arch import default_arch
from cnnfx.system.threads import set_threads
from cnnfx.training import EpochReport, Trainer, TrainingSettings
from cnnfx.training.augmentation import (
    AUGMENTATIONS,
    CONTROL_POINTS,
    STRONG,
    RandomShift,
    RandomWarp,
    augmentation_of,
    augmentation_settings,
)
from tests.training.bars import bars

RANDOM = np.random.default_rng(3)
LARGE = RandomWarp(shift=3, rotation=90, scale=0.5, shear=0.5, elastic=2)


class Drawn:
    """A random generator that returns chosen numbers: those given by name are 1 or as given, the others 0."""

    NAMES = ("down", "right", "angle", "height", "width", "shear")

    def __init__(self, **values: float) -> None:
        self._values = values

    def uniform(self, low, high, shape):
        assert (low, high, shape[0]) == (-1, 1, len(self.NAMES))
        return np.array([np.full(shape[1], self._values.get(name, 0.0)) for name in self.NAMES])

    def standard_normal(self, shape, dtype):
        return np.full(shape, self._values.get("elastic", 0.0), dtype)


def warped(images, warp, generator, indices=None):
    """Return the images (N, C, H, W), or those of `indices`, warped: `(n, C, H, W)`."""
    indices = np.arange(len(images)) if indices is None else indices
    return np.moveaxis(warp.apply(images, indices, warp.sample(generator, len(indices))), -1, 0)


def centered(size):
    return np.arange(size) - (size - 1) / 2


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


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 4), (2, 1, 7), (1, 6, 1), (1, 1, 1)])
def test_a_warp_without_strength_returns_the_images(shape) -> None:
    images = RANDOM.integers(0, 256, (4, *shape)).astype(np.uint8)
    result = warped(images, RandomWarp(), np.random.default_rng(0))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, images)


@pytest.mark.parametrize("size", [6, 7])
def test_a_rotation_by_90_degrees_is_that_of_numpy(size) -> None:
    images = RANDOM.integers(0, 256, (5, 2, size, size)).astype(np.uint8)
    for angle, turns in ((1, 1), (-1, -1)):
        result = warped(images, RandomWarp(rotation=90), Drawn(angle=angle))
        np.testing.assert_allclose(result, np.rot90(images, turns, axes=(2, 3)), atol=1e-4)


@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, 1), (-1, 1), (0.5, -1)])
def test_a_warp_by_whole_pixels_moves_the_images_with_their_edges_repeated(down, right) -> None:
    images = RANDOM.integers(0, 256, (5, 2, 7, 9)).astype(np.uint8)
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    y, x = int(2 + 2 * down), int(2 + 2 * right)
    result = warped(images, RandomWarp(shift=2), Drawn(down=down, right=right))
    np.testing.assert_array_equal(result, padded[:, :, y : y + 7, x : x + 9])


def test_a_ramp_is_scaled_and_sheared_as_computed_by_hand() -> None:
    rows, columns = np.meshgrid(centered(9), centered(12), indexing="ij")
    ramps = np.stack([rows, columns])[np.newaxis].astype(np.float32)
    enlarged = warped(ramps, RandomWarp(scale=0.5), Drawn(height=-1, width=-1))[0]
    np.testing.assert_allclose(enlarged, [rows / 2, columns / 2], atol=1e-5)
    wider = warped(ramps, RandomWarp(scale=0.5), Drawn(width=-1))[0]
    np.testing.assert_allclose(wider, [rows, columns / 2], atol=1e-5)
    smaller = warped(ramps, RandomWarp(scale=0.5), Drawn(height=1))[0]
    np.testing.assert_allclose(smaller, [np.clip(1.5 * rows, -4, 4), columns], atol=1e-5)
    slanted = warped(ramps, RandomWarp(shear=0.25), Drawn(shear=1))[0]
    np.testing.assert_allclose(slanted, [rows, np.clip(columns + rows / 4, -5.5, 5.5)], atol=1e-5)


def test_a_rotation_follows_shear_and_scale() -> None:
    ramps = np.stack(np.meshgrid(centered(8), centered(8), indexing="ij"))[np.newaxis].astype(np.float32)
    result = warped(ramps, RandomWarp(rotation=90, scale=0.5), Drawn(angle=1, height=-1))[0]
    np.testing.assert_allclose(result, [ramps[0, 1], -ramps[0, 0] / 2], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 13), (2, 14, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_warps_are_those_of_scipy(shape, dtype) -> None:
    images = RANDOM.integers(0, 256, (6, *shape)).astype(dtype)
    _, height, width = shape
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    ramps = np.stack([rows, columns]).astype(np.float32)
    for seed in range(5):
        indices = RANDOM.integers(0, len(images), 8)
        factors = LARGE.sample(np.random.default_rng(seed), 8)
        # the positions of the sources are read from ramps, so they are within the image
        positions = LARGE.apply(ramps[np.newaxis], np.zeros(8, int), factors)
        result = LARGE.apply(images, indices, factors)
        for number, index in enumerate(indices):
            for channel in range(shape[0]):
                expected = map_coordinates(
                    images[index, channel].astype(float), positions[..., number], order=1, mode="nearest"
                )
                np.testing.assert_allclose(result[channel, ..., number], expected, atol=2e-3)


def test_all_pixels_have_the_standard_deviation_of_the_elastic_displacement() -> None:
    height, width, count = 24, 36, 3000
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    ramps = np.stack([rows, columns])[np.newaxis].astype(np.float32)
    warp = RandomWarp(elastic=0.8)
    result = warped(ramps, warp, np.random.default_rng(0), np.zeros(count, int))
    inside = (..., slice(5, -5), slice(5, -5))  # more than six standard deviations from the border, where it is clipped
    displacement = (result - ramps)[inside]
    assert displacement.std() == pytest.approx(0.8, rel=0.01)
    np.testing.assert_allclose(displacement.std(axis=0), 0.8, rtol=0.08)
    np.testing.assert_allclose(displacement.mean(axis=0), 0, atol=0.08)
    assert abs(np.corrcoef(displacement[:, 0].ravel(), displacement[:, 1].ravel())[0, 1]) < 0.02


def test_the_elastic_displacement_is_smooth() -> None:
    size = 28
    ramps = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"))[np.newaxis].astype(np.float32)
    result = warped(ramps, RandomWarp(elastic=1), np.random.default_rng(0), np.zeros(500, int))
    displacement = (result - ramps)[..., 6:-6, 6:-6]
    for axis in (2, 3):
        assert np.diff(displacement, axis=axis).std() < 0.2
        assert np.diff(displacement, 2, axis=axis).std() < 0.06


def test_uniform_parameters_reach_their_limits_and_no_further() -> None:
    factors = RandomWarp(shift=2, scale=0.3).sample(np.random.default_rng(0), 5000)
    for values, largest in ((factors[:, :, 0], 2), (factors[:, 0, 1] - 1, 0.3), (factors[:, 1, 2] - 1, 0.3)):
        assert 0.99 * largest < values.max() <= largest + 1e-6
        assert -largest - 1e-6 <= values.min() < -0.99 * largest
        assert values.std() == pytest.approx(largest / 3**0.5, rel=0.03)
    rotations = RandomWarp(rotation=30).sample(np.random.default_rng(0), 5000)
    angles = np.degrees(np.arctan2(rotations[:, 0, 2], rotations[:, 0, 1]))
    assert 29.5 < angles.max() <= 30.001
    assert not rotations[:, :, 3:].any()


def test_results_do_not_depend_on_how_a_batch_is_divided() -> None:
    images = RANDOM.integers(0, 256, (30, 2, 12, 10)).astype(np.uint8)
    indices = RANDOM.integers(0, 30, 100)
    for augmentation in (RandomShift(2), LARGE):
        drawn = augmentation.sample(np.random.default_rng(5), 100)
        whole = augmentation.apply(images, indices, drawn)
        parts = [slice(0, 1), slice(1, 40), slice(40, 100)]
        joined = np.concatenate([augmentation.apply(images, indices[part], drawn[part]) for part in parts], axis=-1)
        np.testing.assert_allclose(joined, whole, atol=2e-3)  # products of other sizes are rounded differently


def test_the_result_of_a_call_is_not_changed_by_later_calls() -> None:
    images = RANDOM.integers(0, 256, (64, 1, 28, 28)).astype(np.uint8)
    first = warped(images, LARGE, np.random.default_rng(0))
    kept = first.copy()
    warped(255 - images, LARGE, np.random.default_rng(1))
    np.testing.assert_array_equal(first, kept)


def test_the_same_seed_gives_the_same_warps() -> None:
    images = RANDOM.integers(0, 256, (8, 1, 10, 10)).astype(np.uint8)
    first, again, other = (warped(images, LARGE, np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@given(
    seed=st.integers(0, 2**32), height=st.integers(1, 12), width=st.integers(1, 12), channels=st.integers(1, 3),
    strength=st.floats(0, 4), floats=st.booleans(),
)  # fmt: skip
def test_warped_values_are_between_the_least_and_the_largest_of_the_channel(
    seed, height, width, channels, strength, floats
) -> None:
    generator = np.random.default_rng(seed)
    images = generator.integers(20, 230, (3, channels, height, width)).astype(np.float32 if floats else np.uint8)
    result = warped(images, augmentation_of(0, strength), generator)
    axes = (2, 3)
    assert (result >= images.min(axis=axes, keepdims=True) - 1e-4).all()
    assert (result <= images.max(axis=axes, keepdims=True) + 1e-4).all()


def test_the_strength_is_a_factor_of_all_parameters_and_replaces_the_shift() -> None:
    assert augmentation_of(2, 0.0) == RandomShift(2)
    assert augmentation_of(2, 1.0) == RandomWarp(**STRONG)
    assert augmentation_of(2, 0.5) == RandomWarp(**{name: value / 2 for name, value in STRONG.items()})
    assert RandomWarp(**STRONG).sample(np.random.default_rng(0), 5).shape == (5, 2, 3 + CONTROL_POINTS**2)


def test_each_named_augmentation_has_its_settings() -> None:
    kinds = {name: augmentation_of(**augmentation_settings(name)) for name in AUGMENTATIONS}
    assert kinds == {"none": RandomShift(0), "shift": RandomShift(1), "strong": RandomWarp(**STRONG)}
    default = TrainingSettings()
    assert augmentation_settings("shift") == {"shift": default.shift, "warp": default.warp}


def test_training_with_warps_gives_the_same_bytes_on_any_number_of_threads_and_if_resumed(tmp_path) -> None:
    data, settings = bars(200), TrainingSettings(epochs=2, batch_size=150, warp=1.0)

    def begin() -> Trainer:
        return Trainer.begin(default_arch((3, 4), 3), data, None, settings)

    for threads in (1, 3):
        set_threads(threads)
        trainer = begin()
        list(trainer.run())
        trainer.save(tmp_path / f"{threads}.npz")
    set_threads(None)
    stopped = begin()
    next(report for report in stopped.run() if isinstance(report, EpochReport))
    stopped.save(tmp_path / "part.npz")
    resumed = Trainer.resume(tmp_path / "part.npz", data)
    assert resumed.settings == settings
    list(resumed.run())
    resumed.save(tmp_path / "resumed.npz")
    expected = (tmp_path / "1.npz").read_bytes()
    assert (tmp_path / "3.npz").read_bytes() == expected
    assert (tmp_path / "resumed.npz").read_bytes() == expected
    other = Trainer.begin(default_arch((3, 4), 3), data, None, replace(settings, warp=0.0))
    list(other.run())
    assert not np.array_equal(other.parameters.vector, trainer.parameters.vector)
