"""Tests of `.csv` files as images."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
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
        "1,2,\n3,4,\n",
        "1;2;\r\n3;4;\r\n",
        "1\t2\t\n3\t4\t\n",
        '"1","2"\n"3","4"',
        '"1" , 2\n3," 4"',
        '"1";"2";\n"3";"4";',
        "sep=;\n1;2\n3;4",
        "SEP=|\r\n1|2\r\n3|4",
        "1,2 # first\n3,4",
        "1 2 # first\n3 4",
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
        ("# a\n1,2\n3,x", "line 3, column 2", "'x' is not a number"),
        ("inf,2", "line 1, column 1", "'inf' is not a number"),
        ("1,2\n\n3,1e39", "line 3, column 2", "'1e39' is not a number"),
        ("1,1_000", "line 1, column 2", "'1_000' is not a number"),
        ("1,,3", "line 1, column 2", "there is no number. Write nan for one that is missing"),
        ("1,2\n3,", "line 2, column 2", "there is no number. Write nan for one that is missing"),
        ("1,5;2,5", "line 1, column 1", "'1,5' is not a number. Write decimals with a point, such as 1.5"),
        ("1;2\n3;-2,5", "line 2, column 2", "'-2,5' is not a number. Write decimals with a point, such as -2.5"),
        ('"1,5","2"', "line 1, column 1", "'1,5' is not a number. Write decimals with a point, such as 1.5"),
        ("1,5 2,5\n1,5 2,5", "line 1, column 2", "'5 2' is not a number"),
        ("sep=\t\n1,5\t2", "line 2, column 1", "'1,5' is not a number. Write decimals with a point, such as 1.5"),
        ("1,+-2", "line 1, column 2", "'+-2' is not a number"),
        ("1,\u00b2", "line 1, column 2", "'²' is not a number"),
        ('1,"2', "line 1, column 2", "'\"2' is not a number"),
        (f"1,{'x' * 99}", "line 1, column 2", f"'{'x' * 58}… is not a number"),
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
    assert not np.isinf(image.values).any()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_with_a_mark_is_read(encoding: str, tmp_path: Path) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    path = tmp_path / "a.csv"
    path.write_bytes(f"{mark}1,2\n3,4\n".encode(encoding))
    np.testing.assert_array_equal(load_image(path).values, [[[1, 2], [3, 4]]])


def test_the_unicode_minus_is_read(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load_image("1,−2\n−3,4".encode()).values, [[[1, -2], [-3, 4]]])


def test_a_missing_number_is_nan() -> None:
    np.testing.assert_array_equal(load_image(b"1,nan\nNaN,-nan").values, [[[1, np.nan], [np.nan, np.nan]]])


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("a,b", "a, b"),
        ('"width, in m","height"', "width, in m, height"),
        ("a b,c", "a b, c"),
        ("x" * 99, "x" * 59 + "…"),
    ],
)
def test_a_header_is_left_out_with_a_note(header: str, shown: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n1,2\n3,4\n")
    image = load_image(path)
    np.testing.assert_array_equal(image.values, [[[1, 2], [3, 4]]])
    assert image.notes == (f"{path}: its line 1 ({shown}) is read as a header.",)


def test_a_note_on_a_header_names_its_first_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# heights\na,b,c,d,e\n1,2,3,4,5\n")
    assert load_image(path).notes == (f"{path}: its line 2 (a, b, c, …) is read as a header.",)


@pytest.mark.parametrize("text", [",a,b\n0,1,2\n1,3,4", ",0,1\n0,1,2\n1,3,4"])
def test_an_index_of_pandas_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert error_message_of(path) == (
        f"{path}, line 1: the first column has no name or number, like an index that pandas writes. Save it without "
        "the index, such as with to_csv(index=False)."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b", "line 1, column 1: 'a' is not a number."),
        ("a,1\n2,3", "line 1, column 1: 'a' is not a number."),
        ("a,b\nc,d\n1,2", "line 2, column 1: 'c' is not a number."),
    ],
)
def test_only_a_first_line_without_numbers_is_a_header(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert error_message_of(path) == f"{path}, {message}"


def test_a_header_before_numbers_is_recognized_without_the_extension() -> None:
    np.testing.assert_array_equal(load_image(b"a,b\n1,2\n").values, [[[1, 2]]])


def error_message_of(path: Path) -> str:
    with pytest.raises(FileError) as caught:
        load_image(path)
    return str(caught.value)


def many_numbers(rows: int, columns: int) -> tuple[np.ndarray, str]:
    numbers = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    return numbers, "\n".join(",".join(f"{number:.9g}" for number in row) for row in numbers.tolist())


@pytest.mark.parametrize("shape", [(60_000, 2), (3, 40_000), (1, 120_000)])
def test_numbers_of_many_blocks_are_read_exactly(shape: tuple[int, int]) -> None:
    numbers, text = many_numbers(*shape)
    np.testing.assert_array_equal(load_image(text.encode()).values[0], numbers)


def test_the_line_of_a_wrong_cell_is_found_in_a_large_file() -> None:
    _, text = many_numbers(30_000, 2)
    lines = text.splitlines()
    lines[29_990] = "1,2x"
    assert error_message("\n".join(lines).encode()) == "standard input, line 29991, column 2: '2x' is not a number."


def test_a_large_file_is_read_fast_and_in_little_memory() -> None:
    text = (b"0.123456,-7.5,1e3\n" * 50_000)[:-1]
    tracemalloc.start()
    start = time.process_time()
    try:
        shape = load_image(text).shape
        seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert shape == (1, 50_000, 3)
    assert seconds < 5  # a quarter of it without tracing
    assert peak < 30e6
