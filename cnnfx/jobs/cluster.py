"""Tasks on a Dask cluster: Dask distributes them, repeats what a lost worker had, and says when a task kills workers.

Images and outputs are on storage that all workers see under the same paths.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnfx.engine import set_threads
from cnnfx.errors import CnnfxError, UsageError
from cnnfx.jobs.processes import killer_message
from cnnfx.jobs.task import Outcome, Task, perform

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 5.0
"""Seconds that a scheduler has to answer in."""
IN_FLIGHT = 3
"""Tasks per worker thread that the scheduler knows of at a time."""


def on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """Do the tasks on the cluster whose scheduler is at `address`; the outcomes in the order of the tasks.

    Raises
    ------
    UsageError
        If Dask is not installed here, or the address is none.
    CnnfxError
        If no scheduler answers, it has no workers, or these have no cnnfx or another version of it.
    """
    with _connected(address) as client:
        room = IN_FLIGHT * _check_workers(client, address)
        here, flying = f"{Path.cwd()}{os.sep}", deque[tuple[Task, Any]]()
        for task in tasks:
            flying.append((task, client.submit(_work, _absolute(task, here), pure=False)))
            while len(flying) >= room:
                yield _landed(*flying.popleft(), here)
        while flying:
            yield _landed(*flying.popleft(), here)


def _connected(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--scheduler needs Dask. Install it with pip install 'cnnfx[dask]'.") from None
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError):
        raise CnnfxError(
            f"{address}: no Dask scheduler answers there within {PATIENCE:.0f} seconds. "
            "Start one with dask scheduler, and give the address that it prints."
        ) from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{address} is not the address of a scheduler: {error}. Write tcp://HOST:PORT.") from None


def _check_workers(client: Client, address: str) -> int:
    """The threads that the workers have, if each of them has this version of cnnfx."""
    from cnnfx import __version__

    def version() -> str | None:  # sent as it stands: a worker without cnnfx could not import it
        try:
            from cnnfx import __version__ as found
        except ImportError:
            return None
        return found

    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise CnnfxError(f"{address}: the scheduler has no workers. Start some with dask worker {address}.")
    for worker, found in sorted(client.run(version).items()):
        if found != __version__:
            has = "no cnnfx" if found is None else f"cnnfx {found}"
            raise CnnfxError(f"{address}: its worker {worker} has {has}, this is {__version__}. Install it there.")
    return sum(worker["nthreads"] for worker in workers.values())


def _absolute(task: Task, here: str) -> Task:
    """The task with whole paths, as workers may run in another folder."""
    goal = replace(task.goal, path=task.goal.path and Path(here) / task.goal.path)
    return replace(task, source=str(Path(here) / task.source), goal=goal)


def _landed(task: Task, future: Any, here: str) -> Outcome:
    """The outcome of a task, in the words of this folder."""
    from distributed import KilledWorker

    try:
        outcome: Outcome = future.result()
    except KilledWorker:
        return Outcome(task.source, error=killer_message(task.source), exit_code=1)
    talk = tuple(line.replace(here, "") for line in outcome.talk)
    error = outcome.error and outcome.error.replace(here, "")
    results = tuple({**result, "output": result["output"].removeprefix(here)} for result in outcome.results)
    results = tuple({**result, "input": task.source} for result in results)
    return replace(outcome, source=task.source, talk=talk, results=results, error=error)


def _work(task: Task) -> Outcome:
    set_threads(1)  # Dask runs as many tasks at once as it was told to
    return perform(task)
