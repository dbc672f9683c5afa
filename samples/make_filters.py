"""Writes the computed weights into the presets: `python samples/make_filters.py [folder]`.

The presets are written by hand; only these numbers follow from formulas, and a test holds that both agree:

- line pieces: a light line at an angle, the second derivative of a Gaussian across and a Gaussian along;
- Gabor filters: a wave under a Gaussian, even (cosine) and odd (sine);
- spots: a light spot, the Laplacian of a Gaussian with its sign turned.

All are whole numbers that add up to 0, so that even light gives nothing; a filter's `scale` stands beside them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Field = NDArray[np.float64]
    Weights = NDArray[np.int64]

ANGLES = (0, 30, 60, 90, 120, 150)
"""Of line pieces, in degrees counter-clockwise from horizontal."""
WAVES = ((0, 4), (45, 4), (90, 4), (135, 4), (0, 8), (45, 8), (90, 8), (135, 8))
"""Of Gabor filters: the angle of the stripes, and their wavelength in pixels."""
RADII = (2, 4, 6)
"""Of spots, in pixels."""
PEAK = 50
"""What the largest weight becomes."""


def main() -> None:
    """Write the weights into the presets of the folder named on the command line, or of the project's own."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "filters"
    for preset, weights in computed().items():
        path = folder / f"{preset}.toml"
        path.write_text(filled(path.read_text("utf-8"), weights), "utf-8")
        print(f"{path}: {len(weights)} filters")


def computed() -> dict[str, dict[str, Weights]]:
    """The weights of filters by preset and name."""
    pieces = {f"{angle}°": line_piece(angle) for angle in ANGLES}
    bank = {}
    for angle, length in WAVES:
        for phase, turn in (("even", 0.0), ("odd", 90.0)):
            bank[f"{angle}° {length} px {phase}"] = gabor(angle, length, turn)
    spots = {f"radius {radius}": spot(radius) for radius in RADII}
    return {"lines": pieces, "curves": pieces, "circles": pieces, "textures": bank, "spots": spots}


def line_piece(angle: float, across: float = 1.4, along: float = 1.8) -> Weights:
    """A piece of a light line of about 3 pixels, 9×9; the deviations of its Gaussian are `across` and `along`."""
    v, u = _turned(angle, 4)
    envelope = np.exp(-((u / across) ** 2 + (v / along) ** 2) / 2)
    return _whole((1 - (u / across) ** 2) * envelope, envelope)


def gabor(angle: float, length: int, phase: float) -> Weights:
    """A wave of `length` pixels whose stripes lie at `angle`; its Gaussian's deviation is half a wave.

    Dennis Gabor, Theory of Communication, 1946; in two dimensions: John G. Daugman, 1985.
    """
    v, u = _turned(angle, length)
    envelope = np.exp(-2 * (u**2 + v**2) / length**2)
    return _whole(np.cos(2 * np.pi * u / length - np.radians(phase)) * envelope, envelope)


def spot(radius: int) -> Weights:
    """A light spot: the Laplacian of a Gaussian that answers most to a disc of this radius.

    Its deviation is the radius divided by the square root of 2: Tony Lindeberg, Feature Detection with Automatic Scale
    Selection, 1998.
    """
    x, y = _turned(0, 2 * radius)
    squared = (x**2 + y**2) / radius**2
    return _whole((1 - squared) * np.exp(-squared), np.exp(-squared))


def _turned(angle: float, reach: int) -> tuple[Field, Field]:
    """How far each pixel lies along and across (to the right or down) a direction through the middle."""
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return x * cosine - y * sine, x * sine + y * cosine


def _whole(kernel: Field, envelope: Field) -> Weights:
    """The kernel in whole numbers, its sum taken off under the envelope, and the rest of it in the middle."""
    balanced = kernel - envelope * kernel.sum() / envelope.sum()
    weights = np.rint(PEAK * balanced / balanced.max()).astype(int)
    middle = len(weights) // 2
    weights[middle, middle] -= weights.sum()
    return weights


def filled(text: str, weights: dict[str, Weights]) -> str:
    """A filter file's text with the weights of these filters set anew."""
    for name, matrix in weights.items():
        pattern = re.compile(rf'(name = "{re.escape(name)}"\n(?:[a-z]+ = [^\n]*\n)*?weights = )\[\[[^a-z]*?\]\]')
        found = pattern.search(text)
        if not found:
            raise SystemExit(f'no filter "{name}" with weights to be set')
        text = text[: found.start()] + found[1] + _rows(matrix) + text[found.end() :]
    return text


def _rows(matrix: Weights) -> str:
    width = max(len(str(weight)) for weight in matrix.flat)
    lines = [", ".join(str(weight).rjust(width) for weight in row) for row in matrix]
    return "[[" + ("],\n" + " " * 11 + "[").join(lines) + "]]"


if __name__ == "__main__":
    main()
