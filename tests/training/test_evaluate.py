"""Accuracy, confusion matrix and misclassified images of five images with given probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.training.evaluate import Evaluation

PROBABILITIES = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.55, 0.45, 0], [0.1, 0.9, 0], [0.3, 0.7, 0]])
RESULT = Evaluation(("a", "b", "c"), np.array([0, 0, 0, 1, 2]), PROBABILITIES)


def test_the_accuracy_is_the_fraction_of_correct_predictions():
    assert RESULT.accuracy == 3 / 5


def test_rows_of_the_confusion_matrix_are_true_classes_and_columns_are_predicted_ones():
    np.testing.assert_array_equal(RESULT.confusion, [[2, 1, 0], [0, 1, 0], [0, 1, 0]])


def test_misclassified_images_are_sorted_by_decreasing_probability():
    assert RESULT.misclassified.tolist() == [1, 4]


def test_confused_pairs_name_the_true_class_first():
    assert RESULT.confused_pairs() == [("a", "b", 1), ("c", "b", 1)]


def test_each_class_has_its_recall_and_precision():
    first, second, third = RESULT.per_class()
    assert first == {"class": "a", "support": 3, "recall": 2 / 3, "precision": 1.0, "f1": pytest.approx(0.8)}
    assert (second["recall"], second["precision"]) == (1.0, 1 / 3)
    assert (third["recall"], third["precision"], third["f1"]) == (0.0, None, 0.0)
