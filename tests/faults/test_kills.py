"""Commands that are killed leave whole files, no processes, and no traceback. `python -m tests.faults` kills more."""

from __future__ import annotations

import signal

import pytest

from tests.faults.cases import CASES
from tests.faults.kills import Bench

KILLED = {
    "apply, folder": (0.95, signal.SIGTERM),
    "apply, two processes": (0.9, signal.SIGTERM, signal.SIGKILL),
    "animate": (0.8, signal.SIGTERM, signal.SIGKILL),
    "train": (0.8, signal.SIGINT, signal.SIGTERM),
    "train, download": (0.7, signal.SIGKILL),
    "evaluate": (0.9, signal.SIGINT),
    "predict": (0.9, signal.SIGTERM),
}
"""For each command the share of its time after which it is killed, and the signals."""


@pytest.mark.parametrize(
    ("name", "share", "number"),
    [(name, share, number) for name, (share, *numbers) in KILLED.items() for number in numbers],
)
def test_a_killed_command_leaves_old_or_new_files_and_no_process(
    place: Bench, name: str, share: float, number: signal.Signals
) -> None:
    (case,) = (case for case in CASES if case.name == name)
    assert place.kill(case, number, share, group=number == signal.SIGTERM)[1] == []
