"""Summaries of networks."""

from __future__ import annotations

import cnnfx
from cnnfx.nn.layers import Activation, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.summary import Step, summarize
from tests.nn.graphs import conv, numbers


def test_a_summary_lists_filters_and_combinations() -> None:
    steps = summarize(cnnfx.load_network("sobel"), (1, 28, 20))
    assert steps == [
        Step("2 filters of 3×3", (2, 26, 18), 20, 20, "2 × 1 × 3 × 3 + 2 = 20", 1),
        Step("3 channels combined", (3, 26, 18), layer=1),
    ]


def test_a_classifier_head_that_training_will_add_is_counted() -> None:
    steps = summarize(cnnfx.load_network("edges"), (1, 5, 4), classes=7)
    assert steps[-1] == Step("dense, 7 classes", (7,), 175, 175, "7 × (4 × 2 × 3) + 7 = 175")


def test_every_step_of_a_layer_is_listed() -> None:
    layers = (
        Layer(
            conv(4, 2, (3, 5), padding=((1, 1), (2, 2)), dilation=2, groups=2),
            numbers(4),
            (),
            Activation("prelu", (0.1, 0.2, 0.3, 0.4)),
            Pool("mean", 3, 2, 1, ceil=True),
            LocalResponse(3),
            "first",
        ),
        Layer(sources=("first", "first"), join="multiply", activation=Activation("hard_swish"), name="second"),
        Layer(sources=("first",), name="same"),
        Layer(pool=Pool("max", None), name="last"),
    )
    steps = summarize(Network(layers), (4, 20, 30))
    assert [(step.layer, step.name, step.output, step.parameters) for step in steps] == [
        (1, "4 filters of 5×3, dilation 2, padding 1,2, 2 groups", (4, 18, 26), 124),
        (1, "PReLU", (4, 18, 26), 4),
        (1, "local response over 3 channels", (4, 18, 26), 0),
        (1, "mean-pool 3×3, stride 2, padding 1, ceil", (4, 10, 14), 0),
        (2, "multiply of first, first", (4, 10, 14), 0),
        (2, "hard swish", (4, 10, 14), 0),
        (3, "channels of first", (4, 10, 14), 0),
        (4, "max of each map", (4, 1, 1), 0),
    ]
