"""Evidence from Python: classes by name, positions in the photograph, the picture for notebooks."""

from __future__ import annotations

import numpy as np
import pytest

import cnnfx
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from tests.cli.commands import SAMPLES

CHELSEA = SAMPLES / "chelsea.png"


def test_evidence_is_shown_for_named_classes() -> None:
    shown = cnnfx.evidence(CHELSEA, "squeezenet", classes=["lynx", 285])
    assert shown.names == ("lynx", "Egyptian cat")
    assert shown.maps.shape == (2, 13, 13)
    assert shown._repr_png_().startswith(b"\x89PNG")
    assert repr(shown) == (
        "<EvidencePicture squeezenet · evidence for classes · class activation maps of conv10, 13×13: "
        "lynx, Egyptian cat>"
    )


def test_the_position_of_the_evidence_is_that_in_the_photograph() -> None:
    """The score is the brightness, and what is bright is in the part that the network reads."""
    layer = Layer(Conv(np.ones((1, 1, 1, 1)), np.zeros(1)), ("a",), (), Activation(), pool=Pool("mean", None))
    network = Network((layer,), "tiny", input=Input("gray", (20, 20), "crop", 20), classes=("bright",))
    image = np.zeros((1, 40, 80), np.float32)
    image[0, 10:14, 50:54] = 1
    x, y = cnnfx.evidence(image, network).strongest(0)
    assert image[0, y, x] == 1
    assert cnnfx.evidence(np.zeros((1, 40, 80)), network).strongest(0) is None


def test_unknown_classes_are_refused_with_the_closest_name() -> None:
    with pytest.raises(cnnfx.ArgumentError, match=r"has no class 'lynks'\. Did you mean .lynx"):
        cnnfx.evidence(CHELSEA, "squeezenet", classes=["lynks"])
    with pytest.raises(cnnfx.ArgumentError, match=r"squeezenet has no class 1000. It has 1000\."):
        cnnfx.evidence(CHELSEA, "squeezenet", classes=[1000])
