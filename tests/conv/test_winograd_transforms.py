"""The Winograd transforms against the plain sums of correlation."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv.winograd_transforms import MAX_POINTS, POINTS, adds_constants, tile_transforms

SIZES = [(m, r) for m in range(1, 9) for r in range(1, 9) if m + r - 1 <= MAX_POINTS]


def errors(outputs: int, taps: int, dtype: type[np.generic]) -> np.ndarray:
    """Return the relative errors for 200 random signals and filters."""
    random = np.random.default_rng(outputs * 10 + taps)
    a, g, b = (matrix.astype(dtype) for matrix in tile_transforms(outputs, taps))
    found = []
    for _ in range(200):
        signal, weights = random.normal(size=outputs + taps - 1), random.normal(size=taps)
        # BLAS may compute elements beyond the end of a short vector, of memory that holds anything. They are not in the
        # result, but a NaN there makes NumPy warn.
        with np.errstate(all="ignore"):
            result = a.T @ ((g @ weights.astype(dtype)) * (b @ signal.astype(dtype)))
        assert np.isfinite(result).all()
        expected = np.correlate(signal, weights, "valid")
        found.append(np.abs(result - expected).max() / (np.linalg.norm(signal) * np.linalg.norm(weights)))
    return np.array(found)


@pytest.mark.parametrize(("outputs", "taps"), SIZES)
def test_the_outputs_are_those_of_correlation(outputs, taps) -> None:
    assert errors(outputs, taps, np.float64).max() < 1e-13


@pytest.mark.parametrize(("outputs", "taps"), SIZES)
def test_rounding_errors_in_single_precision_stay_small(outputs, taps) -> None:
    assert errors(outputs, taps, np.float32).max() < 2e-5


def test_a_tile_of_four_outputs_of_five_taps_takes_eight_products() -> None:
    transforms = tile_transforms(4, 5)
    assert [matrix.shape for matrix in transforms] == [(8, 4), (8, 5), (8, 8)]


def test_the_first_product_is_added_to_each_output_unless_the_first_point_is_not_one() -> None:
    for outputs, taps in SIZES:
        first = 1 if outputs == 1 else POINTS[outputs + taps - 1][0]
        assert adds_constants(outputs, taps) == (first == 1)
        if first == 1:
            np.testing.assert_array_equal(tile_transforms(outputs, taps).output[0], 1)


def test_each_number_of_points_has_as_many_different_ones() -> None:
    for count, points in POINTS.items():
        assert len(set(points)) == count


@pytest.mark.parametrize(("outputs", "taps"), [(5, 5), (0, 3), (3, 0)])
def test_sizes_without_enough_points_raise_an_error(outputs, taps) -> None:
    with pytest.raises(ValueError, match="points"):
        tile_transforms(outputs, taps)
