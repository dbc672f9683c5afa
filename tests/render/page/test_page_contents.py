"""Which layers of a network are on a page, by their size, and what the page says about the others."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.cells import Section
from cnnfx.render.grid import Grid
from cnnfx.render.page import contents as contents_module
from cnnfx.render.page.contents import max_image_pixels, page_contents, shown_layers
from cnnfx.render.page.page import fallback_image
from cnnfx.render.tiles import Tiles
from tests.render.page.page_helpers import make_page_text

IMAGE = Image("photo.png", np.zeros((3, 120, 160), np.uint8), ("red", "green", "blue"))


@pytest.fixture(scope="module")
def squeezenet() -> Network:
    return cnnfx.load_network("squeezenet").bind(IMAGE.channel_names)


def test_all_layers_of_a_small_graph_are_shown():
    network = cnnfx.load_network("faces")
    last = len(network.layers)
    shown = shown_layers(network, [last])
    assert shown == tuple(sorted(network.needed - {0}))
    assert page_contents(network.bind(IMAGE.channel_names), IMAGE, shown).note() is None


def test_of_a_network_with_many_maps_only_the_requested_layer_is_shown_and_all_is_computed(squeezenet):
    number = squeezenet.layer_number("fire9")
    shown = shown_layers(squeezenet, [number])
    assert shown == (number,)
    contents = page_contents(squeezenet.upto(number), IMAGE, shown)
    assert contents.is_live
    assert contents.computed == frozenset(range(1, number + 1))
    assert contents.note() == ("shows fire9 only: all layers up to it have 5,952 maps, and a page shows up to 1,024")


def test_the_layers_below_are_shown_too_as_long_as_they_are_few(squeezenet):
    number = squeezenet.layer_number("fire2")
    shown = shown_layers(squeezenet, [number])
    assert shown == tuple(range(1, number + 1))
    assert page_contents(squeezenet.upto(number), IMAGE, shown).note() is None


def test_of_a_network_with_large_weights_the_maps_that_the_layer_reads_are_given(squeezenet, monkeypatch):
    monkeypatch.setattr(contents_module, "MAX_WEIGHT_BYTES", 1_000_000)
    number = squeezenet.layer_number("fire9/squeeze")
    contents = page_contents(squeezenet.upto(number), IMAGE, shown_layers(squeezenet, [number]))
    assert contents.computed == {number}
    assert contents.given == [squeezenet.layer_number("fire8")]
    assert not contents.is_live
    assert contents.note().endswith(". It cannot open other images: that needs the other layers")


def test_a_layer_without_filters_is_computed_with_those_that_it_reads(squeezenet, monkeypatch):
    monkeypatch.setattr(contents_module, "MAX_WEIGHT_BYTES", 1_000_000)
    fire9, squeeze = (squeezenet.layer_number(name) for name in ("fire9", "fire9/squeeze"))
    contents = page_contents(squeezenet.upto(fire9), IMAGE, [fire9])
    assert contents.given == [squeeze]


def test_a_large_image_is_not_computed_by_the_page(squeezenet, monkeypatch):
    monkeypatch.setattr(contents_module, "MAX_PRODUCTS", 10_000_000)
    number = squeezenet.layer_number("fire9")
    assert not page_contents(squeezenet.upto(number), IMAGE, [number]).is_live


def test_more_maps_than_a_page_shows_are_an_error(squeezenet):
    with pytest.raises(
        CnnfxError, match=r"^the layers of squeezenet have 7,952 maps; a page shows up to 1,024\.$"
    ) as caught:
        shown_layers(squeezenet, range(1, len(squeezenet.layers) + 1))
    assert caught.value.remedy == "page_maps"
    many = Network((Layer(Conv(np.ones((1100, 3, 1, 1), "f4"), np.zeros(1100, "f4")), tuple(map(str, range(1100)))),))
    with pytest.raises(CnnfxError, match=r"^layer 1 of network has 1,100 maps; a page shows up to 1,024\.$"):
        shown_layers(many, [1])
    assert shown_layers(many, [1], some_channels=True) == (1,)


def test_the_page_says_what_it_leaves_out_and_names_the_channels_of_the_layer_it_shows(squeezenet):
    number = squeezenet.layer_number("conv10")
    text = make_page_text(squeezenet, IMAGE, shown=[number])
    assert '<p class="note">This page shows conv10 only: all layers up to it have 6,952 maps' in text
    assert "its feature maps: tench, goldfish, great white shark," in text


def test_strides_and_pooling_leave_room_for_larger_images():
    filters = Conv(np.ones((64, 3, 3, 3), "f4"), np.zeros(64, "f4"), stride=2)
    lower = Layer(filters, tuple(map(str, range(64))), (), Activation("relu"), Pool("max", 2))
    upper = Layer(Conv(np.ones((600, 64, 1, 1), "f4"), np.zeros(600, "f4")), tuple(map(str, range(600))))
    assert max_image_pixels(Network((lower, upper))) == 512 * 512
    wide = Network((Layer(Conv(np.ones((664, 3, 1, 1), "f4"), np.zeros(664, "f4")), tuple(map(str, range(664)))),))
    assert max_image_pixels(wide) == 2**24 // 664


def test_a_fallback_image_that_is_too_high_for_jpeg_is_made_smaller():
    noise = np.random.default_rng(0).integers(0, 256, (70_000, 4), np.uint8)
    tiles = Tiles(("a",), 70_000, 4, lambda first, last, top, bottom: [noise[top:bottom]])
    data = fallback_image(Grid([Section([tiles], 1, 1)], labels=False, gap=0))
    assert data.startswith("data:image/jpeg;base64,")
    with PIL.Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))) as picture:
        assert picture.size == (4, 65_000)


def test_names_that_are_not_text_are_escaped():
    image = Image("caf\udce9\x1b.png", np.zeros((1, 8, 8), np.uint8), ("gray",))
    network = replace(cnnfx.load_network("edges"), name="a\udcff").bind(image.channel_names)
    page = make_page_text(network, image)
    assert "<title>a\\udcff on caf\\udce9\\x1b.png" in page
    assert '"caf\\udce9\\u001b.png"' in page  # in JSON it is the name itself
