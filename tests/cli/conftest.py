"""Fixtures of the command line: every test runs in its own empty folder."""

from __future__ import annotations

import pytest

from tests.cli.commands import done


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cnnfx.system.threads._chosen", None)  # what --threads of an earlier test has set
    for variable in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "CNNFX_FILTERS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A small model trained on drawn digits, most of which it classifies correctly."""
    path = tmp_path_factory.mktemp("model") / "small.npz"
    done("train", "--data", "drawn:6000", "--widths", "6,12", "--epochs", "3", "-o", path, "-q")
    return path


@pytest.fixture
def interrupted():
    """The model of a run of two epochs that was interrupted after the first."""
    from cnnfx.datasets.load import load_dataset
    from cnnfx.formats.arch import default_arch
    from cnnfx.training import EpochReport, Trainer, TrainingSettings

    data = load_dataset("drawn:60")
    trainer = Trainer.begin(default_arch((4, 2)), data.train, data.test, TrainingSettings(epochs=2, batch_size=30))
    next(report for report in trainer.run() if isinstance(report, EpochReport))
    trainer.save("interrupted.npz")
    return "interrupted.npz"
