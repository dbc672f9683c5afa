"""Images that are too small for a network, or too large for the memory."""

from __future__ import annotations

import json
from pathlib import Path

from cnnfx.nn import feature_maps as maps_module
from tests.cli.commands import SAMPLES, SEVEN, done, refused

STILL_LIFE = SAMPLES / "still-life.png"


def test_an_image_that_is_too_small_is_refused_with_the_layer_and_the_smallest_size():
    assert refused("apply", SEVEN, "-f", "squeezenet", "-o", "maps.npz") == (
        f"cnnfx: {SEVEN}: layer pool5 of squeezenet: pool max:3, stride 2 does not fit into maps of 2×2 pixels. "
        "The smallest image that squeezenet takes is 31×31."
    )
    assert list(Path().iterdir()) == []


def test_an_image_that_needs_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(maps_module, "memory_limit", lambda: 1_000_000)
    message = refused("apply", STILL_LIFE, "-f", "squeezenet", "--layer", "classes", "-o", "maps.npz")
    assert message.startswith(
        f"cnnfx: {STILL_LIFE}: layer classes of squeezenet: its maps of an image of 512×384 need about "
    )
    assert message.endswith(" MB of memory, and the limit is 1.0 MB. Use a smaller image.")
    assert list(Path().iterdir()) == []


def test_a_local_layer_needs_less_memory_in_bands(monkeypatch):
    monkeypatch.setattr(maps_module, "memory_limit", lambda: 10_000_000)
    done("apply", STILL_LIFE, "-f", "squeezenet", "--layer", "conv1", "-o", "conv1.npz")
    refused("apply", STILL_LIFE, "-f", "squeezenet", "--layer", "classes", "-o", "classes.npz")


def test_the_strongest_channels_of_a_trained_network_are_found():
    command = ("apply", STILL_LIFE, "-f", "squeezenet", "--layer", "fire9")
    (found,) = map(json.loads, done(*command, "--only", "top:5", "--json", "-o", "maps.npz").stdout.splitlines())
    (every,) = map(json.loads, done(*command, "--json", "-o", "all.npz").stdout.splitlines())
    strongest = sorted(every["channels"], key=lambda channel: -channel["max"])[:5]
    assert found["channels"] == strongest
