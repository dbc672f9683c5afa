"""The self-contained HTML page of a network and an image, with a fallback image for browsers without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cnnfx import __version__
from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.network import Network
from cnnfx.render.color import ColorScale
from cnnfx.render.grid import Grid
from cnnfx.render.page.contents import PageContents, max_image_pixels, page_contents
from cnnfx.render.page.data import page_data
from cnnfx.system.sizes import counted
from cnnfx.system.text import printable

if TYPE_CHECKING:
    import PIL.Image

SCRIPTS = (
    "data", "geometry", "combinations", "joins", "activations", "pooling", "forward", "classifier", "trace",
    "channel_maps", "receptive_field", "color_scale", "rounding", "colors", "resampling", "digit_preprocessing",
    "picture", "layer_text", "toml", "graph_layout",
    "elements", "legend", "map_view", "pointing", "filter_picture", "explanation", "pen", "graph_view", "layout",
    "classes", "explanation_panel", "channel_view", "number_cell", "kernel_editor", "image_input", "controls", "main",
)  # fmt: skip
"""The scripts of the page, each of which uses only those before it."""
LARGE_PAGE_BYTES = 2_000_000
"""The command line notes that larger pages are slow to send and open."""
MAX_PAGE_BYTES = 64_000_000
"""The largest page that browsers open."""
MAX_NAME_LENGTH = 40
"""The longest name of a network, in characters, that is part of the page's title."""
MAX_NAMES_IN_ALT_TEXT = 12
"""The most channels that the alternative text of the fallback image names; the others are counted."""
FALLBACK_MAX_WIDTH = 1000
"""The largest width of the fallback image, in pixels."""
FALLBACK_MAX_HEIGHT = 65_000
"""The largest height of the fallback image, in pixels: JPEG holds up to 65,535 rows."""
FALLBACK_MAX_PNG_BYTES = 150_000
"""Fallback images that are larger as PNG are encoded as JPEG."""
FALLBACK_JPEG_QUALITY = 80
"""Pillow's quality setting, 0 to 95."""


def make_page(
    network: Network, image: Image, color_scale: ColorScale, grid: Grid, shown: Sequence[int] | None = None
) -> bytes:
    """Return the page of a network and an image: one HTML file that loads no other file.

    Parameters
    ----------
    network : Network
        Bound to the image's channels.
    image : Image
        Of at most `max_image_pixels(network)`.
    color_scale : ColorScale
        How the feature maps are drawn at first.
    grid : Grid
        The fallback image.
    shown : sequence of int, optional
        The numbers of the layers whose maps are shown (see `shown_layers`); by default all that the last layer needs.

    Raises
    ------
    CnnfxError
        If the page would be larger than `MAX_PAGE_BYTES`.
    """
    script, contents = _script(), page_contents(network, image, shown)
    page = _fill_template(
        page_source("page.html"),
        HASH="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        VERSION=__version__,
        TITLE=html.escape(printable(_title(contents, image))),
        STYLE=page_source("page.css").strip(),
        LEAD=_paragraph(network.description, "lead") + "".join(_notes(contents, image)),
        FALLBACK=fallback_image(grid),
        ALT=html.escape(printable(_alt_text(contents, image))),
        SOURCE=_paragraph(f"Filters: {network.source}" if network.source else ""),
        DATA=page_data(contents, image, color_scale, max_image_pixels(network)),
        SCRIPT=script,
    ).encode(errors="backslashreplace")  # a name that is not UTF-8 has lone surrogates; JSON has the same escapes
    if len(page) > MAX_PAGE_BYTES:
        raise CnnfxError(
            f"the page would have {len(page) / 1e6:.0f} MB; the limit is {MAX_PAGE_BYTES / 1e6:.0f} MB.",
            remedy="page_size",
        )
    return page


def fallback_image(grid: Grid) -> str:
    """Return a grid as an image in a data URL: PNG, or JPEG if that is too large."""
    import PIL.Image

    picture = PIL.Image.fromarray(grid.pixels())
    factor = min(FALLBACK_MAX_WIDTH / picture.width, FALLBACK_MAX_HEIGHT / picture.height)
    if factor < 1:
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        picture = picture.resize(size, PIL.Image.Resampling.BOX)
    format, content = "png", _encode(picture, "PNG")
    if len(content) > FALLBACK_MAX_PNG_BYTES:
        format, content = "jpeg", _encode(picture, "JPEG")
    return f"data:image/{format};base64,{base64.b64encode(content).decode('ascii')}"


def _encode(picture: PIL.Image.Image, format: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, quality=FALLBACK_JPEG_QUALITY)
    return file.getvalue()


def _fill_template(template: str, **values: str) -> str:
    """Replace each `@NAME@` by its value; names in the values are not replaced."""
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], template)


def _paragraph(text: str, css_class: str = "") -> str:
    attribute = f' class="{css_class}"' if css_class else ""
    return f"<p{attribute}>{html.escape(text)}</p>" if text else ""


def _title(contents: PageContents, image: Image) -> str:
    """Return the page's title; a network with a long name is described by its number of filters."""
    network = contents.network
    count = len(network.layers[contents.shown[-1] - 1].outputs)
    filters = network.name if len(network.name) <= MAX_NAME_LENGTH else counted(count, "filter")
    return f"{filters} on {image.file_name}"


def _notes(contents: PageContents, image: Image) -> Iterator[str]:
    """Yield the notes on what the page shows, and on how the image was read, without the image's name."""
    note = contents.note()
    if note is not None:
        yield _paragraph(f"This page {note}.", "note")
    for note in image.notes:
        text = note.removeprefix(f"{image.name}: ")
        yield _paragraph(f"The image was {text}" if text.startswith("reduced") else note, "note")


def _alt_text(contents: PageContents, image: Image) -> str:
    """Describe the fallback image in words."""
    names = [name for number in contents.shown for name in contents.network.layers[number - 1].channel_names]
    others = len(names) - MAX_NAMES_IN_ALT_TEXT
    listed = ", ".join(names[:MAX_NAMES_IN_ALT_TEXT]) + (f" and {others} more" if others > 0 else "")
    return f"The input {image.file_name} and its feature maps: {listed}."


@cache
def _script() -> str:
    """Return all scripts as one function, so that their names are not global."""
    parts = "\n".join(page_source(f"{name}.js") for name in SCRIPTS)
    return f'\n"use strict";\n(() => {{\n{parts}\n}})();\n'


@cache
def page_source(name: str) -> str:
    """Return the text of a file in this folder."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
