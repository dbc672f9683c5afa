"""Random changes to numbers, bytes, texts and lists, which the mutators of all formats use.

Every function takes a `random.Random`, so that the same seed gives the same input on every machine.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

MAX_BYTES = 100_000
"""The largest input, in bytes: a file under 100 kB may take at most 1 GB and 10 s."""
BOUNDARIES = (
    0, 1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 254, 255, 256, 257, 511,
    512, 1000, 1023, 1024, 4095, 4096, 4097, 10_000, 14_142, 14_143, 16_383, 16_384, 30_000, 32_767, 32_768, 65_535,
    65_536, 65_537, 99_999, 1_000_000, 2**24 - 1, 2**24, 2**28, 2**30, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1, 2**32,
    2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
"""Whole numbers at which programs change their behavior."""
NUMBER_TEXTS = (
    "0", "1", "-1", "2", "-0", "00", "01", "+1", "1.", ".5", "1e", "e5", "1e5", "1e-5", "1e38", "3.4e38", "-3.4e38",
    "3.5e38", "1e39", "1e308", "1e309", "-1e309", "1e-46", "5e-324", "1e-400", "nan", "-nan", "inf", "-inf",
    "Infinity", "NaN", "1/9", "1/0", "0/0", "1/1e-400", "1_000", "1__0", "0x1F", "0x1p3", "0o7", "0b1", "1,5", "1;5",
    "1e1e1", "--1", "+-1", "\u22121", "\u0661\u0662", "\u00b2", "\uff11", "\u2155", "1\u00a0000", "255", "256",
    "65535", "65536", "200000000", "200000001", "2147483647", "2147483648", "4294967296", "9223372036854775807",
    "9223372036854775808", "1" * 25, "9" * 310, "9" * 4_300, "9" * 4_301, "0." + "0" * 400 + "1", "1e" + "9" * 30,
    "true", "none", "null", "None",
)  # fmt: skip
"""Numbers as text, and what looks like one."""
ODD_TEXTS = (
    "", " ", "\t", "\n", "\r", "\r\n", "\0", "\x1b[31m", "\x7f", "\x85", "\u00a0", "\u00ad", "\u0301", "\u200b",
    "\u200d", "\u2028", "\u202e", "\u2066", "\ufeff", "\ufffd", "\uffff", "\U0001f600", "\U0010ffff", "\u00e9",
    "\u00df", "\u03c3", "\u0432", "*", ".", "..", "/", "\\", ":", "%", "%s", "{}", "{0}", "{stem}", "$", "~", "-",
    "--", "\u2026", "a" * 300, "\u00e9" * 200, "__class__", "<b>", "&amp;", "[red]", "'", '"', "\\u0000", "\\ud800",
)  # fmt: skip
"""Texts that are easily mishandled."""
REPEATS = (2, 3, 10, 40, 300, 1_500, 20_000)
"""How often something is repeated when it is repeated many times."""
TOKEN = re.compile(r"[^\W\d]\w*|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?|\s+|.", re.DOTALL)
"""A word, a number, blanks, or a single sign."""

Item = TypeVar("Item")
Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""`mutate(rng, data, seeds)` returns a changed input."""


def times(rng: Random) -> int:
    """Return how many changes to make: 1 in half of the cases, each further one half as likely, at most 8."""
    count = 1
    while count < 8 and rng.random() < 0.5:
        count += 1
    return count


