"""Deflate's code for bytes that hardly repeat: each byte by its frequency, no search for repeats (RFC 1951, 3.2).

zlib codes one byte after the other. Here whole arrays are coded: a table gives the code of two bytes at once, two such
make a piece, and the pieces are shifted to where they begin and laid over one another, 64 bits at a time. That takes a
third of zlib's time for the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.system.memory import buffer

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

PAIR, WORD = np.dtype("<u4"), np.dtype("<u8")
"""Whole numbers whose first byte is the lowest, as in what is written."""

END = 256
"""The symbol behind the last byte."""
LONGEST = 12
"""Bits of a code at most. Two leave five of 32 bits for their length, and four are less than a word of 64."""
SHARE = np.uint64(27)
"""In the table of pairs the bits below this one hold two codes, the others their length."""
CODES = np.uint64(2**27 - 1)
STEP = 7
"""Of a large array every seventh byte is counted: no multiple of the bytes of a pixel."""
LARGE = 2**16
PART = 2**18
"""Bytes that are coded at a time: what is needed for it stays in the cache."""
HEADER = (0, 0, 1, *(0,) * 10, *(1,) * 4, *(0,) * 9, *(0, 0, 1) * 16)
"""Bits before the lengths: more blocks follow; a block with a code of its own, for 257 symbols and no distances; these
lengths are told by 19 codes, three that repeat lengths (not used) and 16 of four bits."""
FLUSHED = b"\0\0\xff\xff"
"""Behind three zeros and up to the next whole byte: an empty block."""


def literals(data: Bytes) -> bytes:
    """Bytes as a deflated block that others may follow, of whole bytes.

    Parameters
    ----------
    data : uint8 array (N,), N at least 1
    """
    lengths = code_lengths(_counts(data), LONGEST)
    codes = reversed_codes(lengths)
    start = np.concatenate([np.array(HEADER, np.uint8), _told(lengths)])
    words = np.zeros((len(start) + LONGEST * (data.size + 1)) // 64 + 2, WORD)
    head = np.packbits(start, bitorder="little")
    words.view(np.uint8)[: len(head)] = head
    size, table = len(start), _pairs(codes[:END], lengths[:END])
    for first in range(0, data.size, PART):
        size = _join(*_pieces(data[first : first + PART], table), size, words)
    rest = data.size % 4  # of the last part
    for symbol in (*data[data.size - rest :].tolist(), END):
        size = _join(codes[[symbol]], lengths[[symbol]], size, words)
    return words.view(np.uint8)[: (size + 3 + 7) // 8].tobytes() + FLUSHED


def _counts(data: Bytes) -> NDArray[Any]:
    """How often each symbol occurs; of a large array by a sample, and what is not in it may occur all the same."""
    large = data.size > LARGE
    counts = np.bincount(data[::STEP] if large else data, minlength=END + 1) + large
    counts[END] = 1
    return counts


def code_lengths(counts: NDArray[Any], most: int) -> NDArray[np.uint64]:
    """The lengths in bits of the best code in which none has more than `most`; 0 for what does not occur.

    Package-merge (Larmore and Hirschberg, 1990): a code of length n costs its symbol's count n times. At each of `most`
    levels, from the longest codes up, symbols and pairs of what the level below holds compete, the cheapest first.
    """
    order = np.argsort(counts, kind="stable")[np.count_nonzero(counts == 0) :]
    leaves = counts[order]
    level, symbols = leaves, [np.ones(len(leaves), bool)]
    for _ in range(most - 1):
        pairs = level[: len(level) // 2 * 2].reshape(-1, 2).sum(axis=1)
        both = np.concatenate([leaves, pairs])
        place = np.argsort(both, kind="stable")
        level = both[place]
        symbols.append(place < len(leaves))
    lengths, taken = np.zeros(len(counts), np.uint64), 2 * len(leaves) - 2
    for is_symbol in reversed(symbols):
        chosen = int(np.count_nonzero(is_symbol[:taken]))
        lengths[order[:chosen]] += np.uint64(1)
        taken = 2 * (taken - chosen)
    return lengths


def reversed_codes(lengths: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The codes that deflate prescribes for such lengths, each with its first bit as the lowest.

    In the order of their lengths, and equal ones in the order of their symbols, they count upwards.
    """
    order = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
    span = np.uint64(1) << (np.uint64(16) - lengths[order])  # how many of all numbers of 16 bits begin with a code
    first = (np.cumsum(span) - span).astype(">u2")
    codes = np.zeros(len(lengths), np.uint64)
    codes[order] = np.packbits(np.unpackbits(first.view(np.uint8)), bitorder="little").view("<u2")
    return codes


