"""`cnnfx train`: messages, files, errors, and stopping and resuming."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess

import numpy as np
import PIL.Image
import pytest

from tests.cli.commands import COMMAND, done, environment, on_a_terminal, refused, run, shell, wait_until

TINY = ("train", "--data", "drawn:300", "--widths", "2,3")
SLOW = ("train", "--data", "drawn:6000", "--widths", "6,12", "--epochs", "60")


def arrays(path):
    with np.load(path) as content:
        return {name: content[name] for name in content.files if name != "meta"}


def meta(path):
    with np.load(path) as content:
        return json.loads(str(content["meta"]))


def same(first, second):
    first, second = arrays(first), arrays(second)
    return list(first) == list(second) and all(np.array_equal(first[name], second[name]) for name in first)


def test_the_default_file_of_the_model_is_model_npz():
    done(*TINY, "--epochs", "1")
    assert arrays("model.npz")["layers.0.weight"].shape == (2, 1, 5, 5)


def test_a_pipe_gets_a_plain_line_for_each_epoch():
    result = done(*TINY, "--epochs", "2")
    assert result.stdout == ""
    assert "\x1b" not in result.stderr
    lines = result.stderr.splitlines()
    assert lines[0] == ("training on drawn:300: 300 images of 28×28 and 50 test images; 10 classes; 869 parameters.")
    assert [line.split("  ")[0] for line in lines[1:3]] == ["epoch 1/2", "epoch 2/2"]
    cross_entropy, accuracy, rate, seconds = lines[1].split("  ")[1:]
    assert re.fullmatch(r"cross-entropy \d\.\d{4} \(test \d\.\d{4}\)", cross_entropy)
    assert re.fullmatch(r"accuracy \d+\.\d\d % \(test \d+\.\d\d %\)", accuracy)
    assert re.fullmatch(r"lr 0\.\d+", rate)
    assert re.fullmatch(r"\d+\.\d s", seconds)


def test_the_summary_lists_the_layers_and_their_parameters():
    text = done(*TINY, "--epochs", "1").stderr
    assert "2 filters of 5×5   2 maps of 24×24          52  2 × 1 × 5 × 5 + 2 = 52\n" in text
    assert "total                                      869\n" in text
    assert "of the 50 test images are misclassified, most often: " in text
    assert "\nThe model is in model.npz. The run took " in text


def test_quiet_prints_nothing():
    result = done(*TINY, "--epochs", "1", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")


def test_images_that_cannot_be_read_are_all_named_or_left_out():
    for name in ("cat", "dog"):
        os.makedirs(f"pets/{name}")
        for number in range(12):
            with open(f"pets/{name}/{number}.pgm", "wb") as file:
                file.write(b"P5 9 9 255 " + bytes([number]) * 81)
        open(f"pets/{name}/7.pgm", "wb").close()
    command = "train", "--data", "pets", "--widths", "2", "--kernel-size", "3", "--epochs", "1", "--json", "-q"
    assert refused(*command) == (
        "cnnfx: pets: 2 of its 24 images cannot be read: pets/cat/7.pgm: it is empty. The program that made it may "
        "have failed; pets/dog/7.pgm: it is empty. The program that made it may have failed. "
        "Leave out what cannot be read with --skip-bad."
    )
    assert not os.path.exists("model.npz")
    result = done(*command, "--skip-bad")
    assert result.stderr.startswith("cnnfx: pets: 2 of its 24 images were skipped: pets/cat/7.pgm: it is empty.")
    assert json.loads(result.stdout)["skipped"] == 2
    assert os.path.exists("model.npz")


def write_classes(folder, counts):
    """Write `counts[name]` pictures of random pixels into the folder of each class."""
    for name, count in counts.items():
        os.makedirs(f"{folder}/{name}")
        for number in range(count):
            pixels = np.random.default_rng([len(name), number]).integers(0, 256, (9, 9), np.uint8)
            PIL.Image.fromarray(pixels).save(f"{folder}/{name}/{number}.png")


PETS = ("--data", "pets", "--widths", "2", "--kernel-size", "3", "--epochs", "1", "-q")


def test_a_class_without_a_readable_picture_is_left_out_by_all_commands():
    write_classes("pets", {"cat": 12, "horse": 12, "whale": 12})
    for number in range(12):
        with open(f"pets/horse/{number}.png", "r+b") as file:
            file.truncate(60)
    text = refused("train", *PETS)
    names = ", ".join(f"{number}.png" for number in range(12))
    assert text.startswith(
        f"cnnfx: pets: 12 of its 36 images cannot be read: all 12 in horse ({names}). The first is pets/horse/0.png: "
        "cannot decode this PNG ("
    )
    assert text.endswith(". Leave out what cannot be read with --skip-bad.")
    with open("model.npz", "wb") as file:
        file.write(b"earlier")
    refused("train", *PETS)
    with open("model.npz", "rb") as file:
        assert file.read() == b"earlier"
    notes = done("train", *PETS, "--skip-bad").stderr
    assert notes.startswith(
        "cnnfx: pets: the class horse is left out: no training image of it can be read.\n"
        f"cnnfx: pets: 12 of its 36 images were skipped: all 12 in horse ({names}). The first is pets/horse/0.png: "
    )
    evaluated = json.loads(done("evaluate", "--data", "pets", "--skip-bad", "--json").stdout)
    assert [each["class"] for each in evaluated["classes"]] == ["cat", "whale"]
    assert evaluated["skipped"] == 12
    assert "the class horse is left out" in evaluated["notes"][0]
    shown = done("show-patterns", "model.npz", "--data", "pets", "--skip-bad", "--method", "patches", "-o", "p.png")
    assert shown.stderr.startswith(notes[:75])


def test_classes_of_very_different_size_are_noted_once():
    write_classes("pets", {"cat": 24, "horse": 2})
    note = (
        "cnnfx: pets: its classes differ in size: the largest is cat with 20 training images, the smallest horse with "
        "1. Always predicting cat gives 80.00 % accuracy on the test images; compare the accuracy of the network with "
        "that.\n"
    )
    command = [*PETS, "--json"]
    command[command.index("1")] = "2"
    assert done("train", *command).stderr == note
    assert done("evaluate", "--data", "pets", "-q").stderr == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x / 128 - 0.5, "x_train holds float64 numbers of"),
        (lambda x: np.where(x == x.max(), np.nan, x), "that are NaN or infinite, in"),
        (lambda x: x - 1, "x_train holds int64 numbers of -1 to"),
        (lambda x: 0 * x, "all 40 training images are equal, so there is nothing to learn. Check what the files hold."),
        (lambda x: x[:0], "x_train holds no images: its shape is (0, 9, 9)."),
        (lambda x: x.astype(object), "x_train holds object values. Pixels are numbers."),
    ],
)
def test_bad_arrays_leave_the_model_of_an_earlier_run(change, message):
    images, labels = np.random.default_rng(0).integers(0, 256, (40, 9, 9)), np.arange(40) % 2
    np.savez("pets.npz", x_train=change(images), y_train=labels, x_test=images, y_test=labels)
    with open("model.npz", "wb") as file:
        file.write(b"earlier")
    text = refused("train", "--data", "pets.npz", *PETS[2:])
    assert text.splitlines()[-1].startswith("cnnfx: pets.npz: ")
    assert message in text
    with open("model.npz", "rb") as file:
        assert file.read() == b"earlier"


def test_one_class_is_refused():
    images, labels = np.random.default_rng(0).integers(0, 256, (40, 9, 9)), np.zeros(40, int)
    np.savez("pets.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    assert refused("train", "--data", "pets.npz", *PETS[2:]) == (
        "cnnfx: pets.npz: all 40 training images are of the class 0. At least two classes are needed."
    )


def test_json_and_log_contain_the_same_object_for_each_epoch():
    shown = done(*TINY, "--epochs", "2", "--json", "--log", "run.jsonl").stdout
    with open("run.jsonl") as log:
        assert log.read() == shown
    objects = [json.loads(line) for line in shown.splitlines()]
    assert [one["epoch"] for one in objects] == [1, 2]
    assert list(objects[0]) == [
        "epoch", "epochs", "images", "loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds",
        "test_seconds", "images_per_second", "skipped",
    ]  # fmt: skip


def test_the_model_contains_the_name_of_its_data():
    done(*TINY, "--epochs", "2", "--seed", "5", "--augment", "none", "--lr", "0.02", "--batch-size", "50")
    printed = meta("model.npz")
    assert (printed["dataset"], printed["seed"], printed["epochs"], printed["input"]) == (
        "drawn:300",
        5,
        2,
        [1, 28, 28],
    )
    assert {name: printed["settings"][name] for name in ("shift", "warp", "rate", "batch_size")} == {
        "shift": 0, "warp": 0, "rate": 0.02, "batch_size": 50,
    }  # fmt: skip


def test_the_number_of_threads_changes_no_bit():
    done(*TINY, "--epochs", "2", "--threads", "1", "-o", "one.npz")
    done(*TINY, "--epochs", "2", "--threads", "3", "-o", "three.npz")
    assert same("one.npz", "three.npz")


def test_strong_augmentation_warps_the_images():
    done(*TINY, "--epochs", "1", "--augment", "strong")
    assert meta("model.npz")["settings"]["warp"] == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--augment",), "Option '--augment' requires an argument."),
        (("--augment", "--quiet"),
         "Invalid value for '--augment': '--quiet' is not one of 'none', 'shift', 'strong'."),
        (("--augment", "weak"), "Invalid value for '--augment': 'weak' is not one of 'none', 'shift', 'strong'."),
    ],
)  # fmt: skip
def test_an_unknown_augmentation_is_wrong_usage(given, message):
    assert refused("train", *given, code=2) == f"cnnfx: {message}\nTry 'cnnfx train --help' for help."


def test_few_images_are_one_batch():
    done("train", "--data", "drawn:20", "--widths", "2,3", "--epochs", "1")
    assert meta("model.npz")["settings"]["batch_size"] == 20


def test_an_arch_file_describes_the_network():
    with open("arch.toml", "w") as file:
        file.write(
            '[[layer]]\nactivation = "relu"\npool = "max:2"\nlearn = false\n[[layer.filter]]\nname = "top"\n'
            'weights = [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]\n[[layer]]\nfilters = 3\nsize = 3\npool = "max:4"\n'
        )
    text = done("train", "--data", "drawn:300", "--arch", "arch.toml", "--epochs", "1").stderr
    assert "1 × 1 × 3 × 3 + 1 = 10; 1 of 1 filters held fixed" in text
    assert "10 of them" not in text
    learned = arrays("model.npz")
    np.testing.assert_array_equal(learned["layers.0.weight"], [[[[-1, -1, -1], [1, 1, 1], [0, 0, 0]]]])
    assert not np.array_equal(learned["layers.1.weight"], learned["start.layers.1.weight"])


def test_drawn_digits_replace_missing_mnist_with_a_message(monkeypatch, tmp_path):
    from cnnfx.datasets import synthetic_digits as drawn

    monkeypatch.setattr(drawn, "TRAIN_COUNT", 300)
    monkeypatch.setattr(drawn.draw_dataset, "__kwdefaults__", {"train": 300, "test": 50, "progress": None})
    monkeypatch.setenv("CNNFX_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("CNNFX_MIRRORS", "http://127.0.0.1:9/none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = done("train", "--epochs", "1", "--widths", "2,2").stderr
    assert text.startswith("cnnfx: Digits that cnnfx draws itself are used instead of MNIST. MNIST is not available. ")
    assert "\ntraining on drawn: 300 images" in text
    assert meta("model.npz")["dataset"] == "drawn"


def test_missing_mnist_is_an_error_if_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNFX_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("CNNFX_MIRRORS", "http://127.0.0.1:9/none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = refused("train", "--data", "mnist", "--epochs", "1")
    assert text.startswith("cnnfx: MNIST is not available. ")
    assert text.endswith("Or train on digits that cnnfx draws itself, --data drawn.")
    assert not os.path.exists("model.npz")


@pytest.mark.parametrize(
    ("given", "message", "code"),
    [
        (("--epochs", "0"), "Invalid value for '--epochs': '0' is not a whole number of 1 or more.\n", 2),
        (("--lr", "1e31"),
         "Invalid value for '--lr': '1e31' is more than 1e+30, the largest value allowed.\n", 2),
        (("--smoothness", "inf"),
         "Invalid value for '--smoothness': 'inf' is more than 1e+30, the largest value allowed.\n", 2),
        (("--weight-decay", "1e40"),
         "Invalid value for '--weight-decay': '1e40' is more than 1e+30, the largest value allowed.\n", 2),
        (("--weight-decay", "nan"),
         "Invalid value for '--weight-decay': 'nan' is not a number of 0 or more, such as 0.1.\n", 2),
        (("--label-smoothing", "1"),
         "Invalid value for '--label-smoothing': '1' is not a number of at least 0 and less than 1, such as 0.1.\n",
         2),
        (("--seed", "-1"), "Invalid value for '--seed': '-1' is not a whole number of 0 or more.\n", 2),
        (("--lr", "nan"), "Invalid value for '--lr': 'nan' is not a number of more than 0, such as 0.01.\n", 2),
        (("--lr", "0"), "Invalid value for '--lr': '0' is not a number of more than 0, such as 0.01.\n", 2),
        (("--widths", "4,x"),
         "Invalid value for '--widths': '4,x' is not a list of whole numbers of 1 or more, such as 16,32.\n", 2),
        (("--batch-size", "301"),
         "drawn:300: a batch of 301 is larger than the data, 300 images. Choose a smaller one.", 1),
        (("-o", "none/model.npz"),
         "none/model.npz: it cannot be written: its folder does not exist. Create it, or choose another with -o.",
         1),
        (("-o", "model.txt"),
         "model.txt: the model is written to a .npz file after every epoch, such as -o model.npz.", 2),
        (("-o", "-"), "-: the model is written to a .npz file after every epoch, such as -o model.npz.", 2),
        (("--kernel-size", "29"),
         "layer 1 of network: kernel of 29×29 is larger than the image of 28×28", 1),
        (("--kernel-size", "13"),
         "layer 2 of network: kernel of 13×13 is larger than the image of 8×8", 1),
        (("--arch", "edges"),
         "edges: there is no such file. Give the path of an arch file, or one of color.toml, small.toml", 1),
        (("--log", "none/run.jsonl"),
         "none/run.jsonl: it cannot be written: its folder does not exist. Create it, or choose another with "
         "--log.", 1),
        (("--image-size", "9"),
         "drawn:300: a size can be given for folders of images only.", 1),
    ],
)  # fmt: skip
def test_a_bad_command_is_refused_with_a_message(given, message, code):
    epochs = () if "--epochs" in given else ("--epochs", "1")
    arguments = () if given[0] in ("--widths", "--arch") else ("--widths", "2,3")
    text = refused("train", "--data", "drawn:300", *epochs, *arguments, *given, code=code)
    assert text.startswith(f"cnnfx: {message.rstrip()}")
    assert not os.path.exists("model.npz")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_model_is_trained_where_standard_error_cannot_be_written():
    command = " ".join(["cnnfx", *TINY, "--epochs", "2", "-o", "full.npz"])
    result = shell(f"{command} 2> /dev/full")
    assert (result.returncode, result.stdout) == (0, b"")
    assert json.loads(done("summary", "full.npz", "--json").stdout.splitlines()[0])
    shell(f"{command.replace('full', 'closed')} 2>&1 | head -n 1")
    with open("full.npz", "rb") as full, open("closed.npz", "rb") as closed:
        assert full.read() == closed.read()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_log_on_a_full_disk_is_reported():
    result = run(*TINY, "--epochs", "1", "--log", "/dev/full")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "cnnfx: /dev/full: it cannot be written: the disk is full. Free space, or choose another output with --log."
    )
    assert meta("model.npz")["epochs"] == 1


def test_filters_and_an_arch_file_exclude_each_other():
    assert refused(*TINY, "--arch", "a.toml", code=2) == (
        "cnnfx: --widths and --kernel-size are for the default network; --arch describes its own."
    )


def test_a_loss_that_is_not_finite_stops_with_advice_and_keeps_the_saved_model():
    done(*TINY, "--epochs", "1")
    before = arrays("model.npz")
    result = run(*TINY, "--lr", "1e30")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].endswith(
        "the learning rate 1e+30 is too large. Choose a smaller one, such as 0.01. Nothing was saved yet. "
        "The option is --lr."
    )
    assert "Warning" not in result.stderr
    np.testing.assert_array_equal(arrays("model.npz")["layers.0.weight"], before["layers.0.weight"])


def test_a_finished_run_has_nothing_to_resume():
    done(*TINY, "--epochs", "1")
    assert done("train", "--resume", "model.npz").stderr == (
        "cnnfx: model.npz: its only epoch is done: there is nothing to resume.\n"
    )


def stopped_after_an_epoch(how: int, *args: str) -> tuple[int, str]:
    with subprocess.Popen(
        [*COMMAND, *args], env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_until(lambda: os.path.exists("model.npz"))
        process.send_signal(how)
        message = process.stderr.read()
    return process.returncode, message


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_resumed_run_equals_an_uninterrupted_one(how):
    args = [*SLOW[:-1], "12"]
    stopped_after_an_epoch(how, *args)
    assert 1 <= meta("model.npz")["epochs"] < 12
    epochs = meta("model.npz")["epochs"]
    message = done("train", "--resume", "model.npz").stderr
    assert f" parameters. {epochs} of 12 epochs {'is' if epochs == 1 else 'are'} done.\n" in message
    done(*args, "-o", "whole.npz")
    assert same("model.npz", "whole.npz")
    assert [name for name in os.listdir() if name.startswith(".cnnfx")] == [] or how == signal.SIGKILL


def test_ctrl_c_prints_where_the_model_is_and_how_to_continue():
    code, message = stopped_after_an_epoch(signal.SIGINT, *SLOW)
    assert code == 130
    done_epochs = meta("model.npz")["epochs"]
    assert message.endswith(
        f"cnnfx: stopped. model.npz contains the model after epoch {done_epochs} of 60.\n"
        "Continue with: cnnfx train --resume model.npz\ncnnfx: interrupted.\n"
    )


@pytest.mark.parametrize("earlier", [False, True])
def test_ctrl_c_in_the_first_epoch_reports_that_nothing_is_saved(earlier):
    if earlier:
        done(*TINY, "--epochs", "1")
    command = [*COMMAND, "train", "--data", "drawn:2000", "--widths", "48,96", "--epochs", "1"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stderr.readline().startswith("training on ")
        run.send_signal(signal.SIGINT)
        message = run.stderr.read()
    assert run.returncode == 130
    still = " model.npz is still the model of an earlier run." if earlier else ""
    assert message == f"cnnfx: stopped in the first epoch: nothing is saved yet.{still}\ncnnfx: interrupted.\n"


def test_the_log_of_a_resumed_run_is_continued():
    args = [*SLOW[:-1], "12", "--log", "run.jsonl"]
    stopped_after_an_epoch(signal.SIGINT, *args)
    done("train", "--resume", "model.npz", "--log", "run.jsonl")
    with open("run.jsonl") as log:
        assert [json.loads(line)["epoch"] for line in log] == list(range(1, 13))


def test_a_resumed_run_accepts_no_other_settings():
    done(*TINY, "--epochs", "1")
    given = (
        ("--epochs", "2"), ("--lr", "0.1"), ("--weight-decay", "0"), ("--no-batch-norm",), ("--augment", "none"),
        ("--arch", "small"), ("--background", "red"), ("--channels", "gray"), ("--image-size", "28"),
    )  # fmt: skip
    for option in given:
        assert refused("train", "--resume", "model.npz", *option, code=2) == (
            f"cnnfx: {option[0]} cannot be given with --resume: the run of model.npz keeps its settings."
        )


def test_a_run_resumed_with_other_data_is_refused():
    done(*TINY, "--epochs", "1")
    assert refused("train", "--resume", "model.npz", "--data", "drawn:500") == (
        "cnnfx: drawn:500: these are not the 500 images that the run began with. "
        "Resume with the same data, or start a new run."
    )


def test_a_terminal_shows_a_bar_and_the_filters_before_and_after():
    code, shown = on_a_terminal(*TINY, "--epochs", "1")
    assert code == 0
    assert "images/s" in shown
    bars = [re.sub("\x1b.*?[a-zA-Z]", "", line) for line in re.split("[\r\n]", shown) if "images/s" in line]
    assert max(map(len, bars)) <= 77  # of 80: the terminal writes ^C after the bar
    assert "the first layer's filters before:\n" in shown
    assert "and after:\n" in shown
    assert "▀" in shown


@pytest.mark.mnist
@pytest.mark.skipif("CNNFX_DATA" not in os.environ, reason="CNNFX_DATA does not say where MNIST is")
def test_an_epoch_on_mnist_reaches_an_accuracy_of_98_percent():
    result = done("train", "--data", "mnist", "--epochs", "1", "--json")
    assert json.loads(result.stdout)["test_accuracy"] > 0.98
    printed = json.loads(done("evaluate", "model.npz", "--json").stdout)
    assert printed["accuracy"] == json.loads(result.stdout)["test_accuracy"]
