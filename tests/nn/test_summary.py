"""Summaries of networks."""

from __future__ import annotations

import cnnfx
from cnnfx.nn.summary import Step, summarize


def test_a_summary_lists_filters_and_combinations() -> None:
    steps = summarize(cnnfx.load_network("sobel"), (1, 28, 20))
    assert steps == [
        Step("2 filters of 3×3", (2, 26, 18), 20, 20, "2 × 1 × 3 × 3 + 2 = 20"),
        Step("3 channels combined", (3, 26, 18)),
    ]


def test_a_classifier_head_that_training_will_add_is_counted() -> None:
    steps = summarize(cnnfx.load_network("edges"), (1, 5, 4), classes=7)
    assert steps[-1] == Step("dense, 7 classes", (7,), 175, 175, "7 × (4 × 2 × 3) + 7 = 175")
