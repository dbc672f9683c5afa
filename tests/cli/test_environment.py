"""Environment variables with unusual values: no traceback, and a message where one is wrong."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.cli.commands import COMMAND, SAMPLES, SEVEN, environment

APPLY = ["apply", str(SEVEN), "-f", "edges", "-o", "a.png"]
SHOW = ["show-filters", "edges"]
MANY = ["apply", str(SEVEN), str(SAMPLES / "scene.png"), "-f", "edges", "-o", "{stem}.npy", "--jobs", "2"]
VALUES = [
    (APPLY, {"CNNFX_FILTERS": "~no-such-user/x"}),
    (APPLY, {"CNNFX_FILTERS": f":::~:no/such:/dev/null:{'x' * 5000}", "LANG": "none", "LC_ALL": "none"}),
    (SHOW, {"COLUMNS": "none", "TERM": "", "NO_COLOR": "x", "FORCE_COLOR": "y"}),
    (SHOW, {"COLUMNS": "-3", "TERM": "no-such-terminal", "FORCE_COLOR": "99"}),
    (SHOW, {"COLUMNS": "9" * 30, "PYTHONIOENCODING": "ascii"}),
    (APPLY, {"HOME": "relative", "XDG_CONFIG_HOME": "relative", "XDG_CACHE_HOME": "~"}),
    (APPLY, {"HOME": "/dev/null", "XDG_CONFIG_HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}),
    (MANY, {"TMPDIR": "/no/such/folder", "TEMP": "/no", "TMP": "/no", "HOME": ""}),
    (APPLY, {"OMP_NUM_THREADS": "many", "OPENBLAS_NUM_THREADS": "-1", "PYTHONWARNINGS": "error"}),
]


def run(command: list[str], **values: str) -> subprocess.CompletedProcess[str]:
    line = [*COMMAND, *command]
    return subprocess.run(line, capture_output=True, text=True, env=environment(**values), timeout=60, check=False)


@pytest.mark.parametrize(("command", "values"), VALUES, ids=range(len(VALUES)))
def test_an_unusual_value_that_has_a_meaning_or_none_is_no_error(command, values):
    done = run(command, **values)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert sorted(os.listdir()) in ([], ["a.png"], ["scene.npy", "seven.npy"])


def test_a_wrong_number_of_threads_is_named():
    done = run(APPLY, CNNFX_THREADS="many")
    assert (done.returncode, done.stderr) == (
        2,
        "cnnfx: the environment variable CNNFX_THREADS must be a whole number, 1 or more, not 'many'.\n",
    )


@pytest.mark.parametrize("data", ["~no-such-user/x", "~no-such-user"])
def test_data_of_a_user_who_does_not_exist_are_refused(data):
    done = run(["train", "--data", data])
    assert (done.returncode, done.stderr) == (
        1,
        f"cnnfx: {data}: there is no such file or folder. Datasets known by name are mnist, drawn, shapes.\n",
    )
