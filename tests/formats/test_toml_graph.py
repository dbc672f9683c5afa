"""Filter files that describe graphs: sources and joins, tensors by name, all kinds of steps, input and classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnfx.conv import correlate
from cnnfx.formats import load_network
from cnnfx.nn.input import Input
from cnnfx.nn.network import Network
from tests.formats.keras_files import write_listed

RANDOM = np.random.default_rng(14)
TENSORS = {
    name: RANDOM.normal(size=shape).astype(np.float32)
    for name, shape in {
        "a.weight": (4, 3, 3, 3), "a.bias": (4,), "b.weight": (4, 4, 1, 1), "dw.weight": (4, 1, 3, 3),
        "gr.weight": (2, 2, 1, 1), "fc.weight": (2, 4 * 2 * 3), "slopes": (4,),
        "bn.weight": (4,), "bn.bias": (4,), "bn.running_mean": (4,),
    }.items()
} | {"bn.running_var": RANDOM.uniform(0.5, 2, 4).astype(np.float32)}  # fmt: skip
IMAGE = RANDOM.uniform(size=(3, 8, 9)).astype(np.float32)
HEAD = 'tensors = "t.npz"\n[input]\nchannels = "rgb"\n'
FIRST = '[[layer]]\nname = "a"\nweights = "a.weight"\nbias = "a.bias"\n'


@pytest.fixture
def load(tmp_path):
    np.savez(tmp_path / "t.npz", **TENSORS)

    def from_text(text: str) -> Network:
        (tmp_path / "net.toml").write_text(text, "utf-8")
        return load_network(tmp_path / "net.toml")

    return from_text


@pytest.fixture
def last(load):
    """Return the output of the last layer for the image, and that of the first layer, "a"."""

    def of(layers: str) -> tuple[np.ndarray, np.ndarray]:
        maps = load(HEAD + FIRST + layers).feature_maps(IMAGE)
        return maps[-1], maps[0]

    return of


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


# Tensors


def test_tensors_of_a_keras_file_are_filters_in_the_order_of_keras(tmp_path):
    pytest.importorskip("h5py")
    kernel = np.arange(81, dtype=np.float32).reshape(3, 3, 3, 3)  # its shape does not show the order
    write_listed(tmp_path / "t.h5", {"conv": [("conv/kernel:0", kernel)]})
    (tmp_path / "net.toml").write_text('tensors = "t.h5"\nweights = "conv/kernel"\n')
    conv = load_network(tmp_path / "net.toml").layers[0].conv
    np.testing.assert_array_equal(conv.weights, kernel.transpose(3, 2, 0, 1))


def test_weights_and_bias_are_tensors_by_name(load):
    conv = load(HEAD + FIRST).layers[0].conv
    np.testing.assert_array_equal(conv.weights, TENSORS["a.weight"])
    np.testing.assert_array_equal(conv.bias, TENSORS["a.bias"])
    assert conv.weights.dtype == np.float32
    assert conv.inputs is None


def test_a_layer_without_bias_has_zeros(load):
    assert load(HEAD + '[[layer]]\nweights = "a.weight"').layers[0].conv.bias.tolist() == [0] * 4


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint16])
def test_tensors_of_other_types_become_float32(load, tmp_path, dtype):
    weights = np.arange(12).reshape(2, 1, 2, 3).astype(dtype)
    load("[[filter]]\nweights = [[1]]")
    np.savez(tmp_path / "t.npz", w=weights)
    conv = load('tensors = "t.npz"\nweights = "w"').layers[0].conv
    assert conv.weights.dtype == np.float32
    np.testing.assert_array_equal(conv.weights, weights)


def test_weights_can_be_written_in_the_file(load):
    layer = load("weights = [[[[1, 2]], [[3, 4]]]]\nbias = [5]").layers[0]
    assert layer.conv.weights.tolist() == [[[[1, 2]], [[3, 4]]]]
    assert layer.conv.bias.tolist() == [5]
    assert load("weights = [[[[1]]], [[[2]]]]\nbias = 0.5").layers[0].conv.bias.tolist() == [0.5, 0.5]


def test_filters_that_are_tensors_are_numbered_or_named(load):
    assert load(HEAD + FIRST).layers[0].filter_names == ("1", "2", "3", "4")
    named = load(HEAD + FIRST + 'names = ["w", "x", "y", "z"]')
    assert named.layers[0].filter_names == ("w", "x", "y", "z")


def test_filters_of_a_later_layer_read_named_filters_of_tensors(last):
    found, a = last('names = ["w", "x", "y", "z"]\n[[layer]]\n[[layer.filter]]\ninputs = { x = [[2]], z = [[-1]] }')
    close(found[0], 2 * a[1] - a[3])


def test_a_link_to_a_file_in_the_same_folder_is_followed(load, tmp_path):
    load(HEAD + FIRST)
    (tmp_path / "link.npz").symlink_to("t.npz")
    assert load(HEAD.replace("t.npz", "link.npz") + FIRST).layers[0].conv.weights.shape == (4, 3, 3, 3)


def test_files_that_are_all_links_into_one_other_folder_are_read(load, tmp_path):
    load(HEAD + FIRST)
    (tmp_path / "links").mkdir()
    for name in ("net.toml", "t.npz"):
        (tmp_path / "links" / name).symlink_to(tmp_path / name)
    assert load_network(tmp_path / "links" / "net.toml").layers[0].conv.weights.shape == (4, 3, 3, 3)


# Sources and joins


def test_a_layer_reads_the_layer_before_it_unless_it_names_others(load):
    network = load(
        HEAD + FIRST + '[[layer]]\nname = "b"\nweights = "b.weight"\n[[layer]]\nname = "c"\nfrom = "a"\n'
        'activation = "relu"\n[[layer]]\nname = "d"\nfrom = ["b", "c"]\n'
    )
    assert [network.sources(number) for number in range(1, 5)] == [(0,), (1,), (1,), (2, 3)]
    a, b, c, d = network.feature_maps(IMAGE)
    close(c, np.maximum(a, 0))
    close(d, np.concatenate([b, c]))
    assert network.layers[-1].channel_names == tuple("12345678")


@pytest.mark.parametrize(("join", "function"), [("add", np.add), ("multiply", np.multiply)])
def test_layers_are_added_or_multiplied(last, join, function):
    found, a = last(
        '[[layer]]\nname = "b"\nweights = "b.weight"\n'
        f'[[layer]]\nfrom = ["a", "b"]\njoin = "{join}"\nactivation = "relu"\n'
    )
    close(found, np.maximum(function(a, correlate(a, TENSORS["b.weight"])), 0))


def test_a_layer_can_read_the_image(last):
    found, _ = last('[[layer]]\nname = "small"\nfrom = "input"\npool = "max:2"')
    close(found, IMAGE[:, :8, :8].reshape(3, 4, 2, 4, 2).max((2, 4)))


def test_names_of_joined_channels_are_kept_where_they_are_unique(load):
    text = HEAD + FIRST + 'names = ["w", "x", "y", "z"]\n[[layer]]\nname = "b"\nfrom = "a"\nweights = "b.weight"\n'
    joined = '[[layer]]\nfrom = ["a", "b"]\n'
    assert load(text + 'names = ["k", "l", "m", "n"]\n' + joined).layers[-1].channel_names == tuple("wxyzklmn")
    names = load(text + 'names = ["w", "l", "m", "n"]\n' + joined).layers[-1].channel_names
    assert names == ("a.w", "a.x", "a.y", "a.z", "b.w", "b.l", "b.m", "b.n")


def test_combinations_are_made_from_the_channels_of_a_layer_without_filters(last):
    found, a = last(
        'names = ["w", "x", "y", "z"]\n'
        '[[layer]]\nfrom = "a"\ncombine = [{ name = "m", kind = "max", of = ["w", "z"] }]\npool = "max:2"'
    )
    assert found.shape[0] == 5
    pooled = np.maximum(a[0], a[3]).reshape(3, 2, 7)[:, :, :6].reshape(3, 2, 3, 2).max((1, 3))
    close(found[4], pooled)


# Steps


def test_depthwise_filters_read_one_channel_each(last):
    found, a = last('[[layer]]\nweights = "dw.weight"\ngroups = "depthwise"\npadding = 1')
    expected = [correlate(a[k : k + 1], TENSORS["dw.weight"][k : k + 1], padding=1)[0] for k in range(4)]
    close(found, np.array(expected))


def test_filters_in_groups_read_the_channels_of_their_group(last):
    found, a = last('[[layer]]\nweights = "gr.weight"\ngroups = 2')
    close(found, correlate(a, TENSORS["gr.weight"], groups=2))


def normalized(maps: np.ndarray) -> np.ndarray:
    gamma, beta, mean, variance = (
        TENSORS[f"bn.{name}"][:, None, None] for name in ("weight", "bias", "running_mean", "running_var")
    )
    return gamma * (maps - mean) / np.sqrt(variance + 1e-5) + beta


def test_batch_normalization_is_folded_into_the_filters(load):
    network = load(HEAD + FIRST + 'batch_norm = "bn"\nactivation = "relu"')
    assert len(network.layers) == 1
    expected = normalized(correlate(IMAGE, TENSORS["a.weight"], TENSORS["a.bias"]))
    close(network.feature_maps(IMAGE)[0], np.maximum(expected, 0))


def test_batch_normalization_comes_before_combinations(load):
    network = load(HEAD + FIRST + 'batch_norm = "bn"\ncombine = [{ name = "n", kind = "norm", of = ["1", "2"] }]')
    maps = network.feature_maps(IMAGE)[0]
    close(maps[4], np.hypot(maps[0], maps[1]))
    close(maps[:4], normalized(correlate(IMAGE, TENSORS["a.weight"], TENSORS["a.bias"])))


def test_batch_normalization_without_filters_is_a_step_of_its_own(last):
    found, a = last('names = ["w", "x", "y", "z"]\n[[layer]]\nname = "n"\nbatch_norm = "bn"\nactivation = "relu"')
    close(found, np.maximum(normalized(a), 0))


def test_the_values_of_a_batch_normalization_can_be_written(last):
    found, a = last(
        "[[layer]]\nbatch_norm = { running_mean = [1, 2, 3, 4], running_var = 3, weight = 2, bias = 1, epsilon = 1 }"
    )
    close(found, (a - np.arange(1, 5)[:, None, None]) / 2 * 2 + 1)


def test_batch_normalization_of_hand_written_filters(load):
    layer = load("batch_norm = { running_mean = 1, running_var = 4, epsilon = 0 }\n[[filter]]\nweights = [[3]]").layers[
        0
    ]
    assert (layer.conv.weights.item(), layer.conv.bias.item(), layer.conv.inputs) == (1.5, -0.5, ("*",))


@pytest.mark.parametrize(
    ("line", "function"),
    [
        ('activation = "relu6"', lambda x: np.clip(x, 0, 6)),
        ('activation = "leaky_relu"', lambda x: np.where(x > 0, x, 0.01 * x)),
        ('activation = "leaky_relu"\nslope = 0.5', lambda x: np.where(x > 0, x, 0.5 * x)),
        ('activation = "prelu"\nslope = "slopes"', lambda x: np.where(x > 0, x, TENSORS["slopes"][:, None, None] * x)),
        (
            'activation = "prelu"\nslope = [1, 2, 3, 4]',
            lambda x: np.where(x > 0, x, np.arange(1, 5)[:, None, None] * x),
        ),
        ('activation = "sigmoid"', lambda x: 1 / (1 + np.exp(-x))),
        ('activation = "tanh"', np.tanh),
        ('activation = "hard_sigmoid"', lambda x: np.clip(x / 6 + 0.5, 0, 1)),
        ('activation = "hard_swish"', lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        ('activation = "softmax"', lambda x: np.exp(x) / np.exp(x).sum(0)),
    ],
)
def test_every_activation_can_be_written(last, line, function):
    found, a = last(f'[[layer]]\nfrom = "a"\n{line}')
    close(found, function(a))


def test_local_response_normalization_divides_by_the_energy_of_the_channels_around(last):
    found, a = last("[[layer]]\nlocal_response = { size = 3, alpha = 0.6, beta = 0.5, k = 2 }")
    energy = np.array([(a[max(0, c - 1) : c + 2] ** 2).sum(0) for c in range(4)])
    close(found, a / np.sqrt(2 + 0.2 * energy))


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        ('"max:2"', "max:2"),
        ('"mean:all"', "mean:all"),
        ('{ kind = "avg", size = "all" }', "mean:all"),
        ('{ kind = "max", size = 2 }', "max:2"),
        ('{ kind = "max", size = 3, stride = 2 }', "max:3, stride 2"),
        ('{ kind = "max", size = [3, 2], stride = [1, 2], padding = 1, ceil = true }',
         "max:3,2, stride 1,2, padding 1, ceil"),
        ('{ kind = "mean", size = 3, padding = [[0, 1], [1, 0]], count_padding = true }',
         "mean:3, padding ((0,1),(1,0)), counting padding"),
    ],
)  # fmt: skip
def test_every_pooling_can_be_written(load, pool, text):
    assert str(load(HEAD + FIRST + f"pool = {pool}").layers[0].pool) == text


def test_dense_filters_are_as_large_as_the_maps(last):
    found, a = last(
        'pool = { kind = "max", size = [3, 2] }\n[[layer]]\nweights = "fc.weight"\ndense = true\nsize = [2, 3]'
    )
    close(found[:, 0, 0], TENSORS["fc.weight"] @ a.ravel())


def test_dense_filters_of_square_maps_need_no_size(load, tmp_path):
    load("[[filter]]\nweights = [[1]]")
    np.savez(tmp_path / "t.npz", fc=np.arange(24).reshape(2, 12))
    conv = load('tensors = "t.npz"\n[input]\nchannels = "rgb"\n[[layer]]\nweights = "fc"\ndense = true').layers[0].conv
    assert conv.weights.shape == (2, 3, 2, 2)
    np.testing.assert_array_equal(conv.weights[1].ravel(), np.arange(12, 24))


def test_dense_filters_of_pooled_maps_are_filters_of_1x1(load):
    network = load("[[layer]]\n[[layer.filter]]\nweights = [[1]]\n[[layer]]\nweights = [[3], [4]]\ndense = true")
    assert network.layers[1].conv.weights.tolist() == [[[[3]]], [[[4]]]]


# Input and classes


def test_the_input_is_read(load):
    text = (
        '[input]\nchannels = "rgb"\nsize = [20, 30]\nfit = "crop"\nresize = 40\nresample = "bicubic"\nscale = 255\n'
        "mean = [1, 2, 3]\nstd = [4, 5, 6]\n[[layer]]\n[[layer.filter]]\nweights = [[1]]"
    )
    expected = Input("rgb", (20, 30), "crop", 40, "bicubic", 255.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert load(text).input == expected
    assert load("[input]\nsize = 20\n[[layer]]\n[[layer.filter]]\nweights = [[1]]").input.size == (20, 20)


def test_a_file_without_input_takes_images_as_they_are(load):
    assert load("[[filter]]\nweights = [[1]]").input == Input()


def test_a_hand_made_file_can_have_an_input_too(load):
    network = load("[input]\nmean = 0.5\nstd = 2\n[[layer]]\n[[layer.filter]]\nweights = [[1]]")
    close(network.feature_maps(IMAGE)[0][0], ((IMAGE - 0.5) / 2).sum(0))


def test_filters_for_blue_green_and_red_read_the_right_channels(load):
    settings = "scale = 255\nmean = [1, 2, 3]\nstd = [4, 5, 6]\n"
    network = load(HEAD.replace("rgb", "bgr") + settings + FIRST)
    assert network.input == Input("rgb", scale=255, mean=(3, 2, 1), std=(6, 5, 4))
    mean, std = np.array([[1, 2, 3], [4, 5, 6]], np.float32)[:, :, None, None]
    bgr = (IMAGE[::-1] * 255 - mean) / std
    np.testing.assert_allclose(
        network.feature_maps(IMAGE)[0], correlate(bgr, TENSORS["a.weight"], TENSORS["a.bias"]), rtol=1e-4
    )


def test_named_channels_of_a_blue_green_and_red_image_are_what_they_are_called(load):
    network = load('[input]\nchannels = "bgr"\n[[layer]]\n[[layer.filter]]\ninputs = { red = [[2]], blue = [[1]] }')
    close(network.feature_maps(IMAGE, ("red", "green", "blue"))[0][0], 2 * IMAGE[0] + IMAGE[2])


def test_classes_are_names_in_the_file_or_lines_of_a_text_file(load, tmp_path):
    scores = '[[layer]]\nweights = [[[[1]]], [[[2]]]]\npool = "mean:all"'
    (tmp_path / "names.txt").write_text("a cat\nUne pièce\r\n", "utf-8")
    assert load(f'classes = ["yes", "no"]\n{scores}').classes == ("yes", "no")
    network = load(f'classes = "names.txt"\n{scores}\nnames = "classes"')
    assert network.classes == network.output_names == network.layers[0].filter_names == ("a cat", "Une pièce")
    close(network.probabilities(np.full((1, 3, 4), 2, np.float32)), np.exp([2, 4]) / np.exp([2, 4]).sum())


def test_a_graph_of_chains_equals_the_chain(load):
    chain = (
        '[[layer]]\n{}activation = "relu"\n[[layer.filter]]\nweights = [[1, -1]]\n'
        "[[layer]]\n{}[[layer.filter]]\nweights = [[2], [1]]"
    )
    plain, named = load(chain.format("", "")), load(chain.format('name = "one"\n', 'name = "two"\nfrom = "one"\n'))
    for found, expected in zip(named.feature_maps(IMAGE), plain.feature_maps(IMAGE), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_squeezenet_describes_what_it_is():
    network = load_network("squeezenet")
    shapes = dict(zip((layer.name for layer in network.layers), network.output_shapes((3, 227, 227)), strict=True))
    assert shapes["conv1"] == (64, 113, 113)
    assert (shapes["fire4"], shapes["fire9"]) == ((256, 27, 27), (512, 13, 13))
    assert (shapes["conv10"], shapes["classes"]) == ((1000, 13, 13), (1000, 1, 1))
    parameters = sum(layer.conv.weights.size + layer.conv.bias.size for layer in network.layers if layer.conv)
    assert parameters == 1_235_496
    assert (network.is_classifier, len(network.classes), len(set(network.classes))) == (True, 1000, 1000)
    assert Path(__file__).parents[2].joinpath("filters/squeezenet.npz").stat().st_size < 2_600_000
