"""`cnnfx train --filmstrip --curve`: pictures of finished and interrupted runs, and errors before training."""

from __future__ import annotations

import os
import signal
import subprocess

import numpy as np
import pytest

from tests.cli.commands import COMMAND, done, environment, refused, run, wait_until
from tests.cli.pictures import frames, opened, pixels

TINY = ("train", "--data", "drawn:300", "--widths", "2,3")
LONG = ("train", "--data", "drawn:6000", "--widths", "6,12", "--epochs", "60")


def picture(path):
    image = opened(path)
    return image.format, getattr(image, "n_frames", 1)


@pytest.mark.parametrize(("ending", "kind"), [("gif", "GIF"), ("webp", "WEBP"), ("png", "PNG")])
def test_the_filmstrip_begins_with_random_filters_and_ends_at_the_last_step(ending, kind):
    text = done(*TINY, "--epochs", "2", "--filmstrip", f"a.{ending}").stderr
    assert picture(f"a.{ending}") == (kind, 7)  # 300 images are 3 batches; the start and every one of 6 steps
    assert f"\na.{ending}: the filters of layer 1 in 7 frames of {pixels(f'a.{ending}')}\n" in text


def test_its_first_and_last_frame_are_the_filters_before_and_after():
    done(*TINY, "--epochs", "3", "--filmstrip", "a.gif")
    strip = opened("a.gif")
    for index, how in ((0, ("--before",)), (strip.n_frames - 1, ())):
        done("show-filters", "model.npz", "--layer", "1", *how, "-o", "shown.png")
        strip.seek(index)
        drawn = set(np.unique(np.asarray(strip.convert("L"))).tolist())
        assert len(drawn) > 10
        shown = np.unique(np.asarray(opened("shown.png"))[40:, ::7]).tolist()
        assert len(set(shown) - drawn) <= len(shown) // 4, "levels of the weights agree"


def test_the_filmstrip_of_another_layer_shows_its_filters():
    text = done(*TINY, "--epochs", "1", "--filmstrip", "a.gif", "--filmstrip-layer", "2").stderr
    assert f"a.gif: the filters of layer 2 in 4 frames of {pixels('a.gif')}\n" in text


