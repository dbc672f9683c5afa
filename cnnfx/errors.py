"""The errors that cnnfx raises on purpose: each message says where, what, and how to mend it."""

from __future__ import annotations


class CnnfxError(Exception):
    """Anything that cnnfx refuses or cannot do; its text is meant for the user."""

    exit_code = 1


class ArgumentError(CnnfxError, ValueError):
    """An argument whose value, type or shape does not fit what the function takes."""


class FileError(CnnfxError):
    """A file or stream that cannot be read, understood or written."""


class UsageError(CnnfxError):
    """A command line that asks for something that cannot be."""

    exit_code = 2
