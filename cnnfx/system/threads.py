"""The number of threads, and one pool of threads for `run_in_threads` and `ordered_map`.

Threads help because NumPy and zlib release Python's global interpreter lock while they compute. A task does not know
which thread runs it, so results do not depend on the number of threads.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.system.blas import single_threaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

THREADS_VARIABLE = "CNNFX_THREADS"
"""The environment variable of the number of threads."""

SECOND_THREAD_COST = 20_000_000
"""Work that one thread completes while a second one is woken, in multiplications."""

END: Any = object()
"""Returned instead of a task when no task remains."""

Task = TypeVar("Task")
Result = TypeVar("Result")
_chosen: int | None = None


def thread_count() -> int:
    """Return the number of threads: from `set_threads`, else $CNNFX_THREADS, else `available_processors`.

    Raises
    ------
    ArgumentError
        If $CNNFX_THREADS is not a whole number, 1 or more.
    """
    if _chosen is not None:
        return _chosen
    given = os.environ.get(THREADS_VARIABLE)
    return _checked(given, f"the environment variable {THREADS_VARIABLE}") if given else available_processors()


def set_threads(count: int | None) -> None:
    """Use `count` threads from now on; None restores the default.

    Raises
    ------
    ArgumentError
        If `count` is not a whole number, 1 or more.
    """
    global _chosen
    _chosen = None if count is None else _checked(count, "the number of threads")


def _checked(value: object, name: str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ArgumentError(f"{name} must be a whole number, 1 or more, not {value!r}")
    return int(text)


def threads_for(cost: float) -> int:
    """Return the number of threads for work of this cost, in multiplications."""
    return 1 if cost < SECOND_THREAD_COST else thread_count()


@lru_cache(maxsize=1)
def available_processors() -> int:
    """Return the number of processors that the CPU affinity and the control group's quota allow this process to use."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, int(cpu_quota() or processors)))


