"""Tasks on a Dask cluster: Dask distributes them, repeats what a lost worker had, and says when a task kills workers.

Images and outputs are on storage that all workers see under the same paths.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from asyncio import create_task, wait
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future as Promise
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfx.conv import set_threads
from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.pipeline.tasks import Outcome, Recipe, Task, killer_message, perform
from cnnfx.system.files import remove_partial_files

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 5.0
"""Seconds that a scheduler, and each worker, has to answer in at the start."""
DESERTED = 30.0
"""Seconds without a worker, or without a word from the scheduler, after which no help is expected: a nanny needs some
to start its worker again."""
BEAT = 1.0
"""Seconds of waiting for an outcome after which it is seen whether there are workers."""
HASTE = 0.4
"""Seconds that workers have at the end, when somebody may be waiting for the prompt to come back."""
LOGGERS = "distributed", "tornado", "asyncio"
"""Who else speaks where a cluster is lost: Dask, and what it stands on."""
IN_FLIGHT = 3
"""Tasks per worker thread that the scheduler knows of at a time."""


def on_cluster(recipe: Recipe, tasks: Sequence[Task], address: str) -> Generator[Outcome, None, None]:
    """Do the tasks on the cluster whose scheduler is at `address`; the outcomes in the order of the tasks.

    Raises
    ------
    ArgumentError
        If Dask is not installed here, or the address is no scheduler's.
    CnnfxError
        If no scheduler answers or it goes away, it has no workers or loses all, or these do not answer, have no cnnfx
        or another version of it.
    """
    with _connected(address) as client:
        cluster = _Cluster(client, address, recipe)
        room = IN_FLIGHT * cluster.threads
        everywhere = client.submit(_ready, recipe, pure=False)  # a result that Dask makes again where it is lost
        here, flying = os.path.join(os.getcwd(), ""), deque[tuple[Task, Any]]()
        try:
            for task in tasks:
                flying.append((task, client.submit(_work, everywhere, _absolute(task, here), pure=False)))
                if len(flying) >= room:
                    yield cluster.landed(flying, here)
            while flying:
                yield cluster.landed(flying, here)
        finally:
            client.cancel([future for _, future in flying])
            cluster.clear(tasks)


def _connected(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise ArgumentError("Dask is not installed.", remedy="install_dask") from None
    if not _is_address(address):
        raise _no_scheduler(address)
    for name in [name for name in logging.root.manager.loggerDict if name.startswith(LOGGERS)]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what concerns the user is told by us
    promise = Promise[Client]()

    def connect() -> None:
        try:
            promise.set_result(Client(address, timeout=PATIENCE, set_as_default=False))  # type: ignore[no-untyped-call]
        except BaseException as error:
            promise.set_exception(error)

    # Dask waits for ever for a listener that is silent: that is left to a thread which does not outlive this process.
    threading.Thread(target=connect, daemon=True).start()
    try:
        return promise.result(PATIENCE)
    except OSError:  # a time-out is one
        raise CnnfxError(
            f"{address}: no Dask scheduler answers there within {PATIENCE:.0f} seconds. "
            "Start one with dask scheduler, and give the address that it prints."
        ) from None
    except Exception:  # the many ways of not understanding what something else answers
        raise _no_scheduler(address) from None


def _is_address(address: str) -> bool:
    """Whether Dask reads a host and a port in it; seen before a client is made, as one that fails leaves threads."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    try:
        scheme, place = parse_address(address)
        get_backend(scheme)
        host, port = parse_host_port(place)
    except ValueError:
        return False
    return bool(host) and 0 < port < 65536


def _no_scheduler(address: str) -> ArgumentError:
    told = address or "''"
    return ArgumentError(
        f"{told} is not the address of a scheduler. Write tcp://HOST:PORT, as dask scheduler prints it.",
        remedy="scheduler_address",
    )


class _Worker(NamedTuple):
    """What a worker says of itself: its cnnfx, if it has one, and the number of its process."""

    version: str | None
    process: int


