"""`correlate`: what a convolutional layer computes, on arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.conv.cost_model import METHODS, by_shape
from cnnfx.conv.geometry import window
from cnnfx.conv.im2col import prepared
from cnnfx.conv.padding import PaddedImages
from cnnfx.errors import ArgumentError
from cnnfx.system.memory import recycled_empty
from cnnfx.system.suggest import choose_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnfx.conv.geometry import Pads, Pair, Window

    Method = Callable[[PaddedImages, "Array", "Array | None", Window, "Array"], None]

Array = NDArray[Any]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def correlate(
    image: ArrayLike,
    weights: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: object = 1,
    dilation: object = 1,
    padding: object = "valid",
    border: str = "constant",
    groups: int = 1,
    method: str = "auto",
    out: Array | None = None,
) -> Array:
    """Slide filters over images: the cross-correlation that a convolutional layer computes.

    With stride s and dilation d, channel k of the output is

        out[k, y, x] = bias[k] + sum over c, i, j of  weights[k, c, i, j] · padded[c, y·s + i·d, x·s + j·d]

    The kernel is not flipped: for a true convolution give ``weights[..., ::-1, ::-1]``.

    Parameters
    ----------
    image : (C, H, W) or (N, C, H, W) array
        Real numbers of any range. float32 and float64 are computed as they are; integers, booleans and float16 become
        float32.
    weights : (K, C/groups, kh, kw) array
        K filters; taken in the image's float type.
    bias : (K,) array, optional
        Added to each output channel.
    stride, dilation : int or (int, int)
        (vertical, horizontal), 1 or more.
    padding : "valid", "same", int, (int, int) or ((int, int), (int, int))
        Pixels added around the image: none; as many as give an output of ceil(size/stride) rows and columns, an odd
        one at the bottom and right; this many on each side; (vertical, horizontal); ((top, bottom), (left, right)).
    border : str
        What the padding holds: "constant" (zeros), "edge", "reflect", "symmetric" or "wrap", as in `numpy.pad`, or an
        alias in `cnnfx.conv.geometry.BORDERS`.
    groups : int
        The input channels and the filters are split into this many equal groups; each filter sees its group only.
    method : "auto", "direct", "separable", "fft" or "winograd"
        How to compute it: matrix products; the same with kernels as sums of outer products, of which separable ones
        have one, down the columns and then along the rows; Fourier transforms of tiles; or minimal filtering, which
        takes fewer multiplications where many channels meet many filters (of up to 8 rows and columns, without stride
        and dilation; the others it does directly). "auto" takes the one that is probably fastest. Parts of an image
        that hold NaN or infinity are always done directly, so that these spread to the outputs whose kernel lies over
        them and no further.
    out : array, optional
        Where to put the result; of its shape and type.

    Returns
    -------
    (K, Ho, Wo) or (N, K, Ho, Wo) array
        float64 if the image is, else float32. The same bits for any number of threads. For bands of an image that
        begin at a multiple of `cnnfx.conv.BAND_ROWS` output rows too, if the method is the same (see `band`).

    Raises
    ------
    ArgumentError
        If an argument is of the wrong type, shape or range, or they do not fit one another.

    Examples
    --------
    >>> import numpy as np
    >>> correlate(np.eye(3)[None], [[[[1, 2], [3, 4]]]])
    array([[[5., 3.],
            [2., 5.]]])
    """
    pixels, filters, added = _arrays(image, weights, bias)
    options = pixels.shape, filters.shape, stride, dilation, padding, border, groups, method
    try:
        plan = _plan(*options)
    except TypeError:  # lists cannot be looked up in a cache
        plan = _plan.__wrapped__(*options)
    found = _result(out, plan.shape, pixels.dtype)
    batch, maps = (pixels, found) if pixels.ndim == 4 else (pixels[None], found[None])
    if plan.groups == 1:
        plan.work(PaddedImages(batch, plan.pads, plan.window.border), filters, added, plan.window, maps)
    else:
        _by_groups(plan, batch, filters, added, maps)
    return found


def _by_groups(plan: Plan, images: Array, weights: Array, bias: Array | None, out: Array) -> None:
    """Each group of filters on its group of channels."""
    each, many = len(weights) // plan.groups, weights.shape[1]
    for group in range(plan.groups):
        ours = slice(group * each, (group + 1) * each)
        padded = PaddedImages(images[:, group * many : (group + 1) * many], plan.pads, plan.window.border)
        plan.work(padded, weights[ours], None if bias is None else bias[ours], plan.window, out[:, ours])


class Plan(NamedTuple):
    """What the arguments come to for arrays of some shapes."""

    window: Window
    pads: Pads
    groups: int
    shape: tuple[int, ...]
    work: Method


@lru_cache(maxsize=256, typed=True)
def _plan(
    image: tuple[int, ...],
    weights: tuple[int, ...],
    stride: object,
    dilation: object,
    padding: object,
    border: object,
    groups: object,
    method: object,
) -> Plan:
    """Check all that does not need the numbers themselves."""
    place = window(weights[2:], stride=stride, dilation=dilation, padding=padding, border=border)
    parts = _groups(groups, image[-3], weights)
    size = image[-2], image[-1]
    shape = (*image[:-3], weights[0], *place.output_size(size))
    chosen = choose_name("method", method, METHODS)
    each = image[0] if len(image) == 4 else 1, weights[0] // parts, *shape[-2:]
    filters = (each[1], *weights[1:])
    return Plan(place, place.pads(size), parts, shape, _method(chosen, size, each, filters, place))


def _method(name: str, size: Pair, out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> Method:
    """How to do it; what small images hardly need is imported when it is."""
    if name == "auto":
        name, rank = by_shape(out, weights, window)
        other = _method(name, size, out, weights, window)
        return _by_rank(rank, other) if rank else other
    if name == "separable":
        from cnnfx.conv.separable import correlate_separable

        return correlate_separable
    if name == "fft":
        from cnnfx.conv.fft import correlate_fft  # SciPy takes long to import

        return correlate_fft
    if name == "winograd":
        from cnnfx.conv.winograd import correlate_winograd

        return correlate_winograd
    return prepared(size, window.pads(size), out, weights, window)


def _by_rank(rank: int, other: Method) -> Method:
    """Kernels of up to some rank as outer products, others by another method."""
    from cnnfx.conv.separable import correlate_factorized, factorized

    def work(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        factors = factorized(weights, rank)
        if factors is None:
            other(images, weights, bias, window, out)
        else:
            correlate_factorized(images, weights, factors, bias, window, out)

    return work


def _arrays(image: ArrayLike, weights: ArrayLike, bias: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    pixels = _floats(image, "image")
    if pixels.ndim not in (3, 4):
        raise ArgumentError(f"image must have the shape (C, H, W) or (N, C, H, W), not {_shape(pixels)}")
    filters = _floats(weights, "weights").astype(pixels.dtype, copy=False)
    if filters.ndim != 4:
        raise ArgumentError(f"weights must have the shape (K, C/groups, kh, kw), not {_shape(filters)}")
    for name, array in (("image", pixels), ("weights", filters)):
        if 0 in array.shape:
            raise ArgumentError(f"{name} must not be empty, but has the shape {_shape(array)}")
    if bias is None:
        return pixels, filters, None
    added = _floats(bias, "bias").astype(pixels.dtype, copy=False)
    if added.shape != (len(filters),):
        raise ArgumentError(
            f"bias must have one number for each of the {len(filters)} filters, but has the shape {_shape(added)}"
        )
    return pixels, filters, added


def _floats(values: ArrayLike, name: str) -> Array:
    """`values` as an array of float64 if it is, of float32 else."""
    try:
        array: Array = np.asarray(values)
    except ValueError:
        raise ArgumentError(f"{name} must be an array of numbers, not a list of lists of unequal lengths") from None
    if array.dtype in FLOATS:
        return array
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"{name} must hold real numbers, not {array.dtype}")
    return array.astype(np.float64 if array.dtype.kind == "f" and array.dtype.itemsize > 4 else np.float32)


def _groups(groups: object, channels: int, filters: tuple[int, ...]) -> int:
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 1:
        raise ArgumentError(f"groups must be a whole number, 1 or more, not {groups!r}")
    if channels % groups or filters[0] % groups:
        raise ArgumentError(
            f"groups must divide the image's {channels} channels and the {filters[0]} filters, but is {groups}"
        )
    if filters[1] * groups != channels:
        raise ArgumentError(
            f"the image has {channels} channels, but the filters have {filters[1] * groups}"
            + (f" ({groups} groups of {filters[1]})" if groups > 1 else "")
        )
    return int(groups)


def _result(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if out is None:
        return recycled_empty(shape, dtype)
    if out.shape != shape or out.dtype != dtype:
        raise ArgumentError(
            f"out must be a {dtype} array of shape {shape}, not a {out.dtype} array of shape {_shape(out)}"
        )
    return out


def _shape(array: Array) -> str:
    return str(tuple(array.shape))
