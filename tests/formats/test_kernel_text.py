"""Kernels written as text."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.formats.kernel_text import parse_kernel

EXAMPLE = 'Write rows of numbers, as in "-1 0 1; -2 0 2; -1 0 1".'
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def weights(text: str) -> list[list[float]]:
    return parse_kernel(text).layers[0].conv.weights[0, 0].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "-1 0 1; -2 0 2; -1 0 1",
        "-1,0,1;-2,0,2;-1,0,1",
        "-1 0 1\n-2 0 2\n-1 0 1\n",
        "-1,0,1,\r\n-2,0,2,\r\n-1,0,1",
        " -1 , 0 , 1 ;; -2\t0\t2 ; -1.0 0e5 +1 ; ",
        "−1 0 1; −2 0 2; −1 0 1",
        "3x3: -1,0,1 -2,0,2 -1,0,1",
        "3x3:-1,0,1,-2,0,2,-1,0,1",
        "3: -1,0,1 -2,0,2 -1,0,1",
        "3x3+1+1: -1,0,1 -2,0,2 -1,0,1",
        "3x3: -1,0,1; -2,0,2; -1,0,1",
        "3x3: -1,nan,1\n-2,-,2 -1,NaN,1",
    ],
)
def test_the_same_kernel_can_be_written_in_many_ways(text):
    assert weights(text) == SOBEL


def test_a_number_can_be_a_fraction():
    assert weights("1/9 -1/2; .5 5.; 1e-3 2.5/.5") == [[1 / 9, -0.5], [0.5, 5.0], [0.001, 5.0]]


def test_a_kernel_need_not_be_square():
    assert weights("1 2 3") == [[1, 2, 3]]
    assert weights("2x1+0+0: 4 5") == [[4, 5]]


def test_a_kernel_is_a_network_of_one_filter_for_all_channels():
    network = parse_kernel("1")
    assert network.name == "kernel"
    assert network.layers[0].channel_names == ("kernel",)
    assert network.in_channels is None
    assert network.layers[0].conv.inputs == ("*",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"there are no numbers. {EXAMPLE}"),
        (" ; \n, ", f"there are no numbers. {EXAMPLE}"),
        ("sobel", f'"sobel" is a word. {EXAMPLE}'),
        ("1 2 3; 4 5", "row 2 has 2 numbers, row 1 has 3. Every row needs the same number."),
        ("1 2; 3", "row 2 has 1 number, row 1 has 2. Every row needs the same number."),
        ("1 2; 3 x", 'row 2, number 2: "x" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("1,,2", "row 1, number 2: there is no number before the comma."),
        (",1", "row 1, number 1: there is no number before the comma."),
        ("nan", 'row 1, number 1: "nan" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("1 -inf", 'row 1, number 2: "-inf" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("1 - 1", 'row 1, number 2: "-" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("1e39", 'row 1, number 1: "1e39" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("1/0", 'row 1, number 1: "1/0" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("1_0", 'row 1, number 1: "1_0" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("3x3: 1 2 3 4 5 6 7 8", "3x3 needs 9 numbers, found 8."),
        ("3x3:", "3x3 needs 9 numbers, found 0."),
        ("2x1: 1 y", 'number 2: "y" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
        ("3x2: 1 2; 3 4; 5 6", "the rows are not 2 of 3 numbers, as 3x2 says. Without ; they need no separator."),
        ("3x3+0+0: 1", "the offset +0+0 is not the middle of 3x3, +1+1. Leave it out."),
        ("0x3: 1", f'"0x3" before the colon is not a size such as 3x3. {EXAMPLE}'),
        ("3x0: 1", f'"3x0" before the colon is not a size such as 3x3. {EXAMPLE}'),
        ("Gaussian:0x2", f'"Gaussian" before the colon is not a size such as 3x3. {EXAMPLE}'),
        (
            "3x3>: 1",
            '"3x3>" before the colon is not a size such as 3x3. Rotated kernels (@, <, >) are not supported. '
            f"{EXAMPLE}",
        ),
        ("999x999: 1", "it has 998,001 numbers; the limit is 65,536."),
        ("1 " * 65537, "it has 65,537 numbers; the limit is 65,536."),
        ("1" * 401, "row 1, number 1: it has 401 characters in a number; the limit is 400."),
        ("1 2; 3 " + "1" * 30_000 + "x", "row 2, number 2: it has 30,001 characters in a number; the limit is 400."),
        ("1" * 1_000_001, "it has 1,000,001 characters; the limit is 1,000,000."),
        ("1,5; 2,5", '"1,5" may be one number or two. Write 1.5 for one, "1 5" for two.'),
        ("-0,25", '"-0,25" may be one number or two. Write -0.25 for one, "-0 25" for two.'),
        ("1,2\n3,4\n", '"1,2" may be one number or two. Write 1.2 for one, "1 2" for two.'),
        (
            "1 2 3; 0,5 1 0,5",
            "row 2: its numbers are separated by commas and by blanks. Write decimals with a point, and blanks or "
            "commas between numbers.",
        ),
    ],
)
def test_an_invalid_kernel_is_refused_with_its_row_and_number(text, message):
    with pytest.raises(ArgumentError) as caught:
        parse_kernel(text)
    assert str(caught.value) == f"kernel: {message}"


numbers = st.floats(-1e30, 1e30)
matrices = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda size: st.lists(st.lists(numbers, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0])
)


@given(matrices, st.sampled_from([" ", ",", ", "]), st.sampled_from([";", "\n", " ; "]))
def test_printed_numbers_are_read_back(matrix, between, newline):
    assert weights(newline.join(between.join(map(repr, row)) for row in matrix)) == matrix


@given(matrices)
def test_printed_numbers_are_read_back_from_imagemagicks_form(matrix):
    size = f"{len(matrix[0])}x{len(matrix)}"
    assert weights(f"{size}: " + " ".join(",".join(map(repr, row)) for row in matrix)) == matrix


@given(st.text(alphabet="0123456789+-./,;: \nxXeEnaN@<>", max_size=40))
def test_any_text_is_a_kernel_or_refused(text):
    try:
        found, message = weights(text), "kernel: "
    except ArgumentError as error:
        found, message = [[0.0]], str(error)
    assert np.isfinite(found).all()
    assert message.startswith("kernel: ")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[[1,0],[0,1]]", [[1, 0], [0, 1]]),
        ("[[1, 0.5], [1/4, -1e-1]]", [[1, 0.5], [0.25, -0.1]]),
        ("[[1 0]\n [0 1]]", [[1, 0], [0, 1]]),
        ("[1, 0, -1]", [[1, 0, -1]]),
        ("[ [1., 2.], [3., 4.], ]", [[1, 2], [3, 4]]),
        ("[1,2],[3,4]", [[1, 2], [3, 4]]),
    ],
)
def test_a_list_of_rows_is_parsed(text, rows):
    assert parse_kernel(text).layers[0].conv.weights[0, 0].tolist() == rows


@pytest.mark.parametrize("text", ["[", "[[1,0],[0,1]", "[[[1]]]", "[1,0]]", "[[1,0],[0,1]] 2"])
def test_other_brackets_are_refused(text):
    with pytest.raises(ArgumentError) as caught:
        parse_kernel(text)
    assert str(caught.value) == 'kernel: the brackets are not those of a list of rows, such as "[[1, 0], [0, 1]]".'


def test_a_ragged_list_is_refused_by_its_row():
    with pytest.raises(ArgumentError, match=r"^kernel: row 2 has 1 number, row 1 has 2\."):
        parse_kernel("[[1,0],[0]]")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1,-5; 2,-5", [[1, -5], [2, -5]]),
        ("1, 5; 2, 5", [[1, 5], [2, 5]]),
        ("1,0;0,-1", [[1, 0], [0, -1]]),
        ("0,1,0;1,1,1", [[0, 1, 0], [1, 1, 1]]),
        ("[[1,5],[2,5]]", [[1, 5], [2, 5]]),
        ("2x2: 1,5 2,5", [[1, 5], [2, 5]]),
    ],
)
def test_commas_that_cannot_be_decimal_separate_numbers(text, rows):
    assert weights(text) == rows


@pytest.mark.parametrize("text", ["[[1]" + " " * 50_000 + "x", "[[1" + "]" * 50_000 + "x", "1" + " " * 50_000 + "x"])
def test_a_long_text_is_refused_at_once(text):
    start = time.process_time()
    with pytest.raises(ArgumentError):
        parse_kernel(text)
    assert time.process_time() - start < 1
