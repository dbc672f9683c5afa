"""Charts of training and evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.render.charts import (
    DOT_RADIUS,
    PLOT_HEIGHT,
    PLOT_LEFT,
    PLOT_WIDTH,
    Plot,
    Series,
    _square_colors,
    confusion_picture,
    draw_plots,
    mistakes_picture,
    moving_average,
    ticks,
)  # fmt: skip
from cnnfx.render.color import COLORMAPS
from cnnfx.render.contrast import contrast_ratio, is_dark
from tests.golden import assert_golden


def test_the_moving_average_has_no_more_values_after_than_before_at_the_start():
    np.testing.assert_allclose(moving_average(np.array([8.0, 2, 2, 4, 6]), 1), [8, 4, 8 / 3, 4, 5])
    np.testing.assert_allclose(moving_average(np.full(9, 3.0), 20), np.full(9, 3))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 4.1, [0, 1, 2, 3, 4]), (90, 100, [90, 92, 94, 96, 98, 100]), (0, 0.7, [0, 0.2, 0.4, 0.6]),
     (0, 938, [0, 200, 400, 600, 800]), (469, 938, [500, 600, 700, 800, 900])],
)  # fmt: skip
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high) == expected


def test_a_line_goes_through_its_points():
    x, y = np.array([0.0, 50, 100]), np.array([0.0, 1, 0])
    picture = draw_plots([Plot("", [Series("", x, y, (255, 0, 0))], 0, 1)], 0, 100)
    box = picture[picture.shape[0] - PLOT_HEIGHT - 26 :][:PLOT_HEIGHT, PLOT_LEFT : PLOT_LEFT + PLOT_WIDTH].astype(int)
    red = (box[..., 0] - box[..., 1]) > 120
    rows, columns = red.nonzero()
    peak = columns[rows == rows.min()].mean()
    assert peak == pytest.approx((PLOT_WIDTH - 1 - DOT_RADIUS) / 2, abs=3)
    assert columns.min() <= 2
    assert columns.max() == pytest.approx(PLOT_WIDTH - 1 - DOT_RADIUS, abs=2)


def test_values_outside_the_axes_are_not_drawn():
    line = Series("", np.array([0.0, 100]), np.array([-5.0, -5]), (255, 0, 0))
    picture = draw_plots([Plot("", [line], 0, 1)], 0, 100).astype(int)
    body = picture[30:, PLOT_LEFT : PLOT_LEFT + PLOT_WIDTH]
    assert not ((body[..., 0] - body[..., 1]) > 120).any()


def count_orange_and_blue_pixels(picture: np.ndarray) -> tuple[int, int]:
    red, _, blue = np.moveaxis(picture.astype(int), -1, 0)
    return int((red > blue + 60).sum()), int((blue > red + 60).sum())


def test_correct_predictions_are_blue_and_misclassifications_orange() -> None:
    orange, blue = count_orange_and_blue_pixels(confusion_picture(np.array([[90, 10], [0, 100]]), ["cat", "dog"]))
    assert 1000 < orange < blue


def test_without_misclassifications_no_pixel_is_orange() -> None:
    orange, blue = count_orange_and_blue_pixels(confusion_picture(np.array([[5, 0], [0, 5]]), ["cat", "dog"]))
    assert orange == 0
    assert blue > 1000


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_counts_have_a_contrast_of_at_least_four_and_a_half(colormap) -> None:
    for wrong in (1, 3, 9, 27, 60, 100):
        counts = np.array([[200 - wrong, wrong, 0], [100, 100, 0], [0, 0, 200]])
        colors = _square_colors(counts, colormap).reshape(-1, 3)
        for color in colors[counts.ravel() > 0]:
            assert contrast_ratio(255 if is_dark(color) else 0, color) >= 4.5


def test_a_sequential_color_map_shows_the_share_of_each_square() -> None:
    colors = _square_colors(np.array([[75, 25], [0, 100]]), "gray")
    assert colors[..., 0].tolist() == [[221, 128], [0, 255]]


def test_the_confusion_matrix_looks_as_reviewed(tmp_path) -> None:
    counts = np.array([[96, 3, 1], [0, 88, 12], [7, 0, 93]])
    picture = confusion_picture(counts, ["cat", "dog", "bird"], "model · accuracy 92.33 % (277 of 300 test images)")
    assert_golden("confusion", picture, tmp_path)


def test_squares_of_many_classes_are_small() -> None:
    picture = confusion_picture(np.eye(150, dtype=int), [f"class {k}" for k in range(150)])
    assert 1200 <= picture.shape[0] <= 1400


def test_a_class_without_images_is_drawn() -> None:
    assert confusion_picture(np.array([[3, 0], [0, 0]]), ["a", "a class with a very long name " * 9]).shape[2] == 3


def test_each_misclassified_image_is_drawn_enlarged() -> None:
    gray = mistakes_picture(np.full((3, 1, 28, 28), 100, np.uint8), ["a", "b", "c"])
    assert (gray == 100).sum() == 3 * 28 * 28 * 25
    assert mistakes_picture(np.zeros((2, 3, 40, 30), np.uint8), ["a", "b"]).shape[2] == 3
