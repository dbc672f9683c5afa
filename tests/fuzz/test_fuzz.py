"""Inputs that once failed, a few random ones for each target, and the fuzzer itself."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import arrays, models, tiff
from tests.fuzz.engine import Failure, Inputs, corpus_files, run, run_inputs
from tests.fuzz.minimize import minimize
from tests.fuzz.picture_seeds import SEEDS
from tests.fuzz.pictures import STRUCTURES
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer needs fork, /proc and Linux's limits")
FAST = [name for name in TARGETS if name != "commands"]


def _texts(report):
    return [failure.text for failure in report.failures.values()]


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_once_failed_are_read_or_refused(name):
    inputs = [path.read_bytes() for path in corpus_files(name)]
    assert _texts(run_inputs(TARGETS[name], inputs)) == []


@pytest.mark.parametrize("name", FAST)
def test_random_inputs_are_read_or_refused(name):
    report = run(Inputs(TARGETS[name], seed=15), runs=60)
    assert _texts(report) == []
    assert report.runs == 60


@pytest.mark.parametrize("name", [name for name in SEEDS if name not in ("avif", "jpeg2000", "psd", "tiff")])
def test_most_seeds_of_a_picture_format_are_valid(name):
    seeds = TARGETS[name].seeds()
    report = run_inputs(TARGETS[name], seeds)
    assert _texts(report) == []
    assert report.valid > 0.6 * len(seeds) > 0


@pytest.mark.parametrize("name", [name for name in FAST if name not in SEEDS and name != "csv"])
def test_some_seeds_are_valid(name):
    report = run_inputs(TARGETS[name], TARGETS[name].seeds())
    assert _texts(report) == []
    assert report.valid >= 1


def test_every_seed_of_a_command_line_ends_with_an_exit_code():
    report = run_inputs(TARGETS["commands"], TARGETS["commands"].seeds())
    assert _texts(report) == []
    assert report.valid > report.runs / 2


def test_the_input_of_a_number_is_always_the_same():
    inputs = Inputs(TARGETS["png"], 3)
    again = Inputs(TARGETS["png"], 3)
    assert [inputs[index] for index in (7, 3, 5)] == [again[index] for index in (7, 3, 5)]
    assert inputs[7] != Inputs(TARGETS["png"], 4)[7]


def test_a_run_is_the_same_however_it_is_divided():
    def check(data, folder):
        assert zlib.crc32(data) % 7, f"the input {zlib.crc32(data)}"
        return True

    target = replace(TARGETS["kernel"], check=check)
    whole = run(Inputs(target, 1), runs=40)
    parts = [run(Inputs(target, 1), runs=20, start=start) for start in (0, 20)]
    assert whole.failed == sum(part.failed for part in parts) > 0


def _failing(check, **changes):
    """Run three inputs by a check and return the signatures of what failed."""
    target = replace(TARGETS["kernel"], check=check, thorough=None, **changes)
    return list(run_inputs(target, [b"a", b"b", b"c"]).failures)


def test_an_error_that_leaves_a_reader_is_a_failure():
    def check(data, folder):
        return bool({"a": 1}[data.decode()])

    (signature,) = _failing(check)
    assert signature.startswith("KeyError in test_fuzz.py:check")


def test_a_warning_is_a_failure():
    import warnings

    (signature,) = _failing(lambda data, folder: warnings.warn("old", stacklevel=1))
    assert signature.startswith("UserWarning")


def test_what_is_printed_is_a_failure():
    import os

    assert _failing(lambda data, folder: os.write(2, b"libtiff: bad\n") > 0) == ["printed: 'libtiff: bad\\n'"]


def test_a_crash_is_the_failure_of_its_input_and_the_run_goes_on():
    import os
    import signal

    def check(data, folder):
        if data == b"b":
            os.kill(os.getpid(), signal.SIGSEGV)
        return True

    report = run_inputs(replace(TARGETS["kernel"], check=check), [b"a", b"b", b"c"])
    assert [(failure.signature, failure.data) for failure in report.failures.values()] == [("SIGSEGV: a crash", b"b")]
    assert (report.runs, report.valid) == (3, 2)


def test_an_endless_loop_is_a_failure():
    def check(data, folder):
        while data == b"c":
            pass
        return True

    assert _failing(check, max_seconds=0.2) == ["SIGPROF: it takes more than 0.2 s"]


def test_too_much_memory_is_a_failure():
    def check(data, folder):
        return len(b"x" * (40_000_000 if data == b"b" else 1)) > 0

    assert _failing(check, max_bytes=20_000_000) == ["memory"]


def test_a_failure_is_made_small():
    def check(data, folder):
        assert b"7;" not in data, "it has a seven"
        return True

    target = replace(TARGETS["kernel"], check=check)
    failure = Failure(0, "AssertionError: it has a seven", "", b"1 2 3\n4 5 6\n7;8 9\n")
    assert minimize(target, failure) == b"7;"


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_file_taken_apart_and_put_together_is_the_same(name):
    structure = STRUCTURES[name]
    for data in TARGETS[name].seeds():
        try:
            parts = structure.split(data)
        except ValueError:
            continue
        assert structure.join(parts).rstrip(b"\0") == data.rstrip(b"\0")


def test_a_tiff_file_put_together_has_the_same_pages():
    for data in tiff.tiff_seeds():
        parsed = tiff.parse(data)
        again = tiff.parse(tiff.build(parsed))
        assert [page.pixels for page in again.pages] == [page.pixels for page in parsed.pages]


def test_an_archive_put_together_has_the_same_members():
    for data in (*arrays.npz_seeds(), *models.model_seeds()):
        members = arrays.split_zip(data)
        assert [(member.name, member.data) for member in arrays.split_zip(arrays.join_zip(members))] == [
            (member.name, member.data) for member in members
        ]


def test_a_chunk_that_is_changed_has_a_right_checksum():
    rng = Random(5)  # noqa: S311 # inputs are no secrets
    seed = next(iter(TARGETS["png"].seeds()))
    for _ in range(50):
        for part in STRUCTURES["png"].split(STRUCTURES["png"].join(STRUCTURES["png"].split(seed))):
            changed = STRUCTURES["png"].change(rng, part)
            data = STRUCTURES["png"].join([changed])
            assert int.from_bytes(data[-4:], "big") == zlib.crc32(changed.kind + changed.data)


def test_the_command_runs_a_target_and_reports_it():
    command = [sys.executable, "-m", "tests.fuzz", "kernel", "--runs", "30", "--seed", "2"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"kernel +30 runs .* 0 failed, 0 kinds\n", result.stdout)
