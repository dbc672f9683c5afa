"""Deflate's codes of single bytes: what they say, how long they are, and that every decoder's library reads them."""

from __future__ import annotations

import heapq
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cnnfx.render.huffman import LARGE, LONGEST, STEP, code_lengths, literals, reversed_codes

FIBONACCI = [1, 1]
while len(FIBONACCI) < 30:
    FIBONACCI.append(sum(FIBONACCI[-2:]))
"""Counts whose best code is as long as can be."""


def inflated(data):
    return zlib.decompressobj(-15).decompress(data)


def noise(size, deviation, seed=0):
    return np.random.default_rng(seed).normal(0, deviation, size).astype(np.int8).view(np.uint8)


def least(counts):
    """The bits that Huffman's own code takes: the sum of all sums on the way to one tree."""
    heap, total = sorted(counts), 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        total += both
        heapq.heappush(heap, both)
    return total


@given(st.binary(min_size=1, max_size=3000))
@example(b"\0")
@example(bytes(range(256)))
@example(b"a" * 5000)
def test_any_bytes_come_back(data):
    assert inflated(literals(np.frombuffer(data, np.uint8))) == data


@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 1, LARGE + 2, LARGE + 3, 300_001])
@pytest.mark.parametrize("deviation", [0, 0.3, 12, 90])
def test_arrays_of_any_size_and_spread_come_back(size, deviation):
    data = noise(size, deviation)
    assert inflated(literals(data)) == data.tobytes()


def test_a_byte_that_is_not_in_the_sample_comes_back():
    data = np.zeros(LARGE + 100, np.uint8)
    data[STEP + 1] = 200
    assert inflated(literals(data)) == data.tobytes()


def test_codes_as_long_as_they_may_be_come_back():
    data = np.repeat(np.arange(25, dtype=np.uint8), FIBONACCI[:25])
    np.random.default_rng(1).shuffle(data)
    assert inflated(literals(data)) == data.tobytes()


def test_blocks_follow_one_another():
    first, second = noise(1001, 5), noise(70_000, 30)
    assert inflated(literals(first) + literals(second)) == first.tobytes() + second.tobytes()


def test_it_takes_hardly_more_than_zlib_does():
    data = noise(2**18, 12)
    press = zlib.compressobj(1, zlib.DEFLATED, -15, 8, zlib.Z_HUFFMAN_ONLY)
    theirs = len(press.compress(data.tobytes())) + len(press.flush())
    assert len(literals(data)) < 1.01 * theirs


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=60))
def test_lengths_without_a_limit_are_huffmans(counts):
    lengths = code_lengths(np.array(counts), 60)
    assert int(lengths @ np.array(counts, np.uint64)) == least(counts)


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=257).filter(lambda counts: sum(map(bool, counts)) > 1))
@example(FIBONACCI)
def test_lengths_keep_to_the_limit_and_leave_no_code_unused(counts):
    lengths = code_lengths(np.array(counts), LONGEST)
    used = lengths[lengths > 0].astype(float)
    assert used.max() <= LONGEST
    assert (2**-used).sum() == 1
    assert [length > 0 for length in lengths] == [count > 0 for count in counts]


def test_lengths_at_the_limit_are_the_best_there_are():
    # Huffman's own are 1, 2, 3, 4, 4. With 3 bits at most 1, 3, 3, 3, 3 take 35 bits, and 2, 2, 2, 3, 3 take 36.
    assert code_lengths(np.array([8, 4, 3, 1, 1]), 3).tolist() == [1, 3, 3, 3, 3]


def test_codes_are_those_of_the_standard():
    # RFC 1951, 3.2.2: the lengths 3, 3, 3, 3, 3, 2, 4, 4 have the codes 010, 011, 100, 101, 110, 00, 1110, 1111.
    codes = reversed_codes(np.array([3, 3, 3, 3, 3, 2, 4, 4], np.uint64)).tolist()
    assert codes == [0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111]
