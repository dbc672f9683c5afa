"""Training on a part of MNIST for one epoch."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from cnnfx.datasets import LabeledImages
from cnnfx.formats.arch import default_arch
from cnnfx.training import Trainer, TrainingSettings


def read(part: str, count: int) -> LabeledImages:
    folder = Path(os.environ["CNNFX_DATA"])
    images = np.frombuffer(gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    return LabeledImages(
        "mnist", images.reshape(-1, 1, 28, 28)[:count], labels[:count].astype(int), tuple("0123456789")
    )


@pytest.mark.mnist
@pytest.mark.skipif("CNNFX_DATA" not in os.environ, reason="CNNFX_DATA does not name a folder with MNIST")
def test_one_epoch_on_a_tenth_of_mnist_gives_an_accuracy_above_93_percent() -> None:
    trainer = Trainer.begin(default_arch(), read("train", 6000), read("t10k", 2000), TrainingSettings(epochs=1))
    for _ in trainer.run():
        pass
    assert len(trainer.parameters) <= 40_000
    assert trainer.history[-1].test_accuracy > 0.93
