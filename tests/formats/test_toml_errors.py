"""Errors in filter files: each message says where, what and how to correct it."""

# ruff: noqa: E501 # a message is on one line with the file that it is about

from __future__ import annotations

import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import FileError
from cnnfx.formats import load_network
from cnnfx.formats.toml_file import parse_network
from cnnfx.formats.toml_schema import Location
from cnnfx.nn.network import Network

LONG = "k" * 3000
ONE_FILTER = '[[filter]]\nname = "a"\nweights = [[1]]\n'
TWO_FILTERS = ONE_FILTER + '[[filter]]\nname = "b"\nweights = [[1]]\n'
IN_FILTER_A = 'bad.toml: layer 1, filter "a"'


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refusal(content: str | bytes) -> str:
    with open("bad.toml", "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return refusal_of("bad.toml")


def refusal_of(spec) -> str:
    with pytest.raises(FileError) as caught:
        load_network(spec)
    return str(caught.value)


def with_filter(line: str) -> str:
    return f'[[filter]]\nname = "a"\n{line}\n'


def combined(entry: str) -> str:
    return f"combine = [{{ {entry} }}]\n{TWO_FILTERS}"


FILES = [
    ("", "bad.toml: there are no filters. Write [[filter]], or [[layer]] in a file with several layers."),
    ("filter = []", "bad.toml: layer 1: there are no filters. Write at least one [[filter]] with weights."),
    ("layer = []", "bad.toml: layer: there are no layers. Write at least one [[layer]]."),
    ("[[layer]]\n", "bad.toml: layer 1: there are no filters. Write at least one [[filter]] with weights."),
    ("[filter]\nweights = [[1]]", "bad.toml: layer 1, filter: found a table; an array of tables, written [[filter]], is needed here."),
    ("[layer]", "bad.toml: layer: found a table; an array of tables, written [[layer]], is needed here."),
    ("filter = [1]", "bad.toml: layer 1, filter: found an array of 1 value; an array of tables, written [[filter]], is needed here."),
    (ONE_FILTER + "[[layer]]\n", "bad.toml: filter is outside the layers. Write [[layer.filter]] under its [[layer]]."),
    ("stride = 2\n[[layer]]\n", "bad.toml: stride is outside the layers. Write it under its [[layer]]."),
    ("a = \n", "bad.toml:1:5: Invalid value."),
    ("[[filter]]\nweights = [[1, 2]", "bad.toml: Unclosed array at the end of the file."),
    ("x = " + "[" * 100_000, "bad.toml:1: it has 100,000 arrays and tables inside each other; the limit is 32."),
    ("\n" + "[" * 10 + "\n" + "[" * 23 + "]" * 33, "bad.toml:3: it has 33 arrays and tables inside each other; the limit is 32."),
    ("x = '''\n[[[[\n'''\na" + ".b" * 50_000 + " = 1", "bad.toml:4: it has 50,001 parts in a key; the limit is 32."),
    ("[a" + ' . "b" ' * 40 + "]", "bad.toml:1: it has 41 parts in a key; the limit is 32."),
    ("stride = 0x" + "f" * 9000, "bad.toml:1: it has 9,000 digits in a whole number; the limit is 16."),
    ("stride = 0o" + "7" * 23, "bad.toml:1: it has 23 digits in a whole number; the limit is 22."),
    ("stride = 0b" + "1" * 65, "bad.toml:1: it has 65 digits in a whole number; the limit is 64."),
    ("stride = -" + "1" * 20, "bad.toml:1: it has 20 digits in a whole number; the limit is 19."),
    (LONG + " = 1", f'bad.toml: unknown key "{LONG[:59]}…". Allowed here are name, description, source, tensors, input, classes, filter, stride, dilation, padding, border, combine, activation, slope, local_response, pool, weights, bias, names, groups, filters, size, dense, flatten and 2 more.'),
    (f"name = '{LONG[:1001]}'\n" + ONE_FILTER, "bad.toml: name: it has 1,001 characters in a name; the limit is 1,000."),
    (b"name = 'a'\n# caf\xe9\n", "bad.toml:2: byte 0xe9 is not UTF-8. Save the file as UTF-8 text."),
    ("strid = 2\n" + ONE_FILTER, 'bad.toml: unknown key "strid". Did you mean "stride"?'),
    ("[[layer]]\nzzz = 1", 'bad.toml: layer 1: unknown key "zzz". Allowed here are filter, stride, dilation, padding, border, combine, activation, slope, local_response, pool, weights, bias, names, groups, filters, size, dense, flatten, batch_norm, name, from, join.'),
    ("name = 3\n" + ONE_FILTER, "bad.toml: name: found the number 3; a text is needed here."),
    ("name = ''\n" + ONE_FILTER, "bad.toml: name: '' cannot be a name. A name is a line of text, and not \"*\"."),
    ("name = 'a/b'\n" + ONE_FILTER, "bad.toml: name: 'a/b' is used in file names, so it cannot contain / or \\ or :."),
    ("description = [1, 2]\n" + ONE_FILTER, "bad.toml: description: found an array of 2 values; a text is needed here."),
    ("source = 2017-12-09\n" + ONE_FILTER, "bad.toml: source: found a date or time; a text is needed here."),
]  # fmt: skip

FILTERS = [
    (with_filter("wieghts = [[1]]"), f'{IN_FILTER_A}: unknown key "wieghts". Did you mean "weights"?'),
    (with_filter(""), f"{IN_FILTER_A}: weights are missing. Write a matrix: weights = [[-1, 0, 1]]."),
    ("[[filter]]", "bad.toml: layer 1, filter 1: weights are missing. Write a matrix: weights = [[-1, 0, 1]]."),
    (with_filter("weights = [[1]]\ninputs = { x = [[1]] }"), f"{IN_FILTER_A}: weights and inputs are both given. Write weights for all channels, or inputs by name."),
    (with_filter("weights = [[1, 2, 3], [4, 5]]"), f"{IN_FILTER_A}, weights: row 2 has 2 numbers, row 1 has 3. Every row needs the same number."),
    (with_filter("weights = [[1, 2], []]"), f"{IN_FILTER_A}, weights: row 2 has 0 numbers, row 1 has 2. Every row needs the same number."),
    (with_filter("weights = [[[1]], [[1, 2], [3]]]"), f"{IN_FILTER_A}, weights, matrix 2: row 2 has 1 number, row 1 has 2. Every row needs the same number."),
    (with_filter("weights = 3"), f"{IN_FILTER_A}, weights: found the number 3; a matrix is needed here: [[1, 2], [3, 4]]."),
    (with_filter("weights = '1 2'"), f'{IN_FILTER_A}, weights: found the text "1 2"; a matrix is needed here: [[1, 2], [3, 4]].'),
    (with_filter("weights = [1, 2]"), f"{IN_FILTER_A}, weights: found the number 1 where row 1 should be; a matrix is needed here: [[1, 2], [3, 4]]."),
    (with_filter("weights = [[1], 2]"), f"{IN_FILTER_A}, weights: found the number 2 where row 2 should be; a matrix is needed here: [[1, 2], [3, 4]]."),
    (with_filter("weights = [[1, true]]"), f"{IN_FILTER_A}, weights, row 1, number 2: found true; a number is needed here."),
    (with_filter("weights = [[[1, 2]], [[3, 'x']]]"), f'{IN_FILTER_A}, weights, matrix 2, row 1, number 2: found the text "x"; a number is needed here.'),
    (with_filter("weights = []"), f"{IN_FILTER_A}, weights: the matrix is empty. Write at least one number: [[1]]."),
    (with_filter("weights = [[]]"), f"{IN_FILTER_A}, weights: the matrix is empty. Write at least one number: [[1]]."),
    (with_filter("weights = [[1], [nan]]"), f"{IN_FILTER_A}, weights, row 2, number 1: found nan; a finite number is needed here."),
    (with_filter("weights = [[-inf]]"), f"{IN_FILTER_A}, weights, row 1, number 1: found -inf; a finite number is needed here."),
    (with_filter("weights = [[1e39]]"), f"{IN_FILTER_A}, weights, row 1, number 1: found the number 1e+39; a number of magnitude 3.4e38 or less is needed here."),
    (with_filter("weights = [[1" + "0" * 400 + "]]"), "bad.toml:3: it has 401 digits in a whole number; the limit is 19."),
    (with_filter("weights = [[1e30]]\nscale = 1e30"), f"{IN_FILTER_A}, scale: the scaled weights are larger than 3.4e38."),
    (with_filter("weights = [[1]]\nscale = 'x'"), f'{IN_FILTER_A}, scale: found the text "x"; a number or a fraction such as "1/9" is needed here.'),
    (with_filter("weights = [[1]]\nbias = '1'"), f'{IN_FILTER_A}, bias: found the text "1"; a number is needed here.'),
    (with_filter("inputs = [[1]]"), f"{IN_FILTER_A}, inputs: found an array of 1 value; a table of matrices by channel name, {{ top = [[1]] }}, is needed here."),
    (with_filter("inputs = {}"), f"{IN_FILTER_A}, inputs: no channel is named. Write {{ top = [[1]] }} with the names of channels of the layer below."),
    (with_filter("inputs = { x = [[1, 2], [3]] }"), f'{IN_FILTER_A}, inputs, "x": row 2 has 1 number, row 1 has 2. Every row needs the same number.'),
    ("[[filter]]\nname = 7\nweights = [[1]]", "bad.toml: layer 1, filter 1, name: found the number 7; a text is needed here."),
    ("[[filter]]\nname = '*'\nweights = [[1]]", "bad.toml: layer 1, filter \"*\", name: '*' cannot be a name. A name is a line of text, and not \"*\"."),
    (ONE_FILTER + ONE_FILTER, 'bad.toml: layer 1: two filters are called "a". Give each its own name.'),
    ("[[filter]]\nname = '2'\nweights = [[1]]\n[[filter]]\nweights = [[1]]", 'bad.toml: layer 1: two filters are called "2". Give each its own name.'),
    (ONE_FILTER + "[[filter]]\nweights = [[[1]]]\n[[filter]]\ninputs = { a = [[1]] }", 'bad.toml: layer 1: filter "2" gives a matrix per input channel in order, filter "3" by the channels\' names. Within a layer write one or the other.'),
    ("[[filter]]\nweights = [[[1]]]\n[[filter]]\nweights = [[[1]], [[1]]]", 'bad.toml: layer 1: filter "1" has 1 input channel, filter "2" has 2 input channels. All filters of a layer must have the same input channels.'),
]  # fmt: skip

BELOW = "[[layer]]\n[[layer.filter]]\nname = 'top'\nweights = [[1]]\n[[layer.filter]]\nname = 'left'\nweights = [[1]]\n"
ABOVE = BELOW + "[[layer]]\n[[layer.filter]]\nname = 'c'\n"
IN_FILTER_C = 'bad.toml: layer 2, filter "c"'

DEEPER = [
    (ABOVE + "inputs = { tpo = [[1]] }", f'{IN_FILTER_C}, inputs: unknown channel "tpo". Did you mean "top"?'),
    (ABOVE + "inputs = { x = [[1]] }", f'{IN_FILTER_C}, inputs: unknown channel "x". The layer below has top, left.'),
    (
        ABOVE + "weights = [[[1]], [[1]], [[1]]]",
        f"{IN_FILTER_C}, weights: 3 matrices for the 2 channels of the layer below (top, left).",
    ),
    (
        ABOVE + "weights = [[[1]]]",
        f"{IN_FILTER_C}, weights: 1 matrix for the 2 channels of the layer below (top, left).",
    ),
]

ACTIVATION_KINDS = "none, relu, abs, relu6, leaky_relu, prelu, sigmoid, tanh, hard_sigmoid, hard_swish, softmax"

SETTINGS = [
    ("stride = 0", ": stride must be 1 or more, not 0."),
    ("stride = '2'", ": stride must be a whole number, 1 or more, not '2'."),
    ("stride = [1, 2, 3]", ": stride must be a whole number or two of them, not [1, 2, 3]."),
    ("dilation = 1.5", ": dilation must be a whole number, 1 or more, not 1.5."),
    ("padding = -1", ": padding must be 0 or more, not -1."),
    ("padding = 'some'", None),
    ("border = 'mirrored'", None),
    ("border = 0", ", border: found the number 0; a text is needed here."),
    (
        "activation = 'rely'",
        ', activation: "rely" is not known. Allowed are none, relu, abs, relu6, leaky_relu, prelu, sigmoid, tanh, '
        'hard_sigmoid, hard_swish, softmax. Did you mean "relu"?',
    ),
    ("pool = 'max'", ', pool: found the text "max"; write "max:2" or "mean:2", with any whole number from 1.'),
    ("pool = 'max:0'", ', pool: found the text "max:0"; write "max:2" or "mean:2", with any whole number from 1.'),
    ("pool = 'min:2'", ', pool: found the text "min:2"; write "max:2" or "mean:2", with any whole number from 1.'),
    ("pool = 2", ", pool: found the number 2; a text or a table is needed here."),
]

IN_COMBINATION_M = 'bad.toml: layer 1, combine "m"'
COMBINED = [
    ("combine = 3\n" + TWO_FILTERS, 'bad.toml: layer 1, combine: found the number 3; an array of tables, [{ name = "…", kind = "norm", of = ["…", "…"] }], is needed here.'),
    ("combine = [3]\n" + TWO_FILTERS, "bad.toml: layer 1, combine 1: found the number 3; a table is needed here."),
    (combined("kind = 'norm', of = ['a']"), 'bad.toml: layer 1, combine 1: name is missing. Write name = "…".'),
    (combined("name = 'm', of = ['a']"), f"{IN_COMBINATION_M}: kind is missing. It needs name, kind and of."),
    (combined("name = 'm', kind = 'norm'"), f"{IN_COMBINATION_M}: of is missing. It needs name, kind and of."),
    (combined("name = 'm', kind = 'norn', of = ['a']"), f'{IN_COMBINATION_M}, kind: "norn" is not known. Allowed are norm, max, sum, mean, difference. Did you mean "norm"?'),
    (combined("name = 'm', kind = 'take', of = ['a']"), f'{IN_COMBINATION_M}, kind: "take" is not known. Allowed are norm, max, sum, mean, difference.'),
    (combined("name = 'm', kind = 'norm', of = 'a'"), f'{IN_COMBINATION_M}, of: found the text "a"; an array of filter names is needed here.'),
    (combined("name = 'm', kind = 'norm', of = []"), f"{IN_COMBINATION_M}, of: found an empty array; an array of filter names is needed here."),
    (combined("name = 'm', kind = 'norm', of = ['a', 'q']"), f'{IN_COMBINATION_M}, of: unknown filter "q". There are a, b.'),
    (combined("name = 'm', kind = 'norm', of = ['a', 'm']"), f'{IN_COMBINATION_M}, of: "m" is a combination; only filters can be combined. Use a further [[layer]] for more.'),
    (combined("name = 'm', kind = 'norm', of = ['a', 'a']"), f'{IN_COMBINATION_M}, of: "a" is listed twice. Name each filter once.'),
    (combined("name = 'm', kind = 'difference', of = ['a']"), f"{IN_COMBINATION_M}, of: a difference needs at least two filters: the first minus all others."),
    (combined("name = 'a', kind = 'norm', of = ['b']"), 'bad.toml: layer 1: two filters or combinations are called "a". Give each its own name.'),
    (combined("nam = 'm'"), 'bad.toml: layer 1, combine 1: unknown key "nam". Did you mean "name"?'),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [*FILES, *FILTERS, *DEEPER, *COMBINED])
def test_an_error_is_reported_with_its_location(content, message):
    assert refusal(content) == message


@pytest.mark.parametrize(("line", "message"), SETTINGS)
def test_a_wrong_setting_is_reported_with_its_layer(line, message):
    found = refusal(f"{line}\n{ONE_FILTER}")
    if message is None:  # the message of cnnfx.conv, with the allowed names
        assert found.startswith(f"bad.toml: layer 1: {line.split()[0]} must be one of ")
        assert found.endswith(("?", "'some'."))
        assert not found.endswith("?.")
    else:
        assert found == f"bad.toml: layer 1{message}"


def test_a_missing_file_and_a_missing_preset_have_different_messages():
    assert refusal_of("none.toml") == "none.toml: there is no such file. Check the path, or name a preset."
    assert refusal_of(f".{os.sep}sobel").startswith("sobel: there is no such file.")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "f.toml").mkdir()
    assert (
        refusal_of("f.toml")
        == "f.toml: this is a folder. Give a filter file in it, or name the folder in CNNFX_FILTERS."
    )


