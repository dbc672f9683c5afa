"""MobileNetV2 (Sandler et al., 2018) as a filter file, with the names of the tensors in torchvision."""

from __future__ import annotations

from collections.abc import Iterator

STAGES = ((1, 1, 1), (6, 2, 2), (6, 3, 2), (6, 4, 2), (6, 3, 1), (6, 3, 2), (6, 1, 1))
"""Of each stage: the factor by which a block expands its channels, the number of blocks, the stride of the first."""

TOP = """
name = "mobilenet"
tensors = "mobilenet.npz"
[input]
channels = "rgb"
size = 224
fit = "crop"
resize = 256
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"""


def filter_file() -> str:
    """Return the text of the filter file."""
    return TOP + "".join(_layers())


def _layers() -> Iterator[str]:
    yield _layer("features.0", "features.0.0", "features.0.1", 'stride = 2\npadding = 1\nactivation = "relu6"')
    below, number = "features.0", 1
    for expansion, count, first_stride in STAGES:
        for index in range(count):
            name = f"features.{number}"
            yield from _block(name, expansion, first_stride if index == 0 else 1)
            if index:  # channels and size stay the same
                yield f'[[layer]]\nname = "{name}"\nfrom = ["{below}", "{name}/project"]\njoin = "add"\n'
            below, number = name if index else f"{name}/project", number + 1
    yield _layer("features.18", "features.18.0", "features.18.1", 'activation = "relu6"')
    yield '[[layer]]\nname = "mean"\npool = "mean:all"\n'
    yield '[[layer]]\nname = "scores"\nweights = "classifier.1.weight"\nbias = "classifier.1.bias"\ndense = true\n'


def _block(name: str, expansion: int, stride: int) -> Iterator[str]:
    """Yield the layers of an inverted residual block: expand by 1×1, depthwise 3×3, project by 1×1."""
    index = 0
    if expansion > 1:
        yield _layer(f"{name}/expand", f"{name}.conv.0.0", f"{name}.conv.0.1", 'activation = "relu6"')
        index = 1
    depthwise = f'groups = "depthwise"\nstride = {stride}\npadding = 1\nactivation = "relu6"'
    yield _layer(f"{name}/depthwise", f"{name}.conv.{index}.0", f"{name}.conv.{index}.1", depthwise)
    yield _layer(f"{name}/project", f"{name}.conv.{index + 1}", f"{name}.conv.{index + 2}", "")


def _layer(name: str, weights: str, norm: str, settings: str) -> str:
    return f'[[layer]]\nname = "{name}"\nweights = "{weights}.weight"\nbatch_norm = "{norm}"\n{settings}\n'
