"""Fixtures of many images: every test runs in its own folder with nine photos and a folder for outputs."""

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
