"""`cnnfx predict`: classes with probabilities, from images of any size, and pictures of the evidence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.cli.commands import SAMPLES, SEVEN, done, refused, run
from tests.cli.pictures import pixels

CHELSEA = SAMPLES / "chelsea.png"


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


def test_images_that_cannot_be_read_are_no_failure_if_they_may_be_skipped(model):
    result = run("predict", "none.png", SEVEN, "lost.png", "-m", model, "--skip-bad", "--json")
    assert (result.exit_code, json.loads(result.stdout)["class"]) == (0, "7")
    assert result.stderr.splitlines() == [
        "cnnfx: none.png: there is no such file.",
        "cnnfx: lost.png: there is no such file.",
        "cnnfx: 2 of 3 images were skipped.",
    ]
    result = run("predict", "none.png", "lost.png", "-m", model, "--skip-bad", "-q")
    assert (result.exit_code, result.stdout) == (1, "")
    assert run("predict", "none.png", SEVEN, "-m", model, "--skip-bad", "-q").stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("inf", np.inf, "the image holds NaN or infinity. Brightness is a number from 0 to 1."),
        ("nan", np.nan, "the image holds NaN or infinity. Brightness is a number from 0 to 1."),
        ("tiny", 1e-40, "the image has no contrast: all of it has the same brightness."),
        ("large", 3.4e38, ""),
        ("negative", -3.4e38, ""),
        ("faint", 0.15, ""),
    ],
)
def test_numbers_of_any_size_give_a_digit_or_a_message(model, name, value, message):
    digit = np.zeros((28, 28), np.float32)
    digit[4:24, 13:16] = value
    np.save(f"{name}.npy", digit)
    result = run("predict", f"{name}.npy", "-m", model, "--top", "1", "-q")
    if message:
        assert (result.exit_code, result.stderr) == (1, f"cnnfx: {name}.npy: {message}\n")
    else:
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"{name}.npy: 1 (")


def test_numbers_of_any_size_are_refused_by_a_model_of_other_images():
    (folder := Path("pets")).mkdir()
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        for number in range(2):
            PIL.Image.linear_gradient("L").rotate(20 * number + ord(name[0])).save(folder / name / f"{number}.png")
    done("train", "--data", "pets", "--widths", "2", "--kernel-size", "3", "--epochs", "1", "-q")
    for value, shown in ((3.4e38, "0 to 3.4e+38"), (-3.4e38, "-3.4e+38 to 0"), (1500, "0 to 1500")):
        np.save("values.npy", np.array([[0, value]], np.float32))
        assert refused("predict", "values.npy") == (
            f"cnnfx: values.npy: its values go from {shown}. A photograph has values from 0 (black) to 1 (white); "
            "scale them."
        )


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


# A network trained on photographs


def test_the_five_most_probable_of_a_thousand_classes_are_printed():
    shown = done("predict", CHELSEA, "--model", "squeezenet").stdout
    assert shown.startswith(f"{CHELSEA}: Egyptian cat (50.")
    assert shown.count("%") == 5


def test_a_photograph_is_classified_as_by_pytorch():
    printed = json.loads(done("predict", CHELSEA, "-m", "squeezenet", "--json").stdout)
    assert [each["class"] for each in printed["top"][:3]] == ["Egyptian cat", "tiger cat", "tabby cat"]
    assert [each["probability"] for each in printed["top"][:3]] == pytest.approx([0.503, 0.290, 0.200], abs=0.01)
    assert printed["notes"] == []


def test_a_photograph_is_refused_by_a_model_of_digits(model):
    assert refused("predict", CHELSEA, "-m", model) == (
        f"cnnfx: {CHELSEA}: it shows no single digit on a plain background, which is what layer 1 of small reads. "
        "For photographs give --model squeezenet."
    )


def test_a_digit_in_a_network_of_photographs_is_noted():
    assert done("predict", SEVEN, "-m", "squeezenet", "--top", "1").stderr == (
        f"cnnfx: {SEVEN}: gray image of 28×28, enlarged; layer conv1 of squeezenet reads color images of 227×227.\n"
    )


# The evidence


def test_the_evidence_for_the_most_probable_classes_is_drawn():
    result = done("predict", CHELSEA, "-m", "squeezenet", "-o", "why.png")
    assert result.stderr == (f"why.png: evidence for Egyptian cat, tiger cat, tabby cat, {pixels('why.png')} pixels\n")
    assert result.stdout.startswith(f"{CHELSEA}: Egyptian cat (")
    assert done("predict", CHELSEA, "-m", "squeezenet", "-o", "why.png", "-q").stderr == ""


def test_json_says_where_the_evidence_is():
    printed = json.loads(done("predict", CHELSEA, "-m", "squeezenet", "-o", "why.png", "--json", "--top", "2").stdout)
    assert (printed["output"], printed["method"], printed["layer_name"]) == ("why.png", "cam", "conv10")
    assert [each["class"] for each in printed["evidence"]] == ["Egyptian cat", "tiger cat"]
    x, y = printed["evidence"][0]["at"]
    assert 0 <= x < 451
    assert 0 <= y < 300
    assert printed["evidence"][0]["largest"] > printed["evidence"][0]["score"] > 20


def test_arrays_hold_the_maps_and_what_they_are_of():
    done("predict", CHELSEA, "-m", "squeezenet", "--layer", "fire5", "-o", "why.npz")
    with np.load("why.npz") as arrays:
        assert arrays["maps"].shape == (3, 27, 27)
        assert arrays["names"].tolist() == ["Egyptian cat", "tiger cat", "tabby cat"]
        assert arrays["probabilities"] == pytest.approx([0.503, 0.290, 0.200], abs=0.01)
        assert arrays["rows"].shape == arrays["columns"].shape == (27,)
    done("predict", CHELSEA, "-m", "squeezenet", "--top", "1", "-o", "why.npy")
    assert np.load("why.npy").shape == (1, 13, 13)


def test_the_evidence_for_digits_is_drawn(model):
    for method in ("cam", "grad-cam", "occlusion"):
        done("predict", SEVEN, "-m", model, "-o", f"{method}.png", "--method", method)
        with PIL.Image.open(f"{method}.png") as picture:
            assert picture.width > 1000


def test_each_of_several_images_has_its_picture(model, dark):
    done("predict", SEVEN, dark, "-m", model, "-o", "why-{stem}.png")
    done("predict", SEVEN, dark, "-m", model, "-o", "why/")
    assert sorted(path.name for path in Path().rglob("*why*.png")) == ["why-dark.png", "why-seven.png"]
    assert sorted(path.name for path in Path("why").iterdir()) == ["dark.evidence.png", "seven.evidence.png"]


def test_the_picture_can_go_to_standard_output(model):
    result = done("predict", "-", "-m", model, "-o", "-", stdin=SEVEN.read_bytes())
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert result.stderr.startswith("standard input: 7 (")


USAGE = [
    (("--method", "occlusion"), "--method is for the evidence that -o writes. Give -o FILE, too."),
    (("--layer", "1"), "--layer is for the evidence that -o writes. Give -o FILE, too."),
    (("--open",), "--open is for the evidence that -o writes. Give -o FILE, too."),
    (("-o", "why.html"), "why.html is neither a picture nor an array file. "
     "Evidence is written as a picture or as arrays: give -o why.png or -o why.npz."),
    (("-o", "-", "--json"), "--json and the picture cannot both go to standard output. Give -o FILE."),
    (("-o", "why.png", "--layer", "3"), "There is no layer 3: small has 2 layers."),
    (("-o", "why.png", "--layer", "1", "--method", "cam"), "Class activation maps are summed to the scores: those of "
     "layer 2 of small. For layer 1 Grad-CAM applies. The option is --method."),
    (("-o", "why.png", "--layer", "1", "--method", "occlusion"),
     "Occlusion covers parts of the image, so it is for no layer. Leave the layer out."),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), USAGE, ids=[" ".join(options) for options, _ in USAGE])
def test_wrong_usage_is_refused_before_anything_is_written(model, options, message):
    assert refused("predict", SEVEN, "-m", model, *options, code=2) == f"cnnfx: {message}"
    assert os.listdir() == []


def test_the_evidence_for_other_classes_than_the_most_probable_can_be_drawn():
    done("predict", CHELSEA, "-m", "squeezenet", "--only", "lynx,tiger", "-o", "why.npz")
    with np.load("why.npz") as arrays:
        assert arrays["names"].tolist() == ["lynx", "tiger"]
    assert refused("predict", CHELSEA, "-m", "squeezenet", "--only", "lynks", "-o", "why.npz", code=2).startswith(
        "cnnfx: the classes of squeezenet: "
    )


def test_a_picture_of_too_many_classes_is_refused():
    assert refused("predict", CHELSEA, "-m", "squeezenet", "--top", "61", "-o", "why.png", code=2) == (
        "cnnfx: A picture shows at most 60 classes, not 61. Choose fewer with --top, or write arrays (.npz) instead."
    )


def test_an_unknown_layer_is_refused_with_the_closest_name():
    assert refused("predict", CHELSEA, "-m", "squeezenet", "-o", "why.png", "--layer", "fire10", code=2) == (
        "cnnfx: There is no layer 'fire10': squeezenet has 38 layers. Did you mean \"fire9\"?"
    )


def test_several_images_cannot_have_one_picture(model):
    assert "would all be written to why.png" in refused("predict", SEVEN, SEVEN, "-m", model, "-o", "why.png", code=2)


def test_an_image_that_fails_has_no_picture(model):
    result = run("predict", CHELSEA, SEVEN, "-m", model, "-o", "{stem}.png")
    assert result.exit_code == 1
    assert os.listdir() == ["seven.png"]
