"""The part of an equation between the input and an output: × kernel =, and with numbers the products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnfx.nn.explanation import Term
from cnnfx.render.filters import kernel_levels
from cnnfx.render.sliding.cells import CellPainter, number_texts
from cnnfx.render.sliding.palette import WHITE, ColorRamp
from cnnfx.render.sliding.positions import OutputChannel, SlidingWindow
from cnnfx.render.sliding.sheet import FONT_SIZE, Corner, part_of, text_picture
from cnnfx.render.text import line_height
from cnnfx.render.tiles import Levels

SIGN_WIDTH = 34
"""Pixels between two matrices side by side, where a sign is drawn."""
SIGN_SIZE = 20
"""The font size of × and =, in pixels."""
GAP = 12
"""Pixels between matrices one above the other."""
MIN_KERNEL_WIDTH = 45
"""The least width of a kernel in pixels, even if its cells are then larger than those of the input."""


class ProductPanel:
    """The panel of a filter: a row for each drawn input channel, with the kernel and, with numbers, the products.

    Parameters
    ----------
    sliding : SlidingWindow
    channel : OutputChannel
        With weights.
    inputs : sequence of int
        The drawn input channels that the filter reads.
    painter : CellPainter
    gray : ColorRamp
    numbers : bool
    beside : bool
        Whether the products are at the right of the kernel instead of below it.
    row_height : int
        The least height of a row in pixels, so that each kernel is beside its input channel.

    Attributes
    ----------
    background : array (height, width), uint8
        The panel without products, as palette indices.
    pieces : list of ((top, left), array)
        The kernels and signs in the panel, without the background between them.
    products : dict from int to (top, left)
        The corners of the products of each input channel in the panel, with numbers only.
    """

    def __init__(
        self,
        sliding: SlidingWindow,
        channel: OutputChannel,
        inputs: Sequence[int],
        painter: CellPainter,
        gray: ColorRamp,
        numbers: bool,
        beside: bool = False,
        row_height: int = 0,
    ) -> None:
        assert channel.weights is not None
        self.painter, self.gray = painter, gray
        self.pieces: list[tuple[Corner, Levels]] = []
        self.products: dict[int, Corner] = {}
        self._largest = sliding.largest_product(channel)
        _, rows, columns = channel.weights.shape
        kernel_painter = painter
        if not numbers:
            kernel_painter = CellPainter(painter.palette, max(painter.size, MIN_KERNEL_WIDTH // max(rows, columns)))
        height, width = rows * kernel_painter.size, columns * kernel_painter.size
        name_height = line_height(FONT_SIZE)
        below, right = numbers and not beside, numbers and beside
        content_height = name_height + height + (GAP + name_height + height if below else 0)
        step = max(row_height, content_height + GAP)
        shape = len(inputs) * step, 2 * SIGN_WIDTH + width + (SIGN_WIDTH + width if right else 0)
        self.background = np.full(shape, painter.palette.index(WHITE), np.uint8)
        texts = number_texts(channel.weights) if numbers else None
        levels = kernel_levels(channel.weights)
        for order, index in enumerate(inputs):
            number = channel.input_channels.index(index)
            top = order * step + (step - content_height) // 2
            middle = top + name_height + height // 2
            self._write(f"on {sliding.input_names[index]}" if len(sliding.inputs) > 1 else "kernel", top, SIGN_WIDTH)
            kernel = kernel_painter.draw(gray.indices(levels[number]), None if texts is None else texts[number])
            self._place(kernel, top + name_height, SIGN_WIDTH)
            self._place_sign("×", SIGN_SIZE, middle, 0)
            self._place_sign("=", SIGN_SIZE, middle, SIGN_WIDTH + width)
            if right:
                self.products[index] = top + name_height, 2 * SIGN_WIDTH + width
            elif below:
                self.products[index] = top + 2 * name_height + height + GAP, SIGN_WIDTH
        if right:
            self._place_sign("sum", FONT_SIZE, shape[0] // 2, shape[1] - SIGN_WIDTH)

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width in pixels."""
        height, width = self.background.shape
        return height, width

    def draw_products(self, part: Levels, terms: Sequence[Term]) -> None:
        """Draw the products on each drawn input channel into the part of a frame that the panel covers."""
        terms = [term for term in terms if term.index in self.products]
        products = np.stack([term.products for term in terms])
        for term, texts in zip(terms, number_texts(products), strict=True):
            cells = self.gray.indices(kernel_levels(term.products, self._largest))
            picture = self.painter.draw(self.painter.palette.mark_nonfinite(cells, term.products), texts)
            top, left = self.products[term.index]
            part_of(part, (top, left), picture.shape)[:] = picture
            name = text_picture(self.painter.palette, "products")
            part_of(part, (top - name.shape[0], left), name.shape)[:] = name

    def _write(self, text: str, top: int, left: int) -> None:
        picture = text_picture(self.painter.palette, text)[:, : self.background.shape[1] - left]
        part_of(self.background, (top, left), picture.shape)[:] = picture

    def _place(self, picture: Levels, top: int, left: int) -> None:
        part_of(self.background, (top, left), picture.shape)[:] = picture
        self.pieces.append(((top, left), picture))

    def _place_sign(self, sign: str, size: int, middle: int, left: int) -> None:
        """Place a sign in the middle of the pixels between two matrices."""
        picture = text_picture(self.painter.palette, sign, size=size)
        inked_rows, inked_columns = np.nonzero(picture != self.painter.palette.index(WHITE))
        picture = picture[inked_rows.min() : inked_rows.max() + 1, inked_columns.min() : inked_columns.max() + 1]
        height, width = picture.shape
        self._place(picture, middle - height // 2, left + (SIGN_WIDTH - width) // 2)
