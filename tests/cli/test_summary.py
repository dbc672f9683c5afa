"""`cnnfx summary`: layers, shapes and parameters of models, presets and arch files."""

from __future__ import annotations

import json

from tests.cli.commands import done, refused

ARCH = """
[[layer]]
filters = 16
size = 5
activation = "relu"
pool = "max:2"
[[layer]]
filters = 32
size = [3, 5]
stride = 2
padding = "same"
"""


def test_a_model_is_listed_with_the_calculation_of_its_parameters(model):
    lines = done("summary", model).stdout.splitlines()
    assert lines[0].startswith(f"{model}: trained on drawn:6000, 3 epochs, test accuracy ")
    assert lines[1:] == [
        "input: 1 channel of 28×28",
        "",
        "layer              output           parameters  calculation",
        "6 filters of 5×5   6 maps of 24×24         156  6 × 1 × 5 × 5 + 6 = 156",
        "ReLU               6 maps of 24×24",
        "max-pool 2×2       6 maps of 12×12",
        "12 filters of 5×5  12 maps of 8×8         1812  12 × 6 × 5 × 5 + 12 = 1812",
        "ReLU               12 maps of 8×8",
        "max-pool 2×2       12 maps of 4×4",
        "dense, 10 classes  10                     1930  10 × (12 × 4 × 4) + 10 = 1930",
        "total                                     3898",
    ]


def test_a_model_on_a_larger_input_shows_the_layer_that_does_not_fit(model):
    lines = done("summary", model, "--input", "1x64x48").stdout.splitlines()
    assert lines[9] == "max-pool 2×2       12 maps of 13×9"
    assert lines[10].endswith("10 × (12 × 4 × 4) + 10 = 1930; it takes 12 maps of 4×4, not 12 maps of 13×9")
    assert "does not fit" in lines[10]


def test_a_preset_accepts_any_input():
    text = done("summary", "sobel", "--input", "3x640x480").stdout
    assert "2 filters of 3×3     2 maps of 638×478          56  2 × 3 × 3 × 3 + 2 = 56\n" in text
    assert "3 channels combined  3 maps of 638×478\n" in text


def test_an_arch_file_gets_the_dense_layer_of_training():
    with open("arch.toml", "w") as file:
        file.write(ARCH)
    printed = json.loads(done("summary", "arch.toml", "--classes", "26", "--json").stdout)
    assert [layer["name"] for layer in printed["layers"]] == [
        "16 filters of 5×5", "ReLU", "max-pool 2×2", "32 filters of 5×3, stride 2, padding same", "dense, 26 classes",
    ]  # fmt: skip
    assert [layer["output"] for layer in printed["layers"]] == [
        {"channels": channels, "width": side, "height": side}
        for channels, side in [(16, 24), (16, 24), (16, 12), (32, 6), (26, 1)]
    ]
    assert printed["layers"][3]["sum"] == "32 × 16 × 5 × 3 + 32 = 7712"
    assert printed["parameters"] == printed["trainable"] == 416 + 7712 + 26 * 32 * 36 + 26


def test_fixed_filters_are_not_counted_as_trainable():
    with open("arch.toml", "w") as file:
        file.write(
            '[[layer]]\nfilters = 1\nsize = 3\n[[layer.filter]]\nname = "a"\nlearn = false\n'
            "weights = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]\n"
        )
    text = done("summary", "arch.toml").stdout
    assert "2 × 1 × 3 × 3 + 2 = 20; 1 of 2 filters held fixed\n" in text
    assert text.endswith("\n13540 of them are trainable\n")
    done("train", "--arch", "arch.toml", "--data", "drawn:300", "--epochs", "1")
    assert done("summary", "model.npz").stdout.endswith("\n13540 of them are trainable\n")


def test_an_input_that_is_too_small_is_reported_with_the_layer(model):
    assert refused("summary", model, "--input", "1x8x8").startswith(
        "cnnfx: layer 2 of small: kernel of 5×5 is larger than the image of 2×2"
    )


def test_an_invalid_input_is_wrong_usage():
    assert refused("summary", "edges", "--input", "28", code=2).startswith(
        "cnnfx: Invalid value for '--input': '28' is not CHANNELSxWIDTHxHEIGHT, such as 3x640x480, nor WIDTHxHEIGHT.\n"
    )
