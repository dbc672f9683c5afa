"""Preparation of images for a classifier, as its input says."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from cnnfx.datasets import draw_digits
from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats import load_network
from cnnfx.images import as_image
from cnnfx.nn.classifier import Dense
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.training.prepare import check_classifier, prepare
from tests.cli.commands import SAMPLES


def classifier(channels: int, read: Input, **settings) -> Network:
    """A network with two classes: the mean of its one map, and zero."""
    conv = Conv(np.stack([np.ones((channels, 1, 1)), np.zeros((channels, 1, 1))]), np.zeros(2))
    means = Layer(conv, ("mean", "zero"), (), Activation(), pool=Pool("mean", None), name="only")
    return Network((means,), "tiny", input=read, classes=("bright", "dark"), **settings)


COLOR = classifier(3, Input("rgb", (20, 30), resample="bicubic"))
CROPPED = classifier(3, Input("rgb", (24, 24), "crop", 32))
GRAY = classifier(1, Input("gray", (20, 30)))
SQUEEZENET = Input("rgb", (227, 227), resample="bicubic", scale=255, mean=(123.68, 116.779, 103.939))
MOBILENET = Input("rgb", (224, 224), "crop", 256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
DIGITS = classifier(1, Input("gray", (28, 28), "digit"))


@pytest.fixture
def photograph() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (3, 40, 61)).astype(np.uint8)


def test_a_photograph_is_squashed_to_the_size_of_the_input(photograph) -> None:
    prepared = prepare(COLOR, photograph)
    whole = PIL.Image.fromarray(np.moveaxis(photograph, 0, -1)).resize((30, 20), PIL.Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(prepared.pixels, np.moveaxis(np.asarray(whole), -1, 0) / np.float32(255))
    assert prepared.area == (0, 0, 61, 40)
    assert prepared.notes == ()


def test_the_middle_of_a_photograph_is_cropped(photograph) -> None:
    prepared = prepare(CROPPED, photograph)
    assert prepared.pixels.shape == (3, 24, 24)
    assert prepared.area == pytest.approx((12 * 61 / 49, 5, 36 * 61 / 49, 35))


def test_a_network_without_a_size_reads_an_image_in_its_own(photograph) -> None:
    prepared = prepare(classifier(3, Input("rgb")), photograph)
    np.testing.assert_array_equal(prepared.pixels, photograph / np.float32(255))


def test_a_picture_is_read_in_the_channels_of_the_network() -> None:
    assert prepare(COLOR, SAMPLES / "chelsea.png").pixels.shape == (3, 20, 30)
    assert prepare(GRAY, SAMPLES / "chelsea.png").pixels.shape == (1, 20, 30)


def test_a_gray_image_gets_three_channels_with_a_note(photograph) -> None:
    prepared = prepare(COLOR, photograph[:1])
    assert (prepared.pixels == prepared.pixels[:1]).all()
    assert prepared.notes == ("gray image of 61×40; layer only of tiny reads color images of 30×20",)


def test_a_note_says_that_a_small_image_is_enlarged(photograph) -> None:
    prepared = prepare(COLOR, photograph[:, :8, :12])
    assert prepared.notes == ("image of 12×8, enlarged; layer only of tiny reads images of 30×20",)


@pytest.mark.parametrize(("network", "channels", "wanted"), [
    (COLOR, 4, "3 channels, red, green, blue"), (COLOR, 2, "3 channels, red, green, blue"), (GRAY, 3, "one channel"),
])  # fmt: skip
def test_another_number_of_channels_is_refused(network, channels, wanted) -> None:
    with pytest.raises(ArgumentError, match=f"array: it has {channels} channels; layer only of tiny reads {wanted}"):
        prepare(network, np.zeros((channels, 40, 60), np.float32))


def test_digits_are_prepared_as_mnist_was() -> None:
    digit = draw_digits([7], seed=4)[0]
    large = digit.repeat(3, axis=1).repeat(3, axis=2)
    prepared = prepare(DIGITS, 255 - large)
    assert prepared.pixels.shape == (1, 28, 28)
    assert prepared.area is None
    assert prepared.notes == ("dark on light: inverted", "fitted from 84×84 to 28×28, as MNIST was made")


@pytest.mark.parametrize("name", ["chelsea.png", "astronaut.jpg", "still-life.png", "colors.png"])
def test_a_photograph_is_no_digit(name) -> None:
    with pytest.raises(ArgumentError, match=f"{name}: it shows no single digit on a plain background, which is what "
                                            "layer only of tiny reads") as caught:  # fmt: skip
        prepare(DIGITS, SAMPLES / name)
    assert caught.value.remedy == "photograph"


def test_digits_in_front_of_paper_with_uneven_light_are_no_photographs() -> None:
    shadow = np.linspace(0.75, 0.9, 84, dtype=np.float32)
    for digit in draw_digits([*range(10)] * 4, seed=1)[:, 0]:
        ink = digit.repeat(3, axis=0).repeat(3, axis=1) / np.float32(255)
        assert prepare(DIGITS, (shadow * (1 - ink))[np.newaxis]).pixels.max() == 1


def test_a_network_without_classes_is_no_classifier() -> None:
    with pytest.raises(ArgumentError, match="edges has no classes, so it predicts none"):
        check_classifier(load_network("edges"), "edges")


def test_a_trained_model_needs_the_size_of_its_images() -> None:
    head = Dense(np.zeros((2, 4)), np.zeros(2), (1, 2, 2))
    network = Network(load_network("box").layers, head=head, classes=("a", "b"))
    with pytest.raises(FileError, match=r"model.npz: it does not contain the size of its training images"):
        check_classifier(network, "model.npz")


@pytest.mark.networks
@pytest.mark.parametrize("name", ["chelsea", "coffee"])
@pytest.mark.parametrize(("read", "key", "order"), [(SQUEEZENET, "squeezenet", -1), (MOBILENET, "mobilenet_v2", 1)])
def test_photographs_are_prepared_as_for_pytorch(name, read, key, order, networks_folder) -> None:
    data = pytest.importorskip("skimage.data")
    photograph = np.moveaxis(getattr(data, name if name == "coffee" else "cat")(), -1, 0)
    with np.load(networks_folder / "expected.npz") as expected:
        wanted = expected[f"{key}.{name}.input"][::order]  # SqueezeNet read blue, green, red
    network = classifier(3, read)
    values = network.normalize(prepare(network, as_image(photograph)).pixels)
    np.testing.assert_allclose(values, wanted, atol=2e-5)
