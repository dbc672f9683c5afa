"""One page that shows a network at work on an image: input, filters, the feature maps of every layer.

`page.html` is filled with `page.css`, the scripts, and what `data` makes of network and image; the browser computes the
maps. Read the scripts in the order of `assemble.SCRIPTS`.
"""

from cnnfx.render.page.page import LARGE, make_page, page_pixels

__all__ = ["LARGE", "make_page", "page_pixels"]
