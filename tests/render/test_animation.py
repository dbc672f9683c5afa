"""Animation files: every format is decoded and compared frame by frame."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from cnnfx.errors import ArgumentError, FileError
from cnnfx.render.animation import frame_duration, shared_palette, write_animation

FORMATS = ["gif", "webp", "png"]
LOCAL_PALETTE, INTERLACED = 0x80, 0x40
"""Flags in the image descriptor of a GIF frame."""


def encoded(frames, durations, format="gif", palette=None):
    file = io.BytesIO()
    write_animation(file, "a", frames, durations, format, palette)
    return file.getvalue()


def decoded(data):
    """Return all frames in RGB, and their durations in milliseconds."""
    picture = PIL.Image.open(io.BytesIO(data))
    frames, durations = [], []
    for index in range(picture.n_frames):
        picture.seek(index)
        frames.append(np.asarray(picture.convert("RGB")))
        durations.append(picture.info["duration"])
    return frames, durations


@pytest.fixture
def animated():
    """Return three frames of palette indices, the second with another corner and the third different everywhere."""
    random = np.random.default_rng(0)
    palette = random.integers(0, 256, (40, 3)).astype(np.uint8)
    first = random.integers(0, 40, (9, 13)).astype(np.uint8)
    second = first.copy()
    second[6:, 10:] = (second[6:, 10:] + 1) % 40
    return [first, second, (second + 7) % 40], palette


@pytest.mark.parametrize("format", FORMATS)
def test_decoded_frames_and_durations_equal_the_encoded_ones(animated, format):
    frames, palette = animated
    decoded_frames, durations = decoded(encoded(frames, [100, 40, 2000], format, palette))
    assert durations == [100, 40, 2000]
    for frame, picture in zip(frames, decoded_frames, strict=True):
        np.testing.assert_array_equal(picture, palette[frame])


@pytest.mark.parametrize("format", FORMATS)
def test_animations_repeat_forever(animated, format):
    frames, palette = animated
    assert PIL.Image.open(io.BytesIO(encoded(frames, [100] * 3, format, palette))).info["loop"] == 0


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_frames_are_encoded_as_the_same_bytes(animated, format):
    frames, palette = animated
    assert encoded(frames, [50] * 3, format, palette) == encoded(iter(frames), [50] * 3, format, palette)


def test_a_gif_has_one_palette(animated):
    frames, palette = animated
    data = encoded(frames, [100] * 3, "gif", palette)
    picture = PIL.Image.open(io.BytesIO(data))
    shared = picture.global_palette.palette
    assert shared[: palette.size] == palette.tobytes()
    assert [flags & LOCAL_PALETTE for flags in frame_flags(data)] == [0, 0, 0]


def test_the_later_frames_of_a_gif_are_not_interlaced():
    frames = [np.full((20, 20), level, np.uint8) for level in range(3)]
    flags = frame_flags(encoded(frames, [50] * 3, "gif", np.zeros((3, 3), np.uint8)))
    assert [one & INTERLACED for one in flags[1:]] == [0, 0]


def frame_flags(data):
    """Return the flags in the image descriptor of each frame of a GIF file."""
    offset = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    found = []
    while data[offset] != 0x3B:
        if data[offset] == 0x21:
            offset += 2
        else:
            found.append(data[offset + 9])
            offset += 11
        while data[offset]:
            offset += data[offset] + 1
        offset += 1
    return found


def test_a_frame_with_few_changes_is_encoded_in_few_bytes():
    first = np.random.default_rng(0).integers(0, 200, (100, 100)).astype(np.uint8)
    second = first.copy()
    second[40:44, 40:44] = 0
    palette = np.zeros((200, 3), np.uint8)
    assert len(encoded([first, second], [50, 50], "gif", palette)) - len(encoded([first], [50], "gif", palette)) < 80


def test_a_frame_equal_to_the_previous_one_keeps_its_duration(animated):
    frames, palette = animated
    decoded_frames, durations = decoded(encoded([frames[0], frames[0]], [50, 70], "gif", palette))
    assert sum(durations) == 120
    np.testing.assert_array_equal(decoded_frames[-1], palette[frames[0]])


def test_up_to_255_gray_levels_keep_their_values():
    frames = [np.arange(0, 250, 5, np.uint8).reshape(5, 10), np.full((5, 10), 3, np.uint8)]
    decoded_frames, _ = decoded(encoded(frames, [50, 50]))
    for frame, picture in zip(frames, decoded_frames, strict=True):
        np.testing.assert_array_equal(picture, np.repeat(frame[..., None], 3, axis=2))


def test_256_gray_levels_change_by_at_most_one():
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (indices,), palette = shared_palette([frame])
    assert len(palette) == 255
    assert np.abs(palette[indices][..., 0].astype(int) - frame).max() <= 1
    assert palette[indices][0, 0, 0] == 0
    assert palette[indices][-1, -1, 0] == 255


def test_up_to_255_colors_keep_their_values():
    frames = list(np.random.default_rng(1).integers(0, 6, (2, 8, 9, 3)).astype(np.uint8) * 50)
    decoded_frames, _ = decoded(encoded([frame // 100 * 100 for frame in frames], [50, 50]))
    for frame, picture in zip(frames, decoded_frames, strict=True):
        np.testing.assert_array_equal(picture, frame // 100 * 100)


def test_more_than_255_colors_are_replaced_by_close_ones_without_dithering():
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[..., 0], frame[..., 1] = np.arange(0, 256, 4), np.arange(0, 256, 4)[:, None]
    (first, second), palette = shared_palette([frame, np.full_like(frame, 100)])
    assert len(palette) <= 255
    assert np.abs(palette[first].astype(int) - frame).mean() < 6
    assert len(np.unique(second)) == 1  # dithering would mix colors


@pytest.mark.parametrize(("fps", "milliseconds"), [(10, 100), (25, 40), (3, 330), (50, 20), (1000, 20), (0.5, 2000)])
def test_the_duration_of_a_frame_is_whole_hundredths_of_a_second(fps, milliseconds):
    assert frame_duration(fps) == milliseconds


def test_a_format_without_animations_raises_an_error():
    with pytest.raises(ArgumentError, match=r"^jpg files cannot hold an animation\. Choose one of gif, webp, png\.$"):
        encoded([np.zeros((2, 2), np.uint8)], [50], "jpg")


def test_a_palette_of_256_colors_raises_an_error():
    with pytest.raises(ArgumentError, match=r"^A palette has at most 255 colors, not 256\.$"):
        encoded([np.zeros((2, 2), np.uint8)], [50], "gif", np.zeros((256, 3), np.uint8))


def test_a_frame_wider_than_16383_pixels_raises_an_error():
    with pytest.raises(
        FileError, match=r"^a: an animation of 16384×1 pixels is too large\. Width and height are limited to 16383"
    ):
        encoded([np.zeros((1, 16384), np.uint8)], [50], "gif", np.zeros((2, 3), np.uint8))
