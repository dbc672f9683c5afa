"""One zlib stream from blocks deflated apart."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cnnfx.render.deflate import adler32_combine, zlib_stream


@given(st.binary(max_size=300), st.binary(max_size=300))
@example(b"", b"")
@example(b"\xff" * 70000, b"\xff" * 90001)
@example(b"\0" * 65521, b"\1")
def test_checksums_of_two_pieces_make_the_checksum_of_both(first, second):
    combined = adler32_combine(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)


@given(st.lists(st.binary(min_size=1, max_size=100), max_size=8))
@pytest.mark.parametrize("method", [(1, zlib.Z_RLE), None, (4, zlib.Z_DEFAULT_STRATEGY)])
def test_the_blocks_come_back_as_one(method, blocks):
    pieces = zlib_stream(blocks, lambda block: (np.frombuffer(block, np.uint8), method))
    assert zlib.decompress(b"".join(part for parts in pieces for part in parts)) == b"".join(blocks)
