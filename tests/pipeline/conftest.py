"""Every test of many images works in a folder of its own, with nine photos and a place for what is made of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.commands import SEVEN


@pytest.fixture(autouse=True)
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number in range(9):
        shutil.copy(SEVEN, f"photos/{number}.png")
    Path("out").mkdir()
