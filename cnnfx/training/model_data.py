"""The data set that a model was trained on, or another in the size of its input."""

from __future__ import annotations

from collections.abc import Callable

from cnnfx.datasets import Dataset, load_dataset
from cnnfx.datasets.load import is_name
from cnnfx.errors import ArgumentError
from cnnfx.nn.network import Network


def load_model_data(network: Network, spec: str | None = None, load: Callable[..., Dataset] = load_dataset) -> Dataset:
    """Return a data set in the size and the channels of a model's input, by default the one it was trained on.

    Parameters
    ----------
    network : Network
        Written by `cnnfx train`.
    spec : str, optional
        See `load_dataset`.
    load : function
        Is called like `load_dataset`.

    Raises
    ------
    FileError
        If the data are missing or damaged.
    ArgumentError
        If `spec` is needed, since the model's own data can be found by their path only.
    """
    trained_on = str(network.meta.get("dataset", ""))
    if spec is None and not is_name(trained_on):
        trained = f"was trained on {trained_on}" if trained_on else "does not say on which data set it was trained"
        raise ArgumentError(f"The model {trained}, so the data set must be named.")
    spec, seed = spec or trained_on, network.meta.get("seed", 0)
    if is_name(spec):
        return load(spec, seed=seed)
    count, height, width = network.input_shape or (1, 0, -1)
    try:
        return load(spec, size=height if height == width else None, channels="rgb" if count == 3 else "gray", seed=seed)
    except ArgumentError:  # not a folder of images: it has one size only
        return load(spec, seed=seed)
