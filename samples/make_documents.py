"""Make the README's pictures again, by running its own commands: `python samples/make_readme.py`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "samples" / "readme"


def commands(readme: str) -> list[str]:
    """The lines of the README's shell blocks that run cnnfx, as they stand."""
    blocks = re.findall(r"^```sh\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(r"(cat \S+ \| )?cnnfx ", line)]


def pictures(readme: str) -> list[str]:
    """The names of the pictures that the README shows."""
    return re.findall(r"\]\(samples/readme/([^)]+)\)", readme)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in a folder that has the samples, with this interpreter's cnnfx."""
    script = f'cnnfx() {{ "{sys.executable}" -m cnnfx "$@"; }}\nset -o pipefail\n{command}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def prepare(folder: Path) -> None:
    """Put what the README's commands read into a folder."""
    (folder / "samples").mkdir()
    for picture in (ROOT / "samples").glob("*.png"):
        shutil.copy(picture, folder / "samples")


def main() -> None:
    """Run all commands in a new folder, and keep the pictures that the README shows."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for command in commands(readme):
            result = run(command, Path(name))
            if result.returncode:
                sys.exit(f"{command}\n{result.stderr}")
        for picture in pictures(readme):
            shutil.copy(Path(name) / picture, PICTURES / picture)
            print(PICTURES / picture)


if __name__ == "__main__":
    main()
