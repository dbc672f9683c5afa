"""The state of a training run, converted to the arrays of a checkpoint and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.nn.layers import Array
from cnnfx.training.reports import EpochReport
from cnnfx.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The state of a run after a complete epoch.

    Parameters
    ----------
    settings : TrainingSettings
    trainable_filters : list of arrays (K,) of bool
        For each layer, the filters that are trained.
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
    """

    settings: TrainingSettings
    trainable_filters: list[NDArray[np.bool_]]
    fingerprint: str
    history: list[EpochReport]
    random: dict[str, Any]
    steps: int
    mean: Array
    square: Array

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays "mean", "square" and "state", a JSON text with everything else."""
        values = {
            "settings": asdict(self.settings),
            "learned": [mask.tolist() for mask in self.trainable_filters],
            "fingerprint": self.fingerprint,
            "history": [asdict(report) for report in self.history],
            "random": self.random,
            "steps": self.steps,
        }
        return {"state": np.array(json.dumps(values)), "mean": self.mean, "square": self.square}

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
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, ArgumentError) as error:
            raise FileError(
                f"{file}: the state of the training run is damaged ({error}), so it cannot be resumed."
            ) from error

    @classmethod
    def _parse(cls, arrays: Mapping[str, Array]) -> TrainingState:
        values = json.loads(str(arrays["state"]))
        written = {"smoothness": 0.0, **values["settings"]}  # earlier versions had no smoothness
        settings = TrainingSettings(**{**written, "betas": tuple(written["betas"])})
        trainable_filters = [np.array(mask, dtype=bool) for mask in values["learned"]]
        np.random.default_rng(0).bit_generator.state = values["random"]  # raises ValueError for an invalid state
        history, steps = [EpochReport.from_dict(report) for report in values["history"]], values["steps"]
        if not isinstance(steps, int) or steps < 0 or len(history) > settings.epochs:
            raise ValueError(f"{len(history)} epochs, {steps} steps")
        for name in ("mean", "square"):
            if arrays[name].dtype != np.float32 or arrays[name].ndim != 1:
                raise ValueError(name)
        return cls(
            settings, trainable_filters, str(values["fingerprint"]), history, values["random"], steps,
            arrays["mean"], arrays["square"],
        )  # fmt: skip
