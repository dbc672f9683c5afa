"""A reader of pickles that imports and calls nothing: it makes plain values, and records of all other objects.

A pickle is a program for a machine with a stack: https://docs.python.org/3/library/pickletools.html. Python's own
reader imports every class and function that the program names, and calls it. Here a name becomes a `Global`, and a call
of it becomes what a fixed table makes of its arguments, or else a `PickledObject`, which holds what the pickle says
about the object. Every operation takes a bounded time and amount of memory.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any

from cnnfx.formats.tensor_file import TensorError
from cnnfx.system.limits import MAX_NAME_CHARACTERS, MAX_PICKLE_OPERATIONS, limit_text
from cnnfx.system.text import shown

Rebuild = Callable[[tuple[Any, ...]], object]
"""A function that makes a value of the arguments of a call in a pickle."""

BYTE, WORD, LONG_WORD = struct.Struct("<B"), struct.Struct("<I"), struct.Struct("<Q")
"""Unsigned integers of 1, 4 and 8 bytes."""
UNSAFE_MODULES = frozenset({
    "cProfile", "ctypes", "importlib", "marshal", "nt", "os", "pdb", "posix", "pty", "runpy", "shutil", "socket",
    "subprocess", "sys", "timeit", "webbrowser",
})  # fmt: skip
"""Modules whose functions run commands or code. Weights need none of them: a file that names one is an attack."""
UNSAFE_BUILTINS = frozenset({"__import__", "breakpoint", "compile", "eval", "exec", "execfile", "input", "open"})
"""Built-in functions that do the same."""


class TruncatedPickleError(TensorError):
    """A pickle that ends before its last operation."""


class Global:
    """The name of a class or function in a pickle. It is not imported.

    Parameters
    ----------
    path : str
        The module and the name: "collections.OrderedDict".
    """

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path


class PickledObject:
    """What a pickle says about an object that is neither a plain value nor in the table of the reader.

    Attributes
    ----------
    path : str
        The path of its class, or of the function that would make it.
    entries : dict
        Its entries, if it is a kind of dictionary.
    state : object
        The state that the pickle gives it: usually a dictionary of its attributes.
    """

    __slots__ = ("entries", "path", "state")

    def __init__(self, path: str) -> None:
        self.path = path
        self.entries: dict[str, Any] = {}
        self.state: object = None


class PickleReader:
    """A reader of the pickles that follow each other in a buffer.

    Parameters
    ----------
    data : bytes
    rebuild : mapping of str to function
        What a call makes of its arguments, by the path of the class or function. The functions must not trust the
        number and types of the arguments; `LookupError`, `TypeError` and `ValueError` stand for malformed content.
    persistent_load : function
        Returns the value of an object outside the pickle, from its identifier, in the same way.

    Attributes
    ----------
    position : int
        Where the next pickle starts.
    other : str
        The path of the first class or function of which a `PickledObject` is made; empty if there is none.

    Notes
    -----
    Dictionaries have text as keys, as names of tensors are. Whole numbers become text, and entries with other keys are
    left out: comparing them could take any time. Sets are lists.
    """

    def __init__(
        self, data: bytes, rebuild: Mapping[str, Rebuild], persistent_load: Callable[[object], object]
    ) -> None:
        self.position, self.other = 0, ""
        self._data = data
        self._rebuild = {**_STANDARD, **rebuild}
        self._persistent_load = persistent_load
        self._operations = 0
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> object:
        """Return the value of the next pickle.

        Raises
        ------
        TruncatedPickleError
            If it is not complete.
        TensorError
            If it is malformed, has more than `MAX_PICKLE_OPERATIONS` operations, or names a function that runs
            commands or code.
        """
        self._stack, self._marks, self._memo = [], [], {}
        try:
            while (code := self._take(1)) != pickle.STOP:
                self._operations += 1
                if self._operations > MAX_PICKLE_OPERATIONS:
                    raise TensorError(limit_text("operations in its pickle", self._operations, MAX_PICKLE_OPERATIONS))
                operation = _OPERATIONS.get(code)
                if operation is None:
                    at = f"byte {self.position - 1:,}"
                    raise TensorError(f"its pickle has an operation that is not read ({shown(code)}) at {at}")
                operation(self)
            return self._stack.pop()
        except (LookupError, TypeError, ValueError, OverflowError, struct.error) as error:
            raise TensorError(f"its pickle is malformed at byte {self.position:,}") from error

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            raise TruncatedPickleError("the file is truncated: its pickle is not complete")
        taken, self.position = self._data[self.position : end], end
        return taken

    def _line(self) -> str:
        end = self._data.find(b"\n", self.position)
        if end < 0:
            raise TruncatedPickleError("the file is truncated: its pickle is not complete")
        line = self._data[self.position : end]
        self.position = end + 1
        return line.decode()

    def _number(self, layout: struct.Struct) -> Any:
        return layout.unpack(self._take(layout.size))[0]

    # The stack

    def _pop_items(self) -> list[Any]:
        """Return the values above the last mark, and remove them with the mark."""
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _pop_last(self, count: int) -> tuple[Any, ...]:
        if len(self._stack) < count:
            raise ValueError("too few values on the stack")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        return items

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _discard_items(self) -> None:
        self._pop_items()

    def _discard(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_items()

    def _duplicate(self) -> None:
        self._push(self._stack[-1])

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    # Values

    def _integer_line(self) -> None:
        line = self._line()
        self._push({"00": False, "01": True}.get(line, int(line)))

    def _long(self) -> None:
        self._push(int.from_bytes(self._take(self._number(BYTE)), "little", signed=True))

    def _add_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, PickledObject):
            first = len(target.entries)
            target.entries.update((str(first + number), item) for number, item in enumerate(items))
        else:
            raise TypeError("items for what is not a list")

    def _add_entries(self, items: list[Any]) -> None:
        target = self._stack[-1]
        entries = target.entries if isinstance(target, PickledObject) else target
        if not isinstance(entries, dict):
            raise TypeError("entries for what is not a dictionary")
        _update(entries, zip(items[::2], items[1::2], strict=True))

    # Classes and calls

    def _find_class(self, module: str, name: str) -> None:
        _check_name(module)
        _check_name(name)
        is_builtin = module in ("builtins", "__builtin__")  # the second in Python 2
        if module in UNSAFE_MODULES or (is_builtin and name in UNSAFE_BUILTINS):
            raise TensorError(
                f'it names "{module}.{name}", which runs commands or code when Python loads the file; '
                "get the file from a source that you trust"
            )
        self._push(Global(f"{module}.{name}"))

    def _find_class_on_stack(self) -> None:
        module, name = self._pop_last(2)
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name that is not text")
        self._find_class(module, name)

    def _call(self) -> None:
        function, arguments = self._pop_last(2)
        self._push_result(function, arguments)

    def _call_with_keywords(self) -> None:
        function, arguments, _ = self._pop_last(3)
        self._push_result(function, arguments)

    def _push_result(self, function: object, arguments: object) -> None:
        if not isinstance(arguments, tuple):
            raise TypeError("arguments that are not a tuple")
        path = function.path if isinstance(function, Global | PickledObject) else "an object"
        if isinstance(function, Global) and path in self._rebuild:
            if arguments and isinstance(arguments[0], list | dict):
                self._operations += len(arguments[0])  # `_rebuild_dictionary` copies it
            result = self._rebuild[path](arguments)
        else:
            result = PickledObject(path)
        if isinstance(result, PickledObject):
            self.other = self.other or result.path
        self._push(result)

    def _build(self) -> None:
        target, state = self._pop_last(2)
        if isinstance(target, PickledObject):
            target.state = state
        self._push(target)  # attributes of others, such as _metadata of state dicts, are left out

    def _load_persistent(self) -> None:
        self._push(self._persistent_load(self._stack.pop()))


def _update(entries: dict[str, Any], pairs: Any) -> None:
    """Add pairs of a key and a value to a dictionary, as `PickleReader` describes."""
    for key, value in pairs:
        if type(key) is int and abs(key) < 1 << 63:
            key = str(key)
        if isinstance(key, str):
            _check_name(key)
            entries[key] = value


def _check_name(name: str) -> None:
    """Check the length of a name: comparing and joining longer ones takes time."""
    if len(name) > MAX_NAME_CHARACTERS:
        raise TensorError(limit_text("characters in a name", len(name), MAX_NAME_CHARACTERS))


def _rebuild_dictionary(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Return the dictionary of `OrderedDict()`, `OrderedDict([[key, value], ...])` or `Counter({key: value, ...})`."""
    entries: dict[str, Any] = {}
    for given in arguments[:1]:
        if not isinstance(given, list | dict):
            raise TypeError("a dictionary of what is not a list of pairs")
        _update(entries, given.items() if isinstance(given, dict) else given)
    return entries


