"""Layers and their parts, against values computed by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool

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


def maps_and_blocks(shape: tuple[int, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random float32 maps `(..., H, W)`, and their blocks `(..., H // size, size, W // size, size)`."""
    maps = np.random.default_rng(size).normal(size=shape).astype(np.float32)
    height, width = shape[-2] // size, shape[-1] // size
    return maps, maps[..., : height * size, : width * size].reshape(*shape[:-2], height, size, width, size)


POOLED_SHAPES = [(2, 15, 17), (3, 1, 9, 9), (256, 3, 12, 12), (5, 18, 9)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 9])
@pytest.mark.parametrize("shape", POOLED_SHAPES)
def test_max_pooling_has_the_same_bits_as_numpys_maximum_of_each_block(shape: tuple[int, ...], size: int) -> None:
    maps, blocks = maps_and_blocks(shape, size)
    pooled = Pool("max", size).forward(maps)
    assert pooled.dtype == np.float32
    assert pooled.tobytes() == blocks.max(axis=(-3, -1)).tobytes()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 9])
@pytest.mark.parametrize("shape", POOLED_SHAPES)
def test_mean_pooling_is_numpys_mean_of_each_block_within_rounding(shape: tuple[int, ...], size: int) -> None:
    maps, blocks = maps_and_blocks(shape, size)
    pooled = Pool("mean", size).forward(maps)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, blocks.mean(axis=(-3, -1)), rtol=1e-6, atol=1e-7)


def test_max_pooling_keeps_nan() -> None:
    maps = np.array([[[1, np.nan], [3, 2]]], np.float32)
    assert np.isnan(Pool("max", 2).forward(maps)).all()


@pytest.mark.parametrize("text", ["", "max", "max:", "max:x", "max:0", "max:+2", "max:1_0", "max:٢", "min:2", "2"])
def test_an_invalid_text_of_a_pooling_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^pool .*is not known\. Write max:N or mean:N with N of 1 or more\.$"):
        Pool.parse(text)


def test_a_pooling_is_written_as_it_is_parsed() -> None:
    assert str(Pool.parse("mean: 3")) == "mean:3"


def test_the_shape_of_pooled_maps_is_known_beforehand() -> None:
    assert Pool("max", 2).output_shape((6, 5, 9)) == (6, 2, 4)


def test_pooling_larger_than_the_maps_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^pool max:3 does not fit into maps of 5×2 pixels\.$"):
        Pool("max", 3).output_shape((1, 2, 5))


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^pool min:2 is not known\. Write max:N or mean:N with N of 1 or more\.$"):
        Pool("min", 2)


def test_a_slice_for_all_channels_and_one_for_a_named_channel_add_up() -> None:
    weights = np.array([[[[1.0]], [[10.0]]]])
    conv = Conv(weights, np.zeros(1), inputs=("*", "b"))
    assert conv.weights_on(("a", "b", "c"))[0, :, 0, 0].tolist() == [1, 11, 1]


def test_the_number_of_input_channels_is_unknown_while_inputs_are_names() -> None:
    assert Conv(np.ones((1, 1, 3, 3)), np.zeros(1), inputs=("*",)).in_channels is None
    assert Conv(np.ones((4, 2, 3, 3)), np.zeros(4), groups=2).in_channels == 4


def test_the_shape_of_feature_maps_is_known_beforehand() -> None:
    conv = Conv(np.ones((4, 2, 3, 5)), np.zeros(4), stride=2, padding=1)
    image = np.ones((2, 11, 14))
    assert conv.output_shape((2, 11, 14)) == conv.forward(image).shape == (4, 6, 6)


def test_the_bias_of_each_filter_is_added() -> None:
    conv = Conv(np.zeros((2, 1, 1, 1)), np.array([0.5, -2.0]))
    np.testing.assert_array_equal(conv.forward(np.ones((1, 2, 2)))[:, 0, 0], [0.5, -2])


LAYER = Layer(
    Conv(np.ones((2, 1, 3, 5)), np.array([1.0, -1]), stride=(1, 2), padding=((1, 0), (2, 2)), border="edge", groups=2),
    ("a", "b"),
    (Combination("size", "norm", (0, 1)),),
    Activation("relu"),
    Pool("max", 2),
)


def test_a_layer_comes_back_from_its_description_in_json() -> None:
    data = json.loads(json.dumps(LAYER.to_dict()))
    same = Layer.from_dict(data, LAYER.conv.weights, LAYER.conv.bias)
    assert same.to_dict() == LAYER.to_dict()
    image = np.random.default_rng(3).normal(size=(2, 9, 11))
    np.testing.assert_array_equal(same.forward(image), LAYER.forward(image))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "dense"}, {"filters": "ab"}, {"filters": ["a"]}, {"filters": ["a", 2]}, {"groups": 3},
        {"groups": True},
        {"stride": 0}, {"border": "none"}, {"activation": "tan"}, {"pool": "max:0"},
        {"combine": [{"name": "x", "kind": "norm", "of": [2]}]}, {"combine": [{"name": "x", "kind": "y", "of": [0]}]},
        {"combine": [{"name": "x", "kind": "norm", "of": []}]},
    ],
)  # fmt: skip
def test_a_wrong_description_of_a_layer_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        Layer.from_dict({**LAYER.to_dict(), **change}, LAYER.conv.weights, LAYER.conv.bias)


def test_weights_of_another_number_of_filters_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^2 filters, weights of shape \(3, 1, 3, 5\), biases of \(2,\)$"):
        Layer.from_dict(LAYER.to_dict(), np.ones((3, 1, 3, 5)), LAYER.conv.bias)


def test_avg_is_another_name_of_mean_pooling():
    assert Pool.parse("avg:3") == Pool.parse("average: 3") == Pool("mean", 3)


@pytest.mark.parametrize(
    ("kind", "activation", "expected"),
    [
        ("take", "none", False),
        ("norm", "none", True),
        ("max", "none", False),
        ("sum", "none", False),
        ("mean", "none", False),
        ("difference", "none", False),
        ("take", "relu", True),
        ("difference", "abs", True),
        ("max", "relu", True),
    ],
)
@pytest.mark.parametrize("pool", [None, Pool("mean", 2)])
def test_the_kinds_of_combination_and_activation_say_whether_a_channel_can_be_negative(
    kind: str, activation: str, expected: bool, pool: Pool | None
) -> None:
    combine = (Combination("c", kind, (0, 1)), Combination("d", "take", (1,)))
    conv = Conv(np.ones((2, 1, 1, 1)), np.zeros(2))  # positive weights do not matter
    found = Layer(conv, ("a", "b"), combine, Activation(activation), pool).non_negative()
    assert found == (expected, activation != "none")


def test_a_norm_that_is_too_large_for_the_float_type_is_infinite() -> None:
    combine = (Combination("c", "norm", (0, 1)),)
    conv = Conv(np.ones((2, 1, 1, 1), np.float32), np.zeros(2, np.float32))
    maps = Layer(conv, ("a", "b"), combine).forward(np.array([[[3e38, 3]]], np.float32))
    np.testing.assert_allclose(maps, [[[np.inf, np.sqrt(18)]]])
