"""Plain products: blocks of any size, groups, batches, and 1×1 kernels that are not copied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.conv import BAND_ROWS, correlate, plain_products, window
from cnnfx.system.threads import set_threads
from tests.conv.reference import cases, check, error, form_of_direct, random, reference


def plain(**limits):
    """Let the direct method use plain products, with other limits."""
    return form_of_direct("plain", plain_products, plain_products.plain_products, **limits)


@settings(max_examples=150)
@given(
    case=cases(groups=st.integers(1, 5)),
    elements=st.integers(1, 5000),
    columns=st.integers(1, 200),
    one_block=st.integers(1, 2000),
    cost=st.sampled_from([0, 10**9]),
)
def test_plain_products_agree_with_scipy_for_blocks_of_any_size(case, elements, columns, one_block, cost):
    limits = {
        "MATRIX_ELEMENTS": elements, "MIN_COLUMNS": columns, "MAX_ONE_BLOCK_COLUMNS": one_block, "FILTERS_PER_PART": 1,
        "UNTHREADED_COST": cost, "SECOND_THREAD_COST": cost,
    }  # fmt: skip
    with plain(**limits):
        check(case, "direct")


@pytest.mark.parametrize("groups", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_groups_agree_with_the_layers_of_each_group(groups, kernel, dtype):
    images, weights = random(2, 64, 14, 15, dtype=dtype), random(96, 64 // groups, kernel, kernel, dtype=dtype, seed=1)
    maps = correlate(images, weights, padding=kernel // 2, groups=groups, method="direct")
    channels, filters = 64 // groups, 96 // groups
    for group in range(groups):
        part = correlate(
            images[:, group * channels : (group + 1) * channels],
            weights[group * filters : (group + 1) * filters],
            padding=kernel // 2,
        )
        own = maps[:, group * filters : (group + 1) * filters]
        assert error(own, part) < (1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("size", [(7, 7), (13, 13), (3, 40), (56, 56)])
@pytest.mark.parametrize("batch", [1, 2, 16, 17])
def test_images_of_a_batch_in_one_matrix_agree_with_the_images_alone(batch, size):
    images, weights = random(batch, 8, *size), random(24, 8, 3, 3, seed=1)
    with plain():
        together = correlate(images, weights, random(24, seed=2), padding=1, stride=2, method="direct")
        for image, maps in zip(images, together, strict=True):
            alone = correlate(image, weights, random(24, seed=2), padding=1, stride=2, method="direct")
            assert error(maps, alone) < 1e-12


def test_the_result_of_a_1x1_kernel_has_the_memory_order_of_the_image():
    image, weights = random(8, 9, 10, dtype=np.float32), random(16, 8, 1, 1, dtype=np.float32, seed=1)
    last = np.ascontiguousarray(image.transpose(1, 2, 0)).transpose(2, 0, 1)
    with plain():
        maps, maps_last = (correlate(each, weights, method="direct") for each in (image, last))
    assert maps.flags.c_contiguous
    assert maps_last.transpose(1, 2, 0).flags.c_contiguous
    assert error(maps_last, reference(image, weights)) < 1e-5


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("size", [(13, 13), (40, 50)])
def test_outputs_in_a_part_of_an_array_of_any_order_are_written(size, groups):
    image, weights, bias = random(8, *size), random(16, 8 // groups, 3, 3, seed=1), random(16, seed=2)
    with plain():
        expected = correlate(image, weights, bias, padding=1, groups=groups, method="direct")
        for space in (np.zeros((30, *size)), np.zeros((*size, 30)).transpose(2, 0, 1), np.zeros((30, size[0], 99))):
            out = space[5:21, :, : size[1]]
            correlate(image, weights, bias, padding=1, groups=groups, method="direct", out=out)
            assert error(out, expected) < 1e-12
            assert np.count_nonzero(space) == out.size


@pytest.mark.parametrize("groups", [1, 2])
def test_a_nonfinite_value_changes_only_the_outputs_that_read_it(groups):
    image, weights = random(4, 30, 40, dtype=np.float32), random(6, 4 // groups, 3, 3, dtype=np.float32, seed=1)
    image[3, 10, 20] = np.inf
    with plain():
        maps = correlate(image, weights, groups=groups, method="direct")
    expected = np.zeros(maps.shape, bool)
    expected[6 - 6 // groups :, 8:11, 18:21] = True
    np.testing.assert_array_equal(~np.isfinite(maps), expected)


@pytest.mark.parametrize("shape", [(64, 13, 13), (16, 60, 70), (16, 64, 7, 7)])
def test_the_number_of_threads_does_not_change_a_bit(shape):
    image, weights = random(*shape, dtype=np.float32), random(128, shape[-3], 3, 3, dtype=np.float32, seed=1)
    maps = []
    try:
        with plain():
            for count in (1, 2, 3):
                set_threads(count)
                maps.append(correlate(image, weights, padding=1, method="direct"))
    finally:
        set_threads(None)
    for other in maps[1:]:
        np.testing.assert_array_equal(maps[0], other)


@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (3, 1), (3, 4)])
@pytest.mark.parametrize(("width", "channels"), [(5, 8), (30, 8), (200, 8), (5, 400)])
def test_bands_give_the_same_bits_as_the_whole_image(width, channels, kernel, groups):
    rows = 2 * BAND_ROWS + 45
    image = random(channels, rows + kernel - 1, width + kernel - 1, dtype=np.float32)
    weights = random(2 * channels, channels // groups, kernel, kernel, dtype=np.float32, seed=1)
    with plain():
        whole = correlate(image, weights, groups=groups, method="direct")
        for first in range(0, rows, BAND_ROWS):
            last = min(first + BAND_ROWS, rows)
            read = window(kernel).input_region(slice(first, last), slice(0, 1))[0]
            part = correlate(image[:, read], weights, groups=groups, method="direct")
            np.testing.assert_array_equal(part, whole[:, first:last])