def _rebuild_object(arguments: tuple[Any, ...]) -> PickledObject:
    return PickledObject(arguments[0].path if isinstance(arguments[0], Global) else "an object")


_STANDARD: dict[str, Rebuild] = {
    "collections.OrderedDict": _rebuild_dictionary,
    "collections.Counter": _rebuild_dictionary,
    "collections.defaultdict": lambda arguments: {},  # its argument makes the values of keys that are not there
    "_codecs.encode": lambda arguments: arguments[0],  # text for bytes, such as those of an array of NumPy
    "copyreg._reconstructor": _rebuild_object,
    "copy_reg._reconstructor": _rebuild_object,
}
"""What calls of classes and functions of Python's standard library make."""


def _skip(size: int) -> Callable[[PickleReader], None]:
    def skip(reader: PickleReader) -> None:
        reader._take(size)

    return skip


def _constant(value: object) -> Callable[[PickleReader], None]:
    return lambda reader: reader._push(value)


def _number(layout: struct.Struct) -> Callable[[PickleReader], None]:
    return lambda reader: reader._push(reader._number(layout))


def _bytes(length: struct.Struct) -> Callable[[PickleReader], None]:
    return lambda reader: reader._push(reader._take(reader._number(length)))


def _text(length: struct.Struct, errors: str = "surrogatepass") -> Callable[[PickleReader], None]:
    return lambda reader: reader._push(reader._take(reader._number(length)).decode("utf-8", errors))


