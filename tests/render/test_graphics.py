"""Pictures in the graphics protocols of terminals, and which protocol a terminal has."""

from __future__ import annotations

import io
import re
from base64 import b64decode

import numpy as np
import PIL.Image
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.layers import Conv, Layer
from cnnfx.render.color import ColorScale
from cnnfx.render.feature_grid import grid
from cnnfx.render.filter_preview import filter_table, filters_preview
from cnnfx.render.filters import filters_picture
from cnnfx.render.graphics import KITTY_CHUNK, declared_graphics, iterm2, kitty, picture_text
from cnnfx.render.preview import maps_picture, maps_preview, pictures_preview
from cnnfx.render.terminal import Terminal
from cnnfx.render.tiles import picture_tiles
from tests.render.sixel_decoder import decode_sixel

NOISE = np.random.default_rng(5).integers(0, 256, (60, 90, 3), np.uint8)
KITTY, ITERM2, SIXEL = (Terminal(80, "truecolor", graphics=graphics) for graphics in ("kitty", "iterm2", "sixel"))


def pixels(png: bytes) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture)


def kitty_codes(text: str) -> list[tuple[str, str]]:
    """Return the settings and the data of each escape code; nothing else may be there."""
    codes = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert "".join(f"\x1b_G{settings};{data}\x1b\\" for settings, data in codes) == text
    return codes


def kitty_pixels(text: str) -> np.ndarray:
    return pixels(b64decode("".join(data for _, data in kitty_codes(text))))


def test_kitty_gets_a_png_in_chunks() -> None:
    codes = kitty_codes(picture_text(NOISE, KITTY))
    assert [settings for settings, _ in codes] == ["a=T,f=100,c=12,q=2,m=1", *["m=1"] * (len(codes) - 2), "m=0"]
    assert [len(data) for _, data in codes[:-1]] == [KITTY_CHUNK] * (len(codes) - 1)
    assert 0 < len(codes[-1][1]) <= KITTY_CHUNK
    assert len(codes) > 2


def test_a_small_picture_for_kitty_is_one_chunk() -> None:
    assert kitty(b"abc", 7) == "\x1b_Ga=T,f=100,c=7,q=2,m=0;YWJj\x1b\\"


def test_kitty_shows_the_pixels() -> None:
    np.testing.assert_array_equal(kitty_pixels(picture_text(NOISE, KITTY)), NOISE)
    np.testing.assert_array_equal(kitty_pixels(picture_text(NOISE[..., 0], KITTY)), NOISE[..., 0])


def test_iterm2_gets_a_png_inline() -> None:
    assert iterm2(b"abc", 7) == "\x1b]1337;File=inline=1;size=3;width=7;preserveAspectRatio=1:YWJj\x07"
    found = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);width=12;preserveAspectRatio=1:(.*)\x07", picture_text(NOISE, ITERM2)
    )
    assert found
    png = b64decode(found[2])
    assert len(png) == int(found[1])
    np.testing.assert_array_equal(pixels(png), NOISE)


def test_sixel_shows_similar_pixels() -> None:
    shown = decode_sixel(picture_text(NOISE[..., 0], SIXEL))
    assert np.abs(shown[..., 0] * 2.55 - NOISE[..., 0]).max() <= 1.275 + 1e-9


@pytest.mark.parametrize("graphics", ["kitty", "iterm2", "sixel"])
def test_a_picture_is_shrunk_to_the_width_of_the_terminal(graphics) -> None:
    text = picture_text(np.full((300, 2000), 7, np.uint8), Terminal(50, "256", graphics=graphics, cell_width=10))
    if graphics == "kitty":
        assert ",c=50," in text
        assert kitty_pixels(text).shape == (75, 500)
    elif graphics == "iterm2":
        assert ";width=50;" in text
    else:
        assert decode_sixel(text).shape == (75, 500, 3)


@pytest.mark.parametrize(("graphics", "width"), [("sixel", 1000), ("kitty", 1600), ("iterm2", 1600)])
def test_a_very_wide_terminal_gets_a_picture_of_limited_width(graphics, width) -> None:
    assert Terminal(300, "256", graphics=graphics, cell_width=9).pixel_width == width
    assert Terminal(100, "256", graphics=graphics, cell_width=9).pixel_width == 900


def test_all_codes_are_ascii() -> None:
    for terminal in (KITTY, ITERM2, SIXEL):
        assert picture_text(NOISE, terminal).isascii()


# What is shown


def test_maps_are_shown_as_a_grid_with_labels_and_legend() -> None:
    maps = ArrayMaps(np.random.default_rng(2).normal(size=(3, 20, 30)).astype(np.float32), ["x", "y", "z"])
    picture = maps_picture(maps, ColorScale(), 640)
    np.testing.assert_array_equal(kitty_pixels(maps_preview(maps, ColorScale(), KITTY)), picture)
    assert picture.shape[1] <= 640


