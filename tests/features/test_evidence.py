"""Evidence for classes: activation maps whose means are the scores, Grad-CAM, and occlusion."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import interpn

from cnnfx.errors import ArgumentError
from cnnfx.features.evidence import find_evidence, mean_color
from cnnfx.formats import load_network
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.training.prepare import prepare
from tests.cli.commands import SAMPLES
from tests.features.networks import layer, network, random_layer, with_head

CLASSES = ("a", "b", "c")


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def image(random) -> np.ndarray:
    return random.random((2, 12, 14))


def averaged_maps(random) -> Network:
    """A network that ends in the maps of its classes, and their means."""
    means = Layer(name="classes", pool=Pool("mean", None), sources=("maps",))
    maps = replace(random_layer(random, (3, 4, 1, 1), activation="relu"), name="maps")
    below = random_layer(random, (4, 2, 3, 3), activation="relu", pool="max:2")
    return network(below, maps, means, classes=CLASSES)


def weighted_means(random) -> Network:
    """A network whose scores are weighted sums of the means of maps."""
    below = random_layer(random, (4, 2, 3, 3), activation="relu", pool="mean:all")
    return network(below, random_layer(random, (3, 4, 1, 1)), classes=CLASSES)


def dense_layer(random) -> Network:
    """A network whose scores are weighted sums of all values of maps of 10×12."""
    below = random_layer(random, (4, 2, 3, 3), activation="relu")
    return network(below, random_layer(random, (3, 4, 10, 12)), classes=CLASSES)


def dense_head(random) -> Network:
    """A network with a classifier head."""
    return with_head(random, network(random_layer(random, (4, 2, 3, 3), activation="relu", pool="max:2")), (2, 12, 14))


def biases(net: Network) -> np.ndarray:
    """The part of the scores that is at no position."""
    last = net.layers[-1]
    return net.head.bias if net.head is not None else np.zeros(3) if last.conv is None else last.conv.bias


@pytest.mark.parametrize("build", [averaged_maps, weighted_means, dense_layer, dense_head])
def test_the_mean_of_an_activation_map_is_the_score_without_its_bias(build, random, image) -> None:
    net = build(random)
    found = find_evidence(net, image, [2, 0])
    assert found.method == "cam"
    assert [each.name for each in found.classes] == ["c", "a"]
    np.testing.assert_allclose(found.maps.mean(axis=(1, 2)), (net.scores(image) - biases(net))[[2, 0]])
    np.testing.assert_allclose([each.score for each in found.classes], net.scores(image)[[2, 0]])
    np.testing.assert_allclose([each.probability for each in found.classes], net.probabilities(image)[[2, 0]])


def test_averaged_maps_are_the_activation_maps_themselves(random, image) -> None:
    net = averaged_maps(random)
    found = find_evidence(net, image, [1])
    np.testing.assert_array_equal(found.maps[0], net.forward(image, [2])[2][1])
    assert found.layer == 2


@pytest.mark.parametrize(("build", "number"), [(averaged_maps, 2), (weighted_means, 1)])
def test_grad_cam_equals_the_positive_part_of_activation_maps_of_means(build, number, random, image) -> None:
    net = build(random)
    cam = find_evidence(net, image, range(3))
    if build is weighted_means:  # the maps before the pooling become a layer of their own
        first, last = net.layers
        means = Layer(pool=first.pool)
        net = network(replace(first, pool=None), means, last, classes=CLASSES)
    found = find_evidence(net, image, range(3), "grad-cam", number)
    np.testing.assert_allclose(found.maps, np.maximum(cam.maps, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.rows, cam.rows)


def test_grad_cam_weights_maps_by_the_mean_gradients_of_the_score(random, image) -> None:
    """With one linear layer above the maps, the gradients are its weights."""
    first, last = random_layer(random, (4, 2, 3, 3)), random_layer(random, (3, 4, 10, 12))
    found = find_evidence(network(first, last, classes=CLASSES), image, [1], "grad-cam", 1)
    maps = network(first).forward(image)[1]
    sums = last.conv.weights[1].sum(axis=(1, 2))
    np.testing.assert_allclose(found.maps[0], np.maximum(np.tensordot(sums, maps, 1), 0), rtol=1e-5)


def test_grad_cam_is_the_default_where_scores_are_no_weighted_sums_of_maps(random, image) -> None:
    hidden = random_layer(random, (5, 4, 1, 1), activation="relu")
    first, last = weighted_means(random).layers
    net = network(first, hidden, replace(last, conv=random_layer(random, (3, 5, 1, 1)).conv), classes=CLASSES)
    assert find_evidence(net, image, [0]).method == "grad-cam"


def test_another_layer_means_grad_cam_of_it(random, image) -> None:
    found = find_evidence(averaged_maps(random), image, [0], layer=1)
    assert (found.method, found.layer, found.maps.shape) == ("grad-cam", 1, (1, 5, 6))


def test_values_are_at_the_centers_of_receptive_fields(random, image) -> None:
    found = find_evidence(averaged_maps(random), image, [0])
    np.testing.assert_allclose(found.rows, [2, 4, 6, 8, 10])  # of fields of 4 pixels at steps of 2
    np.testing.assert_allclose(found.columns, [2, 4, 6, 8, 10, 12])


def test_occlusion_measures_how_far_the_score_falls() -> None:
    """The score is the sum of all pixels: it falls by what is covered, less the color of the patch."""
    sums = layer(np.ones((1, 1, 20, 20)))
    image = np.zeros((1, 20, 20))
    image[0, 10, 13] = 1
    net = network(sums, classes=("sum",), input=Input(mean=(0.25,)))
    found = find_evidence(net, image, [0], "occlusion")
    assert (found.patch, found.layer, found.maps.shape) == ((3, 3), None, (1, 15, 15))
    covered = [[np.zeros((20, 20), bool) for _ in range(15)] for _ in range(15)]
    for row in range(15):
        for column in range(15):
            top, left = (math.floor((index + 0.5) * 20 / 15 - 1) for index in (row, column))
            covered[row][column][max(0, top) : top + 3, max(0, left) : left + 3] = True
    expected = [[(image[0][part] - 0.25).sum() for part in parts] for parts in covered]
    np.testing.assert_allclose(found.maps[0], expected, atol=1e-12)


def test_occlusion_reports_its_progress(random, image) -> None:
    reports = []
    find_evidence(weighted_means(random), image, [0], "occlusion", progress=lambda *args: reports.append(args))
    assert reports[-1] == ("images", 12 * 14, 12 * 14)
    assert len(reports) > 5


def test_the_covering_color_is_what_the_network_reads_as_zero() -> None:
    read = Input("rgb", scale=255, mean=(123.68, 116.779, 103.939))
    np.testing.assert_allclose(mean_color(Network((), input=read), 3), np.array(read.mean) / 255, rtol=1e-6)
    np.testing.assert_array_equal(mean_color(Network(()), 1), [0.5])


def test_a_softmax_layer_does_not_change_the_evidence(random, image) -> None:
    net = dense_layer(random)
    first, last = net.layers
    with_softmax = replace(net, layers=(first, replace(last, activation=Activation("softmax"))))
    for method in ("cam", "grad-cam", "occlusion"):
        plain, other = (find_evidence(each, image, [0], method).maps for each in (net, with_softmax))
        np.testing.assert_allclose(other, plain)


REFUSALS = [
    ({"method": "lime"}, "There is no method called 'lime'. Choose one of cam, grad-cam, occlusion."),
    ({"layer": 4}, "There is no layer 4: tiny has 3 layers."),
    ({"layer": 3}, "layer classes of tiny has one value for each channel, at no position. Choose a layer before it."),
    ({"layer": 1, "method": "occlusion"}, "Occlusion covers parts of the image, so it is for no layer."),
    ({"layer": 1, "method": "cam"}, "Class activation maps are summed to the scores: those of layer maps of tiny."),
    (
        {"layer": 3, "method": "cam"},
        "Class activation maps are summed to the scores: those of layer maps of tiny. "
        "For layer classes Grad-CAM applies.",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSALS, ids=[str(options) for options, _ in REFUSALS])
def test_a_method_or_layer_that_does_not_apply_is_refused(options, message, random, image) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        find_evidence(averaged_maps(random), image, [0], **options)


def test_activation_maps_of_a_network_without_them_are_refused(random, image) -> None:
    first, last = weighted_means(random).layers
    hidden = random_layer(random, (4, 4, 1, 1), activation="relu")
    with pytest.raises(ArgumentError, match=r"weighted sums of maps, and those of tiny are not."):
        find_evidence(network(first, hidden, last, classes=CLASSES), image, [0], "cam")


def test_a_layer_that_the_scores_do_not_need_is_refused(random, image) -> None:
    below, maps, means = averaged_maps(random).layers
    side = replace(random_layer(random, (2, 4, 1, 1)), name="side", sources=("below",))
    net = network(
        replace(below, name="below"), side, replace(maps, sources=("below",)), means, classes=CLASSES
    )  # fmt: skip
    with pytest.raises(ArgumentError, match="The scores of tiny do not depend on side"):
        find_evidence(net, image, [0], layer=2)


def test_a_network_without_classes_is_refused(random, image) -> None:
    with pytest.raises(ArgumentError, match="tiny has no class"):
        find_evidence(network(random_layer(random, (4, 2, 3, 3))), image, [0])


def test_occlusion_agrees_roughly_with_activation_maps_of_a_photograph(monkeypatch) -> None:
    """Both are high on the face of the cat: measured correlations are 0.5 to 0.6, that of unrelated maps is about 0."""
    monkeypatch.setattr("cnnfx.features.evidence.OCCLUSIONS", 9)
    net = load_network("squeezenet")
    pixels = prepare(net, SAMPLES / "chelsea.png").pixels
    classes = [net.classes.index(name) for name in ("Egyptian cat", "tiger cat", "tabby cat")]
    covered = find_evidence(net, pixels, classes, "occlusion")
    cam = find_evidence(net, pixels, classes)
    rows, columns = np.meshgrid(covered.rows, covered.columns, indexing="ij")
    for values, falls in zip(cam.maps, covered.maps, strict=True):
        at = interpn((cam.rows, cam.columns), values, (rows, columns), bounds_error=False, fill_value=None)
        assert np.corrcoef(at.ravel(), falls.ravel())[0, 1] > 0.4
        assert at[falls >= np.quantile(falls, 0.9)].mean() > 1.1 * at.mean()


def test_covering_a_flat_image_with_its_own_color_changes_no_score(random) -> None:
    pixels = np.full((2, 12, 14), 0.5, np.float32)
    pixels[:, 5:7, 5:7] += np.float32(1e-7)  # the scores differ by rounding only
    (found,) = find_evidence(dense_head(random), pixels, [1], method="occlusion").classes
    assert not found.map.any()
