"""Limits on what is read, and the messages that name them."""

from __future__ import annotations

import pytest

from cnnfx.errors import ArgumentError, FileError
from cnnfx.system.limits import check_limit


def test_a_value_at_the_limit_is_allowed() -> None:
    check_limit("a.toml", "layers", 2000, 2000)


def test_a_value_above_the_limit_is_refused_with_both_numbers() -> None:
    with pytest.raises(FileError, match=r"^a\.toml: it has 30,000 layers; the limit is 2,000\.$"):
        check_limit("a.toml", "layers", 30_000, 2000)


def test_a_number_of_thousands_of_digits_is_not_written_out() -> None:
    with pytest.raises(FileError, match=r"^a\.toml: it has over 10\^18 layers; the limit is 2,000\.$"):
        check_limit("a.toml", "layers", 10**5000, 2000)


def test_a_typed_text_gives_an_argument_error_with_its_remedy() -> None:
    with pytest.raises(ArgumentError) as caught:
        check_limit("kernel", "numbers", 70_000, 65_536, remedy="kernel", error=ArgumentError)
    assert caught.value.remedy == "kernel"
