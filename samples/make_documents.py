"""Make the pictures of README.md and docs/ by running their commands: `python samples/make_documents.py`."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "samples" / "readme"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


class Block(NamedTuple):
    """A fenced block of a document.

    Attributes
    ----------
    language : str
        What follows the opening fence. `sh` blocks are run in order; `console` blocks are not, since they need MNIST or
        install something.
    text : str
    line : int
        The line of the opening fence, counted from 1.
    marked : bool
        Whether the line above it is a mark that `.ci/run` looks for. Such a block is run there.
    """

    language: str
    text: str
    line: int
    marked: bool


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document in order."""
    text = document.read_text(encoding="utf-8")
    found = re.finditer(r"^(<!-- [\w-]+ -->\n)?```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [Block(match[2], match[3], text.count("\n", 0, match.start(2)) + 1, bool(match[1])) for match in found]


def pictures(document: Path) -> list[str]:
    """Return the names of the shown pictures that the document's own commands make in `out/`."""
    return re.findall(r"\]\((?:\.\./)?samples/readme/([^)]+)\)", document.read_text(encoding="utf-8"))


def prepare(folder: Path) -> None:
    """Copy the sample images that the commands read into a folder."""
    (folder / "samples").mkdir()
    for picture in (*(ROOT / "samples").glob("*.png"), *(ROOT / "samples").glob("*.jpg")):
        shutil.copy(picture, folder / "samples")


def write_named(block: Block, folder: Path) -> None:
    """Write a TOML block whose first line is `# NAME.toml` to that file."""
    named = re.match(r"# ([\w-]+\.toml)\n", block.text)
    if named:
        (folder / named[1]).write_text(block.text, encoding="utf-8")


def run(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run shell commands in a folder, with `cnnfx` from this checkout and this interpreter; stop at the first error."""
    script = f'cnnfx() {{ "{sys.executable}" -m cnnfx "$@"; }}\nset -e -o pipefail\n{commands}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def run_blocks(document: Path, folder: Path) -> Iterator[tuple[Block, subprocess.CompletedProcess[str]]]:
    """Write a document's named files and run its blocks, in order; yield each `sh` block that ran and its result."""
    names: dict[str, object] = {"__name__": "__document__"}
    for block in blocks(document):
        if block.language == "toml":
            write_named(block, folder)
        elif block.language == "python":
            with contextlib.chdir(folder):
                exec(compile(block.text, f"{document.name}, line {block.line}", "exec"), names)
        elif block.language == "sh" and not block.marked:
            yield block, run(block.text, folder)


def main() -> None:
    """Run the commands of every document in a new folder, and keep the pictures that it shows."""
    PICTURES.mkdir(exist_ok=True)
    for document in DOCUMENTS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            prepare(folder)
            for block, result in run_blocks(document, folder):
                if result.returncode:
                    sys.exit(f"{document}, line {block.line}:\n{result.stderr}")
            for picture in pictures(document):
                shutil.copy(folder / "out" / picture, PICTURES / picture)
                print(PICTURES / picture)


if __name__ == "__main__":
    main()
