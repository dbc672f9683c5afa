"""Files and streams to images; the only reader of image files.

`image` (what an image is), `loading` (from a path or the content of a stream), `opening` and `pictures` (what Pillow
reads), `arrays` (`.npy` and `.npz`), `tables` (`.csv`), `reducing`, `folders` (which files of a folder are images).
"""

from cnnfx.images.image import MAX_PIXELS, Image, reduced
from cnnfx.images.load import find_images, load_image

__all__ = ["MAX_PIXELS", "Image", "find_images", "load_image", "reduced"]
