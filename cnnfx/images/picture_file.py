"""A picture file, and how it is read: what the decoders of all formats take."""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import IO, Any

from cnnfx.errors import FileError
from cnnfx.images.channels import Background
from cnnfx.images.formats import START_BYTES, FileFormat
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
        """Return the number of bytes of the file, and go back to its beginning."""
        size = self.stream.seek(0, io.SEEK_END)
        self.stream.seek(0)
        return size

    def start(self) -> bytes:
        """Return the first `START_BYTES` of the file, and go back to its beginning."""
        self.stream.seek(0)
        start = self.stream.read(START_BYTES)
        self.stream.seek(0)
        return start

    def part(self, parts: list[tuple[int, int]]) -> PictureFile:
        """Return a file of some parts of this one, each given by its offset and length."""
        return replace(self, stream=io.BufferedReader(PartsStream(self.stream, parts)))

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


class PartsStream(io.RawIOBase):
    """A stream of some parts of another, one behind the other.

    Parameters
    ----------
    stream : binary file
    parts : list of (int, int)
        The offset and length of each part.
    """

    def __init__(self, stream: IO[bytes], parts: list[tuple[int, int]]) -> None:
        self.stream, self.position = stream, 0
        self.parts = parts
        self.ends = list(accumulate(length for _, length in parts))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position, as of any stream."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.ends[-1]}[whence]
        self.position = max(0, start + offset)
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, as any stream, up to the end of a part."""
        index = bisect_right(self.ends, self.position)
        if index == len(self.parts):
            return 0
        offset, length = self.parts[index]
        left = self.ends[index] - self.position
        self.stream.seek(offset + length - left)
        data = self.stream.read(min(len(buffer), left))
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


def merged_parts(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return parts of which those that follow each other are one."""
    merged: list[tuple[int, int]] = []
    for offset, length in parts:
        if merged and sum(merged[-1]) == offset:
            merged[-1] = (merged[-1][0], merged[-1][1] + length)
        else:
            merged.append((offset, length))
    return merged
