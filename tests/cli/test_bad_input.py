"""Messages for bad input: where and what is wrong and how to fix it. No file is left incomplete."""

# ruff: noqa: E501 # input and message are on one line

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cnnfx.system import files
from tests.cli.commands import SAMPLES, SEVEN, refused, run, shell


@pytest.fixture(autouse=True)
def nothing_is_left(in_a_folder):
    """A command that fails leaves no file behind: only what the test itself made is there."""
    yield
    made = {path.name for path in in_a_folder.iterdir()}
    assert not {name for name in made if name.startswith("out") or name.endswith(".part")}


def refusal(image, *options, code=1):
    return refused("apply", image, *(options or ("-f", "edges")), "-o", "out.png", code=code)


def written(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


# --- images


def test_a_missing_image():
    assert refusal("nofile.png") == "cnnfx: nofile.png: there is no such file."


def test_a_missing_image_with_a_name_similar_to_another():
    written("photo.png", "")
    assert refusal("foto.png") == "cnnfx: foto.png: there is no such file. Did you mean photo.png?"


def test_a_folder_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    assert refusal("empty") == ("cnnfx: empty: it holds no pictures that can be read.")


def test_a_folder_with_images_in_subfolders_only(tmp_path):
    (tmp_path / "photos" / "deeper").mkdir(parents=True)
    written("photos/deeper/a.png", SEVEN.read_bytes())
    assert refusal("photos") == (
        "cnnfx: photos: it holds pictures only in its sub-folders. Add --recursive to read these."
    )


def test_a_file_that_is_no_image():
    assert refusal(written("a.png", "hello")) == (
        "cnnfx: a.png: it is not an image that can be read. "
        "Known are PNG, JPEG, TIFF, WebP, GIF, BMP, PGM, PPM, AVIF and others, and numbers as .npy, .npz and .csv."
    )


@pytest.mark.parametrize(("share", "rows"), [(0.1, 44), (0.5, 194), (0.9, 339)])
def test_a_truncated_image(share, rows):
    content = (SAMPLES / "still-life.png").read_bytes()
    assert refusal(written("a.png", content[: int(len(content) * share)])) == (
        f"cnnfx: a.png: cannot decode this PNG (its pixels end after {rows} of 384 rows). Get the file again."
    )


def test_an_image_of_zero_bytes():
    assert refusal(written("a.png", "")) == "cnnfx: a.png: it is empty. The program that made it may have failed."


def test_an_image_over_the_limit_of_pixels():
    PIL.Image.new("L", (30, 20)).save("a.png")
    assert refusal("a.png", "-f", "edges", "--max-pixels", "599") == (
        "cnnfx: a.png: it has 30×20 = 600 pixels, the limit is 599. Raise the limit with --max-pixels if you trust the file."
    )


def test_an_image_at_the_limit_of_pixels():
    PIL.Image.new("L", (30, 20)).save("a.png")
    assert run("apply", "a.png", "-f", "edges", "--max-pixels", "600").exit_code == 0


@pytest.mark.parametrize("cell", ["inf", "abc", "1.2.3"])
def test_a_table_with_text_in_it(cell):
    assert refusal(written("a.csv", f"1,2\n3,{cell}\n")) == (
        f"cnnfx: a.csv, line 2, column 2: '{cell}' is not a number."
    )


def test_an_array_of_too_many_axes():
    np.save("a.npy", np.zeros((2, 2, 2, 2), np.float32))
    assert refusal("a.npy") == (
        "cnnfx: a.npy: the array has the shape (2, 2, 2, 2), which is 2 images. Save one of them."
    )
    np.save("a.npy", np.zeros((1, 2, 2, 2, 2), np.float32))
    assert refusal("a.npy").startswith("cnnfx: a.npy: the array has the shape (1, 2, 2, 2, 2). An image is (H, W)")


def test_a_message_of_several_images_names_each():
    result = run("apply", written("a.png", ""), "nofile.png", "-f", "edges")
    assert result.exit_code == 1
    assert result.stderr == (
        "cnnfx: a.png: it is empty. The program that made it may have failed.\n"
        "cnnfx: nofile.png: there is no such file.\n"
    )


# --- filters


def test_no_filters_at_all():
    assert refused("apply", SEVEN, code=2) == (
        "cnnfx: Name the filters, such as -f edges; cnnfx list-filters shows the presets."
    )


def test_an_unknown_preset():
    assert refusal(SEVEN, "-f", "edgs", code=2) == (
        'cnnfx: there is no preset called "edgs". Did you mean "edges"? cnnfx list-filters shows them all.'
    )


def test_a_missing_filter_file():
    assert refusal(SEVEN, "-f", "own.toml") == (
        "cnnfx: own.toml: there is no such file. Check the path, or name a preset."
    )


FILES = [
    ("a = = 1\n", "own.toml:1:5: Invalid value."),
    ("[[filter]]\nweights = [[1, 2], [3]]\n", "own.toml: layer 1, filter 1, weights: row 2 has 1 number, row 1 has 2. Every row needs the same number."),
    ('[[filter]]\nweights = "x"\n', 'own.toml: layer 1, filter 1, weights: found the text "x"; a matrix is needed here: [[1, 2], [3, 4]].'),
    ("[[filter]]\nwieghts = [[1]]\n", 'own.toml: layer 1, filter 1: unknown key "wieghts". Did you mean "weights"?'),
    ("stride = 0\n[[filter]]\nweights = [[1]]\n", "own.toml: layer 1: stride must be 1 or more, not 0."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"), FILES, ids=["syntax", "ragged", "wrong type", "unknown key", "stride 0"]
)
def test_an_invalid_filter_file(content, message):
    assert refusal(SEVEN, "-f", written("own.toml", content)) == f"cnnfx: {message}"


KERNELS = [
    ("1 2; 3", "kernel: row 2 has 1 number, row 1 has 2. Every row needs the same number."),
    ("1 x", 'kernel: row 1, number 2: "x" is not a finite number. Write numbers such as -1, 0.5 or 1/9.'),
    ("", 'kernel: there are no numbers. Write rows of numbers, as in "-1 0 1; -2 0 2; -1 0 1".'),
    ("3x3: 1 2 3", "kernel: 3x3 needs 9 numbers, found 3."),
]


@pytest.mark.parametrize(("text", "message"), KERNELS, ids=["ragged", "text", "empty", "too few"])
def test_an_invalid_typed_kernel(text, message):
    assert refusal(SEVEN, "-k", text, code=2) == f"cnnfx: {message}"


def test_filter_files_with_different_settings():
    written("own.toml", "stride = 2\n[[filter]]\nweights = [[1]]\n")
    assert refusal(SEVEN, "-f", "own.toml", "-f", "box") == (
        "cnnfx: own and box cannot be concatenated: stride is 2 in own and 1 in box. "
        "Make them the same, or apply one after the other. Stack networks with --then."
    )


# --- filters that do not fit the image


def test_a_kernel_larger_than_the_image():
    np.save("a.npy", np.zeros((2, 5), np.float32))
    assert refusal("a.npy") == (
        "cnnfx: a.npy: layer 1 of edges: kernel of 3×3 is larger than the image of 5×2; "
        'use a smaller kernel, a larger image or padding="same". The smallest image that edges takes is 3×3.'
    )


def test_a_pooling_larger_than_the_maps():
    assert refusal(SEVEN, "-f", "edges", "--pool", "max:30") == (
        f"cnnfx: {SEVEN}: layer 1 of edges: pool max:30 does not fit into maps of 26×26 pixels. "
        "The smallest image that edges takes is 32×32."
    )


def test_channels_that_do_not_match_the_image():
    written("own.toml", "[[filter]]\nweights = [[[1]], [[1]]]\n")
    assert refusal(SEVEN, "-f", "own.toml") == (
        f"cnnfx: {SEVEN}: layer 1 of own: its filters have 2 input channels, its input has 1 (gray)."
    )


def test_channels_that_do_not_match_the_layer_below():
    written("own.toml", "[[filter]]\nweights = [[[1]], [[1]]]\n")
    assert refusal(SEVEN, "-f", "edges", "--then", "own.toml") == (
        f"cnnfx: {SEVEN}: layer 2 of edges-own: its filters have 2 input channels, "
        "its input has 4 (top, left, bottom, right)."
    )


# --- options


OPTIONS = [
    ("--stride", "0", "'0' is not a whole number of 1 or more, nor two of them as VERTICAL,HORIZONTAL."),
    ("--stride", "1,2,3", "'1,2,3' is not a whole number of 1 or more, nor two of them as VERTICAL,HORIZONTAL."),
    ("--dilation", "-1", "'-1' is not a whole number of 1 or more, nor two of them as VERTICAL,HORIZONTAL."),
    ("--padding", "full", "'full' is not valid, same or a whole number of pixels."),
    ("--pool", "max", "'max' is not max:N, mean:N (N of 1 or more) or none."),
    ("--pool", "max:0", "'max:0' is not max:N, mean:N (N of 1 or more) or none."),
    ("--layer", "-1", "'-1' is not the name of a layer, nor its number."),
    ("--max-pixels", "1e6", "'1e6' is not a whole number of 1 or more."),
    ("--columns", "0", "'0' is not a whole number of 1 or more."),
    ("--scale", "0.5", "'0.5' is not a whole number of 1 or more."),
    ("--gap", "-1", "'-1' is not a whole number of 0 or more."),
    ("--background", "no color", "'no color' is not a color. Write a name such as gray, or #rrggbb."),
    ("--channels", "red", "'red' is not one of 'auto', 'gray', 'rgb', 'each'."),
    (
        "--activation",
        "swish",
        "'swish' is not one of 'none', 'relu', 'abs', 'relu6', 'leaky_relu', 'sigmoid', 'tanh', "
        "'hard_sigmoid', 'hard_swish', 'softmax'.",
    ),
]


@pytest.mark.parametrize(
    ("option", "value", "message"), OPTIONS, ids=[f"{option}={value}" for option, value, _ in OPTIONS]
)
def test_an_invalid_value_of_an_option(option, value, message):
    assert refusal(SEVEN, "-f", "edges", option, value, code=2) == (
        f"cnnfx: Invalid value for '{option}': {message}\nTry 'cnnfx apply --help' for help."
    )


@pytest.mark.parametrize("command", [("apply", SEVEN, SEVEN, "-f", "edges"), ("show-patterns", "edges"), ("train",)])
@pytest.mark.parametrize("value", ["0", "two"])
def test_an_invalid_number_of_threads_in_the_environment(command, value, monkeypatch):
    monkeypatch.setenv("CNNFX_THREADS", value)
    assert refused(*command, code=2) == (
        f"cnnfx: the environment variable CNNFX_THREADS must be a whole number, 1 or more, not '{value}'."
    )


def test_an_unknown_border():
    assert refusal(SEVEN, "-f", "edges", "--border", "mirrored", code=2).startswith(
        'cnnfx: border must be one of "constant", "edge", "reflect", "symmetric", "wrap", not \'mirrored\''
    )


@pytest.mark.parametrize("number", ["0", "2"])
def test_a_layer_that_does_not_exist(number):
    assert refusal(SEVEN, "-f", "edges", "--layer", number, code=2) == (
        f"cnnfx: There is no layer {number}: edges has 1 layer."
    )


def test_no_image():
    assert refused("apply", "-f", "edges", code=2) == (
        "cnnfx: Missing argument 'IMAGE...'.\nTry 'cnnfx apply --help' for help."
    )


# --- outputs


def test_an_output_folder_that_is_missing():
    assert refused("apply", SEVEN, "-f", "edges", "-o", "no/out.png") == (
        "cnnfx: no/out.png: it cannot be written: its folder does not exist. Create it, or choose another with -o."
    )


def test_an_output_folder_that_is_a_file():
    written("file", "")
    assert refused("apply", SEVEN, "-f", "edges", "-o", "file/out.png") == (
        "cnnfx: file/out.png: it cannot be written: a part of its path is not a folder. Choose another output with -o."
    )


NOT_ALLOWED = (
    "cnnfx: locked/out.png: it cannot be written: writing is not allowed there. Choose another output with -o."
)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_is_not_writable(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert refused("apply", SEVEN, "-f", "edges", "-o", "locked/out.png") == NOT_ALLOWED


def test_an_output_folder_that_the_system_refuses(tmp_path, monkeypatch):
    def denied(*_args):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(files.os, "replace", denied)
    assert refused("apply", SEVEN, "-f", "edges", "-o", "locked/out.png") == NOT_ALLOWED


def test_an_output_name_that_is_too_long():
    name = "x" * 300 + ".png"
    assert refused("apply", SEVEN, "-f", "edges", "-o", name) == (
        f"cnnfx: {name}: it cannot be written: the name is too long. Choose another output with -o."
    )


def test_a_full_disk(monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "replace", full)
    assert refusal(SEVEN) == (
        "cnnfx: out.png: it cannot be written: the disk is full. Free space, or choose another output with -o."
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_device():
    assert refused("apply", SEVEN, "-f", "edges", "-o", "/dev/full", "--format", "png") == (
        "cnnfx: /dev/full: it cannot be written: the disk is full. Free space, or choose another output with -o."
    )


def test_a_failure_leaves_an_older_output_unchanged(monkeypatch):
    written("kept.png", "older")
    np.save("a.npy", np.zeros((2, 2), np.float32))
    assert run("apply", "a.npy", "-f", "edges", "-o", "kept.png").exit_code == 1
    assert Path("kept.png").read_text() == "older"


def test_too_little_memory(monkeypatch):
    def exhausted(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr("cnnfx.pipeline.pipeline.feature_maps_of_layers", exhausted)
    assert refusal(SEVEN) == (
        f"cnnfx: {SEVEN}: there is not enough memory. Try a smaller image, or fewer filters at a time."
    )


@pytest.mark.parametrize("format", ["npy", "npz", "png"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_larger_than_the_system_allows(format, jobs, tmp_path):
    """A limit on the size of files simulates a full disk: writing stops in the middle, and the system gives the reason."""
    (tmp_path / "in").mkdir()
    for name in "ab":
        written(f"in/{name}.png", SEVEN.read_bytes())
    # The interpreter would leave a truncated .pyc file, and report an error whenever the module is imported again.
    limited = "export PYTHONDONTWRITEBYTECODE=1; ulimit -f 1"
    done = shell(f"{limited}; cnnfx apply in -f edges -o 'out-{{stem}}.{format}' --jobs {jobs}")
    reason = "it cannot be written: the file system does not allow files of this size. Choose another output with -o.\n"
    assert done.stderr.decode() == "".join(f"cnnfx: out-{name}.{format}: {reason}" for name in "ab")
    assert done.returncode == 1
    assert sorted(os.listdir()) == ["in"]


LONG = "n" * 300
"""A name that is longer than file systems allow."""


@pytest.mark.parametrize(
    "args",
    [
        ("apply", LONG, "-f", "edges"),
        ("apply", SEVEN, "-f", f"./{LONG}"),
        ("apply", SEVEN, "-f", f"{LONG}.toml"),
        ("apply", SEVEN, "-f", "edges", "-o", f"{LONG}.png"),
        ("predict", SEVEN, "-m", f"{LONG}.npz"),
        ("train", "--data", LONG),
        ("train", "--arch", f"{LONG}.toml", "--data", "drawn:10"),
        ("show-patterns", "edges", "--data", LONG),
        ("summary", f"{LONG}.toml"),
    ],
    ids=lambda args: " ".join(map(str, args)).replace(LONG, "LONG").replace(str(SEVEN), "SEVEN"),
)
def test_a_name_that_is_too_long_is_a_message(args):
    assert LONG in refused(*args)


def test_a_separator_that_is_no_digit_is_refused_in_a_pair():
    message = refused("apply", SEVEN, "-f", "edges", "--stride", "\x1d2,x", code=2)
    assert "is not a whole number of 1 or more" in message
    assert run("apply", SEVEN, "-f", "edges", "--stride", " 2,\x1d1", "-o", "made.png").exit_code == 0
