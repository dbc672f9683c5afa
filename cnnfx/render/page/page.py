"""The parts of a page put together into one file."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cnnfx import __version__
from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.network import Network
from cnnfx.render.color import ColorScale
from cnnfx.render.grid import Grid
from cnnfx.render.page.data import page_data, short_name

WIDEST = 1000
"""The picture is shrunk to so many pixels in width."""
MOST_BYTES = 150_000
"""A PNG that is larger becomes a JPEG."""


def still(grid: Grid) -> str:
    """A grid as a picture in a data URL."""
    import PIL.Image

    picture = PIL.Image.fromarray(grid.pixels())
    if picture.width > WIDEST:
        size = (WIDEST, max(1, round(picture.height * WIDEST / picture.width)))
        picture = picture.resize(size, PIL.Image.Resampling.BOX)
    kind, content = "png", _encoded(picture, "PNG")
    if len(content) > MOST_BYTES:
        kind, content = "jpeg", _encoded(picture, "JPEG")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _encoded(picture: object, format: str) -> bytes:
    import PIL.Image

    assert isinstance(picture, PIL.Image.Image)
    file = io.BytesIO()
    picture.save(file, format, quality=80)
    return file.getvalue()


SCRIPTS = (
    "data", "forward", "field", "colors", "fit",
    "elements", "view", "pointing", "arithmetic", "pen", "layout", "classes", "panel", "main",
)  # fmt: skip
"""The scripts, each using those before it."""
LARGE = 2_000_000
"""A page of more bytes is told of: it takes long to send and to open."""
MOST = 64_000_000
"""A page of more bytes is refused: browsers do not open it."""
LONGEST_NAME = 40
"""A network of a longer name is not called by it."""
MOST_PIXELS = 512 * 512
MOST_VALUES = 2**24
"""Larger images are reduced to so many pixels, and further to so many values in all maps: the browser holds them."""


def page_pixels(network: Network) -> int:
    """How many pixels an image may have on a page: 512×512, or fewer for a network of many channels."""
    return min(MOST_PIXELS, max(1, MOST_VALUES // sum(len(layer.outputs) for layer in network.layers)))


def make_page(network: Network, image: Image, look: ColorScale, picture: Grid) -> bytes:
    """A page that shows a network at work on an image: one HTML file that loads nothing else.

    Parameters
    ----------
    network : Network
        Bound to the image's channels.
    image : Image
        In a size that a browser can compute; see `page_pixels`.
    look : ColorScale
        How the maps are drawn at first.
    picture : Grid
        What a browser without JavaScript or canvas shows.

    Raises
    ------
    CnnfxError
        If the page would have more than `MOST` bytes.
    """
    script = _script()
    page = _filled(
        part("page.html"),
        HASH="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        VERSION=__version__,
        TITLE=html.escape(_title(network, image)),
        STYLE=part("page.css").strip(),
        LEAD=_paragraph(network.description, "lead") + "".join(_notes(image)),
        STILL=still(picture),
        ALT=html.escape(_alt(network, image)),
        SOURCE=_paragraph(f"Filters: {network.source}" if network.source else ""),
        DATA=page_data(network, image, look),
        SCRIPT=script,
    ).encode()
    if len(page) > MOST:
        raise CnnfxError(
            f"the page would have {len(page) / 1e6:.0f} MB, {MOST / 1e6:.0f} MB are the most.",
            remedy="page_size",
        )
    return page


def _filled(template: str, **parts: str) -> str:
    """The template with each `@NAME@` replaced; what is put in is not looked at again."""
    return re.sub(r"@([A-Z]+)@", lambda found: parts[found[1]], template)


def _paragraph(text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{html.escape(text)}</p>" if text else ""


def _title(network: Network, image: Image) -> str:
    """What the page is called: many filters side by side by their number, for their names are too many."""
    count = len(network.layers[-1].outputs)
    filters = network.name if len(network.name) <= LONGEST_NAME else f"{count} filter{'s' * (count > 1)}"
    return f"{filters} on {short_name(image)}"


def _notes(image: Image) -> Iterator[str]:
    """What was lost on the way of the image, without the name that each note begins with."""
    for note in image.notes:
        told = note.removeprefix(f"{image.name}: ")
        yield _paragraph(f"The image was {told}" if told.startswith("reduced") else note, "note")


def _alt(network: Network, image: Image) -> str:
    """What the still picture shows, in words."""
    names = [name for layer in network.layers for name in layer.channel_names]
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"The input {short_name(image)} and its feature maps: {listed}."


@cache
def _script() -> str:
    """All scripts as one, whose names nothing else in the page sees."""
    parts = "\n".join(part(f"{name}.js") for name in SCRIPTS)
    return f'\n"use strict";\n(() => {{\n{parts}\n}})();\n'


@cache
def part(name: str) -> str:
    """The text of a file that pages are made from."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
