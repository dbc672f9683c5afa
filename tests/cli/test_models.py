"""Trained models as filters of `show-filters` and `apply`."""

from __future__ import annotations

import json
import os

import numpy as np
import PIL.Image

import cnnfx
from tests.cli.commands import SAMPLES, SEVEN, done, refused


def test_all_trained_layers_are_shown(model):
    text = done("show-filters", model).stdout
    assert "layer 1: 6 filters of 5×5\n" in text
    assert "layer 2: 12 filters of 3×3, one row each; one column for each of 6 input channels\n" in text


def test_one_layer_is_shown_before_training(model):
    before, after = (
        json.loads(done("show-filters", model, "--layer", "1", "--json", *more).stdout) for more in (("--before",), ())
    )
    with np.load(model) as content:
        start, learned = content["start.layers.0.weight"], content["layers.0.weight"]
    np.testing.assert_array_equal(np.array([one["weights"] for one in before["filters"]], "f4"), start)
    np.testing.assert_array_equal(np.array([one["weights"] for one in after["filters"]], "f4"), learned)


def test_a_preset_has_no_before():
    assert refused("show-filters", "edges", "--before", code=2) == (
        "cnnfx: edges has not been trained: --before is for models written by cnnfx train."
    )


def test_trained_filters_are_drawn_as_a_picture(model):
    done("show-filters", model, "-o", "filters.png")
    with PIL.Image.open("filters.png") as picture:
        assert picture.height > picture.width / 4


def test_a_model_is_applied_to_an_image_of_any_size(model):
    done("apply", SAMPLES / "still-life.png", "--filters", model, "--layer", "1", "-o", "maps.npz")
    image = cnnfx.load_image(SAMPLES / "still-life.png", channels="gray")
    with np.load(model) as content:
        meta = json.loads(str(content["meta"]))
        weights, bias = content["layers.0.weight"], content["layers.0.bias"]
    (mean,), (std,) = (np.float32(meta["preprocessing"][name]) for name in ("mean", "std"))
    seen = (image.floats() - mean) / std
    maps = np.maximum(cnnfx.correlate(seen, weights, bias), 0)
    count, height, width = maps.shape
    blocks = maps[:, : height // 2 * 2, : width // 2 * 2].reshape(count, height // 2, 2, width // 2, 2)
    with np.load("maps.npz") as written:
        np.testing.assert_allclose(written["maps"], blocks.max(axis=(2, 4)), rtol=1e-4, atol=1e-4)


def test_a_model_that_normalizes_its_input_cannot_be_an_upper_layer(model):
    assert refused("apply", SAMPLES / "seven.png", "-f", "edges", "--then", model, code=2).startswith(
        "cnnfx: small normalizes its input"
    )


def test_the_output_of_a_model_is_named_after_its_file(model):
    done("apply", SEVEN, "-f", model)
    assert os.path.exists("seven.small.png")
    assert refused("apply", SEVEN, "-f", model, "--layer", "3", code=2) == (
        "cnnfx: There is no layer 3: small has 2 layers."
    )