def test_the_reason_is_given_why_a_file_cannot_be_read(tmp_path):
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    assert refusal_of("loop.toml").startswith("loop.toml: the file cannot be read: ")


def test_an_impossible_path_is_refused():
    assert refusal_of("a\0.toml").startswith("a\0.toml: the file cannot be read: ")


def test_a_huge_file_is_refused():
    assert refusal(b"#" * 10_000_001) == "bad.toml: the file is larger than 10 MB, the limit for filter files."


def test_a_missing_model_is_named():
    assert refusal_of("m.npz") == "m.npz: there is no such file. Check the path; cnnfx train makes a model."


WORDS = "* a b x y same relu prelu softmax max max:2 mean:all norm mirror 1/9 -1 input add multiply bgr gray depthwise classes"
words = st.sampled_from(["", *WORDS.split()])
scalars = st.one_of(st.booleans(), st.integers(-2, 4), st.floats(), words, st.dates(), st.just(10**400))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=2))

WHOLE = """
name = "n"
description = "d"
source = "s"
[[layer]]
stride = [1, 2]
dilation = 2
padding = [[1, 1], [0, 2]]
border = "edge"
activation = "abs"
pool = "mean:2"
combine = [{ name = "m", kind = "max", of = ["a", "b"] }]
[[layer.filter]]
name = "a"
weights = [[1, 2], [3, 4]]
scale = "1/2"
[[layer.filter]]
name = "b"
weights = [[0.5]]
bias = -1
[[layer]]
[[layer.filter]]
inputs = { a = [[1, 2]], m = [[3]] }
[[layer.filter]]
weights = [[1]]
"""

