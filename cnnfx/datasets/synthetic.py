"""What data sets that are drawn have in common: labels in random order, and images that are drawn in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
from cnnfx.errors import ArgumentError
from cnnfx.system.threads import run_in_threads

Floats = NDArray[np.float32]

BLOCK_IMAGES = 100
"""Images of a block, which is drawn at a time with its own random number generator."""


def drawn_dataset(
    name: str, classes: Sequence[str], draw: Callable[..., Images], seed: int, counts: tuple[int, int],
    progress: Progress | None,
) -> Dataset:  # fmt: skip
    """Return a data set of drawn images, equally many of each class, in random order.

    Parameters
    ----------
    name : str
    classes : sequence of str
    draw : callable
        Draws images of labels with a seed, such as `cnnfx.datasets.draw_digits`.
    seed : int
    counts : (int, int)
        The numbers of training and test images.
    progress : callable, optional
        An argument of `draw`.
    """

    def part(number: int, count: int) -> tuple[Images, Labels]:
        entropy = (seed, number)
        labels: Labels = np.random.default_rng(entropy).permutation(np.arange(count, dtype=np.int64) % len(classes))
        return draw(labels, entropy, progress=progress), labels

    return Dataset(name, *part(0, counts[0]), *part(1, counts[1]), tuple(classes))


def draw_in_blocks(
    draw_block: Callable[[Labels, np.random.Generator], Images],
    labels: ArrayLike,
    classes: int,
    shape: tuple[int, int, int],
    seed: int | Sequence[int],
    *,
    name: str,
    progress: Progress | None,
) -> Images:
    """Draw the images of labels in blocks of `BLOCK_IMAGES`, in several threads.

    Parameters
    ----------
    draw_block : callable
        Draws images (n, C, H, W) of labels (n,) with a random number generator.
    labels : array (N,) of int
        0 to `classes` − 1.
    classes : int
    shape : (int, int, int)
        C, H and W.
    seed : int or sequence of int
        With the position of a block, the seed of its random numbers; so the result does not depend on the threads.
    name : str
        What is drawn, for `progress`.
    progress : callable, optional

    Returns
    -------
    array (N, C, H, W), uint8

    Raises
    ------
    ArgumentError
        If the labels are not integers of the range on one axis.
    """
    checked = _check_labels(labels, classes)
    entropy = [seed] if isinstance(seed, int) else [*seed]
    images = np.empty((len(checked), *shape), np.uint8)
    done = 0

    def draw(block: slice) -> None:
        nonlocal done
        images[block] = draw_block(checked[block], np.random.default_rng([*entropy, block.start]))
        done += BLOCK_IMAGES
        if progress:
            progress(name, min(done, len(checked)), len(checked))

    run_in_threads(draw, [slice(start, start + BLOCK_IMAGES) for start in range(0, len(checked), BLOCK_IMAGES)])
    return images


def normal(rng: np.random.Generator, *shape: int, std: float = 1.0) -> Floats:
    """Return normally distributed random numbers of a shape."""
    return rng.standard_normal(shape, np.float32) * np.float32(std)


def _check_labels(labels: ArrayLike, classes: int) -> Labels:
    array = np.asarray(labels)
    is_whole = array.dtype.kind in "iu" or not array.size
    if array.ndim != 1 or not is_whole or (array.size and (array.min() < 0 or array.max() >= classes)):
        raise ArgumentError(f"labels must be whole numbers of 0 to {classes - 1} on one axis.")
    return array.astype(np.int64)
