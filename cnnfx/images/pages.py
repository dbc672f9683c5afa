"""Pages and frames of image files: the check of their numbers, and the texts about them.

In all of these, `noun` is "page", "frame" or "image", as the format of the file has it.
"""

from __future__ import annotations

import re

from cnnfx.errors import FileError
from cnnfx.system.sizes import counted


def check_page(name: str, page: int, pages: int, noun: str) -> None:
    """Check that a file has a page of this number.

    Raises
    ------
    FileError
        "NAME: it holds 3 pages, so there is no page 4."
    """
    if page > pages:
        raise FileError(f"{name}: it holds {counted(pages, noun)}, so there is no {noun} {page}.", remedy="page")


def page_name(name: str, page: int, noun: str) -> str:
    """Return the name of a page for messages: "scan.tif, page 2"."""
    return f"{name}, {noun} {page}"


def is_pages_note(note: str) -> bool:
    """Return whether a note is one of `pages_note`."""
    return re.search(r": it holds \d+ (page|frame|image)s; \1 1 is read\.$", note) is not None


def pages_note(name: str, pages: int, noun: str) -> str:
    """Return the note on a file of several pages of which the first was read."""
    return f"{name}: it holds {counted(pages, noun)}; {noun} 1 is read."
