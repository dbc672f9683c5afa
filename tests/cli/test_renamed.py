"""Other spellings of options and values, and former names of options."""

from __future__ import annotations

import pytest

from tests.cli.commands import SEVEN, done, refused


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("--filters", "8,16"), "--filters is now --widths."),
        (("--filters=8,16",), "--filters is now --widths."),
        (("--size", "3"), "--size is now --kernel-size."),
        (("--color",), "--color is now --channels rgb."),
        (("--no-augment",), "--no-augment is now --augment none."),
    ],
)
def test_the_error_for_a_former_option_names_the_new_one(old, new):
    assert refused("train", *old, code=2) == f"cnnfx: {new}\nTry 'cnnfx train --help' for help."


@pytest.mark.parametrize("option", ["--channels", "--colormap", "--colourmap"])
def test_gray_can_be_spelled_grey(option, in_a_folder):
    done("apply", SEVEN, "-f", "edges", option, "grey", "-o", "grey.png")
    done("apply", SEVEN, "-f", "edges", "-o", "gray.png")
    assert (in_a_folder / "grey.png").read_bytes() == (in_a_folder / "gray.png").read_bytes()


@pytest.mark.parametrize("name", ["animate", "explain", "show-patterns"])
def test_the_help_shows_no_older_name_of_only(name):
    text = done(name, "--help").stdout
    assert "  --only LIST" in text
    assert "--filter " not in text
    assert ("-f, --filters" in text) == (name != "show-patterns")


def test_the_older_names_of_only_still_work():
    command = ("explain", SEVEN, "-f", "edges", "--at", "3,4")
    assert done(*command, "--filter", "top").stdout == done(*command, "--only", "top").stdout
    command = ("show-patterns", "edges", "--data", "drawn:20", "--json", "--method", "patches")
    shown = {done(*command, name, "top").stdout for name in ("-f", "--filters", "--only")}
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (("--Activation", "ReLU"), ("--activation", "relu")),
        (("--padding", "Same"), ("--padding", "same")),
        (("--pool", "Max:2"), ("--pool", "max:2")),
    ],
)
def test_the_case_of_names_does_not_matter(given, known, in_a_folder):
    done("apply", SEVEN, "-f", "edges", *given, "-o", "a.npy")
    done("apply", SEVEN, "-f", "edges", *known, "-o", "b.npy")
    assert (in_a_folder / "a.npy").read_bytes() == (in_a_folder / "b.npy").read_bytes()


def test_the_case_of_options_of_one_letter_matters():
    assert refused("apply", SEVEN, "-F", "edges", code=2).startswith("cnnfx: No such option: -F\n")
