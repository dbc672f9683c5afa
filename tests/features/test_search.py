"""The patterns of a layer: receptive fields, dead channels, classes, errors, memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.features import ImageArray, find_patterns
from cnnfx.nn.layers import Layer
from cnnfx.nn.pooling import Pool
from cnnfx.nn.receptive_field import Box
from tests.features.networks import layer, network, random_layer, with_head


def image_of_a_dot(row: int, column: int, size: int = 8):
    image = np.zeros((1, 1, size, size), np.uint8)
    image[0, 0, row, column] = 255
    return ImageArray("dots", image)


CENTER = np.zeros((1, 1, 3, 3))
CENTER[0, 0, 1, 1] = 1


def test_a_patch_is_the_receptive_field_of_the_peak():
    (pattern,) = find_patterns(network(layer(CENTER)), image_of_a_dot(3, 5)).patterns
    (patch,) = pattern.patches
    assert (patch.activation, patch.image, patch.row, patch.column, patch.box) == (1, 0, 2, 4, Box(2, 4, 5, 7))
    np.testing.assert_array_equal(patch.pixels, CENTER[0])
    np.testing.assert_array_equal(patch.projection, CENTER[0])


def test_pixels_of_a_patch_outside_of_the_image_are_nan():
    (pattern,) = find_patterns(network(layer(CENTER, padding=1)), image_of_a_dot(0, 7)).patterns
    (patch,) = pattern.patches
    assert patch.box == Box(-1, 6, 2, 9)
    np.testing.assert_array_equal(patch.pixels[0], [[np.nan] * 3, [0, 1, np.nan], [0, 0, np.nan]])
    np.testing.assert_array_equal(patch.projection, CENTER[0])


def test_a_dead_channel_has_neither_patches_nor_maximized_inputs():
    net = network(layer([[[[1]]], [[[1]]]], "relu", bias=[0, -2]))
    alive, dead = find_patterns(net, image_of_a_dot(1, 1)).patterns
    assert (len(alive.patches), len(alive.maximized)) == (1, 4)
    assert dead.patches == dead.maximized == ()


def test_the_patches_of_classes_are_whole_images():
    net = with_head(np.random.default_rng(0), network(layer(CENTER, "relu")), (1, 8, 8))
    found = find_patterns(net, image_of_a_dot(2, 2), "classes", [2, 0])
    assert (found.layer, found.size) == ("classes", (8, 8))
    assert [pattern.name for pattern in found.patterns] == ["c", "a"]
    for pattern in found.patterns:
        assert pattern.patches[0].box == Box(0, 0, 8, 8)
        assert pattern.patches[0].activation == pytest.approx(
            net.scores(image_of_a_dot(2, 2).crop(0, Box(0, 0, 8, 8)))[pattern.number]
        )


def test_the_scores_at_all_positions_of_a_network_without_a_head_are_averaged():
    scores = layer([[[[1.0]]], [[[-1.0]]]], activation="softmax")
    net = network(scores, classes=("light", "dark"))
    methods = ["patches", "deconvolution"]
    light, dark = find_patterns(net, image_of_a_dot(2, 2, 4), "classes", methods=methods).patterns
    assert light.patches[0].activation == pytest.approx(1 / 16)  # before the softmax
    np.testing.assert_allclose(light.patches[0].projection, np.full((1, 4, 4), 1 / 16 / 16))
    assert dark.patches[0].activation == pytest.approx(-1 / 16)


def test_a_layer_is_found_by_its_name():
    net = network(replace(layer(CENTER), name="center"), replace(layer(CENTER), name="upper"))
    found = find_patterns(net, image_of_a_dot(3, 5), "center")
    assert (found.layer, found.layer_name, found.size) == (1, "center", (3, 3))
    assert find_patterns(net, image_of_a_dot(3, 5)).layer_name == "upper"
    with pytest.raises(
        ArgumentError, match=r"There is no layer 'centre': tiny has 2 layers. Did you mean \"center\"\?"
    ):
        find_patterns(net, image_of_a_dot(3, 5), "centre")


def test_channels_can_be_chosen_by_their_largest_activations():
    net = network(layer([[[[1.0]]], [[[3.0]]], [[[2.0]]], [[[-1.0]]]], "relu"))
    seen = []

    def choose(activations):
        seen.extend(activations)
        return [1, 2]

    found = find_patterns(net, image_of_a_dot(1, 1), channels=choose, methods=["patches"])
    assert seen == [1, 3, 2, 0]
    assert [pattern.number for pattern in found.patterns] == [1, 2]


def test_by_default_the_last_layer_that_makes_maps_is_searched():
    mean = Layer(name="classes", pool=Pool("mean", None))
    net = network(replace(layer([[[[1.0]]], [[[2.0]]]]), name="maps"), mean, classes=("a", "b"))
    assert find_patterns(net, image_of_a_dot(1, 1), methods=["patches"]).layer_name == "maps"
    found = find_patterns(net, image_of_a_dot(1, 1), "classes", methods=["patches"])
    assert (found.layer, found.layer_name, found.size) == ("classes", "", (8, 8))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (2, "There is no layer 2: tiny has 1 layer."),
        (0, "There is no layer 0: tiny has 1 layer."),
        ("classes", "tiny has no classifier head. Choose a layer by its number."),
    ],
)
def test_a_layer_that_does_not_exist_is_an_error(wanted, message):
    with pytest.raises(ArgumentError) as caught:
        find_patterns(network(layer(CENTER)), image_of_a_dot(1, 1), wanted)
    assert str(caught.value) == message


def test_images_with_another_number_of_channels_are_an_error():
    with pytest.raises(ArgumentError) as caught:
        find_patterns(network(layer(np.ones((1, 3, 2, 2)))), image_of_a_dot(1, 1))
    assert str(caught.value) == "dots: it has 1 channel; the first layer of tiny takes 3."


def test_memory_does_not_grow_with_the_number_of_images():
    net = network(random_layer(np.random.default_rng(0), (8, 1, 5, 5), activation="relu", pool="max:2"))
    peaks = []
    for count in (4096, 12288):
        images = ImageArray("noise", np.random.default_rng(1).integers(0, 256, (count, 1, 16, 16)).astype(np.uint8))
        tracemalloc.start()
        find_patterns(net, images, methods=["patches"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_patterns_that_take_too_much_memory_are_refused_before_the_search(monkeypatch):
    monkeypatch.setattr("cnnfx.features.search.MAX_BYTES", 2**20)
    net = network(random_layer(np.random.default_rng(0), (600, 1, 5, 5)))
    progress = []
    with pytest.raises(
        ArgumentError, match=r"^The patterns of 600 filters of layer 1 of tiny take 0.0 GB of memory, more"
    ):
        find_patterns(net, image_of_a_dot(3, 5, 8), progress=lambda *args: progress.append(args))
    assert not progress
    found = find_patterns(net, image_of_a_dot(3, 5, 8), channels=range(100), methods=["patches"])
    assert len(found.patterns) == 100
    with pytest.raises(ArgumentError, match="of 500 filters"):
        find_patterns(net, image_of_a_dot(3, 5, 8), channels=lambda activations: range(500))


def test_progress_is_reported_of_images_and_deconvolutions():
    net = network(layer(np.repeat(CENTER, 2, axis=0)))
    images = ImageArray("noise", np.random.default_rng(1).integers(0, 256, (40, 1, 8, 8)).astype(np.uint8))
    progress = []
    find_patterns(net, images, methods=["deconvolution"], progress=lambda *args: progress.append(args))
    assert ("images", 40, 40) in progress
    assert ("deconvolutions", 18, 18) in progress


def test_maximization_needs_no_images():
    net = network(layer([[[[1.0]]], [[[-1.0]]], [[[2.0]]]]))
    found = find_patterns(net, None, channels=[0, 2], methods=["maximization"])
    assert (found.images, found.size) == (0, (1, 1))
    for pattern, largest in zip(found.patterns, (0.5, 1), strict=True):  # at most the norm of mid-gray, 0.5
        assert pattern.patches == ()
        assert pattern.is_active
        assert pattern.maximized[0].activation == pytest.approx(largest, rel=0.05)
        assert repr(pattern).startswith(f"<Pattern f{pattern.number}: maximized ")


@pytest.mark.parametrize(
    "settings",
    [{"methods": ["patches", "maximization"]}, {"methods": ["maximization"], "channels": lambda activations: [0]}],
)
def test_other_methods_need_images(settings):
    with pytest.raises(ArgumentError, match=r"^Images are needed to search for patches and activations\."):
        find_patterns(network(layer(CENTER)), None, **settings)
