"""`cnnfx evaluate`: accuracy, scores of each class, the confusion matrix and the worst mistakes."""

from __future__ import annotations

import json
import os
import re
import shutil

import numpy as np
import PIL.Image
import pytest

from cnnfx.datasets import draw_digits
from tests.cli.commands import done, refused
from tests.cli.pictures import pixels


def test_the_accuracy_equals_that_reported_by_training(model):
    printed = json.loads(done("evaluate", model, "--json").stdout)
    with np.load(model) as content:
        meta = json.loads(str(content["meta"]))
    assert printed["accuracy"] == meta["accuracy"][-1]
    assert 0.6 < printed["accuracy"] < 1


def test_json_contains_the_scores_of_each_class_and_the_confusion_matrix(model):
    printed = json.loads(done("evaluate", model, "--data", "drawn:300", "--json").stdout)
    matrix = np.array(printed["confusion"])
    assert list(printed) == [
        "data", "images", "accuracy", "misclassified", "classes", "confusion", "confused", "skipped", "notes",
    ]  # fmt: skip
    assert (printed["data"], printed["images"], matrix.shape) == ("drawn:300", 50, (10, 10))
    assert printed["accuracy"] == matrix.trace() / 50
    assert printed["misclassified"] == 50 - matrix.trace() == sum(pair["count"] for pair in printed["confused"])
    third = printed["classes"][3]
    assert (third["class"], third["support"], third["recall"]) == ("3", 5, matrix[3, 3] / 5)


def test_the_text_contains_accuracy_classes_and_matrix(model):
    lines = done("evaluate", model).stdout.splitlines()
    assert lines[0].startswith("accuracy ")
    assert lines[0].endswith(" of 1000 test images of drawn:6000)")
    assert lines[2].split() == ["class", "precision", "recall", "F1", "support"]
    assert (lines[3].split()[0], lines[3].split()[-1]) == ("0", "100")
    assert lines[14] == "confusion matrix: a row for each true class, a column for each predicted class"
    assert lines[15].split() == [*"0123456789"]
    assert lines[27].startswith("misclassified ")
    assert ", most often: " in lines[27]
    assert max(map(len, lines[:27])) <= 80


def test_the_confusion_matrix_and_the_mistakes_are_drawn(model):
    text = done("evaluate", model, "-o", "confusion.png", "--mistakes", "mistakes.png").stderr
    assert re.fullmatch(
        f"confusion.png: confusion matrix, {pixels('confusion.png')} pixels\n"
        rf"mistakes.png: \d+ misclassified images, {pixels('mistakes.png')} pixels\n",
        text,
    )
    with PIL.Image.open("confusion.png") as matrix, PIL.Image.open("mistakes.png") as mistakes:
        assert matrix.mode == "RGB"
        assert mistakes.mode == "L"
        assert min(*matrix.size, *mistakes.size) > 400


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(model):
    assert refused("evaluate", model, "-o", "none/confusion.png") == (
        "cnnfx: none/confusion.png: it cannot be written: its folder does not exist. "
        "Create it, or choose another with -o."
    )
    assert refused("evaluate", model, "--mistakes", "mistakes.txt", code=2) == (
        "cnnfx: mistakes.txt is not a picture file. Give the name of one, such as confusion.png."
    )
    assert os.listdir() == []


def test_a_model_without_classes_is_refused():
    assert refused("evaluate", "edges", code=2) == (
        "cnnfx: edges has no classes, so it predicts none. Use the preset squeezenet, or a model (.npz) written by "
        "cnnfx train."
    )


def test_data_of_other_classes_are_refused(model):
    for name in ("cat", "dog"):
        os.makedirs(f"pets/{name}")
        for number in range(6):
            PIL.Image.linear_gradient("L").resize((28, 28)).rotate(20 * number).save(f"pets/{name}/{number}.png")
    assert refused("evaluate", model, "--data", "pets").splitlines()[-1] == (
        "cnnfx: pets: its classes are cat, dog; small was trained on 0, 1, 2, 3, 4, 5, 6, 7, 8, 9."
    )


