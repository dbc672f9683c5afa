"""The patterns that filters respond to, from Python."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.render.picture import Picture


def digits(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 20, 20), np.uint8)


def test_an_array_of_images_is_searched() -> None:
    found = cnnfx.show_patterns("edges", digits(), only="top,left", methods=["patches"])
    assert [pattern.name for pattern in found.patterns] == ["top", "left"]
    assert [len(pattern.patches) for pattern in found.patterns] == [9, 9]
    best = found.patterns[0].patches[0]
    maps = cnnfx.load_network("edges")(digits()[best.image] / np.float32(255))
    assert maps["top"].max() == pytest.approx(best.activation, rel=1e-5)


def test_a_notebook_shows_the_picture() -> None:
    found = cnnfx.show_patterns("edges", digits(), only="top", methods=["patches", "deconvolution"])
    assert isinstance(found.picture, Picture)
    assert found._repr_png_() == found.picture._repr_png_()
    assert repr(found) == "<PatternsPicture edges, layer 1 · patches of 3×3 · from 40 images of array>"


def test_a_folder_of_pictures_is_searched(tmp_path) -> None:
    for number, image in enumerate(digits(3)):
        PIL.Image.fromarray(image[0]).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    found = cnnfx.show_patterns("edges", tmp_path, methods=["patches"])
    assert found.found.images == 4
    assert len(found.notes) == 1
    assert "bad.png" in found.notes[0]


def test_drawn_digits_can_be_named() -> None:
    assert cnnfx.show_patterns("edges", "drawn:30", only="top", methods=["patches"]).found.images == 30


def test_an_unknown_method_or_filter_is_refused() -> None:
    with pytest.raises(cnnfx.ArgumentError, match=r"no method called 'gradcam'\. Choose from patches, deconvolution"):
        cnnfx.show_patterns("edges", digits(), methods=["gradcam"])
    with pytest.raises(cnnfx.ArgumentError, match="no channel 'up'"):
        cnnfx.show_patterns("edges", digits(), only="up")


def test_patterns_are_shown_in_a_line() -> None:
    found = cnnfx.show_patterns("edges", digits(), only="top", methods=["patches"]).found
    assert repr(found) == "<LayerPatterns of 1 filters, 3×3, from 40 images>"
    assert repr(found.patterns[0]).startswith("<Pattern top: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": ()}, "No method is given"),
        ({"methods": "patch"}, "There is no method called 'patch'"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, not -1"),
        ({"columns": 0}, "columns must be a whole number, 1 or more, not 0"),
    ],
)
def test_methods_and_numbers_out_of_range_are_refused(arguments, message) -> None:
    with pytest.raises(cnnfx.ArgumentError, match=message):
        cnnfx.show_patterns("edges", "drawn:40", **arguments)


def photographs(folder, *sizes: tuple[int, int], mode: str = "RGB"):
    """Pictures of noise in a folder, of sizes (width, height)."""
    random = np.random.default_rng(1)
    for number, (width, height) in enumerate(sizes):
        shape = (height, width, 3) if mode == "RGB" else (height, width)
        PIL.Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(folder / f"{number}.png")
    return folder


def test_a_layer_of_a_network_is_shown_by_its_name(tmp_path) -> None:
    folder = photographs(tmp_path, (70, 60), (60, 80), (60, 60))
    shown = cnnfx.show_patterns(
        "squeezenet", folder, layer="fire2", only="1,top:2", methods=["patches", "deconvolution"]
    )
    assert (shown.found.layer, shown.found.layer_name, shown.found.size) == (6, "fire2", (15, 15))
    assert (
        repr(shown)
        == f"<PatternsPicture squeezenet, layer fire2 · patches of 15×15 · from 3 images of {tmp_path.name}>"
    )
    assert shown.picture.ndim == 3
    patch = shown.patterns[0].patches[0]
    maps = cnnfx.load_network("squeezenet").forward(cnnfx.load_image(patch.image).floats(), keep=(6,))[6]
    assert maps[0].max() == pytest.approx(patch.activation, rel=1e-4)
    assert maps[0, patch.row, patch.column] == maps[0].max()


def test_the_filters_with_the_largest_activations_are_found(tmp_path) -> None:
    folder = photographs(tmp_path, (50, 40), (40, 50))
    shown = cnnfx.show_patterns("squeezenet", folder, layer="conv1", only="top:3", methods="patches")
    every = cnnfx.show_patterns("squeezenet", folder, layer="conv1", methods="patches").patterns
    largest = sorted(every, key=lambda pattern: -max([patch.activation for patch in pattern.patches], default=0))
    assert [pattern.name for pattern in shown.patterns] == [pattern.name for pattern in largest[:3]]


def test_gray_photographs_are_made_to_color(tmp_path) -> None:
    folder = photographs(tmp_path, (40, 40), mode="L")
    patch = cnnfx.show_patterns("squeezenet", folder, layer="conv1", methods="patches").patterns[1].patches[0]
    assert patch.pixels.shape == (3, 3, 3)
    np.testing.assert_array_equal(patch.pixels, np.repeat(patch.pixels[:1], 3, axis=0))


def test_a_photograph_that_is_smaller_than_the_network_takes_is_skipped_with_a_note(tmp_path) -> None:
    folder = photographs(tmp_path, (70, 60), (6, 70))
    shown = cnnfx.show_patterns("squeezenet", folder, layer="fire2", only="1", methods="patches")
    (note,) = shown.notes
    assert note.startswith(f"skipped: {folder / '1.png'}: layer pool1 of squeezenet: ")
    assert note.endswith("The smallest image that squeezenet takes is 7×7.")


def write_classifier(path) -> str:
    """A network that distinguishes red from blue, for images of 4×2 pixels."""
    path.write_text(
        'classes = ["red", "blue"]\n[input]\nchannels = "rgb"\nsize = [2, 4]\n[[layer]]\nname = "maps"\n'
        '[[layer.filter]]\nname = "r"\nweights = [[[1]], [[0]], [[0]]]\n'
        '[[layer.filter]]\nname = "b"\nweights = [[[0]], [[0]], [[1]]]\n'
        '[[layer]]\nname = "classes"\npool = "mean:all"\n'
    )
    return str(path)


def test_photographs_are_brought_to_the_size_of_the_input_for_classes(tmp_path) -> None:
    network = write_classifier(tmp_path / "colors.toml")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, size, color in (("a", (30, 20), (255, 0, 0)), ("b", (9, 9), (51, 0, 255)), ("c", (4, 2), (0, 0, 102))):
        PIL.Image.new("RGB", size, color).save(folder / f"{name}.png")
    methods = ["patches", "deconvolution"]
    shown = cnnfx.show_patterns(network, folder, layer="classes", methods=methods)
    assert (shown.found.layer, shown.found.size) == ("classes", (2, 4))
    red, blue = shown.patterns
    assert [patch.activation for patch in red.patches] == pytest.approx([1, 0.2, 0])
    assert [patch.activation for patch in blue.patches] == pytest.approx([1, 0.4, 0])
    assert red.patches[0].pixels.shape == (3, 2, 4)
    np.testing.assert_allclose(red.patches[0].projection[:, 0, 0], [1 / 8, 0, 0])
    maps = cnnfx.show_patterns(network, folder, methods=methods)  # of photographs as they are
    assert (maps.found.layer_name, maps.found.size) == ("maps", (1, 1))


def test_a_network_of_colors_needs_photographs() -> None:
    with pytest.raises(cnnfx.ArgumentError) as caught:
        cnnfx.show_patterns("squeezenet", layer="conv1")
    assert str(caught.value) == (
        "squeezenet reads images in color, and none are given to search: name a folder of photographs."
    )


def test_a_network_of_colors_is_maximized_without_photographs() -> None:
    shown = cnnfx.show_patterns("squeezenet", layer="conv1", only="3", methods="maximization")
    assert repr(shown) == "<PatternsPicture squeezenet, layer conv1 · inputs of 3×3>"
    assert shown.found.images == 0
    assert shown.patterns[0].maximized[0].pixels.shape == (3, 3, 3)
    with pytest.raises(cnnfx.ArgumentError, match=r"^Images are needed"):
        cnnfx.show_patterns("squeezenet", layer="conv1", only="top:3", methods="maximization")


def test_an_unknown_layer_is_refused_with_the_closest_name() -> None:
    with pytest.raises(cnnfx.ArgumentError) as caught:
        cnnfx.show_patterns("squeezenet", digits(), layer="fire55")
    assert str(caught.value) == "There is no layer 'fire55': squeezenet has 38 layers. Did you mean \"fire5\"?"
