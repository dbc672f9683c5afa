"""The named tensors of an object that `torch.save` wrote: a state dict, a checkpoint that contains one, or a module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cnnfx.formats.pytorch.pickle_reader import PickledObject
from cnnfx.formats.pytorch.tensors import StridedTensor
from cnnfx.formats.tensor_file import TensorError
from cnnfx.system.limits import MAX_MEMBERS, MAX_NAME_CHARACTERS, MAX_NESTING, limit_text
from cnnfx.system.text import printable

WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module",
    "ema", "model_ema", "ema_state_dict", "state_dict_ema", "params_ema",
)  # fmt: skip
"""The keys of checkpoints that hold the state dict, the preferred ones first."""
MODULE_ATTRIBUTES = ("_parameters", "_buffers", "_modules")
"""The attributes of `torch.nn.Module` that hold its tensors and modules by name, in the order of its state dict."""


class _Found(NamedTuple):
    """A tensor, and the names that lead to it.

    Attributes
    ----------
    path : tuple of str
        The keys of dictionaries, the numbers of items of lists, and the names of modules and their tensors.
    outer : int
        How many of them are of what is around the dictionary or module that has the tensor.
    tensor : StridedTensor
    """

    path: tuple[str, ...]
    outer: int
    tensor: StridedTensor


def named_tensors(value: object) -> dict[str, StridedTensor]:
    """Return the tensors of an object by name.

    Names of dictionaries and modules inside each other are joined with ".". A key of `WRAPPERS`, and the key of the
    only dictionary or module with weights in another dictionary, are not part of the names, and what is beside it is
    left out. So is the state of optimizers.

    Raises
    ------
    TensorError
        If there are more than `MAX_MEMBERS`, or two have the same name.
    """
    found = []
    for one in _find(value, (), None, set()):
        found.append(one)
        if len(found) > MAX_MEMBERS:
            raise TensorError(limit_text("tensors", len(found), MAX_MEMBERS))
    level = 0
    while (key := _wrapper(found, level)) is not None:
        found = [one for one in found if one.outer > level and one.path[level] == key]
        level += 1
    tensors: dict[str, StridedTensor] = {}
    for path, _, tensor in found:
        name = printable(".".join(path[level:])) or "tensor"  # a file may be one tensor
        if len(name) > MAX_NAME_CHARACTERS:
            raise TensorError(limit_text("characters in a name", len(name), MAX_NAME_CHARACTERS))
        if name in tensors:
            raise TensorError(f'it has two tensors with the name "{name}"')
        tensors[name] = tensor
    return tensors


def _wrapper(found: Sequence[_Found], level: int) -> str | None:
    """Return the key at a level of the paths that is not part of the names; None if there is none."""
    keys = {one.path[level] for one in found if one.outer > level}
    for key in WRAPPERS:
        if key in keys:
            return key
    # Beside the weights, checkpoints have tensors such as the state of a random generator: they are vectors.
    weights = [one for one in found if isinstance(one.tensor.shape, tuple) and len(one.tensor.shape) > 1]
    holders = {one.path[level] if one.outer > level else None for one in weights or found}
    return holders.pop() if len(holders) == 1 else None


def _find(value: object, path: tuple[str, ...], outer: int | None, seen: set[int]) -> Iterator[_Found]:
    """Yield the tensors in an object; what is in it several times, or in itself, is searched once."""
    if isinstance(value, StridedTensor):
        yield _Found(path, max(len(path) - 1, 0) if outer is None else outer, value)
        return
    if not isinstance(value, dict | list | tuple | PickledObject) or id(value) in seen:
        return
    seen.add(id(value))
    if len(path) > MAX_NESTING:
        raise TensorError(limit_text("objects inside each other", len(path), MAX_NESTING))
    if isinstance(value, PickledObject):
        inside = len(path) if outer is None else outer
        states = value.state if isinstance(value.state, tuple) else (value.state,)  # attributes, and those of slots
        for attributes in (value.entries, *states[:2]):
            if isinstance(attributes, dict) and "_modules" in attributes:
                for name in MODULE_ATTRIBUTES:
                    yield from _find(attributes.get(name), path, inside, seen)
            elif isinstance(attributes, dict):
                yield from _find(attributes, path, inside, seen)
    elif isinstance(value, dict):
        if "param_groups" not in value:  # which optimizers have
            for key, child in value.items():
                yield from _find(child, (*path, key), outer, seen)
    else:
        for number, child in enumerate(value):
            if not isinstance(child, int | float | str):
                yield from _find(child, (*path, str(number)), outer, seen)
