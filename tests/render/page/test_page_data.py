"""The HTML file of a page: it is self-contained, and names and texts in it cannot become markup or scripts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.render.color import ColorScale
from cnnfx.render.page import max_image_pixels
from cnnfx.render.page import page as page_module
from tests.render.page.page_helpers import make_page_text, random_case

EVIL = '</script><script>alert("1 & 2")</script><!--<img src=http://example.org>\'@DATA@'


def data(text: str):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_a_page_loads_no_other_file():
    text = make_page_text()
    assert not re.findall(r"(?:https?:)?//[\w.]+\.\w+/", re.sub(r"/[/*].*", "", text))
    sources = re.findall(
        r'(?:src|href|action|url)\s*[=(]\s*["\']?([^"\')\s>]*)', text.split('<script type="application/json"')[0]
    )
    assert all(source.startswith(("data:", "#")) for source in sources), sources
    assert "@import" not in text
    assert "fetch(" not in text


def test_the_content_security_policy_allows_only_the_script_of_the_page():
    text = make_page_text()
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', text)
    assert policy
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert policy[1] == (f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'")


def test_names_that_contain_html_are_escaped():
    conv = Conv(np.ones((1, 1, 2, 2), "f4"), np.zeros(1, "f4"))
    network = Network((Layer(conv, (EVIL,)),), name=EVIL, description=EVIL, source=EVIL)
    image = Image(EVIL.replace("/", "∕"), np.zeros((1, 4, 4), np.uint8), (EVIL,), notes=(EVIL,))
    text = make_page_text(network, image)
    assert text.count("<script") == make_page_text().count("<script")
    assert text.count("</script>") == 2
    assert "<img src=http" not in text
    assert data(text)["network"]["layers"][0]["filters"] == [EVIL]
    assert html.escape(EVIL) in text


def test_a_page_does_not_contain_the_folder_of_the_image():
    assert "secret" not in make_page_text(
        image=Image("/home/secret/seven.png", np.zeros((1, 8, 8), np.uint8), ("gray",))
    )


def test_the_same_input_gives_the_same_page():
    assert make_page_text() == make_page_text()


def test_the_data_contain_the_image_bit_for_bit():
    for seed in range(12):
        try:
            network, image = random_case(seed)
        except ValueError:
            continue
        pixels = data(make_page_text(network, image))["image"]["pixels"]
        stored = np.frombuffer(base64.b64decode(pixels["data"]), pixels["type"]).reshape(pixels["shape"])
        np.testing.assert_array_equal(stored, image.values)
        assert pixels["type"] == image.values.dtype.name


def test_the_data_contain_the_color_scale():
    scale = data(make_page_text(color_scale=ColorScale("absolute", "all", "heat", 99.5)))["colorScale"]
    assert scale == {"normalize": "absolute", "scope": "all", "colormap": "heat", "clip": 99.5, "limits": None}


def test_a_network_without_classes_has_no_drawing_canvas():
    assert data(make_page_text())["drawing"] is None


@pytest.mark.parametrize("shape", [None, "1,28,28", [1, 28], [3, 14, 14], [1, 0, 14], [1, 5, 5], [1, True, 14]])
def test_a_model_with_an_invalid_training_size_has_no_drawing_canvas(shape):
    network, image = model((1, 14, 14))
    assert data(make_page_text(replace(network, meta={"input": shape}), image))["drawing"] is None


def test_a_model_of_other_classes_has_a_drawing_canvas_of_its_training_size():
    network, image = model((1, 14, 14))
    drawing = data(make_page_text(network, image))["drawing"]
    assert (drawing["shape"], drawing["digits"]) == ([1, 14, 14], False)


def model(shape) -> tuple[Network, Image]:
    from cnnfx.nn.classifier import Dense

    layer = Layer(Conv(np.ones((2, 1, 3, 3), "f4"), np.zeros(2, "f4")), ("a", "b"))
    maps = layer.output_shape(shape)
    head = Dense(np.zeros((3, int(np.prod(maps))), "f4"), np.zeros(3, "f4"), maps)
    network = Network((layer,), head=head, classes=("x", "y", "z"), meta={"input": list(shape)})
    return network, Image("a", np.zeros(shape, np.uint8), ("gray",))


def test_a_page_larger_than_the_limit_raises_an_error(monkeypatch):
    monkeypatch.setattr(page_module, "MAX_PAGE_BYTES", 50_000)
    with pytest.raises(CnnfxError, match=r"^the page would have 0 MB; the limit is 0 MB\.$") as caught:
        make_page_text()
    assert caught.value.remedy == "page_size"


def test_networks_with_many_channels_have_a_lower_image_limit():
    assert max_image_pixels(cnnfx.load_network("edges")) == 512 * 512
    wide = Network((Layer(Conv(np.ones((256, 1, 1, 1), "f4"), np.zeros(256, "f4")), tuple(map(str, range(256)))),))
    assert max_image_pixels(wide) * 256 <= 2**24