class _Cluster:
    """A scheduler whose workers have this version of cnnfx."""

    def __init__(self, client: Any, address: str, recipe: Recipe) -> None:
        self.client, self.address, self.recipe = client, address, recipe
        try:
            self.threads = sum(self._threads().values())
            self.workers = self._ask_workers()
        except OSError:
            raise self._gone() from None
        self._check_workers()

    def _threads(self) -> dict[str, int]:
        """The threads that each worker has."""
        threads: dict[str, int] = self.client.sync(self.client.scheduler.ncores, callback_timeout=DESERTED)
        return threads

    def _ask_workers(self, patience: float = PATIENCE) -> dict[str, _Worker | None]:
        """What each worker says of itself; None for those that do not answer in so many seconds."""

        def about() -> tuple[str | None, int]:  # sent as it stands: a worker without cnnfx could not import it
            import os

            try:
                from cnnfx import __version__ as found
            except ImportError:
                return None, os.getpid()
            return found, os.getpid()

        async def ask() -> dict[str, _Worker | None]:  # each by itself, so that it is known who is silent
            names = await self.client.scheduler.ncores()
            asked = {name: create_task(self.client.run(about, workers=[name])) for name in names}
            silent = (await wait(asked.values(), timeout=patience))[1] if asked else set()
            for task in silent:
                task.cancel()
            return {name: None if task in silent else answer(task, name) for name, task in asked.items()}

        def answer(task: Any, name: str) -> _Worker | None:
            try:
                return _Worker(*task.result()[name])
            except OSError:  # it has just gone
                return None

        workers: dict[str, _Worker | None] = self.client.sync(ask, callback_timeout=2 * patience)
        return workers

    def _check_workers(self) -> None:
        from cnnfx import __version__

        if not self.workers:
            raise CnnfxError(
                f"{self.address}: the scheduler has no workers. Start some with dask worker {self.address}."
            )
        for name, worker in sorted(self.workers.items()):
            if worker is None:
                told = f"its worker {name} does not answer within {PATIENCE:.0f} seconds. Restart it."
                raise CnnfxError(f"{self.address}: {told}")
            if worker.version != __version__:
                has = "no cnnfx" if worker.version is None else f"cnnfx {worker.version}"
                raise CnnfxError(
                    f"{self.address}: its worker {name} has {has}, this is {__version__}. Install it there."
                )

    def landed(self, flying: deque[tuple[Task, Any]], here: str) -> Outcome:
        """The outcome of the first of the tasks that are in flight, in the words of this folder.

        Dask accuses every task that a worker had when it died, also those that waited there: what is accused is done
        once more with nothing beside it.
        """
        from distributed import KilledWorker

        task, future = flying.popleft()
        ended = self._ended(future)
        if isinstance(ended, KilledWorker):
            for _, other in flying:
                self._ended(other)
            ended = self._ended(self.client.submit(_work, self.recipe, _absolute(task, here), pure=False))
        if isinstance(ended, KilledWorker):
            return Outcome(task.source, error=killer_message(task.source))
        if isinstance(ended, Exception):  # what a worker raises that came later, without cnnfx
            told = f"{task.source}: a worker of {self.address} could not do it: {type(ended).__name__}: {ended}."
            return Outcome(task.source, error=CnnfxError(told))
        return ended if here == os.sep else _shortened(ended, here)

    def _ended(self, future: Any) -> Outcome | Exception:
        """What came of a task, or what was raised instead, as long as there is somebody to do it."""
        seen = time.monotonic()
        while future.status != "error":
            try:
                outcome: Outcome = future.result(timeout=BEAT)
                return outcome
            except TimeoutError:
                seen = self._last_seen(seen)
            except Exception as error:
                if future.status != "error":
                    raise self._gone() from error
        raised: Exception = future.exception()
        return raised

    def _last_seen(self, seen: float) -> float:
        """When there were workers: now, or before, if that is not too long ago."""
        try:
            workers = self._threads()
        except OSError as error:
            raise self._gone() from error
        if not workers and time.monotonic() - seen > DESERTED:
            raise CnnfxError(
                f"{self.address}: all its workers are gone. What was done is written. "
                f"Start some with dask worker {self.address}.",
                remedy="skip_existing",
            )
        return time.monotonic() if workers else seen

    def _gone(self) -> CnnfxError:
        return CnnfxError(f"{self.address}: the Dask scheduler is gone. What was done is written.")

    def clear(self, tasks: Iterable[Task]) -> None:
        """Remove what workers that are gone have left half-written; where the scheduler is gone too, nobody knows."""
        if self.client.status != "running":
            return
        try:
            now = self._ask_workers(HASTE)
        except OSError:
            return
        alive = {worker.process for worker in now.values() if worker}
        silent = {name for name, worker in now.items() if worker is None}
        begun = {worker.process for name, worker in self.workers.items() if worker and name not in silent}
        if lost := begun - alive:
            files = [file for task in tasks for file in task.goal.files([""])]
            for file in {os.path.dirname(os.path.realpath(file)): file for file in files}.values():
                for process in lost:
                    remove_partial_files(file, process)


def _absolute(task: Task, here: str) -> Task:
    """The task with whole paths, as workers may run in another folder."""
    goal = task.goal._replace(path=task.goal.path and Path(here) / task.goal.path)
    return replace(task, path=os.path.join(here, task.source), goal=goal)


def _shortened(outcome: Outcome, here: str) -> Outcome:
    """The outcome without the path of the folder `here`."""
    talk = tuple(line.replace(here, "") for line in outcome.talk)
    error = copy(outcome.error)
    if error is not None:
        error.args = (str(error).replace(here, ""),)
    results = tuple({**result, "output": result["output"].removeprefix(here)} for result in outcome.results)
    return outcome._replace(talk=talk, results=results, error=error)


def _ready(recipe: Recipe) -> Recipe:
    return recipe


def _work(recipe: Recipe, task: Task) -> Outcome:
    set_threads(1)  # Dask runs as many tasks at once as it was told to
    return perform(recipe, task)
