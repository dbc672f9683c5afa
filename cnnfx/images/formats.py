"""The file formats of pictures: those that can be read, and others that messages name, by the first bytes of a file."""

from __future__ import annotations

import re
from typing import NamedTuple

START_BYTES = 512
"""The first bytes of a file by which its format is detected."""

TO_PNG = "Convert it to PNG, such as with ImageMagick."
TO_NPY = "Save its numbers as .npy with NumPy."
EXTRACT = "Extract the pictures in it."
TO_FLOATS = "Convert it to PFM or TIFF of floats, such as with ImageMagick."
FRAMES = "Extract its frames as pictures, such as with FFmpeg."
"""Advice for formats that are not read."""


class FileFormat(NamedTuple):
    """A file format.

    Parameters
    ----------
    name : str
        For messages.
    signature : bytes
        A regular expression for the first bytes of a file.
    plugin : str
        Pillow's plugin for it; empty if the format is read without Pillow or not at all.
    page : str
        What the parts of a file are called that are pictures of their own: "page", "frame" or "image".
    advice : str
        What to do instead of reading it; empty for a format that is read.
    """

    name: str
    signature: bytes
    plugin: str = ""
    page: str = "image"
    advice: str = ""

    @property
    def is_read(self) -> bool:
        """Whether files of this format are read."""
        return not self.advice


