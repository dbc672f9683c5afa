"""What tests do with a page in a browser, and what they read from it."""

from __future__ import annotations

import time

import numpy as np


def map_named(page, name: str):
    return page.locator(f"canvas.map[aria-label^='{name}']")


def screen_position(page, view, row: int, column: int, shape) -> tuple[float, float]:
    """Return where on the screen a pixel of a map is."""
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    return box["x"] + (column + 0.5) * box["width"] / shape[1], box["y"] + (row + 0.5) * box["height"] / shape[0]


def shown_value(page) -> float:
    """Return the value in the panel, once the page has drawn it."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return float(page.locator("#value .number").first.get_attribute("data-value"))


def shown_position(page) -> str:
    shown_value(page)
    return page.text_content("#where")


def point(page, view, row: int, column: int, shape) -> None:
    page.mouse.move(*screen_position(page, view, row, column, shape))


def click(page, view, row: int, column: int, shape) -> None:
    page.mouse.click(*screen_position(page, view, row, column, shape))


def marked_maps(page) -> list[str]:
    """Return the names of the maps that have a colored mark."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".card canvas.map")].filter((canvas) => {
             const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
             for (let at = 0; at < data.length; at += 4) if (Math.abs(data[at] - data[at + 2]) > 40) return true;
             return false;
           }).map((canvas) => canvas.getAttribute("aria-label").split(",")[0])"""
    )


def draw_seven(page) -> None:
    box = page.locator("canvas.drawing").bounding_box()
    fractions = [(0.25, 0.22), (0.75, 0.22), (0.42, 0.85)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in fractions]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def drawing(page) -> np.ndarray:
    """Return the levels of the drawing canvas, `(112, 112)`."""
    return np.reshape(
        page.evaluate(
            """() => { const context = document.querySelector("canvas.drawing").getContext("2d");
                       const { data } = context.getImageData(0, 0, 112, 112);
                       return Array.from({ length: 112 * 112 }, (_, at) => data[4 * at + 1]); }"""
        ),
        (112, 112),
    )


def shown_probabilities(page) -> list[float]:
    return [float(item.get_attribute("data-probability")) for item in page.locator(".classes li").all()]


def wait_until(page, predicate: str, argument: object = None, seconds: float = 20) -> None:
    """Wait until a JavaScript function is true. Playwright's own way evaluates text, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(predicate, argument):
        assert time.monotonic() < end, predicate
        page.wait_for_timeout(20)


def click_in_panel(page, cell) -> None:
    """Click on a number of the panel, which is drawn again after the pointer has left a map.

    A click on an element that is replaced between pressing and releasing the button is lost. On a busy machine the
    browser may take longer than a frame to report that the pointer has left.
    """
    page.evaluate("document.querySelector('#sum > *').setAttribute('data-before', '')")
    cell.hover()
    end = time.monotonic() + 1
    while page.locator("#sum [data-before]").count() and time.monotonic() < end:
        page.wait_for_timeout(20)
    shown_value(page)
    cell.click()
