"""Matrices as cells, and the text of numbers in pictures."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.render.sliding.cells import CellPainter, cell_text, number_cell, number_texts
from cnnfx.render.sliding.palette import BLACK, WHITE, Palette

PALETTE = Palette(((BLACK, WHITE), 64))


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([[1, -2]], [["1", "−2"]]),
        ([[0.5, -0.25]], [["0.50", "−0.25"]]),
        ([[1 / 3, 2]], [["0.333", "2.000"]]),
        ([[1e-9, -2e-9]], [["1e−09", "−2e−09"]]),
        ([[0, -0.0]], [["0", "0"]]),
    ],
)
def test_numbers_have_the_decimals_of_explanations_and_true_minus_signs(values, texts):
    assert number_texts(np.array(values)).tolist() == texts


def test_a_value_that_rounds_to_zero_has_no_sign():
    assert cell_text(-0.0001, 2) == "0.00"


def test_each_cell_has_its_color_and_a_line_at_its_right_and_bottom():
    picture = CellPainter(PALETTE, 10).draw(np.array([[0, 63], [20, 40]], np.uint8))
    assert picture.shape == (20, 20)
    assert picture[5::10, 5::10].tolist() == [[0, 63], [20, 40]]
    line = picture[0, 0]
    assert (picture[9] == line).all()
    assert (picture[:, 19] == line).all()
    assert 0 < line < 63


def test_a_text_is_white_on_dark_cells_and_black_on_light_ones():
    picture = CellPainter(PALETTE, 30).draw(np.array([[10, 60]], np.uint8), np.array([["8", "8"]]))
    assert picture[2:-2, 2:28].max() == 63
    assert picture[2:-2, 32:58].min() == 0


def test_texts_fit_into_the_cells_chosen_for_them():
    texts = np.array([["−12.345", "0"]])
    side = number_cell([texts])
    picture = CellPainter(PALETTE, side).draw(np.full((1, 2), 63, np.uint8), texts)
    inked = (picture[1:-1, : side - 1] < 20).any(axis=0).nonzero()[0]
    assert inked.min() >= 2
    assert inked.max() <= side - 3
    assert abs((inked.min() + inked.max()) / 2 - side / 2) <= 2