def _last(count: int) -> Callable[[PickleReader], None]:
    return lambda reader: reader._push(reader._pop_last(count))


def _put(layout: struct.Struct) -> Callable[[PickleReader], None]:
    return lambda reader: reader._memo.__setitem__(reader._number(layout), reader._stack[-1])


def _get(layout: struct.Struct) -> Callable[[PickleReader], None]:
    return lambda reader: reader._push(reader._memo[reader._number(layout)])


_OPERATIONS: dict[bytes, Callable[[PickleReader], None]] = {
    pickle.PROTO: _skip(1),
    pickle.FRAME: _skip(8),
    pickle.MARK: PickleReader._mark,
    pickle.POP: PickleReader._discard,
    pickle.POP_MARK: PickleReader._discard_items,
    pickle.DUP: PickleReader._duplicate,
    pickle.BINPUT: _put(BYTE),
    pickle.LONG_BINPUT: _put(WORD),
    pickle.MEMOIZE: PickleReader._memoize,
    pickle.BINGET: _get(BYTE),
    pickle.LONG_BINGET: _get(WORD),
    pickle.NONE: _constant(None),
    pickle.NEWTRUE: _constant(True),
    pickle.NEWFALSE: _constant(False),
    pickle.INT: PickleReader._integer_line,
    pickle.BININT: _number(struct.Struct("<i")),
    pickle.BININT1: _number(BYTE),
    pickle.BININT2: _number(struct.Struct("<H")),
    pickle.LONG1: PickleReader._long,
    pickle.BINFLOAT: _number(struct.Struct(">d")),
    # Python 2 wrote text as strings of bytes.
    pickle.SHORT_BINSTRING: _text(BYTE, "backslashreplace"),
    pickle.BINSTRING: _text(WORD, "backslashreplace"),
    pickle.SHORT_BINUNICODE: _text(BYTE),
    pickle.BINUNICODE: _text(WORD),
    pickle.BINUNICODE8: _text(LONG_WORD),
    pickle.SHORT_BINBYTES: _bytes(BYTE),
    pickle.BINBYTES: _bytes(WORD),
    pickle.BINBYTES8: _bytes(LONG_WORD),
    pickle.BYTEARRAY8: _bytes(LONG_WORD),
    pickle.EMPTY_TUPLE: _constant(()),
    pickle.TUPLE: lambda reader: reader._push(tuple(reader._pop_items())),
    pickle.TUPLE1: _last(1),
    pickle.TUPLE2: _last(2),
    pickle.TUPLE3: _last(3),
    pickle.EMPTY_LIST: lambda reader: reader._push([]),
    pickle.LIST: lambda reader: reader._push(reader._pop_items()),
    pickle.APPEND: lambda reader: reader._add_items([reader._stack.pop()]),
    pickle.APPENDS: lambda reader: reader._add_items(reader._pop_items()),
    pickle.EMPTY_SET: lambda reader: reader._push([]),
    pickle.FROZENSET: lambda reader: reader._push(reader._pop_items()),
    pickle.ADDITEMS: lambda reader: reader._add_items(reader._pop_items()),
    pickle.EMPTY_DICT: lambda reader: reader._push({}),
    pickle.SETITEM: lambda reader: reader._add_entries(list(reader._pop_last(2))),
    pickle.SETITEMS: lambda reader: reader._add_entries(reader._pop_items()),
    pickle.GLOBAL: lambda reader: reader._find_class(reader._line(), reader._line()),
    pickle.STACK_GLOBAL: PickleReader._find_class_on_stack,
    pickle.REDUCE: PickleReader._call,
    pickle.NEWOBJ: PickleReader._call,
    pickle.NEWOBJ_EX: PickleReader._call_with_keywords,
    pickle.BUILD: PickleReader._build,
    pickle.BINPERSID: PickleReader._load_persistent,
}
"""The operations of pickles of protocol 2 and later. Those of extension codes and buffers outside are refused."""
