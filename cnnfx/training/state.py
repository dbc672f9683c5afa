"""The state of a training run, converted to the arrays of a checkpoint and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.nn.layers import Array
from cnnfx.training.reports import EpochReport
from cnnfx.training.settings import TrainingSettings

VECTORS = ("mean", "square", "parameters")
"""The names of the arrays with a value for each parameter. Checkpoints of earlier versions lack the last one."""
EARLIER_SETTINGS = {"smoothness": 0.0, "batch_norm": False, "warp": 0.0}
"""The values of the settings that checkpoints of earlier versions lack, which keep their runs as they were."""
MAX_STEPS = 2**53
"""The largest number of steps; far larger ones cannot be exponents of Adam's coefficients."""
MAX_SHOWN_CHARACTERS = 30
"""The most characters of a wrong value that a message shows."""
PARSE_ERRORS = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""The errors raised if the text of a state lacks a key or has a value of the wrong type."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The state of a run after a complete epoch.

    Parameters
    ----------
    settings : TrainingSettings
    trainable_filters : list of arrays (K,) of bool
        For each layer, the filters that are trained.
    normalized : list of bool
        For each layer, whether its outputs are normalized during training.
    fingerprint : str
        Of the training images.
    history : list of EpochReport
        One for each epoch so far.
    random : dict
        The state of the random generator.
    steps : int
        Steps of the optimizer so far.
    mean, square : array (P,) of float32
        The optimizer's moving means.
    parameters : array (P,) of float32, or None
        The parameters that are trained. None in checkpoints of earlier versions, whose network holds them.
    """

    settings: TrainingSettings
    trainable_filters: list[NDArray[np.bool_]]
    normalized: list[bool]
    fingerprint: str
    history: list[EpochReport]
    random: dict[str, Any]
    steps: int
    mean: Array
    square: Array
    parameters: Array | None

    def vectors(self) -> dict[str, Array]:
        """Return the arrays (P,) by their names."""
        arrays = {name: getattr(self, name) for name in VECTORS}
        return {name: array for name, array in arrays.items() if array is not None}

    def to_arrays(self) -> dict[str, Array]:
        """Return the vectors, and "state", a JSON text with everything else."""
        values = {
            "settings": asdict(self.settings),
            "normalized": self.normalized,
            "learned": [mask.tolist() for mask in self.trainable_filters],
            "fingerprint": self.fingerprint,
            "history": [report.to_dict() for report in self.history],
            "random": self.random,
            "steps": self.steps,
        }
        return {"state": np.array(json.dumps(values)), **self.vectors()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], file: str) -> TrainingState:
        """Return the state that the arrays of a checkpoint hold; checkpoints of earlier versions are read too.

        Raises
        ------
        FileError
            If there is no state, or the state is damaged.
        """
        if not arrays:
            raise FileError(f"{file}: the model holds no state of a training run, so it cannot be resumed.")
        try:
            return cls._parse(arrays)
        except PARSE_ERRORS as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
            raise FileError(
                f"{file}: the state of the training run is damaged ({what}), so it cannot be resumed."
            ) from error

    @classmethod
    def _parse(cls, arrays: Mapping[str, Array]) -> TrainingState:
        _check_arrays(arrays)
        values = json.loads(str(arrays["state"]))
        written = {**EARLIER_SETTINGS, **values["settings"]}
        settings = TrainingSettings(**{**written, "betas": tuple(written["betas"])})
        masks = values["learned"]
        if not all(isinstance(mask, list) and all(isinstance(each, bool) for each in mask) for mask in masks):
            raise ValueError("learned is not a list of true and false for each layer")
        trainable_filters = [np.array(mask, dtype=bool) for mask in masks]
        normalized = values.get("normalized", [False] * len(masks))
        if len(normalized) != len(masks) or not all(isinstance(each, bool) for each in normalized):
            raise ValueError("normalized is not true or false for each layer")
        if ("normalized" in values) != ("parameters" in arrays):
            raise ValueError(f"{'the array parameters' if 'normalized' in values else 'normalized'} is missing")
        np.random.default_rng(0).bit_generator.state = values["random"]  # raises ValueError for an invalid state
        history, steps = [EpochReport.from_dict(report) for report in values["history"]], values["steps"]
        if type(steps) is not int or not 0 <= steps <= MAX_STEPS or len(history) > settings.epochs:
            raise ValueError(f"{len(history)} of {settings.epochs} epochs, {str(steps)[:MAX_SHOWN_CHARACTERS]} steps")
        return cls(
            settings, trainable_filters, normalized, str(values["fingerprint"]), history, values["random"], steps,
            arrays["mean"], arrays["square"], arrays.get("parameters"),
        )  # fmt: skip


def _check_arrays(arrays: Mapping[str, Array]) -> None:
    """Check that there are the arrays of Adam's state and of the parameters, and a text beside them.

    Raises
    ------
    ValueError
        If an array is missing, of another optimizer, of another type or shape, or has impossible values.
    """
    if unknown := sorted(set(arrays) - {*VECTORS, "state"}):
        raise ValueError(f"Adam, the optimizer, has no array {unknown[0]}")
    needed = ["state", *(VECTORS if "parameters" in arrays else VECTORS[:-1])]
    if missing := [name for name in needed if name not in arrays]:
        raise ValueError(f"the array {missing[0]} is missing")
    text = arrays["state"]
    if text.dtype.kind != "U" or text.ndim:
        raise ValueError("state is not a text")
    for name in needed[1:]:
        array = arrays[name]
        if array.dtype != np.float32 or array.ndim != 1:
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, not float32 of one axis")
        if not np.isfinite(array).all() or (name == "square" and array.min(initial=0) < 0):
            raise ValueError(f"{name} has values that are {'negative or ' * (name == 'square')}not finite")
