"""Reusable buffers: memory is reused, but never by two arrays at the same time."""

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


def test_the_memory_of_a_dropped_array_is_reused():
    first = memory.recycled_empty((2, 1 << 20), FLOAT)
    used = address(first)
    del first
    assert address(memory.recycled_empty((1 << 20, 2), FLOAT)) == used


def test_a_view_keeps_the_memory_of_its_array_in_use():
    first = memory.recycled_empty((2, 1 << 20), FLOAT)
    used, view = address(first), first[1, ::2]
    view[:] = 7
    del first
    others = [memory.recycled_empty((2, 1 << 20), FLOAT) for _ in range(3)]
    for other in others:
        other[:] = 0
    assert (view == 7).all()
    assert used not in [address(other) for other in others]


def test_arrays_in_use_at_the_same_time_do_not_overlap():
    arrays = [memory.recycled_empty((1 << 21,), FLOAT) for _ in range(4)]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [array.min() for array in arrays] == [array.max() for array in arrays] == [0, 1, 2, 3]


def test_at_most_the_memory_of_one_dropped_array_is_kept():
    arrays = [memory.recycled_empty((1 << 21,), FLOAT) for _ in range(4)]
    arrays.clear()
    assert len(memory._free) == 1


def test_an_array_does_not_take_memory_more_than_twice_its_size():
    large = memory.recycled_empty((1 << 23,), FLOAT)
    used = address(large)
    del large
    assert address(memory.recycled_empty((1 << 20,), FLOAT)) != used


def test_recycled_arrays_are_writeable_contiguous_and_of_their_type():
    for shape in ((3,), (2, 1 << 20)):
        for dtype in (FLOAT, np.dtype(np.float64)):
            array = memory.recycled_empty(shape, dtype)
            assert type(array) is np.ndarray
            assert (array.shape, array.dtype) == (shape, dtype)
            assert array.flags.writeable
            assert array.flags.c_contiguous
            assert address(array) % dtype.itemsize == 0


def test_maps_of_large_images_do_not_overlap():
    generator = np.random.default_rng(0)
    images = [generator.random((1, 1100, 1000), dtype=np.float32) for _ in range(3)]
    weights = np.ones((1, 1, 1, 1), np.float32)
    maps = [correlate(image, weights) for image in images]
    for image, channels in zip(images, maps, strict=True):
        np.testing.assert_array_equal(image, channels)


def test_threads_do_not_share_buffers():
    addresses = []

    def work():
        addresses.append(address(memory.buffer("test", (1 << 20,), FLOAT)))
        barrier.wait()

    barrier = threading.Barrier(3)
    others = [threading.Thread(target=work) for _ in range(2)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    assert len(set(addresses)) == 3


def test_buffers_of_different_names_do_not_overlap():
    buffers = [memory.buffer(f"buffer{number}", (30_000 + 7 * number,), FLOAT) for number in range(40)]
    for number, array in enumerate(buffers):
        array[:] = number
    assert [array.min() for array in buffers] == [array.max() for array in buffers] == list(range(40))


def test_a_buffer_that_grows_leaves_its_former_memory_as_it_was():
    before = memory.buffer("growing", (20_000,), FLOAT)
    before[:] = 1
    memory.buffer("growing", (200_000,), FLOAT)[:] = 2
    assert (before == 1).all()


def test_concurrent_threads_never_get_the_same_memory():
    held, twice = set(), []

    def work(seed):
        in_use = collections.deque(maxlen=3)
        for size in np.random.default_rng(seed).integers(1 << 20, 1 << 21, 1000).tolist():
            if len(in_use) == 3:
                held.discard(address(in_use[0]))
            in_use.append(memory.recycled_empty((size,), FLOAT))  # the first of three is dropped
            used = address(in_use[-1])
            twice.extend([used] if used in held else [])
            held.add(used)
        held.difference_update(map(address, in_use))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert not twice
    assert len({address(each) for each in memory._free}) == len(memory._free)


ALLOCATE_REPEATEDLY = """
import resource, sys
import numpy as np
from cnnfx.system import memory
if "keep" in sys.argv:
    memory.keep_freed_memory()
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_memory_is_kept_on_request():
    def pages(*args):
        command = [sys.executable, "-c", ALLOCATE_REPEATEDLY, *args]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    assert pages("keep") < 200 < pages()


def test_the_memory_limit_is_a_part_of_the_memory_of_the_system(monkeypatch):
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.get, raising=False)
    assert memory.memory_limit() == 3_072_000


def test_the_memory_limit_has_a_default_where_the_system_does_not_tell_it(monkeypatch):
    monkeypatch.delattr("os.sysconf", raising=False)
    assert memory.memory_limit() == 4 * 2**30
