"""Work done in threads while its tasks are still being made, its results taken in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cnnfx.engine.threads import thread_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Task = TypeVar("Task")
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
