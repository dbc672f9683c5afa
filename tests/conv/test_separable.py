"""Kernels as sums of outer products: their factors, and cross-correlation with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.conv import choose_method, correlate, window
from cnnfx.conv.separable import factorize
from tests.conv.reference import error, reference

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
CROSS = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def gaussian(size, sigma):
    offsets = np.arange(size) - (size - 1) / 2
    row = np.exp(-(offsets**2) / (2 * sigma**2))
    return np.outer(row, row) / row.sum() ** 2


def of_rank(rank, *shape, seed=0):
    """Kernels (K, C, kh, kw) of random outer products."""
    columns, rows = random(*shape[:2], rank, shape[2], seed=seed), random(*shape[:2], rank, shape[3], seed=seed + 1)
    return np.einsum("kcri,kcrj->kcij", columns, rows)


def sum_of_products(factors):
    return np.einsum("kcri,kcrj->kcij", factors.columns, factors.rows)


def test_factors_of_integers_are_integers():
    factors = factorize(SOBEL[None, None].astype(np.float32), 1)
    np.testing.assert_array_equal(factors.columns, [[[[-1, -2, -1]]]])  # through the −2 on the left
    np.testing.assert_array_equal(factors.rows, [[[[1, 0, -1]]]])


@pytest.mark.parametrize(
    ("kernel", "rank"),
    [
        (SOBEL, 1),
        (np.ones((5, 9)) / 45, 1),
        (gaussian(63, 10), 1),
        (CROSS, 2),
        (gaussian(15, 3) - gaussian(15, 2), 2),
        (np.eye(4), 4),
        (np.zeros((3, 3)), 1),
    ],
)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_kernel_has_as_many_factors_as_its_rank(kernel, rank, dtype):
    weights = kernel[None, None].astype(dtype)
    factors = factorize(weights, 9)
    assert factors.rank == rank
    assert factors.columns.dtype == factors.rows.dtype == dtype
    assert np.abs(sum_of_products(factors) - weights).sum() <= TOLERANCE[dtype] / 10 * np.abs(weights).sum()
    assert rank == 1 or factorize(weights, rank - 1) is None


def test_kernels_of_different_ranks_have_factors_of_the_highest():
    weights = np.stack([[SOBEL, CROSS], [np.eye(3), SOBEL]]).astype(np.float64)
    factors = factorize(weights, 3)
    assert factors.columns.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(sum_of_products(factors), weights, atol=1e-15)
    assert factorize(weights, 2) is None


def test_small_weights_beside_large_ones_are_not_ignored():
    kernel = np.full((63, 63), 3e-7)
    kernel[31, 31] = 1
    assert factorize(kernel[None, None].astype(np.float32), 1) is None
    assert factorize(kernel[None, None].astype(np.float32), 2).rank == 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nonfinite_weights_have_no_factors(value):
    assert factorize(np.full((1, 1, 3, 3), value), 3) is None


@st.composite
def cases(draw):
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(st.tuples(st.integers(1, 9), st.integers(1, 9))), draw(pair), draw(pair)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    return {
        "rank": draw(st.integers(1, 3)),
        "channels": draw(st.integers(1, 3)),
        "filters": draw(st.integers(1, 3)),
        "kernel": kernel,
        "size": [e + draw(st.integers(0, 70)) for e in extent],
        "options": {"stride": stride, "dilation": dilation, "border": draw(st.sampled_from(["constant", "edge"]))},
        "pads": draw(st.tuples(*[st.tuples(st.integers(0, 5), st.integers(0, 5))] * 2)),
        "dtype": draw(st.sampled_from(list(TOLERANCE))),
        "seed": draw(st.integers(0, 1000)),
    }


@settings(max_examples=100)
@given(case=cases())
def test_kernels_of_low_rank_agree_with_scipy(case):
    image = random(2, case["channels"], *case["size"], seed=case["seed"]).astype(case["dtype"])
    weights = of_rank(case["rank"], case["filters"], case["channels"], *case["kernel"]).astype(case["dtype"])
    bias = random(case["filters"], seed=2).astype(case["dtype"])
    maps = correlate(image, weights, bias, padding=case["pads"], method="separable", **case["options"])
    expected = [reference(each, weights, bias, pads=case["pads"], **case["options"]) for each in image]
    assert error(maps, np.stack(expected)) < TOLERANCE[case["dtype"]]


def test_an_image_larger_than_a_block_agrees_with_the_direct_method():
    image, weights = random(2, 700, 3001), of_rank(2, 2, 2, 5, 4)
    maps = correlate(image, weights, padding="same", method="separable")
    np.testing.assert_allclose(maps, correlate(image, weights, padding="same", method="direct"), atol=1e-11)


def test_a_zero_sum_integer_kernel_gives_exact_results():
    flat = np.full((1, 40, 40), 0.3, np.float32)
    assert not correlate(flat, SOBEL[None, None], method="separable").any()
    steps = np.random.default_rng(0).integers(0, 256, (1, 50, 70)).astype(np.float32)
    expected = reference(steps.astype(np.float64), SOBEL[None, None].astype(np.float64))
    np.testing.assert_array_equal(correlate(steps, SOBEL[None, None], method="separable"), expected)


@pytest.mark.parametrize("size", [(70, 100), (16, 16), (5, 7)])
def test_nonfinite_values_spread_as_in_the_direct_method(size):
    image, weights = random(2, *size), of_rank(1, 3, 2, 5, 3)
    image[0, 2, 4], image[1, -1, -1] = np.nan, np.inf
    maps, direct = (correlate(image, weights, method=method, padding="same") for method in ("separable", "direct"))
    np.testing.assert_array_equal(np.isfinite(maps), np.isfinite(direct))
    np.testing.assert_allclose(maps[np.isfinite(maps)], direct[np.isfinite(maps)], atol=1e-12)


def test_auto_uses_the_separable_method_for_kernels_of_low_rank():
    image, geometry = random(1, 300, 300).astype(np.float32), window(15, padding="same")
    for weights, method in [
        (gaussian(15, 3)[None, None], "separable"),
        (np.stack([gaussian(15, 3), np.outer(random(15), random(15, seed=1))])[:, None], "separable"),
        (random(1, 1, 15, 15), "direct"),
    ]:
        weights = weights.astype(np.float32)
        assert choose_method((1, len(weights), 300, 300), weights, geometry) == method
        maps = correlate(image, weights, padding="same")
        np.testing.assert_array_equal(maps, correlate(image, weights, padding="same", method=method))


def test_the_method_is_chosen_for_each_group():
    image = random(2, 400, 400)
    weights = np.stack([gaussian(21, 4), random(21, 21)])[:, None]
    maps = correlate(image, weights, groups=2)
    for k, method in enumerate(("separable", "direct")):
        alone = correlate(image[k : k + 1], weights[k : k + 1], method=method)
        np.testing.assert_allclose(maps[k], alone[0], atol=1e-11)


@pytest.mark.parametrize("zeros", [[(0, 1), (2, 0)], [(1, 0), (1, 1), (1, 2)], [(0, 0), (0, 1), (0, 2)]])
def test_filters_that_read_some_of_the_channels_agree_with_scipy(zeros):
    image, columns, rows = random(3, 40, 70), random(4, 3, 9, 1, seed=1), random(4, 3, 1, 9, seed=2)
    weights, bias = columns * rows, random(4, seed=3)
    for k, channel in zeros:
        weights[k, channel] = 0
    maps = correlate(image, weights, bias, padding=4, method="separable")
    assert error(maps, reference(image, weights, bias, pads=((4, 4), (4, 4)))) < 1e-5
