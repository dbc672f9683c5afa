"""Make the pictures of a network trained on MNIST: `CNNFX_DATA=FOLDER python samples/make_learned.py`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from make_documents import ROOT, prepare, run

PICTURES = ROOT / "samples" / "learned"
COMMANDS = (
    "cnnfx train --data mnist --epochs 3 --filmstrip filters.gif --curve curve.png",
    "cnnfx show-filters model.npz --layer 1 --compare -o pairs.png",
    "cnnfx evaluate model.npz -o confusion.png",
    "cnnfx apply samples/seven.png --filters model.npz --layer 1 --with-filters -o maps.png",
    "cnnfx show-patterns model.npz --data mnist --layer 2 --only 2,3,6,7,12,16 --columns 2 -o patterns.png",
    "cnnfx show-patterns model.npz --data mnist --layer classes -o classes.png",
)


def main() -> None:
    """Train on MNIST and keep the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for command in COMMANDS:
            result = run(command, folder)
            if result.returncode:
                sys.exit(f"{command}\n{result.stderr}")
        PICTURES.mkdir(exist_ok=True)
        for picture in (*folder.glob("*.png"), *folder.glob("*.gif")):
            shutil.copy(picture, PICTURES)


if __name__ == "__main__":
    main()
