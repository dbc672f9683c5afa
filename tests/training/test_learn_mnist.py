"""On the real MNIST: a part of it, for one epoch."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats.arch import default_arch
from cnnfx.training import Learn, Settings, Trainer
from tests.training.drawn import Bars


def read(part: str, count: int) -> Bars:
    folder = Path(os.environ["CNNFX_DATA"])
    images = np.frombuffer(gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    return Bars(images.reshape(-1, 1, 28, 28)[:count], labels[:count].astype(int), tuple("0123456789"), "mnist")


@pytest.mark.mnist
@pytest.mark.skipif("CNNFX_DATA" not in os.environ, reason="CNNFX_DATA names no folder with MNIST")
def test_one_epoch_of_a_tenth_of_it_reads_most_digits() -> None:
    arch = default_arch()
    learn = [Learn(*both) for both in zip(arch.learned, arch.random, strict=True)]
    trainer = Trainer.begin(arch.network, learn, read("train", 6000), read("t10k", 2000), Settings(epochs=1))
    for _ in trainer.run():
        pass
    assert len(trainer.parameters) <= 40_000
    assert trainer.history[-1].test_accuracy > 0.93
