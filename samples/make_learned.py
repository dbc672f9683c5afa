"""Make the pictures of a network trained on MNIST: `CNNFX_DATA=FOLDER python samples/make_learned.py`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from make_documents import ROOT, prepare, run

from cnnfx import save_grid
from cnnfx.datasets import load_dataset
from cnnfx.render.filters import grid_of_pictures
from cnnfx.render.tiles import enlarge
from cnnfx.training.augmentation import augmentation_of, augmentation_settings

PICTURES = ROOT / "samples" / "learned"
COMMANDS = (
    "cnnfx train --data mnist --epochs 3 --filmstrip filters.gif --curve curve.png",
    "cnnfx show-filters model.npz --layer 1 --compare -o pairs.png",
    "cnnfx evaluate model.npz -o confusion.png",
    "cnnfx apply samples/seven.png --filters model.npz --layer 1 --with-filters -o maps.png",
    "cnnfx show-patterns model.npz --data mnist --layer 2 --only 2,3,6,7,12,16 --columns 2 -o patterns.png",
    "cnnfx show-patterns model.npz --data mnist --layer classes -o classes.png",
)
WARPED_DIGITS = (1, 5, 7, 4)
"""The training images whose warps are drawn."""
WARPS = 7
"""The number of warps of each."""


def draw_warps(path: Path) -> None:
    """Draw digits, each in a row that begins with the image itself, followed by warps of it."""
    images = load_dataset("mnist").train_images
    warp, generator = augmentation_of(**augmentation_settings("strong")), np.random.default_rng(1)
    pictures = []
    for digit in WARPED_DIGITS:
        warped = warp.apply(images, np.full(WARPS, digit), warp.sample(generator, WARPS))[0]
        pictures += [images[digit, 0], *np.rint(np.moveaxis(warped, -1, 0)).astype(np.uint8)]
    save_grid(path, grid_of_pictures([enlarge(picture, 2) for picture in pictures], 1 + WARPS, 4))


def main() -> None:
    """Train on MNIST and keep the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for command in COMMANDS:
            result = run(command, folder)
            if result.returncode:
                sys.exit(f"{command}\n{result.stderr}")
        draw_warps(folder / "warps.png")
        PICTURES.mkdir(exist_ok=True)
        for picture in (*folder.glob("*.png"), *folder.glob("*.gif")):
            shutil.copy(picture, PICTURES)


if __name__ == "__main__":
    main()
