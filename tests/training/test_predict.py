"""Prediction with networks that were not trained here."""

from __future__ import annotations

import numpy as np
import pytest

import cnnfx
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from tests.cli.commands import SAMPLES


def test_a_preset_predicts_the_five_most_probable_classes_of_a_photograph() -> None:
    found = cnnfx.predict(SAMPLES / "chelsea.png", "squeezenet")
    assert [name for name, _ in found.top[:3]] == ["Egyptian cat", "tiger cat", "tabby cat"]
    assert len(found.top) == 5


def test_scores_that_are_not_finite_are_refused() -> None:
    conv = Conv(np.full((2, 1, 2, 2), 3e38), np.zeros(2))
    layer = Layer(conv, ("a", "b"), (), Activation(), pool=Pool("mean", None))
    network = Network((layer,), "tiny", input=Input("gray", (8, 8)), classes=("a", "b"))
    for function in (cnnfx.predict, cnnfx.evidence):
        with pytest.raises(cnnfx.ArgumentError, match="array: the scores of tiny are not finite"):
            function(np.ones((1, 8, 8), np.float32), network)
