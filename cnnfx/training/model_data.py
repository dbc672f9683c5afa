"""The data set that a model was trained on, or another, with images fitted as the model reads them."""

from __future__ import annotations

from dataclasses import replace

from cnnfx.datasets import Dataset, load_dataset
from cnnfx.datasets.dataset import Progress
from cnnfx.datasets.load import is_name, load_path
from cnnfx.errors import ArgumentError
from cnnfx.nn.network import Network
from cnnfx.system.folders import expand_user


def load_model_data(
    network: Network,
    spec: str | None = None,
    *,
    background: str | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Return a data set for a model, by default the one it was trained on.

    The images of class folders are fitted to the input of the network from their files, as `prepare` does. Other images
    have one size; `cnnfx.datasets.fitting.fit_images` fits them.

    Parameters
    ----------
    network : Network
        A model written by `cnnfx train`, or any network with an input.
    spec : str, optional
        See `load_dataset`.
    background : str, optional
        The color over which transparent parts are composited; by default that of the network's input.
    skip_bad, progress
        See `load_dataset`.

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
        return load_dataset(spec, seed=seed, progress=progress)
    shape = network.input_shape
    read = replace(
        network.input,
        channels=network.color_mode,
        size=None if shape is None else shape[1:],
        background=background or network.input.background,
    )
    path = expand_user(spec)
    return load_path(path, read, is_for_training=False, skip_bad=skip_bad, seed=seed, progress=progress)
