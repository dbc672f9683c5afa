"""The top patches: against sorting the activations of all images."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import set_threads
from cnnfx.errors import ArgumentError
from cnnfx.features import ImageArray, ImageFiles
from cnnfx.features import images as galleries
from cnnfx.features.top_patches import find_top
from cnnfx.images import Image
from cnnfx.nn.receptive_field import Box
from tests.features.networks import layer, network, random_layer, with_head

RANDOM = np.random.default_rng(5)
NET = network(random_layer(RANDOM, (4, 1, 3, 3), activation="relu", pool="max:2"), random_layer(RANDOM, (5, 4, 2, 2)))


def brute_force(net, images, count):
    """Each channel's places: the largest activation of each image, all images sorted."""
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


def some_images(count=70, size=12):
    return np.random.default_rng(6).integers(0, 256, (count, 1, size, size)).astype(np.uint8)


def check(found, expected):
    assert [[tuple(place)[1:] for place in one] for one in found] == [[one[1:] for one in some] for some in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose([p.activation for p in one], [p[0] for p in other], rtol=1e-5)


@pytest.mark.parametrize("net", [NET, with_head(RANDOM, NET, (1, 12, 12))], ids=["filters", "classes"])
@pytest.mark.parametrize("some", [7, 2048])
def test_the_places_are_those_of_brute_force(net, some, monkeypatch):
    monkeypatch.setattr(galleries, "SOME", some)
    check(find_top(net, ImageArray("images", some_images()), 9), brute_force(net, some_images(), 9))


def test_of_equal_activations_the_earlier_image_comes_first():
    images = np.repeat(some_images(1), 50, axis=0)
    found = find_top(network(layer([[[[1]]]])), ImageArray("images", images), 9)
    assert [place.image for place in found[0]] == list(range(9))


def test_images_that_do_not_excite_a_channel_are_left_out():
    images = np.zeros((20, 1, 4, 4), np.uint8)
    images[[3, 11]] = 255
    found = find_top(network(layer([[[[1]]], [[[-1]]]], "relu")), ImageArray("images", images), 9)
    assert [[place.image for place in some] for some in found] == [[3, 11], []]


def test_any_number_of_threads_finds_the_same():
    results = []
    for count in (1, 3):
        set_threads(count)
        results.append(find_top(NET, ImageArray("images", some_images(200)), 9))
    set_threads(None)
    assert results[0] == results[1]


def test_files_of_any_size_are_found_as_arrays_are(tmp_path):
    images = some_images(20)
    paths = [tmp_path / f"{n}.png" for n in range(20)]
    gallery = ImageFiles("files", paths, lambda path: Image(str(path), images[int(path.stem)], ("gray",)))
    check(find_top(NET, gallery, 9), brute_force(NET, images, 9))
    assert gallery.label(3) == str(paths[3])


def test_a_file_that_is_too_small_is_passed_over_and_noted(tmp_path):
    images = [np.full((1, size, size), 255, np.uint8) for size in (2, 6, 7)]
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    gallery = ImageFiles("files", paths, lambda path: Image(path.name, images[int(path.stem)], ("gray",)))
    found = find_top(network(layer(np.ones((1, 1, 5, 5)))), gallery, 9)
    assert [place.image for place in found[0]] == [1, 2]
    assert gallery.notes == [
        "passed over: 0.png: its 2×2 pixels are fewer than the 5×5 that a filter of layer 1 of tiny sees."
    ]


def test_images_that_are_all_too_small_are_refused():
    with pytest.raises(ArgumentError) as caught:
        find_top(NET, ImageArray("dots", some_images(size=4)), 9)
    assert str(caught.value) == "dots: its 4×4 pixels are fewer than the 6×6 that a filter of layer 2 of tiny sees."


def test_images_of_another_size_than_the_head_wants_are_refused():
    net = with_head(np.random.default_rng(0), NET, (1, 12, 12))
    with pytest.raises(ArgumentError) as caught:
        find_top(net, ImageArray("large", some_images(size=20)), 9)
    assert str(caught.value) == (
        "large: the classifier reads feature maps of 5×4×4 (channels, rows, columns), not 5×8×8: "
        "the image must have the size of the training images."
    )


@pytest.mark.parametrize(("limit", "read"), [(1000, ["a", "b"]), (150, ["a", "b", "a"])])
def test_files_are_read_again_only_where_they_are_too_large_to_keep(tmp_path, monkeypatch, limit, read):
    names = []

    def load(path):
        names.append(path.name)
        return Image(path.name, np.zeros((1, 10, 10), np.uint8), ("gray",))

    monkeypatch.setattr(galleries, "KEPT_BYTES", limit)
    gallery = ImageFiles("files", [tmp_path / "a", tmp_path / "b"], load)
    for number in (0, 0, 1, 0):
        assert gallery.part(number, Box(0, 0, 2, 3)).shape == (1, 2, 3)
    assert names == read
