"""Settings of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cnnfx.errors import ArgumentError
from cnnfx.system.arguments import whole_number

MAX_STRENGTH = 1e30
"""The largest learning rate, decay and smoothness; products with larger ones exceed float32."""

MAX_WARP = 4.0
"""The largest strength of random warps; it keeps their scale far above 0."""


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a training run. The defaults were chosen on the last 10,000 training images of MNIST.

    Parameters
    ----------
    epochs : int
        Number of times that every training image is used, 1 or more. The learning-rate schedule spans all epochs.
    batch_size : int
        Images for each step of the optimizer, 1 or more.
    rate : float
        The largest learning rate of the one-cycle schedule, above 0.
    decay : float
        Weight decay, 0 or more: each step subtracts decay · learning rate · weight.
    smoothing : float
        Label smoothing, the part of the target that is spread over all classes, 0 ≤ smoothing < 1.
    betas : (float, float)
        Adam's coefficients β₁ and β₂ of the moving means of the gradient and of its square, 0 ≤ β < 1.
    smoothness : float
        Decay of the roughness of the first layer's kernels, 0 or more: each step subtracts smoothness · learning rate ·
        grid Laplacian of the kernel, see `cnnfx.training.optim.decay_roughness`. 0 turns it off.
    batch_norm : bool
        Whether the outputs of layers are normalized during training, see `cnnfx.backprop.normalization`. Layers with
        filters that do not start random, with combinations of channels, or with fewer than 8 values of a channel in a
        batch are not.
    shift : int
        The largest random shift of training images in each direction, in pixels, 0 or more; unused with `warp`.
    warp : float
        The strength of random warps of training images (rotation, scale, shear, elastic), from 0 to `MAX_WARP`: 0 for
        none, 1 for the parameters `cnnfx.training.augmentation.STRONG`, and in proportion.
    seed : int
        Seed of all random numbers, 0 or more.

    Raises
    ------
    ArgumentError
        If a value is out of range.
    """

    epochs: int = 3
    batch_size: int = 128
    rate: float = 0.01
    decay: float = 0.1
    smoothing: float = 0.1
    betas: tuple[float, float] = (0.8, 0.95)
    smoothness: float = 1.0
    batch_norm: bool = True
    shift: int = 1
    warp: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("shift", 0), ("seed", 0)):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        if not 0 < self.rate < math.inf:
            raise ArgumentError(f"rate must be more than 0, not {self.rate!r}.")
        for name, value in (("decay", self.decay), ("smoothness", self.smoothness)):
            if not 0 <= value < math.inf:
                raise ArgumentError(f"{name} must be at least 0, not {value!r}.")
        for name in ("rate", "decay", "smoothness"):
            if getattr(self, name) > MAX_STRENGTH:
                raise ArgumentError(f"{name} must be at most {MAX_STRENGTH:g}, not {getattr(self, name):g}.")
        if not 0 <= self.warp <= MAX_WARP:
            raise ArgumentError(f"warp must be from 0 to {MAX_WARP:g}, not {self.warp!r}.")
        if len(self.betas) != 2:
            raise ArgumentError(f"betas must be two numbers, not {len(self.betas)}.")
        for name, value in (("smoothing", self.smoothing), ("betas", self.betas[0]), ("betas", self.betas[1])):
            if not 0 <= value < 1:
                raise ArgumentError(f"{name} must be at least 0 and less than 1, not {value!r}.")
