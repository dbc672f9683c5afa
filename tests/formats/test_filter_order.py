"""The order of the axes of filters: recognized by shapes, and changed to that of PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats.filter_order import ORDERS, FiltersFirst, order_of, recognize_order
from cnnfx.formats.tensor_file import NpzTensorFile

FILTERS = np.arange(4 * 3 * 2 * 5, dtype=np.float32).reshape(4, 3, 2, 5)
"""Four filters of 3 channels, 2 rows and 5 columns."""


@pytest.mark.parametrize(
    ("order", "stored"),
    [
        ("pytorch", FILTERS),
        ("keras", FILTERS.transpose(2, 3, 1, 0)),
        ("mlx", FILTERS.transpose(0, 2, 3, 1)),
        ("theano", FILTERS[:, :, ::-1, ::-1]),
    ],
)
def test_filters_of_every_order_become_those_of_pytorch(order: str, stored: np.ndarray) -> None:
    assert ORDERS[order].filters_shape(stored.shape) == (4, 3, 2, 5)
    np.testing.assert_array_equal(ORDERS[order].to_filters(stored), FILTERS)


def test_depthwise_filters_are_m_for_each_channel_in_the_order_of_the_channels() -> None:
    stored = np.arange(2 * 5 * 3 * 2).reshape(2, 5, 3, 2)  # 2 filters of 2×5 for each of 3 channels
    filters = ORDERS["depthwise"].to_filters(stored)
    assert ORDERS["depthwise"].filters_shape(stored.shape) == filters.shape == (6, 1, 2, 5)
    for channel in range(3):
        for number in range(2):
            np.testing.assert_array_equal(filters[2 * channel + number, 0], stored[:, :, channel, number])


@pytest.mark.parametrize(
    ("shapes", "order"),
    [
        ([(64, 3, 7, 7)], "pytorch"),
        ([(7, 7, 3, 64)], "keras"),
        ([(64, 7, 7, 3)], "mlx"),
        ([(64, 32, 1, 1)], "pytorch"),
        ([(1, 1, 32, 64)], "keras"),
        ([(64, 1, 1, 32)], "mlx"),
        ([(64, 64, 3, 3)], "pytorch"),
        ([(3, 3, 64, 64)], "keras"),
        ([(3, 3, 32, 1)], "keras"),
        ([(32, 1, 3, 3)], "pytorch"),
        ([(32, 3, 3, 1)], "mlx"),
        ([(16, 3, 3, 3)], "pytorch"),  # or three channels last
        ([(16, 3, 3, 3), (32, 3, 3, 16)], "mlx"),
        ([(3, 3, 3, 16), (3, 3, 16, 32)], "keras"),
        ([(3, 3, 3, 3)], "pytorch"),
        ([(192, 128, 1, 7), (3, 3, 16, 32)], "keras"),
        ([(192, 128, 1, 7)], "pytorch"),
        ([(1, 1, 3, 3)], "pytorch"),  # or three filters of 1×1
        ([(3, 3, 5, 5)], "pytorch"),  # or five filters of 3×3
        ([(1, 1, 3, 3), (3, 3, 16, 32)], "keras"),
        ([(1, 1, 64, 64)], "keras"),
        ([(64, 64, 11, 11)], "pytorch"),
        ([(3, 3, 3, 32)], "keras"),  # or three filters of 3×3 with the channels last
        ([], "pytorch"),
    ],
)
def test_the_order_is_recognized_by_the_smallest_square_kernels(shapes: list[tuple[int, ...]], order: str) -> None:
    assert recognize_order(shapes) == order


def test_tensors_of_depthwise_layers_have_an_order_of_their_own_in_files_of_keras() -> None:
    assert order_of("conv_dw_1/depthwise_kernel:0", "keras") == "depthwise"
    assert order_of("conv1/kernel:0", "keras") == "keras"
    assert order_of("depthwise.weight", "pytorch") == "pytorch"


@pytest.mark.parametrize("order", ORDERS)
def test_a_file_in_the_order_of_pytorch_has_the_shapes_of_what_it_reads(tmp_path: Path, order: str) -> None:
    arrays = {"w": FILTERS, "dense": np.arange(6).reshape(2, 3), "bias": np.arange(4)}
    np.savez(tmp_path / "a.npz", **arrays)
    with NpzTensorFile(tmp_path / "a.npz") as file:
        ordered = FiltersFirst(file, order)
        for name in ordered.names:
            assert ordered.info(name).shape == ordered.read(name).shape
        assert ordered.info("dense").shape == ((2, 3) if order in ("pytorch", "mlx") else (3, 2))
        np.testing.assert_array_equal(ordered.read("w"), ORDERS[order].to_filters(FILTERS))
        np.testing.assert_array_equal(ordered.read("bias"), np.arange(4))
