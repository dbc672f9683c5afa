"""Files of weights whose architecture is known, or given by a file, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import SAMPLES, done, refused
from tests.formats.tensor_shapes import shapes_of

CHELSEA = SAMPLES / "chelsea.png"


@pytest.fixture
def squeezenet() -> str:
    """A file of SqueezeNet 1.1 with random weights and two classes, trained with several GPUs: names have a prefix."""
    random = np.random.default_rng(3)
    shapes = shapes_of("SqueezeNet 1.1", classes=2)
    arrays = {f"module.{name}": random.normal(0, 0.05, shape) for name, shape in shapes.items()}
    np.savez("tuned.npz", **{name: array.astype(np.float16) for name, array in arrays.items()})
    return "tuned.npz"


def test_a_fine_tuned_network_predicts_numbered_classes(squeezenet):
    printed = json.loads(done("predict", CHELSEA, "-m", squeezenet, "--json").stdout)
    assert {one["class"] for one in printed["top"]} == {"class 0", "class 1"}
    assert sum(one["probability"] for one in printed["top"]) == pytest.approx(1, abs=1e-5)


def test_an_arch_file_names_the_classes_of_a_fine_tuned_network(squeezenet):
    numbered = json.loads(done("predict", CHELSEA, "-m", squeezenet, "--json").stdout)
    Path("pets.toml").write_text(
        'classes = ["cat", "dog"]\n[input]\nchannels = "rgb"\nsize = 224\nfit = "crop"\nresize = 256\n'
        "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n",
        "utf-8",
    )
    named = json.loads(done("predict", CHELSEA, "-m", squeezenet, "--arch", "pets.toml", "--json").stdout)
    names = {"class 0": "cat", "class 1": "dog"}
    assert [(names[one["class"]], one["probability"]) for one in numbered["top"]] == [
        (one["class"], one["probability"]) for one in named["top"]
    ]


def test_the_layers_of_a_known_architecture_have_the_names_of_its_modules(squeezenet):
    printed = json.loads(done("summary", squeezenet, "--json").stdout)
    assert list(dict.fromkeys(step["layer_name"] for step in printed["layers"]))[:5] == [
        "features.0", "features.2", "features.3.squeeze", "features.3.expand1x1", "features.3.expand3x3",
    ]  # fmt: skip
    done("apply", CHELSEA, "-f", squeezenet, "--layer", "features.3", "-o", "maps.npy")
    assert np.load("maps.npy").shape == (128, 74, 112)


def test_by_default_the_last_maps_are_shown(squeezenet):
    done("apply", CHELSEA, "-f", squeezenet, "-o", "maps.npy")
    assert np.load("maps.npy").shape == (2, 18, 28)


def test_an_arch_file_gives_the_layers_of_an_unknown_network():
    weights = np.random.default_rng(4).normal(size=(4, 1, 3, 3)).astype(np.float32)
    np.savez("net.npz", **{"a.kernels": weights, "b.kernels": np.ones((2, 4, 1, 1), np.float32)})
    Path("net.toml").write_text(
        '[[layer]]\nname = "first"\nweights = "a.kernels"\nactivation = "relu"\n[[layer]]\nweights = "b.kernels"\n',
        "utf-8",
    )
    done("apply", SAMPLES / "seven.png", "-f", "net.npz", "--arch", "net.toml", "-o", "maps.npy")
    done("apply", SAMPLES / "seven.png", "-f", "net.npz", "--arch", "net.toml", "--layer", "first", "-o", "first.npy")
    np.testing.assert_allclose(np.load("maps.npy"), [np.load("first.npy").sum(axis=0)] * 2, rtol=1e-5, atol=1e-6)
    Path("net.toml").write_text('[[layer]]\nweights = "c.kernels"\n', "utf-8")
    message = refused("apply", SAMPLES / "seven.png", "-f", "net.npz", "--arch", "net.toml", "-o", "maps.npy")
    assert message == 'cnnfx: net.toml: layer 1, weights: net.npz has no tensor "c.kernels". Did you mean "b.kernels"?'


@pytest.mark.networks
def test_the_file_of_mobilenet_predicts_what_is_in_a_photograph(networks_folder):
    shown = done("predict", CHELSEA, "-m", networks_folder / "mobilenet_v2.pth").stdout
    assert shown.startswith(f"{CHELSEA}: Egyptian cat (71.39 %); or tiger cat (14.59 %), tabby cat (13.22 %)")
