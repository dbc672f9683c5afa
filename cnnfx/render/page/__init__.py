"""Interactive HTML pages: the input, the filters and the feature maps of every layer of a network.

`page.py` fills `page.html` with `page.css`, the scripts, and the network and image from `data.py`; the browser computes
the feature maps. Read the scripts in the order of `page.SCRIPTS`.
"""

from cnnfx.render.page.contents import max_image_pixels, page_contents, shown_layers
from cnnfx.render.page.page import LARGE_PAGE_BYTES, make_page

__all__ = ["LARGE_PAGE_BYTES", "make_page", "max_image_pixels", "page_contents", "shown_layers"]
