"""Filters of whole numbers: what is recognized as such, and which methods are exact for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.conv import correlate
from cnnfx.conv.integers import MAX_WHOLE, exact_method, integer_filters
from cnnfx.conv.separable import factorize
from tests.conv.reference import reference

SOBEL = np.array([[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]], float)
LAPLACIAN = np.array([[[[0, 1, 0], [1, -4, 1], [0, 1, 0]]]], float)


@given(
    st.lists(st.integers(-50, 50), min_size=6, max_size=6),
    st.sampled_from([1.0, 0.25, 1 / 3, 1 / 394, 0.1, 7.0, 1e-12, 1e12]),
    st.sampled_from([np.float32, np.float64]),
)
def test_whole_numbers_times_a_unit_are_recognized(numbers: list[int], unit: float, dtype: type) -> None:
    weights = (np.array(numbers, float) * unit).astype(dtype).reshape(1, 1, 2, 3)
    found = integer_filters(weights, 255)
    assert found is not None
    np.testing.assert_array_equal(found.weights, np.rint(found.weights))
    np.testing.assert_allclose(found.weights * found.units[0], weights, rtol=3e-7)
    assert np.abs(found.weights).sum() <= np.abs(numbers).sum()


def test_each_filter_has_its_own_unit() -> None:
    weights = np.concatenate([SOBEL / 8, LAPLACIAN * 3])
    found = integer_filters(weights, 255)
    assert found is not None
    np.testing.assert_array_equal(found.weights, np.concatenate([SOBEL, LAPLACIAN]))
    assert found.units.tolist() == [1 / 8, 3]


@pytest.mark.parametrize(
    "weights",
    [
        np.random.default_rng(0).normal(size=(3, 1, 3, 3)),
        np.array([[[[1, np.pi]]]]),
        np.array([[[[1, np.nan]]]]),
        np.array([[[[1, np.inf]]]]),
        np.array([[[[1, 1e-9]]]]),
    ],
    ids=["random", "pi", "nan", "infinity", "very unequal"],
)
def test_other_filters_are_not_recognized(weights: np.ndarray) -> None:
    assert integer_filters(weights, 255) is None


def test_filters_whose_sums_could_exceed_what_float32_holds_are_not_recognized() -> None:
    weights = np.ones((1, 1, 16, 16))
    assert integer_filters(weights, MAX_WHOLE // 256) is not None
    assert integer_filters(weights, MAX_WHOLE // 256 + 1) is None


def test_a_separable_kernel_of_whole_numbers_has_factors_of_whole_numbers() -> None:
    binomial = np.array([1, 4, 6, 4, 1], float)
    factors = factorize(np.multiply.outer(binomial, 3 * binomial)[None, None], 1)
    assert factors is not None
    assert factors.columns.ravel().tolist() == [1, 4, 6, 4, 1]
    assert factors.rows.ravel().tolist() == [3, 12, 18, 12, 3]


def test_only_methods_without_rounding_are_exact() -> None:
    assert exact_method("direct", SOBEL) == "direct"
    assert exact_method("separable", SOBEL) == "separable"
    assert exact_method("separable", np.array([[[[3.0, 1, 0], [1, 3, 0], [0, 0, 5]]]])) == "direct"
    assert exact_method("fft", SOBEL) is None
    assert exact_method("winograd", SOBEL) is None


@pytest.mark.parametrize("method", ["direct", "separable"])
@given(st.data())
def test_sums_of_products_of_whole_numbers_are_exact(method: str, data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    size = random.integers(1, 6, 2)
    column, row = (random.integers(-9, 10, (2, 2, side)) for side in size)
    weights = (column[..., :, None] * row[..., None, :]).astype(np.float64)
    found = integer_filters(weights, 255)
    assert found is not None
    assert exact_method(method, found.weights) == method
    image = random.integers(0, 256, (2, *(size + random.integers(0, 40, 2)))).astype(np.float32)
    sums = correlate(image, weights, method=method)
    np.testing.assert_array_equal(sums, reference(image, weights))
