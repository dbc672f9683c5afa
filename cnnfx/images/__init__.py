"""Images from files and streams, as arrays with channel names.

`image` contains the class `Image`, cropping and resizing; `load` loads images; `folder` finds them; `formats` detects
what a file is; `pillow`, `png`, `netpbm` and `tiff` decode pictures, and `channels` composites them over a background;
`arrays` reads arrays of numbers (`.npy`, `.npz`, `.csv`).
"""

from cnnfx.images.folder import FoundImages, find_images
from cnnfx.images.image import MAX_PIXELS, Image, as_floats, resize, shrink_to_pixels
from cnnfx.images.load import ChannelMode, ColorMode, as_image, count_pages, load_image, load_pages

__all__ = [
    "MAX_PIXELS",
    "ChannelMode",
    "ColorMode",
    "FoundImages",
    "Image",
    "as_floats",
    "as_image",
    "count_pages",
    "find_images",
    "load_image",
    "load_pages",
    "resize",
    "shrink_to_pixels",
]
