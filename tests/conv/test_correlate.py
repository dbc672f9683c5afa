"""`correlate` against SciPy for all arguments, against values computed by hand, and its error messages."""

from __future__ import annotations

import sys
from typing import get_args
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from cnnfx.conv import BORDERS as BORDER_NAMES
from cnnfx.conv import Border, Method, correlate, direct, row_products
from cnnfx.conv.cost_model import METHODS as METHOD_NAMES
from cnnfx.errors import ArgumentError
from cnnfx.system.threads import set_threads
from tests.conv.reference import BORDERS, TOLERANCE, cases, check, error, random, reference

METHODS = ["direct", "separable", "fft", "winograd"]


@settings(max_examples=150)
@given(case=cases(), method=st.sampled_from(METHODS))
def test_every_combination_of_arguments_agrees_with_scipy(case, method):
    check(case, method)


@settings(max_examples=200)
@given(
    case=cases(),
    buffer_bytes=st.integers(1, 4000),
    input_bytes=st.integers(1, 4000),
    columns=st.integers(1, 12),
    elements=st.integers(1, 500),
    min_columns=st.integers(1, 8),
    row_cost=st.integers(1, 300),
)
def test_products_of_output_rows_agree_with_scipy_for_blocks_of_any_size(
    case, buffer_bytes, input_bytes, columns, elements, min_columns, row_cost
):
    """With small limits, small images have all kinds of blocks and products of large images."""
    small = {
        "COLUMN_BUFFER_BYTES": buffer_bytes, "BLOCK_INPUT_BYTES": input_bytes, "MAX_PRODUCT_COLUMNS": columns,
        "LARGE_PRODUCT_COLUMNS": columns, "CACHED_PRODUCT_MIN_COLUMNS": min_columns, "CACHED_MATRIX_ELEMENTS": elements,
        "SMALL_PRODUCT_COST": 20 * elements, "CHEAP_ROW_COST": row_cost,
    }  # fmt: skip
    caches = row_products.choose_blocking, row_products.row_products, sys.modules[correlate.__module__]._plan
    with patch.multiple(row_products, **small), patch.object(direct, "direct_form", return_value="rows"):
        for cache in caches:
            cache.cache_clear()
        check(case, "direct")
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("width", [63, 64, 65, 300, 1023, 1025, 2100])
def test_widths_around_block_boundaries_agree_with_scipy(width, dtype, method):
    image, weights = random(2, 19, width, dtype=dtype), random(3, 2, 5, 4, dtype=dtype, seed=1)
    maps = correlate(image, weights, padding="same", method=method, border="reflect")
    assert error(maps, reference(image, weights, pads=((2, 2), (1, 2)), border="reflect")) < TOLERANCE[dtype]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("height", [1, 2, 7, 8, 9, 63, 64, 65, 255, 256, 257, 600])
def test_heights_around_block_boundaries_agree_with_scipy(height, method):
    image, weights = random(1, height, 90, dtype=np.float32), random(2, 1, 3, 3, dtype=np.float32, seed=1)
    maps = correlate(image, weights, padding=1, method=method)
    assert error(maps, reference(image, weights, pads=((1, 1), (1, 1)))) < 1e-5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [9, 15, 31, 63])
