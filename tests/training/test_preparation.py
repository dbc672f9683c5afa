"""Training, evaluation and prediction read the same pixels of an image, whatever its kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cnnfx.datasets import draw_digits, load_dataset
from cnnfx.datasets.dataset import LabeledImages
from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.arch import Arch, default_arch
from cnnfx.formats.model_npz import load_model, save_model
from cnnfx.nn.input import Input
from cnnfx.nn.network import Network
from cnnfx.training import Trainer, TrainingSettings
from cnnfx.training.evaluate import evaluate
from cnnfx.training.model_data import load_model_data
from cnnfx.training.predict import predict
from cnnfx.training.prepare import prepare
from cnnfx.training.train import start_run
from tests.training.test_prepare import classifier

CLASSES = ("a", "b")
TINY = TrainingSettings(epochs=1, batch_size=2)
SEVEN = draw_digits([7], seed=1)[0, 0]


def upright(pixels: np.ndarray, path: Path, **options) -> None:
    PIL.Image.fromarray(pixels).save(path, **options)


def large(pixels: np.ndarray) -> np.ndarray:
    """Return a digit in an image of another shape, below and to the right of the middle."""
    return np.pad(pixels.repeat(3, axis=0).repeat(3, axis=1), ((20, 2), (31, 3)))


def photograph(pixels: np.ndarray) -> np.ndarray:
    """Return the digit in color with a brightness that rises from the left to the right."""
    gray = np.clip(large(pixels).astype(int) // 2 + np.arange(118), 0, 255)
    return np.stack([gray, gray // 2, 255 - gray], axis=-1).astype(np.uint8)


def transparent(pixels: np.ndarray, color: int) -> np.ndarray:
    """Return strokes of a gray level on transparent ground."""
    return np.stack([np.full_like(pixels, color), pixels], axis=-1)


def rotated(pixels: np.ndarray, path: Path) -> None:
    """Write a JPEG whose EXIF orientation says that it is turned."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(np.rot90(pixels)).save(path, quality=95, exif=exif)


