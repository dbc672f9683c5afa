"""`cnnfx apply -o page.html`: one page for each image."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.cli.commands import SAMPLES, SEVEN, done, refused, run, shell


def printed(path: str | Path) -> dict:
    text = Path(path).read_text(encoding="utf-8")
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def picture(name: str, height: int, width: int, channels: int = 3) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    PIL.Image.fromarray(pixels.squeeze()).save(name)
    return name


def test_the_ending_html_writes_a_page_and_a_summary():
    result = done("apply", SEVEN, "-f", "edges", "-o", "page.html")
    assert result.stderr == "page.html: 4 channels of 26×26\n"
    assert result.stdout == ""
    assert printed("page.html")["network"]["layers"][0]["filters"] == ["top", "left", "bottom", "right"]


def test_a_page_shows_every_layer():
    result = done("apply", SEVEN, "-f", "edges", "--then", "box", "--pool", "max:2", "-o", "page.html")
    assert result.stderr == "page.html: 4 channels of 26×26, 1 channel of 12×12\n"
    assert [layer["pool"] for layer in printed("page.html")["network"]["layers"]] == [None, "max:2"]


def test_a_page_of_a_layer_shows_the_layers_below():
    done("apply", SEVEN, "-f", "edges", "--then", "box", "--layer", "1", "-o", "page.html")
    assert len(printed("page.html")["network"]["layers"]) == 1


def test_all_options_of_the_layer_reach_the_page():
    options = "--stride 2,1 --dilation 2 --padding 3 --border reflect --activation relu --flip"
    done("apply", SEVEN, "-f", "edges", *options.split(), "-o", "page.html")
    layer = printed("page.html")["network"]["layers"][0]
    assert (layer["stride"], layer["dilation"], layer["padding"]) == ([2, 1], [2, 2], [[3, 3], [3, 3]])
    assert (layer["border"], layer["activation"]) == ("reflect", "relu")


def test_each_separate_color_is_a_group():
    done("apply", SAMPLES / "colors.png", "-f", "edges", "--channels", "each", "-o", "page.html")
    page = printed("page.html")
    assert page["network"]["layers"][0]["groups"] == 3
    assert page["image"]["channels"] == ["red", "green", "blue"]


def test_pages_of_many_images_have_different_names():
    picture("a.png", 8, 8)
    picture("b.png", 8, 9)
    done("apply", "a.png", "b.png", "-f", "edges", "-o", "{stem}.html", "--jobs", "2")
    assert printed("a.html")["image"]["pixels"]["shape"] == [1, 8, 8]
    assert printed("b.html")["image"]["pixels"]["shape"] == [1, 8, 9]


def test_a_page_can_be_written_to_a_pipe():
    result = shell(f"cat '{SEVEN}' | cnnfx apply - -f edges --format html | head -c 15")
    assert result.stdout == b"<!doctype html>"


def test_a_page_in_json_is_described_layer_by_layer():
    result = done("apply", SEVEN, "-f", "edges", "--then", "box", "-o", "page.html", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["output"], line["layer"], len(line["channels"])) for line in lines] == [
        ("page.html", 1, 4),
        ("page.html", 2, 1),
    ]


def test_existing_pages_can_be_skipped():
    done("apply", SEVEN, "-f", "edges", "-o", "page.html")
    result = done("apply", SEVEN, "-f", "edges", "-o", "page.html", "--skip-existing")
    assert result.stderr == f"{SEVEN}: its output exists already.\n"


def test_a_large_image_is_shrunk_with_a_message():
    picture("large.png", 600, 800, 1)
    result = done("apply", "large.png", "-f", "box", "-o", "page.html")
    assert result.stderr == (
        "large.png: reduced from 800×600 to 591×443 for the page.\npage.html: 1 channel of 589×441\n"
    )
    assert "The image was reduced from 800×600 to 591×443 for the page." in Path("page.html").read_text("utf-8")


@pytest.mark.parametrize("channels", ["gray", "rgb"])
def test_512_by_512_with_16_channels_is_under_2_mb(channels):
    picture("noise.png", 512, 512)  # nothing is harder to compress
    kernels = [option for k in range(16) for option in ("-k", f"{k} 1 0; 1 2 3; 0 {k} 1")]
    result = done("apply", "noise.png", *kernels, "--channels", channels, "-o", "page.html")
    assert Path("page.html").stat().st_size < 2_000_000
    assert result.stderr == "page.html: 16 channels of 510×510\n"


def test_a_page_of_more_than_2_mb_is_reported():
    np.save("floats.npy", np.random.default_rng(0).random((3, 512, 512), np.float32))
    result = done("apply", "floats.npy", "-f", "box", "-o", "page.html")
    size = Path("page.html").stat().st_size / 1e6
    assert size > 2
    assert f"page.html: it has {size:.1f} MB, more than the 2 MB that open quickly anywhere.\n" in result.stderr


def test_a_page_is_one_file_not_a_folder():
    message = "cnnfx: A page holds all channels of an image, so it is one file. Give -o 'pages/{stem}.html'."
    assert refused("apply", SEVEN, "-f", "edges", "-o", "pages/", "--format", "html", code=2) == message
    assert not Path("pages").exists()


def test_many_images_do_not_fit_one_page():
    picture("a.png", 8, 8)
    assert "2 images would all be written to page.html" in refused(
        "apply", SEVEN, "a.png", "-f", "edges", "-o", "page.html", code=2
    )


def test_an_ending_and_a_format_that_differ_are_refused():
    assert "page.html ends in .html, but --format is png" in refused(
        "apply", SEVEN, "-f", "edges", "-o", "page.html", "--format", "png", code=2
    )


def test_filters_alone_make_no_page():
    assert run("show-filters", "edges", "-o", "page.html").stderr == (
        "cnnfx: page.html is not a picture file. Filters are written to one picture: give -o filters.png.\n"
    )


def test_a_page_without_an_image_leaves_nothing_behind():
    assert "missing.png" in refused("apply", "missing.png", "-f", "edges", "-o", "page.html")
    assert list(Path(".").iterdir()) == []


def test_a_page_of_a_deep_layer_shows_this_layer_only_and_says_so():
    picture("photo.png", 60, 80)
    result = done("apply", "photo.png", "-f", "squeezenet", "--layer", "fire5", "--only", "top:3", "-o", "page.html")
    assert result.stderr == (
        "page.html: it shows fire5 only: all layers up to it have 1,635 maps, and a page shows up to 1,024.\n"
        "page.html: 3 channels of 9×6\n"
    )
    layers = printed("page.html")["network"]["layers"]
    assert [layer["title"] for layer in layers if layer["isShown"]] == ["fire5"]
    assert len(layers[-1]["combine"]) == 3


def test_a_page_of_class_maps_computes_the_classes_too():
    picture("photo.png", 60, 80)
    done("apply", "photo.png", "-f", "squeezenet", "-o", "page.html")
    network = printed("page.html")["network"]
    assert [layer["title"] for layer in network["layers"] if layer["isShown"]] == ["conv10"]
    assert network["layers"][network["scoresLayer"] - 1]["title"] == "classes"
    assert len(network["classes"]) == 1000


def test_all_layers_of_a_large_network_on_a_page_are_refused():
    picture("photo.png", 60, 80)
    message = refused("apply", "photo.png", "-f", "squeezenet", "--layer", "all", "-o", "page.html", code=2)
    assert message == (
        "cnnfx: the layers of squeezenet have 7,952 maps; a page shows up to 1,024. Choose one layer with --layer, or "
        "some of its channels with --only."
    )
    assert not Path("page.html").exists()
