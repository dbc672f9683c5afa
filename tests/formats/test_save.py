"""Networks that are written and read back: the same parts, the same results, and no file where something is wrong."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats import load_network, preset_names
from cnnfx.formats.image_channels import image_channels
from cnnfx.formats.save import WRITERS
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.pooling import Pool
from tests.formats.saved_networks import NETWORKS, conv, floats, images_for, names, one_layer, results


def saved(network: Network, path) -> Network:
    cnnfx.save_network(network, path)
    return load_network(path)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ending", WRITERS)
def test_a_network_that_is_read_back_computes_the_same(ending, name, tmp_path) -> None:
    network = NETWORKS[name]
    images = images_for(network)
    again = saved(network, tmp_path / f"a.{ending}")
    np.testing.assert_allclose(results(again, images), results(network, images), 1e-5, 1e-6)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ending", [ending for ending in WRITERS if ending != "toml"])
def test_names_classes_and_the_input_are_read_back(ending, name, tmp_path) -> None:
    network = NETWORKS[name]
    again = saved(network, tmp_path / f"a.{ending}")
    for part in ("name", "description", "source", "classes", "meta"):
        assert getattr(again, part) == getattr(network, part)
    for layer, own in zip(again.layers, network.layers, strict=True):
        assert (layer.name, layer.sources, layer.join) == (own.name, own.sources, own.join)
        assert layer.channel_names == own.channel_names
    assert replace(again.input, channels=network.input.channels) == network.input


PRESETS = [name for name in preset_names() if name != "squeezenet"]
LARGE = ("circles", "squares", "faces", "textures")  # with many numbers, which take TOML's parser seconds


@pytest.mark.parametrize(
    ("ending", "preset"), [(e, p) for e in WRITERS for p in PRESETS if e != "toml" or p not in LARGE]
)
def test_every_preset_is_read_back_exactly(ending, preset, tmp_path) -> None:
    network = load_network(preset)
    again = saved(network, tmp_path / f"a.{ending}")
    side = 90 if preset == "faces" else 24
    channels = image_channels(network)
    image = np.random.default_rng(3).random((len(channels), side, side + 3)).astype(np.float32)
    maps, expected = again.feature_maps(image, channels)[-1], network.feature_maps(image, channels)[-1]
    np.testing.assert_array_equal(maps, expected)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_the_weights_before_training_are_kept(ending, tmp_path) -> None:
    network = NETWORKS["model"]
    again = saved(network, tmp_path / f"a.{ending}")
    images = images_for(network)
    np.testing.assert_array_equal(again.start.scores(images), network.start.scores(images))
    assert not np.array_equal(again.start.scores(images), again.scores(images))


@pytest.mark.parametrize("ending", ["onnx", "toml"])
def test_other_formats_have_no_weights_before_training(ending, tmp_path) -> None:
    assert saved(NETWORKS["model"], tmp_path / f"a.{ending}").start is None


def test_a_network_without_a_name_is_named_by_its_file(tmp_path) -> None:
    network = replace(NETWORKS["relu"], name="network")
    for ending in ("npz", "safetensors", "onnx"):
        assert saved(network, tmp_path / f"mine.{ending}").name == "mine"


def test_the_same_network_gives_the_same_bytes(tmp_path) -> None:
    for ending in WRITERS:
        for name in ("a", "b"):
            cnnfx.save_network(NETWORKS["graph"], tmp_path / f"{name}.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize("name", ["a.txt", "a", "npz", "a.npz.gz"])
def test_other_endings_are_refused(name, tmp_path) -> None:
    with pytest.raises(ArgumentError) as caught:
        cnnfx.save_network(NETWORKS["relu"], tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: networks are written as .npz, .safetensors, .onnx, .toml."
    assert not list(tmp_path.iterdir())


def test_an_ending_in_upper_case_is_the_same(tmp_path) -> None:
    cnnfx.save_network(NETWORKS["relu"], tmp_path / "a.TOML")
    assert load_network(tmp_path / "a.TOML").name == "net"


@pytest.mark.parametrize("library", ["safetensors", "onnx"])
def test_a_missing_library_is_named_with_the_command_that_installs_it(library, tmp_path, monkeypatch) -> None:
    for module in (library, f"{library}.numpy"):
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / f"a.{library}"
    path.write_text("old")
    with pytest.raises(FileError, match=rf"^writing an? .* file: this needs .*pip install 'cnnfx\[{library}\]'\.$"):
        cnnfx.save_network(NETWORKS["relu"], path)
    assert path.read_text() == "old"


def test_an_existing_file_stays_unchanged_if_the_format_cannot_hold_the_network(tmp_path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("old")
    with pytest.raises(ArgumentError, match=f"^{path}: a filter file cannot hold this network: "):
        cnnfx.save_network(one_layer(Layer(conv(2, 1, 1, 1), ("same", "same"))), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (("*",), ("gray",)),
        (("red", "blue"), ("red", "green", "blue")),
        (("gray",), ("gray",)),
        (("0", "3"), ("0", "1", "2", "3")),
    ],
)
def test_filters_that_read_channels_by_name_are_written_for_images_that_have_them(inputs, expected) -> None:
    layer = Layer(Conv(floats(1, len(inputs), 1, 1), floats(1), inputs=inputs), ("a",))
    assert image_channels(one_layer(layer)) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(1, ("gray",)), (3, ("red", "green", "blue")), (4, ("0", "1", "2", "3"))]
)
def test_filters_of_deeper_layers_show_the_channels_of_an_image_that_is_pooled_first(count, expected) -> None:
    network = Network((Layer(pool=Pool("max", 2)), Layer(conv(2, count, 1, 1), names(2))))
    assert image_channels(network) == expected


def test_the_normalization_shows_the_channels_of_the_image() -> None:
    layer = Layer(Conv(floats(1, 1, 1, 1), floats(1), inputs=("*",)), ("a",))
    assert image_channels(one_layer(layer, input=Input(mean=(0.1, 0.2, 0.3)))) == ("red", "green", "blue")


@pytest.mark.parametrize("ending", ["npz", "safetensors", "onnx"])
def test_filters_that_read_channels_that_no_image_has_are_refused(ending, tmp_path) -> None:
    layer = Layer(Conv(floats(1, 1, 1, 1), floats(1), inputs=("depth",)), ("a",))
    with pytest.raises(ArgumentError, match="its filters read a channel 'depth', its input has 1 \\(gray\\)"):
        cnnfx.save_network(one_layer(layer), tmp_path / f"a.{ending}")


@pytest.mark.parametrize("ending", ["npz", "safetensors", "onnx"])
def test_a_description_that_is_too_long_to_be_read_is_refused(ending, tmp_path) -> None:
    network = replace(NETWORKS["relu"], meta={"notes": "x" * 1_000_001})
    with pytest.raises(ArgumentError, match=r"it has 4,00\d,\d+ bytes in its description; the limit is 4,000,000"):
        cnnfx.save_network(network, tmp_path / f"a.{ending}")


@pytest.mark.parametrize("ending", ["npz", "safetensors", "onnx"])
@pytest.mark.parametrize("value", [1e300, np.inf])
def test_numbers_that_float32_cannot_hold_are_refused(ending, value, tmp_path) -> None:
    network = one_layer(Layer(Conv(np.full((1, 1, 1, 1), 0.5), np.array([value])), ("a",)))
    with pytest.raises(ArgumentError, match=r"the array layers\.0\.bias has values that are not finite in float32"):
        cnnfx.save_network(network, tmp_path / f"a.{ending}")
    assert not list(tmp_path.iterdir())


def test_a_safetensors_file_whose_length_begins_as_a_pickle_is_recognized(tmp_path) -> None:
    path = tmp_path / "a.safetensors"
    cnnfx.save_network(NETWORKS["relu"], path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    padded = next(size for size in range(length, 2 * length) if size % 256 == 0x80 and size // 256 % 256 in range(2, 6))
    path.write_bytes(padded.to_bytes(8, "little") + data[8 : 8 + length].ljust(padded) + data[8 + length :])
    assert load_network(path).name == "net"


def test_an_array_that_is_too_large_to_be_read_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("cnnfx.formats.model.MAX_ARRAY_BYTES", 20)
    with pytest.raises(ArgumentError, match=r"it has 24 bytes in the array layers\.0\.weight; the limit is 20$"):
        cnnfx.save_network(one_layer(Layer(conv(1, 1, 2, 3), ("a",))), tmp_path / "a.safetensors")
