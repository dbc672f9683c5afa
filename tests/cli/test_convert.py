"""`cnnfx convert`: networks written for other programs, and as filter files to edit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import cnnfx
from cnnfx.formats import load_network
from cnnfx.formats.image_channels import image_channels
from tests.cli.commands import SEVEN, done, on_a_terminal, refused, run, shell

ENDINGS = ("npz", "safetensors", "onnx", "toml")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_is_written_and_used_like_the_original(ending, model):
    result = done("convert", model, f"a.{ending}")
    lines = result.stderr.splitlines()
    note = " The state of the training run is not in it." if ending == "npz" else ""
    assert lines == [f"a.{ending}: 2 layers and a head of 10 classes, 3826 parameters.{note}"]
    predicted = [json.loads(done("predict", SEVEN, "-m", name, "--json").stdout) for name in (model, f"a.{ending}")]
    assert [one["class"] for one in predicted] == ["7", "7"]
    assert predicted[0]["probability"] == pytest.approx(predicted[1]["probability"], abs=1e-5)
    arrays = []
    for name in (model, f"a.{ending}"):
        done("apply", SEVEN, "-f", name, "--layer", "2", "-q", "-o", "maps.npy")
        arrays.append(np.load("maps.npy"))
    np.testing.assert_allclose(*arrays, 1e-5, 1e-6)


def test_the_first_layer_of_an_onnx_model_becomes_a_filter_file_that_can_be_edited():
    done("convert", "squeezenet", "net.onnx", "-q")
    done("convert", "net.onnx", "first.toml", "--layer", "conv1")
    text = Path("first.toml").read_text()
    assert '[[layer]]\nname = "conv1"\nstride = 2\nactivation = "relu"\n' in text
    assert text.count("[[layer.filter]]") == 64
    image = np.random.default_rng(1).random((3, 40, 50)).astype(np.float32)
    own, first = load_network("squeezenet"), load_network("first.toml")
    np.testing.assert_array_equal(first.feature_maps(image)[0], own.feature_maps(image)[0])
    Path("first.toml").write_text(text.replace("stride = 2", "stride = 1").replace('name = "conv1"', 'name = "mine"'))
    assert load_network("first.toml").layers[0].conv.window.stride == (1, 1)


@pytest.mark.parametrize(
    ("layer", "names"), [("fire2", ["conv1", "fire2/squeeze", "fire2/expand1x1"]), ("1", ["conv1"])]
)
def test_a_layer_is_written_with_those_that_it_needs(layer, names):
    done("convert", "squeezenet", "part.npz", "--layer", layer if layer == "1" else "fire2/expand1x1", "-q")
    layers = [each.name for each in load_network("part.npz").layers]
    assert (layers[:1], layers[-1]) == (names[:1], names[-1])
    assert "fire2/expand3x3" not in layers


def test_a_layer_of_a_model_is_written_without_the_head(model):
    done("convert", model, "part.npz", "--layer", "2", "-q")
    network = load_network("part.npz")
    assert (len(network.layers), network.head, network.classes) == (2, None, ())


def test_json_describes_what_was_written(model):
    result = done("convert", model, "a.onnx", "--json")
    assert json.loads(result.stdout) == {
        "network": "small", "output": "a.onnx", "format": "onnx", "layers": 2, "parameters": 3826, "classes": 10,
    }  # fmt: skip
    assert result.stderr == ""


@pytest.mark.parametrize("ending", ["npz", "onnx"])
def test_a_network_is_written_to_a_pipe(ending):
    result = shell(f"cnnfx convert sobel - --format {ending} > piped.bin")
    assert (result.returncode, result.stderr) == (0, b"")
    cnnfx.save_network(load_network("sobel"), f"a.{ending}")
    assert (
        Path("piped.bin").stat().st_size >= Path(f"a.{ending}").stat().st_size
    )  # zip files that cannot seek are longer
    network = load_network(Path("piped.bin").rename(f"b.{ending}"))
    assert network.layers[0].channel_names == ("x", "y", "magnitude")


def test_a_terminal_shows_a_filter_file_and_nothing_binary():
    code, text = on_a_terminal("convert", "edges", "-", "--format", "toml")
    assert code == 0
    assert 'name = "top"' in text
    code, text = on_a_terminal("convert", "edges", "-", "--format", "npz")
    assert code == 2
    message = (
        "Binary data is not written to a terminal. Give the name of a file, or send the output into a pipe or file."
    )
    assert message in " ".join(text.split())


def test_the_format_can_be_given_for_a_name_without_ending():
    done("convert", "edges", "edges", "--format", "onnx", "-q")
    onnx.checker.check_model(onnx.load("edges"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("edges", "a.txt"), "a.txt: networks are written as .npz, .safetensors, .onnx, .toml."),
        (("edges", "a"), "a: networks are written as .npz, .safetensors, .onnx, .toml."),
        (("edges", "a", "--format", "png"), "--format png: networks are written as .npz, .safetensors, .onnx, .toml."),
        (("edges", "a.npz", "--format", "onnx"), "a.npz ends in .npz, but --format is onnx. Give one of the two."),
        (("edges", "-"), "Standard output has no ending that determines the format. Give --format, such as onnx."),
        (("edges", "folder"), "folder is a folder. A network is one file: give the name of a file in it."),
        (("edges", ""), "The name of the output is empty."),
        (
            ("edges", "-", "--format", "toml", "--json"),
            "--json and the network cannot both go to standard output. Give the name of a file.",
        ),
        (("squeezenet", "a.npz", "--layer", "conv99"), "There is no layer 'conv99': squeezenet has 38 layers. Did you"),
    ],
)
def test_wrong_usage_is_refused(args, message):
    Path("folder").mkdir()
    assert refused("convert", *args, code=2).startswith(f"cnnfx: {message}")
    assert [path.name for path in Path().iterdir()] == ["folder"]


def test_a_network_that_is_too_large_for_a_filter_file_is_refused():
    assert refused("convert", "squeezenet", "a.toml") == (
        "cnnfx: a.toml: squeezenet has 1,231,552 weights, too many for a filter file, which has at most 10 MB of text. "
        "Write fewer layers, or a model (.npz). --layer names the last layer to write."
    )
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("output", "given"), [("a.npz", "a.npz"), ("link.npz", "a.npz"), ("tensors.npz", "own.toml")])
def test_an_output_that_is_an_input_is_refused(output, given, model):
    shutil.copy(model, "a.npz")
    Path("link.npz").symlink_to("a.npz")
    np.savez("tensors.npz", w=np.ones((1, 1, 2, 2), np.float32))
    Path("own.toml").write_text('tensors = "tensors.npz"\nweights = "w"\n')
    before = Path(output).read_bytes()
    message = refused("convert", given, output, code=2)
    assert message.startswith(f"cnnfx: {output}: the output (OUTPUT) is also an input (SPEC")
    assert Path(output).read_bytes() == before


def test_the_arch_file_is_an_input():
    np.savez("weights.npz", w=np.ones((1, 1, 2, 2), np.float32))
    Path("arch.toml").write_text('weights = "w"\n')
    done("convert", "weights.npz", "a.onnx", "--arch", "arch.toml", "-q")
    message = refused("convert", "weights.npz", "arch.toml", "--arch", "arch.toml", code=2)
    assert message.startswith("cnnfx: arch.toml: the output (OUTPUT) is also an input (--arch)")


def test_an_existing_file_is_replaced_only_by_a_complete_one():
    Path("a.toml").write_text("old")
    refused("convert", "squeezenet", "a.toml")
    assert Path("a.toml").read_text() == "old"
    done("convert", "edges", "a.toml", "-q")
    assert load_network("a.toml").name == "edges"


def test_a_folder_that_does_not_exist_is_named_before_the_network_is_read():
    message = refused("convert", "squeezenet", "none/a.npz")
    assert message == (
        "cnnfx: none/a.npz: it cannot be written: its folder does not exist. Create it, or choose another with OUTPUT."
    )


def test_an_order_that_has_no_effect_is_reported():
    assert done("convert", "sobel", "a.onnx", "--order", "keras").stderr.splitlines()[0] == (
        "cnnfx: --order has no effect on presets, filter files and models of cnnfx, only on files of other programs."
    )


def test_a_damaged_model_is_refused_and_nothing_is_written(model):
    Path("bad.npz").write_bytes(Path(model).read_bytes()[:-100])
    assert refused("convert", "bad.npz", "a.onnx").startswith("cnnfx: bad.npz: ")
    assert not Path("a.onnx").exists()


def test_a_missing_model_is_named():
    assert refused("convert", "model.npz", "a.onnx") == (
        "cnnfx: There is no model.npz in this folder. Train one with cnnfx train, or name another model."
    )


def test_quiet_prints_nothing():
    result = run("convert", "edges", "a.npz", "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("preset", ["sobel", "colors"])
def test_presets_are_written_for_gray_images_or_for_colors(preset):
    done("convert", preset, "a.onnx", "-q")
    shape = onnx.load("a.onnx").graph.input[0].type.tensor_type.shape
    assert shape.dim[1].dim_value == len(image_channels(load_network(preset))) == (3 if preset == "colors" else 1)
