"""Hostile and damaged files of PyTorch: nothing in them runs, and sizes are checked before memory is allocated."""

from __future__ import annotations

import pickle
import struct
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from cnnfx.errors import FileError
from cnnfx.formats import load_network
from cnnfx.formats.pytorch.file import PyTorchFile
from cnnfx.formats.tensor_file import TensorError
from tests.formats.pytorch_files import (
    MAGIC,
    VERSION,
    call,
    dictionary,
    group,
    name,
    new,
    number,
    ordered,
    pickled,
    storage,
    tensor,
    text,
    write_archive,
    write_arrays,
    write_stream,
)

WEIGHT = tensor(storage("0", "Float", 4), (2, 2))
STORAGES = {"0": bytes(16)}
MOST_SECONDS = 5.0
"""How long a hostile file may take. All take less than one second on an idle machine."""
MOST_BYTES = 8_000_000


def check(path: Path) -> str:
    """Open a file and read all of its tensors; return the message of the error, or "". Other exceptions are errors."""
    try:
        with PyTorchFile(path) as file:
            for key in file.names:
                if file.info(key).nbytes < MOST_BYTES:
                    file.read(key)
        return ""
    except TensorError as error:
        return str(error)


def check_time(path: Path) -> str:
    """Do the same within a bound of time."""
    start = time.perf_counter()
    message = check(path)
    assert time.perf_counter() - start < MOST_SECONDS
    return message


def check_memory(path: Path) -> str:
    """Do the same within a bound of memory."""
    tracemalloc.start()
    try:
        return check(path)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MOST_BYTES


# Code in pickles

events: list[str] | None = None


def record(event: str, arguments: tuple[object, ...]) -> None:
    if events is not None and event in ("import", "exec", "compile", "os.system", "subprocess.Popen", "open"):
        events.append(f"{event} {arguments[0]}")


sys.addaudithook(record)  # hooks stay until the interpreter ends


@pytest.fixture
def audit() -> Iterator[list[str]]:
    """Return a list of what Python imports, runs and opens in the test."""
    global events
    events = []
    yield events
    events = None


