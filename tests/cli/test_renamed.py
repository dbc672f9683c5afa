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
    ],
)
def test_the_error_for_a_former_option_names_the_new_one(old, new):
    assert refused("train", *old, code=2) == f"cnnfx: {new}\nTry 'cnnfx train --help' for help."


@pytest.mark.parametrize("option", ["--channels", "--colormap", "--colourmap"])
def test_gray_can_be_spelled_grey(option, in_a_folder):
    done("apply", SEVEN, "-f", "edges", option, "grey", "-o", "grey.png")
    done("apply", SEVEN, "-f", "edges", "-o", "gray.png")
    assert (in_a_folder / "grey.png").read_bytes() == (in_a_folder / "gray.png").read_bytes()
