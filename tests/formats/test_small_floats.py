"""bfloat16 and float8 decoded to float32."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.formats.small_floats import FLOAT8, STORED_AS, decode_small_floats


def decode(bits: list[int], dtype: str) -> list[float]:
    return decode_small_floats(np.array(bits, STORED_AS[dtype]), dtype).tolist()


def test_a_bfloat16_is_the_first_half_of_a_float32() -> None:
    values = np.float32([0, -0.0, 1, -2.5, 3e38, 1e-40, np.inf])
    rounded = (values.view(np.uint32) >> 16).astype(np.uint16)
    assert decode(rounded.tolist(), "bfloat16") == (values.view(np.uint32) & 0xFFFF0000).view(np.float32).tolist()


def test_values_of_float8_are_those_of_the_specification() -> None:
    # Table 1 of "OCP 8-bit Floating Point Specification": zero, smallest and largest numbers.
    assert decode([0x00, 0x01, 0x07, 0x08, 0x38, 0x7E], "float8_e4m3fn") == [0, 2**-9, 0.875 * 2**-6, 2**-6, 1, 448]
    assert decode([0x00, 0x01, 0x03, 0x04, 0x3C, 0x7B], "float8_e5m2") == [0, 2**-16, 0.75 * 2**-14, 2**-14, 1, 57344]


def test_only_e5m2_has_infinity() -> None:
    assert decode([0x7C, 0xFC], "float8_e5m2") == [np.inf, -np.inf]
    assert np.isnan(decode([0x7D, 0x7F, 0xFF], "float8_e5m2")).all()
    assert np.isnan(decode([0x7F, 0xFF], "float8_e4m3fn")).all()
    assert np.isfinite(decode([*range(0x7F), *range(0x80, 0xFF)], "float8_e4m3fn")).all()


@pytest.mark.parametrize("dtype", FLOAT8)
def test_the_first_bit_of_a_float8_is_its_sign(dtype: str) -> None:
    positive = np.array(decode(list(range(0x7C)), dtype))
    assert (np.diff(positive) > 0).all()
    np.testing.assert_array_equal(decode([0x80 | bits for bits in range(0x7C)], dtype), -positive)


@pytest.mark.parametrize("dtype", STORED_AS)
def test_the_shape_stays(dtype: str) -> None:
    for shape in ((), (0, 2), (2, 3)):
        found = decode_small_floats(np.zeros(shape, STORED_AS[dtype]), dtype)
        assert isinstance(found, np.ndarray)
        assert found.shape == shape
        assert found.dtype == np.float32


def test_all_values_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for dtype, stored in STORED_AS.items():
        bits = np.arange(1 << 8 * np.dtype(stored).itemsize).astype(stored)
        wanted = torch.from_numpy(bits).view(getattr(torch, dtype)).float().numpy()
        np.testing.assert_array_equal(decode_small_floats(bits, dtype), wanted)
