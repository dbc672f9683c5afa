"""The user's folders, and paths that begin with `~`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from cnnfx.system.folders import cache_folder, config_folder, expand_user

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses the folders of Linux")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")


def test_a_tilde_is_the_folder_of_a_user_who_exists() -> None:
    assert expand_user("~/photos") == Path("/home/ada/photos")
    assert expand_user("a~b") == Path("a~b")


def test_a_tilde_before_a_name_that_is_no_user_stays() -> None:
    assert expand_user("~no-such-user/x") == Path("~no-such-user/x")


def test_variables_choose_the_folders_and_relative_ones_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (config_folder(), cache_folder()) == (Path("/home/ada/.config/cnnfx"), Path("/home/ada/.cache/cnnfx"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "b")
    assert (config_folder(), cache_folder()) == (Path("/a/cnnfx"), Path("/home/ada/.cache/cnnfx"))


def test_a_user_without_a_home_gets_no_folder_called_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert cache_folder() == Path(tempfile.gettempdir()) / ".cache" / "cnnfx"
