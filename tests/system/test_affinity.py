"""Helping threads are kept off the processor of the thread that they help."""

from __future__ import annotations

import os
import threading

import pytest

from cnnfx.system.threads import NOWHERE, here, keep_off

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system places threads by itself")


@pytest.fixture
def sleeper():
    """A thread that sleeps."""
    wake = threading.Event()
    thread = threading.Thread(target=wake.wait)
    thread.start()
    yield thread.native_id
    wake.set()
    thread.join()


def test_the_processor_is_one_that_may_be_used():
    assert here() in os.sched_getaffinity(0) | {NOWHERE}


def test_a_thread_is_left_all_other_processors(sleeper):
    ours = os.sched_getaffinity(0)
    one = min(ours)
    keep_off(one, [sleeper])
    assert os.sched_getaffinity(sleeper) == (ours - {one} or ours)
    assert os.sched_getaffinity(0) == ours


def test_a_thread_that_is_gone_is_passed_over():
    keep_off(min(os.sched_getaffinity(0)), [2**22 + 1])
