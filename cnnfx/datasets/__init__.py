"""Labeled images to learn from.

`dataset` (what a dataset is), `loading` (by name or path), `mnist` (where it is looked for) and `download`, `paths` (of
what kind a file or folder is), `idx`, `keras` and `folders` (the kinds), `strokes` and `drawn` (digits drawn here),
`fit` (an image made as MNIST's were).
"""

from cnnfx.datasets.dataset import Dataset
from cnnfx.datasets.digit_preprocessing import fit_digit
from cnnfx.datasets.load import load_dataset
from cnnfx.datasets.synthetic_digits import draw_digits

__all__ = ["Dataset", "draw_digits", "fit_digit", "load_dataset"]