def cpu_quota(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return the quota of Linux control groups (version 1 or 2) in processors, or None if there is no limit.

    The quotas of all groups that contain this process's group apply too.
    """
    limits = []
    for line in _read_text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "cpu" if controllers else root
        group = top / path.lstrip("/")
        limits += [limit for folder in (group, *group.parents) if (limit := _read_limit(folder)) and folder >= top]
    return min(limits, default=None)


def _read_limit(group: Path) -> float | None:
    """Return the quota of one control group in processors, or None if it has no limit."""
    words = _read_text(group / "cpu.max").split() or [
        _read_text(group / "cpu.cfs_quota_us").strip(),
        _read_text(group / "cpu.cfs_period_us").strip(),
    ]
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]):
        return int(words[0]) / int(words[1])
    return None  # "max" or -1: no limit


def _read_text(path: Path) -> str:
    """Return the content of a file, or "" if it cannot be read."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeError):
        return ""


def run_in_threads(work: Callable[[Task], object], tasks: Iterable[Task], threads: int | None = None) -> None:
    """Call `work` on every task, in `threads` threads (default: `thread_count()`), one of which is the calling thread.

    After an error in a task no further task is begun, and the error is raised in the calling thread.
    """
    remaining, errors = deque(tasks), list[BaseException]()
    others = min(thread_count() if threads is None else threads, len(remaining)) - 1
    if others < 1:
        with single_threaded(), np.errstate(all="ignore"):
            for task in remaining:
                work(task)
        return

    def take_tasks() -> None:
        try:
            with np.errstate(all="ignore"):  # NumPy's error handling is set for each thread
                while (task := _next(remaining)) is not END:
                    work(task)
        except BaseException as error:  # raised again in the calling thread
            errors.append(error)
            remaining.clear()

    helpers = _Helpers()
    with single_threaded():
        try:
            for _ in range(others):
                helpers.call(take_tasks, others)
            take_tasks()
        finally:
            remaining.clear()
            helpers.close()
    if errors:
        raise errors.pop(0)  # removed, as its traceback refers to this list


def _next(tasks: deque[Task]) -> Task:
    """Take the first task, or `END`: one atomic step, so that no two threads take the same one."""
    try:
        return tasks.popleft()
    except IndexError:
        return END  # type: ignore[no-any-return]


def ordered_map(work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """Yield `work(task)` for every task, in the order of the tasks, computed in `thread_count()` threads.

    The calling thread iterates over `tasks` and yields the results; instead of waiting for a result it computes others.
    At most 2·`thread_count()` + 3 tasks are taken from `tasks` before their results are yielded. A single task starts
    no thread. After an error, in a task or in the iteration over `tasks`, no further task is begun, and the error is
    raised in the calling thread.
    """
    threads = thread_count()
    if threads == 1:
        yield from map(work, tasks)
        return
    helpers, most_pending = _Helpers(), 2 * threads + 2
    pending: deque[_Job[Task, Result]] = deque()
    try:
        for task in tasks:
            job = _Job(work, task)
            pending.append(job)
            helpers.call(job.run, min(threads, len(pending)) - 1)
            while pending and (pending[0].done.is_set() or len(pending) > most_pending):
                yield _first_result(pending)
        while pending:
            yield _first_result(pending)
    finally:
        helpers.close()


def _first_result(pending: deque[_Job[Task, Result]]) -> Result:
    """Remove the first job and return its result. While another thread computes it, run jobs that are not begun."""
    first = pending[0]
    for job in pending:
        if first.done.is_set():
            break
        job.run()
    first.done.wait()
    pending.popleft()
    if first.error is not None:
        raise first.error
    return first.results.pop()


class _Job(Generic[Task, Result]):
    """One task of `ordered_map`. The first thread that calls `run` computes its result."""

    def __init__(self, work: Callable[[Task], Result], task: Task) -> None:
        self.work, self.tasks = work, [task]
        self.begun, self.done = threading.Lock(), threading.Event()
        self.results: list[Result] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        if not self.begun.acquire(blocking=False):
            return
        try:
            self.results.append(self.work(self.tasks.pop()))
        except BaseException as error:  # raised again in the calling thread
            self.error = error
        self.done.set()


class _Helpers:
    """Calls that threads of the pool make for one caller.

    Waking a thread can take longer than a task. So `close` waits only for the calls that have begun, and a thread that
    wakes later does nothing. Until then the pool's queue refers to this object, but no longer to the functions, whose
    arrays would otherwise stay in memory while all threads are busy with longer calls.
    """

    def __init__(self) -> None:
        self.lock, self.finished = threading.Lock(), threading.Semaphore(0)
        self.begun = 0
        self.waiting: deque[Callable[[], object]] = deque()

    def call(self, function: Callable[[], object], threads: int) -> None:
        """Let a thread of the pool, which grows to `threads` threads, call `function`, which must not raise errors."""
        _pool.grow(threads)
        self.waiting.append(function)
        _pool.calls.put(self._call)

    def _call(self) -> None:
        with self.lock:
            if not self.waiting:
                return
            function = self.waiting.popleft()
            self.begun += 1
        function()
        self.finished.release()

    def close(self) -> None:
        """Cancel the calls that have not begun and wait for the others."""
        with self.lock:
            self.waiting.clear()
        for _ in range(self.begun):
            self.finished.acquire()


class _Pool:
    """Daemon threads that make the calls of one queue."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()

    def grow(self, count: int) -> None:
        """Start threads until there are `count`."""
        if len(self.threads) >= count:
            return
        with self.lock:
            for _ in range(count - len(self.threads)):
                thread = threading.Thread(target=self._run, args=(self.calls,), name="cnnfx", daemon=True)
                thread.start()
                self.threads.append(thread)

    @staticmethod
    def _run(calls: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            calls.get()()


def _renew_pool() -> None:
    global _pool
    _pool = _Pool()


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_pool)  # threads do not survive a fork
