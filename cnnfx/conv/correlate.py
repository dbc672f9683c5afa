"""The public function `correlate`: checks of its arguments and the dispatch to a method."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.conv.cost_model import METHODS, Method, choose_by_shape
from cnnfx.conv.direct import by_group, direct_plan
from cnnfx.conv.geometry import Border, Padding, Pair, window
from cnnfx.conv.padding import PaddedImages
from cnnfx.errors import ArgumentError
from cnnfx.system.memory import recycled_empty
from cnnfx.system.sizes import counted
from cnnfx.system.suggest import choose_name

if TYPE_CHECKING:
    from cnnfx.conv.direct import Correlation
    from cnnfx.conv.geometry import Pads, ResultOrder, Window

Array = NDArray[Any]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def correlate(
    image: ArrayLike,
    weights: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | Pair = 1,
    dilation: int | Pair = 1,
    padding: Padding = "valid",
    border: Border = "constant",
    groups: int = 1,
    method: Method = "auto",
    out: Array | None = None,
) -> Array:
    """Compute the cross-correlation of images with filters, as a convolutional layer does.

    With stride s and dilation d, channel k of the output is

        out[k, y, x] = bias[k] + sum over c, i, j of  weights[k, c, i, j] · padded[c, y·s + i·d, x·s + j·d]

    The kernel is not flipped. For true convolution, pass ``weights[..., ::-1, ::-1]``. With kernels of an even size and
    padding "same", the result is then that of `scipy.ndimage.convolve`; that of `scipy.signal.convolve2d` begins one
    pixel further to the top and left. Without the flip, it is that of `scipy.signal.correlate2d` and of PyTorch.

    Parameters
    ----------
    image : (C, H, W) or (N, C, H, W) array, or (H, W) for one channel
        Real numbers of any range. float32 and float64 keep their type; integers, booleans and float16 become float32.
    weights : (K, C/groups, kh, kw) array, or (kh, kw) for an image (H, W)
        K filters, converted to the image's float type.
    bias : (K,) array, optional
        Added to each output channel. For an image (H, W), a number.
    stride, dilation : int or (int, int)
        (vertical, horizontal), 1 or more.
    padding : "valid", "same", int, (int, int) or ((int, int), (int, int))
        Pixels added around the image. "valid": none. "same": the output has ceil(size/stride) rows and columns; an odd
        remainder goes to the bottom and right. An int: on each side. Two ints: (vertical, horizontal). Two pairs:
        ((top, bottom), (left, right)).
    border : str
        The values of the padding: "constant" (zeros), "edge", "reflect", "symmetric" or "wrap", as in `numpy.pad`, or
        an alias in `cnnfx.conv.geometry.BORDERS`. Padding that is wider than the image mirrors or repeats it several
        times.
    groups : int
        Number of equal groups into which the input channels and the filters are divided. Each filter reads only the
        channels of its group.
    method : "auto", "direct", "separable", "fft" or "winograd"
        The algorithm. "direct": im2col and matrix products. "separable": kernels as sums of outer products, applied
        to columns and then to rows. "fft": Fourier transforms of tiles. "winograd": fewer multiplications for many
        channels and filters; kernels of up to 8×8 without stride and dilation, others by "direct". "auto": the method
        with the least estimated time (see `cnnfx.conv.cost_model`).
    out : array, optional
        The array to which the result is written; it has the shape and type of the result. It may overlap the other
        arguments in memory: the result is computed apart then, and copied.

    Returns
    -------
    (K, Ho, Wo) or (N, K, Ho, Wo) array, or (Ho, Wo) for an image (H, W)
        float64 if the image is, else float32. The result does not depend on the number of threads. With the same
        method, a band of the output that begins at a multiple of `cnnfx.conv.BAND_ROWS` rows has the same bits if it is
        computed from the rows that it reads (`Window.input_rows`) instead of the whole image.

    Raises
    ------
    ArgumentError
        If an argument has the wrong type, shape or range, or the arguments do not match.

    Notes
    -----
    The last bits may differ between methods, and between calls with other shapes: of the batch, the filters or the
    image. Rounding errors are relative to the magnitudes of the products, S = sum of |weights|·|pixels| + |bias| of an
    output. In 21,080 calls with random arguments, compared with sums in float64, the largest were

    ============ ======= ======= =============================
    method       float32 float64 relative to
    ============ ======= ======= =============================
    "direct"     5e-7    1e-15   S of the same output
    "separable"  4e-6    5e-15   S of the same output
    "fft"        4e-6    3e-15   the largest S of the output
    "winograd"   2e-6    2e-15   the largest S of the output
    ============ ======= ======= =============================

    One call is not in the table: all outputs of a stride of 3 read zeros of the padding only, so S was 0, and those of
    "fft" in float32 were up to 2.1e-6.

    The errors of "fft" depend on values of its tiles of up to 256×256 outputs, those of "winograd" on values of its
    tiles of up to 4×4. Relative to S of the same output, "winograd" was below 5e-6 on random, flat, bright and
    rectified images, and up to 2e-5 beside values that are 100 times as large.

    So the error against `scipy.signal.correlate`, relative to the largest output, is below 1e-5 in float32 and 1e-12 in
    float64, except where nearly all of the products cancel. Tiles in which a few values are so large that others would
    be lost, such as 1e9 beside 0 to 1, are computed in float64 or by the direct method.

    NaN and infinity spread only to the outputs whose kernel covers them: parts of an image that contain them are
    computed by the direct method.

    Examples
    --------
    >>> import numpy as np
    >>> correlate(np.eye(3), [[1, 2], [3, 4]])
    array([[5., 3.],
           [2., 5.]])
    >>> correlate(np.eye(3)[None], [[[[1, 2], [3, 4]]]]).shape
    (1, 2, 2)
    """
    pixels, filters, offsets = _arrays(image, weights, bias)
    is_plane = pixels.ndim == 2
    if is_plane:
        pixels, filters = pixels[np.newaxis], filters[np.newaxis, np.newaxis]
    options = pixels.shape, filters.shape, stride, dilation, padding, border, groups, method
    try:
        plan = _plan(*options)
    except TypeError:  # lists are not hashable
        plan = _plan.__wrapped__(*options)
    shape = plan.shape[1:] if is_plane else plan.shape
    target = None if out is None else _checked_out(out, shape, pixels.dtype)
    if target is None or any(np.may_share_memory(target, each) for each in (pixels, filters, offsets)):
        result = _new_result(shape, pixels, plan.result_order)
    else:
        result = target
    batch, maps = (array[(np.newaxis,) * (4 - array.ndim)] for array in (pixels, result))
    plan.method(PaddedImages(batch, plan.pads, plan.window.border), filters, offsets, plan.window, maps)
    if target is None or result is target:
        return result
    target[...] = result
    return target


class Plan(NamedTuple):
    """Everything about a call that depends only on its shapes and options.

    Attributes
    ----------
    window, pads
    shape : tuple of int
        The shape of the result.
    method : function
    result_order : ResultOrder
        The order in memory of a new array for the result.
    """

    window: Window
    pads: Pads
    shape: tuple[int, ...]
    method: Correlation
    result_order: ResultOrder


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
    """Check the options and the shapes of `image` and `weights`, and choose a method."""
    geometry = window(weights[2:], stride=stride, dilation=dilation, padding=padding, border=border)
    group_count = _check_groups(groups, image[-3], weights)
    size = image[-2], image[-1]
    shape = (*image[:-3], weights[0], *geometry.output_size(size))
    name = choose_name("method", method, METHODS)
    out = image[0] if len(image) == 4 else 1, *shape[-3:]
    function = _method(name, size, out, weights, geometry, group_count)
    return Plan(geometry, geometry.pads(size), shape, function, getattr(function, "result_order", "C"))


def _method(
    name: str, size: Pair, out: tuple[int, ...], weights: tuple[int, ...], window: Window, groups: int
) -> Correlation:
    """Return the function that computes a method. Methods for larger images are imported only when they are used."""
    if name == "auto":
        name, max_rank = choose_by_shape(out, weights, window, groups)
        method = _method(name, size, out, weights, window, groups)
        return _separable_up_to(max_rank, method, groups) if max_rank else method
    if name == "separable":
        from cnnfx.conv.separable import correlate_separable

        return by_group(correlate_separable, groups)
    if name == "fft":
        from cnnfx.conv.fft import correlate_fft

        return by_group(correlate_fft, groups)
    if name == "winograd":
        from cnnfx.conv.winograd import correlate_winograd

        return by_group(correlate_winograd, groups)
    return direct_plan(size, window.pads(size), out, weights, window, groups)


def _separable_up_to(max_rank: int, other: Correlation, groups: int) -> Correlation:
    """Return a method that is separable for weights of rank `max_rank` or less, and `other` for all others."""
    from cnnfx.conv.separable import correlate_separable, factorize

    separable = by_group(correlate_separable, groups)

    def method(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        chosen = separable if factorize(weights, max_rank) else other
        chosen(images, weights, bias, window, out)

    return method


def _arrays(image: ArrayLike, weights: ArrayLike, bias: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    """Return the arguments as float arrays of one type with checked shapes; the bias as `(K,)`."""
    pixels = _floats(image, "image")
    if pixels.ndim not in (2, 3, 4):
        raise ArgumentError(f"image must have the shape (H, W), (C, H, W) or (N, C, H, W), not {_shape(pixels)}")
    filters = _floats(weights, "weights").astype(pixels.dtype, copy=False)
    if pixels.ndim == 2 and filters.ndim != 2:
        raise ArgumentError(
            f"weights must have the shape (kh, kw) for an image (H, W), not {_shape(filters)}; "
            "pass image[None] for filters (K, 1, kh, kw)"
        )
    if pixels.ndim > 2 and filters.ndim != 4:
        advice = "; pass weights[None, None] for a kernel (kh, kw) on one channel" if filters.ndim == 2 else ""
        raise ArgumentError(f"weights must have the shape (K, C/groups, kh, kw), not {_shape(filters)}{advice}")
    for name, array in (("image", pixels), ("weights", filters)):
        if 0 in array.shape:
            raise ArgumentError(f"{name} must not be empty, but has the shape {_shape(array)}")
    if bias is None:
        return pixels, filters, None
    offsets = _floats(bias, "bias").astype(pixels.dtype, copy=False)
    if pixels.ndim == 2:
        if offsets.size != 1 or offsets.ndim > 1:
            raise ArgumentError(f"bias must be a number for an image (H, W), but has the shape {_shape(offsets)}")
        return pixels, filters, offsets.reshape(1)
    if offsets.shape != (len(filters),):
        raise ArgumentError(
            f"bias must have one number for each of the {len(filters)} filters, but has the shape {_shape(offsets)}"
        )
    return pixels, filters, offsets


def _floats(values: ArrayLike, name: str) -> Array:
    """Return `values` as a float32 array; 64-bit and longer floats become float64."""
    try:
        array: Array = np.asarray(values)
    except ValueError:
        raise ArgumentError(f"{name} must be an array of numbers, not a list of lists of unequal lengths") from None
    if array.dtype in FLOATS:
        return array
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"{name} must hold real numbers, not {array.dtype}")
    return array.astype(np.float64 if array.dtype.kind == "f" and array.dtype.itemsize > 4 else np.float32)


def _check_groups(groups: object, channels: int, filters: tuple[int, ...]) -> int:
    """Return the number of groups, checked against the image's channels and the shape of the filters."""
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 1:
        raise ArgumentError(f"groups must be a whole number, 1 or more, not {groups!r}")
    if channels % groups or filters[0] % groups:
        raise ArgumentError(
            f"groups must divide the image's {counted(channels, 'channel')} and the {counted(filters[0], 'filter')}, "
            f"but is {groups}"
        )
    if filters[1] * groups != channels:
        raise ArgumentError(
            f"the image has {counted(channels, 'channel')}, but the filters have {filters[1] * groups}"
            + (f" ({groups} groups of {filters[1]})" if groups > 1 else "")
        )
    return int(groups)


