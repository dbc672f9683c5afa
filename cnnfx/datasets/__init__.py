"""Labelled images to learn from.

`dataset` (what a dataset is), `loading` (by name or path), `mnist` (where it is looked for) and `download`, `paths` (of
what kind a file or folder is), `idx`, `keras` and `folders` (the kinds), `strokes` and `drawn` (digits drawn here),
`fit` (an image made as MNIST's were).
"""

from cnnfx.datasets.dataset import Dataset
from cnnfx.datasets.drawn import draw_digits
from cnnfx.datasets.fit import fit_digit
from cnnfx.datasets.loading import load_dataset

__all__ = ["Dataset", "draw_digits", "fit_digit", "load_dataset"]
