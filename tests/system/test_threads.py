"""The number of threads, and `run_in_threads`: each task runs once, errors are raised, BLAS stays single-threaded."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import weakref
from functools import partial

import numpy as np
import pytest

from cnnfx.conv import correlate
from cnnfx.errors import ArgumentError
from cnnfx.system import blas, threads
from cnnfx.system.threads import available_processors, cpu_quota, run_in_threads, set_threads, thread_count


@pytest.fixture(autouse=True)
def _default_threads(monkeypatch):
    monkeypatch.delenv("CNNFX_THREADS", raising=False)
    yield
    set_threads(None)


def test_the_default_is_the_number_of_available_processors():
    assert thread_count() == available_processors() >= 1


def test_set_threads_overrides_the_environment_variable(monkeypatch):
    monkeypatch.setenv("CNNFX_THREADS", "3")
    assert thread_count() == 3
    set_threads(5)
    assert thread_count() == 5
    set_threads(None)
    assert thread_count() == 3


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_bad_environment_variable_is_refused(monkeypatch, value):
    monkeypatch.setenv("CNNFX_THREADS", value)
    with pytest.raises(ArgumentError) as caught:
        thread_count()
    message = f"the environment variable CNNFX_THREADS must be a whole number, 1 or more, not '{value}'"
    assert str(caught.value) == message


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (-2, "-2"), (True, "True"), ("many", "'many'"), (1.5, "1.5")])
def test_a_bad_count_is_refused(value, shown):
    with pytest.raises(ArgumentError) as caught:
        set_threads(value)
    assert str(caught.value) == f"the number of threads must be a whole number, 1 or more, not {shown}"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity on this system")
def test_a_process_that_may_use_one_processor_uses_one_thread():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from cnnfx.system.threads import available_processors, thread_count; print(available_processors(), "
        "thread_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 1\n"


@pytest.mark.parametrize(("affinity", "quota", "count"), [(3, None, 3), (3, 2.5, 2), (3, 8.0, 3), (3, 0.5, 1)])
def test_the_default_is_what_affinity_and_quota_allow_not_what_the_machine_has(monkeypatch, affinity, quota, count):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(7, 7 + affinity)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(threads, "cpu_quota", lambda: quota)
    available_processors.cache_clear()
    try:
        assert thread_count() == available_processors() == count
    finally:
        available_processors.cache_clear()


def test_quotas_of_control_groups_version_2_and_of_their_parents_apply(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/cpu.max").write_text("max 100000\n")
    assert cpu_quota(tmp_path, own) is None
    (tmp_path / "a/cpu.max").write_text("150000 100000\n")
    assert cpu_quota(tmp_path, own) == 1.5


def test_quotas_of_control_groups_version_1_apply(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("5:memory:/x\n4:cpu,cpuacct:/x\n")
    (tmp_path / "cpu/x").mkdir(parents=True)
    (tmp_path / "cpu/x/cpu.cfs_quota_us").write_text("400000\n")
    (tmp_path / "cpu/x/cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(tmp_path, own) == 4
    (tmp_path / "cpu/x/cpu.cfs_quota_us").write_text("-1\n")
    assert cpu_quota(tmp_path, own) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_task_runs_once(count):
    set_threads(count)
    done = []
    run_in_threads(done.append, range(1000))
    assert sorted(done) == list(range(1000))


def test_an_error_in_a_thread_is_raised_in_the_caller():
    set_threads(4)
    barrier = threading.Barrier(4, timeout=10)

    def work(task):
        barrier.wait()
        if task == 2:
            raise OSError("task 2")

    with pytest.raises(OSError, match="task 2"):
        run_in_threads(work, range(4))


def test_tasks_may_run_tasks():
    set_threads(2)
    done = []
    run_in_threads(lambda n: run_in_threads(done.append, range(n)), [3, 4, 5])
    assert len(done) == 12


def test_blas_uses_one_thread_inside_and_its_former_number_afterwards():
    get, put = blas.functions()
    before = get()
    put(2)
    if get() != 2:
        pytest.skip("no OpenBLAS, or one without threads")
    seen = []
    run_in_threads(lambda _: seen.append(get()), range(4))
    assert seen == [1] * 4
    assert get() == 2
    put(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_its_own_threads():
    set_threads(2)
    image, weights = np.ones((1, 400, 400)), np.ones((2, 1, 3, 3))
    correlate(image, weights)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(correlate, (image, weights)).get(timeout=30).max() == 9


def test_scipy_is_not_imported_by_the_direct_method():
    code = (
        "import sys, numpy as np; from cnnfx.conv import correlate;"
        "correlate(np.ones((1, 99, 99)), np.ones((1, 1, 3, 3))); print([m for m in sys.modules if 'scipy' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_canceled_calls_do_not_keep_their_arrays_while_all_threads_are_busy():
    arrays: list[weakref.ref[np.ndarray]] = []

    def nested(array, task):
        return array[task]

    def task(number):
        for _ in range(20):
            array = np.zeros(1000)
            arrays.append(weakref.ref(array))
            run_in_threads(partial(nested, array), range(2))
            del array
        alive.append(sum(reference() is not None for reference in list(arrays)))

    alive: list[int] = []
    set_threads(2)
    run_in_threads(task, range(4))
    assert max(alive) <= 4
