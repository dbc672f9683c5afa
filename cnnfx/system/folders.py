"""The user's folders for configuration and caches, as each platform has them."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def expand_user(path: str | os.PathLike[str]) -> Path:
    """Return a path whose `~` or `~NAME` is the folder of a user; it stays where there is no such user."""
    return Path(os.path.expanduser(path))


def config_folder() -> Path:
    """Return the folder of the user's configuration."""
    return _user_folder("APPDATA", "AppData/Roaming", "Library/Application Support", "XDG_CONFIG_HOME", ".config")


def cache_folder() -> Path:
    """Return the folder of the user's caches."""
    return _user_folder("LOCALAPPDATA", "AppData/Local", "Library/Caches", "XDG_CACHE_HOME", ".cache")


def _user_folder(windows_variable: str, windows: str, macos: str, variable: str, others: str) -> Path:
    """Return the folder `cnnfx` in one of the user's folders; each name is that of a variable or is relative to home.

    As the XDG Base Directory Specification says, variables with relative paths are ignored.
    """
    home = expand_user("~")
    if not home.is_absolute():  # neither $HOME nor an account
        import tempfile

        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        base = Path(os.environ.get(windows_variable) or home / windows)
    elif sys.platform == "darwin":
        base = home / macos
    else:
        given = Path(os.environ.get(variable) or ".")
        base = given if given.is_absolute() else home / others
    return base / "cnnfx"
