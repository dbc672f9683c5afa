"""Files and streams to images; the only reader of image files.

`image` (what an image is), `loading` (from a path or the content of a stream), `opening` and `pictures` (what Pillow
reads), `arrays` (`.npy` and `.npz`), `tables` (`.csv`), `reducing`, `folders` (which files of a folder are images).
"""

from cnnfx.images.folders import find_images
from cnnfx.images.image import MAX_PIXELS, Image
from cnnfx.images.loading import load_image
from cnnfx.images.reducing import reduced

__all__ = ["MAX_PIXELS", "Image", "find_images", "load_image", "reduced"]