GRAPH = """
name = "n"
classes = ["a", "b"]
[input]
channels = "bgr"
size = [6, 7]
fit = "crop"
resize = 9
resample = "bicubic"
scale = 255
mean = [1, 2, 3]
std = [2, 2, 2]
[[layer]]
name = "x"
weights = [[[[1]], [[2]], [[3]]], [[[1]], [[0]], [[0]]]]
bias = [0, 1]
names = ["a", "b"]
batch_norm = { weight = 1, bias = [0, 1], running_mean = 0, running_var = [1, 2], epsilon = 0.1 }
activation = "prelu"
slope = [0.1, 0.2]
pool = { kind = "max", size = 3, stride = 2, padding = [[1, 0], [0, 1]], ceil = true, count_padding = false }
[[layer]]
name = "y"
weights = [[[[2]]], [[[3]]]]
groups = "depthwise"
local_response = { size = 3, alpha = 0.1, beta = 0.5, k = 2 }
[[layer]]
name = "z"
from = ["x", "y"]
join = "add"
activation = "softmax"
[[layer]]
weights = [[1, 2], [3, 4]]
dense = true
size = 1
names = "classes"
pool = "mean:all"
"""


def containers(value):
    """Yield every table and array in a value, including the value itself."""
    if isinstance(value, dict | list) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


@pytest.mark.parametrize("text", [WHOLE, GRAPH])
@given(data=st.data())
def test_any_tables_are_a_network_or_refused(text, data):
    content = tomllib.loads(text)
    for _ in range(data.draw(st.integers(1, 2))):
        container = data.draw(st.sampled_from(list(containers(content))))
        key = data.draw(st.sampled_from(list(container) if isinstance(container, dict) else range(len(container))))
        container[key] = data.draw(values)
    try:
        found = parse_network(content, Location("bad.toml"), "bad")
    except FileError as error:
        found = str(error)
    assert isinstance(found, Network) or found.startswith("bad.toml: ")
