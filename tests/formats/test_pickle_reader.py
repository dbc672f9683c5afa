"""The reader of pickles: plain values as Python reads them, and records of everything else."""

from __future__ import annotations

import pickle
import pickletools
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.formats.pytorch.pickle_reader import Global, PickledObject, PickleReader, TruncatedPickleError
from cnnfx.formats.tensor_file import TensorError

PROTOCOLS = (2, 3, 4, 5)

plain = st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    plain,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def no_storages(identifier: object) -> object:
    raise ValueError("a storage")


def load(data: bytes) -> Any:
    return PickleReader(data, {}, no_storages).load()


@settings(max_examples=50)
@given(values, st.sampled_from(PROTOCOLS), st.booleans())
def test_plain_values_are_read_as_python_reads_them(value: object, protocol: int, is_optimized: bool) -> None:
    data = pickle.dumps(value, protocol)
    found = load(pickletools.optimize(data) if is_optimized else data)
    assert found == value
    assert repr(found) == repr(value)  # True is not 1, and a list is not a tuple


@given(st.binary(max_size=400), st.sampled_from((3, 4, 5)))
def test_bytes_are_read_as_python_reads_them(value: bytes, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol)) == value
    assert load(pickle.dumps(bytearray(value), 5)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_long_values_are_read(protocol: int) -> None:
    for value in ("é" * 70_000, list(range(2500)), {str(key): key for key in range(2500)}, tuple(range(300))):
        assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_values_that_are_used_twice_are_the_same_object(protocol: int) -> None:
    shared = ["shared"]
    found = load(pickle.dumps([shared, {"again": shared}, (shared,)], protocol))
    assert found[0] is found[1]["again"] is found[2][0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_list_may_contain_itself(protocol: int) -> None:
    loop: list[Any] = []
    loop.append(loop)
    found = load(pickle.dumps(loop, protocol))
    assert found[0] is found


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [OrderedDict(a=1, b=2), Counter(a=1, b=2), defaultdict(list, a=1, b=2)],
    ids=lambda value: type(value).__name__,
)
def test_dictionaries_of_the_standard_library_are_dictionaries(value: dict[str, int], protocol: int) -> None:
    found = load(pickle.dumps(value, protocol))
    assert type(found) is dict
    assert found == {"a": 1, "b": 2}


def test_keys_become_text() -> None:
    assert load(pickle.dumps({0: "a", -5: "b", "c": "d"})) == {"0": "a", "-5": "b", "c": "d"}
    assert load(pickle.dumps({(1 << 63) - 1: "a"})) == {"9223372036854775807": "a"}


def test_entries_with_other_keys_are_left_out() -> None:
    for key in ((1, 2), None, 0.5, 1 << 63, b"k", True):
        assert load(pickle.dumps({key: "a", "b": "c"})) == {"b": "c"}


def test_sets_are_lists() -> None:
    for protocol in (4, 5):
        assert sorted(load(pickle.dumps({1, 2, 3}, protocol))) == [1, 2, 3]
        assert sorted(load(pickle.dumps(frozenset({1, 2}), protocol))) == [1, 2]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_objects_are_records_with_their_state(protocol: int) -> None:
    found = load(pickle.dumps([Namespace(lr=0.5, layers=[1, 2]), Namespace], protocol))
    assert isinstance(found[0], PickledObject)
    assert (found[0].path, found[0].state, found[0].entries) == (
        "argparse.Namespace",
        {"lr": 0.5, "layers": [1, 2]},
        {},
    )
    assert isinstance(found[1], Global)
    assert found[1].path == "argparse.Namespace"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_calls_that_are_not_in_the_table_are_records(protocol: int) -> None:
    found = load(pickle.dumps(Decimal("1.5"), protocol))
    assert isinstance(found, PickledObject)
    assert found.path == "decimal.Decimal"


class Settings(dict):
    """A dictionary with attributes."""


class Items(list):
    """A list of an own class."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_records_of_dictionaries_and_lists_have_their_entries(protocol: int) -> None:
    dictionary = Settings(a=1)
    dictionary.b = 2
    found = load(pickle.dumps([dictionary, Items(["x", "y"])], protocol))
    assert (found[0].path, found[0].entries, found[0].state) == (f"{__name__}.Settings", {"a": 1}, {"b": 2})
    assert (found[1].path, found[1].entries) == (f"{__name__}.Items", {"0": "x", "1": "y"})


def test_the_first_class_outside_the_table_is_known() -> None:
    reader = PickleReader(pickle.dumps([OrderedDict(), Decimal(1), Namespace()]), {}, no_storages)
    reader.load()
    assert reader.other == "decimal.Decimal"


def test_a_table_decides_what_a_call_makes() -> None:
    reader = PickleReader(pickle.dumps(Decimal("1.5")), {"decimal.Decimal": lambda arguments: arguments}, no_storages)
    assert reader.load() == ("1.5",)
    assert reader.other == ""


def test_pickles_may_follow_each_other() -> None:
    data = pickle.dumps("first") + pickle.dumps(["second"]) + b"the rest"
    reader = PickleReader(data, {}, no_storages)
    assert [reader.load(), reader.load()] == ["first", ["second"]]
    assert data[reader.position :] == b"the rest"


def test_the_memo_of_a_pickle_is_not_that_of_the_next() -> None:
    reader = PickleReader(b"K\x01q\x00." + b"h\x00.", {}, no_storages)
    assert reader.load() == 1
    with pytest.raises(TensorError, match=r"^its pickle is malformed at byte 7$"):
        reader.load()


def test_operations_of_python_2_are_read() -> None:
    assert load(b"\x80\x02](I01\nI00\nI-123456789012\nT\x03\x00\x00\x00abcU\x02\xe9!e.") == [
        True, False, -123456789012, "abc", "\\xe9!",
    ]  # fmt: skip


def test_values_can_be_removed_from_the_stack() -> None:
    assert load(b"K\x01K\x020.") == 1  # the last value
    assert load(b"K\x01(0.") == 1  # a mark without values
    assert load(b"K\x01(K\x02K\x031.") == 1  # all values above a mark
    assert load(b"K\x012\x86.") == (1, 1)  # one is doubled


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_cut_off_anywhere_is_truncated(protocol: int) -> None:
    data = pickle.dumps({"a": [1.5, "b", 1 << 40, Namespace(c=(1, 2, 3, 4))]}, protocol)
    for size in range(len(data)):
        with pytest.raises(TruncatedPickleError, match=r"^the file is truncated: its pickle is not complete$"):
            load(data[:size])
