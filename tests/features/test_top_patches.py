"""The largest activations against sorting those of all images, and images that are skipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.features import ImageArray, ImageFiles
from cnnfx.features import images as image_sources
from cnnfx.features.top_patches import find_top_activations
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.receptive_field import Box
from cnnfx.system.threads import set_threads
from tests.features.networks import layer, network, random_layer, with_head

RANDOM = np.random.default_rng(5)
NET = network(random_layer(RANDOM, (4, 1, 3, 3), activation="relu", pool="max:2"), random_layer(RANDOM, (5, 4, 2, 2)))


def brute_force(net, images, count):
    """The `count` largest activations of each channel, one for each image: (activation, image, row, column)."""
    floats = images.astype("f4") / np.float32(255)
    maps = net.scores(floats)[:, :, None, None] if net.head else net.feature_maps(floats)[-1]
    found = []
    for channel in range(maps.shape[1]):
        best = [
            (np.max(one), n, *np.unravel_index(np.argmax(one), one.shape)) for n, one in enumerate(maps[:, channel])
        ]
        best = [one for one in best if one[0] > 0 or net.head]
        found.append(sorted(best, key=lambda one: (-one[0], one[1]))[:count])
    return found


def random_images(count=70, size=12):
    return np.random.default_rng(6).integers(0, 256, (count, 1, size, size)).astype(np.uint8)


def check(found, expected):
    assert [[tuple(top)[1:] for top in one] for one in found] == [
        [one[1:] for one in of_channel] for of_channel in expected
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose([p.activation for p in one], [p[0] for p in other], rtol=1e-5)


@pytest.mark.parametrize("net", [NET, with_head(RANDOM, NET, (1, 12, 12))], ids=["filters", "classes"])
@pytest.mark.parametrize("batch", [1, 16, 70])
def test_the_largest_activations_equal_those_of_brute_force(net, batch, monkeypatch):
    monkeypatch.setattr(image_sources, "SHARD_IMAGES", batch)
    check(find_top_activations(net, ImageArray("images", random_images()), 9), brute_force(net, random_images(), 9))


def test_of_equal_activations_that_of_the_earlier_image_comes_first():
    images = np.repeat(random_images(1), 50, axis=0)
    found = find_top_activations(network(layer([[[[1]]]])), ImageArray("images", images), 9)
    assert [top.image for top in found[0]] == list(range(9))


def test_images_without_a_positive_activation_are_left_out():
    images = np.zeros((20, 1, 4, 4), np.uint8)
    images[[3, 11]] = 255
    found = find_top_activations(network(layer([[[[1]]], [[[-1]]]], "relu")), ImageArray("images", images), 9)
    assert [[top.image for top in of_channel] for of_channel in found] == [[3, 11], []]


def test_the_result_does_not_depend_on_the_number_of_threads():
    results = []
    for count in (1, 3):
        set_threads(count)
        results.append(find_top_activations(NET, ImageArray("images", random_images(200)), 9))
    set_threads(None)
    assert results[0] == results[1]


def test_images_from_files_give_the_same_as_an_array(tmp_path):
    images = random_images(20)
    paths = [tmp_path / f"{n}.png" for n in range(20)]
    source = ImageFiles("files", paths, lambda path: Image(str(path), images[int(path.stem)], ("gray",)))
    check(find_top_activations(NET, source, 9), brute_force(NET, images, 9))
    assert source.label(3) == str(paths[3])


def test_a_file_that_is_too_small_is_skipped_with_a_note(tmp_path):
    images = [np.full((1, size, size), 255, np.uint8) for size in (2, 6, 7)]
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    source = ImageFiles("files", paths, lambda path: Image(path.name, images[int(path.stem)], ("gray",)))
    found = find_top_activations(network(layer(np.ones((1, 1, 5, 5)))), source, 9)
    assert [top.image for top in found[0]] == [1, 2]
    assert source.notes == ["skipped: 0.png: 2×2 pixels are smaller than the receptive field of layer 1 of tiny, 5×5."]


def test_images_that_are_all_too_small_are_an_error():
    with pytest.raises(ArgumentError) as caught:
        find_top_activations(NET, ImageArray("dots", random_images(size=4)), 9)
    assert str(caught.value) == "dots: 4×4 pixels are smaller than the receptive field of layer 2 of tiny, 6×6."


def test_images_of_another_size_than_the_head_takes_are_an_error():
    net = with_head(np.random.default_rng(0), NET, (1, 12, 12))
    with pytest.raises(ArgumentError) as caught:
        find_top_activations(net, ImageArray("large", random_images(size=20)), 9)
    assert str(caught.value) == (
        "large: the classifier reads 5 maps of 4×4, not 5 maps of 8×8: "
        "the image must have the size of the training images."
    )


@pytest.mark.parametrize(("limit", "read"), [(1000, ["a", "b"]), (150, ["a", "b", "a"])])
def test_files_are_read_again_only_if_they_do_not_fit_the_cache(tmp_path, monkeypatch, limit, read):
    names = []

    def load(path):
        names.append(path.name)
        return Image(path.name, np.zeros((1, 10, 10), np.uint8), ("gray",))

    monkeypatch.setattr(image_sources, "CACHED_BYTES", limit)
    source = ImageFiles("files", [tmp_path / "a", tmp_path / "b"], load)
    for number in (0, 0, 1, 0):
        assert source.crop(number, Box(0, 0, 2, 3)).shape == (1, 2, 3)
    assert names == read


def bands_of_100_rows(maps):
    return ((first, maps.rows(first, first + 100)) for first in range(0, maps.shape[1], 100))


def test_peaks_of_a_high_image_are_those_of_all_bands():
    pixels = np.zeros((1, 900, 3), np.uint8)
    pixels[0, [10, 600], 1] = 9  # equal: the first counts
    pixels[0, 700, 2] = 200
    images = {"equal.png": pixels.clip(0, 9), "high.png": pixels}
    source = ImageFiles("files", [*map(Path, images)], lambda path: Image(path.name, images[path.name], ("gray",)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureMaps, "bands", bands_of_100_rows)
        (found,) = find_top_activations(network(layer([[[[255.0]]]])), source, 9)
    assert found == [
        (pytest.approx(200), 1, 700, 2),
        (pytest.approx(9), 0, 10, 1),
    ]


def test_values_that_are_not_finite_are_no_activations():
    pixels = np.array([[[0.5, np.nan, 0.75, np.inf]]], np.float32)
    source = ImageFiles("files", [Path("a.npy")], lambda path: Image("a.npy", pixels, ("gray",)))
    (found,) = find_top_activations(network(layer([[[[1.0]]]])), source, 9)
    assert found == [(0.75, 0, 0, 2)]


def test_images_of_other_sizes_are_skipped_where_a_layer_reads_whole_images():
    images = [np.full((1, *size), 255, np.uint8) for size in ((4, 5), (5, 4), (4, 5))]
    paths = [Path(f"{n}.png") for n in range(3)]
    source = ImageFiles("files", paths, lambda path: Image(path.name, images[int(path.stem)], ("gray",)))
    net = network(replace(layer([[[[1.0]]]], pool="mean:all"), name="mean"))
    (found,) = find_top_activations(net, source, 9)
    assert [top.image for top in found] == [0, 2]
    assert source.notes == [
        "skipped: 1.png: it has 4×5 pixels, other images 5×4; layer mean of tiny reads whole images, which must be of "
        "one size."
    ]


def test_scores_of_a_network_without_a_head_are_searched():
    classes = ("dark", "light")
    net = network(layer([[[[-1.0]]], [[[1.0]]]]), layer(np.eye(2)[:, :, None, None], pool="mean:all"), classes=classes)
    images = np.array([0, 255, 51], np.uint8)[:, None, None, None] * np.ones((1, 1, 3, 3), np.uint8)
    dark, light = find_top_activations(net, ImageArray("images", images), 2)
    assert [(top.activation, top.image) for top in dark] == [(0, 0), (pytest.approx(-0.2), 2)]
    assert [(top.activation, top.image) for top in light] == [(1, 1), (pytest.approx(0.2), 2)]


def test_rounding_errors_on_flat_images_are_no_activations():
    weights = np.random.default_rng(1).normal(size=(1, 1, 3, 3))
    weights -= weights.mean()
    flat = np.full((5, 1, 8, 8), 77, np.uint8)
    source = ImageArray("flat", flat)
    net = network(layer(np.concatenate([weights, -weights])))
    assert net.feature_maps(flat.astype("f4") / np.float32(255))[-1].max() > 0
    assert find_top_activations(net, source, 3) == [[], []]
    flat[2, 0, 3, 4:] = 90
    assert {top.image for found in find_top_activations(net, source, 3) for top in found} == {2}
