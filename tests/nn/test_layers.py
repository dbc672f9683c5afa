"""The parts of a layer, each against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Activation, Combination, Conv, Pool

MAPS = np.array([[[3.0, -4.0], [0.0, 1.0]], [[4.0, 3.0], [0.0, -1.0]], [[1.0, 1.0], [2.0, 2.0]]])


@pytest.mark.parametrize(
    ("kind", "of", "expected"),
    [
        ("take", (1,), [[4, 3], [0, -1]]),
        ("norm", (0, 1), [[5, 5], [0, np.sqrt(2)]]),
        ("max", (0, 1, 2), [[4, 3], [2, 2]]),
        ("sum", (0, 1, 2), [[8, 0], [2, 2]]),
        ("mean", (0, 1), [[3.5, -0.5], [0, 0]]),
        ("difference", (0, 1, 2), [[-2, -8], [-2, 0]]),
    ],
)
def test_a_combination_makes_one_channel_from_others(kind: str, of: tuple[int, ...], expected: object) -> None:
    np.testing.assert_allclose(Combination("c", kind, of).forward(MAPS), expected)


def test_a_combination_of_a_batch_combines_each_image() -> None:
    batch = np.stack([MAPS, 2 * MAPS])
    result = Combination("c", "norm", (0, 1)).forward(batch)
    np.testing.assert_allclose(result[1], 2 * result[0])


@pytest.mark.parametrize(
    ("kind", "expected"), [("none", [[3, -4], [0, 1]]), ("relu", [[3, 0], [0, 1]]), ("abs", [[3, 4], [0, 1]])]
)
def test_an_activation_changes_each_value(kind: str, expected: object) -> None:
    np.testing.assert_array_equal(Activation(kind).forward(MAPS)[0], expected)


@pytest.mark.parametrize(("kind", "expected"), [("max", [[5, 7]]), ("mean", [[2.5, 4.5]])])
def test_pooling_takes_whole_blocks_and_drops_the_rest(kind: str, expected: object) -> None:
    image = np.array([[[0.0, 1, 2, 3, 9], [4, 5, 6, 7, 9], [9, 9, 9, 9, 9]]])
    np.testing.assert_array_equal(Pool(kind, 2).forward(image)[0], expected)


def test_pooling_tells_the_shape_it_gives() -> None:
    assert Pool("max", 2).output_shape((6, 5, 9)) == (6, 2, 4)


def test_pooling_larger_than_the_maps_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^pool max:3 does not fit into maps of 5×2 pixels\.$"):
        Pool("max", 3).output_shape((1, 2, 5))


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^pool min:2 is not known\. Write max:N or mean:N with N of 1 or more\.$"):
        Pool("min", 2)


def test_a_slice_for_every_channel_and_one_for_a_named_channel_add_up() -> None:
    weights = np.array([[[[1.0]], [[10.0]]]])
    conv = Conv(weights, np.zeros(1), inputs=("*", "b"))
    assert conv.scatter(("a", "b", "c"))[0, :, 0, 0].tolist() == [1, 11, 1]


def test_a_conv_has_no_depth_until_its_inputs_are_known() -> None:
    assert Conv(np.ones((1, 1, 3, 3)), np.zeros(1), inputs=("*",)).depth is None
    assert Conv(np.ones((4, 2, 3, 3)), np.zeros(4), groups=2).depth == 4


def test_a_conv_tells_the_shape_it_gives() -> None:
    conv = Conv(np.ones((4, 2, 3, 5)), np.zeros(4), stride=2, padding=1)
    image = np.ones((2, 11, 14))
    assert conv.output_shape((2, 11, 14)) == conv.forward(image).shape == (4, 6, 6)


def test_a_conv_adds_each_filters_bias() -> None:
    conv = Conv(np.zeros((2, 1, 1, 1)), np.array([0.5, -2.0]))
    np.testing.assert_array_equal(conv.forward(np.ones((1, 2, 2)))[:, 0, 0], [0.5, -2])
