"""The arrangement of cells in rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.layout import balanced_rows, full_rows, row_lengths, suitable_columns, wider_rows


@given(st.integers(1, 300), st.integers(1, 40))
def test_rows_hold_all_cells_and_differ_by_one_cell_at_most(count: int, columns: int) -> None:
    rows = row_lengths(count, columns)
    assert sum(rows) == count
    assert rows == sorted(rows, reverse=True)
    assert rows[0] <= columns
    assert rows[0] - rows[-1] <= 1
    assert len(rows) == math.ceil(count / columns)


def test_rows_of_a_fixed_length_are_filled_one_after_the_other() -> None:
    assert full_rows(7, 4) == [4, 3]
    assert full_rows(9, 4) == [4, 4, 1]
    assert full_rows(2, 4) == [2]


@pytest.mark.parametrize(
    ("count", "rows"),
    [
        (1, [1]), (2, [2]), (3, [3]), (4, [2, 2]), (6, [3, 3]), (7, [4, 3]), (8, [4, 4]), (9, [3, 3, 3]),
        (10, [5, 5]), (11, [4, 4, 3]), (12, [4, 4, 4]), (13, [5, 4, 4]), (16, [4] * 4), (24, [6] * 4), (32, [8] * 4),
        (48, [8] * 6), (64, [8] * 8),
    ],
)  # fmt: skip
def test_square_cells_are_laid_out_in_full_rows_of_a_suitable_number(count: int, rows: list[int]) -> None:
    assert balanced_rows(count, 1, 1) == rows
    assert suitable_columns(count, 1, 1) == rows[0]


def test_flat_cells_are_stacked_and_high_ones_stand_side_by_side() -> None:
    assert balanced_rows(4, 2000, 20) == [1, 1, 1, 1]
    assert balanced_rows(4, 20, 2000) == [4]


def test_what_stands_beside_the_cells_makes_rows_shorter() -> None:
    assert balanced_rows(4, 4, 5) == [4]
    assert balanced_rows(4, 4, 5, beside=5) == [2, 2]


def test_up_to_three_cells_stand_side_by_side_unless_they_are_flat() -> None:
    assert balanced_rows(3, 4, 3, beside=5) == [3]
    assert balanced_rows(2, 4, 3, beside=5) == [2]
    assert balanced_rows(2, 9, 3, beside=9) == [1, 1]


def test_rows_become_wider_only_if_they_stay_equal() -> None:
    assert wider_rows([2, 2], 4) == [4]
    assert wider_rows([2, 2], 3) == [2, 2]
    assert wider_rows([3, 3], 5) == [3, 3]
    assert wider_rows([4, 3], 7) == [7]
