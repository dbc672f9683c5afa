"""The weights in files of Keras: `.h5` files of Keras 1 and 2, `.weights.h5` and `.keras` files of Keras 3.

Keras 1 and 2 list the layers and their arrays in attributes. Keras 3 numbers the arrays of each layer, in groups that
are called by the class of the layer: `layers/conv2d_1/vars/0`. A `.keras` file is a zip file with the configuration of
the model and such an HDF5 file, which is read in place. Other HDF5 files are arrays in groups.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import IO, Any

from numpy.typing import NDArray

from cnnfx.formats.json_text import parse_json
from cnnfx.formats.keras.hdf5 import Hdf5File
from cnnfx.formats.tensor_file import TensorError, TensorFile, TensorInfo, check_regular_file
from cnnfx.system.limits import MAX_HDF5_OBJECTS, MAX_META_BYTES, MAX_TENSOR_BYTES, limit_text
from cnnfx.system.npz import NpzError
from cnnfx.system.zip_file import member_stream

WEIGHTS_MEMBER, CONFIG_MEMBER, METADATA_MEMBER = "model.weights.h5", "config.json", "metadata.json"
"""The members of a `.keras` file that are read."""
MODEL_WEIGHTS = "model_weights"
"""The group with the layers of a whole model of Keras 1 or 2."""
VARIABLES = "vars"
"""The group with the arrays of a layer in files of Keras 3."""
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
"""The groups with the layers of a model in files of Keras 3, and in those of Keras 2.12."""
OPTIMIZER = "optimizer"
"""The group with the state of the training in files of Keras 3."""
VARIABLE_NAMES = {
    "conv1d": ("kernel", "bias"),
    "conv2d": ("kernel", "bias"),
    "conv3d": ("kernel", "bias"),
    "conv2d_transpose": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "depthwise_conv2d": ("depthwise_kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "p_re_lu": ("alpha",),
    "normalization": ("mean", "variance", "count"),
}
"""The names of the numbered arrays of Keras 3, by the class of the layer as its group is called. A batch normalization
without factor and offset has only the last two of its arrays; with one of them, which is not known, it has three."""
OLD_KERNEL = "_W"
"""The end of the names of kernels in files of Keras 1."""
OLD_NUMBER = re.compile(r"_(W|b|gamma|beta|running_mean|running_std)_\d+$")
"""The end of names in Keras 1 to which TensorFlow has added a number: "conv1_W_1"."""
OTHERS = ""
"""The key of the arrays of files that are not of Keras."""
THEANO = "theano"
"""The backend of Keras that rotates kernels by 180°."""


class KerasWeights(TensorFile):
    """The weights in a file of Keras, or the arrays of another HDF5 file.

    Names are those of the file without parts that say nothing: "conv1/kernel" rather than
    "model_weights/conv1/conv1/kernel:0". Kernels that Theano rotates are rotated back if the file names this backend.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    metadata : mapping of str to str
        "model_config", the configuration of the model as JSON, "backend" and "keras_version", as far as the file has
        them.
    layers : dict of str to list of str
        The names of the tensors of each layer in order. The keys are the layers' names in files of Keras 1 and 2, and
        the paths of their groups without those of `CONTAINERS` in files of Keras 3: "functional/conv2d_1".
    numbered : bool
        Whether the arrays of layers are numbered, as in files of Keras 3.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.numbered = False
        with ExitStack() as opened:
            stream, config, version = _open(path, opened)
            self._file = Hdf5File(stream, os.fspath(path))
            opened.callback(self._file.close)
            self._read_metadata(config, version)
            arrays = self._arrays()
            names = [name for layer in arrays.values() for name in layer.values()]
            paths = [path for layer in arrays.values() for path in layer]
            if len(set(names)) < len(set(paths)):
                names = paths  # which are unique
            self._paths = dict(zip(names, paths, strict=True))
            known = dict(zip(paths, names, strict=True))
            self.layers = {layer: [known[path] for path in found] for layer, found in arrays.items() if layer != OTHERS}
            self._opened = opened.pop_all()

    def _read_metadata(self, config: str, version: str) -> None:
        file = self._file
        self._top = MODEL_WEIGHTS if file.has(MODEL_WEIGHTS) else ""
        found = {
            "model_config": config or file.text("", "model_config"),
            "backend": file.text(self._top, "backend"),
            "keras_version": version or file.text(self._top, "keras_version"),
        }
        self.metadata = {key: text for key, text in found.items() if text}

    def _arrays(self) -> dict[str, dict[str, str]]:
        """Return the short name of each array of each layer by its path."""
        layers = self._file.texts(self._top, "layer_names")
        if layers is not None:
            return self._listed(layers)
        paths = self._file.arrays(self._top)
        self.numbered = any(path.split("/")[-2:-1] == [VARIABLES] for path in paths)
        if self.numbered:
            return self._numbered([path for path in paths if not path.startswith(f"{OPTIMIZER}/")])
        return {OTHERS: {path: path.removeprefix(f"{self._top}/") for path in paths}}

    def _listed(self, layers: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the arrays that Keras 1 or 2 lists for layers."""
        if len(set(layers)) < len(layers):
            raise TensorError("two of its layers have the same name")
        found: dict[str, dict[str, str]] = {}
        count = 0
        for layer in layers:
            group = f"{self._top}/{layer}" if self._top else layer
            weights = self._file.texts(group, "weight_names") or []
            count += len(weights)
            if count > MAX_HDF5_OBJECTS:
                raise TensorError(limit_text("arrays in its layers", count, MAX_HDF5_OBJECTS))
            found[layer] = {f"{group}/{weight}": _short_name(layer, weight) for weight in weights}
        return found

    def _numbered(self, paths: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the numbered arrays of Keras 3, under the names of their layers where the file has them."""
        titles: dict[str, str] = {"": ""}
        groups: dict[str, list[str]] = {}
        for path in sorted(paths, key=_natural):
            groups.setdefault(path.rpartition("/")[0], []).append(path)
        layers: dict[str, dict[str, str]] = {}
        for group, found in groups.items():
            where = group.split("/")
            where = where[:-1] if where[-1] == VARIABLES else where
            kind = re.sub(r"_\d+$", "", where[-1]) if where else ""
            names = _variable_names(kind, [path.rpartition("/")[2] for path in found])
            title = self._title(where, titles)
            layers["/".join(name for name in where if name not in CONTAINERS)] = {
                path: f"{title}/{name}".strip("/") for path, name in zip(found, names, strict=True)
            }
        return layers

    def _title(self, where: Sequence[str], titles: dict[str, str]) -> str:
        """Return the names of the layers that a group is in, joined by "/"."""
        path = "/".join(where)
        if path not in titles:
            above = self._title(where[:-1], titles)
            own = "" if where[-1] in CONTAINERS else where[-1]
            if own and self._file.has(f"{path}/{VARIABLES}"):
                own = self._file.text(f"{path}/{VARIABLES}", "name") or own
            titles[path] = f"{above}/{own}".strip("/")
        return titles[path]

    @property
    def names(self) -> Sequence[str]:
        """The names of the arrays."""
        return list(self._paths)

    def info(self, name: str) -> TensorInfo:
        """Return the shape and the type of an array."""
        return self._file.info(self._paths[name])

    def read(self, name: str) -> NDArray[Any]:
        """Read an array."""
        array = self._file.read(self._paths[name])
        return array[::-1, ::-1] if self._is_rotated and array.ndim == 4 else array

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    @property
    def _is_rotated(self) -> bool:
        return self.metadata.get("backend") == THEANO and self.order == "keras"

    @cached_property
    def order(self) -> str | None:  # type: ignore[override] # read on demand
        """The order of the axes of filters: None for files that are not of Keras."""
        if not self.layers:
            return None
        # Keras 1 also has Theano's order, (K, C, kh, kw); kernels have few rows and columns.
        names = [name for name in self.names if name.endswith(OLD_KERNEL)]
        shapes = [info.shape for info in map(self._shape_or_none, names) if info and len(info.shape) == 4]
        first = sum(max(shape[:2]) < max(shape[2:]) for shape in shapes)
        last = sum(max(shape[:2]) > max(shape[2:]) for shape in shapes)
        return "theano" if last > first else "keras"

    def _shape_or_none(self, name: str) -> TensorInfo | None:
        try:
            return self.info(name)
        except TensorError:
            return None


def _open(path: str | os.PathLike[str], opened: ExitStack) -> tuple[IO[bytes], str, str]:
    """Open a file and return the HDF5 file as a stream; of a `.keras` file, also the model and the version of Keras."""
    check_regular_file(path)
    file = opened.enter_context(open(path, "rb"))  # noqa: SIM115 # closed by `opened`
    if file.read(2) != b"PK":
        return file, "", ""
    try:
        weights = member_stream(file, WEIGHTS_MEMBER, MAX_TENSOR_BYTES)
        config, metadata = _text(file, CONFIG_MEMBER), _text(file, METADATA_MEMBER)
        if weights is None:
            raise TensorError(f"it has no {WEIGHTS_MEMBER}; a .keras file has its weights in one file of this name")
        return weights, config, _version(metadata)
    except (NpzError, UnicodeDecodeError) as error:
        raise TensorError(str(error)) from error


def _text(file: IO[bytes], member: str) -> str:
    """Return the text of a member of a zip file; "" if there is none."""
    stream = member_stream(file, member, MAX_META_BYTES)
    if stream is None:
        return ""
    size = stream.seek(0, io.SEEK_END)
    if size > MAX_META_BYTES:
        raise TensorError(f"{member}: {limit_text('bytes', size, MAX_META_BYTES)}")
    stream.seek(0)
    return stream.read(size).decode()


def _version(metadata: str) -> str:
    """Return the version of Keras in the metadata of a `.keras` file; "" if it is not known."""
    try:
        values = parse_json(metadata)
    except ValueError:
        return ""
    version = values.get("keras_version") if isinstance(values, dict) else None
    return version if isinstance(version, str) else ""


def _short_name(layer: str, weight: str) -> str:
    """Return the name of a tensor that Keras 1 or 2 lists as `weight` of a layer."""
    name = OLD_NUMBER.sub(r"_\1", weight.removesuffix(":0"))
    return name if name.startswith((f"{layer}/", f"{layer}_")) else f"{layer}/{name}"


def _variable_names(kind: str, numbers: Sequence[str]) -> list[str]:
    """Return names for the arrays of a layer of the class `kind`; their numbers if they are not known."""
    known = VARIABLE_NAMES.get(kind, ())
    if kind == "batch_normalization" and len(numbers) in (2, 3):  # with one more array, which may be either
        known = (*numbers[:-2], *known[2:])
    if len(numbers) > len(known):
        return list(numbers)
    return [known[int(number)] if number.isdecimal() and int(number) < len(known) else number for number in numbers]


def _natural(path: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in paths by their values: "conv2d_9" before "conv2d_10"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,9})", path)]