def test_large_kernels_agree_with_scipy(size, method):
    image, weights = random(2, 150, 140, dtype=np.float32), random(2, 2, size, size, dtype=np.float32, seed=1)
    assert error(correlate(image, weights, method=method), reference(image, weights)) < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_a_bright_image_under_a_kernel_that_sums_to_zero_loses_little_precision(method):
    image = 1 + 0.01 * random(1, 300, 300, dtype=np.float32)
    weights = random(1, 1, 31, 31, dtype=np.float64, seed=1)
    weights = (weights - weights.mean()).astype(np.float32)
    assert error(correlate(image, weights, method=method), reference(image, weights)) < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_filters_of_low_rank_agree_with_scipy(method):
    column, row = random(2, 9, 1, dtype=np.float32), random(2, 1, 9, dtype=np.float32, seed=1)
    image, weights = random(1, 80, 400, dtype=np.float32), (column @ row)[:, None]
    assert error(correlate(image, weights, method=method), reference(image, weights)) < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_the_response_to_an_impulse_is_the_kernel_rotated_by_180_degrees(method):
    image = np.zeros((1, 5, 5))
    image[0, 2, 2] = 1
    kernel = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    np.testing.assert_allclose(correlate(image, kernel, method=method)[0], kernel[0, 0, ::-1, ::-1], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_values_computed_by_hand(method):
    image = np.array([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]])
    weights = np.array([[[[1.0, 0], [0, -1]]], [[[0, 2], [3, 0]]]])
    maps = correlate(image, weights, [10, 0.5], method=method)
    np.testing.assert_allclose(maps, [[[6, 6], [6, 6]], [[16.5, 21.5], [31.5, 36.5]]])


def test_the_top_edge_detector_is_largest_where_dark_is_above_bright():
    image = np.zeros((1, 6, 5), np.float32)
    image[0, 3:] = 1
    maps = correlate(image, [[[[-1, -1, -1], [1, 1, 1], [0, 0, 0]]]])
    assert maps[0].tolist() == [[0, 0, 0], [0, 0, 0], [3, 3, 3], [0, 0, 0]]


def test_each_input_channel_is_correlated_with_its_kernel_and_all_are_summed():
    image, weights = np.stack([np.full((3, 3), c + 1.0) for c in range(3)]), np.ones((1, 3, 2, 2))
    weights[0, 1] = 0
    assert correlate(image, weights).tolist() == [[[16.0, 16.0], [16.0, 16.0]]]


def test_the_axes_are_channels_rows_columns():
    maps = correlate(np.zeros((2, 28, 30)), np.zeros((5, 2, 3, 4)))
    assert maps.shape == (5, 26, 27)


@pytest.mark.parametrize(("stride", "shape"), [(1, (28, 30)), (2, (14, 15)), (3, (10, 10)), ((4, 7), (7, 5))])
def test_same_padding_gives_the_size_over_the_stride_rounded_up(stride, shape):
    assert correlate(np.zeros((1, 28, 30)), np.zeros((1, 1, 5, 4)), stride=stride, padding="same").shape == (1, *shape)


def test_same_padding_puts_an_odd_pixel_at_the_bottom_and_right():
    image = np.arange(1.0, 10).reshape(1, 3, 3)
    maps = correlate(image, np.ones((1, 1, 2, 2)), padding="same")
    np.testing.assert_array_equal(maps, correlate(image, np.ones((1, 1, 2, 2)), padding=((0, 1), (0, 1))))


def test_same_padding_allows_a_kernel_larger_than_the_image():
    image, weights = random(1, 5, 4), random(1, 1, 31, 31, seed=1)
    expected = reference(image, weights, pads=((15, 15), (15, 15)))
    assert error(correlate(image, weights, padding="same"), expected) < 1e-12


def test_an_int_pads_all_sides_and_two_pad_vertically_and_horizontally():
    image, weights = random(1, 6, 7), random(1, 1, 3, 3)
    one, two = correlate(image, weights, padding=1), correlate(image, weights, padding=(2, 1))
    np.testing.assert_array_equal(one, correlate(image, weights, padding=((1, 1), (1, 1))))
    np.testing.assert_array_equal(two, correlate(image, weights, padding=((2, 2), (1, 1))))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("groups", [1, 2])
