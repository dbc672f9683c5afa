"""The errors that cnnfx raises on purpose.

A message says where the error is, what is wrong and what is allowed. It never names an option of the command line: an
error carries the kind of its remedy, and `cnnfx.cli.advice` knows which option that is.
"""

from __future__ import annotations

from copy import copy
from typing import Self


class CnnfxError(Exception):
    """Base class of all errors that cnnfx raises on purpose; the message is meant for the user.

    Parameters
    ----------
    message : str
    remedy : str
        The kind of remedy, such as "pixel_limit": a key of `cnnfx.cli.advice.ADVICE`; empty if there is none.
    **details
        Values that the text of the remedy needs.
    """

    def __init__(self, message: str = "", *, remedy: str = "", **details: object) -> None:
        super().__init__(message)
        self.remedy, self.details = remedy, details

    def prefixed(self, where: str) -> Self:
        """Return this error with the file or image that it concerns before its message."""
        error = copy(self)
        error.args = (f"{where}: {self}",)
        return error


class ArgumentError(CnnfxError, ValueError):
    """An argument whose value, type or shape does not fit what the function takes."""


class FileError(CnnfxError):
    """A file or stream that cannot be read, understood or written."""


class UsageError(CnnfxError):
    """A command line that cannot be carried out; raised by `cnnfx.cli` only."""
