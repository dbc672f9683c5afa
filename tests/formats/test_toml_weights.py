"""Matrices at an offset from the filter's center in `inputs`."""

# ruff: noqa: E501 # a message is on one line with what it answers

from __future__ import annotations

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import FileError
from cnnfx.formats import load_network
from cnnfx.formats.toml_schema import Location
from cnnfx.formats.toml_weights import parse_channel_weights

BELOW = "[[layer]]\n[[layer.filter]]\nname = 'top'\nweights = [[1]]\n[[layer.filter]]\nname = 'left'\nweights = [[1]]\n"


def parsed(text: str) -> list[list[float]]:
    return parse_channel_weights(tomllib.loads(f"a = {text}")["a"], Location("f.toml").at("a")).tolist()


def refusal(text: str) -> str:
    with pytest.raises(FileError) as caught:
        parsed(text)
    return str(caught.value)


def test_a_matrix_is_centered_by_default():
    assert parsed("[[1, 2, 3]]") == [[1, 2, 3]]


def test_an_offset_is_down_and_to_the_right():
    assert parsed("{ weights = [[5]], at = [1, 2] }") == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 5]]


def test_a_negative_offset_is_up_and_to_the_left():
    assert parsed("{ weights = [[5]], at = [-1, 0] }") == [[5], [0], [0]]
    assert parsed("{ weights = [[1, 2, 3]], at = [0, -1] }") == [[1, 2, 3, 0, 0]]


def test_a_matrix_can_have_several_offsets():
    assert parsed("{ weights = [[5]], at = [[1, 1], [-1, 0]] }") == [[0, 5, 0], [0, 0, 0], [0, 0, 5]]


def test_an_offset_of_0_changes_nothing():
    assert parsed("{ weights = [[1, 2, 3]], at = [0, 0] }") == [[1, 2, 3]]


def test_an_even_matrix_has_its_middle_left_of_its_center():
    ruler = "{ weights = [[0, 0, 0, 0, 0]], at = [0, 0] }"
    assert parsed(f"[{ruler}, {{ weights = [[2, 3]], at = [0, 0] }}]") == [[0, 0, 2, 3, 0]]
    assert parsed(f"[{ruler}, {{ weights = [[2, 3]], at = [0, 1] }}]") == [[0, 0, 0, 2, 3]]
    assert parsed(f"[{ruler}, {{ weights = [[2, 3]], at = [0, -1] }}]") == [[0, 2, 3, 0, 0]]


def test_overlapping_weights_are_added():
    assert parsed("{ weights = [[1, 1, 1]], at = [[0, 0], [0, 1]] }") == [[0, 1, 2, 2, 1]]


def test_several_tables_are_added():
    assert parsed("[{ weights = [[2]], at = [0, 1] }, { weights = [[-1, -1, -1]], at = [1, 0] }]") == [
        [0, 0, 0],
        [0, 0, 2],
        [-1, -1, -1],
    ]


def test_each_named_channel_can_have_its_own_form(tmp_path):
    path = tmp_path / "deep.toml"
    path.write_text(
        BELOW + "[[layer]]\n[[layer.filter]]\nname = 'c'\nscale = 2\n"
        "inputs = { left = { weights = [[1]], at = [0, -1] }, top = [[3]] }\n"
    )
    network = load_network(path)
    conv = network.layers[1].conv
    assert conv.inputs == ("left", "top")
    assert conv.weights[0].tolist() == [[[2, 0, 0]], [[0, 6, 0]]]
    image = np.zeros((1, 1, 5))
    image[0, 0, 2] = 1
    assert network.feature_maps(image)[-1].tolist() == [
        [[0, 6, 2]]
    ]  # the weight at offset -1 gives the pixel one column to the right


matrices = st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=1)


@given(matrices, st.lists(st.tuples(st.integers(-6, 6), st.integers(-6, 6)), min_size=1, max_size=4))
def test_each_weight_is_at_its_offset(matrix, offsets):
    kernel = np.array(parsed(f"{{ weights = {matrix}, at = {[list(offset) for offset in offsets]} }}"))
    expected = np.zeros((13, 15))
    for down, right in offsets:
        expected[6 + down, 6 + right : 9 + right] += matrix[0]
    rows, columns = (13 - kernel.shape[0]) // 2, (15 - kernel.shape[1]) // 2
    np.testing.assert_array_equal(np.pad(kernel, ((rows, rows), (columns, columns))), expected)


REFUSED = [
    ("{}", "f.toml: a: weights are missing. Write { weights = [[1]], at = [down, right] }."),
    ("{ at = [0, 1] }", "f.toml: a: weights are missing. Write { weights = [[1]], at = [down, right] }."),
    ("{ weights = [[1]] }", "f.toml: a: at is missing. Write { weights = [[1]], at = [down, right] }."),
    ("{ weights = [[1]], at = [0, 1], scale = 2 }", 'f.toml: a: unknown key "scale". Allowed here are weights, at.'),
    ("{ weights = [[1]], att = [0, 1] }", 'f.toml: a: unknown key "att". Did you mean "at"?'),
    ("{ weights = [[1, 2], [3]], at = [0, 1] }", "f.toml: a, weights: row 2 has 1 number, row 1 has 2. Every row needs the same number."),
    ("{ weights = 1, at = [0, 1] }", "f.toml: a, weights: found the number 1; a matrix is needed here: [[1, 2], [3, 4]]."),
    ("{ weights = [[1]], at = 3 }", "f.toml: a, at: found the number 3; whole pixels from the center, [down, right], or several such are needed here."),
    ("{ weights = [[1]], at = [] }", "f.toml: a, at: found an empty array; whole pixels from the center, [down, right], or several such are needed here."),
    ("{ weights = [[1]], at = [1] }", "f.toml: a, at: found an array of 1 value; whole pixels from the center, [down, right], or several such are needed here."),
    ("{ weights = [[1]], at = [1.5, 0] }", "f.toml: a, at: found the number 1.5; whole pixels from the center, [down, right], or several such are needed here."),
    ("{ weights = [[1]], at = [true, 0] }", "f.toml: a, at: found true; whole pixels from the center, [down, right], or several such are needed here."),
    ("{ weights = [[1]], at = [[0, 1], 2] }", "f.toml: a, at, offset 2: found the number 2; whole pixels from the center, [down, right], or several such are needed here."),
    ("{ weights = [[1]], at = [[0, 1], [2]] }", "f.toml: a, at, offset 2: found an array of 1 value; whole pixels from the center, [down, right], or several such are needed here."),
    ("{ weights = [[1]], at = [0, 256] }", "f.toml: a, at: 256 pixels are too far from the center; the limit is 255."),
    ("[{ weights = [[1]], at = [0, 1] }, 3]", "f.toml: a, table 2: found the number 3; a table is needed here."),
    ("[{ weights = [[1]], at = [0, 1] }, { at = [1, 1] }]", "f.toml: a, table 2: weights are missing. Write { weights = [[1]], at = [down, right] }."),
    ("[]", "f.toml: a: the matrix is empty. Write at least one number: [[1]]."),
    ("3", "f.toml: a: found the number 3; a matrix is needed here: [[1, 2], [3, 4]]."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_an_error_is_reported_with_its_location(text, message):
    assert refusal(text) == message
