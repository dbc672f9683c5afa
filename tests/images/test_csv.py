"""Tests of `.csv` files as images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import FileError
from cnnfx.images import load_image


def error_message(data: bytes, **options: Any) -> str:
    with pytest.raises(FileError) as caught:
        load_image(data, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "1;2\n3;4",
        "1\t2\n3\t4",
        "1 2\n3   4",
        "1, 2\n3 ,4",
        "1,2\r\n3,4\r\n",
        "1,2\r3,4",
        "\ufeff1,2\n3,4",
        "# a, b\n1,2\n\n  # more\n3,4\n",
        " 1,2 \n\t3,4\n",
        "+1,2e0\n3.0,.4e1",
    ],
)
def test_separators_comments_and_line_ends_of_all_kinds_are_read(text: str) -> None:
    image = load_image(text.encode())
    assert image.values.dtype == np.float32
    np.testing.assert_array_equal(image.values, [[[1, 2], [3, 4]]])


@pytest.mark.parametrize(("text", "value"), [(b".5", 0.5), (b"-1", -1), (b"+1", 1), (b"\xef\xbb\xbf7", 7), (b" 7", 7)])
def test_a_text_of_numbers_is_detected_by_its_first_bytes(text: bytes, value: float) -> None:
    np.testing.assert_array_equal(load_image(text).values, [[[value]]])


def test_a_row_of_numbers_is_one_pixel_high() -> None:
    assert load_image(b"1,2,3").shape == (1, 1, 3)


def test_a_csv_file_is_an_array_of_one_channel() -> None:
    image = load_image(b"1,2\n3,4")
    assert image.is_array
    assert image.channel_names == ("gray",)


@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1)
)
def test_float32_numbers_are_read_exactly(rows: list[list[float]]) -> None:
    text = "\n".join(",".join(map(repr, row)) for row in rows)
    np.testing.assert_array_equal(load_image(text.encode()).values[0], np.array(rows, np.float32))


@pytest.mark.parametrize(
    ("text", "location", "reason"),
    [
        ("1,x,3", "line 1, column 2", "'x' is not a number"),
        ("# a\n1,2\n3,nan", "line 3, column 2", "'nan' is not a number"),
        ("inf,2", "line 1, column 1", "'inf' is not a number"),
        ("1,2\n\n3,1e39", "line 3, column 2", "'1e39' is not a number"),
        ("1,1_000", "line 1, column 2", "'1_000' is not a number"),
        ("1,,3", "line 1, column 2", "there is no number"),
        ("1,2,", "line 1, column 3", "there is no number"),
        ("1,5;2,5", "line 1, column 1", "'1,5' is not a number"),
        ("1 # one", "line 1, column 2", "'#' is not a number"),
    ],
)
def test_the_message_locates_a_cell_that_is_not_a_number(text: str, location: str, reason: str) -> None:
    assert error_message(text.encode()) == f"standard input, {location}: {reason}."


def test_rows_of_different_length_are_refused() -> None:
    assert error_message(b"1,2\n3,4,5") == (
        "standard input, line 2: this row has 3 numbers, the first has 2. Every row needs the same number."
    )


@pytest.mark.parametrize("text", [b"# nothing\n", b"\n\n", b"\xef\xbb\xbf", b" "])
def test_text_without_numbers_is_refused(text: bytes) -> None:
    assert error_message(text) == "standard input: it holds no numbers."


def test_content_that_is_not_text_is_refused() -> None:
    assert error_message(b"1,2\n\xff\xfe") == "standard input: it is not text. A .csv holds rows of numbers."


def test_too_many_numbers_are_refused() -> None:
    assert error_message(b"1,2\n3,4\n5,6", max_pixels=5) == ("standard input: it has 2×3 = 6 numbers, the limit is 5.")


def test_a_text_too_long_for_the_limit_is_refused_before_reading() -> None:
    assert error_message(b"1" * 200, max_pixels=5) == ("standard input: it is too long for 5 numbers, the limit.")


@given(st.text("0123456789+-.eE,; \t\r\n#naif_\ufeff\x0c\x1c", min_size=1))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        image = load_image(b"1" + text.encode())
    except FileError:
        return
    assert np.isfinite(image.values).all()
