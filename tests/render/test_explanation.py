"""The arithmetic of one output as text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cnnfx.images import Image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.trace import explain
from cnnfx.render.explanation import ExplanationWriter, introduction


def layer(kernels, bias=0, names=None, channels=1, finish=None, **settings):
    """Return a layer of kernels that are the same on every input channel."""
    weights = np.repeat(np.array(kernels, np.float32)[:, None], channels, axis=1)
    conv = Conv(weights, np.full(len(kernels), bias, np.float32), **settings)
    return Layer(conv, names or tuple(f"k{number}" for number in range(1, len(kernels) + 1)), **(finish or {}))


def image(values, names=("gray",)):
    return Image("a.png", np.array(values, np.float32).reshape(len(names), *np.shape(values)[-2:]), names)


def explanation_lines(picture, *layers, at=(0, 0), channels=None, depth=1, **options):
    maps = feature_maps(Network(layers, "net"), picture, picture.channel_names)
    found = explain(maps, picture.channel_names, *at, channels, depth)
    writer = ExplanationWriter(**options)
    return [line for one in found for line in writer.lines(one)]


ROWS = [[1, 2, 3], [4, 5, 6]]


def test_one_input_channel_is_one_equation_and_an_addition():
    assert explanation_lines(image(ROWS), layer([[[1, 0], [-1, 2]]], bias=0.5), at=(0, 1)) == [
        "k1 at 1,0 = 9.5",
        "  patch     weights     products",
        "   2 3   ×    1  0   =    2  0",
        "   5 6       -1  2       -5 12",
        "",
        "    sum of products  9.0",
        "  + bias             0.5",
        "  = k1               9.5",
    ]


def test_the_sums_of_several_input_channels_are_added():
    lines = explanation_lines(image([[[1]], [[2]]], ("red", "blue")), layer([[[3]]], bias=-20, channels=2))
    assert lines[1:3] == ["  input red:", "  patch     weights     products"]
    assert lines[5] == "  input blue:"
    assert lines[-4:] == ["    red     3", "  + blue    6", "  + bias  -20", "  = k1    -11"]


def test_of_many_input_channels_those_with_the_largest_sums_are_shown():
    names = tuple(f"c{number}" for number in range(6))
    lines = explanation_lines(image([[[9]], [[1]], [[-8]], [[2]], [[7]], [[3]]], names), layer([[[1]]], channels=6))
    assert [line for line in lines if "input" in line] == [
        "  input c0:", "  input c2:", "  input c4:",
        "  Shown are the 3 of 6 input channels with the largest sums.",
    ]  # fmt: skip
    assert lines[-6:] == [
        "    c0         9", "  + c2        -8", "  + c4         7",
        "  + 3 others   6", "  + bias       0", "  = k1        14",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "formula"),
    [
        ("norm", "√(x² + y²) = √(3² + (-4)²) = 5"),
        ("max", "max(x, y) = max(3, -4) = 3"),
        ("sum", "x + y = 3 + (-4) = -1"),
        ("mean", "(x + y) / 2 = (3 + (-4)) / 2 = -0.5"),
        ("difference", "x - y = 3 - (-4) = 7"),
    ],
)
def test_a_combination_is_written_with_its_numbers(kind, formula):
    combine = (Combination("both", kind, (0, 1)),)
    lines = explanation_lines(image([[1]]), layer([[[3]], [[-4]]], names=("x", "y"), finish={"combine": combine}))
    assert lines[1] == "  filter x:"
    assert lines[-1] == f"  {formula}"


def test_a_sum_is_shown_once():
    combine = (Combination("y", "take", (1,)), Combination("sum", "sum", (1, 1)))
    lines = explanation_lines(image([[1]]), layer([[[3]], [[-4]]], names=("x", "y"), finish={"combine": combine}))
    assert lines[-4:] == [
        "sum at 0,0 = -8",
        "  y at 0,0 = -4, as above",
        "  y at 0,0 = -4, as above",
        "  y + y = -4 + (-4) = -8",
    ]


@pytest.mark.parametrize(
    ("kind", "line"), [("relu", "  ReLU: max(0, -3) = 0"), ("abs", "  |-3| = 3")]
)  # fmt: skip
def test_the_activation_is_shown_with_its_input_and_output(kind, line):
    assert explanation_lines(image([[1]]), layer([[[-3]]], finish={"activation": Activation(kind)}))[-1] == line


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("max", "  Max pooling keeps the largest of 2×2 outputs: the one at 1,1 before pooling.",
         ["  The 2×2 outputs before pooling:", "     1   2", "     4  *5", "  max = 5"]),
        ("mean",
         "  Mean pooling averages 2×2 outputs; shown is the one of the largest magnitude, at 1,1 before pooling.",
         ["  The 2×2 outputs before pooling:", "     1   2", "     4  *5", "  mean = 3"]),
    ],
)  # fmt: skip
def test_pooling_shows_all_values_and_marks_the_explained_one(kind, first, last):
    lines = explanation_lines(image(ROWS), layer([[[1]]], finish={"pool": Pool(kind, 2)}), width=120)
    assert lines[1] == first
    assert lines[-4:] == last


@pytest.mark.parametrize(
    ("border", "corner", "note"),
    [
        ("constant", "[0] [0]", "zeros"),
        ("edge", "[1] [1]", "values repeated from inside (edge)"),
    ],
)
def test_values_in_the_padding_are_in_brackets(border, corner, note):
    lines = explanation_lines(image(ROWS), layer([[[1, 1], [1, 1]]], padding=1, border=border))
    assert lines[2].strip().startswith(corner)
    assert f"  [ ] marks the padding: {note}." in lines


def test_of_a_large_kernel_the_middle_is_shown():
    lines = explanation_lines(image(np.ones((9, 31))), layer([np.ones((9, 31))]))
    assert lines[-4:] == [
        "  Shown is the middle, 7×7 of 31×9; the sums are over the whole kernel.",
        "    sum of products  279",
        "  + bias               0",
        "  = k1               279",
    ]
    assert lines[2] == "  1 1 1 1 1 1 1     1 1 1 1 1 1 1     1 1 1 1 1 1 1"


@pytest.mark.parametrize(("width", "side"), [(69, 7), (68, 5), (51, 5), (50, 3), (20, 3)])
def test_where_matrices_do_not_fit_less_of_the_kernel_is_shown(width, side):
    small = np.full((9, 9), 0.0012)  # products of eight characters, 1.44e-06
    lines = explanation_lines(image(small), layer([small]), width=width)
    assert f" {side}×{side} of 9×9; the sums are over the whole kernel." in " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= max(width, 33)


def test_nan_is_written_as_nan():
    lines = explanation_lines(image([[np.nan]]), layer([[[1]]]))
    assert lines[0] == "k1 at 0,0 = nan"
    assert lines[-1] == "  = k1               nan"


def test_products_that_cancel_have_the_sum_zero():
    lines = explanation_lines(image([[0.1, 0.2, 0.3]]), layer([[[1, 1, -1]]]))
    assert lines[0] == "k1 at 0,0 = 0"
    assert lines[-1] == "  = k1               0"


def test_the_largest_contributions_of_the_layer_below_are_explained():
    lines = explanation_lines(
        image([[1, 2, 3, 4, 5]]), layer([[[2]]]), layer([[[0, 1, 2, 3, 4]]], names=("top",)), depth=2
    )
    text = " ".join(line.strip() for line in lines)
    assert (
        "Below, in layer 1, the 3 numbers of the patch with the largest products; "
        "the other one that is not 0 adds 4: 1. k1"
    ) in text.replace("  ", " ")
    assert [line for line in lines if re.match(r"  \d\. ", line)] == [
        "  1. k1 at 4,0 = 10, which adds 40",
        "  2. k1 at 3,0 = 8, which adds 24",
        "  3. k1 at 2,0 = 6, which adds 12",
    ]
    assert lines[-1] == "    = k1               6"


def test_one_contribution_or_none_is_described():
    one = explanation_lines(image([[1, 2]]), layer([[[2]]]), layer([[[0, 1]]]), depth=2)
    assert "  Below, in layer 1, the one number of the patch whose product is not 0:" in one
    none = explanation_lines(image([[1, 2]]), layer([[[2]]]), layer([[[0, 0]]]), depth=2)
    assert none[-1] == "  Below, in layer 1, nothing adds to it: all products are 0."


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("depth", [1, 2])
def test_lines_for_kernels_of_3_and_5_fit_80_columns(side, depth):
    random = np.random.default_rng(side)
    picture = image(random.random((30, 30)))
    layers = [
        layer(random.normal(size=(2, side, side)), 0.1, channels=channels, padding=2, finish={"pool": Pool("max", 2)})
        for channels in (1, 2)
    ]  # fmt: skip
    for colors in ("none", "truecolor"):
        lines = explanation_lines(picture, *layers, depth=depth, colors=colors, width=80)
        assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in lines) <= 80


def test_with_colors_the_patch_is_drawn_beside_its_values():
    lines = explanation_lines(image([[0, 1], [0.2, 0.4]]), layer([[[1, 1], [1, 1]]]), colors="truecolor")
    assert lines[0] == "\x1b[1mk1 at 0,0 = 1.6\x1b[0m"
    assert "\x1b[48;2;0;0;0m  \x1b[48;2;255;255;255m  \x1b[0m  0.0 1.0" in lines[2]
    assert "\x1b[48;2;51;51;51m  \x1b[48;2;102;102;102m  \x1b[0m  0.2 0.4" in lines[3]


def test_a_normalized_patch_is_drawn_like_the_image():
    picture = image([[0, 1]])
    network = Network((layer([[[1, 1]]]),), "net", input=Input(mean=0.5, std=0.25))
    (one,) = explain(feature_maps(network, picture, ("gray",)), ("gray",), 0, 0)
    lines = list(ExplanationWriter(colors="truecolor", normalization=Input(mean=0.5, std=0.25)).lines(one))
    assert "\x1b[48;2;0;0;0m  \x1b[48;2;255;255;255m  \x1b[0m  -2  2" in lines[2]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "columns 1 to 2 and row 0 of the image."),
        ({"dilation": 2}, "columns 1 to 3 and row 0 of the image, with gaps."),
        ({"padding": ((0, 0), (3, 0))}, "no column and row 0 of the image, and some of the padding around it."),
        ({"padding": ((0, 0), (2, 0))}, "column 0 and row 0 of the image, and some of the padding around it."),
    ],
)
def test_the_introduction_describes_the_receptive_field(settings, text):
    picture = image([[1, 2, 3, 4]])
    network = Network((layer([[[1, 1]]], **settings),), "net", input=Input(mean=0.5, std=0.25))
    title, field, normalized = introduction(feature_maps(network, picture, ("gray",)), "a.png", 0, 1)
    assert title.startswith("a.png (4×1) through net: position 1,0 of ")
    assert field == f"Its receptive field is {text}"
    assert normalized == "The image is normalized first, (value - 0.5) / 0.25: 0 becomes -2, 1 becomes 2."


def test_by_default_lines_are_not_wrapped():
    picture = Image("a.png", np.ones((1, 30, 30), np.float32), ("gray",))
    lines = explanation_lines(picture, layer([np.full((7, 7), 1 / 3)], finish={"pool": Pool("mean", 2)}))
    assert lines[1].endswith("outputs; shown is the one of the largest magnitude, at 0,0 before pooling.")
    assert [len(line.split("=")) for line in lines if "×  " in line] == [2]
