"""Fixtures of the fault tests: a folder with the inputs of all commands, in which each test runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kills import Bench, bench


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The inputs of all commands, and a mirror."""
    if sys.platform != "linux":
        pytest.skip("needs the signals and the processes of Linux")
    with bench(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture(scope="session")
def inputs(place: Bench) -> Path:
    """The folder with the inputs of all commands."""
    return place.folder
