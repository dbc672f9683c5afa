"""Labeled images for training and testing.

`dataset` contains the classes `LabeledImages` and `Dataset`; `load` loads a dataset by name or path. `mnist` and
`download` download MNIST; `idx`, `keras_npz` and `image_folder` read files; `synthetic_digits` with `glyphs` and
`synthetic_shapes` draw images; `digit_preprocessing` converts an image of a digit to the format of MNIST.
"""

from cnnfx.datasets.dataset import Dataset, LabeledImages
from cnnfx.datasets.digit_preprocessing import fit_digit
from cnnfx.datasets.load import load_dataset
from cnnfx.datasets.synthetic_digits import draw_digits
from cnnfx.datasets.synthetic_shapes import draw_shapes

__all__ = ["Dataset", "LabeledImages", "draw_digits", "draw_shapes", "fit_digit", "load_dataset"]
