"""Images from files and streams, as arrays with channel names.

`image` contains the class `Image`, cropping and resizing; `load` finds and loads images; `pillow` decodes pictures;
`arrays` reads arrays of numbers (`.npy`, `.npz`, `.csv`).
"""

from cnnfx.images.image import MAX_PIXELS, Image, as_floats, resize, shrink_to_pixels
from cnnfx.images.load import ChannelMode, ColorMode, as_image, find_images, load_image

__all__ = [
    "MAX_PIXELS",
    "ChannelMode",
    "ColorMode",
    "Image",
    "as_floats",
    "as_image",
    "find_images",
    "load_image",
    "resize",
    "shrink_to_pixels",
]