def test_the_curve_is_a_picture_with_the_test_accuracy_in_it():
    text = done(*TINY, "--epochs", "2", "--curve", "a.png").stderr
    assert f"\na.png: cross-entropy and accuracy of steps 1 to 6, {pixels('a.png')} pixels\n" in text
    shown = np.asarray(opened("a.png")).astype(int)
    orange = (shown[..., 0] - shown[..., 2]) > 150
    assert orange[:, : shown.shape[1] * 2 // 3].any(), "the first epoch's test, apart from the legend"


def test_quiet_prints_nothing_about_pictures():
    result = done(*TINY, "--epochs", "1", "--filmstrip", "a.gif", "--curve", "a.png", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")
    assert os.path.exists("a.gif")
    assert os.path.exists("a.png")


def test_pictures_do_not_change_the_trained_model():
    done(*TINY, "--epochs", "2", "-o", "plain.npz")
    done(*TINY, "--epochs", "2", "-o", "seen.npz", "--filmstrip", "a.gif", "--curve", "a.png")
    with np.load("plain.npz") as plain, np.load("seen.npz") as seen:
        assert plain.files == seen.files
        assert all(np.array_equal(plain[name], seen[name]) for name in plain.files)


def stopped(*args, ready):
    with subprocess.Popen(
        [*COMMAND, *args], env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_until(lambda: os.path.exists(ready))
        process.send_signal(signal.SIGINT)
        message = process.stderr.read()
    return process.returncode, message


def test_ctrl_c_writes_the_pictures_so_far_and_a_resumed_run_begins_there():
    code, message = stopped(*LONG, "--filmstrip", "a.gif", "--curve", "a.png", ready="model.npz")
    assert code == 130
    assert "\nContinue with: cnnfx train --resume model.npz\n" in message
    assert "\na.gif: the filters of layer 1 in " in message
    assert picture("a.gif")[1] >= 2
    assert picture("a.png") == ("PNG", 1)
    assert not [name for name in os.listdir() if name.startswith(".cnnfx")]
    with subprocess.Popen(
        [*COMMAND, "train", "--resume", "model.npz", "--filmstrip", "b.gif", "--log", "log.jsonl"],
        env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        wait_until(lambda: os.path.exists("log.jsonl") and os.path.getsize("log.jsonl"))
        process.send_signal(signal.SIGINT)
        message = process.stderr.read()
    assert process.returncode == 130
    assert "b.gif: the filters of layer 1 in " in message
    assert ", where the run was resumed\n" in message


def test_a_failed_run_writes_the_pictures_so_far():
    result = run(*TINY, "--epochs", "9", "--lr", "1e30", "--filmstrip", "a.gif", "--curve", "a.png")
    assert result.exit_code == 1
    assert "The loss is no longer a number" in result.stderr
    assert picture("a.gif")[1] >= 1
    assert "Warning" not in result.stderr


def test_a_run_that_ends_before_its_first_step_writes_no_pictures():
    done(*TINY, "--epochs", "1")
    done("train", "--resume", "model.npz", "--filmstrip", "a.gif", "--curve", "a.png")
    assert not os.path.exists("a.gif")


def test_too_many_filters_for_a_filmstrip_are_refused_before_training():
    text = refused(
        "train", "--data", "drawn:300", "--widths", "3000,2", "--filmstrip", "a.gif", "--filmstrip-layer", "2", code=2
    )
    assert text.startswith("cnnfx: --filmstrip: the filters of layer 2 make frames of ")
    assert text.endswith(" pixels, which are too large. Choose a layer with fewer filters with --filmstrip-layer.")
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("given", "message", "code"),
    [
        (("--filmstrip", "a.jpg"),
         "a.jpg: .jpg files cannot be animated. Write a .gif, a .webp or an animated .png.", 2),
        (("--filmstrip", "a"),
         "a: a file without an ending cannot be animated. Write a .gif, a .webp or an animated .png.", 2),
        (("--filmstrip", "none/a.gif"),
         "none/a.gif: it cannot be written: its folder does not exist. Create it, or choose another with "
         "--filmstrip.", 1),
        (("--curve", "none/a.png"),
         "none/a.png: it cannot be written: its folder does not exist. Create it, or choose another with --curve.",
         1),
        (("--curve", "a.npz"), "a.npz is not a picture file. Write the curve to a .png: --curve curve.png.", 2),
        (("--filmstrip", "a.gif", "--filmstrip-layer", "3"), "--filmstrip-layer 3: the network has 2 layers.", 2),
        (("--filmstrip-layer", "2"),
         "--filmstrip-layer is for --filmstrip FILE. Give both.", 2),
        (("--filmstrip", "a.png", "--curve", "./a.png"),
         "a.png: --filmstrip and --curve (./a.png) are the same file. Give each its own name.", 2),
    ],
)  # fmt: skip
def test_a_bad_picture_is_refused_before_training(given, message, code):
    assert refused(*TINY, "--epochs", "1", *given, code=code) == f"cnnfx: {message}"
    assert os.listdir() == []


def test_the_filmstrip_has_the_chosen_colors():
    done(*TINY, "--epochs", "1", "--filmstrip", "a.gif", "--colormap", "diverging", "-q")
    frame = frames("a.gif")[-1][0].astype(int)
    assert (abs(frame[..., 0] - frame[..., 2]) > 60).any()


def test_a_color_map_without_a_filmstrip_is_refused():
    assert refused(*TINY, "--colormap", "heat", code=2) == "cnnfx: --colormap is for --filmstrip FILE. Give both."
