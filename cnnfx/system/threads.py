"""How many threads to use, and a pool of them that takes tasks one by one.

The work of a task is done inside NumPy, which lets go of Python's lock while it copies and multiplies. Tasks do not
know which thread runs them, so results do not depend on how many there are.
"""

from __future__ import annotations

import ctypes
import os
import queue
import threading
from collections import deque
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.system.blas import single_threaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NOWHERE = -1


def here() -> int:
    """The processor that the calling thread runs on; `NOWHERE` where the system does not tell, or lets none choose."""
    return _asking()()


def keep_off(processor: int, threads: Iterable[int]) -> None:
    """Have `threads`, by the system's numbers, run on the processors of the calling thread, but not on this one."""
    others = os.sched_getaffinity(0) - {processor}
    for thread in threads if others else ():
        with suppress(OSError):  # where it is forbidden, they run as they did
            os.sched_setaffinity(thread, others)


@lru_cache(maxsize=1)
def _asking() -> Callable[[], int]:
    if not hasattr(os, "sched_setaffinity"):
        return lambda: NOWHERE
    found: Callable[[], int] = getattr(ctypes.CDLL(None), "sched_getcpu", lambda: NOWHERE)
    return found


WAKING = 15_000_000
"""What is done before a second thread is awake and has been waited for."""

VARIABLE = "CNNFX_THREADS"
END: Any = object()
Task = TypeVar("Task")
_chosen: int | None = None


def thread_count() -> int:
    """The number of threads in use: as set by `set_threads`, else by $CNNFX_THREADS, else what the machine grants.

    Raises
    ------
    ArgumentError
        If $CNNFX_THREADS is not a whole number from 1 on.
    """
    if _chosen is not None:
        return _chosen
    given = os.environ.get(VARIABLE)
    return granted() if not given else _checked(given, f"the environment variable {VARIABLE}")


def set_threads(count: int | None) -> None:
    """Use `count` threads from now on; None goes back to $CNNFX_THREADS or what the machine grants.

    Raises
    ------
    ArgumentError
        If `count` is not a whole number from 1 on.
    """
    global _chosen
    _chosen = None if count is None else _checked(count, "the number of threads")


def _checked(value: object, name: str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ArgumentError(f"{name} must be a whole number, 1 or more, not {value!r}")
    return int(text)


def threads_for(cost: float) -> int:
    """How many threads what costs so much is worth."""
    return 1 if cost < WAKING else thread_count()


@lru_cache(maxsize=1)
def granted() -> int:
    """The processors that this process may use: by affinity, and by the CPU quota of its control group."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, int(quota() or processors)))


def quota(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Processors' worth of time that Linux control groups (version 2 or 1) grant; None where nothing limits it.

    A limit of any group above this process's own holds too.
    """
    limits = []
    for line in _text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "cpu" if controllers else root
        group = top / path.lstrip("/")
        limits += [limit for folder in (group, *group.parents) if (limit := _limit(folder)) and folder >= top]
    return min(limits, default=None)


def _limit(group: Path) -> float | None:
    words = _text(group / "cpu.max").split() or [
        _text(group / "cpu.cfs_quota_us").strip(),
        _text(group / "cpu.cfs_period_us").strip(),
    ]
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]):
        return int(words[0]) / int(words[1])
    return None  # "max" or -1: no limit


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeError):
        return ""


def run_in_threads(work: Callable[[Task], object], tasks: Iterable[Task], most: int | None = None) -> None:
    """Call `work` on every task, in as many threads as `thread_count` says, or in `most`; the calling thread is one.

    An error in one task ends the work and is raised here.
    """
    waiting = list(tasks)
    helpers = min(thread_count() if most is None else most, len(waiting)) - 1
    with single_threaded(), np.errstate(all="ignore"):
        if helpers < 1:
            for task in waiting:
                work(task)
        else:
            _Run(work, waiting).start(helpers)