def test_maps_that_are_not_shrunk_are_shown_as_in_a_file() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 5
    maps = ArrayMaps(values, ["x", "y"])
    picture = grid(values, ["x", "y"], columns=2, legend=True)
    np.testing.assert_array_equal(maps_picture(maps, ColorScale(), 640), picture)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 24])
@pytest.mark.parametrize("size", [(28, 28), (382, 510), (2000, 300), (10, 4000), (1, 1)])
@pytest.mark.parametrize("width", [480, 640, 1000])
def test_a_picture_of_maps_fits_the_width(count, size, width) -> None:
    maps = ArrayMaps(np.ones((count, *size), np.float32), [f"map {index}" for index in range(count)])
    assert maps_picture(maps, ColorScale(), width).shape[1] <= width


def test_a_line_of_one_pixel_stays_white_in_a_picture_of_a_large_map() -> None:
    values = np.zeros((1, 3000, 3000), np.float32)
    values[:, :, 1500] = 1
    values[:, :, 1501] = -1
    picture = maps_picture(ArrayMaps(values, ["x"]), ColorScale("signed"), 640)
    rows = picture[200:500]
    assert ((rows == 255) | (rows == 0)).any(axis=0).sum() > 0
    line = np.flatnonzero((rows.min(axis=0) == rows.max(axis=0)) & np.isin(rows[0], (0, 255)))
    inside = line[(line > 100) & (line < picture.shape[1] - 100)]
    assert len(inside) == 1


def test_filters_are_shown_as_the_picture_of_a_file() -> None:
    one = Layer(Conv(np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3), np.zeros(2)), ("a", "b"))
    np.testing.assert_array_equal(kitty_pixels(filters_preview(one, KITTY)), filters_picture(one, [""]))
    deep = Layer(Conv(np.arange(36, dtype=np.float32).reshape(2, 2, 3, 3), np.zeros(2)), ("a", "b"))
    np.testing.assert_array_equal(
        kitty_pixels(filter_table(deep, ["x", "y"], KITTY)), filters_picture(deep, ["x", "y"])
    )


def test_pictures_are_shown_as_a_grid() -> None:
    shown = kitty_pixels(pictures_preview(picture_tiles(["a"], [NOISE]), KITTY))
    assert (shown == NOISE[0, 0]).all(axis=-1).any()


# Which protocol a terminal has


@pytest.mark.parametrize(
    ("environ", "graphics"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "none"),
        # Only the answer of the terminal shows it.
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm"}, None),
        ({"TERM": "foot"}, None),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, None),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, None),
        # Programs inside a terminal, whose variables they inherit.
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, "none"),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "iTerm.app"}, "none"),
        ({"TERM": "screen.xterm-256color", "KITTY_WINDOW_ID": "1"}, "none"),
        ({"TERM": "xterm-256color", "STY": "1.pts-0", "TERM_PROGRAM": "WezTerm"}, "none"),
        ({"TERM": "xterm-256color", "NVIM": "/run/nvim.1.0", "KITTY_WINDOW_ID": "1"}, "none"),
        ({"TERM": "xterm-256color", "ZELLIJ": "0", "TERM_PROGRAM": "ghostty"}, "none"),
        ({"TERM": "dumb", "INSIDE_EMACS": "30.1,comint", "TERM_PROGRAM": "iTerm.app"}, "none"),
        # Terminals without pictures, and the wish for none.
        ({"TERM": "dumb"}, "none"),
        ({"TERM": "linux"}, "none"),
        ({}, "none"),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-kitty", "NO_COLOR": ""}, "kitty"),
        # The variable decides.
        ({"TERM": "xterm-kitty", "CNNFX_GRAPHICS": "none"}, "none"),
        ({"TERM": "xterm-256color", "CNNFX_GRAPHICS": "sixel"}, "sixel"),
        ({"TERM": "screen", "TMUX": "1", "CNNFX_GRAPHICS": "Kitty"}, "kitty"),
        ({"TERM": "xterm-kitty", "CNNFX_GRAPHICS": "auto"}, "kitty"),
        ({"TERM": "xterm-kitty", "CNNFX_GRAPHICS": ""}, "kitty"),
    ],
)
def test_the_variables_of_a_terminal_tell_its_graphics(environ, graphics) -> None:
    assert declared_graphics(environ) == graphics


def test_another_value_of_the_variable_is_an_error() -> None:
    message = "The environment variable CNNFX_GRAPHICS is 'ascii'. Choose one of auto, kitty, iterm2, sixel, none."
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        declared_graphics({"CNNFX_GRAPHICS": "ascii"})
