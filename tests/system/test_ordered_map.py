"""Work done ahead: results in order, errors raised, no thread left, a bounded number of tasks waiting."""

from __future__ import annotations

import threading

import pytest

from cnnfx.system.threads import in_order, set_threads


@pytest.fixture(autouse=True, params=[1, 2, 4])
def threads(request):
    before = threading.active_count()
    set_threads(request.param)
    yield request.param
    set_threads(None)
    assert threading.active_count() == before


def test_results_come_in_the_order_of_the_tasks():
    assert list(in_order(lambda task: task**2, range(500))) == [task**2 for task in range(500)]


def test_no_tasks_have_no_results():
    assert list(in_order(abs, [])) == []


def test_a_result_may_be_none():
    assert list(in_order(lambda task: None, range(30))) == [None] * 30


def test_a_single_task_starts_no_thread(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread was started"))
    assert list(in_order(abs, [-1])) == [1]


def test_as_many_threads_work_at_a_time_as_are_granted(threads):
    meeting = threading.Barrier(threads, timeout=30)
    list(in_order(lambda task: meeting.wait(), range(threads)))  # ends only if all meet


def test_few_tasks_wait_for_their_results_to_be_taken(threads):
    made = []
    for taken, _ in enumerate(in_order(abs, (made.append(task) or task for task in range(300)))):
        assert len(made) - taken <= 2 * threads + 3


def test_an_error_in_a_task_ends_the_work():
    done = []

    def work(task):
        done.append(task)
        return 1 // (task - 40)

    with pytest.raises(ZeroDivisionError):
        list(in_order(work, range(1000)))
    assert len(done) < 200


def test_results_before_an_error_are_still_given():
    results = in_order(lambda task: 1 // (task - 3), range(9))
    assert [next(results) for _ in range(3)] == [-1, -1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_error_in_making_the_tasks_is_passed_on():
    def tasks():
        yield from range(30)
        raise KeyError("as told")

    with pytest.raises(KeyError, match="as told"):
        list(in_order(abs, tasks()))


def test_who_stops_taking_stops_the_work():
    results = in_order(abs, range(1000))
    assert next(results) == 0
    results.close()


def test_work_may_use_threads_of_its_own():
    def work(task):
        return sum(in_order(abs, range(task)))

    assert list(in_order(work, range(20))) == [task * (task - 1) // 2 for task in range(20)]
