"""Errors of the library as messages of the command line: the option that helps is added in one place."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

import cnnfx
from cnnfx.cli.advice import ADVICE, advised, exit_code, output_option
from cnnfx.errors import ArgumentError, CnnfxError, FileError, UsageError

PACKAGE = Path(cnnfx.__file__).parent
LIBRARY = [path for path in PACKAGE.rglob("*.py") if "cli" not in path.relative_to(PACKAGE).parts]
REMEDIES = {name for path in LIBRARY for name in re.findall(r'remedy="(\w+)"', path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_names_no_option_and_raises_no_usage_error(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"(?<![\w-])(?:-o\b|--[a-z][a-z-]+)", text)
    assert "raise UsageError" not in text


def test_every_remedy_of_the_library_has_advice():
    assert {*ADVICE} >= REMEDIES


def test_the_advice_follows_the_message():
    error = FileError("a.png: it has 600 pixels, the limit is 599", remedy="pixel_limit")
    assert advised(error) == (
        "a.png: it has 600 pixels, the limit is 599. Raise the limit with --max-pixels if you trust the file."
    )


def test_the_advice_names_the_option_of_the_file():
    with pytest.raises(FileError) as caught, output_option("--log"):
        raise FileError("run.jsonl: it cannot be written: the disk is full.", remedy="disk_full")
    assert advised(caught.value).endswith("choose another output with --log.")


def test_wrong_usage_has_the_exit_code_2():
    assert exit_code(UsageError("no filters")) == exit_code(ArgumentError("row 2 is too short", remedy="kernel")) == 2
    assert exit_code(ArgumentError("it does not fit")) == exit_code(CnnfxError("it is too large")) == 1


def test_an_error_from_another_process_keeps_its_remedy():
    error = pickle.loads(pickle.dumps(CnnfxError("too large", remedy="grid_size").prefixed("a.png")))  # noqa: S301 # made here
    assert (str(error), error.remedy) == ("a.png: too large", "grid_size")
