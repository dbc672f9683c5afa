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
        "layer              output            parameters  calculation",
        "6 filters of 5×5   6 maps of 24×24          156  6 × 1 × 5 × 5 + 6 = 156",
        "ReLU               6 maps of 24×24",
        "max-pool 2×2       6 maps of 12×12",
        "12 filters of 3×3  12 maps of 10×10         660  12 × 6 × 3 × 3 + 12 = 660",
        "ReLU               12 maps of 10×10",
        "max-pool 2×2       12 maps of 5×5",
        "dense, 10 classes  10                      3010  10 × (12 × 5 × 5) + 10 = 3010",
        "total                                      3826",
    ]


def test_a_model_on_a_larger_input_shows_the_layer_that_does_not_fit(model):
    lines = done("summary", model, "--input", "1x64x48").stdout.splitlines()
    assert lines[9] == "max-pool 2×2       12 maps of 14×10"
    assert lines[10].endswith("10 × (12 × 5 × 5) + 10 = 3010; it takes 12 maps of 5×5, not 12 maps of 14×10")
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


def test_an_arch_of_cnnfx_is_found_by_its_name():
    text = done("summary", "color.toml", "--input", "3x32x32", "--classes", "8").stdout
    assert text.startswith("color.toml: ")
    assert "24 × 3 × 5 × 5 + 24 = 1824\n" in text


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
        "cnnfx: layer 2 of small: kernel of 3×3 is larger than the image of 2×2"
    )


def test_an_invalid_input_is_wrong_usage():
    assert refused("summary", "edges", "--input", "28", code=2).startswith(
        "cnnfx: Invalid value for '--input': '28' is not CHANNELSxWIDTHxHEIGHT, such as 3x640x480, nor WIDTHxHEIGHT.\n"
    )


def test_a_graph_is_listed_by_the_names_of_its_layers_and_what_they_read():
    lines = done("summary", "squeezenet").stdout.splitlines()
    assert lines[1:7] == [
        "input: 3 channels of 227×227",
        "",
        "layer            output              parameters  steps",
        "conv1            64 maps of 113×113        1792  64 filters of 3×3, stride 2, ReLU",
        "pool1            64 maps of 56×56                max-pool 3×3, stride 2",
        "fire2/squeeze    16 maps of 56×56          1040  16 filters of 1×1, ReLU",
    ]
    assert lines[8:10] == [
        "fire2/expand3x3  64 maps of 56×56          9280  64 filters of 3×3, padding 1, ReLU ← fire2/squeeze",
        "fire2            128 maps of 56×56               concat of fire2/expand1x1, fire2/expand3x3",
    ]
    assert lines[-2:] == [
        "classes          1000 maps of 1×1                mean of each map",
        "total                                   1235496",
    ]


def test_json_names_layers_and_what_they_read():
    printed = json.loads(done("summary", "squeezenet", "--input", "3x500x375", "--json").stdout)
    assert printed["parameters"] == printed["trainable"] == 1_235_496
    (fire,) = [layer for layer in printed["layers"] if layer["layer_name"] == "fire9"]
    assert fire == {
        "name": "concat of fire9/expand1x1, fire9/expand3x3",
        "output": {"channels": 512, "width": 30, "height": 22},
        "parameters": 0,
        "trainable": 0,
        "sum": "",
        "layer": 36,
        "layer_name": "fire9",
        "from": ["fire9/expand1x1", "fire9/expand3x3"],
    }
    assert printed["layers"][0]["from"] == ["input"]
    assert [layer["name"] for layer in printed["layers"][:3]] == [
        "64 filters of 3×3, stride 2", "ReLU", "max-pool 3×3, stride 2",
    ]  # fmt: skip


def test_a_network_that_reads_colors_has_a_color_input():
    lines = done("summary", "colors").stdout.splitlines()
    assert lines[1] == "input: 3 channels of 28×28"
    assert "6 filters of 3×3, padding same" in lines[4]


def test_an_image_that_is_too_small_for_a_graph_is_refused_with_the_smallest_size():
    assert refused("summary", "squeezenet", "--input", "3x30x40") == (
        "cnnfx: layer pool5 of squeezenet: pool max:3, stride 2 does not fit into maps of 2×4 pixels. "
        "The smallest image that squeezenet takes is 31×31."
    )


def test_an_image_with_other_channels_is_refused_with_the_layer():
    assert refused("summary", "squeezenet", "--input", "1x227x227").startswith(
        "cnnfx: layer conv1 of squeezenet: its filters have 3 input channels, its input has 1 (gray)"
    )
