"""The input of a network: its normalization, and checks of its values."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.input import Input


def test_each_channel_is_scaled_and_normalized() -> None:
    given = Input(channels="rgb", scale=255, mean=(100, 110, 120), std=(1, 2, 4))
    image = np.ones((3, 1, 2), np.float32) * np.array([1, 0.5, 0], np.float32)[:, None, None]
    normalized = given.normalize(image)
    assert normalized.dtype == np.float32
    np.testing.assert_allclose(normalized[:, 0, 0], [155, 8.75, -30])
    np.testing.assert_allclose(given.denormalize(normalized), image, atol=1e-7)
    assert given.gradient_factors(np.float64).ravel().tolist() == [255, 127.5, 63.75]
    assert given.normalized_magnitudes(np.array([1, 1, 1])).tolist() == [355, 182.5, 93.75]


def test_without_settings_the_image_is_unchanged() -> None:
    image = np.arange(4).reshape(1, 2, 2)
    assert Input().normalize(image) is image
    assert not Input(mean=(0, 0, 0), std=(1, 1, 1)).normalizes


def test_one_number_is_for_all_channels() -> None:
    assert Input(mean=0.5, std=0.25).normalize(np.ones((4, 1, 1))).ravel().tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": "rbg"}, "channels of the input: 'rbg' is not known. Did you mean \"rgb\"?"),
        ({"fit": "stretch"}, "fit of the input: 'stretch' is not known. Known are squash, crop, digit."),
        ({"size": (0, 5)}, "size of the input: 0; whole numbers from 1 to 32768 are needed"),
        ({"size": (5,)}, "size of the input: height and width are needed"),
        ({"mean": float("inf")}, "mean of the input: inf is not a finite number"),
        ({"std": 0}, "std of the input: a number above 0 is needed"),
        ({"scale": -1}, "scale of the input: a number above 0 is needed"),
        (
            {"channels": "rgb", "mean": (1, 2)},
            "mean of the input: 2 numbers; one number, or one for each channel is needed",
        ),
    ],
)
def test_wrong_values_are_refused(values, message) -> None:
    with pytest.raises(ArgumentError) as error:
        Input(**values)
    assert str(error.value) == message


def test_an_image_with_other_channels_is_refused() -> None:
    with pytest.raises(ArgumentError, match="the input has 1 channels, its normalization is for 3"):
        Input(mean=(1, 2, 3)).normalize(np.ones((1, 2, 2)))
