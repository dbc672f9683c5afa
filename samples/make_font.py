"""Write the typeface of the pictures, a subset of DejaVu Sans Condensed: `python samples/make_font.py FILE`.

FILE is `DejaVuSansCondensed.ttf` of DejaVu 2.37 (https://dejavu-fonts.github.io; in Debian, the package
fonts-dejavu-extra). fontTools makes the subset: `pip install fonttools`. The license of DejaVu allows modified versions
if their names contain neither "Bitstream" nor "Vera" (nor "Tavmjong Bah" nor "Arev"), and if the license accompanies
them: it stands in `cnnfx/render/fonts/LICENSE`.

The subset has Latin, Greek and Cyrillic letters, punctuation, numerals, arrows, mathematical signs and the characters
that terminals draw with. `characters.txt` lists them all; cnnfx reads it to know which ones to replace.
"""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

SHA256 = "2d8aa290adcf1ebcbb35f63e57cf32941b012eaab4b65096b904112cf3bac972"
"""The SHA-256 of the source file."""
FOLDER = Path(__file__).resolve().parent.parent / "cnnfx" / "render" / "fonts"
NAME = "DejaVu Sans Condensed Subset"
BLOCKS = (
    (0x0020, 0x007E), (0x00A0, 0x02FF),  # Latin, phonetic signs, modifier letters
    (0x0370, 0x052F),  # Greek, Cyrillic
    (0x1D2C, 0x1D6A), (0x1E00, 0x1EFF),  # superscript and subscript letters, Latin with two accents
    (0x2010, 0x2027), (0x202F, 0x205E),  # punctuation
    (0x2070, 0x209C), (0x20A0, 0x20BF), (0x2100, 0x218F),  # raised and lowered digits, currencies, fractions
    (0x2190, 0x22FF), (0x2300, 0x230B), (0x2318, 0x2325), (0x239B, 0x23AD),  # arrows, mathematical signs, brackets
    (0x2500, 0x25FF),  # box drawing, blocks, geometric shapes
    (0x2605, 0x2606), (0x2640, 0x2642), (0x2660, 0x266F), (0x2713, 0x2718),  # stars, cards, notes, ticks
    (0x27E6, 0x27EB), (0x27F5, 0x27FF), (0x2A00, 0x2AFF),  # brackets, long arrows, more mathematical signs
    (0xFB00, 0xFB06), (0xFFFD, 0xFFFD),  # Latin ligatures, the replacement character
)  # fmt: skip
"""The first and last code points of the blocks of Unicode that the subset contains, as far as the source has them."""


def main() -> None:
    """Write the subset and the list of its characters, without combining and control characters."""
    source = Path(sys.argv[1])
    if hashlib.sha256(source.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{source}: this is not DejaVuSansCondensed.ttf of DejaVu 2.37 (its SHA-256 differs).")
    font = TTFont(source, recalcTimestamp=False)
    wanted = {code for first, last in BLOCKS for code in range(first, last + 1)}
    codes = [
        code for code in sorted(wanted & set(font.getBestCmap())) if unicodedata.category(chr(code))[0] not in "CM"
    ]
    _subset(font, codes)
    _rename(font)
    font.save(FOLDER / "DejaVuSansCondensed-Subset.ttf")
    (FOLDER / "characters.txt").write_text("".join(map(chr, codes)), encoding="utf-8", newline="")


def _subset(font: TTFont, codes: list[int]) -> None:
    """Remove all glyphs but those of the code points, and the tables that only a layout engine reads."""
    options = subset.Options(glyph_names=False, hinting=True, notdef_outline=True, layout_features=[])
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB", "MATH", "kern"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)


def _rename(font: TTFont) -> None:
    """Name the subset in a way that tells it from the original."""
    for identifier, name in ((1, NAME), (3, NAME), (4, NAME), (6, NAME.replace(" ", ""))):
        font["name"].setName(name, identifier, 3, 1, 0x409)


if __name__ == "__main__":
    main()
