"""A browser for the tests marked `browser`: Playwright with an installed Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.classifier import Dense
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.color import ColorScale
from tests.render.page.page_helpers import make_page_text

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
LOCAL = ("file:", "data:")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator:
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install '.[browser]'"
    )
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"there is no Chromium on the PATH ({', '.join(CHROMIUM)})")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def contexts(browser) -> Iterator[Callable]:
    """A function that returns a browser context with some settings, the same one for the same settings."""
    opened: dict[str, Any] = {}

    def context(**settings):
        key = repr(sorted(settings.items()))
        opened[key] = opened.get(key) or browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        return opened[key]

    yield context
    for one in opened.values():
        one.close()


@pytest.fixture
def visit(contexts, tmp_path: Path) -> Iterator[Callable]:
    """A function that opens the page of a network and an image; the test fails on any script error or request."""
    problems: list[str] = []
    pages = []

    def visit(network: Network, image: Image, color_scale: ColorScale | None = None, shown=None, **settings):
        path = tmp_path / "page.html"
        text = make_page_text(network.bind(image.channel_names), image, color_scale, shown)
        path.write_text(text, encoding="utf-8")
        opened = contexts(**settings).new_page()
        pages.append(opened)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        opened.on("request", lambda request: None if request.url.startswith(LOCAL) else problems.append(request.url))
        opened.goto(path.as_uri())
        if settings.get("java_script_enabled", True):
            opened.wait_for_selector("html[data-ready]")
        return opened

    yield visit
    for opened in pages:
        opened.close()
    assert not problems


@pytest.fixture(scope="session")
def seven() -> Image:
    return cnnfx.load_image(Path(cnnfx.__file__).parent.parent / "samples" / "seven.png")


@pytest.fixture(scope="session")
def edges() -> Network:
    return cnnfx.load_network("edges")


@pytest.fixture(scope="session")
def digit_model() -> Network:
    """Return a model of the shape that MNIST's have, with random weights and a normalized input."""
    random = np.random.default_rng(3)
    conv = Conv(random.normal(size=(3, 1, 5, 5)).astype("f4"), random.normal(size=3).astype("f4"))
    upper = Conv(random.normal(size=(5, 3, 3, 3)).astype("f4"), random.normal(size=5).astype("f4"))
    layers = (
        Layer(conv, ("a", "b", "c"), activation=Activation("relu"), pool=Pool("max", 2)),
        Layer(upper, ("1", "2", "3", "4", "5"), activation=Activation("relu"), pool=Pool("mean", 2)),
    )
    head = Dense(0.02 * random.normal(size=(10, 125)).astype("f4"), np.zeros(10, "f4"), (5, 5, 5))
    return Network(
        layers,
        input=Input(mean=0.13, std=0.31, fit="digit"),
        classes=tuple("0123456789"),
        head=head,
        meta={"input": [1, 28, 28]},
    )
