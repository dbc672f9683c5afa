"""Moving pictures: what is written is read again, frame by frame, in every format."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from cnnfx.errors import ArgumentError, FileError
from cnnfx.render.animation import frame_time, share_palette, write_animation

FORMATS = ["gif", "webp", "png"]


def written(frames, durations, format="gif", palette=None):
    file = io.BytesIO()
    write_animation(file, "a", frames, durations, format, palette)
    return file.getvalue()


def decoded(data):
    """All frames in RGB, and their durations in milliseconds."""
    picture = PIL.Image.open(io.BytesIO(data))
    frames, durations = [], []
    for index in range(picture.n_frames):
        picture.seek(index)
        frames.append(np.asarray(picture.convert("RGB")))
        durations.append(picture.info["duration"])
    return frames, durations


@pytest.fixture
def moving():
    """Frames of places in a palette, of which the second differs in a corner, the third everywhere."""
    random = np.random.default_rng(0)
    palette = random.integers(0, 256, (40, 3)).astype(np.uint8)
    first = random.integers(0, 40, (9, 13)).astype(np.uint8)
    second = first.copy()
    second[6:, 10:] = (second[6:, 10:] + 1) % 40
    return [first, second, (second + 7) % 40], palette


@pytest.mark.parametrize("format", FORMATS)
def test_frames_and_durations_are_read_as_they_were_written(moving, format):
    frames, palette = moving
    shown, durations = decoded(written(frames, [100, 40, 2000], format, palette))
    assert durations == [100, 40, 2000]
    for frame, picture in zip(frames, shown, strict=True):
        np.testing.assert_array_equal(picture, palette[frame])


@pytest.mark.parametrize("format", FORMATS)
def test_it_begins_again_at_its_end(moving, format):
    frames, palette = moving
    assert PIL.Image.open(io.BytesIO(written(frames, [100] * 3, format, palette))).info["loop"] == 0


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_frames_give_the_same_bytes(moving, format):
    frames, palette = moving
    assert written(frames, [50] * 3, format, palette) == written(iter(frames), [50] * 3, format, palette)


def test_a_gif_has_one_palette(moving):
    frames, palette = moving
    data = written(frames, [100] * 3, "gif", palette)
    picture = PIL.Image.open(io.BytesIO(data))
    shared = picture.global_palette.palette
    assert shared[: palette.size] == palette.tobytes()
    assert local_palettes(data) == [False, False, False]


def local_palettes(data):
    """Whether each frame of a GIF brings a palette of its own, read from its bytes."""
    at = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    found = []
    while data[at] != 0x3B:
        if data[at] == 0x21:
            at += 2
        else:
            found.append(bool(data[at + 9] & 0x80))
            at += 11
        while data[at]:
            at += data[at] + 1
        at += 1
    return found


def test_a_frame_in_which_little_changes_takes_few_bytes():
    first = np.random.default_rng(0).integers(0, 200, (100, 100)).astype(np.uint8)
    second = first.copy()
    second[40:44, 40:44] = 0
    palette = np.zeros((200, 3), np.uint8)
    assert len(written([first, second], [50, 50], "gif", palette)) - len(written([first], [50], "gif", palette)) < 80


def test_a_frame_that_equals_the_one_before_is_kept(moving):
    frames, palette = moving
    shown, durations = decoded(written([frames[0], frames[0]], [50, 70], "gif", palette))
    assert sum(durations) == 120
    np.testing.assert_array_equal(shown[-1], palette[frames[0]])


def test_gray_levels_keep_their_values_where_one_palette_has_them():
    frames = [np.arange(0, 250, 5, np.uint8).reshape(5, 10), np.full((5, 10), 3, np.uint8)]
    shown, _ = decoded(written(frames, [50, 50]))
    for frame, picture in zip(frames, shown, strict=True):
        np.testing.assert_array_equal(picture, np.repeat(frame[..., None], 3, axis=2))


def test_all_256_gray_levels_are_off_by_one_at_most():
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (places,), palette = share_palette([frame])
    assert len(palette) == 255
    assert np.abs(palette[places][..., 0].astype(int) - frame).max() <= 1
    assert palette[places][0, 0, 0] == 0
    assert palette[places][-1, -1, 0] == 255


def test_colors_keep_their_values_where_one_palette_has_them():
    frames = list(np.random.default_rng(1).integers(0, 6, (2, 8, 9, 3)).astype(np.uint8) * 50)
    shown, _ = decoded(written([frame // 100 * 100 for frame in frames], [50, 50]))
    for frame, picture in zip(frames, shown, strict=True):
        np.testing.assert_array_equal(picture, frame // 100 * 100)


def test_many_colors_are_drawn_by_near_ones_of_one_palette_without_dither():
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[..., 0], frame[..., 1] = np.arange(0, 256, 4), np.arange(0, 256, 4)[:, None]
    (first, second), palette = share_palette([frame, np.full_like(frame, 100)])
    assert len(palette) <= 255
    assert np.abs(palette[first].astype(int) - frame).mean() < 6
    assert len(np.unique(second)) == 1  # dither would mix


@pytest.mark.parametrize(("fps", "milliseconds"), [(10, 100), (25, 40), (3, 330), (50, 20), (1000, 20), (0.5, 2000)])
def test_a_frame_takes_whole_hundredths_of_a_second(fps, milliseconds):
    assert frame_time(fps) == milliseconds


def test_a_format_that_cannot_move_is_refused():
    with pytest.raises(ArgumentError, match=r"^jpg files cannot move\. Choose one of gif, webp, png\.$"):
        written([np.zeros((2, 2), np.uint8)], [50], "jpg")


def test_a_palette_of_256_colors_is_refused():
    with pytest.raises(ArgumentError, match=r"^A palette has at most 255 colors, not 256\.$"):
        written([np.zeros((2, 2), np.uint8)], [50], "gif", np.zeros((256, 3), np.uint8))


def test_a_picture_that_is_too_large_is_refused():
    with pytest.raises(FileError, match=r"^a: a moving picture of 16384×1 pixels is too large; 16383 in each"):
        written([np.zeros((1, 16384), np.uint8)], [50], "gif", np.zeros((2, 3), np.uint8))
