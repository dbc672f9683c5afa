"""Errors in filter files that describe graphs, name tensors or have an input; each message says where and what."""

# ruff: noqa: E501 # a message is on one line with the file that it is about

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

from cnnfx.errors import FileError
from cnnfx.formats import load_network, toml_tensors

A = '[[layer]]\nname = "a"\n[[layer.filter]]\nweights = [[1]]\n'
B = '[[layer]]\nname = "b"\n'
TWO = "[[layer.filter]]\nweights = [[1]]\n[[layer.filter]]\nweights = [[1]]\n"
T = 'tensors = "t.npz"\n[input]\nchannels = "rgb"\n'
C = '[[layer]]\nname = "c"\nweights = "a.weight"\n'
FC = '[[layer]]\nname = "fc"\nweights = "f.weight"\ndense = true\n'


def doubled(count: int) -> str:
    """Return a file of layers that each join the one before twice."""
    layers = [
        f'[[layer]]\nname = "d{number}"\nfrom = ["d{number - 1}", "d{number - 1}"]\n' for number in range(1, count)
    ]
    return A.replace('"a"', '"d0"') + "".join(layers)


TENSORS_IN_FILE = {
    "a.weight": np.ones((4, 3, 3, 3), np.float16), "a.bias": np.zeros(4), "d.weight": np.ones((4, 1, 3, 3)),
    "f.weight": np.ones((2, 36)), "g.weight": np.ones((2, 34)), "nan": np.full(4, np.nan), "big": np.full(4, 1e300),
    "text": np.array(["a"]), "empty": np.zeros((0, 3, 1, 1)), "bn.weight": np.ones(4), "bn.bias": np.zeros(4),
    "bn.running_mean": np.zeros(4), "bn.running_var": np.array([1, 1, -0.5, 1]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.chdir(folder)
    np.savez("t.npz", **TENSORS_IN_FILE, objects=np.array([None]))
    (folder / "folder.npz").mkdir()
    np.savez(tmp_path / "other.npz", a=1)
    (folder / "away.npz").symlink_to(tmp_path / "other.npz")


def refusal(content: str) -> str:
    with open("bad.toml", "w", encoding="utf-8") as file:
        file.write(content)
    with pytest.raises(FileError) as caught:
        load_network("bad.toml")
    return str(caught.value)


GRAPHS = [
    (A + A, "layer 2 is called 'a', which is the name of layer 1, too. Give it another name."),
    (A + B + 'from = "c"', "layer b reads 'c', which does not exist. There are input, a, b."),
    (A + B + 'from = "A1"', 'layer b reads \'A1\', which does not exist. Did you mean "a"?'),
    (A + B + 'from = "b"', 'layer b is part of a cycle: b reads b. A layer cannot read its own output.'),
    ('[[layer]]\nname = "a"\nfrom = "b"\n' + B + 'from = "a"', 'layer a is part of a cycle: a reads b reads a. A layer cannot read its own output.'),
    ('[[layer]]\nname = "a"\nfrom = "b"\n' + B + "[[layer.filter]]\nweights = [[1]]\n", 'layer a is part of a cycle: a reads b reads a. A layer cannot read its own output.'),
    ('[[layer]]\nfrom = "b"\n' + B + 'from = "input"', "layer 1 reads 'b', which comes after it. Move layer 1 below 'b'."),
    (A + B + "from = 3", 'layer b, from: found the number 3; the name of a layer above, or an array of names, is needed here.'),
    (A + B + "from = []", 'layer b, from: no layer is named. Write the name of a layer above, or remove the key.'),
    (A + B + 'from = ["a", 1]', 'layer b, from: found an array of 2 values; the name of a layer above, or an array of names, is needed here.'),
    (A + B + 'from = "a"\njoin = "add"', 'layer b, join: the layer reads one input. Write from = ["…", "…"] to join several.'),
    (A + B + 'join = "add"', 'layer b, join: the layer reads one input. Write from = ["…", "…"] to join several.'),
    (A + B + 'from = ["a", "a"]\njoin = "plus"', 'layer b, join: "plus" is not known. Allowed are concat, add, multiply.'),
    ('[[layer]]\nname = "3"\n', 'layer 3, name: "3" cannot be the name of a layer: numbers, "input" and "all" are taken.'),
    ('[[layer]]\nname = "input"\n', 'layer input, name: "input" cannot be the name of a layer: numbers, "input" and "all" are taken.'),
    ('[[layer]]\nname = "all"\n', 'layer all, name: "all" cannot be the name of a layer: numbers, "input" and "all" are taken.'),
    ("[[layer]]\nname = 5\n", 'layer 1, name: found the number 5; a text is needed here.'),
    ("[[layer]]\nname = ''\n", 'layer 1, name: \'\' cannot be a name. A name is a line of text, and not "*".'),
    (A + B + TWO + '[[layer]]\nfrom = ["a", "b"]\njoin = "add"', 'layer 3, from: join = "add" needs inputs with the same number of channels: a has 1, b has 2.'),
    (A + B + TWO + '[[layer]]\nname = "c"\nfrom = ["a", "b"]\n[[layer.filter]]\nweights = [[[1]], [[1]]]', 'layer c, filter 1, weights: 2 matrices for the 3 channels of the joined input (1 to 3).'),
    (A + B + TWO + '[[layer]]\nname = "c"\nfrom = "a"\n[[layer.filter]]\nweights = [[[1]], [[1]]]', 'layer c, filter 1, weights: 2 matrices for the 1 channel of layer a (1).'),
    (A + B + TWO + '[[layer]]\nname = "c"\nfrom = ["a", "b"]\n[[layer.filter]]\ninputs = { x = [[1]] }', 'layer c, filter 1, inputs: unknown channel "x". The joined input has 1 to 3.'),
    (A + B, 'layer b: there are no filters. Write at least one [[filter]] with weights.'),
    (A + B + "stride = 2\nactivation = 'relu'", 'layer b, stride: the layer has no filters. Write stride in a layer with filters.'),
    (A + B + "bias = [1]\npool = 'max:2'", 'layer b, bias: the layer has no filters. Write bias in a layer with filters.'),
    (A + B + "names = ['q']\nactivation = 'relu'", 'layer b, names: the layer has no filters. Write names in a layer with filters.'),
    (A + B + "bias = [1]\n" + TWO, 'layer b, bias: the layer has no weights. Write bias in a layer with weights = ….'),
    ("[input]\nchannels = 'rgb'\nsize = 8\n[[layer]]\nname = 'a'\npool = 'max:2'\n" + B + 'from = ["a", "input"]', 'layer b of bad: its inputs do not fit together (concat): a has 3 channels of 4×4, input has 3 channels of 8×8.'),
    ("[input]\nchannels = 'gray'\nsize = 2\n" + A + B + "weights = [[[[1, 1, 1]]]]", 'layer b of bad: kernel of 3×1 is larger than the image of 2×2; use a smaller kernel, a larger image or padding="same". The smallest image that bad takes is 3×1.'),
    ("[[layer]]\nactivation = 'relu'\ncombine = [{ name = 'm', kind = 'norm', of = ['a'] }]", 'layer 1, combine "m", of: unknown filter "a".'),
    (doubled(30), 'layer d17: it has 131,072 joined channels; the limit is 65,536.'),
]  # fmt: skip

TENSORS = [
    ('weights = "a.weight"', 'layer 1, weights: "a.weight" is the name of a tensor, but the file names no tensors. Write tensors = "NAME.npz" at the top, with the name of a file in the same folder.'),
    ('tensors = "x.npz"\nweights = "a.weight"', 'tensors: there is no file x.npz beside the filter file.'),
    ('tensors = "../t.npz"\nweights = "a.weight"', "tensors: '../t.npz' is not the name of a file in the same folder."),
    ('tensors = "/t.npz"\nweights = "a.weight"', "tensors: '/t.npz' is not the name of a file in the same folder."),
    ('tensors = "C:t.npz"\nweights = "a.weight"', "tensors: 'C:t.npz' is not the name of a file in the same folder."),
    ("tensors = 'a\\t.npz'\nweights = 'a.weight'", "tensors: 'a\\\\t.npz' is not the name of a file in the same folder."),
    ('tensors = ".."\nweights = "a.weight"', "tensors: '..' is not the name of a file in the same folder."),
    ('tensors = ""\nweights = "a.weight"', "tensors: '' is not the name of a file in the same folder."),
    ('tensors = 3\nweights = "a.weight"', 'tensors: found the number 3; a text is needed here.'),
    ('tensors = "bad.toml"\nweights = "a.weight"', 'tensors: bad.toml: this is not an .npz file, or only a part of one.'),
    ('tensors = "folder.npz"\nweights = "a.weight"', 'tensors: folder.npz is no regular file.'),
    ('tensors = "away.npz"\nweights = "a.weight"', 'tensors: away.npz is a link to a file in another folder. Put the file itself there.'),
    (T + '[[layer]]\nweights = "a.wieght"', 'layer 1, weights: t.npz has no tensor "a.wieght". Did you mean "a.weight"?'),
    (T + '[[layer]]\nweights = "zzz"', 'layer 1, weights: t.npz has no tensor "zzz". There are a.weight, a.bias, d.weight, f.weight, g.weight, nan, big, text, empty, bn.weight, bn.bias, bn.running_mean and 2 more.'),
    (T + C + 'bias = "a.weight"', 'layer c, bias: the tensor "a.weight" has the shape (4, 3, 3, 3); (4,) is needed here.'),
    (T + C + 'bias = "nan"', 'layer c, bias: the tensor "nan" has values that are NaN, infinite or too large for float32.'),
    (T + C + 'bias = "big"', 'layer c, bias: the tensor "big" has values that are NaN, infinite or too large for float32.'),
    (T + C + 'bias = "text"', 'layer c, bias: the tensor "text" is <U1 of shape (1,); numbers are needed here.'),
    (T + C + 'bias = "objects"', 'layer c, bias: t.npz: the array objects cannot be read (a pickle).'),
    (T + C + "bias = [1, 2]", 'layer c, bias: found an array of shape (2,); (4,) is needed here.'),
    (T + C + "bias = ['a']", 'layer c, bias: found the text "a"; a number is needed here.'),
    (T + C + "bias = true", 'layer c, bias: found true; the name of a tensor, or numbers, are needed here.'),
    (T + C + "bias = [nan, 1, 1, 1]", 'layer c, bias: found nan; a finite number is needed here.'),
    (T + C + "bias = []", 'layer c, bias: an array is empty. Write at least one number.'),
    (T + '[[layer]]\nweights = "empty"', 'layer 1, weights: the tensor "empty" is float64 of shape (0, 3, 1, 1); numbers are needed here.'),
    (T + '[[layer]]\nweights = "a.bias"', 'layer 1, weights: the tensor "a.bias" has the shape (4,); (filters, channels, rows, columns) is needed here.'),
    (T + "[[layer]]\nweights = 3", 'layer 1, weights: found an array of shape (); (filters, channels, rows, columns) is needed here.'),
    (T + "[[layer]]\nweights = [[1]]", 'layer 1, weights: found an array of shape (1, 1); (filters, channels, rows, columns) is needed here.'),
    (T + "[[layer]]\nweights = [[[[1, 2]], [[1]]]]", 'layer 1, weights: the arrays have different lengths.'),
    (T + "[[layer]]\nweights = { a = 1 }", 'layer 1, weights: found a table; the name of a tensor, or numbers, are needed here.'),
    (T + C + C.replace('"c"', '"d"'), 'layer d, weights: the tensor "a.weight" has the shape (4, 3, 3, 3); (any, 4, any, any) is needed here.'),
    (T + C + TWO, 'layer c: weights and [[filter]] are both given. Write one or the other.'),
    (T + C + "groups = 2", 'layer c, groups: 3 input channels cannot be divided into 2 groups.'),
    (T + C + "groups = 3", 'layer c, weights: the tensor "a.weight" has the shape (4, 3, 3, 3); (any, 1, any, any) is needed here.'),
    (T + C + "groups = 0", 'layer c, groups: found the number 0; a whole number from 1, or "depthwise", is needed here.'),
    (T + C + "groups = 'depth'", 'layer c, groups: found the text "depth"; a whole number from 1, or "depthwise", is needed here.'),
    (T + C + '[[layer]]\nweights = "d.weight"\ngroups = 2', 'layer 2, weights: the tensor "d.weight" has the shape (4, 1, 3, 3); (any, 2, any, any) is needed here.'),
    ('tensors = "t.npz"\nweights = "d.weight"\ngroups = "depthwise"', 'layer 1, groups: the number of input channels is not known here. Write groups = NUMBER.'),
    (T + '[[layer]]\nweights = "d.weight"\ngroups = "depthwise"', 'layer 1, groups: 4 filters cannot be divided into 3 groups.'),
    (T + C + "names = ['a']", 'layer c, names: 1 name for 4 filters.'),
    (T + C + "names = ['a', 'b', 'c', 'a']", 'layer c, names: two filters are called "a". Give each its own name.'),
    (T + C + "names = [1, 2, 3, 4]", 'layer c, names, name 1: found the number 1; a text is needed here.'),
    (T + C + "names = 'classes'", 'layer c, names: the file has no classes. Write classes = ["…", "…"] at the top.'),
    (T + C + "names = 'clases'", 'layer c, names: found the text "clases"; an array of names, or "classes", is needed here.'),
    (T + C + "dense = true", 'layer c, weights: the tensor "a.weight" has the shape (4, 3, 3, 3); (filters, inputs) is needed here.'),
    (T + C + "dense = 1", 'layer c, dense: found the number 1; true or false is needed here.'),
    (T + C + 'flatten = "hwc"', 'layer c, flatten: the layer has no dense filters. Write flatten in a layer with dense = true.'),
    (T + C + "size = 5", 'layer c, weights: the tensor "a.weight" has the shape (4, 3, 3, 3); (any, 3, 5, 5) is needed here.'),
    (T + C + "size = [3, 1]", 'layer c, weights: the tensor "a.weight" has the shape (4, 3, 3, 3); (any, 3, 3, 1) is needed here.'),
    (T + C + "filters = 8", 'layer c, weights: the tensor "a.weight" has the shape (4, 3, 3, 3); (8, 3, any, any) is needed here.'),
    (T + C + "filters = 0", "layer c, filters: found the number 0; a whole number from 1 is needed here."),
    (T + C + FC + "size = [2, 3]", 'layer fc, weights: 36 inputs of the dense filters are not 4 channels of 3×2.'),
    (T + C + FC + "size = [0, 3]", 'layer fc, size: found an array of 2 values; a whole number from 1, or [rows, columns], is needed here.'),
    (T + C + FC.replace("f.weight", "g.weight"), 'layer fc, weights: 34 inputs of the dense filters are not 4 channels of 3×3. Write size = [rows, columns].'),
    ('tensors = "t.npz"\n' + FC, 'layer fc: the number of input channels is not known here. Write size = [rows, columns].'),
    ('tensors = "t.npz"\n' + FC + "size = 5", 'layer fc, weights: 36 inputs of the dense filters are not 1 channel of 5×5.'),
]  # fmt: skip

STEPS = [
    (C + "batch_norm = 'bn'", 'layer c, batch_norm: the variance of channel 3 is negative (-0.5), so these are not the values of a batch normalization.'),
    (C + "batch_norm = 'bm'", 'layer c, batch_norm, running_mean: t.npz has no tensor "bm.running_mean". Did you mean "bn.running_mean"?'),
    (C + "batch_norm = 3", 'layer c, batch_norm: found the number 3; a table is needed here.'),
    (C + "batch_norm = { mean = 0 }", 'layer c, batch_norm: unknown key "mean". Allowed here are weight, bias, running_mean, running_var, epsilon.'),
    (C + "batch_norm = { running_mean = 0 }", 'layer c, batch_norm: running_var is missing. It needs running_mean and running_var.'),
    (C + "batch_norm = { running_mean = 0, running_var = 0, epsilon = 0 }", 'layer c, batch_norm: the variance of a channel plus epsilon is not more than 0.'),
    (C + "batch_norm = { running_mean = [1, 2], running_var = 1 }", 'layer c, batch_norm, running_mean: found an array of shape (2,); (4,) is needed here.'),
    (C + "[[layer]]\nbatch_norm = 'bn'", 'layer 2, batch_norm: the variance of channel 3 is negative (-0.5), so these are not the values of a batch normalization.'),
    (C + "activation = 'prelu'", 'layer c: slope is missing. Write the slope for each channel, or the name of a tensor.'),
    (C + "activation = 'prelu'\nslope = [1, 2]", 'layer c, slope: found an array of shape (2,); (4,) is needed here.'),
    (C + "activation = 'prelu'\nslope = 'nan'", 'layer c, slope: the tensor "nan" has values that are NaN, infinite or too large for float32.'),
    (C + "slope = 2", 'layer c, slope: a slope is a number for leaky_relu, or one number for each channel for prelu.'),
    (C + "activation = 'leaky_relu'\nslope = 'x'", 'layer c, slope: found the text "x"; a number is needed here.'),
    (C + "activation = 'leaky_relu'\nslope = [1]", 'layer c, slope: found an array of 1 value; a number is needed here.'),
    (C + "local_response = 3", 'layer c, local_response: found the number 3; a table is needed here.'),
    (C + "local_response = {}", 'layer c, local_response: size is missing. Write { size = 5 }, the number of channels.'),
    (C + "local_response = { size = 0 }", 'layer c, local_response: the size of a local response normalization must be 1 or more, not 0.'),
    (C + "local_response = { size = 2.5 }", 'layer c, local_response, size: found the number 2.5; a whole number is needed here.'),
    (C + "local_response = { size = 3, beta = 'x' }", 'layer c, local_response, beta: found the text "x"; a number is needed here.'),
    (C + "local_response = { size = 3, beta = -1 }", 'layer c, local_response: beta of a local response normalization must be 0 or more, not -1.0.'),
    (C + "local_response = { size = 3, gamma = 1 }", 'layer c, local_response: unknown key "gamma". Allowed here are size, alpha, beta, k.'),
    (C + "pool = {}", 'layer c, pool: kind is missing. Write { kind = "max", size = 3, stride = 2 }.'),
    (C + "pool = { kind = 'max' }", 'layer c, pool: size is missing. Write { kind = "max", size = 3, stride = 2 }.'),
    (C + "pool = { kind = 'min', size = 2 }", 'layer c, pool, kind: "min" is not known. Allowed are max, mean, avg.'),
    (C + "pool = { kind = 'max', size = 0 }", 'layer c, pool: the size of a pooling must be a whole number from 1, or two, not 0.'),
    (C + "pool = { kind = 'max', size = 2.5 }", 'layer c, pool, size: found the number 2.5; a whole number, or [vertical, horizontal], is needed here.'),
    (C + "pool = { kind = 'max', size = [] }", 'layer c, pool, size: found an empty array; a whole number, or [vertical, horizontal], is needed here.'),
    (C + "pool = { kind = 'max', size = [1, 2, 3] }", 'layer c, pool: the size of a pooling must be a whole number from 1, or two, not [1, 2, 3].'),
    (C + "pool = { kind = 'max', size = 2, padding = 2 }", 'layer c, pool: the padding of pool max must be less than its size of 2×2.'),
    (C + "pool = { kind = 'max', size = 2, ceil = 1 }", 'layer c, pool, ceil: found the number 1; true or false is needed here.'),
    (C + "pool = { kind = 'max', size = 'all', stride = 2 }", 'layer c, pool: a pooling of whole maps has no stride and no padding.'),
    (C + "pool = { kind = 'max', size = 2, strides = 2 }", 'layer c, pool: unknown key "strides". Did you mean "stride"?'),
]  # fmt: skip

INPUTS = [
    ("input = 3", 'input: found the number 3; a table is needed here.'),
    ("[input]\ncolor = 'rgb'", 'input: unknown key "color". Allowed here are channels, size, fit, resize, resample, scale, mean, std, background.'),
    ("[input]\nchannels = 'cmyk'", 'input, channels: "cmyk" is not known. Allowed are auto, gray, rgb, bgr.'),
    ("[input]\nsize = 'x'", 'input, size: found the text "x"; a whole number, or [height, width], is needed here.'),
    ("[input]\nsize = [1, 2, 3]", 'input, size: found an array of 3 values; a whole number, or [height, width], is needed here.'),
    ("[input]\nsize = 0", 'input, size: 0; whole numbers from 1 to 32768 are needed.'),
    ("[input]\nfit = 'cut'", "input, fit: 'cut' is not known. Known are squash, crop, digit."),
    ("[input]\nfit = 3", 'input, fit: found the number 3; a text is needed here.'),
    ("[input]\nresize = 2.5", 'input, resize: found the number 2.5; a whole number is needed here.'),
    ("[input]\nresample = 'nearest'", "input, resample: 'nearest' is not known. Known are bilinear, bicubic."),
    ("[input]\nscale = 'x'", 'input, scale: found the text "x"; a number is needed here.'),
    ("[input]\nscale = -1", 'input, scale: a number above 0 is needed.'),
    ("[input]\nmean = [1, 2]\nchannels = 'rgb'", 'input, mean: 2 numbers; one number, or one for each channel is needed.'),
    ("[input]\nmean = 'x'", 'input, mean: found the text "x"; a number is needed here.'),
    ("[input]\nmean = []", 'input, mean: 0 numbers; one number, or one for each channel is needed.'),
    ("[input]\nstd = [1, 0]", 'input, std: a number above 0 is needed.'),
    ("[input]\nstd = nan", 'input, std: found nan; a finite number is needed here.'),
    ("classes = 3", 'classes: found the number 3; an array of names, or the name of a text file, is needed here.'),
    ("classes = []", 'classes: there are no names. Write at least one.'),
    ("classes = [3]", 'classes: name 1 is the number 3; a name is a line of text.'),
    ("classes = ['a', ' ']", "classes: name 2 is ' '; a name is a line of text."),
    ("classes = ['a', 'a']", 'classes: two classes are called "a". Give each its own name.'),
    ("classes = 'no.txt'", 'classes: there is no file no.txt beside the filter file.'),
    ("classes = '../no.txt'", "classes: '../no.txt' is not the name of a file in the same folder."),
    ("classes = ['a', 'b', 'c']", 'classes: there are 3 classes for 1 output channel of the last layer.'),
]  # fmt: skip

OTHERS = [
    ("[input]\nchannels = 'bgr'\n[[layer]]\npool = 'max:2'", 'layer 1: a layer that reads a "bgr" image needs filters on all three channels, and only this input.'),
    ("[input]\nchannels = 'bgr'\n[[layer]]\nweights = [[[[1]]], [[[1]]], [[[1]]]]\ngroups = 3", 'layer 1: a layer that reads a "bgr" image needs filters on all three channels, and only this input.'),
    ("classes = ['a', 'b', 'c', 'd']\n" + T + "size = 9\n" + C, 'classes: the last layer makes maps of 7×7, where one score for each class is needed. End with pool = "mean:all", or with dense filters.'),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [*GRAPHS, *TENSORS, *OTHERS])
def test_an_error_is_reported_with_its_location(content, message):
    assert refusal(content) == f"bad.toml: {message}"


@pytest.mark.parametrize(("layer", "message"), STEPS)
def test_a_wrong_step_is_reported_with_its_layer(layer, message):
    assert refusal(T + layer) == f"bad.toml: {message}"


@pytest.mark.parametrize(("top", "message"), INPUTS)
def test_a_wrong_input_or_class_is_reported(top, message):
    assert refusal(f"{top}\n[[layer]]\n[[layer.filter]]\nweights = [[1]]") == f"bad.toml: {message}"


def test_tensors_that_are_larger_together_than_the_limit_are_not_read(monkeypatch):
    monkeypatch.setattr(toml_tensors, "MAX_TENSOR_BYTES", 4 * (4 * 3 * 3 * 3 + 4) - 1)
    assert refusal(T + C + 'bias = "a.bias"') == (
        'bad.toml: layer c, bias: with the tensor "a.bias", the tensors are larger than 0 MB, the limit.'
    )


def header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def test_a_tensor_whose_header_gives_a_huge_size_is_not_allocated():
    with zipfile.ZipFile("t.npz", "w") as archive:
        archive.writestr("w.npy", header((10**6, 3, 30, 30)) + bytes(1000))
    assert refusal(T + '[[layer]]\nweights = "w"') == (
        'bad.toml: layer 1, weights: with the tensor "w", the tensors are larger than 1,024 MB, the limit.'
    )


def test_a_tensor_that_is_longer_than_its_header_says_is_refused():
    with zipfile.ZipFile("t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", header((1, 3, 1, 1)) + bytes(300_000_000))
    assert refusal(T + '[[layer]]\nweights = "w"').startswith("bad.toml: layer 1, weights: t.npz: the array w ")


def test_a_tensor_that_is_cut_off_is_refused():
    with zipfile.ZipFile("t.npz", "w") as archive:
        archive.writestr("w.npy", header((5, 3, 3, 3)) + bytes(100))
    assert refusal(T + '[[layer]]\nweights = "w"').startswith(
        "bad.toml: layer 1, weights: t.npz: the array w cannot be read ("
    )


def test_a_text_file_of_classes_must_be_utf_8():
    with open("names.txt", "wb") as file:
        file.write(b"caf\xe9\n")
    assert "names.txt:1: byte 0xe9 is not UTF-8" in refusal(
        'classes = "names.txt"\n[[layer]]\n[[layer.filter]]\nweights = [[1]]'
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("key", ["tensors", "classes"])
def test_a_named_pipe_is_not_waited_for(key):
    os.mkfifo("pipe")
    content = f'{key} = "pipe"\n[[layer]]\n[[layer.filter]]\nweights = [[1]]'
    assert refusal(content) == f"bad.toml: {key}: pipe is no regular file."
