"""Fourier transforms by SciPy's pocketfft library, without the import of `scipy.fft`.

That import takes longer than all else that a command does with a photograph, as it also imports special functions and
NumPy's tests. The transforms need only one extension module of it, which is loaded from its file. Where SciPy has no
such file, or its functions have other parameters, `scipy.fft` is imported; the results are the same.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MODULES = ("_pocketfft/pypocketfft", "_duccfft/pyduccfft")
"""The extension module in the folder `fft` of SciPy, and that of SciPy 1.18 and later, with the same functions."""
DIVIDED = 2
"""pocketfft's number of the normalization that divides by the length, as inverse transforms do."""


def real_transform(values: Array, axes: tuple[int, ...]) -> Array:
    """Return the transform of real values along `axes`; the last of them has length//2 + 1 elements."""
    library = _library()
    if library is None:
        return _scipy_fft().rfftn(values, axes=axes)  # type: ignore[no-any-return]
    return library.r2c(values, axes)  # type: ignore[no-any-return]


def transform(values: Array, axis: int) -> Array:
    """Return the transform along one axis."""
    library = _library()
    if library is None:
        return _scipy_fft().fft(values, axis=axis)  # type: ignore[no-any-return]
    return library.c2c(values, (axis,))  # type: ignore[no-any-return]


def inverse_transform(values: Array, axis: int) -> Array:
    """Return the inverse transform along one axis. The values may be overwritten."""
    library = _library()
    if library is None:
        return _scipy_fft().ifft(values, axis=axis, overwrite_x=True)  # type: ignore[no-any-return]
    return library.c2c(values, (axis,), False, DIVIDED, values)  # type: ignore[no-any-return]


def inverse_real_transform(values: Array, length: int, axis: int) -> Array:
    """Return the inverse transform along one axis of a `real_transform`, as `length` real values."""
    library = _library()
    if library is None:
        return _scipy_fft().irfft(values, length, axis=axis)  # type: ignore[no-any-return]
    return library.c2r(values, (axis,), length, False, DIVIDED)  # type: ignore[no-any-return]


def fast_length(least: int) -> int:
    """Return the least length, `least` or more, whose transform of real values is fast."""
    library = _library()
    return int(_scipy_fft().next_fast_len(least, real=True) if library is None else library.good_size(least, True))


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return SciPy's extension module of Fourier transforms, or None if it cannot be used alone."""
    try:
        package = find_spec("scipy")
        folders = [Path(folder) for folder in package.submodule_search_locations or ()] if package else []
        files = [(name, f"fft/{name}{suffix}") for name in MODULES for suffix in EXTENSION_SUFFIXES]
        name, path = next(
            (name, path) for folder in folders for name, file in files if (path := folder / file).exists()
        )
        name = f"scipy.fft.{name.replace('/', '.')}"
        if name not in sys.modules:
            spec = spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module  # so that SciPy does not load it again: some versions crash at exit then
        module = sys.modules[name]
        return module if _is_usable(module) else None
    except Exception:  # whatever a future SciPy changes
        return None


def _is_usable(library: Any) -> bool:
    """Return whether the functions of the module take the parameters with which they are called here."""
    values = np.arange(4, dtype=np.float32)
    spectrum = library.c2c(library.r2c(values, (0,)), (0,))
    back = library.c2r(library.c2c(spectrum, (0,), False, DIVIDED, spectrum), (0,), 4, False, DIVIDED)
    return bool(np.allclose(back, values)) and library.good_size(7, True) >= 7


def _scipy_fft() -> Any:
    from scipy import fft

    return fft
