"""A picture file, and how it is read: what the decoders of all formats take."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO

from cnnfx.errors import FileError
from cnnfx.images.channels import Background
from cnnfx.images.formats import FileFormat
from cnnfx.images.image import check_size
from cnnfx.system.limits import MAX_MEMORY_PER_BYTE, MAX_MEMORY_PER_PIXEL
from cnnfx.system.sizes import bytes_text, size_text


@dataclass(frozen=True)
class PictureFile:
    """A picture file, and how it is read.

    Parameters
    ----------
    name : str
        The name of the image, for messages.
    stream : binary file
        It can seek.
    format : FileFormat
    channels : "auto", "gray" or "rgb"
    background : Background
    max_pixels : int
    page : int
        Counted from 1.
    """

    name: str
    stream: IO[bytes]
    format: FileFormat
    channels: str
    background: Background
    max_pixels: int
    page: int = 1

    def size(self) -> int:
        """Return the number of bytes of the file."""
        size = self.stream.seek(0, io.SEEK_END)
        self.stream.seek(0)
        return size

    def damaged(self, reason: str) -> FileError:
        """Return the error that the picture cannot be decoded."""
        return FileError(f"{self.name}: cannot decode this {self.format.name} ({reason}). Get the file again.")

    def check_memory(self, shape: tuple[int, int], pixel_bytes: int) -> None:
        """Check that a small file does not take much memory, which a damaged or hostile header may ask for.

        Parameters
        ----------
        shape : (H, W)
        pixel_bytes : int
            The memory of a pixel, in bytes.

        Raises
        ------
        FileError
            If it needs more than `MAX_MEMORY_PER_PIXEL` times the limit of pixels, and more than `MAX_MEMORY_PER_BYTE`
            times the size of the file.
        """
        check_size(self.name, shape, self.max_pixels)
        memory, limit = shape[0] * shape[1] * pixel_bytes, MAX_MEMORY_PER_PIXEL * self.max_pixels
        size = self.size()
        if memory > max(limit, MAX_MEMORY_PER_BYTE * size):
            raise FileError(
                f"{self.name}: its {size_text(shape)} pixels take {bytes_text(memory)} of memory, but the file has "
                f"{size:,} bytes only; the limit is {bytes_text(limit)}.",
                remedy="pixel_limit",
            )
