"""Evaluation: accuracy, confusion and mistakes of a few images whose probabilities are written down."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.training.evaluate import Evaluation

PROBABILITIES = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.55, 0.45, 0], [0.1, 0.9, 0], [0.3, 0.7, 0]])
RESULT = Evaluation(("a", "b", "c"), np.array([0, 0, 0, 1, 2]), PROBABILITIES)


def test_the_accuracy_is_the_fraction_that_is_told_rightly():
    assert RESULT.accuracy == 3 / 5


def test_a_row_of_the_confusion_is_a_true_class_and_a_column_what_was_told():
    np.testing.assert_array_equal(RESULT.confusion, [[2, 1, 0], [0, 1, 0], [0, 1, 0]])


def test_mistakes_begin_with_what_the_network_was_most_sure_of():
    assert RESULT.wrong.tolist() == [1, 4]


def test_confused_classes_are_named_with_the_true_one_first():
    assert RESULT.confused() == [("a", "b", 1), ("c", "b", 1)]


def test_each_class_has_its_recall_and_precision():
    first, second, third = RESULT.per_class()
    assert first == {"class": "a", "images": 3, "recall": 2 / 3, "precision": 1.0, "f1": pytest.approx(0.8)}
    assert (second["recall"], second["precision"]) == (1.0, 1 / 3)
    assert (third["recall"], third["precision"], third["f1"]) == (0.0, None, 0.0)
