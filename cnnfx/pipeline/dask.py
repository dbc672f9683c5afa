"""Tasks on a Dask cluster.

Dask distributes the tasks, repeats those of a worker that is lost, and reports a task that kills workers. Images and
outputs must be on storage that all workers reach under the same paths.

The scheduler must be trusted: Dask unpickles what it sends, which can run any code. A connection to a `tls://` address
is encrypted, and both sides identify themselves by the certificates of Dask's configuration.
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

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.pipeline.tasks import Processor, Result, Task, worker_killed
from cnnfx.system.files import remove_partial_files
from cnnfx.system.threads import set_threads

if TYPE_CHECKING:
    from distributed import Client

ANSWER_SECONDS = 5.0
"""Seconds that the scheduler, and each worker, has to answer at the start."""
NO_WORKERS_SECONDS = 30.0
"""Seconds without a worker, or without an answer from the scheduler, until the work is aborted. Dask's nanny needs some
of them to restart its worker."""
POLL_SECONDS = 1.0
"""Seconds to wait for a result before the workers are counted."""
SHUTDOWN_ANSWER_SECONDS = 0.4
"""Seconds that workers have to answer at the end, when the user may wait for the prompt."""
LOGGERS = "distributed", "tornado", "asyncio"
"""The loggers, by the beginning of their names, that report a lost cluster in their own words."""
TASKS_PER_THREAD = 3
"""Tasks per worker thread that the scheduler has at a time."""


def process_on_cluster(processor: Processor, tasks: Sequence[Task], address: str) -> Generator[Result, None, None]:
    """Process the tasks on the cluster whose scheduler is at `address`; the results are in the order of the tasks.

    Raises
    ------
    ArgumentError
        If Dask is not installed here, the address is no scheduler's, or it is a `tls://` address and the certificates
        of Dask's configuration are missing or cannot be read.
    CnnfxError
        If no scheduler answers or it is lost, it has no workers or loses all of them, or these do not answer, have no
        cnnfx or another version of it.
    """
    with _connected(address) as client:
        cluster = _Cluster(client, address, processor)
        shared = client.submit(_identity, processor, pure=False)  # a result that Dask computes again where it is lost
        folder, pending = os.path.join(os.getcwd(), ""), deque[tuple[Task, Any]]()
        try:
            for task in tasks:
                pending.append((task, client.submit(_process, shared, _absolute(task, folder), pure=False)))
                if len(pending) >= TASKS_PER_THREAD * cluster.threads:
                    yield cluster.next_result(pending, folder)
            while pending:
                yield cluster.next_result(pending, folder)
        finally:
            client.cancel([future for _, future in pending])
            cluster.clean_up(tasks)


def _connected(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise ArgumentError("Dask is not installed.", remedy="install_dask") from None
    if not _is_address(address):
        raise _no_scheduler(address)
    uses_tls = address.startswith("tls://")
    if uses_tls:
        _check_certificates(address)
    for name in [name for name in logging.root.manager.loggerDict if name.startswith(LOGGERS)]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # our messages say what concerns the user
    promise = Promise[Client]()

    def connect() -> None:
        try:
            promise.set_result(Client(address, timeout=ANSWER_SECONDS, set_as_default=False))  # type: ignore[no-untyped-call]
        except BaseException as error:
            promise.set_exception(error)

    # Dask waits forever for a listener that does not answer: a daemon thread ends with this process.
    threading.Thread(target=connect, daemon=True).start()
    try:
        return promise.result(ANSWER_SECONDS)
    except OSError:  # a timeout is an OSError
        refused = ", or it and this client do not accept each other's certificates" if uses_tls else ""
        raise CnnfxError(
            f"{address}: no Dask scheduler answers there within {ANSWER_SECONDS:.0f} seconds{refused}. "
            "Start one with dask scheduler, and give the address that it prints."
        ) from None
    except Exception:  # what Dask raises when a server of another kind answers
        raise _no_scheduler(address) from None


def _is_address(address: str) -> bool:
    """Whether Dask finds a host and a port in it; checked first, since a client that fails leaves threads."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    try:
        scheme, location = parse_address(address)
        get_backend(scheme)
        host, port = parse_host_port(location)
    except ValueError:
        return False
    return bool(host) and 0 < port < 65536


