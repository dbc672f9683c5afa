"""Numbers as text: decimals, aligned matrices and equations."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.render.number_text import (
    EXPONENT,
    decimals,
    equation,
    format_number,
    format_scale_number,
    format_short_number,
    kernel_lines,
    matrix,
)


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([0, -1, 2], 0),
        ([], 0),
        ([np.nan, np.inf], 0),
        ([0.5, 2], 1),
        ([np.float32(0.1), 1], 1),
        ([1 / 3, 9], 3),
        ([1 / 3, 10], 2),
        ([123.456], 1),
        ([4321.0987], 0),
        ([0.01234567], 4),
        ([1e-5], EXPONENT),
        ([1e8, 1], EXPONENT),
    ],
)
def test_the_number_of_decimals_depends_on_the_largest_number(values, places):
    assert decimals(values) == places


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (-0.0001, 3, "0.000"),
        (-0.0005001, 3, "-0.001"),
        (-0.0, None, "0"),
        (1 / 3, None, "0.333"),
        (np.nan, 2, "nan"),
        (-np.inf, 2, "-inf"),
        (1e9, None, "1e+09"),
    ],
)
def test_a_number_is_rounded_and_zero_has_no_sign(value, places, text):
    assert format_number(value, places) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.236, "2.24"),
        (-2.236, "−2.24"),
        (1.0, "1"),
        (0.25, "0.25"),
        (-0.0, "0"),
        (999.4, "999"),
        (999.5, "1000"),
        (999.6, "1000"),
        (-12345.6, "−12346"),
        (1.234e6, "1.23e6"),
        (-1.5e-9, "−1.5e−9"),
        (np.inf, "∞"),
        (-np.inf, "−∞"),
        (np.nan, "NaN"),
    ],
)
def test_a_number_of_a_scale_has_three_digits_and_a_true_minus_sign(value, text):
    assert format_scale_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, ".5"), (-0.25, "−.25"), (0, "0"), (-0.0, "0"), (1234.5, "1234"), (10, "10"), (10.05, "10.1")],
)
def test_a_short_number_has_three_digits_and_no_leading_zero(value, text):
    assert format_short_number(value) == text


def test_marked_numbers_are_in_brackets_and_the_others_are_aligned_with_them():
    block = matrix(np.array([[0, 10.5], [-3, 4]]), "m", np.array([[True, False], [False, True]]))
    assert block.lines == ["      m      ", " [0.0]  10.5 ", " -3.0   [4.0]"]


def blocks():
    return [matrix(np.full((3, 2), value), title) for value, title in ((1, "a"), (2, "b"), (33, "c"))]


def test_an_equation_that_fits_is_on_one_line():
    assert equation(blocks(), ("", "×", "="), 21) == [
        " a       b        c",
        "1 1     2 2     33 33",
        "1 1  ×  2 2  =  33 33",
        "1 1     2 2     33 33",
    ]


def test_an_equation_that_does_not_fit_continues_below():
    assert equation(blocks(), ("", "×", "="), 20) == [
        " a       b",
        "1 1     2 2",
        "1 1  ×  2 2",
        "1 1     2 2",
        "       c",
        "     33 33",
        "  =  33 33",
        "     33 33",
    ]


def test_the_lines_of_a_kernel_have_aligned_columns() -> None:
    assert list(kernel_lines(np.array([[-1, 0.25], [10, 0]]))) == ["  -1 0.25", "  10    0"]
