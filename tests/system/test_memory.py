"""Memory that is used again is never seen by two at a time."""

from __future__ import annotations

import collections
import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

from cnnfx.conv import correlate
from cnnfx.system import memory

FLOAT = np.dtype(np.float32)


def address(array):
    return array.__array_interface__["data"][0]


def test_a_result_that_nobody_holds_any_more_gives_its_memory_to_the_next():
    first = memory.result((2, 1 << 20), FLOAT)
    place = address(first)
    del first
    assert address(memory.result((1 << 20, 2), FLOAT)) == place


def test_a_view_holds_the_memory_of_the_whole():
    first = memory.result((2, 1 << 20), FLOAT)
    place, view = address(first), first[1, ::2]
    view[:] = 7
    del first
    others = [memory.result((2, 1 << 20), FLOAT) for _ in range(3)]
    for other in others:
        other[:] = 0
    assert (view == 7).all()
    assert place not in [address(other) for other in others]


def test_results_that_are_held_at_the_same_time_lie_apart():
    arrays = [memory.result((1 << 21,), FLOAT) for _ in range(4)]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [array.min() for array in arrays] == [array.max() for array in arrays] == [0, 1, 2, 3]


def test_of_memory_that_has_come_back_only_one_piece_is_kept():
    arrays = [memory.result((1 << 21,), FLOAT) for _ in range(4)]
    arrays.clear()
    assert len(memory._spare) == 1


def test_a_small_result_does_not_take_a_large_piece():
    large = memory.result((1 << 23,), FLOAT)
    place = address(large)
    del large
    assert address(memory.result((1 << 20,), FLOAT)) != place


def test_results_are_writeable_contiguous_arrays_of_their_type():
    for shape in ((3,), (2, 1 << 20)):
        for dtype in (FLOAT, np.dtype(np.float64)):
            array = memory.result(shape, dtype)
            assert type(array) is np.ndarray
            assert (array.shape, array.dtype) == (shape, dtype)
            assert array.flags.writeable
            assert array.flags.c_contiguous
            assert address(array) % dtype.itemsize == 0


def test_maps_of_large_images_are_kept_apart():
    generator = np.random.default_rng(0)
    images = [generator.random((1, 1100, 1000), dtype=np.float32) for _ in range(3)]
    weights = np.ones((1, 1, 1, 1), np.float32)
    maps = [correlate(image, weights) for image in images]
    for image, channels in zip(images, maps, strict=True):
        np.testing.assert_array_equal(image, channels)


def test_threads_have_scratch_space_of_their_own():
    places = []

    def work():
        places.append(address(memory.buffer("test", (1 << 20,), FLOAT)))
        barrier.wait()

    barrier = threading.Barrier(3)
    others = [threading.Thread(target=work) for _ in range(2)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    assert len(set(places)) == 3


def test_scratch_spaces_of_one_thread_lie_apart():
    spaces = [memory.buffer(f"space{number}", (30_000 + 7 * number,), FLOAT) for number in range(40)]
    for number, space in enumerate(spaces):
        space[:] = number
    assert [space.min() for space in spaces] == [space.max() for space in spaces] == list(range(40))


def test_scratch_space_that_grows_leaves_what_it_was_to_those_who_hold_it():
    before = memory.buffer("growing", (20_000,), FLOAT)
    before[:] = 1
    memory.buffer("growing", (200_000,), FLOAT)[:] = 2
    assert (before == 1).all()


def test_threads_that_borrow_and_give_back_never_hold_the_same_memory():
    held, twice = set(), []

    def work(seed):
        lent = collections.deque(maxlen=3)
        for size in np.random.default_rng(seed).integers(1 << 20, 1 << 21, 1000).tolist():
            if len(lent) == 3:
                held.discard(address(lent[0]))
            lent.append(memory.result((size,), FLOAT))  # the first of three goes
            place = address(lent[-1])
            twice.extend([place] if place in held else [])
            held.add(place)
        held.difference_update(map(address, lent))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert not twice
    assert len({address(piece) for piece in memory._spare}) == len(memory._spare)


ONE_IMAGE_AFTER_THE_OTHER = """
import resource, sys
import numpy as np
from cnnfx.system import memory
if "keep" in sys.argv:
    memory.keep_freed()
def work():
    for size in (3 << 20, 5 << 20, 2 << 20):
        held.append(np.ones(size, np.uint8))
    held.clear()
held = []
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep what is freed")
def test_what_is_freed_is_used_again_where_that_is_wanted():
    def pages(*args):
        command = [sys.executable, "-c", ONE_IMAGE_AFTER_THE_OTHER, *args]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    assert pages("keep") < 200 < pages()