def _checked_out(out: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return `out` after a check of its shape and type."""
    if not isinstance(out, np.ndarray):
        raise ArgumentError(f"out must be a {dtype} array of shape {shape}, not {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ArgumentError(
            f"out must be a {dtype} array of shape {shape}, not a {out.dtype} array of shape {_shape(out)}"
        )
    if not out.flags.writeable:
        raise ArgumentError("out must be an array that can be written to, but it is read-only")
    return out


def _new_result(shape: tuple[int, ...], pixels: Array, order: ResultOrder) -> Array:
    """Return a new array of this shape, of the type of `pixels`, in this order in memory."""
    if order == "channels last" or (order == "image" and _has_channels_last(pixels)):
        maps = recycled_empty((*shape[:-3], *shape[-2:], shape[-3]), pixels.dtype)
        return maps.transpose(*range(maps.ndim - 3), -1, -3, -2)
    return recycled_empty(shape, pixels.dtype)


def _has_channels_last(images: Array) -> bool:
    """Return whether the channels of an image (C, H, W), or of each image of a batch, are the last axis in memory."""
    channels, _, width = images.shape[-3:]
    size = images.itemsize
    return channels > 1 and images.strides[-3:] == (size, width * channels * size, channels * size)


def _shape(array: Array) -> str:
    return str(tuple(array.shape))
