"""`--open`: show a file that was written in the viewer of the system; a page in the browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cnnfx.cli.console import print_error
from cnnfx.errors import UsageError
from cnnfx.pipeline.targets import ARRAY_FORMATS, Target


def check_can_be_opened(target: Target | None) -> None:
    """Check that a target is a file or folder that a viewer shows.

    Raises
    ------
    UsageError
        If it is standard output, an array, or no file is written.
    """
    if target is None or target.path is None:
        raise UsageError("--open shows a file. Give one with -o FILE.")
    if target.format in ARRAY_FORMATS and not target.folder:
        raise UsageError(f"--open shows pictures and pages; {target.name} is an array. Leave --open out.")


def open_file(path: str | Path) -> None:
    """Show a file or folder in the viewer of the system, without waiting for it; print why if that is not possible."""
    full = os.path.abspath(path)  # a name that begins with "-" is no option then
    reason = _reason_not_to_open()
    if not reason:
        try:
            reason = _start_viewer(full)
        except OSError as error:
            reason = f"the viewer cannot be started: {error.strerror}"
    if reason:
        print_error(f"{path} is not opened: {reason}.")


def _reason_not_to_open() -> str:
    """Return why no viewer should be started; "" if one can."""
    if os.environ.get("CI") or not (sys.stdout.isatty() or sys.stderr.isatty()):
        return "there is no terminal, so nobody may be watching"
    on_unix = sys.platform not in ("darwin", "win32")
    if on_unix and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return ""


def _start_viewer(path: str) -> str:
    """Start the viewer; return "", or why there is none."""
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606 # a file that this program wrote
        return ""
    from shutil import which
    from subprocess import DEVNULL, Popen

    name = "open" if sys.platform == "darwin" else "xdg-open"
    program = which(name)
    if program is None:
        return f"there is no viewer; {name} is not installed"
    command = [program, path]
    Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)  # noqa: S603 # no shell
    return ""
