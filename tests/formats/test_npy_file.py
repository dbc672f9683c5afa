"""The array of a `.npy` file as filters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import FileError

KERNEL = np.array([[-1, 0, 1], [-2, 0, 2]])


def test_a_matrix_is_a_kernel_for_every_channel(tmp_path: Path) -> None:
    np.save(tmp_path / "sobel.npy", KERNEL)
    network = cnnfx.load_network(tmp_path / "sobel.npy")
    assert network.name == network.layers[0].name == "sobel"
    assert network.layers[0].conv.inputs == ("*",)
    np.testing.assert_array_equal(network.layers[0].conv.weights, KERNEL[np.newaxis, np.newaxis])


def test_an_array_of_three_axes_is_a_kernel_for_each_first_index(tmp_path: Path) -> None:
    kernels = np.stack([KERNEL, -KERNEL, 2 * KERNEL, 3 * KERNEL])
    np.save(tmp_path / "four.npy", kernels)
    network = cnnfx.load_network(tmp_path / "four.npy")
    assert network.layers[0].filter_names == ("1", "2", "3", "4")
    np.testing.assert_array_equal(network.layers[0].conv.weights[:, 0], kernels)


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_four_axes_is_filters_in_either_order_of_memory(tmp_path: Path, order: str) -> None:
    filters = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    np.save(tmp_path / "w.npy", np.asarray(filters, order=order))
    network = cnnfx.load_network(tmp_path / "w.npy", layer=1)
    np.testing.assert_array_equal(network.layers[0].conv.weights, filters.astype(np.float32))


def test_no_byte_may_be_missing_or_too_many(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, KERNEL)
    whole = path.read_bytes()
    for content, size in ((whole[:-1], 47), (whole + b"\0", 49)):
        path.write_bytes(content)
        with pytest.raises(FileError, match=rf"a\.npy: it has {size} bytes for the shape \(2, 3\)\."):
            cnnfx.load_network(path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([None]), r"a\.npy: a pickle\."),
        (np.zeros(3, [("x", "f4")]), r"a\.npy: structured values\."),
        (np.zeros((2, 2), complex), r"a\.npy: values of type complex128\."),
        (np.zeros(3), r"none of its tensors can be filters: .* a is float64 of shape \(3,\)\."),
        (np.zeros((0, 3)), r"none of its tensors can be filters"),
        (np.zeros((300, 2)), r"none of its tensors can be filters"),
        (np.array([["x"]]), r"none of its tensors can be filters"),
        (np.array([[np.nan]]), r'a\.npy: the tensor "a" has values that are NaN, infinite or too large for float32\.'),
        (np.array([[1e39]]), r'a\.npy: the tensor "a" has values that are NaN, infinite or too large for float32\.'),
    ],
)
def test_arrays_that_are_no_filters_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(FileError, match=message):
        cnnfx.load_network(tmp_path / "a.npy")
