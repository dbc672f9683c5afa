"""Tests of synthetic scenes of colored shapes."""

from __future__ import annotations

import numpy as np
import pytest

import cnnfx
from cnnfx.datasets import draw_shapes
from cnnfx.datasets.synthetic import BLOCK_IMAGES
from cnnfx.datasets.synthetic_shapes import AXES, SHAPES, draw_dataset
from cnnfx.errors import ArgumentError
from cnnfx.system.threads import set_threads

COUNT = 800
LABELS = np.arange(COUNT) % len(SHAPES)
CIRCLE = list(SHAPES).index("circle")


@pytest.fixture(scope="module")
def scenes():
    return draw_shapes(LABELS, seed=3)


@pytest.fixture
def plain(monkeypatch):
    """Scenes of a shape on a background of one color."""
    for name in ("GRADIENT_STD", "TEXTURE_STD", "NOISE_STD", "STROKES"):
        monkeypatch.setattr(f"cnnfx.datasets.synthetic_shapes.{name}", 0)


def contrasts(images):
    """Return the standard deviations in each image of the mean of the colors, and of the rest, in 0..255."""
    gray = images.mean(axis=1)
    color = images - gray[:, np.newaxis]
    return gray.std(axis=(1, 2)), color.std(axis=(2, 3)).max(axis=1)


def test_scenes_are_32_by_32_pixels_in_three_colors(scenes):
    assert scenes.shape == (COUNT, 3, 32, 32)
    assert scenes.dtype == np.uint8


def test_the_same_seed_gives_the_same_scenes_for_any_number_of_threads(scenes):
    for threads in (1, 3):
        set_threads(threads)
        assert np.array_equal(draw_shapes(LABELS, seed=3), scenes)
    set_threads(None)


def test_another_seed_gives_other_scenes(scenes):
    assert not np.array_equal(draw_shapes(LABELS, seed=4), scenes)


def test_complete_blocks_do_not_depend_on_further_labels(scenes):
    assert np.array_equal(draw_shapes(LABELS[: 2 * BLOCK_IMAGES], seed=3), scenes[: 2 * BLOCK_IMAGES])


def test_a_dataset_has_equally_many_of_each_shape_and_no_duplicates():
    data = draw_dataset(5, train=320, test=80)
    assert (data.name, data.classes) == ("shapes", tuple(SHAPES))
    assert data.classes == ("circle", "crescent", "cross", "heart", "ring", "square", "star", "triangle")
    assert np.bincount(data.train_labels).tolist() == [40] * 8
    assert np.bincount(data.test_labels).tolist() == [10] * 8
    assert data.train_labels[:16].tolist() != [*range(8)] * 2
    images = np.concatenate([data.train_images, data.test_images]).reshape(400, -1)
    assert len(np.unique(images, axis=0)) == 400


def test_half_of_the_shapes_differ_in_color_only_and_half_in_gray_only(plain):
    gray, color = contrasts(draw_shapes(LABELS, seed=1))
    is_isoluminant = gray < 1  # less than the rounding of pixels to whole numbers
    assert 0.45 < is_isoluminant.mean() < 0.55
    assert color[is_isoluminant].min() > 4
    assert gray[~is_isoluminant].min() > 4


def test_both_kinds_occur_in_every_class(plain):
    gray, _ = contrasts(draw_shapes(LABELS, seed=1))
    shares = [(gray[label == LABELS] < 1).mean() for label in range(len(SHAPES))]
    assert min(shares) > 0.3
    assert max(shares) < 0.7


def test_isoluminant_shapes_occur_in_all_directions_of_color(plain):
    images = draw_shapes(np.full(COUNT, CIRCLE), seed=2).astype(float)
    is_isoluminant = contrasts(images)[0] < 1
    middle = images[:, :, 12:20, 12:20].mean(axis=(2, 3))  # within nearly all shapes
    gray, red_green, blue_yellow = AXES @ (middle - images[:, :, 0, 0])[is_isoluminant].T
    assert np.abs(gray).max() < 1.5  # less than the rounding of pixels to whole numbers
    assert (np.bincount(2 * (red_green > 0) + (blue_yellow > 0)) / len(gray)).min() > 0.15


def test_backgrounds_have_texture_and_noise(scenes):
    corner = scenes[:, :, :4, :4].astype(float)
    assert np.median(corner.std(axis=(2, 3))) > 3
    assert np.median(np.abs(np.diff(corner, axis=3)).mean(axis=(1, 2, 3))) > 2


def test_a_shape_covers_a_fifth_of_its_scene_on_average_and_rarely_touches_the_border(plain):
    images = draw_shapes(LABELS, seed=1).astype(float)
    differs = np.abs(images - images[:, :, :1, :1]).max(axis=1) > 10
    assert 0.12 < differs.mean() < 0.25
    within = differs[:, 1:-1, 1:-1].sum(axis=(1, 2)) == differs.sum(axis=(1, 2))
    assert within.mean() > 0.85


def test_edges_are_smooth(plain):
    """A circle has pixels that it covers in part."""
    images = draw_shapes(np.full(50, CIRCLE), seed=1)[:, 0]
    levels = [len(np.unique(image)) for image in images]
    assert np.median(levels) > 8


def test_a_mask_is_as_large_as_its_shape():
    distances = {name: shape(*np.meshgrid(*2 * [np.linspace(-1.2, 1.2, 481)])) for name, shape in SHAPES.items()}
    areas = {name: (distance < 0).sum() * 0.005**2 for name, distance in distances.items()}
    assert areas["circle"] == pytest.approx(np.pi * 0.85**2, rel=0.01)
    assert areas["ring"] == pytest.approx(np.pi * (0.92**2 - 0.48**2), rel=0.01)
    assert areas["square"] == pytest.approx(1.5**2, rel=0.02)
    assert areas["triangle"] == pytest.approx(0.75 * 3**0.5, rel=0.01)
    assert areas["heart"] == pytest.approx(1 + np.pi / 4, rel=0.02)
    assert areas["cross"] == pytest.approx(2 * 1.9 * 0.56 - 0.56**2, rel=0.02)
    assert areas["star"] == pytest.approx(5 * 0.42 * np.sin(np.pi / 5), rel=0.01)
    assert 0.6 < areas["crescent"] < 1.6


def test_a_network_learns_the_shapes():
    result = cnnfx.train("shapes:2000", arch="color", epochs=3, batch_size=50)
    assert result.accuracy is not None
    assert result.accuracy > 0.2  # 0.125 by chance


def test_progress_is_reported_up_to_the_last_scene():
    reports = []
    draw_shapes(LABELS[:250], progress=lambda *report: reports.append(report))
    assert max(reports) == ("shapes", 250, 250)


def test_no_labels_give_an_empty_array():
    assert draw_shapes([]).shape == (0, 3, 32, 32)


@pytest.mark.parametrize("labels", [[8], [-1], [0.5], [[1, 2]], 3, ["circle"]])
def test_labels_that_are_no_classes_are_refused(labels):
    with pytest.raises(ArgumentError, match=r"^labels must be whole numbers of 0 to 7 on one axis\.$"):
        draw_shapes(labels)
