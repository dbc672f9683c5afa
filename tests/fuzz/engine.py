"""The fuzzing engine: inputs from seeds and random changes, run in forked processes with limits of time and memory.

The input of a number is the same for the same target, seed and checkout, however the run is divided. A process runs
many inputs one after the other; if it dies, the input that it ran has failed, and the next process goes on after it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import mmap
import multiprocessing.connection
import os
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import cnnfx
from tests.fuzz.mutations import MAX_BYTES, Mutator

PACKAGE = Path(cnnfx.__file__).parent
"""The folder of the package; that of the checkout may have any name."""
CORPUS = Path(__file__).parent / "corpus"
"""The inputs that once failed, in a folder for each target."""
CORPUS_SHARE = 0.15
"""The share of inputs that are made from the corpus."""
MAX_SEED_BYTES = 2_000
"""The largest input of the corpus that is changed, in bytes; changes of larger ones take long."""
BATCH_SECONDS = 4.0
"""How long a process runs before another takes over."""
STUCK_SECONDS = 120.0
"""How long an input may take, waiting included; it is far more than its time of the processor."""
MUCH_MEMORY = 100 << 20
"""The bytes after which another process takes over, as the largest memory of a process does not become less again."""
ADDRESS_SPACE = 2 << 30
"""The bytes that a process may reserve, over what it has at its start; it may use fewer, `Target.max_bytes`."""
DIGITS = re.compile(r"\d+")
MESSAGE_END = re.compile(r"[:\n]")
MAX_SHOWN = 4_000
"""The most characters of a failure's text."""

Check = Callable[[bytes, Path], bool]
Split = Callable[[bytes], list[bytes]]
Join = Callable[[Sequence[bytes]], bytes]


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Parameters
    ----------
    name : str
    ending : str
        The ending of the names of files with inputs.
    seeds : callable
        Returns the inputs that are changed.
    mutate : Mutator
    check : callable
        `check(data, folder)` reads the input, in an empty folder of its own if it must be a file. It returns whether
        the input is valid, and raises anything if the reader does not behave as promised.
    thorough : callable, optional
        A check of given inputs, such as those of the corpus, that takes more time than `check`.
    split, join : callable
        Inputs to parts and back, with right lengths and checksums, to make a failure small.
    max_bytes : int
        The most memory for one input.
    max_seconds : float
        The most time of the processor for one input.
    """

    name: str
    ending: str
    seeds: Callable[[], list[bytes]]
    mutate: Mutator
    check: Check
    thorough: Check | None = None
    split: Split | None = None
    join: Join | None = None
    max_bytes: int = 1 << 30
    max_seconds: float = 10.0


@dataclass
class Failure:
    """An input that a reader does not handle as promised."""

    index: int
    signature: str
    text: str
    data: bytes


@dataclass
class Report:
    """The result of a run."""

    target: str
    seed: int
    runs: int = 0
    valid: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    peak_bytes: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)
    failed: int = 0

    def line(self) -> str:
        """Return the result as one line of a table."""
        rate = self.runs / self.seconds if self.seconds else 0.0
        valid = 100 * self.valid / self.runs if self.runs else 0.0
        return (
            f"{self.target:<12} {self.runs:>9,} runs {rate:>8,.0f}/s {valid:>5.1f} % valid "
            f"slowest {self.slowest:>6.2f} s peak {self.peak_bytes / 2**20:>6.0f} MB "
            f"{self.failed:>6,} failed, {len(self.failures)} kinds"
        )


class Inputs:
    """The inputs of a target for a seed, by number."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target, self.seed = target, seed
        kept = (path.read_bytes() for path in corpus_files(target.name))
        self.seeds, self.corpus = target.seeds(), [data for data in kept if len(data) <= MAX_SEED_BYTES]

    def __getitem__(self, index: int) -> bytes:
        rng = Random(f"{self.seed} {self.target.name} {index}")  # noqa: S311 # inputs are no secrets
        # Most of the corpus is not valid, and changes of valid inputs reach more code.
        seeds = self.corpus if self.corpus and rng.random() < CORPUS_SHARE else self.seeds
        return self.target.mutate(rng, rng.choice(seeds), self.seeds)[:MAX_BYTES]


