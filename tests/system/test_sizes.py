"""Sizes as text."""

from __future__ import annotations

import numpy as np

from cnnfx.system.sizes import bytes_text, pair_text, shape_text, size_text


def test_a_size_is_width_times_height():
    assert size_text(np.zeros((480, 640)).shape) == "640×480"


def test_a_shape_is_a_number_of_channels_of_a_size():
    assert shape_text((3, 480, 640)) == "3 channels of 640×480"
    assert shape_text((1, 4, 5), "map") == "1 map of 5×4"


def test_a_pair_is_written_as_the_command_line_reads_it():
    assert (pair_text((2, 2)), pair_text((2, 1))) == ("2", "2,1")


def test_an_amount_of_memory_has_two_or_three_digits():
    assert [bytes_text(count) for count in (500, 60_000, 3_500_000, 350_000_000, 1_240_000_000, 12_000_000_000)] == [
        "0.5 kB", "60 kB", "3.5 MB", "350 MB", "1.2 GB", "12 GB",
    ]  # fmt: skip
