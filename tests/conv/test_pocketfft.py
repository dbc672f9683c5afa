"""Fourier transforms by SciPy's extension module alone, and by `scipy.fft`."""

from __future__ import annotations

import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pytest
from scipy import fft

from cnnfx.conv import correlate, pocketfft
from tests.cli.commands import environment


@pytest.fixture(params=["alone", "scipy.fft"])
def library(request, monkeypatch):
    """Use the extension module alone, or `scipy.fft`."""
    if request.param == "scipy.fft":
        monkeypatch.setattr(pocketfft, "_library", lambda: None)
    return request.param


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transforms_have_the_bits_of_scipy(library, dtype):
    values = np.random.default_rng(0).standard_normal((3, 24, 35)).astype(dtype)
    spectrum = pocketfft.real_transform(values, (1, 2))
    np.testing.assert_array_equal(spectrum, fft.rfft2(values))
    np.testing.assert_array_equal(pocketfft.transform(spectrum, 1), fft.fft(spectrum, axis=1))
    columns = pocketfft.inverse_transform(spectrum.copy(), 1)
    np.testing.assert_array_equal(columns, fft.ifft(spectrum, axis=1))
    back = pocketfft.inverse_real_transform(columns, 35, 2)
    np.testing.assert_array_equal(back, fft.irfft(fft.ifft(spectrum, axis=1), 35, axis=2))
    np.testing.assert_allclose(back, values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("least", [1, 13, 257, 331, 1000])
def test_fast_lengths_are_those_of_scipy(library, least):
    assert pocketfft.fast_length(least) == fft.next_fast_len(least, real=True)


def test_the_extension_module_is_found():
    assert pocketfft._library() is not None


@pytest.mark.parametrize("usable", [False, TypeError("r2c() takes one argument")])
def test_a_module_with_other_parameters_is_not_used(monkeypatch, usable):
    monkeypatch.setattr(pocketfft, "_is_usable", Mock(side_effect=[usable]))
    assert pocketfft._library.__wrapped__() is None


def test_both_libraries_give_the_same_bits_of_a_correlation(monkeypatch):
    image, weights = np.random.default_rng(1).random((2, 90, 80)), np.random.default_rng(2).random((3, 2, 15, 15))
    alone = correlate(image, weights, method="fft")
    monkeypatch.setattr(pocketfft, "_library", lambda: None)
    np.testing.assert_array_equal(correlate(image, weights, method="fft"), alone)


@pytest.mark.parametrize("first", ["cnnfx.conv.pocketfft", "scipy.fft"])
def test_scipy_uses_the_same_module_and_the_process_ends_normally(first):
    script = f"""
import {first}
import scipy.fft, sys
from cnnfx.conv import pocketfft
library = pocketfft._library()
assert sys.modules[library.__name__] is library
assert abs(scipy.fft.ifft(scipy.fft.fft([1, 2]))[1] - 2) < 1e-12
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