@pytest.fixture
def payload(tmp_path: Path, monkeypatch) -> Path:
    """Put a module on the path that makes a file when it is imported, and another when its function is called."""
    (tmp_path / "payload_16.py").write_text(
        "from pathlib import Path\n"
        f"Path({str(tmp_path / 'imported')!r}).touch()\n"
        f"def run(*arguments):\n    Path({str(tmp_path / 'called')!r}).touch()\n"
        "class Run:\n    __init__ = __setstate__ = run\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("payload_16", None)


PAYLOADS = {
    "call": call("payload_16.run"),
    "new": name("payload_16.Run") + b")\x81",
    "state": new("payload_16.Run", b"}"),
    "named on the stack": text("payload_16") + text("run") + b"\x93)R",
    "getattr": call("builtins.getattr", name("payload_16.Run"), text("__init__")) + b"(tR",
    "as an argument": call("torch._utils._rebuild_parameter", call("payload_16.run"), b"\x88", b"N"),
    "behind a table": call("torch._tensor._rebuild_from_type_v2", name("payload_16.run"), b"N", b")", b"}"),
    "as a storage": group(text("storage"), name("payload_16.run"), text("0"), text("cpu"), number(4)) + b"Q",
}


@pytest.mark.parametrize("key", PAYLOADS)
@pytest.mark.parametrize("is_archive", [True, False])
def test_nothing_that_a_pickle_names_is_imported_or_called(payload, audit, key: str, is_archive: bool) -> None:
    value = dictionary({"bad": PAYLOADS[key], "w": WEIGHT if is_archive else b"N"})
    write = write_archive if is_archive else write_stream
    path = write(payload / "a.pt", value, STORAGES if is_archive else {})
    check(write_arrays(payload / "b.pt", {}))  # Python imports what it needs itself
    audit.clear()
    check(path)
    assert [event for event in audit if event.startswith("open")] == [f"open {path}"]
    assert not [event for event in audit if "payload" in event or event.startswith(("exec", "os", "sub"))]
    assert not (payload / "imported").exists()


@pytest.mark.parametrize("key", ["call", "new", "state", "named on the stack"])
def test_python_itself_runs_these_payloads(payload, key: str) -> None:
    pickle.loads(pickled(PAYLOADS[key]))  # noqa: S301 # the payload is harmless
    assert (payload / "imported").exists()
    assert (payload / "called").exists() == (key != "new")


@pytest.mark.parametrize(
    "path",
    ["os.system", "posix.system", "nt.system", "builtins.eval", "builtins.exec", "__builtin__.eval", "builtins.open",
     "builtins.__import__", "subprocess.Popen", "sys.exit", "runpy.run_path", "importlib.import_module", "pty.spawn",
     "webbrowser.open", "timeit.timeit", "ctypes.CDLL", "shutil.rmtree", "os.popen"],
)  # fmt: skip
def test_functions_that_run_commands_are_refused_by_name(tmp_path: Path, path: str) -> None:
    value = dictionary({"w": WEIGHT, "bad": call(path, text("echo"))})
    assert check(write_archive(tmp_path / "a.pt", value, STORAGES)) == (
        f'it names "{path}", which runs commands or code when Python loads the file; '
        "get the file from a source that you trust"
    )


@pytest.mark.parametrize(
    "path",
    ["torch.hub.load", "torch.storage._load_from_bytes", "torch.jit.unsupported_tensor_ops.execWrapper",
     "numpy.testing._private.utils.runstring", "torch.distributed.rpc.rpc_sync", "functools.partial",
     "operator.attrgetter", "types.FunctionType"],
)  # fmt: skip
def test_other_functions_are_not_called(tmp_path: Path, audit, path: str) -> None:
    value = call(path, text("print('called')"))
    message = check(write_archive(tmp_path / "a.pt", value, {}))
    assert message == (
        f'it has no tensors, but an object of the class "{path}"; save the tensors with '
        "torch.save(model.state_dict(), …)"
    )
    assert check(write_archive(tmp_path / "a.pt", dictionary({"w": WEIGHT, "x": value}), STORAGES)) == ""
    assert not [event for event in audit if event.startswith("exec")]


def test_registered_extension_codes_are_not_looked_up(tmp_path: Path) -> None:
    for code in (b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"):
        message = check(write_archive(tmp_path / "a.pt", code, {}))
        assert message == f"its pickle has an operation that is not read ({code[:1]!r}) at byte 2"


# Sizes that a pickle gives


LONGER_THAN_THE_FILE = {
    "text": b"\x8d" + struct.pack("<Q", 1 << 62),
    "bytes": b"\x8e" + struct.pack("<Q", 1 << 40),
    "bytearray": b"\x96" + struct.pack("<Q", 1 << 63),
    "short text": b"X" + struct.pack("<I", 1 << 31),
    "a line": b"cmodule",
    "a number": b"\x8a\xff\x01",
}


@pytest.mark.parametrize("key", LONGER_THAN_THE_FILE)
def test_values_longer_than_the_pickle_are_refused(tmp_path: Path, key: str) -> None:
    message = check_memory(write_archive(tmp_path / "a.pt", LONGER_THAN_THE_FILE[key], {}))
    assert message == "the file is truncated: its pickle is not complete"


MALFORMED = {
    "an empty stack": b"0.",
    "too few values": b"NR",
    "no mark": b"Nt",
    "an unknown value": b"h\x07",
    "a dictionary of an odd number of values": b"}(Nu",
    "entries of a number": b"K\x01NNs",
    "items of a tuple": b")Na",
    "arguments that are a list": name("collections.OrderedDict") + b"]R",
    "pairs that are no pairs": call("collections.OrderedDict", b"](NNe"),
    "a tensor without a storage": call("torch._utils._rebuild_tensor_v2", b"N", b"N", b"N", b"N"),
    "a tensor without arguments": call("torch._utils._rebuild_tensor_v2"),
    "a tensor of a tuple": call("torch._utils._rebuild_tensor", group(b"N"), number(0), b")", b")"),
    "a type that is text": call("torch._utils._rebuild_tensor_v3", *[storage("0", "Float", 4)] * 6, text("float32")),
    "an identifier of another kind": group(text("device"), name("torch.FloatStorage"), b"N", b"N", b"N") + b"Q",
    "an identifier that is short": group(text("storage")) + b"Q",
    "an identifier that is text": text("storage") + b"Q",
    "a storage of a negative size": storage("0", "Float", -1),
    "a storage of the size true": group(text("storage"), name("torch.IntStorage"), text("0"), b"N", b"\x88") + b"Q",
    "a part beyond its storage": storage("0", "Float", 4, group(text("p"), number(3), number(2))),
    "a storage whose key is a list": group(text("storage"), name("torch.FloatStorage"), b"]", b"N", number(1)) + b"Q",
    "text that is not UTF-8": b"X\1\0\0\0\xff",
    "a module that is not text": b"N" + text("run") + b"\x93",
    "a name that is not text": text("payload") + b"N\x93",
    "a number of many digits": b"I" + b"9" * 5000 + b"\n",
    "a number with letters": b"Iabc\n",
}  # fmt: skip


@pytest.mark.parametrize("key", MALFORMED)
def test_malformed_pickles_are_refused(tmp_path: Path, key: str) -> None:
    assert "its pickle is malformed at byte " in check(write_archive(tmp_path / "a.pt", MALFORMED[key], STORAGES))


def test_places_in_the_memo_may_have_any_number(tmp_path: Path) -> None:
    value = WEIGHT + b"r\xff\xff\xff\xff0}" + text("w") + b"j\xff\xff\xff\xffs"
    assert check(write_archive(tmp_path / "a.pt", value, STORAGES)) == ""


# Structures that grow


def doubled(levels: int) -> bytes:
    """Return a dictionary that has the next twice, and so on: as many paths as 2 to the power of the levels."""
    levels_of = b"".join(b"}(" + text("a") + b"h\0" + text("b") + b"h\0uq\0" for _ in range(levels))
    return dictionary({"x": WEIGHT}) + b"q\0" + levels_of


def shared_state(count: int) -> bytes:
    """Return a list of objects that have the same large state."""
    state = b"}(" + b"".join(text(str(key)) + b"]" for key in range(count)) + b"uq\0"
    return state + b"(" + (name("my.Net") + b")\x81h\0b") * count + b"l"


GROWING = {
    "a dictionary in itself": b"}q\0" + text("a") + b"h\0s" + text("w") + WEIGHT + b"s",
    "a list in itself": b"]q\0h\0a" + WEIGHT + b"a",
    "an object in itself": name("my.Net") + b")\x81q\0}" + text("_modules") + b"}" + text("x") + b"h\0ssb",
    "a state that is its object": name("my.Net") + b")\x81q\0h\0b",
    "doubled levels": doubled(30),
    "shared states": shared_state(10_000),
    "nested tuples as a key": b"}" + b")" + b"\x85" * 100_000 + b"Ns",
    "nested lists": b"]" * 50_000 + b"a" * 49_999,
    "nested marks": b"(" * 100_000,
    "numbers with the same hash": b"}(" + b"".join(
        b"\x8a\x10" + (number * ((1 << 61) - 1)).to_bytes(16, "little", signed=True) + b"N" for number in range(20_000)
    ) + b"u",
}  # fmt: skip


@pytest.mark.parametrize("key", GROWING)
def test_structures_that_grow_take_no_time_and_memory(tmp_path: Path, key: str) -> None:
    check_time(write_archive(tmp_path / "a.pt", GROWING[key], STORAGES))


def test_dictionaries_inside_each_other_are_limited(tmp_path: Path) -> None:
    value = WEIGHT
    for _ in range(34):
        value = dictionary({"a": value})
    message = check(write_archive(tmp_path / "a.pt", value, STORAGES))
    assert message == "it has 33 objects inside each other; the limit is 32"


def test_copies_of_lists_count_as_operations(tmp_path: Path) -> None:
    value = b"](" + b"](NNe" * 1000 + b"eq\0" + call("collections.OrderedDict", b"h\0") * 2000
    message = check(write_archive(tmp_path / "a.pt", value, STORAGES))
    assert message.endswith("operations in its pickle; the limit is 1,000,000")


def test_names_have_a_limit(tmp_path: Path) -> None:
    wanted = "it has 1,001 characters in a name; the limit is 1,000"
    assert check(write_archive(tmp_path / "a.pt", dictionary({"k" * 1001: WEIGHT}), STORAGES)) == wanted
    assert check(write_archive(tmp_path / "a.pt", name("m." + "k" * 1001), STORAGES)) == wanted
    value = dictionary({"g" * 500: dictionary({"k" * 500: WEIGHT}), "w": WEIGHT})
    assert check(write_archive(tmp_path / "a.pt", value, STORAGES)) == wanted


def test_the_number_of_tensors_has_a_limit(tmp_path: Path) -> None:
    value = b"](" + WEIGHT + b"q\0" + b"h\0" * 10_000 + b"e"
    message = check(write_archive(tmp_path / "a.pt", value, STORAGES))
    assert message == "it has 10,001 tensors; the limit is 10,000"


# Storages


def test_storages_that_the_file_does_not_have_take_no_memory(tmp_path: Path) -> None:
    huge = 1 << 40
    value = ordered({"w": tensor(storage("0", "Float", huge), (huge,))})
    message = check_memory(write_archive(tmp_path / "a.pt", value, STORAGES))
    assert message == "the tensor w: its storage has 16 bytes rather than 4,398,046,511,104"
    value = ordered({"w": tensor(storage("0", "Float", huge, b"N"), (huge,))})
    message = check_memory(write_stream(tmp_path / "a.pt", value, {"0": (huge, bytes(16))}))
    assert message == "the file is truncated: its storages are not complete"


def test_an_error_of_one_tensor_does_not_affect_others(tmp_path: Path) -> None:
    value = ordered({"bad": tensor(storage("7", "Float", 4), (4,)), "w": WEIGHT})
    with PyTorchFile(write_archive(tmp_path / "a.pt", value, {"0": np.float32([1, 2, 3, 4]).tobytes()})) as file:
        with pytest.raises(TensorError, match=r"^the tensor bad: the archive has no member 'archive/data/7'$"):
            file.info("bad")
        assert file.read("w").tolist() == [[1, 2], [3, 4]]


def test_a_stream_with_another_number_of_values_is_refused(tmp_path: Path) -> None:
    value = ordered({"w": tensor(storage("0", "Float", 4, b"N"), (4,))})
    message = check(write_stream(tmp_path / "a.pt", value, {"0": (3, bytes(16))}))
    assert message == "a storage has 3 values rather than 4: the file is damaged"


@pytest.mark.parametrize("keys", [["1"], ["0", "0"], []])
def test_a_stream_with_other_storages_is_refused(tmp_path: Path, keys: list[str]) -> None:
    value = ordered({"w": tensor(storage("0", "Float", 1, b"N"), (1,))})
    end = pickled(b"](" + b"".join(map(text, keys)) + b"e") + (struct.pack("<q", 1) + bytes(4)) * len(keys)
    (tmp_path / "a.pt").write_bytes(MAGIC + VERSION + pickled(b"}") + pickled(value) + end)
    message = check(tmp_path / "a.pt")
    assert message == ("its list of storages is malformed" if keys else "the tensor w: its storage is missing")


def test_a_storage_with_two_sizes_is_refused(tmp_path: Path) -> None:
    value = b"](" + storage("0", "Float", 4, b"N") + storage("0", "Double", 4, b"N") + b"e"
    assert "its pickle is malformed" in check(write_stream(tmp_path / "a.pt", value, {"0": (4, bytes(16))}))


def test_values_in_big_endian_order_are_refused(tmp_path: Path) -> None:
    wanted = "its values are in big-endian order, which is not read"
    value = ordered({"w": WEIGHT})
    assert check(write_archive(tmp_path / "a.pt", value, STORAGES, byteorder=b"big")) == wanted
    assert check(write_stream(tmp_path / "a.pt", b"}", {}, little=b"\x89")) == wanted
    assert check(write_archive(tmp_path / "a.pt", value, STORAGES, byteorder=b"little")) == ""


# Archives


def rewritten(path: Path, change: Callable[[zipfile.ZipInfo, bytes], bytes | None]) -> Path:
    """Write an archive again with changed members."""
    with zipfile.ZipFile(path) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members:
            new_content = change(member, content)
            if new_content is not None:
                archive.writestr(member, new_content)
    return path


def test_compressed_members_are_refused(tmp_path: Path) -> None:
    def compress(member: zipfile.ZipInfo, content: bytes) -> bytes:
        if "/data/" in member.filename:
            member.compress_type = zipfile.ZIP_DEFLATED
            return bytes(1 << 22)  # a zip bomb
        return content

    path = write_arrays(tmp_path / "a.pt", {"w": np.zeros(4, np.float32)})
    message = check_memory(rewritten(path, compress))
    assert message == (
        "the tensor w: the member 'archive/data/0' of the archive is compressed, as torch.save never does"
    )


def test_an_archive_without_a_pickle_is_refused(tmp_path: Path) -> None:
    path = write_arrays(tmp_path / "a.pt", {"w": np.zeros(4, np.float32)})
    rewritten(path, lambda member, content: None if member.filename.endswith(".pkl") else content)
    assert check(path) == "this is a zip archive without data.pkl, not one of torch.save"


def test_an_archive_of_torch_export_is_refused_by_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt2", "w") as archive:
        archive.writestr("a/archive_format", "pt2")
    with pytest.raises(FileError) as caught:
        load_network(tmp_path / "a.pt2")
    assert str(caught.value) == (
        f"{tmp_path / 'a.pt2'}: this is an archive of torch.export, which is not read; "
        "save the tensors with torch.save(model.state_dict(), …)."
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_with_the_same_name_are_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.pt", ordered({"w": WEIGHT}), STORAGES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", bytes(16))
    assert check(path) == "two of its members are called archive/data/0"


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.pt", ordered({"w": WEIGHT}), {"0": bytes(16), "1": bytes(16)})
    data = bytearray(path.read_bytes())
    second = data.index(b"archive/data/1", data.index(b"PK\1\2")) - 46
    first = data.index(b"archive/data/0", data.index(b"PK\1\2")) - 46
    data[second + 42 : second + 46] = data[first + 42 : first + 46]  # the place of its local header
    path.write_bytes(data)
    assert check(path) == "two of its members overlap"


@pytest.mark.parametrize(("at", "value"), [(0, b"XX"), (26, b"\xff\xff"), (28, b"\xff\xff")])
def test_a_damaged_header_of_a_member_is_refused(tmp_path: Path, at: int, value: bytes) -> None:
    path = write_archive(tmp_path / "a.pt", ordered({"w": WEIGHT}), STORAGES)
    data = bytearray(path.read_bytes())
    header = data.index(b"archive/data/0") - 30
    data[header + at : header + at + 2] = value
    path.write_bytes(data)
    assert check(path) == "the tensor w: the member 'archive/data/0' of the archive is damaged"


# Damage


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, is_stream: bool) -> None:
    arrays = {"w": np.ones((2, 3), np.float32), "b": np.arange(3)}
    data = write_arrays(tmp_path / "whole.pt", arrays, is_stream=is_stream).read_bytes()
    for size in range(0, len(data), 3):
        (tmp_path / "a.pt").write_bytes(data[:size])
        assert check(tmp_path / "a.pt"), size
    (tmp_path / "a.pt").write_bytes(data)
    assert check(tmp_path / "a.pt") == ""


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_changed_byte_anywhere_makes_no_other_exception(tmp_path: Path, is_stream: bool) -> None:
    arrays = {"w": np.ones((2, 3), np.float32)}
    data = write_arrays(tmp_path / "whole.pt", arrays, is_stream=is_stream).read_bytes()
    for position in range(len(data)):
        for value in (0xFF, data[position] ^ 1):
            (tmp_path / "a.pt").write_bytes(data[:position] + bytes([value]) + data[position + 1 :])
            check(tmp_path / "a.pt")


def test_files_of_other_formats_are_refused_by_name(tmp_path: Path) -> None:
    cases = {
        pickle.dumps({"w": [1.0]}): "this is a pickle, but not of torch.save; "
        "save the tensors with torch.save(model.state_dict(), …)",
        MAGIC + pickled(number(1002)): "its version of the format of torch.save is not known",
        bytes(257)
        + b"ustar"
        + bytes(250): "this is in the tar format of PyTorch before 0.1.10; load it with PyTorch and "
        "save the tensors with torch.save(model.state_dict(), …)",
        b"": "the file is truncated: its pickle is not complete",
        b"PK\3\4": "this is not a zip archive of PyTorch, or only a part of one",
        b"not a pickle": "this is not a file that torch.save wrote; "
        "save the tensors with torch.save(model.state_dict(), …)",
    }
    for content, message in cases.items():
        (tmp_path / "a.pt").write_bytes(content)
        assert check(tmp_path / "a.pt") == message


def test_a_long_pickle_in_a_stream_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(
        MAGIC + VERSION + pickled(b"}") + b"\x80\2B" + struct.pack("<I", 1 << 25) + bytes(1 << 24)
    )
    with pytest.raises(TensorError, match=r"^it has 16,777,2\d\d bytes in its pickle; the limit is 16,777,216$"):
        PyTorchFile(tmp_path / "a.pt")


def test_the_file_is_closed_where_it_is_refused(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.pt").write_bytes(b"n")
    opened: list[IO[bytes]] = []
    original = open

    def recorded(*arguments):
        opened.append(original(*arguments))
        return opened[-1]

    monkeypatch.setattr("builtins.open", recorded)
    with pytest.raises(TensorError):
        PyTorchFile(tmp_path / "a.pt")
    assert opened[0].closed