def test_a_batch_gives_the_same_as_its_images_one_by_one(method, groups):
    images = random(7, 4, 20, 33, dtype=np.float32)
    weights, bias = random(6, 4 // groups, 3, 5, dtype=np.float32, seed=1), random(6, seed=2)
    together = correlate(images, weights, bias, groups=groups, padding=1, method=method)
    for image, maps in zip(images, together, strict=True):
        assert error(maps, correlate(image, weights, bias, groups=groups, padding=1, method=method)) < (
            1e-5 if method == "winograd" else 1e-6
        )


@pytest.mark.parametrize("batch", [1, 3, 64, 65, 300])
def test_batches_of_small_images_agree_with_scipy(batch):
    images, weights = random(batch, 1, 12, 13, dtype=np.float32), random(4, 1, 5, 5, dtype=np.float32, seed=1)
    maps = correlate(images, weights)
    assert max(error(maps[n], reference(images[n], weights)) for n in range(0, batch, 13)) < 1e-5


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.bool_, np.float16])
def test_other_real_types_become_float32(dtype):
    values = (random(1, 9, 9) > 0).astype(dtype)
    maps = correlate(values, random(1, 1, 3, 3, seed=1))
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps, correlate(values.astype(np.float32), random(1, 1, 3, 3, seed=1)))


def test_the_result_has_the_type_of_the_image():
    assert correlate(random(1, 5, 5, dtype=np.float32), random(1, 1, 3, 3)).dtype == np.float32
    assert correlate(random(1, 5, 5), random(1, 1, 3, 3, dtype=np.float32)).dtype == np.float64


def test_lists_are_accepted_as_arrays():
    assert correlate([[[1, 2], [3, 4]]], [[[[1, 1], [1, 1]]]], [5]).tolist() == [[[15.0]]]


