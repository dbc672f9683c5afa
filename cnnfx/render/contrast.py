"""Contrast of colors, and whether text on a color is black or white.

Source: Web Content Accessibility Guidelines (WCAG) 2.2. Text needs a contrast ratio of at least 4.5, which black or
white has on every color.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def relative_luminance(color: ArrayLike) -> float:
    """Return the relative luminance, 0..1, of an sRGB color (red, green, blue) 0..255, or of a gray level."""
    shares = np.broadcast_to(np.asarray(color, float), 3) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast_ratio(color: ArrayLike, other: ArrayLike) -> float:
    """Return the contrast ratio, 1..21, of two colors or gray levels."""
    low, high = sorted((relative_luminance(color), relative_luminance(other)))
    return (high + 0.05) / (low + 0.05)


def is_dark(color: ArrayLike) -> bool:
    """Return whether white has a larger contrast to a color or gray level than black."""
    return contrast_ratio(255, color) > contrast_ratio(0, color)
