"""What holds for all tests: none fails because the machine is slow; the folder with networks trained by others."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("few", settings.get_profile("untimed"), max_examples=10)
settings.load_profile(os.environ.get("CNNFX_HYPOTHESIS_PROFILE", "untimed"))

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def networks_folder() -> Path:
    """Return the folder of networks and expected outputs for the tests marked `networks`, which are skipped without."""
    folder = Path(os.environ.get("CNNFX_NETWORKS") or ROOT.parent / "shared" / "networks")
    if not (folder / "expected.npz").is_file():
        pytest.skip(f"{folder} has no expected.npz; CNNFX_NETWORKS can name another folder")
    return folder
