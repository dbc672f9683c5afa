"""Helpers for the tests of pages: random networks and images, pages, and the scripts of a page run by Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.classifier import Dense
from cnnfx.nn.input import Input
from cnnfx.nn.layers import COMBINATIONS, Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.cells import Section
from cnnfx.render.color import ColorScale
from cnnfx.render.grid import Grid
from cnnfx.render.page import make_page
from cnnfx.render.page.contents import MAX_IMAGE_PIXELS, page_contents
from cnnfx.render.page.data import page_data
from cnnfx.render.page.page import SCRIPTS, page_source
from cnnfx.render.tiles import Tiles

BORDERS = ("constant", "edge", "reflect", "symmetric", "wrap")
COMPUTING_SCRIPTS = SCRIPTS[: SCRIPTS.index("elements")]
"""The scripts that compute and need no browser."""


def random_image(random: np.random.Generator, channels: int, height: int, width: int) -> Image:
    kind = random.choice(["uint8", "uint16", "float32"])
    values = random.random((channels, height, width))
    stored = values.astype("f4") if kind == "float32" else (values * np.iinfo(kind).max).astype(kind)
    return Image("image", stored, tuple(f"c{index}" for index in range(channels)), is_array=kind == "float32")


def random_layer(random: np.random.Generator, depth: int) -> Layer:
    groups = int(random.choice([g for g in (1, 2, 3) if depth % g == 0]))
    count, (height, width) = groups * int(random.integers(1, 4)), random.integers(1, 4, 2)
    padding = random.choice(["valid", "same", "sides"])
    pads = tuple(tuple(map(int, random.integers(0, 3, 2))) for _ in range(2))
    conv = Conv(
        random.normal(size=(count, depth // groups, height, width)).astype("f4"),
        random.normal(size=count).astype("f4"),
        stride=tuple(map(int, random.integers(1, 3, 2))),
        dilation=tuple(map(int, random.integers(1, 3, 2))),
        padding=pads if padding == "sides" else str(padding),
        border=str(random.choice(BORDERS)),
        groups=groups,
    )
    names = tuple(f"f{index}" for index in range(count))
    layer = Layer(conv, names, activation=Activation(str(random.choice(["none", "relu", "abs"]))))
    if random.random() < 0.4:
        kinds = [kind for kind in COMBINATIONS if kind != "take"]
        of = tuple(map(int, random.permutation(count)[: random.integers(1, count + 1)]))
        taken = Combination("first", "take", (0,))
        layer = replace(layer, combine=(Combination("mixed", str(random.choice(kinds)), of), taken))
    if random.random() < 0.4:
        layer = replace(layer, pool=Pool(str(random.choice(["max", "mean"])), 2))
    return layer


def random_case(seed: int) -> tuple[Network, Image]:
    """Return a network bound to an image's channels, and the image."""
    random = np.random.default_rng(seed)
    image = random_image(random, int(random.integers(1, 4)), *map(int, random.integers(14, 20, 2)))
    layers: list[Layer] = []
    depth = image.shape[0]
    for _ in range(int(random.integers(1, 4))):
        layers.append(random_layer(random, depth))
        depth = len(layers[-1].outputs)
    network = Network(tuple(layers), input=Input(mean=0.13, std=0.31)) if seed % 2 else Network(tuple(layers))
    shape = network.output_shapes(image.shape)[-1]
    head = Dense(random.normal(size=(4, int(np.prod(shape)))).astype("f4"), random.normal(size=4).astype("f4"), shape)
    return replace(network.bind(image.channel_names), head=head, classes=("a", "b", "c", "d")), image


def fallback_grid() -> Grid:
    return Grid([Section([Tiles(("a",), 4, 4, lambda f, last, top, low: [np.zeros((low - top, 4), np.uint8)])])])


def make_page_text(
    network: Network | None = None,
    image: Image | None = None,
    color_scale: ColorScale | None = None,
    shown: Sequence[int] | None = None,
) -> str:
    image = image or Image("seven.png", np.zeros((1, 8, 8), np.uint8), ("gray",))
    network = network or cnnfx.load_network("edges").bind(image.channel_names)
    return make_page(network, image, color_scale or ColorScale(), fallback_grid(), shown).decode()


def page_data_of(network: Network, image: Image) -> Any:
    return json.loads(page_data(page_contents(network, image), image, ColorScale(), MAX_IMAGE_PIXELS))


def run_in_node(body: str, given: Any) -> Any:
    """Return what a JavaScript function body returns; it can use `given` and the scripts that compute."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not on the PATH: it runs the scripts of a page")
    parts = [page_source(f"{name}.js") for name in COMPUTING_SCRIPTS]
    program = "\n".join(
        [
            '"use strict";',
            *parts,
            f"function body(given) {{ {body} }}",
            'const text = require("fs").readFileSync(0, "utf8");',
            "process.stdout.write(JSON.stringify(body(JSON.parse(text))));",
        ]
    )
    done = subprocess.run([node, "-e", program], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
