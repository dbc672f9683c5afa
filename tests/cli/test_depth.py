"""`apply --depth 16`: gray pictures of 16 bits, one for each channel."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from tests.cli.commands import SEVEN, done, refused

LEVELS = np.arange(65536, dtype=np.uint16).reshape(256, 256)


def read(path: str) -> np.ndarray:
    with PIL.Image.open(path) as picture:
        return np.asarray(picture).astype(int)


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_all_levels_of_a_picture_of_16_bits_are_written(ending):
    PIL.Image.fromarray(LEVELS).save("deep.png")
    done("apply", "deep.png", "-k", "1", "--normalize", "none", "--depth", "16", "-o", "out/", "--format", ending)
    np.testing.assert_array_equal(read(f"out/deep.kernel.{ending}"), LEVELS)


def test_zero_is_mid_gray_and_the_largest_magnitude_black_or_white():
    np.save("a.npy", np.array([[-2, -1, 0, 1, 2]], np.float32))
    done("apply", "a.npy", "-k", "1", "--depth", "16", "-o", "out/")
    assert read("out/a.kernel.png").tolist() == [[0, 16384, 32768, 49151, 65535]]


def test_rounding_errors_are_mid_gray():
    values = np.full((20, 90), 0.1, np.float32)
    values[:, 45:] = 0.7
    np.save("a.npy", values)
    done("apply", "a.npy", "-k", "0.1 -0.7 0.6", "--depth", "16", "-o", "out/")
    assert np.unique(read("out/a.kernel.png")[:, :40]).tolist() == [32768]


def test_nan_and_infinity_are_black_or_white_and_counted():
    np.save("a.npy", np.array([[np.nan, -np.inf, np.inf, 1, 0, -1]], np.float32))
    lines = done("apply", "a.npy", "-k", "1", "--depth", "16", "-o", "out/").stderr.splitlines()
    assert lines[0] == "out/a.kernel.png: 3 values of kernel are NaN or infinite, drawn black or white."
    assert read("out/a.kernel.png").tolist() == [[0, 0, 65535, 65535, 32768, 0]]


def test_pictures_are_enlarged_and_of_one_range_with_the_scope_all():
    np.save("a.npy", np.array([[1, -1]], np.float32))
    options = ("--depth", "16", "--scope", "all", "--scale", "3", "-o", "out/")
    done("apply", "a.npy", "-k", "1", "-k", "2", *options)
    assert read("out/a.kernel1.png").tolist() == [[49151] * 3 + [16384] * 3] * 3
    assert read("out/a.kernel2.png").tolist() == [[65535] * 3 + [0] * 3] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "a.png"], "--depth 16 writes one picture for each channel. Give a folder: -o maps/."),
        (
            ["-o", "out/", "--format", "jpg"],
            "A .jpg file has no pixels of 16 bits. Give --format png, tif, tiff or pgm with --depth 16.",
        ),
        (
            ["-o", "out/", "--format", "npy"],
            "A .npy file has no pixels of 16 bits. Give --format png, tif, tiff or pgm with --depth 16.",
        ),
        (
            ["-o", "out/", "--colormap", "heat"],
            "--depth 16 writes gray pictures. Leave --colormap or --depth out.",
        ),
    ],
)
def test_what_has_no_16_bits_is_wrong_usage(options, message):
    assert refused("apply", SEVEN, "-f", "edges", "--depth", "16", *options, code=2) == f"cnnfx: {message}"
