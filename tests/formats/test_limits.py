"""Filter files that would take much time or memory: refused at once, or read at once."""

from __future__ import annotations

import time

import pytest

from cnnfx.errors import FileError
from cnnfx.formats import load_network

SECONDS = 5
"""Far more than any of these takes, and far less than any took."""
FILTER = "[[filter]]\n"
LAYER = "[[layer]]\n[[layer.filter]]\n"
FAR = "{ weights = [[1]], at = [255, 255] }"


@pytest.fixture
def load(tmp_path):
    def load(text: str):
        path = tmp_path / "a.toml"
        path.write_text(text, encoding="utf-8")
        start = time.process_time()
        try:
            return load_network(path)
        except FileError as error:
            return str(error).removeprefix(f"{path}: ")
        finally:
            assert time.process_time() - start < SECONDS

    return load


def test_a_file_that_memory_cannot_hold_is_refused(load, monkeypatch) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("cnnfx.formats.load.parse_network", fail)
    assert load(f"{FILTER}weights = [[1]]\n") == "there is not enough memory to read it."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{FILTER}weights = [[1]]\n" * 10_001, "layer 1: it has 10,001 filters; the limit is 10,000."),
        (f"{LAYER}weights = [[1]]\n" * 2_001, "it has 2,001 layers; the limit is 2,000."),
        (
            f"{FILTER}inputs = {{ gray = {FAR} }}\n" * 100,
            "layer 1: it has 16,972,865 weights; the limit is 16,777,216.",
        ),
        (
            f"{FILTER}inputs = {{ {', '.join(f'c{number} = {FAR}' for number in range(100))} }}\n",
            "layer 1, filter 1, inputs: it has 16,972,865 weights; the limit is 16,777,216.",
        ),
        (
            f"{LAYER}inputs = {{ '1' = {FAR} }}\n" * 150,
            "it has 33,684,609 weights; the limit is 33,554,432.",
        ),
        (
            f"{FILTER}inputs = {{ a = [[{'1, ' * 5000}]], b = [{'[1], ' * 5000}] }}\n",
            "layer 1, filter 1, inputs: it has 50,000,000 weights; the limit is 16,777,216.",
        ),
    ],
    ids=["filters", "layers", "offsets", "inputs", "all layers", "padding"],
)
def test_a_file_of_too_much_is_refused_at_once(load, text, message) -> None:
    assert load(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{FILTER}name = 'f{number}'\nweights = [[1, 2], [3, 4]]\n" for number in range(2_000)),
        f"{LAYER}weights = [[1]]\n" * 1_000,
        f"{FILTER}inputs = {{ gray = [{', '.join([FAR] * 500)}] }}\n",
        f"{FILTER}inputs = {{ gray = {{ weights = [[1]], at = [{', '.join(['[255, 255]'] * 2_000)}] }} }}\n",
    ],
    ids=["filters", "layers", "tables", "offsets"],
)
def test_a_file_of_much_is_read_at_once(load, text) -> None:
    assert not isinstance(load(text), str)


def test_the_line_of_the_array_that_is_nested_too_deeply_is_named(load) -> None:
    message = load("x = " + "[\n" * 40 + "]" * 40)
    assert message.endswith(".toml:33: it has 40 arrays and tables inside each other; the limit is 32.")
