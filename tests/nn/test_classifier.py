"""The classifier head and softmax."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.activations import softmax
from cnnfx.nn.classifier import Dense


def test_scores_are_weighted_sums_of_all_values_plus_the_bias() -> None:
    head = Dense(np.array([[1.0, 2, 3, 4], [0, 0, 0, 1]]), np.array([0.5, -1]), (1, 2, 2))
    np.testing.assert_array_equal(head.forward(np.array([[[1.0, 1], [1, 10]]])), [46.5, 9])
    assert head.forward(np.zeros((3, 1, 2, 2))).shape == (3, 2)


def test_maps_of_another_shape_are_refused_with_both_shapes() -> None:
    head = Dense(np.zeros((2, 12)), np.zeros(2), (2, 3, 2))
    with pytest.raises(ArgumentError, match="reads 2 maps of 2×3, not 2 maps of 3×2"):
        head.forward(np.zeros((2, 2, 3)))


def test_softmax_gives_probabilities_for_scores_of_any_magnitude() -> None:
    probabilities = softmax(np.array([[1000.0, 1000.0], [0.0, -1000.0]]))
    np.testing.assert_allclose(probabilities, [[0.5, 0.5], [1, 0]])
    np.testing.assert_allclose(softmax(np.zeros((4, 3)), axis=0), np.full((4, 3), 0.25))