def number(rng: Random, value: int = 0, bits: int = 32) -> int:
    """Return another unsigned number of `bits` bits: near the old one, at a boundary, a changed bit, or any."""
    kind = rng.randrange(6)
    if kind == 0:
        result = value + rng.choice((-2, -1, 1, 2))
    elif kind in (1, 2):
        result = rng.choice(BOUNDARIES) + rng.choice((0, 0, 0, -1, 1))
    elif kind == 3:
        result = value ^ (1 << rng.randrange(bits))
    elif kind == 4:
        result = rng.choice((value * 2, value // 2, value * 256, value >> 8, -value))
    else:
        result = rng.getrandbits(rng.randrange(1, bits + 1))
    return result % (1 << bits)


def mutate_bytes(rng: Random, data: bytes, count: int | None = None) -> bytes:
    """Return the bytes with random changes: bits, numbers of 1 to 8 bytes, and removed, repeated or moved parts."""
    result = bytearray(data)
    for _ in range(times(rng) if count is None else count):
        kind = rng.randrange(9)
        size = len(result)
        if not size:
            result += rng.randbytes(rng.randrange(1, 9))
            continue
        at = rng.randrange(size)
        if kind == 0:
            result[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            result[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            code = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
            width = struct.calcsize(code)
            if at + width <= size:
                struct.pack_into(code, result, at, number(rng, struct.unpack_from(code, result, at)[0], 8 * width))
        elif kind == 3:
            del result[at : at + _length(rng, size - at)]
        elif kind == 4:
            result[at:at] = rng.randbytes(rng.choice((1, 1, 2, 4, 16)))
        elif kind == 5:
            part = result[at : at + _length(rng, size - at)]
            result[at:at] = part * rng.choice((1, 1, 1, 2, 30))
        elif kind == 6:
            part = result[at : at + _length(rng, size - at)]
            to = rng.randrange(size)
            result[to : to + len(part)] = part
        elif kind == 7:
            length = _length(rng, size - at)
            result[at : at + length] = bytes([rng.choice((0, 255, 32, rng.randrange(256)))]) * length
        else:
            del result[at:]
        del result[MAX_BYTES:]
    return bytes(result)


def _length(rng: Random, most: int) -> int:
    """Return the length of a part, most of them short."""
    return min(most, rng.choice((1, 1, 2, 3, 4, 8, 16, 64, 1000)))


def tokens(text: str) -> list[str]:
    """Return the tokens of a text; joined, they are the text."""
    return TOKEN.findall(text)


def mutate_text(rng: Random, text: str, words: Sequence[str] = (), others: Sequence[str] = ()) -> str:
    """Return a text with some of its tokens changed, removed, repeated, nested or replaced.

    Parameters
    ----------
    rng : Random
    text : str
    words : sequence of str
        Tokens and phrases of the language.
    others : sequence of str
        Other texts, of which parts are put in.
    """
    parts = tokens(text)
    for _ in range(times(rng)):
        kind = rng.randrange(13)
        if not parts:
            parts = [rng.choice(words)] if words else [rng.choice(ODD_TEXTS)]
            continue
        at = rng.randrange(len(parts))
        if kind in (0, 1, 2):
            numbers = [index for index, part in enumerate(parts) if part[:1].isdigit()]
            if numbers:
                parts[rng.choice(numbers)] = number_text(rng)
        elif kind in (3, 4):
            parts[at] = rng.choice(words) if words else rng.choice(ODD_TEXTS)
        elif kind == 5:
            parts.insert(at, rng.choice(words) if words and rng.random() < 0.7 else rng.choice(ODD_TEXTS))
        elif kind == 6:
            del parts[at : at + rng.choice((1, 1, 2, 5, 30))]
        elif kind == 7:
            part = parts[at : at + rng.choice((1, 1, 3, 10, 30))]
            parts[at:at] = part * _repeats(rng, sum(map(len, part)))
        elif kind == 8:
            other = rng.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        elif kind == 9 and others:
            source = tokens(rng.choice(others))
            start = rng.randrange(len(source)) if source else 0
            parts[at:at] = source[start : start + rng.choice((1, 3, 10, 40))]
        elif kind == 10:
            depth = rng.choice((1, 1, 2, 10, 100, 1_200, 20_000))
            opening, closing = rng.choice(("[]", "[]", "{}", "()", '""', "''"))
            parts[at : at + 1] = [opening * depth, parts[at], closing * rng.choice((depth, depth, depth - 1, 0))]
        elif kind == 11:
            letters = list(parts[at]) or [""]
            letters[rng.randrange(len(letters))] = (
                rng.choice(ODD_TEXTS) if rng.random() < 0.5 else chr(rng.randrange(128))
            )
            parts[at] = "".join(letters)
        elif rng.random() < 0.2:
            del parts[at:]
    return "".join(parts)


def number_text(rng: Random) -> str:
    """Return a number as text, sometimes a wrong one."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(NUMBER_TEXTS)
    if kind == 1:
        return str(rng.choice((1, 1, -1)) * rng.choice(BOUNDARIES))
    if kind == 2:
        return str(rng.randrange(-5, 20))
    return repr(rng.uniform(-2, 2)) if rng.random() < 0.5 else f"{rng.uniform(-10, 10):.{rng.randrange(4)}e}"


def _repeats(rng: Random, length: int) -> int:
    """Return how often a part of a length is repeated: seldom very often, and never beyond `MAX_BYTES`."""
    count = rng.choice(REPEATS[:3]) if rng.random() < 0.97 else rng.choice(REPEATS)
    return max(1, min(count, MAX_BYTES // 2 // max(1, length)))


def encode(rng: Random, text: str) -> bytes:
    """Return a text as UTF-8, seldom with a byte order mark, in another encoding, or with a changed byte."""
    data = text.encode("utf-8", "surrogatepass")[:MAX_BYTES]
    kind = rng.randrange(40)
    if kind == 0:
        return mutate_bytes(rng, data, 1)
    if kind == 1:
        return b"\xef\xbb\xbf" + data
    if kind == 2:
        return text.encode(rng.choice(("utf-16", "utf-16-le", "latin-1", "utf-32")), "replace")[:MAX_BYTES]
    return data


def _size(item: object) -> int:
    """Return about how many bytes an item of a list has, at least 1."""
    if isinstance(item, tuple):
        return sum(map(_size, item))
    return max(1, len(item)) if isinstance(item, bytes | str) else 8


def mutate_list(
    rng: Random,
    items: Sequence[Item],
    mutate_item: Callable[[Random, Item], Item],
    others: Sequence[Item] = (),
    count: int | None = None,
) -> list[Item]:
    """Return a list with some items changed (most often), removed, repeated, exchanged, or put in from `others`."""
    result = list(items)
    for _ in range(times(rng) if count is None else count):
        if not result:
            return [rng.choice(others)] if others else []
        at = rng.randrange(len(result))
        kind = rng.randrange(12)
        if kind == 8:
            del result[at]
        elif kind == 9:
            result[at:at] = [result[at]] * (1 if rng.random() < 0.9 else min(1000, MAX_BYTES // _size(result[at])))
        elif kind == 10:
            other = rng.randrange(len(result))
            result[at], result[other] = result[other], result[at]
        elif kind == 11 and others:
            result.insert(at, rng.choice(others))
        else:
            result[at] = mutate_item(rng, result[at])
    return result
