"""Tasks in worker processes: all processors busy, an image in work per process, outcomes in order, only whole files.

Each worker has a line of its own to this process. One that dies (a crash in a decoder, the system short of memory) is
noticed by its line: what it worked on is done once more with nothing beside it, so that only the image that kills is
lost, and named. A worker whose line has closed leaves by itself, so that none outlives this process.
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

from cnnfx.conv import set_threads, thread_count
from cnnfx.pipeline.tasks import Outcome, Recipe, Task, killer_message, perform
from cnnfx.system.files import remove_partial_files
from cnnfx.system.memory import keep_freed_memory


def prepare() -> None:
    """Start the server, where the system can fork; it is ready later."""
    if start_method() == "forkserver":
        from multiprocessing import forkserver, resource_tracker

        forkserver.set_forkserver_preload(["cnnfx.pipeline.preload"])
        resource_tracker.ensure_running()  # the server would start it, and that lets Ctrl-C through again
        with deaf():
            forkserver.ensure_running()


def start_method() -> str:
    """How workers are started: forked from the server, or anew where the system cannot do that."""
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def deaf() -> Iterator[None]:
    """Processes that are started meanwhile do not hear Ctrl-C, not even while they load; here it is heard later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


AHEAD = 2
"""Tasks that a worker knows of: the one in work, and the next, so that it need not wait for this process."""
GRACE = 0.5
"""Seconds that workers get to leave when the work is broken off."""

Numbered = tuple[int, Task]


def in_processes(recipe: Recipe, tasks: Sequence[Task], jobs: int) -> Generator[Outcome, None, None]:
    """Do the tasks in `jobs` worker processes, which share the processors; the outcomes in the order of the tasks."""
    crew, done = _Crew(recipe, tasks, min(jobs, len(tasks))), dict[int, Outcome]()
    try:
        for number in range(len(tasks)):
            while number not in done:
                done.update(crew.advance())
            yield done.pop(number)
    finally:
        crew.dismiss()


class _Crew:
    """The workers, and the tasks that are still to be done."""

    def __init__(self, recipe: Recipe, tasks: Sequence[Task], count: int) -> None:
        prepare()
        self.recipe, self.threads = recipe, max(1, thread_count() // count)
        self.waiting, self.suspects = deque(enumerate(tasks)), deque[Numbered]()
        self.accused = set[int]()  # numbers of suspects, also of those that are being done once more
        self.workers: list[_Worker] = []
        self.count = count

    def advance(self) -> Iterator[tuple[int, Outcome]]:
        """Hand out tasks, wait for some worker, and take what is done."""
        self._hand_out()
        lines = {worker.line: worker for worker in self.workers if worker.tasks}
        for line in wait(list(lines)):
            worker = lines[line]
            try:
                outcome = worker.line.recv()
                yield worker.tasks.popleft()[0], outcome
            except (EOFError, OSError):
                yield from self._bury(worker)

    def _hand_out(self) -> None:
        """Keep all workers busy; a task that may have killed one is done with nothing beside it."""
        busy = any(worker.tasks for worker in self.workers)
        if self.suspects or (busy and self._on_trial()):
            if not busy:
                self._idle().send(self.suspects.popleft())
            return
        while self.waiting:
            worker = self._idle()
            if len(worker.tasks) == AHEAD:
                return
            worker.send(self.waiting.popleft())

    def _on_trial(self) -> bool:
        return any(number in self.accused for worker in self.workers for number, _ in worker.tasks)

    def _idle(self) -> _Worker:
        """A worker with the least to do; a new one while there are few."""
        if len(self.workers) < self.count and all(worker.tasks for worker in self.workers):
            self.workers.append(_Worker(self.recipe, self.threads))
        return min(self.workers, key=lambda worker: len(worker.tasks))

    def _bury(self, worker: _Worker) -> Iterator[tuple[int, Outcome]]:
        """Let go of a dead worker; the task that it worked on comes under suspicion, or has killed for certain."""
        self.workers.remove(worker)
        worker.end()
        worker.clear()
        number, task = worker.tasks.popleft()
        self.waiting.extendleft(reversed(worker.tasks))
        if number in self.accused:
            yield number, Outcome(task.source, error=killer_message(task.source))
        else:
            self.accused.add(number)
            self.suspects.append((number, task))

    def dismiss(self) -> None:
        """End the workers: at once if they are at work, but for what they need to remove half-written files."""
        for worker in self.workers:
            worker.end()
        deadline = time.monotonic() + GRACE
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.clear()


class _Worker:
    """A process that does one task after the other."""

    def __init__(self, recipe: Recipe, threads: int) -> None:
        context: Any = multiprocessing.get_context(start_method())
        self.line, theirs = context.Pipe()
        self.tasks: deque[Numbered] = deque()
        self.process = context.Process(target=_live, args=(theirs, recipe, threads), daemon=True)
        with deaf():
            self.process.start()
        theirs.close()

    def send(self, numbered: Numbered) -> None:
        """Have a task done; where the worker has just died, its line will say so."""
        self.tasks.append(numbered)
        with suppress(OSError):
            self.line.send(numbered[1])

    def end(self) -> None:
        """Have the process leave."""
        self.line.close()
        if self.tasks:
            self.process.terminate()

    def clear(self) -> None:
        """See that the process is gone, and remove what it may have left half-written."""
        self.process.kill()
        self.process.join()
        for _, task in self.tasks:
            for file in task.goal.files([""]):
                remove_partial_files(file, self.process.pid)


def _live(line: Connection, recipe: Recipe, threads: int) -> None:
    """A worker's life: until there is nobody to work for. Ctrl-C is the main process's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    set_threads(threads)
    keep_freed_memory()
    while True:
        try:
            task = line.recv()
        except (EOFError, OSError):
            return
        outcome = perform(recipe, task)
        with suppress(OSError):
            line.send(outcome)


def _leave(*_: object) -> None:
    """Drop what is being done, cleaning up on the way."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit()
