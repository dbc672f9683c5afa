"""The sample images: their script makes the same pixels again, and they show what it says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

SAMPLES = Path(__file__).parents[1] / "samples"
NAMES = ["seven.png", "scene.png", "patterns.png", "colors.png", "still-life.png"]
PHOTOGRAPHS = ["astronaut.jpg", "chelsea.png"]


def load(path):
    with Image.open(path) as image:
        return np.asarray(image)


def sample(name):
    return load(SAMPLES / name)


def load_script(name):
    """A script as a module, imported by its path."""
    spec = importlib.util.spec_from_file_location(name, SAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the samples that the script makes."""
    folder = tmp_path_factory.mktemp("samples") / "new"
    command = [sys.executable, "-W", "error", str(SAMPLES / "make_samples.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def script():
    return load_script("make_samples")


def test_the_script_makes_all_samples_and_nothing_else(made):
    assert sorted(path.name for path in made.iterdir()) == sorted(NAMES)
    pictures = [path.name for suffix in ("png", "jpg") for path in SAMPLES.glob(f"*.{suffix}")]
    assert sorted(pictures) == sorted(NAMES + PHOTOGRAPHS)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_made_again_has_the_same_pixels(made, name):
    assert np.array_equal(load(made / name), sample(name))


@pytest.mark.parametrize(
    ("name", "shape"),
    list(zip(NAMES, [(28, 28), (256, 256), (264, 360), (160, 240, 3), (384, 512, 3)], strict=True)),
)
def test_a_sample_has_its_size_and_channels(name, shape):
    pixels = sample(name)
    assert (pixels.shape, pixels.dtype) == (shape, np.uint8)


def test_the_samples_are_small_files():
    assert (SAMPLES / "still-life.png").stat().st_size < 350_000
    assert sum((SAMPLES / name).stat().st_size for name in NAMES[:4]) < 40_000


# The seven


def test_the_seven_has_a_box_of_20_pixels_and_its_center_of_mass_in_the_middle():
    seven = sample("seven.png").astype(float)
    rows, columns = np.nonzero(seven)
    assert np.ptp(rows) + 1 == 20
    assert 14 <= np.ptp(columns) + 1 <= 20
    assert ndimage.center_of_mass(seven) == pytest.approx((13.5, 13.5), abs=0.05)


def test_the_seven_is_white_on_black_with_soft_edges():
    seven = sample("seven.png")
    assert seven.max() == 255
    assert (seven == 0).mean() > 0.75
    assert ((seven > 0) & (seven < 255)).sum() > 60


def test_the_seven_has_edges_of_all_four_directions():
    seven = sample("seven.png") / 255
    top = np.array([[-1, -1, -1], [1, 1, 1], [0, 0, 0]])
    for kernel in (top, top.T, top[[2, 1, 0]], top[[2, 1, 0]].T):
        assert ndimage.correlate(seven, kernel, mode="constant").max() > 1.8  # of 3, a long straight edge


# The scene


def test_the_shapes_of_the_scene_do_not_touch(script):
    _, count = ndimage.label(sample("scene.png") > script.SCENE_BACKGROUND, np.ones((3, 3)))
    assert count == len(script.scene_shapes())


def test_the_shapes_of_the_scene_have_the_positions_in_the_script(script):
    covered = sample("scene.png").astype(float) - script.SCENE_BACKGROUND
    labels, _ = ndimage.label(covered, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    for shape in script.scene_shapes():
        if shape.kind.endswith("corner"):
            assert covered[int(shape.y), int(shape.x)] == covered.max()
            continue
        place = [
            box[0].start <= shape.y < box[0].stop and box[1].start <= shape.x < box[1].stop for box in boxes
        ].index(True)
        y, x = ndimage.center_of_mass(covered * (labels == place + 1))
        assert (x, y) == pytest.approx((shape.x, shape.y), abs=0.05)


def test_the_shapes_of_the_scene_have_the_sizes_in_the_script(script):
    labels, _ = ndimage.label(
        sample("scene.png") > (script.SCENE_BACKGROUND + script.SCENE_FOREGROUND) / 2, np.ones((3, 3))
    )
    boxes = ndimage.find_objects(labels)
    spans = {tuple((part.start + part.stop - 1) / 2 for part in box): box[1].stop - box[1].start for box in boxes}
    for shape in script.scene_shapes():
        if shape.kind in {"circle", "square"}:
            width = shape.size * (2 if shape.kind == "circle" else 1) + script.STROKE
            assert spans[shape.y, shape.x] == pytest.approx(width, abs=1)


def test_a_corner_opens_away_from_the_side_in_its_name(script):
    scene = sample("scene.png")
    for shape in script.scene_shapes():
        if shape.kind.endswith("corner"):
            x, y = int(shape.x), int(shape.y)
            right, down = (-1 if "right" in shape.kind else 1), (-1 if "bottom" in shape.kind else 1)
            assert scene[y, x + right * 15] == scene[y + down * 15, x] == script.SCENE_FOREGROUND
            assert scene[y, x - right * 4] == scene[y - down * 4, x] == script.SCENE_BACKGROUND


def test_the_angle_of_a_line_is_counterclockwise(script):
    covered = sample("scene.png").astype(float) - script.SCENE_BACKGROUND
    for shape in script.scene_shapes():
        if shape.kind == "line":
            radians = np.radians(shape.angle)
            for step in (-15, 15):
                x, y = round(shape.x + step * np.cos(radians)), round(shape.y - step * np.sin(radians))
                assert covered[y, x] > 0.9 * covered.max()


# The color chart


def test_the_first_row_of_the_chart_shows_the_named_hues(script):
    row = sample("colors.png")[20, 15::30]
    assert [tuple(color) for color in row.tolist()] == list(script.HUES.values())


def test_the_chart_shows_pairs_of_opponent_colors(script):
    row = sample("colors.png")[60].tolist()
    assert tuple(row[2]) == tuple(row[60]) == script.HUES["red"]
    assert tuple(row[20]) == tuple(row[42]) == script.HUES["green"]
    assert tuple(row[82]) == tuple(row[140]) == script.HUES["blue"]
    assert tuple(row[100]) == tuple(row[122]) == script.HUES["yellow"]


def test_the_gray_levels_of_the_chart_rise_evenly_from_black_to_white():
    grays = sample("colors.png")[140, 15::30]
    assert (grays == grays[:, :1]).all()
    assert grays[:, 0].tolist() == [0, 36, 73, 109, 146, 182, 219, 255]


# The sheet of patterns


def test_the_sheet_shows_each_pattern_at_its_position(script):
    sheet = sample("patterns.png").astype(float) - script.SHEET_BACKGROUND
    for shape in script.sheet_shapes():
        x, y = int(shape.x), int(shape.y)
        at = {"circle": (y, x + int(shape.size)), "square": (y, x + int(shape.size) // 2)}.get(shape.kind, (y, x))
        strength = {"dark disc": -1, "stripes": 0.5}.get(shape.kind, 1)
        assert sheet[at] == pytest.approx(strength * script.SHEET_CONTRAST, abs=1), shape
    assert np.median(sheet) == 0


def test_the_patterns_of_the_sheet_do_not_touch(script):
    shapes = [shape for shape in script.sheet_shapes() if shape.kind not in {"dark disc", "stripes"}]
    light = sample("patterns.png") > script.SHEET_BACKGROUND + script.SHEET_CONTRAST * 0.7
    _, count = ndimage.label(light, np.ones((3, 3)))
    assert count == len(shapes)


# The still life


def test_the_still_life_looks_like_a_photograph():
    picture = sample("still-life.png").astype(float)
    assert (picture.reshape(-1, 3).std(axis=0) > 25).all()
    assert np.ptp(picture, axis=(0, 1)).min() > 200
    wall = picture[20:60, 20:60] - ndimage.gaussian_filter(picture[20:60, 20:60], (3, 3, 0))
    assert 1 < wall.std() < 3  # gentle noise


def test_the_red_and_the_green_ball_are_round():
    red, green, blue = np.moveaxis(sample("still-life.png").astype(int), -1, 0)
    for mask in ((red > 2.5 * green) & (red > 2.5 * blue), (green > 1.7 * red) & (green > 1.7 * blue)):
        labels, _ = ndimage.label(mask)
        largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
        rows, columns = np.nonzero(ndimage.binary_fill_holes(largest))
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), rel=0.15)


# The computed weights of presets


def test_the_presets_have_the_weights_that_their_script_computes(tmp_path):
    shipped, script = SAMPLES.parent / "filters", load_script("make_filters")
    for preset, weights in script.computed().items():
        text = (shipped / f"{preset}.toml").read_text("utf-8")
        emptied = script.with_weights(text, {name: np.zeros_like(matrix) for name, matrix in weights.items()})
        assert emptied != text
        (tmp_path / f"{preset}.toml").write_text(emptied, "utf-8")
    command = [sys.executable, "-W", "error", str(SAMPLES / "make_filters.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for preset in script.computed():
        assert (tmp_path / f"{preset}.toml").read_bytes() == (shipped / f"{preset}.toml").read_bytes()


def test_computed_weights_add_up_to_0():
    for filters in load_script("make_filters").computed().values():
        assert [int(matrix.sum()) for matrix in filters.values()] == [0] * len(filters)


def test_a_preset_without_the_filter_whose_weights_are_replaced_is_refused():
    with pytest.raises(SystemExit, match='no filter "a" with weights to replace'):
        load_script("make_filters").with_weights('name = "b"\nweights = [[1]]\n', {"a": np.ones((1, 1), int)})


def test_the_photographs_are_those_of_scikit_image(tmp_path):
    subprocess.run(
        [sys.executable, str(SAMPLES / "make_photographs.py"), str(tmp_path)], check=True, capture_output=True
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == PHOTOGRAPHS
    for name in PHOTOGRAPHS:
        difference = np.abs(load(tmp_path / name).astype(int) - sample(name))
        assert difference.mean() < 1  # the library that writes JPEG may be another
