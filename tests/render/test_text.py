"""Text in pictures."""

from __future__ import annotations

import ast
import hashlib
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from cnnfx.render.text import (
    BACKGROUND,
    FONTS,
    TYPEFACE,
    draw_text,
    draw_text_inside,
    escape,
    line_height,
    notes_on_escapes,
    shorten,
    text_width,
)

ROOT = Path(__file__).parents[2]


def test_text_is_black_on_white_and_as_wide_as_measured() -> None:
    drawn = draw_text("edges", 13)
    assert drawn.shape == (line_height(13), text_width("edges", 13))
    assert (drawn.min(), drawn.max()) == (0, BACKGROUND)


def test_drawn_text_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        draw_text("edges", 13)[0, 0] = 0


def test_a_text_that_does_not_fit_is_shortened_with_an_ellipsis() -> None:
    text = shorten("a very long name of a channel", 13, 80)
    assert text.endswith("...")
    assert text_width(text, 13) <= 80
    assert shorten("a", 13, 80) == "a"
    assert shorten("a very long name", 13, 2) == ""


@pytest.mark.parametrize(("level", "is_light"), [(0, True), (117, True), (118, False), (255, False)])
def test_text_in_a_square_is_lighter_on_dark_levels_and_darker_on_light_ones(level: int, is_light: bool) -> None:
    gray, color = np.full((30, 30), level, np.uint8), np.full((30, 30, 3), level, np.uint8)
    for square in (gray, color):
        draw_text_inside(square, "8", 20)
    changed = gray[gray != level]
    assert changed.size
    assert ((changed > level) == is_light).all()
    np.testing.assert_array_equal(color, gray[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("word", ["größer", "détection", "σ=2", "∂x", "верх", "½ ≤ x₁² − √2 · ∇Σ ≈ ±∞ … →"])
def test_words_in_latin_greek_cyrillic_and_mathematical_signs_are_drawn_as_they_are(word: str) -> None:
    assert escape(word) == word
    assert all(draws_a_glyph(character) for character in word if character != " ")
    assert notes_on_escapes("seven.edges.png", [word]) == ()


def test_every_listed_character_has_a_glyph_in_the_typeface() -> None:
    listed = (FONTS / "characters.txt").read_text(encoding="utf-8")
    spaces = {character for character in listed if character.isspace()}
    assert len(listed) > 2000
    assert {character for character in listed if not draws_a_glyph(character)} <= spaces


def test_the_typeface_has_every_character_in_the_texts_of_the_project() -> None:
    texts = [*strings_of_the_code(), *(path.read_text(encoding="utf-8") for path in (ROOT / "filters").glob("*.toml"))]
    characters = {character for text in texts for character in unicodedata.normalize("NFC", text)}
    assert {
        character for character in characters if character.isprintable() and escape(character) != character
    } == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("漢字 a", r"\u6f22\u5b57 a"),
        ("😀", r"\U0001f600"),
        ("a\nb\x1b[0m", r"a\nb\x1b[0m"),
        ("x\u0301", r"x\u0301"),
        ("caf\udce9", r"caf\udce9"),
        ("\u200bé", r"\u200bé"),
        ("gro\u0308ßer", "größer"),
        ("no\\escape", "no\\escape"),
    ],
)
def test_characters_that_the_typeface_lacks_are_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown
    np.testing.assert_array_equal(draw_text(text, 13), draw_text(shown, 13))
    assert text_width(text, 13) == text_width(shown, 13)


def test_an_escaped_text_is_shortened_after_escaping() -> None:
    assert shorten("漢字", 13, text_width(r"\u6f22...", 13)) == r"\u6f22..."


def test_a_note_names_each_escaped_character_once() -> None:
    assert notes_on_escapes("seven.edges.png", ["top", "漢", "漢 字\n"]) == (
        r"seven.edges.png: the typeface of pictures has no 漢, 字, '\n'; written as \u6f22, \u5b57, \n.",
    )


def test_the_project_names_the_license_of_the_typeface_and_packages_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    license = FONTS / "LICENSE"
    assert license.relative_to(ROOT).as_posix() in project["license-files"]
    # The license must accompany every copy, unchanged.
    assert (
        hashlib.sha256(license.read_bytes()).hexdigest()
        == "d75938dec098f06f0ac3c00853065d94f020be1c3c62ef1dc2975ba15b4d9b0e"
    )
    family, _ = PIL.ImageFont.truetype(FONTS / TYPEFACE, 13).getname()
    assert family == "DejaVu Sans Condensed Subset"


def test_the_typeface_is_small() -> None:
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < 250_000


def draws_a_glyph(character: str) -> bool:
    """Whether the typeface has ink for a character that is not that of the sign for missing ones."""
    font = PIL.ImageFont.truetype(FONTS / TYPEFACE, 40, layout_engine=PIL.ImageFont.Layout.BASIC)
    drawn, missing = font.getmask(character), font.getmask("\u6f22")
    return any(drawn) and (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))


def strings_of_the_code() -> Iterator[str]:
    """The strings of all modules except docstrings; they contain everything that the project draws of its own."""
    for path in (ROOT / "cnnfx").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value


@pytest.mark.parametrize("size", [13, 20, 28, 40])
def test_accents_above_capitals_and_descenders_are_not_cut_off(size: int) -> None:
    font = PIL.ImageFont.truetype(FONTS / TYPEFACE, size, layout_engine=PIL.ImageFont.Layout.BASIC)
    for text in ("Å", "Ŕ", "Ấ", "Ỗ", "Ǘ", "Ṹ", "ģ", "ç", "Ķ", "Щ", "ψ", "Ộgj"):
        drawn = draw_text(text, size)
        tall = PIL.Image.new("L", (drawn.shape[1], 3 * size), BACKGROUND)
        PIL.ImageDraw.Draw(tall).text((0, size), text, fill=0, font=font)
        assert (drawn < 255).any(axis=1).sum() == (np.asarray(tall) < 255).any(axis=1).sum(), text