def _check_certificates(address: str) -> None:
    """Check that Dask's configuration names certificates for TLS that can be read."""
    from distributed.security import Security

    keys = [f"distributed.comm.tls.{name}" for name in ("ca-file", "client.cert", "client.key")]
    names = f"{', '.join(keys[:-1])} and {keys[-1]}"
    try:
        context = Security().get_connection_args("client")["ssl_context"]  # type: ignore[no-untyped-call]
    except OSError as error:  # also a file that is no certificate
        raise ArgumentError(
            f"{address}: the certificates of Dask's configuration ({names}) cannot be read: {error.strerror or error}.",
            remedy="scheduler_address",
        ) from error
    if context is None:
        raise ArgumentError(
            f"{address}: TLS needs certificates, which Dask's configuration does not name. Set {names} there, or "
            "$DASK_DISTRIBUTED__COMM__TLS__CA_FILE, $DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
            "$DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY.",
            remedy="scheduler_address",
        )


def _no_scheduler(address: str) -> ArgumentError:
    shown = address or "''"
    return ArgumentError(
        f"{shown} is not the address of a scheduler. Write tcp://HOST:PORT or tls://HOST:PORT, as dask scheduler "
        "prints it.",
        remedy="scheduler_address",
    )


class _Worker(NamedTuple):
    """The version of cnnfx that a worker has, None without cnnfx, the number of its process, and its machine."""

    version: str | None
    process: int
    host: str


