"""Write the computed weights into the presets: `python samples/make_filters.py [folder]`.

The presets are written by hand; only these weights are computed, and a test compares both:

- line detectors: the second derivative of a Gaussian across the line, a Gaussian along it;
- Gabor filters: a wave under a Gaussian, even (cosine) and odd (sine);
- spot detectors: the negative Laplacian of a Gaussian.

All weights are integers and add up to 0, so that a constant image gives 0. `scale` in the file makes up for their size.
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
"""Angles of line detectors, in degrees counterclockwise from horizontal."""
WAVES = ((0, 4), (45, 4), (90, 4), (135, 4), (0, 8), (45, 8), (90, 8), (135, 8))
"""Gabor filters: the angle of the stripes in degrees, and their wavelength in pixels."""
RADII = (2, 4, 6)
"""Radii of spots, in pixels."""
PEAK = 50
"""The largest weight."""


def main() -> None:
    """Write the weights into the presets of the folder given on the command line, by default those of the project."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "filters"
    for preset, weights in computed().items():
        path = folder / f"{preset}.toml"
        path.write_text(with_weights(path.read_text("utf-8"), weights), "utf-8")
        print(f"{path}: {len(weights)} filters")


def computed() -> dict[str, dict[str, Weights]]:
    """Return the weights of filters by preset and name."""
    lines = {f"{angle}°": line_detector(angle) for angle in ANGLES}
    bank = {}
    for angle, length in WAVES:
        for phase, turn in (("even", 0.0), ("odd", 90.0)):
            bank[f"{angle}° {length} px {phase}"] = gabor(angle, length, turn)
    spots = {f"radius {radius}": spot(radius) for radius in RADII}
    return {"lines": lines, "curves": lines, "circles": lines, "textures": bank, "spots": spots}


def line_detector(angle: float, across: float = 1.4, along: float = 1.8) -> Weights:
    """Return a 9×9 detector of light lines about 3 pixels wide.

    `across` and `along` are the standard deviations of the Gaussian, in pixels.
    """
    v, u = _rotated(angle, 4)
    envelope = np.exp(-((u / across) ** 2 + (v / along) ** 2) / 2)
    return _integers((1 - (u / across) ** 2) * envelope, envelope)


def gabor(angle: float, length: int, phase: float) -> Weights:
    """Return a Gabor filter with stripes at `angle` and a wavelength of `length` pixels.

    The standard deviation of its Gaussian is half the wavelength.

    Dennis Gabor, Theory of Communication, 1946; in two dimensions: John G. Daugman, 1985.
    """
    v, u = _rotated(angle, length)
    envelope = np.exp(-2 * (u**2 + v**2) / length**2)
    return _integers(np.cos(2 * np.pi * u / length - np.radians(phase)) * envelope, envelope)


def spot(radius: int) -> Weights:
    """Return the negative Laplacian of a Gaussian with the largest response to a disc of this radius.

    Its standard deviation is the radius divided by the square root of 2: Tony Lindeberg, Feature Detection with
    Automatic Scale Selection, 1998.
    """
    x, y = _rotated(0, 2 * radius)
    squared = (x**2 + y**2) / radius**2
    return _integers((1 - squared) * np.exp(-squared), np.exp(-squared))


def _rotated(angle: float, reach: int) -> tuple[Field, Field]:
    """Return the coordinates of each pixel along and across (to the right or down) a direction through the center."""
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return x * cosine - y * sine, x * sine + y * cosine


def _integers(kernel: Field, envelope: Field) -> Weights:
    """Return the kernel as integers that add up to 0: subtract its sum under the envelope, the rest at the center."""
    balanced = kernel - envelope * kernel.sum() / envelope.sum()
    weights = np.rint(PEAK * balanced / balanced.max()).astype(int)
    middle = len(weights) // 2
    weights[middle, middle] -= weights.sum()
    return weights


def with_weights(text: str, weights: dict[str, Weights]) -> str:
    """Return the text of a filter file with these weights in place of the old ones."""
    for name, matrix in weights.items():
        pattern = re.compile(rf'(name = "{re.escape(name)}"\n(?:[a-z]+ = [^\n]*\n)*?weights = )\[\[[^a-z]*?\]\]')
        found = pattern.search(text)
        if not found:
            raise SystemExit(f'no filter "{name}" with weights to replace')
        text = text[: found.start()] + found[1] + _rows(matrix) + text[found.end() :]
    return text


def _rows(matrix: Weights) -> str:
    width = max(len(str(weight)) for weight in matrix.flat)
    lines = [", ".join(str(weight).rjust(width) for weight in row) for row in matrix]
    return "[[" + ("],\n" + " " * 11 + "[").join(lines) + "]]"


if __name__ == "__main__":
    main()
