"""Make the pictures of networks trained on MNIST and shapes: `CNNFX_DATA=FOLDER python samples/make_learned.py`.

`python samples/make_learned.py shapes` makes those of shapes alone, without MNIST.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from make_documents import ROOT, prepare, run
from PIL import Image

from cnnfx import save_grid
from cnnfx.datasets import draw_shapes, load_dataset
from cnnfx.datasets.synthetic_shapes import SHAPES
from cnnfx.render.filters import grid_of_pictures, hstack_pictures
from cnnfx.render.grid import Grid, Section
from cnnfx.render.tiles import enlarge, picture_tiles
from cnnfx.training.augmentation import augmentation_of, augmentation_settings

PICTURES = ROOT / "samples" / "learned"
MNIST_COMMANDS = (
    "cnnfx train --data mnist --epochs 3 --filmstrip filters.gif --curve curve.png",
    "cnnfx show-filters model.npz --layer 1 --compare -o pairs.png",
    "cnnfx evaluate model.npz -o confusion.png",
    "cnnfx apply samples/seven.png --filters model.npz --layer 1 --with-filters -o maps.png",
    "cnnfx show-patterns model.npz --data mnist --layer 2 --only 2,3,6,7,12,16 --columns 2 -o patterns.png",
    "cnnfx show-patterns model.npz --data mnist --layer classes -o classes.png",
)
SHAPES_COMMANDS = (
    "cnnfx train --data shapes --arch color.toml --epochs 6 -o color.npz",
    "cnnfx show-filters color.npz --layer 1 -o color-filters.png",
)
WARPED_DIGITS = (1, 5, 7, 4)
"""The training images whose warps are drawn."""
WARPS = 7
"""The number of warps of each."""
SCENES = 5
"""The number of scenes of each shape that are drawn."""


def draw_warps(path: Path) -> None:
    """Draw digits, each in a row that begins with the image itself, followed by warps of it."""
    images = load_dataset("mnist").train_images
    warp, generator = augmentation_of(**augmentation_settings("strong")), np.random.default_rng(1)
    pictures = []
    for digit in WARPED_DIGITS:
        warped = warp.apply(images, np.full(WARPS, digit), warp.sample(generator, WARPS))[0]
        pictures += [images[digit, 0], *np.rint(np.moveaxis(warped, -1, 0)).astype(np.uint8)]
    save_grid(path, grid_of_pictures([enlarge(picture, 2) for picture in pictures], 1 + WARPS, 4))


def draw_scenes(path: Path) -> None:
    """Draw scenes of shapes, a row for each class; at the right the mean of red, green and blue."""
    labels = np.repeat(np.arange(len(SHAPES)), SCENES)
    scenes = np.moveaxis(draw_shapes(labels, seed=3), 1, -1)
    gray = np.rint(scenes.mean(axis=-1, keepdims=True)).astype(np.uint8)
    both = np.concatenate([scenes, np.repeat(gray, 3, axis=-1)])
    rows = [hstack_pictures(list(row), 2) for row in both.reshape(-1, SCENES, *scenes.shape[1:])]
    names = [*SHAPES, *(f"{name}, gray" for name in SHAPES)]
    order = [index for label in range(len(SHAPES)) for index in (label, label + len(SHAPES))]
    tiles = picture_tiles([names[index] for index in order], [rows[index] for index in order])
    Image.fromarray(Grid([Section([tiles], columns=2, scale=2)]).pixels()).save(path, quality=85)


def main(data: Sequence[str]) -> None:
    """Train on MNIST and on shapes, or on one of them, and keep the pictures."""
    commands = {"mnist": MNIST_COMMANDS, "shapes": SHAPES_COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for command in (command for each in data for command in commands[each]):
            result = run(command, folder)
            if result.returncode:
                sys.exit(f"{command}\n{result.stderr}")
        if "mnist" in data:
            draw_warps(folder / "warps.png")
        if "shapes" in data:
            draw_scenes(folder / "shapes.jpg")
        PICTURES.mkdir(exist_ok=True)
        for picture in (*folder.glob("*.png"), *folder.glob("*.gif"), *folder.glob("*.jpg")):
            shutil.copy(picture, PICTURES)


if __name__ == "__main__":
    main(sys.argv[1:] or ("mnist", "shapes"))
