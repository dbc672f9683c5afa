"""Windows: arguments, output sizes and input rows, and the border modes and their aliases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from cnnfx.conv import BORDERS, InputRows, correlate, window
from cnnfx.conv.padding import OUTSIDE, pad_rows_and_columns, source_indices


def test_arguments_become_pairs_and_equal_arguments_the_same_window():
    geometry = window((3, 5), stride=2, dilation=(1, 3), padding=(1, 2), border="replicate")
    assert (geometry.kernel, geometry.stride, geometry.dilation) == ((3, 5), (2, 2), (1, 3))
    assert (geometry.padding, geometry.border) == (((1, 1), (2, 2)), "edge")
    assert geometry.extent == (3, 13)
    assert geometry is window((3, 5), stride=2, dilation=(1, 3), padding=(1, 2), border="replicate")


def test_lists_and_numpy_integers_are_accepted():
    given = window([3, 3], stride=[1, 2], padding=[[1, 2], [3, 4]], dilation=np.int64(2))
    assert given == window((3, 3), stride=(1, 2), padding=((1, 2), (3, 4)), dilation=2)


@pytest.mark.parametrize(
    ("given", "size"),
    [({}, (26, 27)), ({"padding": "same"}, (28, 30)), ({"stride": 2}, (13, 14)), ({"dilation": 2}, (24, 24))],
)
def test_output_sizes(given, size):
    assert window((3, 4), **given).output_size((28, 30)) == size


@pytest.mark.parametrize(("size", "pads"), [((8, 9), ((0, 1), (1, 1))), ((7, 7), ((1, 1), (1, 1)))])
def test_same_padding_with_a_stride_depends_on_the_image_size(size, pads):
    assert window((3, 3), stride=2, padding="same").pads(size) == pads


def test_input_rows_are_those_that_the_output_rows_read():
    geometry = window((5, 5), padding="same")
    assert geometry.input_rows(0, 1, 100) == InputRows(0, 3, 2, 0)
    assert geometry.input_rows(10, 20, 100) == InputRows(8, 22, 0, 0)
    assert geometry.input_rows(99, 100, 100) == InputRows(97, 100, 0, 2)
    assert geometry.input_rows(0, 100, 100) == InputRows(0, 100, 2, 2)
    assert window((3, 3), stride=2, dilation=3).input_rows(4, 6, 100) == InputRows(8, 17, 0, 0)


@given(
    kernel=st.integers(1, 9),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    pads=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    height=st.integers(1, 20),
    data=st.data(),
)
def test_input_rows_and_padding_add_up_to_the_rows_that_the_kernel_covers(kernel, stride, dilation, pads, height, data):
    geometry = window((kernel, 1), stride=stride, dilation=(dilation, 1), padding=(pads, (0, 0)))
    if height + sum(pads) < geometry.extent[0]:
        return
    rows = geometry.output_size((height, 1))[0]
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    need = geometry.input_rows(first, last, height)
    assert 0 <= need.first <= need.last <= height
    assert min(need.top, need.bottom) >= 0
    total = need.top + need.last - need.first + need.bottom
    assert total == (last - first - 1) * stride + geometry.extent[0]


@pytest.mark.parametrize("border", BORDERS)
def test_border_modes_are_those_of_numpy_pad(border):
    image, weights = np.random.default_rng(0).random((2, 9, 8)), np.random.default_rng(1).random((3, 2, 4, 4))
    pads = ((4, 7), (1, 6))
    padded = np.pad(image, ((0, 0), *pads), mode=border)
    np.testing.assert_array_equal(correlate(image, weights, padding=pads, border=border), correlate(padded, weights))


SCIPY_BORDERS = {
    "constant": "constant",
    "edge": "nearest",
    "reflect": "mirror",
    "symmetric": "grid-mirror",
    "wrap": "grid-wrap",
}


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("size", [(3, 2), (1, 4), (1, 1), (2, 5)])
def test_padding_may_be_several_times_larger_than_the_image(border, size):
    random = np.random.default_rng(0)
    image, column, row = random.random(size), random.random(23), random.random(27)
    expected = ndimage.correlate1d(image, column, 0, mode=SCIPY_BORDERS[border])
    expected = ndimage.correlate1d(expected, row, 1, mode=SCIPY_BORDERS[border])
    maps = correlate(image, np.outer(column, row), padding="same", border=border)
    np.testing.assert_allclose(maps, expected, rtol=1e-12)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("length", "before", "after"), [(1, 3, 2), (2, 9, 8), (3, 10, 1), (7, 6, 7), (5, 0, 31)])
def test_the_pixels_of_the_padding_are_those_of_numpy(border, length, before, after):
    values = np.arange(1, length + 1)
    padded = np.pad(values, (before, after), mode=border)
    sources = source_indices(length, before, after, border)
    np.testing.assert_array_equal(np.where(sources == OUTSIDE, 0, values[sources]), padded)
    rows = pad_rows_and_columns(values[np.newaxis, :, np.newaxis], ((before, after), (0, 0)), border)
    np.testing.assert_array_equal(rows, padded[np.newaxis, :, np.newaxis])
    columns = pad_rows_and_columns(values[np.newaxis, np.newaxis], ((0, 0), (before, after)), border)
    np.testing.assert_array_equal(columns, padded[np.newaxis, np.newaxis])


@pytest.mark.parametrize(
    ("alias", "border"),
    [
        ("zeros", "constant"),
        ("replicate", "edge"),
        ("nearest", "edge"),
        ("reflect101", "reflect"),
        ("reflect_101", "reflect"),
        ("REFLECT-101", "reflect"),
        ("mirror", "reflect"),
        ("BORDER_REFLECT", "symmetric"),
        ("grid-mirror", "symmetric"),
        ("circular", "wrap"),
        ("grid-wrap", "wrap"),
    ],
)
def test_aliases_of_opencv_scipy_and_pytorch(alias, border):
    assert window(3, border=alias).border == border


def test_border_modes_agree_with_scipy_under_its_names():
    ndimage = pytest.importorskip("scipy.ndimage")
    image, kernel = np.random.default_rng(0).random((9, 8)), np.random.default_rng(1).random((3, 3))
    for name in ("mirror", "nearest", "grid-wrap", "grid-mirror", "grid-constant"):
        maps = correlate(image[None], kernel[None, None], padding="same", border=name)
        np.testing.assert_allclose(maps[0], ndimage.correlate(image, kernel, mode=name))
