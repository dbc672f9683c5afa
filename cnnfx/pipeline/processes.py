"""Tasks in a pool of worker processes: one image in work per process, results in the order of the tasks.

Each worker has its own connection to this process. When a worker dies (a crash in a decoder, the system out of memory),
its connection closes; its current task is then repeated while no other task is in work. If the worker dies again, that
task has failed, and only its image is lost. A worker exits when its connection closes, so that none outlives this
process.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from cnnfx.pipeline.tasks import Processor, Result, Task, worker_killed
from cnnfx.system.files import remove_partial_files, remove_unfinished_files
from cnnfx.system.memory import keep_freed_memory
from cnnfx.system.threads import set_threads, thread_count

TASKS_PER_WORKER = 2
"""Tasks that a worker has: one in work and the next one, so that the worker need not wait for this process."""
SHUTDOWN_SECONDS = 0.5
"""Seconds that workers have to exit when the work is aborted."""

NumberedTask = tuple[int, Task]


def process_in_workers(processor: Processor, tasks: Sequence[Task], jobs: int) -> Generator[Result, None, None]:
    """Process the tasks in at most `jobs` worker processes, which share the processors.

    The results are in the order of the tasks. Closing the generator ends the workers.
    """
    pool, results = _WorkerPool(processor, tasks, min(jobs, len(tasks))), dict[int, Result]()
    try:
        for number in range(len(tasks)):
            while number not in results:
                results.update(pool.advance())
            yield results.pop(number)
    finally:
        pool.shut_down()


class _WorkerPool:
    """The workers, and the tasks that are not done.

    Parameters
    ----------
    processor : Processor
    tasks : sequence of Task
    size : int
        The number of workers.
    """

    def __init__(self, processor: Processor, tasks: Sequence[Task], size: int) -> None:
        start_fork_server()
        self.processor, self.size = processor, size
        self.threads_per_worker = max(1, thread_count() // size)
        self.workers: list[_Worker] = []
        self.waiting = deque(enumerate(tasks))
        self.to_repeat = deque[NumberedTask]()
        self.interrupted = set[int]()  # the numbers of tasks during which a worker died, also while they are repeated

    def advance(self) -> Iterator[tuple[int, Result]]:
        """Assign tasks, wait until a worker sends or dies, and return the results with the numbers of their tasks."""
        self._assign()
        connections = {worker.connection: worker for worker in self.workers if worker.tasks}
        for connection in wait(list(connections)):
            worker = connections[connection]
            try:
                result = worker.connection.recv()
                yield worker.tasks.popleft()[0], result
            except (EOFError, OSError):
                yield from self._discard(worker)

    def _assign(self) -> None:
        """Keep all workers busy; a task during which a worker died is repeated while no other task is in work."""
        busy = any(worker.tasks for worker in self.workers)
        if self.to_repeat or (busy and self._repeats()):
            if not busy:
                self._least_busy().send(self.to_repeat.popleft())
            return
        while self.waiting:
            worker = self._least_busy()
            if len(worker.tasks) == TASKS_PER_WORKER:
                return
            worker.send(self.waiting.popleft())

    def _repeats(self) -> bool:
        """Whether a task is being repeated."""
        return any(number in self.interrupted for worker in self.workers for number, _ in worker.tasks)

    def _least_busy(self) -> _Worker:
        """The worker with the fewest tasks; a new one as long as the pool is not full."""
        if len(self.workers) < self.size and all(worker.tasks for worker in self.workers):
            self.workers.append(_Worker(self.processor, self.threads_per_worker))
        return min(self.workers, key=lambda worker: len(worker.tasks))

    def _discard(self, worker: _Worker) -> Iterator[tuple[int, Result]]:
        """Remove a dead worker; repeat its current task, or return it as failed if it was repeated already."""
        self.workers.remove(worker)
        worker.stop()
        worker.clean_up()
        number, task = worker.tasks.popleft()
        self.waiting.extendleft(reversed(worker.tasks))
        if number in self.interrupted:
            yield number, Result(task.source, error=worker_killed(task.source))
        else:
            self.interrupted.add(number)
            self.to_repeat.append((number, task))

    def shut_down(self) -> None:
        """End all workers. Those that are at work get a moment to remove unfinished files."""
        for worker in self.workers:
            worker.stop()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.clean_up()


class _Worker:
    """A process that does one task after the other."""

    def __init__(self, processor: Processor, threads: int) -> None:
        context: Any = multiprocessing.get_context(_start_method())
        self.connection, other_end = context.Pipe()
        self.tasks: deque[NumberedTask] = deque()
        self.process = context.Process(target=_work, args=(other_end, processor, threads), daemon=True)
        with _interrupts_blocked():
            self.process.start()
        other_end.close()

    def send(self, numbered: NumberedTask) -> None:
        """Send a task; if the worker has just died, its connection reports that later."""
        self.tasks.append(numbered)
        with suppress(OSError):
            self.connection.send(numbered[1])

    def stop(self) -> None:
        """Ask the process to exit."""
        self.connection.close()
        if self.tasks:
            self.process.terminate()

    def clean_up(self) -> None:
        """End the process if it still runs, and remove the unfinished files of its tasks."""
        self.process.kill()
        self.process.join()
        for _, task in self.tasks:
            for file in task.target.files([""]):
                remove_partial_files(file, self.process.pid)


def _work(connection: Connection, processor: Processor, threads: int) -> None:
    """The main function of a worker process. The main process handles Ctrl-C and the end of the terminal."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit)
    set_threads(threads)
    keep_freed_memory()
    try:
        while True:
            try:
                task = connection.recv()
            except (EOFError, OSError):
                return
            result = processor.process(task)
            with suppress(OSError):
                connection.send(result)
    finally:
        remove_unfinished_files()


def _exit(*_: object) -> None:
    """Raise SystemExit, so that unfinished files are removed on the way out."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit()


def start_fork_server() -> None:
    """Start the server that workers are forked from, if the system has it; it loads its modules meanwhile."""
    if _start_method() == "forkserver":
        from multiprocessing import forkserver, resource_tracker

        forkserver.set_forkserver_preload(["cnnfx.pipeline.preload"])
        resource_tracker.ensure_running()  # the server would start it, and would then unblock interrupts
        with _interrupts_blocked():
            forkserver.ensure_running()


def _start_method() -> str:
    """How workers are started: "forkserver", or "spawn" where the system has no fork."""
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C in processes that are started meanwhile, also while they load; here it is delivered afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