KINDS = {
    "digit.png": upright,
    "dark.png": lambda pixels, path: upright(255 - pixels, path),
    "gray-paper.png": lambda pixels, path: upright((200 - pixels // 2).astype(np.uint8), path),
    "off-center.png": lambda pixels, path: upright(np.roll(pixels, 5, axis=1), path),
    "large.png": lambda pixels, path: upright(large(pixels), path),
    "large-dark.png": lambda pixels, path: upright(255 - large(pixels), path),
    "photograph.png": lambda pixels, path: upright(photograph(pixels), path),
    "white-on-clear.png": lambda pixels, path: upright(transparent(pixels, 255), path),
    "black-on-clear.png": lambda pixels, path: upright(transparent(pixels, 0), path),
    "sixteen.png": lambda pixels, path: upright(pixels.astype(np.uint16) * 257 // 3, path),
    "float.tif": lambda pixels, path: upright(pixels / np.float32(300), path),
    "palette.gif": lambda pixels, path: upright(large(pixels), path),
    "rotated.jpg": lambda pixels, path: rotated(large(pixels), path),
    "two-levels.pbm": lambda pixels, path: PIL.Image.fromarray(pixels > 127).save(path),
    "blank.png": lambda pixels, path: upright(np.full_like(pixels, 200), path),
}

INPUTS = {
    "squash": Input("gray", (28, 28)),
    "not square": Input("gray", (20, 31)),
    "digit": Input("gray", (28, 28), "digit"),
    "crop": Input("rgb", (24, 24), "crop", 30, "bicubic", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
    "color": Input("rgb", (40, 25), background="navy"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Class folders for training and testing; the images of one kind are the same in all of them."""
    folder = tmp_path_factory.mktemp("data") / "kinds"
    for part in ("train/a", "train/b", "test/a", "test/b"):
        (folder / part).mkdir(parents=True)
        for name, save in KINDS.items():
            save(SEVEN, folder / part / name)
    return folder


def prepared(network: Network, files: Path, name: str) -> np.ndarray | None:
    """Return the pixels that `predict` reads, None if it reads none."""
    try:
        return prepare(network, files / "train" / "a" / name).pixels
    except ArgumentError:
        return None


@pytest.mark.parametrize("read", INPUTS.values(), ids=INPUTS)
def test_evaluation_reads_the_pixels_that_prediction_reads(files, read) -> None:
    network = classifier(3 if read.channels == "rgb" else 1, read)
    data = load_model_data(network, str(files))
    names = sorted(KINDS)
    for part in (data.train_images, data.test_images):
        floats = part if part.dtype == np.float32 else part / np.float32(255)
        for number, name in enumerate(2 * names):
            wanted = prepared(network, files, name)
            if wanted is not None:
                np.testing.assert_array_equal(floats[number], wanted, err_msg=name)
    unread = [name for name in names if prepared(network, files, name) is None]
    assert unread == (["blank.png", "photograph.png"] if read.fit == "digit" else [])


@pytest.mark.parametrize(
    "options", [{}, {"size": 28}, {"size": 17}, {"channels": "rgb"}, {"background": "gray"}], ids=str
)
def test_training_reads_the_pixels_that_prediction_reads(files, options) -> None:
    data = load_dataset(str(files), **options)
    trainer = start_run(small_arch(), data, TINY, limit_batch=True)
    assert trainer.network.input.fit == "squash"
    for number, name in enumerate(2 * sorted(KINDS)):
        np.testing.assert_array_equal(trainer.data.images[number], prepared(trainer.network, files, name), err_msg=name)


def small_arch() -> Arch:
    return default_arch((2,), 3)


def write_digits(folder: Path, change=lambda pixels: pixels, count: int = 20) -> Path:
    """Write drawn digits into the class folders 0 to 3, each `count` times, and return the folder."""
    for number in range(4):
        (folder / str(number)).mkdir(parents=True)
        for index, (pixels,) in enumerate(draw_digits([number] * count, seed=number)):
            upright(change(pixels), folder / str(number) / f"{index:02}.png")
    return folder


def test_a_model_of_digits_gets_digits_and_any_other_what_it_was_trained_on(tmp_path) -> None:
    kinds = {
        "digit": lambda pixels: pixels,
        "paper": lambda pixels: 255 - pixels,
        "cut out": lambda pixels: pixels[4:24, 4:24].copy(),
        "shifted": lambda pixels: np.roll(pixels, 5, axis=1),
        "large": large,
    }
    for name, change in kinds.items():
        trainer = start_run(small_arch(), load_dataset(write_digits(tmp_path / name, change)), TINY, limit_batch=True)
        assert trainer.network.input.fit == ("digit" if name == "digit" else "squash"), name


def test_digits_are_recognized_from_the_images_and_not_from_the_names_of_classes(tmp_path) -> None:
    folder = write_digits(tmp_path / "digits")
    for number, name in enumerate(("zero", "one", "two", "three")):
        (folder / str(number)).rename(folder / name)
    trainer = start_run(small_arch(), load_dataset(folder), TINY, limit_batch=True)
    assert trainer.network.input.fit == "digit"


def test_single_digits_that_differ_from_the_others_are_fitted_in_training_as_in_prediction(tmp_path) -> None:
    folder = write_digits(tmp_path / "digits")
    upright(255 - large(SEVEN), folder / "0" / "00.png")
    upright(np.roll(SEVEN, 5, axis=0), folder / "1" / "00.png")
    data = load_dataset(folder)
    assert data.notes == (f"{folder}: 2 of its 80 images were fitted as MNIST was made.",)
    trainer = start_run(small_arch(), data, TINY, limit_batch=True)
    assert trainer.network.input.fit == "digit"
    read = {image.tobytes() for image in np.concatenate([trainer.data.images, trainer.test.images])}
    for file in folder.rglob("*.png"):
        pixels = np.rint(255 * prepare(trainer.network, file).pixels).astype(np.uint8)
        assert pixels.tobytes() in read


def test_a_run_on_class_folders_is_resumed_with_the_same_pixels(tmp_path) -> None:
    folder = write_digits(tmp_path / "digits")
    upright(255 - large(SEVEN), folder / "0" / "00.png")
    upright(np.zeros((40, 40), np.uint8), folder / "1" / "00.png")
    trainer = start_run(small_arch(), load_dataset(folder), TINY, limit_batch=True)
    trainer.save(tmp_path / "model.npz")
    data = load_model_data(load_model(tmp_path / "model.npz"), str(folder))
    resumed = Trainer.resume(tmp_path / "model.npz", data.train, data.test)
    np.testing.assert_array_equal(resumed.data.images, trainer.data.images)
    np.testing.assert_array_equal(resumed.test.images, trainer.test.images)


def test_images_of_an_array_are_fitted_as_single_ones() -> None:
    digits = draw_digits([*range(10)] * 4, seed=3)
    digits[5] = np.roll(digits[5], 5, axis=2)
    digits[6] = 0
    data = LabeledImages("array", digits, np.arange(40) % 10, tuple("0123456789"))
    trainer = Trainer.begin(small_arch(), data, replace(data, images=255 - digits), TINY)
    assert trainer.network.input.fit == "digit"
    for images, given in ((trainer.data.images, digits), (trainer.test.images, 255 - digits)):
        assert images.dtype == np.uint8
        for number in [*range(6), *range(7, 40)]:
            wanted = prepare(trainer.network, given[number]).pixels
            np.testing.assert_array_equal(images[number], np.rint(255 * wanted))
    assert not trainer.data.images[6].any()  # no digit: unchanged
    np.testing.assert_array_equal(trainer.data.images[:5], digits[:5])


@pytest.mark.parametrize(
    "change", [lambda images: images, lambda images: 255 - images, lambda images: images[..., ::2]]
)
@pytest.mark.parametrize("fit", ["digit", "squash"])
def test_evaluation_of_an_array_counts_what_prediction_predicts(change, fit) -> None:
    data = load_dataset("drawn:60")
    trainer = start_run(small_arch(), data, TINY, limit_batch=True)
    next(report for report in trainer.run() if hasattr(report, "test_accuracy"))
    network = replace(trainer.network, input=replace(trainer.network.input, fit=fit))
    test = replace(data.test, images=change(data.test_images))
    result = evaluate(network, test)
    predicted = [predict(image, network).name for image in test.images]
    assert predicted == [network.classes[number] for number in result.predicted]


def test_evaluation_says_that_images_look_inverted(tmp_path) -> None:
    paper = load_dataset(write_digits(tmp_path / "paper", lambda pixels: 255 - pixels))
    trainer = start_run(small_arch(), paper, TINY, limit_batch=True)
    assert evaluate(trainer.network, paper.test).notes == ()
    inverted = replace(paper.test, images=255 - paper.test_images)
    (note,) = evaluate(trainer.network, inverted).notes
    bright, dark = (np.mean(images) / 255 for images in (paper.train_images, inverted.images))
    assert note == (
        f"paper: its images look inverted: their mean brightness is {dark:.2f}, that of the training images "
        f"{bright:.2f}. They are not inverted back."
    )


def test_the_background_of_a_run_is_recorded_and_used(tmp_path) -> None:
    for name in CLASSES:
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(4):
            upright(transparent(SEVEN, 60 + number), tmp_path / "pets" / name / f"{number}.png")
    data = load_dataset(tmp_path / "pets", background="#404040")
    trainer = start_run(small_arch(), data, TINY, limit_batch=True)
    save_model(tmp_path / "model.npz", trainer.network)
    network = load_model(tmp_path / "model.npz")
    assert network.input.background == "#404040"
    pixels = prepare(network, tmp_path / "pets" / "a" / "0.png").pixels
    np.testing.assert_array_equal(pixels, data.train_images[0] / np.float32(255))
    assert pixels[0, 0, 0] == np.float32(64 / 255)
    assert prepare(network, tmp_path / "pets" / "a" / "0.png", background="white").pixels[0, 0, 0] == 1
    np.testing.assert_array_equal(load_model_data(network, str(tmp_path / "pets")).train_images, data.train_images)


def test_numbers_outside_of_0_to_1_are_refused_in_class_folders_as_in_prediction(tmp_path) -> None:
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for number in range(2):
            upright(np.float32(SEVEN) * 10, tmp_path / name / f"{number}.tif")
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: 4 of its 4 images have numbers outside of 0 (black) to 1 (white), from 0 to 2550: all 2 in a "
        "(0.tif, 1.tif), all 2 in b (0.tif, 1.tif). 0.tif is a 32-bit float TIFF. Scale all images in the same way, or "
        "save them with 8 or 16 bits."
    )
    assert caught.value.remedy == ""
    first = tmp_path / "a" / "0.tif"
    with pytest.raises(ArgumentError, match="its values go from 0 to 2550"):
        prepare(classifier(1, Input("gray", (28, 28))), first)
