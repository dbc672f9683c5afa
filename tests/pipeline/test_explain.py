"""The arithmetic of output channels at one position, from Python."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

import cnnfx

STEP = np.repeat(np.array([[0, 0, 0, 1, 1, 1]], np.float32), 5, axis=0)


def test_outputs_are_explained_at_a_column_and_row() -> None:
    found = cnnfx.explain(STEP, "sobel", at=(1, 0), only="x")
    (output,) = found.outputs
    assert (found.x, found.y, output.column, output.row) == (1, 0, 1, 0)
    assert output.value == 4
    (term,) = output.points[0].sums[0].terms
    np.testing.assert_array_equal(term.products, [[0, 0, 1], [0, 0, 2], [0, 0, 1]])


def test_by_default_the_strongest_position_of_the_first_channel_is_explained() -> None:
    spot = np.zeros((9, 12), np.float32)
    spot[5, 7] = 1
    found = cnnfx.explain(spot, cnnfx.parse_kernel("0 0 0; 0 1 0; 0 0 0"))
    assert (found.x, found.y) == (6, 4)


def test_all_channels_are_explained_unless_some_are_chosen() -> None:
    names = [output.channel for output in cnnfx.explain(STEP, "sobel", at=(0, 0)).outputs]
    assert names == ["x", "y", "magnitude"]


def test_the_text_is_that_of_the_command(tmp_path) -> None:
    from tests.cli.commands import done

    path = tmp_path / "step.png"
    PIL.Image.fromarray((255 * STEP).astype(np.uint8)).save(path)
    shown = done("explain", path, "-f", "sobel", "--only", "x", "--at", "1,0").stdout
    assert cnnfx.explain(path, "sobel", at=(1, 0), only="x").text(columns=None) == shown.rstrip("\n")
    assert str(cnnfx.explain(path, "sobel", at=(1, 0))).replace("\n", " ").startswith(f"{path} (6×5) through sobel")


def test_an_explanation_is_shown_in_a_line() -> None:
    found = cnnfx.explain(STEP, "sobel", at=(1, 0))
    assert repr(found) == "<PixelExplanation 'array' at 1,0: x 4, y 0, magnitude 4>"
    assert repr(found.outputs[0]) == "<Explanation of x in layer 1 at 1,0: 4>"


def test_the_layer_below_is_explained_with_a_depth_of_two() -> None:
    network = cnnfx.load_network("gaussian").then(cnnfx.load_network("sobel"))
    (output,) = cnnfx.explain(np.tile(STEP, (2, 2)), network, at=(2, 2), only="x", depth=2).outputs
    assert output.contributions[0].explanation.layer == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"at": (9, 0)}, "9"),
        ({"at": 3}, r"at must be two whole numbers \(x, y\), not 3"),
        ({"at": "3,0"}, r"at must be two whole numbers \(x, y\), not '3,0'"),
        ({"at": (1.5, 0)}, r"at must be two whole numbers \(x, y\), not \(1.5, 0\)"),
        ({"only": "z"}, "no channel 'z'"),
        ({"only": ["x", "y"]}, r"\['x', 'y'\] is not a text that lists channels, such as 'x,y'"),
        ({"layer": 2}, "no layer 2"),
        ({"depth": 0}, "depth must be a whole number, 1 or more, not 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message) -> None:
    with pytest.raises(cnnfx.ArgumentError, match=message):
        cnnfx.explain(STEP, "sobel", **arguments)


def test_values_that_are_not_finite_have_no_strongest_position() -> None:
    with pytest.raises(cnnfx.ArgumentError, match="array: no value of x is finite"):
        cnnfx.explain(np.full((5, 6), np.nan), "sobel")
