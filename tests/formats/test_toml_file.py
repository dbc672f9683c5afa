"""Filter files: the networks that they describe."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.formats import load_network
from cnnfx.formats.load import files_of_network
from cnnfx.nn.layers import Combination, Layer
from cnnfx.nn.network import Network


@pytest.fixture
def load(tmp_path):
    def from_text(text: str) -> Network:
        path = tmp_path / "a file.toml"
        path.write_text(text, "utf-8")
        return load_network(path)

    return from_text


@pytest.fixture
def only_layer(load):
    def of(text: str) -> Layer:
        (layer,) = load(text).layers
        return layer

    return of


@pytest.mark.parametrize(
    "text",
    [
        'tensors = "t.npz"\nclasses = ["a"]\n[[layer]]\nweights = "w"\n',
        'weights = [\n[1, 2],\n[3, 4],\n]\ntensors = "t.npz"\n',
        'description = """\n[[layer]]\n"""\r\n"tens\\u006frs" = "t.npz"\r\n[input]\r\n',
        'tensors = "t.npz"',
    ],
    ids=["tables", "matrix", "text", "one line"],
)
def test_the_files_of_a_network_are_those_that_its_file_names_before_the_tables(tmp_path, text):
    path = tmp_path / "a.toml"
    path.write_bytes(text.encode())
    assert files_of_network(path) == [path, tmp_path / "t.npz"]


def test_the_files_of_a_network_are_found_without_reading_its_tables(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('classes = "names.txt"\n[[filter]]\nweights = [[wrong]]\n')
    assert files_of_network(path) == [path, tmp_path / "names.txt"]


def test_a_file_without_a_name_is_named_by_its_stem(load):
    network = load("[[filter]]\nweights = [[1]]")
    assert (network.name, network.description, network.source) == ("a file", "", "")


def test_name_description_and_source_are_kept(load):
    network = load('name = "n"\ndescription = "d"\nsource = "s"\n[[filter]]\nweights = [[1]]')
    assert (network.name, network.description, network.source) == ("n", "d", "s")


def test_filters_without_names_are_numbered(only_layer):
    layer = only_layer(
        '[[filter]]\nweights = [[1]]\n[[filter]]\nname = "b"\nweights = [[1]]\n[[filter]]\nweights = [[1]]'
    )
    assert layer.filter_names == ("1", "b", "3")


def test_a_matrix_is_applied_to_every_channel(only_layer):
    layer = only_layer("[[filter]]\nweights = [[1, 2.5]]\nbias = -1\nscale = 2")
    assert layer.conv.inputs == ("*",)
    assert layer.conv.weights.tolist() == [[[[2, 5]]]]
    assert layer.conv.bias.tolist() == [-1]


def test_a_scale_can_be_a_fraction(only_layer):
    assert only_layer('[[filter]]\nweights = [[3]]\nscale = "-1/3"').conv.weights.item() == -1


def test_several_matrices_are_one_per_channel_in_order(only_layer):
    conv = only_layer("[[filter]]\nweights = [[[1]], [[2]], [[3]]]\n[[filter]]\nweights = [[4]]").conv
    assert conv.inputs is None
    assert conv.weights[:, :, 0, 0].tolist() == [[1, 2, 3], [4, 4, 4]]


def test_an_array_of_one_matrix_has_one_input_channel(load):
    assert load("[[filter]]\nweights = [[[1]]]").in_channels == 1


def test_a_layer_can_have_kernels_for_named_and_for_all_channels(only_layer):
    layer = only_layer(
        "[[filter]]\ninputs = { b = [[1]], a = [[2]] }\n[[filter]]\nweights = [[3]]\n"
        "[[filter]]\ninputs = { '*' = [[1]], c = [[4]] }"
    )
    assert layer.conv.inputs == ("b", "a", "*", "c")
    assert layer.bind(("a", "b", "c")).conv.weights[:, :, 0, 0].tolist() == [[2, 1, 0], [3, 3, 3], [1, 1, 5]]


def test_smaller_kernels_are_centered_in_zeros(only_layer):
    weights = only_layer(
        "[[filter]]\nweights = [[1, 1, 1], [1, 1, 1], [1, 1, 1]]\n[[filter]]\nweights = [[2, 3]]"
    ).conv.weights
    assert weights[1, 0].tolist() == [[0, 0, 0], [0, 2, 3], [0, 0, 0]]


def test_the_matrices_of_one_filter_can_differ_in_size(only_layer):
    weights = only_layer("[[filter]]\ninputs = { a = [[1]], b = [[1, 2, 3]] }").conv.weights
    assert weights[0].tolist() == [[[0, 1, 0]], [[1, 2, 3]]]


def test_the_settings_of_a_single_layer_are_at_the_top(only_layer):
    layer = only_layer(
        'stride = [2, 3]\ndilation = 2\npadding = [[1, 2], [3, 4]]\nborder = "mirror"\nactivation = "relu"\n'
        'pool = "mean:3"\n[[filter]]\nweights = [[1]]'
    )
    window = layer.conv.window
    assert (window.stride, window.dilation, window.padding) == ((2, 3), (2, 2), ((1, 2), (3, 4)))
    assert window.border == "reflect"
    assert (layer.activation.kind, layer.pool.kind, layer.pool.block) == ("relu", "mean", 3)


@pytest.mark.parametrize(
    ("written", "padding"), [('"same"', "same"), ('"valid"', ((0, 0), (0, 0))), ("2", ((2, 2), (2, 2)))]
)
def test_padding_can_be_a_name_or_a_number(only_layer, written, padding):
    assert only_layer(f"padding = {written}\n[[filter]]\nweights = [[1]]").conv.window.padding == padding


@pytest.mark.parametrize(("kind", "expected"), [("norm", 5), ("max", 4), ("sum", 7), ("mean", 3.5), ("difference", -1)])
def test_combined_channels_come_after_the_filters(only_layer, kind, expected):
    layer = only_layer(
        f'combine = [{{ name = "c", kind = "{kind}", of = ["a", "b"] }}]\n'
        '[[filter]]\nname = "a"\nweights = [[3]]\n[[filter]]\nname = "b"\nweights = [[4]]'
    )
    assert layer.channel_names == ("a", "b", "c")
    assert layer.combine[:2] == (Combination("a", "take", (0,)), Combination("b", "take", (1,)))
    assert layer.bind(("0",)).forward(np.ones((1, 1, 1))).ravel().tolist() == [3, 4, expected]


CORNERS = """
name = "corners"
[[layer]]
activation = "relu"
combine = [{ name = "both", kind = "sum", of = ["top", "left"] }]
[[layer.filter]]
name = "top"
weights = [[-1], [1]]
[[layer.filter]]
name = "left"
weights = [[-1, 1]]
[[layer]]
pool = "max:2"
[[layer.filter]]
name = "top-left"
inputs = { top = [[1, 1]], left = [[1], [1]], both = [[-1]] }
bias = -2
[[layer.filter]]
weights = [[[1]], [[2]], [[3]]]
"""


def test_a_deeper_file_has_layers(load):
    network = load(CORNERS.partition("[[layer.filter]]\nweights = [[[1]]")[0])
    assert [layer.channel_names for layer in network.layers] == [("top", "left", "both"), ("top-left",)]
    assert network.layers[0].activation.kind == "relu"
    assert network.layers[1].pool.block == 2
    assert [maps.shape for maps in network.feature_maps(np.zeros((1, 8, 9)))] == [(3, 7, 8), (1, 3, 3)]


def test_an_upper_case_suffix_and_a_byte_order_mark_are_accepted(tmp_path):
    path = tmp_path / "A.TOML"
    path.write_bytes(b"\xef\xbb\xbf[[filter]]\r\nweights = [[1]]\r\n")
    assert load_network(str(path)).name == "A"


def test_a_string_with_a_folder_is_a_path_and_a_path_needs_no_suffix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sobel").write_text("[[filter]]\nweights = [[1]]")
    assert load_network("./sobel").layers[0].filter_names == ("1",)
    assert load_network(Path("sobel")).layers[0].filter_names == ("1",)
    assert load_network("sobel").layers[0].filter_names == ("x", "y")


numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e30, 1e30))
names = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1).filter("*".__ne__),
    min_size=1,
    max_size=4,
    unique=True,
)


def matrix_of(rows: int, columns: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(numbers, min_size=columns, max_size=columns), min_size=rows, max_size=rows)


@st.composite
def random_layers(draw):
    """Draw (names, weights (K, C, kh, kw) as lists, biases) for each layer; the first reads two channels."""
    layers, depth = [], 2
    for _ in range(draw(st.integers(1, 3))):
        own, rows, columns = draw(names), draw(st.integers(1, 3)), draw(st.integers(1, 3))
        weights = [[draw(matrix_of(rows, columns)) for _ in range(depth)] for _ in own]
        layers.append((own, weights, [draw(numbers) for _ in own]))
        depth = len(own)
    return layers


def quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def written(layers, below: list[str] | None) -> str:
    """Return the layers as TOML; slices are in the order of the channels if `below` is None, otherwise by name."""
    lines = []
    for own, weights, biases in layers:
        lines.append("[[layer]]")
        for name, slices, bias in zip(own, weights, biases, strict=True):
            value = f"weights = {slices}"
            if below is not None:
                value = "inputs = {" + ", ".join(f"{quoted(n)} = {m}" for n, m in zip(below, slices, strict=True)) + "}"
            lines += ["[[layer.filter]]", f"name = {quoted(name)}", value, f"bias = {bias}"]
        below = own if below is not None else None
    return "\n".join(lines)


@given(random_layers(), st.booleans())
def test_a_network_written_as_toml_loads_to_the_same_weights(layers, by_name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.toml"
        path.write_text(written(layers, ["0", "1"] if by_name else None), "utf-8")
        network = load_network(path).bind(("0", "1"))
    for (own, weights, biases), layer in zip(layers, network.layers, strict=True):
        assert list(layer.channel_names) == own
        assert layer.conv.weights.tolist() == weights
        assert layer.conv.bias.tolist() == biases


def test_the_channel_of_a_gray_image_can_be_spelled_grey(load):
    network = load("[[filter]]\ninputs = { grey = [[2]] }")
    (maps,) = network.feature_maps(np.ones((1, 2, 2)), ["gray"])
    np.testing.assert_array_equal(maps, np.full((1, 2, 2), 2))


def test_a_later_layer_reads_a_channel_called_grey_by_this_name(load):
    network = load(
        '[[layer]]\n[[layer.filter]]\nname = "grey"\nweights = [[1]]\n'
        "[[layer]]\n[[layer.filter]]\ninputs = { grey = [[3]] }"
    )
    assert network.feature_maps(np.ones((1, 1, 1)))[-1].item() == 3


def test_avg_pooling_of_a_file_is_mean_pooling(only_layer):
    assert str(only_layer('pool = "avg:2"\n[[filter]]\nweights = [[1]]').pool) == "mean:2"