class _Run:
    """Tasks in work: every thread takes the next one until none is left.

    Waking a thread takes longer than many a task. So the caller begins at once, and in the end waits only for helpers
    that have begun; one that wakes too late finds the run closed.
    """

    def __init__(self, work: Callable[[Task], object], tasks: list[Task]) -> None:
        self.work, self.tasks = work, iter(tasks)
        self.lock, self.finished = threading.Lock(), threading.Semaphore(0)
        self.active, self.open = 0, True
        self.error: BaseException | None = None

    def start(self, helpers: int) -> None:
        _pool.need(helpers)
        _pool.make_way()
        for _ in range(helpers):
            _pool.calls.put(self._help)
        try:
            self._take()
        finally:
            with self.lock:
                self.open, self.tasks = False, iter(())
            for _ in range(self.active):
                self.finished.acquire()  # asleep: whoever spins keeps Python's lock from those who work
        if self.error is not None:
            raise self.error

    def _help(self) -> None:
        with self.lock:
            if not self.open:
                return
            self.active += 1
        try:
            with np.errstate(all="ignore"):
                self._take()
        except BaseException as error:  # raised again in the calling thread
            with self.lock:
                self.error, self.tasks = error, iter(())
        self.finished.release()

    def _take(self) -> None:
        while True:
            with self.lock:
                task = next(self.tasks, END)
            if task is END:
                return
            self.work(task)


class _Pool:
    """Threads that live as long as the process, and do what is put in their queue."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.threads: list[threading.Thread] = []
        self.lock, self.off = threading.Lock(), NOWHERE

    def need(self, count: int) -> None:
        with self.lock:
            for _ in range(count - len(self.threads)):
                thread = threading.Thread(target=self._live, args=(self.calls,), name="cnnfx", daemon=True)
                thread.start()
                self.threads.append(thread)
                self.off = NOWHERE

    def make_way(self) -> None:
        """Keep the threads off the processor of the caller."""
        processor = here()
        if processor != self.off:
            keep_off(processor, [thread.native_id for thread in self.threads if thread.native_id])
            self.off = processor

    @staticmethod
    def _live(calls: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            calls.get()()


def _renew() -> None:
    global _pool
    _pool = _Pool()


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)  # threads do not survive a fork

Result = TypeVar("Result")


def in_order(work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """`work(task)` for every task, in the order of the tasks; a bounded number of them is in work or done.

    The calling thread makes the tasks and takes the results. Where it would wait, it works too, so that as many threads
    as `thread_count` says are busy. A single task starts no thread. An error, of a task or in the making of tasks,
    ends the work and is raised here.
    """
    count = thread_count()
    if count == 1:
        yield from map(work, tasks)
        return
    helpers, most = _Helpers(count - 1), 2 * count + 2
    pending: deque[_Job[Task, Result]] = deque()
    try:
        for task in tasks:
            pending.append(_Job(work, task))
            helpers.offer(pending)
            while pending and (pending[0].done.is_set() or len(pending) > most):
                yield _settled(pending)
        while pending:
            yield _settled(pending)
    finally:
        helpers.close(pending)


def _settled(pending: deque[_Job[Task, Result]]) -> Result:
    """The result of the first job, taken out; until it is there, this thread does what no other has begun."""
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
    """One task; whoever comes first does it."""

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
    """Up to `most` threads, started one by one as there is more to do."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.threads: list[threading.Thread] = []
        self.jobs: queue.SimpleQueue[_Job[Any, Any] | None] = queue.SimpleQueue()

    def offer(self, pending: deque[_Job[Any, Any]]) -> None:
        """Have the last of the jobs done by a thread, once there is more than one."""
        self.jobs.put(pending[-1])
        if len(self.threads) < min(self.most, len(pending) - 1):
            thread = threading.Thread(target=self._live, name="cnnfx-ahead", daemon=True)
            thread.start()  # before it counts: Ctrl-C may come between, and what has not begun cannot be joined
            self.threads.append(thread)

    def close(self, unwanted: Iterable[_Job[Any, Any]]) -> None:
        """End all threads, without the jobs that nobody has begun."""
        for job in unwanted:
            job.begun.acquire(blocking=False)
        for _ in self.threads:
            self.jobs.put(None)
        for thread in self.threads:
            thread.join()

    def _live(self) -> None:
        while (job := self.jobs.get()) is not None:
            job.run()
