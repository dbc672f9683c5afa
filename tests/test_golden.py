"""The comparison with golden images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests import golden
from tests.golden import assert_golden

PICTURE = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)


@pytest.fixture(autouse=True)
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with a golden image in a folder of its own."""
    monkeypatch.delenv(golden.UPDATE, raising=False)
    monkeypatch.setattr(golden, "FOLDER", tmp_path / "golden")
    (tmp_path / "golden").mkdir()
    PIL.Image.fromarray(PICTURE).save(tmp_path / "golden" / "one.png")


def test_a_picture_with_small_differences_passes(tmp_path: Path) -> None:
    changed = PICTURE.copy()
    changed[:4, :5] ^= 1
    changed[0, :20] ^= 128
    assert_golden("one", changed, tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (np.bitwise_xor(PICTURE, 3), "^one: the mean difference is 2.00 levels, and 0.00% of the pixels"),
        (np.where(PICTURE < 2, 255, PICTURE).astype(np.uint8), r"and 0\.78% of the pixels differ by more than 32\."),
        (PICTURE[1:], r"^one: the picture has the shape \(63, 64\), the golden image \(64, 64\)\."),
        (np.dstack([PICTURE] * 3), r"^one: the picture has the shape \(64, 64, 3\), the golden image \(64, 64\)\."),
    ],
)
def test_a_picture_that_differs_fails_and_is_kept(changed: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=message) as failure:
        assert_golden("one", changed, tmp_path)
    assert "CNNFX_UPDATE_GOLDEN=1 python -m pytest" in str(failure.value)
    with PIL.Image.open(tmp_path / "one.png") as kept:
        np.testing.assert_array_equal(np.asarray(kept), changed)


def test_a_picture_without_a_golden_image_fails(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^two: there is no golden image\."):
        assert_golden("two", PICTURE, tmp_path)


def test_updating_writes_the_golden_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(golden.UPDATE, "1")
    assert_golden("two", PICTURE, tmp_path)
    monkeypatch.delenv(golden.UPDATE)
    assert_golden("two", PICTURE, tmp_path)


def test_a_picture_can_be_a_file_or_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "golden" / "one.png"
    assert_golden("one", path, tmp_path)
    assert_golden("one", path.read_bytes(), tmp_path)
