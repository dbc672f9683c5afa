"""`model.npz` to a `Network` and back: plain arrays beside a text that says what they are.

    layers.0.weight          (K, C, kh, kw)     float32, the filters of the first layer, in PyTorch's order
    layers.0.bias            (K,)
    …                                           the other layers; the head, a dense layer (K, C·H·W), comes last
    start.layers.0.weight    …                  the same before it learned; all of them or none
    training.…                                  what is needed to resume, as `cnnfx.training.state` writes it
    meta                     text               JSON: format version, layers, mean, deviation, classes, and the run

`numpy.load` reads it, and `torch.from_numpy` takes each array as it is.

Reading order: `archive` (arrays in a zip file, read with care), `writing`, `run`, `reading`.
"""

from cnnfx.checkpoint.reading import load_checkpoint, load_model
from cnnfx.checkpoint.writing import save_model

__all__ = ["load_checkpoint", "load_model", "save_model"]
