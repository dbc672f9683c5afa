"""Hints for what new users type: presets as images, lists of presets, kernels as lists."""

from __future__ import annotations

import pytest

from tests.cli.commands import SEVEN, done, refused


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("apply", SEVEN, "-f", "sobel", "edges"),
         "edges is a preset, not an image. For several, repeat -f: -f sobel -f edges."),
        (("apply", "edges", SEVEN), "edges is a preset, not an image. Name it with -f: -f edges."),
        (("explain", SEVEN, "-f", "sobel", "edges"),
         "edges is a preset, not an image. For several, repeat -f: -f sobel -f edges."),
        (("apply", SEVEN, "-f", "sobel,edges"),
         '"sobel,edges" is not one preset. For several, repeat -f: -f sobel -f edges.'),
        (("animate", SEVEN, "-f", "sobel, edges"),
         '"sobel, edges" is not one preset. For several, repeat -f: -f sobel -f edges.'),
        (("apply", SEVEN, "-f", "sobel,"), '"sobel," is not one preset. For several, repeat -f: -f sobel.'),
        (("show-filters", "sobel,edges"), '"sobel,edges" is not one preset. Name one at a time.'),
        (("apply", SEVEN, "-f", "sobbel"),
         'there is no preset called "sobbel". Did you mean "sobel"? cnnfx list-filters shows them all.'),
        (("summary", "EDGES"),
         'there is no preset called "EDGES". Did you mean "edges"? cnnfx list-filters shows them all.'),
        (("summary", "sobbel"),
         'there is no preset called "sobbel". Did you mean "sobel"? cnnfx list-filters shows them all.'),
        (("animate", SEVEN, "-f", "sobel", "edges"),
         "Got unexpected extra argument (edges). For several filters, repeat -f: -f sobel -f edges.\n"
         "Try 'cnnfx animate --help' for help."),
        (("animate", SEVEN, "-f", "sobel", "nosuch"),
         "Got unexpected extra argument (nosuch)\nTry 'cnnfx animate --help' for help."),
    ],
)  # fmt: skip
def test_a_misplaced_or_unknown_preset_is_wrong_usage_with_a_hint(args, message):
    assert refused(*args, code=2) == f"cnnfx: {message}"


def test_a_missing_filter_file_is_a_file_error():
    assert refused("apply", SEVEN, "-f", "nosuch.toml") == (
        "cnnfx: nosuch.toml: there is no such file. Check the path, or name a preset."
    )


def test_an_image_that_has_the_name_of_a_preset_is_read(in_a_folder):
    (in_a_folder / "edges").write_bytes(SEVEN.read_bytes())
    assert done("apply", "edges", "-f", "sobel", "-q", "-o", "maps.npy").stderr == ""


@pytest.mark.parametrize("name", ["avg", "average"])
def test_average_pooling_is_mean_pooling(name, in_a_folder):
    done("apply", SEVEN, "-f", "edges", "--pool", f"{name}:2", "-o", "a.npy")
    done("apply", SEVEN, "-f", "edges", "--pool", "mean:2", "-o", "b.npy")
    assert (in_a_folder / "a.npy").read_bytes() == (in_a_folder / "b.npy").read_bytes()


def test_a_kernel_can_be_a_list_of_rows():
    assert done("show-filters", "-k", "[[1,0],[0,1/2]]", "--values").stdout == (
        done("show-filters", "-k", "1 0; 0 1/2", "--values").stdout
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("show-filters", "-f", "edges"), "No such option: -f. Name the filters without it: cnnfx show-filters edges."),
        (("summary", "--filters", "edges"),
         "No such option: --filters. Name the filters without it: cnnfx summary edges."),
        (("evaluate", "-m", "a.npz"), "No such option: -m. Name the model without it: cnnfx evaluate model.npz."),
        (("apply", SEVEN, "-f"), "Option '-f' requires an argument."),
    ],
)  # fmt: skip
def test_the_hint_for_an_unknown_option_says_what_to_write(args, message):
    assert refused(*args, code=2) == f"cnnfx: {message}\nTry 'cnnfx {args[0]} --help' for help."


def test_commands_that_contain_the_given_name_are_suggested():
    assert refused("show", code=2) == (
        "cnnfx: No such command 'show'. Did you mean 'show-filters', 'show-patterns'?\nTry 'cnnfx --help' for help."
    )


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("apply", "", "-f", "edges"), "The name of an image"),
        (("predict", " ", "-m", "a.npz"), "The name of an image"),
        (("apply", SEVEN, "-f", "edges", "-o", ""), "The name of the output"),
        (("train", "-o", ""), "The name of the model"),
        (("train", "--data", ""), "The name of the data"),
    ],
)
def test_an_empty_name_is_refused(args, what, model, in_a_folder):
    if "a.npz" in args:
        (in_a_folder / "a.npz").write_bytes(model.read_bytes())
    assert refused(*args, code=2) == f"cnnfx: {what} is empty. A variable of the shell may not be set."


def test_a_file_beside_the_named_preset_is_suggested(in_a_folder):
    (in_a_folder / "own.toml").touch()
    assert refused("show-filters", "own", code=2) == ('cnnfx: there is no preset called "own". Did you mean own.toml?')
    (in_a_folder / "picture.png").touch()
    assert refused("show-filters", "picture.png", code=2) == (
        'cnnfx: there is no preset called "picture.png". picture.png is a picture. '
        "Filters are a preset, a filter file (.toml), a model (.npz), or a file of PyTorch, Keras, ONNX or safetensors."
    )
