"""Reading of TIFF pictures: the samples of a page become gray or red, green and blue.

Unsigned integers of 1, 2, 4 and 8 bits become uint8, those of 16 bits uint16. All others are divided by the largest of
their type and become float32, as floats do. Kinds whose pixels only a decoder of their own can give, such as JPEG in
TIFF, are left to Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.channels import largest_level, luma, select_channels, wider_dtype
from cnnfx.images.image import Image, as_floats, is_brightness, within_float32
from cnnfx.images.libtiff import has_compression, silent_libtiff
from cnnfx.images.pages import check_page
from cnnfx.images.picture_file import PictureFile
from cnnfx.images.pillow import ORIENTATIONS, decode
from cnnfx.images.tiff_directory import (
    DamagedTiffError,
    Photometric,
    SampleFormat,
    TiffFile,
    TiffPage,
    UnsupportedTiffError,
    kind_text,
)
from cnnfx.images.tiff_samples import (
    BY_LIBTIFF,
    COMPRESSIONS,
    UNCOMPRESSED,
    check_kind,
    check_stored,
    memory_bytes,
    read_bands,
)
from cnnfx.system.sizes import counted

PILLOW_COMPRESSIONS = {
    2: "CCITT run lengths", 3: "CCITT Group 3", 4: "CCITT Group 4", 6: "old JPEG", 7: "JPEG",
    32771: "CCITT run lengths", 32809: "ThunderScan", 50001: "WebP",
}  # fmt: skip
"""The kinds of compression that are left to Pillow."""
PILLOW_PHOTOMETRICS = {Photometric.YCBCR: "YCbCr", Photometric.CIELAB: "CIELab"}
"""The kinds of pixels that are left to Pillow, which reads those of 8 bits."""
PILLOW_SAMPLES, PILLOW_BITS = 4, 8
"""The most samples of a pixel, and bits of a sample, that Pillow decodes of these kinds."""
OTHER_COMPRESSIONS = {
    32766: "NeXT run lengths", 32895: "IT8", 32908: "PixarFilm", 32909: "PixarLog", 32947: "DCS", 33003: "JPEG 2000",
    33004: "JPEG 2000", 33005: "JPEG 2000", 33007: "JPEG", 34661: "JBIG", 34676: "SGI LogLuv", 34677: "SGI LogLuv",
    34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 34926: "Zstandard", 34927: "WebP", 34933: "PNG",
    34934: "JPEG XR", 22610: "JPEG XR", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
"""The names of further kinds of compression, which are not read."""
OTHER_PHOTOMETRICS = {
    9: "ICCLab", 10: "ITULab", 32803: "color filter array (raw sensor)", 32844: "LogL", 32845: "LogLuv",
    34892: "linear raw sensor", 51177: "depth map", 52527: "semantic mask",
}  # fmt: skip
"""The names of further kinds of pixels, which are not read."""

COLORS = {
    Photometric.WHITE_IS_ZERO: 1, Photometric.BLACK_IS_ZERO: 1, Photometric.MASK: 1, Photometric.PALETTE: 1,
    Photometric.RGB: 3, Photometric.CMYK: 4,
}  # fmt: skip
"""The samples of a pixel that are colors."""
ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2
"""Kinds of extra samples: opacity that the colors are multiplied by, and other opacity."""
UINT8_BITS = (1, 2, 4, 8)
"""The bits of unsigned integers that become uint8 exactly."""
NUMBERS_BITS = 32
"""The least bits of unsigned integers that are numbers of any range, not pixels from black to white."""


@dataclass(frozen=True)
class Layout:
    """The meaning of the samples of a pixel.

    Parameters
    ----------
    colors : int
        The number of the first samples, which are colors.
    alpha : int or None
        The number of the sample with the opacity.
    is_associated : bool
        Whether the colors are multiplied by the opacity.
    ignored : int
        The number of samples that are not read.
    """

    colors: int
    alpha: int | None
    is_associated: bool
    ignored: int

    @property
    def used(self) -> int:
        """The number of the first samples of which all that are read are part."""
        return self.colors if self.alpha is None else self.alpha + 1


def load_tiff(file: PictureFile) -> Image:
    """Read a page of a TIFF file. The result and errors are those of `cnnfx.load_image`.

    Where 0 is white, integers are inverted, and so are floats if all of them are in 0..1. Floats with the no-data value
    of GDAL become NaN; so do pixels of integers of which all colors have it, and the image becomes float32.
    """
    try:
        tiff = TiffFile(file.stream)
        pages = len(tiff.page_offsets)
        check_page(file.name, file.page, pages, file.format.page)
        page = tiff.page(file.page)
        image = _decode_by_pillow(file, tiff, page) if _is_left_to_pillow(page) else _read(file, tiff, page)
    except DamagedTiffError as error:
        raise file.damaged(str(error)) from error
    except UnsupportedTiffError as error:
        raise FileError(
            f"{file.name}: {error} is not read. Save it as TIFF of integers or floats without compression, or as PNG "
            "or .npy."
        ) from error
    notes = []
    if tiff.ends_early:
        notes.append(f"{file.name}: its list of pages is damaged after page {pages}.")
    if tiff.has_only_reduced:
        notes.append(f"{file.name}: it holds only reduced copies or masks of a picture that is not in it.")
    return replace(image, notes=(*notes, *image.notes), page=file.page, pages=pages)


def count_tiff_pages(file: PictureFile) -> int:
    """Return how many pages a TIFF file holds. Raises FileError if it is damaged."""
    try:
        return len(TiffFile(file.stream).page_offsets)
    except DamagedTiffError as error:
        raise file.damaged(str(error)) from error


def _is_left_to_pillow(page: TiffPage) -> bool:
    """Return whether Pillow decodes the page. Raises `UnsupportedTiffError` if it cannot be read at all."""
    compression = PILLOW_COMPRESSIONS.get(page.compression)
    by_libtiff = compression or BY_LIBTIFF.get(page.compression)
    if (by_libtiff is None and page.compression not in COMPRESSIONS) or (
        by_libtiff is not None and not has_compression(page.compression)
    ):
        name = by_libtiff or OTHER_COMPRESSIONS.get(page.compression, f"method {page.compression}")
        raise UnsupportedTiffError(f"TIFF compressed with {name}")
    photometric = PILLOW_PHOTOMETRICS.get(page.photometric)  # type: ignore[call-overload]
    if photometric is None and page.photometric not in COLORS:
        name = OTHER_PHOTOMETRICS.get(page.photometric, f"photometric {page.photometric}")
        raise UnsupportedTiffError(f"TIFF of {name} pixels")
    if compression is None and photometric is None:
        return False
    if page.samples > PILLOW_SAMPLES or page.bits > PILLOW_BITS:
        words = (kind_text(page), f"{page.samples}-channel" if page.samples > 1 else "", photometric or "", "TIFF")
        suffix = f" compressed with {compression}" if compression else ""
        raise UnsupportedTiffError(" ".join(filter(None, words)) + suffix)
    if page.compression == UNCOMPRESSED and int(page.byte_counts.sum()) < 3 * page.width * page.height:
        raise UnsupportedTiffError(f"{photometric} TIFF with subsampled colors and without compression")
    return True


def _decode_by_pillow(file: PictureFile, tiff: TiffFile, page: TiffPage) -> Image:
    """Return the image of a page that Pillow decodes."""
    check_stored(tiff, page)
    with silent_libtiff():
        return decode(replace(file, page=page.index + 1), lambda file, picture: None)


def _layout(page: TiffPage) -> Layout:
    """Return the meaning of the samples of a page. Raises `DamagedTiffError` and `UnsupportedTiffError`."""
    colors = COLORS[Photometric(page.photometric)]
    if page.photometric == Photometric.CMYK and page.is_multi_ink:
        raise UnsupportedTiffError("TIFF of inks that are not cyan, magenta, yellow and black")
    if page.photometric == Photometric.PALETTE and page.sample_format != SampleFormat.UNSIGNED:
        raise UnsupportedTiffError(f"{kind_text(page)} palette TIFF")
    extra = page.samples - colors
    if extra < 0:
        raise DamagedTiffError(f"its pixels have {counted(page.samples, 'sample')} instead of {colors}")
    kinds = page.extra_samples[:extra]
    if extra == 1 and not kinds and page.photometric == Photometric.RGB:
        kinds = (UNASSOCIATED_ALPHA,)  # some writers leave out what a fourth sample is
    found = [index for index, kind in enumerate(kinds) if kind in (ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA)]
    if not found:
        return Layout(colors, None, False, extra)
    return Layout(colors, colors + found[0], kinds[found[0]] == ASSOCIATED_ALPHA, extra - 1)


def _read(file: PictureFile, tiff: TiffFile, page: TiffPage) -> Image:
    """Return the image of a page whose samples are numbers."""
    check_kind(page)
    layout = _layout(page)
    target = _Target(page, layout, file.channels)
    shape = (page.height, page.width)
    file.check_memory(shape, -(-memory_bytes(page, layout.used) // (page.height * page.width)) + target.pixel_bytes)
    target.allocate()
    with within_float32(file.name):
        for top, samples in read_bands(tiff, page, layout.used):
            target.put(top, samples)
    with np.errstate(all="ignore"):  # of infinity, NaN, and numbers beyond float32
        notes = target.finish(file.name)
        found = select_channels(file.name, target.values, target.alpha, file.channels, file.background)
    values, is_missing = found.values, target.is_missing
    if is_missing is not None and is_missing.any():
        if page.sample_format != SampleFormat.FLOAT:
            values = as_floats(values)
            np.copyto(values, np.float32(np.nan), where=is_missing)
        count = int(np.count_nonzero(is_missing))
        subject = "1 pixel has" if count == 1 else f"{count:,} pixels have"
        notes.append(f"{file.name}: {subject} the no-data value {page.no_data:g}, read as NaN.")
    if layout.ignored:
        subject = "1 more channel is" if layout.ignored == 1 else f"{layout.ignored} more channels are"
        notes.append(f"{file.name}: {subject} of no specified color, and not read.")
    is_array = values.dtype == np.float32 and (target.is_numbers or not is_brightness(values))
    return Image(file.name, values, found.names, is_array, (*notes, *found.notes))


class _Target:
    """The colors and opacity of a page, rotated as its orientation says.

    Parameters
    ----------
    page : TiffPage
    layout : Layout
    channels : "auto", "gray" or "rgb"
        See `cnnfx.load_image`.

    Attributes
    ----------
    values : array (C, H, W), uint8, uint16 or float32
    alpha : array (H, W) or None
        The opacity, in the range of `values`.
    is_missing : array (H, W) or None
        Whether all colors of a pixel have the no-data value, or one does if they are floats, of which it becomes NaN;
        None if the page has no such value.
    is_numbers : bool
        Whether the values are numbers of any range, not pixels from black to white.
    pixel_bytes : int
        The memory of a pixel, in bytes.
    """

    values: NDArray[Any]
    alpha: NDArray[Any] | None = None
    is_missing: NDArray[np.bool_] | None = None

    def __init__(self, page: TiffPage, layout: Layout, channels: str) -> None:
        self.page, self.layout = page, layout
        self.table = None if page.color_map is None else _color_table(page.color_map)
        is_unsigned = page.sample_format in (SampleFormat.UNSIGNED, SampleFormat.UNDEFINED)
        is_float = page.sample_format == SampleFormat.FLOAT
        self.is_numbers = not is_float and (not is_unsigned or page.bits >= NUMBERS_BITS)
        self.maximum = 1 if is_float else 2 ** (page.bits if is_unsigned else page.bits - 1) - 1
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        if is_unsigned and (page.bits in UINT8_BITS or page.bits == 16):
            self.dtype = np.dtype(np.uint16 if page.bits == 16 else np.uint8)
        self.no_data = _no_data_in(page)
        self.planes = min(layout.colors, 3) if self.table is None else len(self.table)
        # The luma of opaque colors is computed at once, to save the memory of three channels.
        self.is_reduced = channels == "gray" and self.planes == 3 and layout.alpha is None
        if self.is_reduced:
            self.planes = 1
            self.table = None if self.table is None else luma(self.table[:, None])[:, 0]
        itemsize = self.dtype.itemsize if self.table is None else self.table.itemsize
        alpha_bytes = 0 if layout.alpha is None else self.dtype.itemsize
        missing_bytes = 0 if self.no_data is None else 1 + 4 * self.planes
        self.pixel_bytes = self.planes * itemsize + alpha_bytes + missing_bytes

    def allocate(self) -> None:
        """Allocate the arrays."""
        is_swapped, self.row_step, self.column_step = ORIENTATIONS.get(self.page.orientation, ORIENTATIONS[1])
        shape = (self.page.width, self.page.height) if is_swapped else (self.page.height, self.page.width)
        self.is_swapped = is_swapped
        self.values = np.empty((self.planes, *shape), self.dtype if self.table is None else self.table.dtype)
        if self.layout.alpha is not None:
            self.alpha = np.empty(shape, self.dtype)
        if self.no_data is not None:
            self.is_missing = np.zeros(shape, bool)

    def put(self, top: int, samples: NDArray[Any]) -> None:
        """Convert the samples (rows, W, S) of a band. Raises FloatingPointError if a number is beyond float32."""
        rows = slice(top, top + len(samples))
        colors = samples[..., : self.layout.colors]
        if self.is_missing is not None:
            is_missing = colors == self.no_data
            if colors.dtype.kind == "f":
                colors = np.where(is_missing, colors.dtype.type(np.nan), colors)
            is_pixel = is_missing.any(axis=2) if colors.dtype.kind == "f" else is_missing.all(axis=2)
            self._as_stored(self.is_missing)[rows] = is_pixel
        target = self._as_stored(self.values)[:, rows]
        if self.table is not None:
            planes = self.table.take(colors[..., 0].astype(np.intp), axis=1, mode="clip")
        else:
            planes = np.moveaxis(self._scale(colors), 2, 0)
            if self.page.photometric == Photometric.CMYK:
                planes = _cmyk_to_rgb(np.ascontiguousarray(planes))
            if self.is_reduced:
                planes = luma(np.ascontiguousarray(planes))
        target[:] = planes
        if self.alpha is not None:
            self._as_stored(self.alpha)[rows] = self._scale(samples[..., self.layout.alpha])

    def finish(self, name: str) -> list[str]:
        """Divide colors by their opacity and invert them, as the page asks for; return notes."""
        if self.alpha is not None and self.alpha.dtype != self.values.dtype:  # of a palette
            self.alpha = np.rint(as_floats(self.alpha) * largest_level(self.values)).astype(self.values.dtype)
        if self.alpha is not None and self.layout.is_associated:
            _divide_by_alpha(self.values, self.alpha)
        if self.page.photometric != Photometric.WHITE_IS_ZERO:
            return []
        if self.page.sample_format == SampleFormat.FLOAT and not is_brightness(self.values):
            return [f"{name}: its white is 0, but its floats are not all in 0 to 1, so they are not inverted."]
        np.subtract(self.values.dtype.type(largest_level(self.values)), self.values, out=self.values)
        return []

    def _as_stored(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view (..., H, W) of an array in the order of rows and columns of the file."""
        view = array.swapaxes(-2, -1) if self.is_swapped else array
        return view[..., :: self.row_step, :: self.column_step]

    def _scale(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Return samples as `dtype`, scaled to its range."""
        if self.dtype == np.float32:
            if self.maximum == 1:
                return samples.astype(np.float32, copy=False)
            # float32 holds integers of 24 bits, so that their quotients are rounded once and correctly.
            divisor = np.float32(self.maximum) if self.maximum < 2**24 else np.float64(self.maximum)
            quotients: NDArray[Any] = samples / divisor
            return quotients.astype(np.float32, copy=False)
        factor = np.iinfo(self.dtype).max // self.maximum
        return samples if factor == 1 else samples * self.dtype.type(factor)


def _color_table(color_map: NDArray[np.uint16]) -> NDArray[Any]:
    """Return the colors (3, N) of a palette, or (1, N) if all are gray; uint8 if it has 8 bits, else uint16."""
    table: NDArray[Any] = color_map
    if color_map.max() <= 255:  # of writers that took the map for one of 8 bits
        table = color_map.astype(np.uint8)
    else:
        for factor in (257, 256):  # white is 65535 or 65280
            if not (color_map % factor).any():
                table = (color_map // factor).astype(np.uint8)
                break
    return table[:1] if (table == table[:1]).all() else table


def _no_data_in(page: TiffPage) -> Any:
    """Return the no-data value as a sample; None if there is none, or it is no sample."""
    value = page.no_data
    if value is None or np.isnan(value):
        return None
    if page.sample_format == SampleFormat.FLOAT:
        with np.errstate(over="ignore"):  # the largest negative float64 is a usual value
            return np.dtype(f"f{page.bits // 8}").type(value)
    is_signed = page.sample_format == SampleFormat.SIGNED
    low, high = (-(2 ** (page.bits - 1)), 2 ** (page.bits - 1)) if is_signed else (0, 2**page.bits)
    return int(value) if value == np.floor(value) and low <= value < high else None


def _cmyk_to_rgb(inks: NDArray[Any]) -> NDArray[Any]:
    """Return red, green and blue (3, H, W) of cyan, magenta, yellow and black: white less its part under an ink."""
    if inks.dtype == np.float32:
        lights: NDArray[Any] = (1 - inks[:3]) * (1 - inks[3])
        return lights
    largest = largest_level(inks)
    light = (largest - inks[3]).astype(wider_dtype(inks))
    colors: NDArray[Any] = light - (inks[:3] * light + largest // 2) // largest
    return colors


def _divide_by_alpha(values: NDArray[Any], alpha: NDArray[Any]) -> None:
    """Divide colors (C, H, W) by the opacity (H, W) that they are multiplied by, in place."""
    if values.dtype == np.float32:
        np.divide(values, alpha, out=values, where=alpha > 0)
        return
    largest = largest_level(values)
    for row in range(values.shape[1]):  # row by row, so that no wider copy of the picture is needed
        opacity = np.maximum(alpha[row], 1).astype(wider_dtype(values))
        values[:, row] = np.minimum((values[:, row] * opacity.dtype.type(largest) + opacity // 2) // opacity, largest)
