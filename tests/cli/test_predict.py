"""`cnnfx predict`: digits with probabilities, from images of any size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.cli.commands import SEVEN, done, refused, run


@pytest.fixture
def dark():
    """A large seven, dark on light."""
    with PIL.Image.open(SEVEN) as seven:
        large = seven.convert("L").resize((140, 140))
    PIL.Image.eval(large, lambda level: 255 - level).save("dark.png")
    return "dark.png"


def test_a_digit_is_printed_with_the_most_probable_classes(model):
    shown = done("predict", SEVEN, "--model", model).stdout
    assert shown.startswith(f"{SEVEN}: 7 (")
    assert shown.count("%") == 3


def test_top_limits_the_number_of_classes(model):
    assert done("predict", SEVEN, "-m", model, "--top", "1").stdout.count("%") == 1
    assert done("predict", SEVEN, "-m", model, "--top", "99").stdout.count("%") == 10


def test_json_contains_classes_and_probabilities(model):
    printed = json.loads(done("predict", SEVEN, "-m", model, "--json", "--top", "10").stdout)
    assert list(printed) == ["image", "class", "probability", "top", "notes"]
    assert (printed["image"], printed["class"]) == (str(SEVEN), "7")
    assert printed["top"][0] == {"class": "7", "probability": printed["probability"]}
    assert sum(one["probability"] for one in printed["top"]) == pytest.approx(1, abs=1e-5)


def test_a_dark_digit_on_light_ground_is_inverted_and_resized_with_a_note(model, dark):
    result = done("predict", dark, "-m", model, "--top", "1")
    assert result.stdout.startswith("dark.png: 7 (")
    assert result.stderr.splitlines() == [
        "cnnfx: dark.png: dark on light: inverted.",
        "cnnfx: dark.png: fitted from 140×140 to 28×28, as MNIST was made.",
    ]
    assert json.loads(done("predict", dark, "-m", model, "--json").stdout)["notes"][0] == "dark on light: inverted"


def test_quiet_prints_no_notes(model, dark):
    assert done("predict", dark, "-m", model, "-q").stderr == ""


def test_other_images_are_classified_after_one_fails(model):
    result = run("predict", "none.png", SEVEN, "-m", model)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{SEVEN}: 7 (")
    assert result.stderr == "cnnfx: none.png: there is no such file.\n"


def test_standard_input_can_be_an_image(model):
    shown = done("predict", "-", "-m", model, stdin=SEVEN.read_bytes()).stdout
    assert shown.startswith("standard input: 7 (")


def test_an_image_of_one_color_is_refused(model):
    PIL.Image.new("L", (40, 40), 200).save("blank.png")
    assert refused("predict", "blank.png", "-m", model) == (
        "cnnfx: blank.png: the image has no contrast: all of it has the same brightness."
    )


def test_a_preset_without_classes_is_refused():
    assert refused("predict", SEVEN, "-m", "edges", code=2) == (
        "cnnfx: edges has no classes, so it predicts none. Use the preset squeezenet, or a model (.npz) written by "
        "cnnfx train."
    )


def test_a_missing_model_is_reported_with_advice():
    assert refused("predict", SEVEN, "-m", "other.npz") == (
        "cnnfx: other.npz: there is no such file. Check the path; cnnfx train makes a model."
    )


@pytest.mark.parametrize("command", [("predict", SEVEN), ("evaluate",), ("show-patterns",)], ids=lambda args: args[0])
def test_the_advice_for_a_missing_default_model_names_train(command):
    option = " with --model" if command[0] == "predict" else ""
    assert refused(*command) == (
        f"cnnfx: There is no model.npz in this folder. Train one with cnnfx train, or name another model{option}."
    )


def test_images_are_resized_to_the_input_of_a_color_model():
    rng = np.random.default_rng(0)
    for name, color in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        (folder := Path("photos") / name).mkdir(parents=True)
        for number in range(12):
            noise = rng.integers(0, 60, (12, 12, 3))
            PIL.Image.fromarray(np.clip(noise + color, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    done(
        "train", "--data", "photos", "--channels", "rgb", "--image-size", "12", "--widths", "4", "--batch-size", "4",
        "--epochs", "5", "-q",
    )  # fmt: skip
    PIL.Image.new("RGB", (30, 20), (250, 10, 20)).save("a.png")
    result = done("predict", "a.png", "--top", "1")
    assert result.stdout.startswith("a.png: red (")
    assert result.stderr == ("cnnfx: a.png: resized from 30×20 to 12×12, the size of the training images.\n")
    assert json.loads(done("evaluate", "model.npz", "--data", "photos", "--json").stdout)["accuracy"] == 1
    assert refused("evaluate", "model.npz", code=2) == (
        "cnnfx: The model was trained on photos. Name the data set with --data."
    )
