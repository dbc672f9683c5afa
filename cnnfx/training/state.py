"""The state of a training run, as the arrays of a checkpoint and back, so that a resumed run continues to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cnnfx.backprop.parameters import TrainableFilters
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
    filters : list of TrainableFilters
        For each layer.
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
    filters: list[TrainableFilters]
    fingerprint: str
    history: list[EpochReport]
    random: dict[str, Any]
    steps: int
    mean: Array
    square: Array

    def to_arrays(self) -> dict[str, Array]:
        """Return the state as arrays by name: "mean", "square", and "state", a JSON text with the rest."""
        small = {
            "settings": asdict(self.settings),
            "learned": [which.trainable.tolist() for which in self.filters],
            "fingerprint": self.fingerprint,
            "history": [asdict(report) for report in self.history],
            "random": self.random,
            "steps": self.steps,
        }
        return {"state": np.array(json.dumps(small)), "mean": self.mean, "square": self.square}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], file: str) -> TrainingState:
        """Return the state in the arrays of a checkpoint, also of an earlier version.

        Raises
        ------
        FileError
            If there is none, or it is damaged.
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
        small = json.loads(str(arrays["state"]))
        settings = TrainingSettings(**{**small["settings"], "betas": tuple(small["settings"]["betas"])})
        masks = [np.array(mask, dtype=bool) for mask in small["learned"]]
        filters = [TrainableFilters(mask, np.zeros(len(mask), bool)) for mask in masks]
        np.random.default_rng(0).bit_generator.state = small["random"]  # raises ValueError for an invalid state
        history, steps = [EpochReport.from_dict(report) for report in small["history"]], small["steps"]
        if not isinstance(steps, int) or steps < 0 or len(history) > settings.epochs:
            raise ValueError(f"{len(history)} epochs, {steps} steps")
        for name in ("mean", "square"):
            if arrays[name].dtype != np.float32 or arrays[name].ndim != 1:
                raise ValueError(name)
        return cls(
            settings, filters, str(small["fingerprint"]), history, small["random"], steps,
            arrays["mean"], arrays["square"],
        )  # fmt: skip
