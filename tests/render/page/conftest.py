"""A browser for the tests marked `browser`: Playwright, driving a Chromium that is on the machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.network import Network
from cnnfx.render.color import ColorScale
from tests.render.page.page_networks import page

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
    """A function that gives a part of the browser with some settings, the same for the same settings."""
    known: dict[str, Any] = {}

    def context(**settings):
        name = repr(sorted(settings.items()))
        known[name] = known.get(name) or browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        return known[name]

    yield context
    for opened in known.values():
        opened.close()


@pytest.fixture
def visit(contexts, tmp_path: Path) -> Iterator[Callable]:
    """A function that opens a page of a network on an image; no error and no request may come of it."""
    wrong: list[str] = []
    pages = []

    def visit(network: Network, image: Image, look: ColorScale | None = None, **settings):
        path = tmp_path / "page.html"
        path.write_text(page(network.bind(image.channel_names), image, look), encoding="utf-8")
        opened = contexts(**settings).new_page()
        pages.append(opened)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        opened.on("request", lambda request: None if request.url.startswith(LOCAL) else wrong.append(request.url))
        opened.goto(path.as_uri())
        if settings.get("java_script_enabled", True):
            opened.wait_for_selector("html[data-ready]")
        return opened

    yield visit
    for opened in pages:
        opened.close()
    assert not wrong


@pytest.fixture(scope="session")
def seven() -> Image:
    return cnnfx.load_image(Path(cnnfx.__file__).parent.parent / "samples" / "seven.png")
