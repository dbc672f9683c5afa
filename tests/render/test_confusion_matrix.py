"""The pictures of what a network confuses."""

from __future__ import annotations

import numpy as np

from cnnfx.render.charts import confusion_picture, mistakes_picture


def reds_and_greens(picture: np.ndarray) -> tuple[int, int]:
    red, green, _ = np.moveaxis(picture.astype(int), -1, 0)
    return int((red > green + 60).sum()), int((green > red + 60).sum())


def test_right_ones_are_green_and_mistakes_red() -> None:
    red, green = reds_and_greens(confusion_picture(np.array([[90, 10], [0, 100]]), ["cat", "dog"]))
    assert 1000 < red < green


def test_without_mistakes_nothing_is_red() -> None:
    red, green = reds_and_greens(confusion_picture(np.array([[5, 0], [0, 5]]), ["cat", "dog"]))
    assert red == 0
    assert green > 1000


def test_many_classes_make_a_picture_without_numbers() -> None:
    picture = confusion_picture(np.eye(150, dtype=int), [f"class {k}" for k in range(150)])
    assert 1200 <= picture.shape[0] <= 1400


def test_an_empty_class_is_drawn() -> None:
    assert confusion_picture(np.array([[3, 0], [0, 0]]), ["a", "a class with a very long name " * 9]).shape[2] == 3


def test_mistakes_are_as_many_pictures_as_there_are_images() -> None:
    gray = mistakes_picture(np.full((3, 1, 28, 28), 100, np.uint8), ["a", "b", "c"])
    assert (gray == 100).sum() == 3 * 28 * 28 * 16
    assert mistakes_picture(np.zeros((2, 3, 40, 30), np.uint8), ["a", "b"]).shape[2] == 3