VIEWS = {
    "reversed": lambda x: x[:, ::-1, ::-1],
    "transposed": lambda x: x.swapaxes(1, 2),
    "strided": lambda x: x[:, ::2, ::3],
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("view", VIEWS)
def test_the_order_in_memory_does_not_matter(view, method):
    image = VIEWS[view](random(3, 40, 50, dtype=np.float32))
    weights = random(5, 4, 3, 2, dtype=np.float32).transpose(3, 2, 1, 0)
    expected = correlate(np.ascontiguousarray(image), np.ascontiguousarray(weights), method=method)
    np.testing.assert_array_equal(correlate(image, weights, method=method), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", [30, 300])
def test_the_result_is_written_to_out(width, method):
    image, weights = random(2, 20, width, dtype=np.float32), random(4, 2, 3, 3, dtype=np.float32)
    space = np.zeros((4, 40, width), np.float32)
    maps = correlate(image, weights, padding=1, out=space[:, 10:30], method=method)
    assert np.shares_memory(maps, space)
    np.testing.assert_array_equal(space[:, 10:30], correlate(image, weights, padding=1, method=method))
    assert not space[:, :10].any()
    assert not space[:, 30:].any()


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("shift", [0, 1, 3, 7])
def test_a_result_that_overlaps_the_image_is_that_of_an_apart_one(shift, method):
    space, weights = random(5, 40, 50, dtype=np.float32), random(4, 4, 3, 3, dtype=np.float32, seed=1)
    image = space.reshape(-1)[: 4 * 40 * 50].reshape(4, 40, 50)
    out = space.reshape(-1)[shift * 50 : shift * 50 + 4 * 40 * 50].reshape(4, 40, 50)
    expected = correlate(image.copy(), weights, padding=1, method=method)
    assert correlate(image, weights, padding=1, method=method, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_a_result_that_overlaps_weights_or_bias_is_that_of_an_apart_one():
    image, weights = random(4, 9, 9), random(9, 4, 1, 1, seed=1)
    space = np.zeros((9, 9, 9))
    space[0, :4].reshape(-1)[:36] = weights.reshape(-1)
    own = space[0].reshape(-1)[:36].reshape(9, 4, 1, 1)
    np.testing.assert_array_equal(correlate(image, own, out=space), correlate(image, weights))
    bias = random(9, seed=2)
    space[3, 3] = bias
    expected = correlate(image, weights, bias)
    np.testing.assert_array_equal(correlate(image, weights, space[3, 3], out=space), expected)


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (4, 5), (6, 4), (3, 3)])
def test_kernels_of_an_even_size_are_placed_as_scipy_does(size):
    image, kernel = random(9, 11), random(*size, seed=1)
    maps = correlate(image, kernel, padding="same")
    np.testing.assert_allclose(maps, signal.correlate2d(image, kernel, mode="same"), rtol=1e-12, atol=1e-12)
    flipped = correlate(image, kernel[::-1, ::-1], padding="same")
    np.testing.assert_allclose(flipped, ndimage.convolve(image, kernel, mode="constant"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("height", "width"), [(30, 40), (70, 300), (300, 1500)])
def test_nonfinite_values_spread_only_to_outputs_whose_kernel_covers_them(height, width, value, method):
    image, weights = random(2, height, width, dtype=np.float32), random(3, 2, 5, 3, dtype=np.float32, seed=1)
    positions = [(0, 0), (height // 2, width // 3), (height - 1, width - 1)]
    nonfinite = np.zeros((height - 4, width - 2), bool)
    for y, x in positions:
        image[1, y, x] = value
        nonfinite[max(y - 4, 0) : y + 1, max(x - 2, 0) : x + 1] = True
    maps = correlate(image, weights, method=method)
    for each in maps:
        np.testing.assert_array_equal(~np.isfinite(each), nonfinite)
    image[~np.isfinite(image)] = 0
    np.testing.assert_allclose(maps[:, ~nonfinite], correlate(image, weights)[:, ~nonfinite], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("filters", [1, 3, 5])
@pytest.mark.parametrize(
    "options", [{}, {"stride": (2, 3)}, {"dilation": (2, 1)}, {"stride": (3, 1), "dilation": (2, 3)}]
)
@pytest.mark.parametrize("width", [12, 70, 530])
def test_a_nonfinite_value_changes_only_its_own_image_of_a_batch(width, options, filters):
    images, weights = random(5, 2, 23, width), random(filters, 2, 3, 4, seed=1)
    images[1, 1, 20, 5], images[3, 0, 2, 7] = np.inf, np.nan
    maps = correlate(images, weights, method="direct", **options)
    bad = ~np.isfinite(images)
    images[bad] = 0
    for each, image, where in zip(maps, images, bad, strict=True):
        nonfinite = reference(where, np.ones_like(weights), **options) > 0.5
        np.testing.assert_array_equal(~np.isfinite(each), nonfinite)
        expected = reference(image, weights, **options)
        np.testing.assert_allclose(each[~nonfinite], expected[~nonfinite], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_infinity_under_a_weight_of_zero_is_nan_as_in_scipy(method):
    image, weights = random(1, 30, 100), random(1, 1, 3, 3, seed=1)
    image[0, 10, 50], weights[0, 0, 1] = np.inf, 0
    with np.errstate(invalid="ignore"):
        expected = reference(image, weights)
    np.testing.assert_array_equal(np.isnan(correlate(image, weights, method=method)), np.isnan(expected))


@pytest.mark.parametrize("method", METHODS)
def test_a_filter_with_nan_changes_only_its_own_map(method):
    weights = random(2, 1, 3, 3)
    weights[1, 0, 1, 1] = np.nan
    maps = correlate(random(1, 30, 100), weights, method=method)
    assert np.isfinite(maps[0]).all()
    assert np.isnan(maps[1]).all()


@pytest.fixture
def threads():
    yield set_threads
    set_threads(None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 33, 30), (3, 500, 700), (40, 2, 28, 28)])
def test_the_number_of_threads_does_not_change_a_bit(threads, shape, method):
    image, weights = random(*shape, dtype=np.float32), random(4, shape[-3], 5, 5, dtype=np.float32, seed=1)
    maps = []
    for count in (1, 2, 3, 7):
        threads(count)
        maps.append(correlate(image, weights, padding="same", border="reflect", method=method))
    for other in maps[1:]:
        np.testing.assert_array_equal(maps[0], other)


IMAGE, WEIGHTS = np.zeros((3, 10, 12)), np.zeros((4, 3, 3, 3))
READ_ONLY = np.zeros((4, 8, 10))
READ_ONLY.setflags(write=False)
WHOLE = "must be a whole number, 1 or more, not"
BORDER = 'border must be one of "constant", "edge", "reflect", "symmetric", "wrap", not'
PADDING = 'padding must be one of "valid", "same" or a number of pixels, not'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 0}, "stride must be 1 or more, not 0"),
        ({"stride": (1, -2)}, "stride must be 1 or more, not -2"),
        ({"dilation": 2**63, "padding": "same"}, "dilation must be 1000000000 or less, not 9223372036854775808"),
        ({"stride": 1.5}, f"stride {WHOLE} 1.5"),
        ({"stride": True}, f"stride {WHOLE} True"),
        ({"stride": "2"}, f"stride {WHOLE} '2'"),
        ({"stride": (1, 2, 3)}, "stride must be a whole number or two of them, not (1, 2, 3)"),
        ({"dilation": 0}, "dilation must be 1 or more, not 0"),
        ({"dilation": [1, None]}, f"dilation {WHOLE} None"),
        ({"padding": -1}, "padding must be 0 or more, not -1"),
        ({"padding": ((1, 1), (0, -3))}, "padding must be 0 or more, not -3"),
        ({"padding": 0.5}, "padding must be a whole number, 0 or more, not 0.5"),
        ({"padding": "sane"}, f"{PADDING} 'sane'; did you mean \"same\"?"),
        ({"padding": "full"}, f"{PADDING} 'full'"),
        (
            {"padding": (1, 2, 3)},
            'padding must be "valid", "same", a number of pixels or ((top, bottom), (left, right)), not (1, 2, 3)',
        ),
        ({"border": "mirorr"}, f"{BORDER} 'mirorr'; did you mean \"reflect\"?"),
        ({"border": 3}, f"{BORDER} 3"),
        (
            {"method": "ftt"},
            'method must be one of "auto", "direct", "separable", "fft", "winograd", not \'ftt\'; did you mean "fft"?',
        ),
        ({"groups": 0}, f"groups {WHOLE} 0"),
        ({"groups": "3"}, f"groups {WHOLE} '3'"),
        ({"groups": 2}, "groups must divide the image's 3 channels and the 4 filters, but is 2"),
        ({"weights": np.zeros((4, 2, 3, 3))}, "the image has 3 channels, but the filters have 2"),
        (
            {"weights": np.zeros((3, 2, 3, 3)), "groups": 3},
            "the image has 3 channels, but the filters have 6 (3 groups of 2)",
        ),
        (
            {"weights": np.zeros((1, 3, 11, 3))},
            'kernel of 3×11 is larger than the image of 12×10; use a smaller kernel, a larger image or padding="same"',
        ),
        (
            {"weights": np.zeros((1, 3, 3, 9)), "dilation": 2, "padding": (0, 1)},
            "kernel of 9×3 (dilated 17×5) is larger than the image of 12×10 (padded 14×10); "
            'use a smaller kernel, a larger image or padding="same"',
        ),
        ({"out": [1.0]}, "out must be a float64 array of shape (4, 8, 10), not list"),
        ({"out": READ_ONLY}, "out must be an array that can be written to, but it is read-only"),
        ({"image": np.zeros(12)}, "image must have the shape (H, W), (C, H, W) or (N, C, H, W), not (12,)"),
        (
            {"image": np.zeros((10, 12))},
            "weights must have the shape (kh, kw) for an image (H, W), not (4, 3, 3, 3); "
            "pass image[None] for filters (K, 1, kh, kw)",
        ),
        (
            {"weights": np.zeros((3, 3))},
            "weights must have the shape (K, C/groups, kh, kw), not (3, 3); "
            "pass weights[None, None] for a kernel (kh, kw) on one channel",
        ),
        ({"weights": np.zeros((3, 3, 3))}, "weights must have the shape (K, C/groups, kh, kw), not (3, 3, 3)"),
        (
            {"image": np.zeros((10, 12)), "weights": np.zeros((3, 3)), "bias": [1, 2]},
            "bias must be a number for an image (H, W), but has the shape (2,)",
        ),
        (
            {"image": np.zeros((10, 12)), "weights": np.zeros((3, 3)), "out": np.zeros((1, 8, 10))},
            "out must be a float64 array of shape (8, 10), not a float64 array of shape (1, 8, 10)",
        ),
        (
            {"image": np.zeros((10, 12)), "weights": np.zeros((3, 3)), "groups": 2},
            "groups must divide the image's 1 channel and the 1 filter, but is 2",
        ),
        ({"image": np.zeros((3, 0, 12))}, "image must not be empty, but has the shape (3, 0, 12)"),
        ({"image": np.zeros((0, 3, 9, 9))}, "image must not be empty, but has the shape (0, 3, 9, 9)"),
        ({"weights": np.zeros((4, 3, 0, 3))}, "weights must not be empty, but has the shape (4, 3, 0, 3)"),
        ({"weights": np.zeros((0, 3, 3, 3))}, "weights must not be empty, but has the shape (0, 3, 3, 3)"),
        ({"image": IMAGE.astype(complex)}, "image must hold real numbers, not complex128"),
        ({"weights": WEIGHTS.astype(object)}, "weights must hold real numbers, not object"),
        ({"image": np.full((3, 10, 12), "1")}, "image must hold real numbers, not <U1"),
        ({"bias": [1, 2]}, "bias must have one number for each of the 4 filters, but has the shape (2,)"),
        ({"bias": 1.0}, "bias must have one number for each of the 4 filters, but has the shape ()"),
        (
            {"out": np.zeros((4, 8, 9))},
            "out must be a float64 array of shape (4, 8, 10), not a float64 array of shape (4, 8, 9)",
        ),
        (
            {"out": np.zeros((4, 8, 10), np.float32)},
            "out must be a float64 array of shape (4, 8, 10), not a float32 array of shape (4, 8, 10)",
        ),
        ({"image": [[[1, 2], [3]]]}, "image must be an array of numbers, not a list of lists of unequal lengths"),
    ],
)
def test_bad_arguments_raise_errors_with_these_messages(change, message):
    arguments = {"image": IMAGE, "weights": WEIGHTS, **change}
    with pytest.raises(ArgumentError) as caught:
        correlate(arguments.pop("image"), arguments.pop("weights"), **arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("border", BORDERS)
def test_a_plane_and_a_kernel_give_the_map_of_one_channel_and_one_filter(method, border):
    plane, kernel = random(20, 31, dtype=np.float32), random(3, 4, dtype=np.float32, seed=1)
    options = {"stride": (1, 2), "dilation": 2, "padding": ((2, 3), (4, 1)), "border": border, "method": method}
    maps = correlate(plane[None], kernel[None, None], [0.5], **options)
    result = correlate(plane, kernel, 0.5, **options)
    assert result.ndim == 2
    np.testing.assert_array_equal(result, maps[0])


def test_a_plane_of_lists_and_an_output_array_are_taken():
    assert correlate([[1, 2], [3, 4]], [[1, 0], [0, 1]]).tolist() == [[5]]
    out = np.zeros((3, 2), np.float32)
    assert correlate(np.ones((3, 2), np.uint8), [[2]], [1], out=out) is out
    np.testing.assert_array_equal(out, 3)


def test_the_types_of_arguments_list_all_names():
    assert set(get_args(Border)) == {name for entry in BORDER_NAMES.items() for name in (entry[0], *entry[1])}
    assert get_args(Method) == tuple(METHOD_NAMES)


def test_argument_errors_are_value_errors():
    with pytest.raises(ValueError, match="stride"):
        correlate(IMAGE, WEIGHTS, stride=0)
