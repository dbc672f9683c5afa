"""Arch files: networks to train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnfx.backprop import layers as backprop
from cnnfx.errors import FileError
from cnnfx.formats import load_network
from cnnfx.formats.arch import TRAINED_ACTIVATIONS, default_arch, find_arch, is_arch_file, load_arch, shipped_archs
from cnnfx.nn.summary import summarize

EDGES = """
[[layer]]
activation = "relu"
learn = false
[[layer.filter]]
name = "top"
weights = [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]
[[layer.filter]]
weights = [[1]]
learn = true

[[layer]]
filters = 4
size = [3, 5]
pool = "max:2"
"""


@pytest.fixture
def arch(tmp_path):
    def load(text: str):
        path = tmp_path / "net.toml"
        path.write_text(text, encoding="utf-8")
        return load_arch(path)

    return load


def test_the_default_is_three_layers_with_relu_the_first_two_with_pooling() -> None:
    network = default_arch().network
    assert [layer.conv.weights.shape for layer in network.layers] == [(24, 1, 5, 5), (48, 1, 3, 3), (48, 1, 3, 3)]
    assert network.output_shapes((1, 28, 28)) == [(24, 12, 12), (48, 5, 5), (48, 3, 3)]
    assert [layer.activation.kind for layer in network.layers] == ["relu"] * 3


def test_a_kernel_size_is_that_of_all_layers_of_the_default_network() -> None:
    layers = default_arch((2, 3), 4).network.layers
    assert [layer.conv.weights.shape for layer in layers] == [(2, 1, 4, 4), (3, 1, 4, 4)]


def test_filters_without_weights_are_random_and_trained(arch) -> None:
    read = arch("filters = 3\nsize = 5\n")
    assert read.network.layers[0].conv.weights.shape == (3, 1, 5, 5)
    assert read.random[0].all()
    assert read.trainable[0].all()


def test_filters_with_weights_keep_them_and_can_be_held_fixed(arch) -> None:
    read = arch(EDGES)
    bound = read.network.bind(["0"])
    np.testing.assert_array_equal(bound.layers[0].conv.weights[0, 0], [[-1, -1, -1], [1, 1, 1], [0, 0, 0]])
    assert bound.layers[1].conv.weights.shape == (4, 2, 3, 5)
    assert read.trainable[0].tolist() == [False, True]
    assert read.random[0].tolist() == [False, False]
    assert read.trainable[1].all()
    assert read.network.name == "net"


def test_a_layer_can_have_filters_with_and_without_weights(arch) -> None:
    read = arch('[[layer]]\nfilters = 2\nsize = 3\n[[layer.filter]]\nname = "dot"\nweights = [[1]]\nlearn = false')
    assert read.network.layers[0].filter_names == ("dot", "2", "3")
    assert read.random[0].tolist() == [False, True, True]
    assert read.trainable[0].tolist() == [False, True, True]


def test_a_filter_file_is_an_arch_that_is_trained_further(arch) -> None:
    read = arch('[[filter]]\nname = "a"\nweights = [[1, 2]]')
    assert read.trainable[0].tolist() == [True]
    assert not read.random[0].any()


def test_an_arch_file_is_not_a_filter_file(tmp_path) -> None:
    path = tmp_path / "net.toml"
    path.write_text(EDGES, encoding="utf-8")
    with pytest.raises(FileError, match=r"net.toml: this is an arch file, whose filters have no weights yet"):
        load_network(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filters = 3", r"layer 1: filters needs size too, such as filters = 16 and size = 5"),
        ("size = 3", r"layer 1: size needs filters too"),
        ("filters = 0\nsize = 3", r"layer 1, filters: a whole number from 1 to 4096 is needed here"),
        ("filters = true\nsize = 3", r"layer 1, filters: a whole number"),
        ("filters = 3\nsize = 2.5", r"layer 1, size: a whole number from 1 to 255"),
        ("filters = 3\nsize = [3, 3, 3]", r"layer 1, size: a whole number"),
        ("filters = 3\nsize = 1000000", r"layer 1, size: a whole number"),
        ("filters = 3\nsize = 3\nlearn = false", r"layer 1, learn: filters without weights must be trained"),
        ('filters = 3\nsize = 3\nlearn = "no"', r"layer 1, learn: true or false is needed here"),
        ("filters = 3\nsize = 3\n[[layer]]\nfilters = 3\nsize = 3", r"filters is outside the layers"),
        ("[[layer]]\nfilters = 3\nsize = 3\nstrid = 2", r'layer 1: unknown key "strid". Did you mean "stride"\?'),
        ("[[layer]]\nfilter = 3", r"layer 1, filter: found the number 3; an array of tables"),
        ("[[layer]]\n[[layer.filter]]\nweights = [[1]]\nlearn = 1", r"layer 1, filter 1, learn: true or false"),
        ("[[layer]]\nstride = 2", r"layer 1: there are no filters"),
        ("layer = 3", r"layer: found the number 3; an array of tables"),
        ('name = "x"', r"there are no filters"),
        ("layer = []", r"there are no layers"),
    ],
)
def test_an_error_is_reported_with_its_location(arch, text, message) -> None:
    with pytest.raises(FileError, match=rf"net.toml.*{message}"):
        arch(text)


def test_numbers_out_of_range_are_refused_for_the_default_network() -> None:
    with pytest.raises(FileError, match="the default network: layer 2, filters: a whole number from 1"):
        default_arch((16, 0))


NAMED = '[[layer]]\nname = "one"\nfilters = 3\nsize = 3\n'
READING = '[[layer]]\nname = "two"\nfrom = "one"\n'


def test_named_layers_that_read_the_layer_before_can_be_trained(arch) -> None:
    network = arch(NAMED + READING + "filters = 2\nsize = 1").network
    assert [network.sources(number) for number in (1, 2)] == [(0,), (1,)]


def test_filters_that_are_tensors_are_trained_unless_held_fixed(arch, tmp_path) -> None:
    np.savez(tmp_path / "t.npz", w=np.ones((2, 1, 3, 3), np.float32))
    text = 'tensors = "t.npz"\n[[layer]]\nweights = "w"\n'
    assert arch(text).trainable[0].tolist() == [True, True]
    assert arch(text + "learn = false").trainable[0].tolist() == [False, False]
    assert arch(text).random[0].tolist() == [False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NAMED + READING + "activation = 'relu'",
         "layer two: layers without filters, or that read others than the layer before cannot be trained."),
        (NAMED + '[[layer]]\nname = "two"\nfrom = "input"\nfilters = 2\nsize = 3',
         "layer two: layers without filters, or that read others than the layer before cannot be trained."),
        (NAMED + READING + "weights = [[[[1]]], [[[1]]], [[[1]]]]\ngroups = 3",
         "layer two: filters in groups cannot be trained."),
        (NAMED + "activation = 'tanh'", "layer one: activations other than none, relu, abs cannot be trained."),
        ("[[layer]]\nfilters = 2\nsize = 3\nlocal_response = { size = 3 }",
         "layer 1: layers with local response normalization cannot be trained."),
        (NAMED + "pool = { kind = 'max', size = 3, stride = 2 }",
         'layer one: poolings other than of adjacent blocks, such as "max:2", or of whole maps, such as "mean:all", '
         "cannot be trained."),
        ("classes = ['a']\n" + NAMED, "classes: the data set gives it. Remove it from the arch file."),
        ("[input]\nsize = 28\n" + NAMED, "input: the data set gives it. Remove it from the arch file."),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_reported(arch, tmp_path, text, message) -> None:
    with pytest.raises(FileError) as caught:
        arch(text)
    assert str(caught.value) == f"{tmp_path / 'net.toml'}: {message}"


def test_the_activations_that_can_be_trained_are_those_of_the_training() -> None:
    assert set(TRAINED_ACTIVATIONS) == {"none", *backprop.ACTIVATIONS}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filters = 4096\nsize = 255\n", "layer 1: it has 266,342,400 weights; the limit is 16,777,216."),
        ("[[layer]]\nfilters = 4096\nsize = 1\n" * 25, "it has 102,400 filters in all layers; the limit is 100,000."),
        ("[[layer]]\nfilters = 1\nsize = 1\n" * 2001, "it has 2,001 layers; the limit is 2,000."),
    ],
)
def test_a_small_file_of_a_huge_network_is_refused(arch, tmp_path, text, message) -> None:
    with pytest.raises(FileError) as caught:
        arch(text)
    assert str(caught.value) == f"{tmp_path / 'net.toml'}: {message}"


OWN = "filters = 2\nsize = 3\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["color", "color.toml"])
def test_an_arch_of_cnnfx_is_found_by_its_name(folder, name) -> None:
    arch = load_arch(name)
    assert arch.network.name == "color"
    assert all(random.all() for random in arch.random)


@pytest.mark.parametrize("name", ["color", "color.toml"])
def test_a_file_of_the_user_precedes_that_of_cnnfx(folder, name) -> None:
    (folder / "color.toml").write_text(OWN)
    assert len(load_arch(name).network.layers) == 1
    assert Path(find_arch(name)) == Path("color.toml")


def test_a_folder_does_not_hide_the_arch_of_cnnfx(folder) -> None:
    (folder / "color").mkdir()
    assert load_arch("color").network.name == "color"


def test_the_ending_of_an_own_arch_file_can_be_left_out(folder) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "own.toml").write_text(OWN)
    assert load_arch("sub/own").network.name == "own"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("colour", 'Did you mean "color.toml"?'),
        ("sub/color.toml", 'Did you mean "color.toml"?'),
        ("edges", f"Give the path of an arch file, or one of {', '.join(shipped_archs())}."),
        ("", f"Give the path of an arch file, or one of {', '.join(shipped_archs())}."),
    ],
)
def test_an_unknown_arch_is_refused(folder, name, hint) -> None:
    with pytest.raises(FileError) as caught:
        load_arch(name)
    assert str(caught.value) == f"{name}: there is no such file. {hint}"


def test_only_names_with_an_ending_are_arch_files_of_other_commands(folder) -> None:
    assert is_arch_file("color.toml")
    assert not is_arch_file("color")
    assert not is_arch_file("edges.toml")


@pytest.mark.parametrize(
    ("name", "shape", "classes", "most"),
    [("tiny", (1, 28, 28), 10, 2_000), ("small", (1, 28, 28), 10, 10_000), ("color", (3, 32, 32), 8, 60_000)],
)
def test_the_archs_of_cnnfx_are_small(name, shape, classes, most) -> None:
    arch = load_arch(name)
    steps = summarize(arch.network, shape, arch.trainable, classes)
    assert sum(step.parameters for step in steps) <= most


def test_the_archs_of_cnnfx_are_listed() -> None:
    assert {"color.toml", "small.toml"} <= set(shipped_archs())
