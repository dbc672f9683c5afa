"""Tasks in worker processes: all processors busy, a few images in flight, outcomes in order, and no half-written files.

A worker that dies (a crash in a decoder, the system short of memory) takes its pool down; the images that were in
flight are
then done one by one, each in a process of its own, so that the one that kills is found and the others lose nothing
but time.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from cnnfx.engine import set_threads, thread_count
from cnnfx.jobs.task import Outcome, Task, perform

IN_FLIGHT = 2
"""Tasks per worker that are begun or wait: enough to keep it busy, few enough to bound the memory."""
GRACE = 0.6
"""Seconds that workers get to clean up when the work is broken off."""

Flight = tuple[Task, "Future[Outcome]"]

_stopping = False


def in_processes(tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """Do the tasks in `jobs` worker processes, which share the processors; the outcomes in the order of the tasks."""
    workers = _Workers(min(jobs, len(tasks)), max(1, thread_count() // jobs))
    flying: deque[Flight] = deque()
    try:
        for task in tasks:
            flying.append((task, workers.send(task)))
            while len(flying) >= IN_FLIGHT * jobs:
                yield workers.land(*flying.popleft())
        while flying:
            yield workers.land(*flying.popleft())
        workers.dismiss()
    except BaseException:
        workers.stop()
        raise


class _Workers:
    """A pool of processes that is made anew when one of them dies."""

    def __init__(self, count: int, threads: int) -> None:
        self.count, self.threads = count, threads
        self.pool = self._new(count)

    def _new(self, count: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(count, _context(), initializer=_begin, initargs=(self.threads,))

    def send(self, task: Task) -> Future[Outcome]:
        """Have a task done."""
        try:
            return self.pool.submit(_work, task)
        except BrokenProcessPool:
            self.pool.shutdown(wait=False)
            self.pool = self._new(self.count)
            return self.pool.submit(_work, task)

    def land(self, task: Task, future: Future[Outcome]) -> Outcome:
        """The outcome of a task; one whose pool died is done again in a process of its own."""
        try:
            return future.result()
        except BrokenProcessPool:
            return self._alone(task)

    def _alone(self, task: Task) -> Outcome:
        with self._new(1) as pool:
            try:
                return pool.submit(_work, task).result()
            except BrokenProcessPool:
                return Outcome(task.source, error=killer_message(task.source), exit_code=1)

    def dismiss(self) -> None:
        """Let the workers end."""
        self.pool.shutdown()

    def stop(self) -> None:
        """End the workers at once, but for what they need to remove half-written files."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        children = multiprocessing.active_children()
        for child in children:
            child.terminate()
        deadline = time.monotonic() + GRACE
        for child in children:
            child.join(max(0.0, deadline - time.monotonic()))
            child.kill()


def killer_message(source: str) -> str:
    """What to say of an image that ends the process that works on it."""
    return (
        f"{source}: the worker process that read it died, twice. The file may be damaged, or too large for the memory."
    )


def _context() -> Any:
    """How processes are started: from a server that has loaded all modules once, where the system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["cnnfx.jobs.processes", "cnnfx.filterbank", "PIL.Image"])
    return context


def _begin(threads: int) -> None:
    """Prepare a worker: its share of the threads; Ctrl-C is the main process's business, which then sends SIGTERM."""
    set_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)


def _stop(*_: object) -> None:
    """Leave what is being done, cleaning up on the way, and begin nothing more."""
    global _stopping
    _stopping = True
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit


def _work(task: Task) -> Outcome:
    if _stopping:
        raise SystemExit
    return perform(task)