def corpus_files(name: str) -> list[Path]:
    """Return the files of a target in the corpus, in order."""
    folder = CORPUS / name
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def run(
    inputs: Inputs,
    *,
    runs: int | None = None,
    seconds: float | None = None,
    start: int = 0,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Run inputs from the number `start` on, as many as `runs` or as long as `seconds`."""
    report = Report(inputs.target.name, inputs.seed)
    begin = time.monotonic()
    end = start + (runs if runs is not None else sys.maxsize // 2)
    index = start
    while index < end and (seconds is None or time.monotonic() - begin < seconds):
        left = BATCH_SECONDS if seconds is None else min(BATCH_SECONDS, seconds - (time.monotonic() - begin))
        index = _run_batch(inputs.target, inputs.__getitem__, range(index, end), left, report)
        report.seconds = time.monotonic() - begin
        if progress:
            progress(report)
    return report


def run_inputs(target: Target, inputs: Sequence[bytes]) -> Report:
    """Run the given inputs, such as those of the corpus."""
    report = Report(target.name, 0)
    target = replace(target, check=target.thorough or target.check)
    index = 0
    begin = time.monotonic()
    while index < len(inputs):
        index = _run_batch(target, inputs.__getitem__, range(index, len(inputs)), 3_600.0, report)
    report.seconds = time.monotonic() - begin
    return report


def _run_batch(target: Target, make: Callable[[int], bytes], indexes: range, seconds: float, report: Report) -> int:
    """Run inputs in a process of their own; return the number of the next input."""
    shared = mmap.mmap(-1, 64)
    receiver, sender = multiprocessing.connection.Pipe(duplex=False)
    folder = Path(tempfile.mkdtemp(prefix="cnnfx-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    crash = tempfile.TemporaryFile()  # noqa: SIM115 # closed below
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 if a test runner has threads
        process = os.fork()
    if not process:
        status = 1
        try:
            faulthandler.enable(crash)
            _run_here(target, make, indexes, seconds, folder, sender, shared)
            status = 0
        except BaseException:  # a fault of the fuzzer itself
            traceback.print_exc()
        finally:
            os._exit(status)
    sender.close()
    received = _receive(receiver, shared, process)
    _, status = os.waitpid(process, 0)
    shutil.rmtree(folder, ignore_errors=True)
    index, done, valid, slowest, peak = struct.unpack_from("<QQQdQ", shared)
    report.runs += done
    report.valid += valid
    report.slowest = max(report.slowest, slowest)
    report.peak_bytes = max(report.peak_bytes, peak)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"{target.name}: the fuzzer failed at input {index} of seed {report.seed}")
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        what = {"SIGPROF": f"it takes more than {target.max_seconds:g} s", "SIGKILL": "stuck"}.get(name, "a crash")
        crash.seek(0)
        text = f"The process ended by {name}: {what}.\n{crash.read().decode(errors='replace')}"
        received.append(Failure(index, f"{name}: {what}", text, make(index)))
        report.runs += 1
        index += 1
    crash.close()
    for failure in received:
        report.failed += 1
        known = report.failures.get(failure.signature)
        if known is None or len(failure.data) < len(known.data):
            report.failures[failure.signature] = failure
    return index


def _receive(receiver: multiprocessing.connection.Connection, shared: mmap.mmap, process: int) -> list[Failure]:
    """Return the failures that a process sends; kill it if one input takes far too long."""
    received, last, since = [], -1, time.monotonic()
    while True:
        if receiver.poll(1.0):
            try:
                received.append(Failure(*receiver.recv()))
            except EOFError:
                return received
        index = struct.unpack_from("<Q", shared)[0]
        if index != last:
            last, since = index, time.monotonic()
        elif time.monotonic() - since > STUCK_SECONDS:
            os.kill(process, signal.SIGKILL)


def _run_here(
    target: Target,
    make: Callable[[int], bytes],
    indexes: range,
    seconds: float,
    folder: Path,
    sender: multiprocessing.connection.Connection,
    shared: mmap.mmap,
) -> None:
    """Run inputs in this process, and write the number of the next one and what was measured to `shared`."""
    end = time.monotonic() + seconds
    done = valid = most = 0
    slowest = 0.0
    with limits(target), watched_output() as output:
        os.chdir(folder)
        for index in indexes:
            struct.pack_into("<QQQdQ", shared, 0, index, done, valid, slowest, most)
            data = make(index)
            _reset_peak()
            peak = _peak_bytes()
            signal.setitimer(signal.ITIMER_PROF, target.max_seconds)
            begin = time.process_time()
            is_valid, signature, text = execute(target, data, folder, output)
            slowest = max(slowest, time.process_time() - begin)
            signal.setitimer(signal.ITIMER_PROF, 0)
            used = _peak_bytes() - peak
            most = max(most, used)
            if used > target.max_bytes:
                signature, text = (
                    "memory",
                    f"It uses {used / 2**20:.0f} MB; the limit is {target.max_bytes / 2**20:.0f} MB.",
                )
            done += 1
            valid += is_valid
            if signature:
                sender.send((index, signature, text[:MAX_SHOWN], data))
            if time.monotonic() > end or used > MUCH_MEMORY:
                break
        struct.pack_into("<QQQdQ", shared, 0, index + 1, done, valid, slowest, most)


def execute(target: Target, data: bytes, folder: Path, output: Callable[[], str]) -> tuple[bool, str, str]:
    """Run one input; return whether it is valid, and the signature and the text of a failure, or ""."""
    is_valid, signature, text = False, "", ""
    try:
        is_valid = target.check(data, folder)
    except BaseException as error:  # whatever leaves a reader
        signature, text = _signature(error), traceback.format_exc()
    if printed := output():
        signature = signature or f"printed: {printed[:50]!r}"
        text = f"{text}\nprinted: {printed}"
    return is_valid, signature, text


def _signature(error: BaseException) -> str:
    """Return the kind of an error: its type, where it was raised, and where cnnfx was left."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames]
    own = [place for place, frame in zip(places, frames, strict=True) if Path(frame.filename).is_relative_to(PACKAGE)]
    if isinstance(error, AssertionError) and not own:
        return f"AssertionError: {DIGITS.sub('N', MESSAGE_END.split(str(error))[0])[:60]}"
    return f"{type(error).__name__} in {places[-1]}, from {own[-1] if own else places[0]}"


@contextlib.contextmanager
def limits(target: Target, *, memory: bool = True) -> Iterator[None]:
    """Limit the memory and the time of this process, and make warnings errors."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    if memory:
        with open("/proc/self/statm") as file:
            reserved = int(file.read().split()[0]) * mmap.PAGESIZE
        most = reserved + max(ADDRESS_SPACE, 2 * target.max_bytes)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextlib.contextmanager
def watched_output() -> Iterator[Callable[[], str]]:
    """Collect what is written to the file descriptors 1 and 2, and errors that Python could not raise.

    Yields a function that returns what was written since its last call.
    """
    unraisable: list[str] = []
    sys.unraisablehook = lambda raised: unraisable.append(f"unraisable {raised.exc_value!r} in {raised.object!r}\n")
    with tempfile.TemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as file:
        number = file.fileno()
        kept = os.dup(1), os.dup(2)
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(number, 1)
        os.dup2(number, 2)

        def output() -> str:
            sys.stdout.flush()
            sys.stderr.flush()
            size = os.lseek(number, 0, os.SEEK_CUR)
            if not size and not unraisable:
                return ""
            text = "".join(unraisable) + os.pread(number, 2_000, 0).decode(errors="replace")
            unraisable.clear()
            os.lseek(number, 0, os.SEEK_SET)
            os.ftruncate(number, 0)
            return text

        try:
            yield output
        finally:
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)


def _reset_peak() -> None:
    """Forget the largest memory of the process so far: what was freed since would hide what an input takes."""
    with contextlib.suppress(OSError):  # only Linux has this file
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
