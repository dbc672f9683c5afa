"""The ordered parallel map: results in order, errors raised, a bounded number of pending tasks and of threads."""

from __future__ import annotations

import threading

import pytest

from cnnfx.system.threads import ordered_map, set_threads


@pytest.fixture(autouse=True, params=[1, 2, 4])
def threads(request):
    before = threading.active_count()
    set_threads(request.param)
    yield request.param
    set_threads(None)
    assert threading.active_count() - before < request.param  # the calling thread is one of them


def test_results_are_in_the_order_of_the_tasks():
    assert list(ordered_map(lambda task: task**2, range(500))) == [task**2 for task in range(500)]


def test_no_tasks_give_no_results():
    assert list(ordered_map(abs, [])) == []


def test_a_result_may_be_none():
    assert list(ordered_map(lambda task: None, range(30))) == [None] * 30


def test_a_single_task_starts_no_thread(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread was started"))
    assert list(ordered_map(abs, [-1])) == [1]


def test_as_many_threads_run_at_a_time_as_are_set(threads):
    meeting = threading.Barrier(threads, timeout=30)
    list(ordered_map(lambda task: meeting.wait(), range(threads)))  # ends only if all meet


def test_the_number_of_pending_tasks_is_bounded(threads):
    made = []
    for taken, _ in enumerate(ordered_map(abs, (made.append(task) or task for task in range(300)))):
        assert len(made) - taken <= 2 * threads + 3


def test_an_error_in_a_task_ends_the_map():
    done = []

    def work(task):
        done.append(task)
        return 1 // (task - 40)

    with pytest.raises(ZeroDivisionError):
        list(ordered_map(work, range(1000)))
    assert len(done) < 200


def test_results_before_an_error_are_returned():
    results = ordered_map(lambda task: 1 // (task - 3), range(9))
    assert [next(results) for _ in range(3)] == [-1, -1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_error_in_the_iterable_of_tasks_is_raised():
    def tasks():
        yield from range(30)
        raise KeyError("no more tasks")

    with pytest.raises(KeyError, match="no more tasks"):
        list(ordered_map(abs, tasks()))


def test_closing_the_generator_ends_the_map():
    results = ordered_map(abs, range(1000))
    assert next(results) == 0
    results.close()


def test_maps_may_be_nested():
    def work(task):
        return sum(ordered_map(abs, range(task)))

    assert list(ordered_map(work, range(20))) == [task * (task - 1) // 2 for task in range(20)]
