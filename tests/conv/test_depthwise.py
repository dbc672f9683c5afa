"""Depthwise filters against SciPy, and the promises of `correlate` for them."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.conv import BAND_ROWS, correlate, depthwise, direct, window
from cnnfx.conv.depthwise import loop_columns
from cnnfx.system.threads import set_threads
from tests.conv.reference import cases, check, error, form_of_direct, random, reference


def always(**limits):
    """Let the direct method use depthwise filters, with other limits."""
    return form_of_direct("depthwise", depthwise, depthwise.depthwise, **limits)


@settings(max_examples=150)
@given(
    case=cases(groups=st.integers(2, 20), channels=st.just(1)),
    elements=st.integers(1, 5000),
    loop=st.integers(1, 2000),
)
def test_depthwise_filters_agree_with_scipy_for_blocks_of_any_size(case, elements, loop):
    with always(INPUT_ELEMENTS=elements, LOOP_ELEMENTS=loop):
        check(case, "direct")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, (2, 1), (1, 3)])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_each_filter_reads_the_channel_of_its_group(kernel, stride, multiplier, dtype):
    images, half = random(2, 5, 21, 28, dtype=dtype), kernel // 2
    weights, bias = random(5 * multiplier, 1, kernel, kernel, dtype=dtype, seed=1), random(5 * multiplier, seed=2)
    maps = correlate(images, weights, bias, stride=stride, padding=half, groups=5, method="direct")
    step = (stride, stride) if isinstance(stride, int) else stride
    for image, own in zip(images, maps, strict=True):
        expected = reference(image, weights, bias, stride=step, pads=((half, half), (half, half)))
        assert error(own, expected) < (1e-5 if dtype == np.float32 else 1e-12)


def test_a_1x1_kernel_scales_and_shifts_each_channel():
    image = random(6, 9, 11)
    maps = correlate(image, np.arange(6.0).reshape(6, 1, 1, 1), np.arange(6) + 10, groups=6)
    np.testing.assert_array_equal(maps, image * np.arange(6)[:, None, None] + (np.arange(6) + 10)[:, None, None])


def test_a_1x1_kernel_with_stride_takes_every_other_pixel():
    image = random(6, 9, 11)
    maps = correlate(image, np.full((6, 1, 1, 1), 2.0), stride=(2, 3), groups=6)
    np.testing.assert_array_equal(maps, 2 * image[:, ::2, ::3])


@pytest.mark.parametrize("channels", [3, 40, 600])
def test_the_order_in_memory_of_image_and_output_does_not_change_a_bit(channels):
    image, weights = random(channels, 12, 14, dtype=np.float32), random(channels, 1, 3, 3, dtype=np.float32, seed=1)
    last = np.ascontiguousarray(image.transpose(1, 2, 0)).transpose(2, 0, 1)
    with always():
        expected = correlate(image, weights, padding=1, groups=channels, method="direct")
        np.testing.assert_array_equal(correlate(last, weights, padding=1, groups=channels, method="direct"), expected)
        for out in (np.zeros_like(image), np.zeros((channels, 40, 14), np.float32)[:, 10:22]):
            correlate(image, weights, padding=1, groups=channels, method="direct", out=out)
            np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_nonfinite_value_changes_only_the_outputs_that_read_it(bad):
    image, weights = random(20, 30, 40, dtype=np.float32), random(40, 1, 3, 3, dtype=np.float32, seed=1)
    image[7, 10, 20] = bad
    with always():
        maps = correlate(image, weights, groups=20, method="direct")
    expected = np.zeros(maps.shape, bool)
    expected[14:16, 8:11, 18:21] = True
    np.testing.assert_array_equal(~np.isfinite(maps), expected)


@pytest.mark.parametrize("shape", [(96, 13, 13), (16, 300, 70), (5, 64, 7, 7)])
def test_the_number_of_threads_does_not_change_a_bit(shape):
    image, weights = random(*shape, dtype=np.float32), random(shape[-3], 1, 5, 5, dtype=np.float32, seed=1)
    maps = []
    try:
        for count in (1, 2, 3):
            set_threads(count)
            with patch("cnnfx.conv.depthwise.threads_for", return_value=count):
                maps.append(correlate(image, weights, padding=2, groups=shape[-3], method="direct"))
    finally:
        set_threads(None)
    for other in maps[1:]:
        np.testing.assert_array_equal(maps[0], other)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 2)])
@pytest.mark.parametrize("width", [5, 30, 200])
def test_bands_give_the_same_bits_as_the_whole_image(width, kernel, stride):
    rows, geometry = 2 * BAND_ROWS + 45, window(kernel, stride=stride)
    image = random(8, *((n - 1) * stride + kernel for n in (rows, width)), dtype=np.float32)
    weights = random(8, 1, kernel, kernel, dtype=np.float32, seed=1)
    with always():
        whole = correlate(image, weights, stride=stride, groups=8, method="direct")
        for first in range(0, rows, BAND_ROWS):
            last = min(first + BAND_ROWS, rows)
            read = geometry.input_region(slice(first, last), slice(0, 1))[0]
            part = correlate(image[:, read], weights, stride=stride, groups=8, method="direct")
            np.testing.assert_array_equal(part, whole[:, first:last])


@pytest.mark.parametrize(
    ("width", "filters", "options", "columns"),
    [
        (112, 32, {}, 16),
        (14, 600, {}, 1),
        (113, 32, {}, 113),
        (56, 96, {"stride": 2}, 7),
        (56, 96, {"stride": 2, "dilation": 2}, 1),
    ],
)
def test_the_innermost_loop_takes_several_columns_of_few_channels(width, filters, options, columns):
    assert loop_columns(width, filters, window(3, **options)) == columns


@pytest.mark.parametrize(("channels", "size"), [(32, 112), (144, 56), (384, 14), (960, 7)])
def test_layers_of_networks_use_the_depthwise_form(channels, size):
    weights = channels, 1, 3, 3
    assert direct.direct_form((1, channels, size, size), weights, window(3, padding=1), channels) == "depthwise"
