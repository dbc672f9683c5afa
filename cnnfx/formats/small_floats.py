"""Floats of 8 and 16 bits that NumPy does not have: bfloat16 and float8, decoded to float32."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class FloatLayout(NamedTuple):
    """The layout of a float of 8 bits: a sign, then an exponent, then a fraction.

    Attributes
    ----------
    exponent_bits, bias : int
        The exponent, which `bias` is subtracted from.
    has_infinity : bool
        Whether the largest exponent stands for infinity and NaN, as in IEEE 754. Otherwise it stands for numbers, and
        only the number with all other bits set is NaN.
    """

    exponent_bits: int
    bias: int
    has_infinity: bool


FLOAT8 = {"float8_e4m3fn": FloatLayout(4, 7, False), "float8_e5m2": FloatLayout(5, 15, True)}
"""The layouts of OCP's 8-bit floats: https://www.opencompute.org/documents/ocp-8-bit-floating-point-specification-ofp8-revision-1-0-2023-12-01-pdf-1"""
STORED_AS = {"bfloat16": "<u2", "float8_e4m3fn": "u1", "float8_e5m2": "u1"}
"""The types of the integers whose bits are these floats, in NumPy's words."""


def decode_small_floats(bits: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    """Return the values of floats whose bits are given as integers; each is exact.

    Parameters
    ----------
    bits : array of any shape
        Of the type `STORED_AS[dtype]`.
    dtype : str
        A key of `STORED_AS`.

    Returns
    -------
    array of float32, of the same shape
    """
    if dtype == "bfloat16":
        wide = np.asarray(bits).astype(np.uint32)
        wide <<= 16  # a bfloat16 is the first half of a float32
        return wide.view(np.float32)
    return np.asarray(_values(dtype)[bits])


@cache
def _values(dtype: str) -> NDArray[np.float32]:
    """Return the value of each of the 256 patterns of a float of 8 bits."""
    layout = FLOAT8[dtype]
    fraction_bits = 7 - layout.exponent_bits
    bits = np.arange(128)
    exponent, fraction = bits >> fraction_bits, (bits & ((1 << fraction_bits) - 1)) / (1 << fraction_bits)
    # Numbers with the exponent 0 are subnormal: they lack the leading 1.
    values = np.where(exponent > 0, 1 + fraction, 2 * fraction) * 2.0 ** (exponent - layout.bias)
    if layout.has_infinity:
        largest = exponent == (1 << layout.exponent_bits) - 1
        values[largest] = np.where(fraction[largest] == 0, np.inf, np.nan)
    else:
        values[-1] = np.nan
    return np.concatenate([values, -values]).astype(np.float32)