def save_digits(folder, change=lambda pixels: pixels):
    """Write 6 drawn digits of each class into class folders, and return the folder."""
    for digit in range(10):
        os.makedirs(f"{folder}/{digit}")
        for number, (drawn,) in enumerate(draw_digits([digit] * 6, seed=digit)):
            PIL.Image.fromarray(change(drawn)).save(f"{folder}/{digit}/{number}.png")
    return folder


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("dark", lambda pixels: 255 - pixels),
        ("large", lambda pixels: pixels.repeat(3, axis=0).repeat(4, axis=1)),
        ("color", lambda pixels: np.stack([pixels, 255 - pixels // 2, pixels // 3], axis=-1)),
        ("transparent", lambda pixels: np.stack([np.full_like(pixels, 255), pixels], axis=-1)),
        ("sixteen", lambda pixels: pixels.astype(np.uint16) * 100),
    ],
)
def test_the_accuracy_is_that_of_predictions_for_images_of_any_kind(model, name, change):
    os.makedirs(f"{name}/test")
    save_digits(f"{name}/train", change)
    shutil.copytree(f"{name}/train", f"{name}/test", dirs_exist_ok=True)
    found = json.loads(done("evaluate", model, "--data", name, "--json").stdout)
    lines = done("predict", f"{name}/test", "-r", "-m", model, "--json", "-q").stdout.splitlines()
    predicted = [(one["image"].split("/")[2], one["class"]) for one in map(json.loads, lines)]
    assert found["images"] == len(predicted) == 60
    assert found["accuracy"] == sum(true == given for true, given in predicted) / 60
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, tuple(np.array(predicted).astype(int).T), 1)
    assert found["confusion"] == confusion.tolist()


def test_mistakes_in_pictures_of_16_bits_are_drawn_as_those_of_8_bits(model):
    args = "-q", "--mistakes"
    for name, change in (("eight", lambda drawn: drawn), ("sixteen", lambda drawn: drawn.astype(np.uint16) * 257)):
        save_digits(name, change)
        os.rename(name, "digits")
        done("evaluate", model, "--data", "digits", *args, f"{name}.png")
        shutil.rmtree("digits")
    with PIL.Image.open("eight.png") as eight, PIL.Image.open("sixteen.png") as sixteen:
        assert np.array_equal(np.asarray(eight), np.asarray(sixteen))


def test_images_that_cannot_be_read_are_all_named_or_left_out(model):
    save_digits("digits")
    for name in ("3/1.png", "5/0.png"):
        with open(f"digits/{name}", "wb"):
            pass
    empty = "it is empty. The program that made it may have failed"
    problems = f"digits/3/1.png: {empty}; digits/5/0.png: {empty}."
    assert refused("evaluate", model, "--data", "digits") == (
        f"cnnfx: digits: 2 of its 60 images cannot be read: {problems} Leave out what cannot be read with --skip-bad."
    )
    result = done("evaluate", model, "--data", "digits", "--skip-bad", "--json")
    note = f"digits: 2 of its 60 images were skipped: {problems}"
    assert result.stderr == f"cnnfx: {note}\n"
    printed = json.loads(result.stdout)
    assert (printed["skipped"], printed["notes"]) == (2, [note])


def test_data_of_other_channels_are_refused(model):
    colors = np.arange(10 * 28 * 28 * 3, dtype=np.uint8).reshape(10, 28, 28, 3)
    np.savez("color.npz", x_train=colors + 200, y_train=range(10), x_test=colors, y_test=range(10))
    assert refused("evaluate", model, "--data", "color.npz") == (
        "cnnfx: color.npz: layer 1 of small: its filters have 1 input channel, its input has 3 (0, 1, 2)."
    )


def test_data_of_another_size_are_fitted(model):
    digits = draw_digits([*range(10)] * 2, seed=1)[:, 0]
    larger = np.pad(digits, ((0, 0), (6, 2), (2, 8)))
    labels = [*range(10)] * 2
    for name, images in (("same", digits), ("larger", larger)):
        np.savez(f"{name}.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    same = json.loads(done("evaluate", model, "--data", "same.npz", "--json").stdout)
    result = done("evaluate", model, "--data", "larger.npz", "--json")
    assert result.stderr == "cnnfx: larger.npz: 20 of its 20 images were fitted as MNIST was made.\n"
    assert abs(json.loads(result.stdout)["accuracy"] - same["accuracy"]) <= 0.1


def test_data_of_other_classes_than_those_of_a_preset_are_refused():
    for name in ("cat", "dog"):
        os.makedirs(f"pets/{name}")
        for number in range(6):
            PIL.Image.linear_gradient("L").resize((30, 30)).rotate(20 * number).save(f"pets/{name}/{number}.png")
    message = refused("evaluate", "squeezenet", "--data", "pets").splitlines()
    assert message[0] == "cnnfx: pets: 12 of its 12 images were resized to 227×227."
    assert message[1].endswith(
        "squeezenet was trained on tench, goldfish, great white shark, tiger shark, hammerhead shark, electric ray, "
        "stingray, rooster, hen, ostrich, brambling, goldfinch, 988 more."
    )


def test_by_default_the_model_of_the_last_training_is_evaluated(model):
    shutil.copy(model, "model.npz")
    assert done("evaluate", "-q").stdout == done("evaluate", model, "-q", "--threads", "1").stdout


def test_quiet_leaves_out_what_is_written(model):
    assert done("evaluate", model, "-o", "confusion.png", "-q").stderr == ""
