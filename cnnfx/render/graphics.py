"""Pictures in the graphics protocols of terminals: kitty's, iTerm2's, and sixel.

References
----------
kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol
iTerm2: https://iterm2.com/documentation-images.html
sixel: see `cnnfx.render.sixel`
"""

from __future__ import annotations

import io
import math
from base64 import standard_b64encode
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.render.png import write_png
from cnnfx.render.terminal import Graphics, Terminal
from cnnfx.render.tiles import shrink

VARIABLE = "CNNFX_GRAPHICS"
"""The environment variable that chooses a protocol, or none."""
PROTOCOLS = ("kitty", "iterm2", "sixel", "none")
NESTED = ("TMUX", "STY", "ZELLIJ", "NVIM", "VIM_TERMINAL", "INSIDE_EMACS")
"""Variables of programs that show another program's output in a terminal, and do not pass pictures on: tmux, screen,
Zellij and editors. The variables of the terminal around them are still set."""
NESTED_TERMS = ("screen", "tmux")
"""What the variable TERM begins with in such programs."""
TEXT_TERMS = ("", "dumb", "linux")
"""Values of TERM of terminals that show no pictures, or may not understand a question about them."""
KITTY_TERMS = ("xterm-kitty", "xterm-ghostty")
PROGRAMS: dict[str, Graphics] = {
    "ghostty": "kitty",
    "iTerm.app": "iterm2",
    "WezTerm": "iterm2",
    "Apple_Terminal": "none",
}
"""The protocols of terminals by the variable TERM_PROGRAM."""
KITTY_CHUNK = 4096
"""The most characters of base64 in one escape code of kitty's protocol."""


def declared_graphics(environ: Mapping[str, str]) -> Graphics | None:
    """Return the graphics protocol of a terminal by its environment variables; None if they do not determine it.

    `CNNFX_GRAPHICS` chooses a protocol: kitty, iterm2, sixel, or none. `NO_COLOR` means none.

    Raises
    ------
    ArgumentError
        If `CNNFX_GRAPHICS` has another value.
    """
    chosen = environ.get(VARIABLE, "").lower()
    if chosen in PROTOCOLS:
        return chosen  # type: ignore[return-value] # one of the literals
    if chosen not in ("", "auto"):
        raise ArgumentError(
            f"The environment variable {VARIABLE} is {environ[VARIABLE]!r}. Choose one of auto, {', '.join(PROTOCOLS)}."
        )
    term = environ.get("TERM", "").lower()
    if environ.get("NO_COLOR") or term in TEXT_TERMS:
        return "none"
    if any(environ.get(name) for name in NESTED) or term.startswith(NESTED_TERMS):
        return "none"
    if term in KITTY_TERMS:
        return "kitty"
    if environ.get("TERM_PROGRAM", "") in PROGRAMS:
        return PROGRAMS[environ["TERM_PROGRAM"]]
    return "iterm2" if environ.get("LC_TERMINAL") == "iTerm2" else None


def picture_text(picture: NDArray[np.uint8], terminal: Terminal) -> str:
    """Return the escape codes that show a picture on a terminal with graphics; it is shrunk to the terminal's width.

    Parameters
    ----------
    picture : uint8 array (H, W) or (H, W, 3)
    terminal : Terminal
        One whose `graphics` are not "none".
    """
    from cnnfx.render.sixel import sixel

    picture = shrink(picture, terminal.pixel_width)
    if terminal.graphics == "sixel":
        return sixel(picture)
    columns = min(terminal.width, math.ceil(picture.shape[1] / terminal.cell_width))
    file = io.BytesIO()
    write_png(file, picture.shape[1], picture.shape[0], [picture], color="gray" if picture.ndim == 2 else "rgb")
    return (kitty if terminal.graphics == "kitty" else iterm2)(file.getvalue(), columns)


def kitty(png: bytes, columns: int) -> str:
    """Return the escape codes of kitty's protocol for a PNG file that fills a number of columns.

    The file is sent in chunks of base64; the first has the settings. `q=2` asks the terminal for no answer.
    """
    data = standard_b64encode(png).decode("ascii")
    chunks = [data[first : first + KITTY_CHUNK] for first in range(0, len(data), KITTY_CHUNK)]
    parts = []
    for number, chunk in enumerate(chunks):
        settings = [f"a=T,f=100,c={columns},q=2"] if number == 0 else []
        settings.append(f"m={int(number < len(chunks) - 1)}")
        parts.append(f"\x1b_G{','.join(settings)};{chunk}\x1b\\")
    return "".join(parts)


def iterm2(png: bytes, columns: int) -> str:
    """Return the escape code of iTerm2's protocol for a PNG file that fills a number of columns."""
    settings = f"inline=1;size={len(png)};width={columns};preserveAspectRatio=1"
    return f"\x1b]1337;File={settings}:{standard_b64encode(png).decode('ascii')}\x07"
