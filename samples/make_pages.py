"""Make the pictures of pages in a browser: `python samples/make_pages.py`, with Playwright and a Chromium."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from make_documents import ROOT, prepare, run

PICTURES = ROOT / "samples" / "pages"
COMMANDS = (
    "cnnfx apply samples/still-life.png --filters sobel -o still-life.html",
    "cnnfx train --data drawn:6000 --epochs 3 -o model.npz -q",
    "cnnfx apply samples/seven.png --filters model.npz -o model.html",
)
SEVEN = ((0.25, 0.22), (0.75, 0.22), (0.42, 0.85))
"""The corners of a drawn seven, as fractions of the drawing area's width and height."""


def enlarge(page: Any) -> None:
    """Enlarge the maps around the strongest pixel, which the page explains when it opens."""
    for _ in range(3):
        page.click("#larger")


def draw(page: Any) -> None:
    """Draw a seven."""
    box = page.locator("canvas.drawing").bounding_box()
    corners = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=10)
    page.mouse.up()


SHOWN: tuple[tuple[str, int, int, str, Callable[[Any], None]], ...] = (
    ("still-life", 1280, 880, "dark", enlarge),
    ("model", 360, 740, "light", draw),
)


def main() -> None:
    """Make the pages and take screenshots of them."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        prepare(folder)
        for command in COMMANDS:
            result = run(command, folder)
            if result.returncode:
                sys.exit(f"{command}\n{result.stderr}")
        PICTURES.mkdir(exist_ok=True)
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        for stem, width, height, scheme, act in SHOWN:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto((folder / f"{stem}.html").as_uri())
            page.wait_for_selector("html[data-ready]")
            act(page)
            page.wait_for_timeout(300)
            page.screenshot(path=PICTURES / f"{stem}.png")
        browser.close()


if __name__ == "__main__":
    main()