def _told(lengths: NDArray[np.uint64]) -> Bytes:
    """The lengths of all codes and of none for distances, in four bits each, the highest first."""
    numbers = np.append(lengths, 0).astype(np.uint8)
    return np.unpackbits(numbers[:, None], axis=1)[:, 4:].reshape(-1)


def _pieces(data: Bytes, table: NDArray[np.uint32]) -> tuple[Words, Words]:
    """The codes of every four bytes, and their lengths in bits; up to three bytes are left over."""
    count = data.size // 4
    found = buffer("huffman_pairs", (2 * count,), PAIR)
    np.take(table, data[: 4 * count].view("<u2"), out=found, mode="clip")
    return _join_pairs(found.view(WORD))


def _pairs(codes: Words, lengths: Words) -> NDArray[np.uint32]:
    """The code of two bytes, the first of them the lower, and its length from the bit `SHARE` on."""
    code, length = codes.astype(PAIR.type), lengths.astype(PAIR.type)
    both = code[:, None] << length
    both |= code
    both |= (length[:, None] + length) << PAIR.type(SHARE)
    return both.astype(PAIR, copy=False).reshape(-1)


def _join_pairs(found: Words) -> tuple[Words, Words]:
    """Two entries of the table of pairs, side by side in 64 bits, as one code, and its length."""
    pieces, bits, second = (_scratch(name, len(found)) for name in ("pieces", "bits", "second"))
    np.right_shift(found, SHARE, out=bits)
    np.bitwise_and(bits, np.uint64(31), out=bits)
    np.right_shift(found, np.uint64(32), out=second)
    np.bitwise_and(second, CODES, out=second)
    np.left_shift(second, bits, out=second)
    np.bitwise_and(found, CODES, out=pieces)
    np.bitwise_or(pieces, second, out=pieces)
    np.right_shift(found, np.uint64(59), out=second)
    np.add(bits, second, out=bits)
    return pieces, bits


def _join(pieces: Words, bits: Words, begin: int, words: Words) -> int:
    """Lay pieces of up to 48 bits one behind the other over 64-bit words, from the bit `begin` on; where they end."""
    if not len(pieces):
        return begin
    place, word = _scratch("place", len(bits)), _scratch("second", len(bits))
    np.cumsum(bits, out=place)
    place += np.uint64(begin)
    end = int(place[-1])
    np.subtract(place, bits, out=place)
    np.right_shift(place, np.uint64(6), out=word)
    np.bitwise_and(place, np.uint64(63), out=place)
    # Pieces begin in every word, and its last one may reach into the next. Accumulated, a word holds those of all words
    # before it too: laid over it once more, they are gone.
    last = np.append(np.flatnonzero(word[1:] != word[:-1]), len(word) - 1)
    beyond = pieces[last] >> (np.uint64(64) - place[last])
    np.left_shift(pieces, place, out=pieces)
    np.bitwise_xor.accumulate(pieces, out=pieces)
    inside = pieces[last]
    inside[1:] ^= pieces[last[:-1]]
    first = int(word[0])
    words[first : first + len(last)] |= inside
    words[first + 1 : first + 1 + len(last)] |= beyond
    return end


def _scratch(name: str, size: int) -> Words:
    memory: Words = buffer(f"huffman_{name}", (size,), WORD)
    return memory
