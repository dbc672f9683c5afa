"""What a run is in the middle of, as arrays for a checkpoint and back, so that a resumed run goes on bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cnnfx.backprop.parameters import Learn
from cnnfx.errors import ArgumentError, FileError
from cnnfx.nn.layers import Array
from cnnfx.training.settings import EpochReport, Settings


@dataclass(frozen=True, eq=False)
class State:
    """After a whole number of epochs.

    Parameters
    ----------
    settings : Settings
    learn : list of Learn
        For each layer.
    fingerprint : str
        Of the data.
    history : list of EpochReport
        Of each epoch so far.
    random : dict
        The state of the random generator.
    steps : int
        Of the optimizer so far.
    mean, square : array (P,)
        The optimizer's moving means.
    """

    settings: Settings
    learn: list[Learn]
    fingerprint: str
    history: list[EpochReport]
    random: dict[str, Any]
    steps: int
    mean: Array
    square: Array

    def arrays(self) -> dict[str, Array]:
        """As arrays by name: two of numbers, and a JSON text of all that is small."""
        small = {
            "settings": asdict(self.settings),
            "learned": [how.learned.tolist() for how in self.learn],
            "fingerprint": self.fingerprint,
            "history": [asdict(report) for report in self.history],
            "random": self.random,
            "steps": self.steps,
        }
        return {"state": np.array(json.dumps(small)), "mean": self.mean, "square": self.square}

    @classmethod
    def read(cls, arrays: Mapping[str, Array], file: str) -> State:
        """The state in a checkpoint's arrays.

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
    def _parse(cls, arrays: Mapping[str, Array]) -> State:
        small = json.loads(str(arrays["state"]))
        settings = Settings(**{**small["settings"], "betas": tuple(small["settings"]["betas"])})
        masks = [np.array(mask, dtype=bool) for mask in small["learned"]]
        learn = [Learn(mask, np.zeros(len(mask), bool)) for mask in masks]
        np.random.default_rng(0).bit_generator.state = small["random"]  # refuses what is no state
        history, steps = [EpochReport(**report) for report in small["history"]], small["steps"]
        if not isinstance(steps, int) or steps < 0 or len(history) > settings.epochs:
            raise ValueError(f"{len(history)} epochs, {steps} steps")
        for name in ("mean", "square"):
            if arrays[name].dtype != np.float32 or arrays[name].ndim != 1:
                raise ValueError(name)
        return cls(
            settings, learn, str(small["fingerprint"]), history, small["random"], steps,
            arrays["mean"], arrays["square"],
        )  # fmt: skip
