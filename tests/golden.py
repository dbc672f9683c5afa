"""Golden images: reviewed pictures in tests/golden that drawn pictures are compared with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

FOLDER = Path(__file__).with_name("golden")
UPDATE = "CNNFX_UPDATE_GOLDEN"
"""The environment variable that accepts the drawn pictures as the new golden images."""

MAX_MEAN_DIFFERENCE = 1.0
"""The largest mean difference in levels: versions of FreeType draw the edges of letters differently."""
LARGE_DIFFERENCE = 32
"""A pixel that differs by more levels than this in one of its colors is counted."""
MAX_LARGE_SHARE = 0.005
"""The largest share of the pixels that may be counted."""


def assert_golden(name: str, picture: np.ndarray | bytes | Path, folder: Path) -> None:
    """Compare the pixels of a picture with those of `tests/golden/NAME.png`.

    With the environment variable CNNFX_UPDATE_GOLDEN=1 the golden image is written instead. A picture that differs is
    written to `folder`, and the failure says how to accept it.

    Parameters
    ----------
    name : str
    picture : uint8 array (H, W) or (H, W, 3), or the bytes or path of a picture file
    folder : Path
        The test's `tmp_path`.
    """
    drawn, golden = _pixels(picture), FOLDER / f"{name}.png"
    if os.environ.get(UPDATE) == "1":
        FOLDER.mkdir(exist_ok=True)
        PIL.Image.fromarray(drawn).save(golden, optimize=True)
        return
    problem = _difference(_pixels(golden), drawn) if golden.exists() else "there is no golden image"
    if problem:
        PIL.Image.fromarray(drawn).save(folder / f"{name}.png")
        pytest.fail(
            f"{name}: {problem}. Look at {folder / f'{name}.png'} beside {golden}; to accept the new picture, run\n"
            f'{UPDATE}=1 python -m pytest "{os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]}"',
            pytrace=False,
        )


def _difference(golden: np.ndarray, drawn: np.ndarray) -> str:
    """Describe how two pictures differ; empty if they are the same within the tolerance."""
    if golden.shape != drawn.shape:
        return f"the picture has the shape {drawn.shape}, the golden image {golden.shape}"
    difference = np.abs(golden.astype(int) - drawn.astype(int))
    mean = difference.mean()
    share = (difference.reshape(*difference.shape[:2], -1).max(axis=2) > LARGE_DIFFERENCE).mean()
    if mean <= MAX_MEAN_DIFFERENCE and share <= MAX_LARGE_SHARE:
        return ""
    return f"the mean difference is {mean:.2f} levels, and {share:.2%} of the pixels differ by more than 32"


def _pixels(picture: np.ndarray | bytes | Path) -> np.ndarray:
    """Return the pixels `(H, W)` of a gray picture or `(H, W, 3)` of a picture in color."""
    if isinstance(picture, np.ndarray):
        return picture
    import io

    with PIL.Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as opened:
        return np.asarray(opened if opened.mode == "L" else opened.convert("RGB"))