PNG = FileFormat("PNG", rb"\x89PNG", "Png", "frame")
TIFF = FileFormat("TIFF", rb"II[*+]\0|MM\0[*+]", "Tiff", "page")
NETPBM = FileFormat("Netpbm", rb"P[1-7][\s#]")
PFM = FileFormat("PFM", rb"P[Ff]\s")
BMP = FileFormat("BMP", rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", "Bmp")
ICO = FileFormat("ICO", rb"\0\0\x01\0[\x01-\xff]\0", "Ico")
PSD = FileFormat("Photoshop (PSD)", rb"8BPS\0\x01", "Psd")
TGA = FileFormat("TGA", rb"", "Tga")
"""Has no signature; `detect_format` finds it by its extension."""

READ_FORMATS = (
    PNG,
    FileFormat("JPEG", rb"\xff\xd8\xff", "Jpeg"),
    FileFormat("GIF", rb"GIF8[79]a", "Gif", "frame"),
    TIFF,
    FileFormat("WebP", rb"RIFF....WEBP", "WebP", "frame"),
    NETPBM,
    PFM,
    FileFormat("AVIF", rb"....ftyp(?:avi[fs]|(?:mif1|msf1|miaf).{4}(?:.{4})*?avi[fs])", "Avif", "frame"),
    FileFormat("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "Jpeg2K"),
    FileFormat("QOI", rb"qoif", "Qoi"),
    FileFormat("SGI", rb"\x01\xda[\0\x01][\x01\x02]", "Sgi"),
    ICO,
    PSD,
    FileFormat("PCX", rb"\n[\0\x02-\x05][\0\x01][\x01\x02\x04\x08]", "Pcx"),
    BMP,
    TGA,
)
"""The formats that are read, in the order in which a file is compared with them."""

OTHER_FORMATS = (
    FileFormat("HEIC", rb"....ftyp(?:he[ivm][cxsm]|mif1|msf1)", advice="Convert it to PNG, such as with heif-convert."),
    FileFormat("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL ", advice="Convert it to PNG, such as with djxl."),
    FileFormat("a camera's raw file", rb"....ftypcrx |FUJIFILMCCD-RAW|IIR[OS]|IIU\0", advice=TO_PNG),
    FileFormat("DDS", rb"DDS ", advice=TO_PNG),
    FileFormat("ICNS", rb"icns", advice=TO_PNG),
    FileFormat("GIMP (XCF)", rb"gimp xcf", advice=TO_PNG),
    FileFormat("OpenEXR", rb"v/1\x01", advice=TO_FLOATS),
    FileFormat("Radiance HDR", rb"#\?(?:RADIANCE|RGBE)", advice=TO_FLOATS),
    FileFormat("XBM", rb"#define \S{1,40}_width", advice=TO_PNG),
    FileFormat("XPM", rb"/\* XPM \*/", advice=TO_PNG),
    FileFormat("MNG or JNG", rb"\x8a[MJ]NG", advice=TO_PNG),
    FileFormat("DjVu", rb"AT&TFORM", advice=TO_PNG),
    FileFormat("farbfeld", rb"farbfeld", advice=TO_PNG),
    FileFormat("WMF or EMF", rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", advice=TO_PNG),
    FileFormat("PDF", rb"%PDF", advice="Draw its pages as PNG, such as with pdftoppm -png."),
    FileFormat(
        "PostScript (EPS)", rb"%!PS|\xc5\xd0\xd3\xc6", advice="Draw it as PNG, such as with Ghostscript or ImageMagick."
    ),
    FileFormat("SVG", rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg", advice=(
        "Draw it as PNG, such as with rsvg-convert."
    )),
    FileFormat("HTML, a web page", rb"(?i:\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body))", advice=(
        "A download may have failed; get the picture itself."
    )),
    FileFormat("XML", rb"\s*<\?xml", advice="Give a picture or an array of numbers."),
    FileFormat("a video (MP4 or QuickTime)", rb"....(?:ftyp|moov|mdat)", advice=FRAMES),
    FileFormat("a video (WebM or Matroska)", rb"\x1aE\xdf\xa3", advice=FRAMES),
    FileFormat("a video (AVI)", rb"RIFF....AVI ", advice=FRAMES),
    FileFormat("a video (MPEG)", rb"\0\0\x01[\xba\xb3]", advice=FRAMES),
    FileFormat("a sound", rb"RIFF....WAVE|OggS|fLaC|ID3", advice="Give a picture or an array of numbers."),
    FileFormat("DICOM", rb".{128}DICM", advice="Convert it to PNG or .npy, such as with pydicom."),
    FileFormat("FITS", rb"SIMPLE  =", advice="Save its numbers as .npy, such as with Astropy."),
    FileFormat("NIfTI", rb"\x5c\x01\0\0.{340}n[+i]1", advice="Save its numbers as .npy, such as with NiBabel."),
    FileFormat("HDF5", rb"\x89HDF\r\n", advice="Save its numbers as .npy, such as with h5py."),
    FileFormat("NetCDF", rb"CDF[\x01\x02\x05]", advice=TO_NPY),
    FileFormat("MATLAB", rb"MATLAB 5", advice="Save its numbers as .npy, such as with scipy.io.loadmat."),
    FileFormat("Parquet", rb"PAR1", advice=TO_NPY),
    FileFormat("a pickle", rb"\x80[\x02-\x05][\x80-\x95c}\](]", advice=(
        "It could run a program; save its numbers as .npy with NumPy."
    )),
    FileFormat("gzip", rb"\x1f\x8b", advice="Unpack it, such as with gunzip."),
    FileFormat("bzip2", rb"BZh[1-9]", advice="Unpack it, such as with bunzip2."),
    FileFormat("xz", rb"\xfd7zXZ\0", advice="Unpack it, such as with unxz."),
    FileFormat("Zstandard", rb"\x28\xb5\x2f\xfd", advice="Unpack it, such as with unzstd."),
    FileFormat("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c", advice=EXTRACT),
    FileFormat("a RAR archive", rb"Rar!\x1a", advice=EXTRACT),
    FileFormat("a tar archive", rb".{257}ustar", advice=EXTRACT),
    FileFormat("a program", rb"\x7fELF|MZ.{62}", advice="Give a picture or an array of numbers."),
)  # fmt: skip
"""Formats that are not read, but named."""

PICTURE_EXTENSIONS = {
    ".png": PNG.name, ".apng": PNG.name, ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".jif": "JPEG", ".mpo": "JPEG", ".tif": TIFF.name, ".tiff": TIFF.name, ".webp": "WebP", ".bmp": "BMP",
    ".dib": "BMP", ".gif": "GIF", ".pbm": NETPBM.name, ".pgm": NETPBM.name, ".ppm": NETPBM.name,
    ".pnm": NETPBM.name, ".pam": NETPBM.name, ".pfm": PFM.name, ".avif": "AVIF", ".avifs": "AVIF",
    ".jp2": "JPEG 2000", ".j2k": "JPEG 2000", ".j2c": "JPEG 2000", ".jpc": "JPEG 2000", ".jpx": "JPEG 2000",
    ".jpf": "JPEG 2000", ".tga": TGA.name, ".icb": TGA.name, ".vda": TGA.name, ".vst": TGA.name, ".qoi": "QOI",
    ".pcx": "PCX", ".ico": "ICO", ".psd": "Photoshop (PSD)", ".sgi": "SGI",
}  # fmt: skip
"""The usual extensions of pictures that are read, each with the name of its format."""
DIB_START = rb"[\x0c\x28\x40\x6c\x7c]\0\0\0.{8}\x01\0[\x01\x04\x08\x10\x18\x20]\0"
"""A bitmap without the header of a BMP file, as in files with the extension `.dib`."""
TGA_START = rb".[\0\x01](?:[\x01\x09]|[\x02\x0a]|[\x03\x0b]).{13}[\x08\x0f\x10\x18\x20]"
"""The header of a TGA file: the kinds of color map and image, and the bits of a pixel."""


def detect_format(start: bytes, extension: str = "") -> FileFormat | None:
    """Return the format of a file, or None if it is unknown.

    Parameters
    ----------
    start : bytes
        The first `START_BYTES` of the file.
    extension : str
        Of its name, in lower case, such as ".tga".
    """
    if PICTURE_EXTENSIONS.get(extension) == TGA.name and re.match(TGA_START, start, re.DOTALL):
        return TGA
    for format in (*READ_FORMATS, *OTHER_FORMATS):
        if format is not TGA and re.match(format.signature, start, re.DOTALL):
            return format
    if extension == ".dib" and re.match(DIB_START, start, re.DOTALL):
        return BMP
    return None


def is_text(start: bytes) -> bool:
    """Return whether a file that starts with these bytes may be text: UTF-8, UTF-16 with a mark, or Latin-1."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]", start)