class _Cluster:
    """A scheduler whose workers have this version of cnnfx."""

    def __init__(self, client: Any, address: str, processor: Processor) -> None:
        self.client, self.address, self.processor = client, address, processor
        try:
            self.threads = sum(self._threads().values())
            self.workers = self._ask_workers(ANSWER_SECONDS)
        except OSError:
            raise self._lost() from None
        self._check_workers()

    def _threads(self) -> dict[str, int]:
        """The number of threads of each worker, by its address."""
        threads: dict[str, int] = self.client.sync(self.client.scheduler.ncores, callback_timeout=NO_WORKERS_SECONDS)
        return threads

    def _ask_workers(self, seconds: float) -> dict[str, _Worker | None]:
        """What each worker says of itself, by its address; None for those that do not answer in time."""

        def identity() -> tuple[str | None, int, str]:  # pickled by value: a worker may have no cnnfx to import
            import os

            host = os.uname().nodename if hasattr(os, "uname") else ""
            try:
                from cnnfx import __version__ as version
            except ImportError:
                return None, os.getpid(), host
            return version, os.getpid(), host

        async def ask() -> dict[str, _Worker | None]:  # each worker by itself, to know which ones do not answer
            names = await self.client.scheduler.ncores()
            asked = {name: create_task(self.client.run(identity, workers=[name])) for name in names}
            silent = (await wait(asked.values(), timeout=seconds))[1] if asked else set()
            for task in silent:
                task.cancel()
            return {name: None if task in silent else answer(task, name) for name, task in asked.items()}

        def answer(task: Any, name: str) -> _Worker | None:
            try:
                return _Worker(*task.result()[name])
            except OSError:  # the worker has just exited
                return None

        workers: dict[str, _Worker | None] = self.client.sync(ask, callback_timeout=2 * seconds)
        return workers

    def _check_workers(self) -> None:
        from cnnfx import __version__

        if not self.workers:
            raise CnnfxError(
                f"{self.address}: the scheduler has no workers. Start some with dask worker {self.address}."
            )
        for name, worker in sorted(self.workers.items()):
            if worker is None:
                raise CnnfxError(
                    f"{self.address}: its worker {name} does not answer within {ANSWER_SECONDS:.0f} seconds. "
                    "Restart it."
                )
            if worker.version != __version__:
                has = "no cnnfx" if worker.version is None else f"cnnfx {worker.version}"
                raise CnnfxError(
                    f"{self.address}: its worker {name} has {has}, this is {__version__}. Install it there."
                )

    def next_result(self, pending: deque[tuple[Task, Any]], folder: str) -> Result:
        """Wait for the first pending task, and return its result with paths relative to `folder`.

        When a worker dies, Dask reports all of its tasks as killed, also those that waited. Such a task is repeated
        while no other task runs.
        """
        from distributed import KilledWorker

        task, future = pending.popleft()
        ended = self._wait(future)
        if isinstance(ended, KilledWorker):
            for _, other in pending:
                self._wait(other)
            ended = self._wait(self.client.submit(_process, self.processor, _absolute(task, folder), pure=False))
        if isinstance(ended, KilledWorker):
            return Result(task.source, error=worker_killed(task.source))
        if isinstance(ended, Exception):  # what a worker raises that started later, without cnnfx
            message = f"{task.source}: a worker of {self.address} failed: {type(ended).__name__}: {ended}."
            return Result(task.source, error=CnnfxError(message))
        return ended if folder == os.sep else _relative(ended, folder)

    def _wait(self, future: Any) -> Result | Exception:
        """Return the result of a task or what it raised, as long as there are workers."""
        last_seen = time.monotonic()
        while future.status != "error":
            try:
                result: Result = future.result(timeout=POLL_SECONDS)
                return result
            except TimeoutError:
                last_seen = self._last_seen(last_seen)
            except Exception as error:
                if future.status != "error":
                    raise self._lost() from error
        raised: Exception = future.exception()
        return raised

    def _last_seen(self, before: float) -> float:
        """Return when there were workers: now, or before, if that is not too long ago."""
        try:
            workers = self._threads()
        except OSError as error:
            raise self._lost() from error
        if not workers and time.monotonic() - before > NO_WORKERS_SECONDS:
            raise CnnfxError(
                f"{self.address}: all its workers are gone. The finished outputs are written. "
                f"Start some with dask worker {self.address}.",
                remedy="skip_existing",
            )
        return time.monotonic() if workers else before

    def _lost(self) -> CnnfxError:
        return CnnfxError(f"{self.address}: the Dask scheduler is gone. The finished outputs are written.")

    def clean_up(self, tasks: Iterable[Task]) -> None:
        """Remove the unfinished files of dead workers; without a scheduler, these are unknown."""
        if self.client.status != "running":
            return
        try:
            now = self._ask_workers(SHUTDOWN_ANSWER_SECONDS)
        except OSError:
            return
        alive = {worker[1:] for worker in now.values() if worker}
        silent = {name for name, worker in now.items() if worker is None}
        started = {worker[1:] for name, worker in self.workers.items() if worker and name not in silent}
        if dead := started - alive:
            files = [file for task in tasks for file in task.target.files([""])]
            for file in {os.path.dirname(os.path.realpath(file)): file for file in files}.values():
                for process, host in dead:
                    remove_partial_files(file, process, host)


def _absolute(task: Task, folder: str) -> Task:
    """The task with absolute paths, as workers may run in another folder."""
    target = task.target._replace(path=task.target.path and Path(folder) / task.target.path)
    return replace(task, path=os.path.join(folder, task.source), target=target)


def _relative(result: Result, folder: str) -> Result:
    """The result with paths relative to a folder."""
    notes = tuple(note.replace(folder, "") for note in result.notes)
    outputs = tuple({**output, "output": output["output"].removeprefix(folder)} for output in result.outputs)
    error = copy(result.error)
    if error is not None:
        error.args = (str(error).replace(folder, ""),)
    return result._replace(notes=notes, outputs=outputs, error=error)


def _identity(processor: Processor) -> Processor:
    return processor


def _process(processor: Processor, task: Task) -> Result:
    set_threads(1)  # Dask runs as many tasks at a time as its workers have threads
    return processor.process(task)
