"""Tasks on a Dask cluster: Dask distributes them, repeats what a lost worker had, and says when a task kills workers.

Images and outputs are on storage that all workers see under the same paths.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnfx.engine import set_threads
from cnnfx.errors import CnnfxError, UsageError
from cnnfx.jobs.task import Outcome, Recipe, Task, killer_message, perform

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 5.0
"""Seconds that a scheduler has to answer in."""
IN_FLIGHT = 3
"""Tasks per worker thread that the scheduler knows of at a time."""


def on_cluster(recipe: Recipe, tasks: Sequence[Task], address: str) -> Generator[Outcome, None, None]:
    """Do the tasks on the cluster whose scheduler is at `address`; the outcomes in the order of the tasks.

    Raises
    ------
    UsageError
        If Dask is not installed here, or the address is none.
    CnnfxError
        If no scheduler answers or it goes away, it has no workers, or these have no cnnfx or another version of it.
    """
    with _connected(address) as client:
        room = IN_FLIGHT * _check_workers(client, address)
        everywhere = client.submit(_ready, recipe, pure=False)  # a result that Dask makes again where it is lost
        here, flying = os.path.join(os.getcwd(), ""), deque[tuple[Task, Any]]()
        try:
            for task in tasks:
                flying.append((task, client.submit(_work, everywhere, _absolute(task, here), pure=False)))
                if len(flying) >= room:
                    yield _landed(*flying.popleft(), here, address)
            while flying:
                yield _landed(*flying.popleft(), here, address)
        finally:
            client.cancel([future for _, future in flying])


def _connected(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--scheduler needs Dask. Install it with pip install 'cnnfx[dask]'.") from None
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what concerns the user is told by us
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
    goal = task.goal._replace(path=task.goal.path and Path(here) / task.goal.path)
    return replace(task, path=os.path.join(here, task.source), goal=goal)


def _landed(task: Task, future: Any, here: str, address: str) -> Outcome:
    """The outcome of a task, in the words of this folder."""
    from distributed import KilledWorker

    try:
        outcome: Outcome = future.result()
    except KilledWorker:
        return Outcome(task.source, error=killer_message(task.source), exit_code=1)
    except (CancelledError, OSError) as error:
        raise CnnfxError(f"{address}: the Dask scheduler is gone. What was done is written.") from error
    except Exception as error:  # whatever a worker raises instead of our outcome: one that came later, without cnnfx
        told = f"{task.source}: a worker of {address} could not do it: {type(error).__name__}: {error}."
        return Outcome(task.source, error=told, exit_code=1)
    return outcome if here == os.sep else _shortened(outcome, here)


def _shortened(outcome: Outcome, here: str) -> Outcome:
    """The outcome without the path of the folder `here`."""
    talk = tuple(line.replace(here, "") for line in outcome.talk)
    error = outcome.error and outcome.error.replace(here, "")
    results = tuple({**result, "output": result["output"].removeprefix(here)} for result in outcome.results)
    return outcome._replace(talk=talk, results=results, error=error)


def _ready(recipe: Recipe) -> Recipe:
    return recipe


def _work(recipe: Recipe, task: Task) -> Outcome:
    set_threads(1)  # Dask runs as many tasks at once as it was told to
    return perform(recipe, task)
