"""`--page` and `--background`, notes on pages and on files of folders that are passed over, in all commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from tests.cli.commands import SEVEN, done, refused, run
from tests.images.files import encoded

LEVELS = (40, 120, 200)
NOTE = "scan.tif: it holds 3 pages; page 1 is read."
ADVISED = f"{NOTE} Choose another with --page."


@pytest.fixture
def scan():
    frames = [PIL.Image.fromarray(np.full((12, 12), level, np.uint8)) for level in LEVELS]
    Path("scan.tif").write_bytes(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    return "scan.tif"


@pytest.fixture
def digits():
    """Return a TIFF of a seven and of a black page."""
    with PIL.Image.open(SEVEN) as seven:
        frames = [PIL.Image.new("L", seven.size), seven.convert("L")]
    Path("digits.tif").write_bytes(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    return "digits.tif"


def files(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_apply_reads_the_first_page_with_a_note(scan):
    assert done("apply", scan, "-f", "box", "-o", "a.npy").stderr.splitlines()[0] == ADVISED
    printed = json.loads(done("apply", scan, "-f", "box", "-o", "a.npy", "--json").stdout)
    assert printed["notes"] == [NOTE]
    assert "page" not in printed
    assert done("apply", scan, "-f", "box", "-o", "a.npy", "-q").stderr == ""


def test_apply_reads_the_page_that_is_chosen(scan):
    result = done("apply", scan, "-k", "1", "--normalize", "none", "--page", "2", "-o", "a.npy", "--json")
    printed = json.loads(result.stdout)
    assert (printed["input"], printed["page"], printed["notes"]) == (scan, 2, [])
    np.testing.assert_allclose(np.load("a.npy"), 120 / 255, atol=1e-6)


def test_each_page_is_an_image_of_its_own(scan):
    result = done("apply", scan, SEVEN, "-k", "1", "--page", "all", "--json", "-o", "{stem}.npy")
    printed = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["input"], one.get("page"), one["output"]) for one in printed] == [
        (scan, 1, "scan.page1.npy"), (scan, 2, "scan.page2.npy"), (scan, 3, "scan.page3.npy"),
        (str(SEVEN), None, "seven.npy"),
    ]  # fmt: skip
    assert [np.load(f"scan.page{page}.npy").max() for page in (1, 2, 3)] == pytest.approx([x / 255 for x in LEVELS])


def test_pages_get_names_of_their_own_by_default_and_in_folders(scan):
    done("apply", scan, "-f", "box", "--page", "3")
    assert files() == ["scan.page3.box.png", "scan.tif"]
    Path("scan.png").write_bytes(encoded(PIL.Image.new("L", (12, 12), 9)))
    done("apply", scan, "scan.png", "-f", "box", "--page", "all", "-o", "out/", "-j", "1")
    assert files("out") == ["scan.box.png", *(f"scan.page{page}.box.png" for page in (1, 2, 3))]


def test_pages_of_standard_input_are_images_of_their_own(scan):
    content = Path(scan).read_bytes()
    done("apply", "-", "-f", "box", "--page", "all", "-o", "{stem}.npy", stdin=content)
    assert files() == ["scan.tif", "stdin.page1.npy", "stdin.page2.npy", "stdin.page3.npy"]
    message = refused("apply", "-", "-f", "box", "--page", "all", code=2, stdin=content)
    assert message.startswith("cnnfx: 3 images would all be written to standard output.")


def test_a_page_that_does_not_exist_is_refused(scan):
    assert refused("apply", scan, "-f", "box", "--page", "4") == (
        "cnnfx: scan.tif: it holds 3 pages, so there is no page 4. The option is --page."
    )
    assert files() == ["scan.tif"]


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", ""])
def test_the_number_of_a_page_must_be_whole(value, scan):
    message = refused("apply", scan, "-f", "box", "--page", value, code=2)
    assert f"{value!r} is neither the number of a page, 1 or more, nor all." in message


def test_a_damaged_file_is_reported_once_and_others_are_processed(scan):
    Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    message = refused("apply", "bad.png", scan, "-f", "box", "--page", "all", "-o", "{stem}.npy")
    assert message.count("bad.png") == 1
    assert len(files()) == 5


def test_worker_processes_read_their_page(scan):
    done("apply", scan, "-k", "1", "--page", "all", "-o", "{stem}.npy", "-j", "2")
    assert [np.load(f"scan.page{page}.npy").max() for page in (1, 2, 3)] == pytest.approx([x / 255 for x in LEVELS])


def test_existing_outputs_of_pages_are_skipped(scan):
    done("apply", scan, "-f", "box", "--page", "2", "-o", "{stem}.npy")
    result = done("apply", scan, "-f", "box", "--page", "all", "-o", "{stem}.npy", "--skip-existing")
    assert result.stderr.count("its output exists already") == 1
    assert len(files()) == 4


def test_predict_reads_the_page_that_is_chosen(model, digits):
    assert done("predict", digits, "-m", model, "--page", "2").stdout.startswith("digits.tif, page 2: 7 (")
    printed = json.loads(done("predict", digits, "-m", model, "--page", "2", "--json").stdout)
    assert (printed["image"], printed["page"], printed["class"]) == ("digits.tif", 2, "7")


def test_predict_names_the_page_that_fails(model, digits):
    result = run("predict", digits, "-m", model, "--page", "all")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "cnnfx: digits.tif, page 1: the image has no contrast: all of it has the same brightness."
    ]
    assert result.stdout.startswith("digits.tif, page 2: 7 (")


def test_explain_and_animate_read_the_page_that_is_chosen(scan):
    shown = done("explain", scan, "-k", "1", "--at", "3,4", "--page", "2", "--json").stdout
    printed = json.loads(shown)
    assert (printed["image"], printed["page"], printed["notes"]) == (scan, 2, [])
    assert printed["value"] == pytest.approx(120 / 255)
    printed = json.loads(done("animate", scan, "-k", "1", "--page", "3", "-o", "a.gif", "--json").stdout)
    assert (printed["input"], printed["page"], printed["notes"]) == (scan, 3, [])


def test_explain_and_animate_give_the_note(scan):
    assert ADVISED in done("explain", scan, "-k", "1", "--at", "0,0").stderr
    assert json.loads(done("explain", scan, "-k", "1", "--at", "0,0", "--json").stdout)["notes"] == [NOTE]
    assert ADVISED in done("animate", scan, "-k", "1", "-o", "a.gif").stderr


def test_show_patterns_gives_notes_on_images(scan):
    Path("photos").mkdir()
    Path(scan).rename("photos/scan.tif")
    Path("photos/notes.txt").write_text("text")
    arguments = ("show-patterns", "edges", "--data", "photos", "--method", "patches")
    notes = [
        "photos: 1 file passed over: notes.txt; not a picture that can be read.",
        "photos/scan.tif: it holds 3 pages; page 1 is read.",
    ]
    printed = [json.loads(line) for line in done(*arguments, "--json").stdout.splitlines()]
    assert all(set(notes) <= set(one["notes"]) for one in printed)
    assert all(note in done(*arguments, "-o", "a.png").stderr for note in notes)


# Folders


def test_apply_and_predict_say_which_files_of_a_folder_are_passed_over(model):
    Path("digits").mkdir()
    Path("digits/a.png").write_bytes(SEVEN.read_bytes())
    Path("digits/b").write_bytes(SEVEN.read_bytes())
    for name in ("x.csv", "y.txt", ".hidden"):
        Path("digits", name).write_text("1,2")
    note = "cnnfx: digits: 2 files passed over: x.csv, y.txt; not pictures that can be read."
    result = done("apply", "digits", "-f", "edges", "-o", "out/")
    assert note in result.stderr
    assert len(files("out")) == 8
    assert note in done("predict", "digits", "-m", model).stderr
    assert "passed over" not in done("predict", "digits", "-m", model, "-q").stderr


# Transparent backgrounds


@pytest.fixture
def white_on_clear():
    picture = PIL.Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    PIL.ImageDraw.Draw(picture).line([(60, 40), (140, 40), (90, 160)], "white", 18)
    picture.save("seven.png")
    return "seven.png"


BLACK_NOTE = "seven.png: its pixels are almost white, so its transparent parts are read as black, not as white."


def test_a_white_digit_on_transparent_ground_is_read(model, white_on_clear):
    result = done("predict", white_on_clear, "-m", model)
    assert result.stdout.startswith("seven.png: 7 (")
    assert f"cnnfx: {BLACK_NOTE}" in result.stderr.splitlines()


@pytest.mark.parametrize("color", ["black", "#000", "navy"])
def test_a_background_can_be_given_to_predict(model, white_on_clear, color):
    result = done("predict", white_on_clear, "-m", model, "--background", color)
    assert result.stdout.startswith("seven.png: 7 (")
    assert BLACK_NOTE not in result.stderr


def test_a_background_that_hides_the_digit_is_used_as_given(model, white_on_clear):
    message = refused("predict", white_on_clear, "-m", model, "--background", "white")
    assert message == "cnnfx: seven.png: the image has no contrast: all of it has the same brightness."


def test_apply_says_which_background_it_chooses(white_on_clear):
    printed = json.loads(done("apply", white_on_clear, "-f", "edges", "-o", "a.npy", "--json").stdout)
    assert printed["notes"] == [BLACK_NOTE]
    printed = json.loads(
        done("apply", white_on_clear, "-f", "edges", "-o", "a.npy", "--json", "--background", "red").stdout
    )
    assert printed["notes"] == []


@pytest.mark.parametrize("command", [["apply", "-f", "edges"], ["predict"], ["explain", "-f", "edges"]])
def test_a_background_that_is_no_color_is_refused(command, white_on_clear):
    name, *rest = command
    message = refused(name, white_on_clear, *rest, "--background", "whit", code=2)
    assert "'whit' is not a color. Write a name such as gray, or #rrggbb." in message


def test_training_and_prediction_use_the_same_background():
    for name, draw in (("bar", (10, 2, 14, 26)), ("box", (4, 6, 24, 20))):
        Path("drawings", name).mkdir(parents=True)
        for index in range(6):
            picture = PIL.Image.new("RGBA", (30, 30), (0, 0, 0, 0))
            left, top, right, bottom = (value + index % 3 for value in draw)
            PIL.ImageDraw.Draw(picture).rectangle((left, top, right, bottom), "white")
            picture.save(Path("drawings", name, f"{index}.png"))
    done("train", "--data", "drawings", "--epochs", "12", "-o", "m.npz", "--background", "navy", "-q")
    for name in ("bar", "box"):
        result = done("predict", f"drawings/{name}/0.png", "-m", "m.npz")
        assert "almost white" not in result.stderr
        assert result.stdout.startswith(f"drawings/{name}/0.png: {name} (")
