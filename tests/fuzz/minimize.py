"""Making a failing input small: parts and bytes are removed as long as it fails in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tests.fuzz.engine import Failure, Target, run_inputs


def minimize(target: Target, failure: Failure, seconds: float = 20.0) -> bytes:
    """Return the smallest input with the failure's signature that is found in about `seconds`."""
    end = time.monotonic() + seconds

    def fails(data: bytes) -> bool:
        return failure.signature in run_inputs(target, [data]).failures

    best = failure.data
    if target.split and target.join:
        try:
            parts = target.split(best)
            if fails(target.join(parts)):
                join = target.join
                parts = _shrink(parts, lambda some: fails(join(some)), end)
                for index in range(len(parts)):
                    others = parts[:index], parts[index + 1 :]
                    part = _shrink(list(_bytes(parts[index])), _in_place(join, others, fails), end)
                    parts[index] = b"".join(part)
                best = join(parts)
        except ValueError:  # it cannot be split
            pass
    smaller = b"".join(_shrink(_bytes(best), lambda some: fails(b"".join(some)), end))
    return smaller if fails(smaller) else failure.data


def _in_place(
    join: Callable[[Sequence[bytes]], bytes], others: tuple[list[bytes], list[bytes]], fails: Callable[[bytes], bool]
) -> Callable[[list[bytes]], bool]:
    return lambda some: fails(join([*others[0], b"".join(some), *others[1]]))


def _bytes(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def _shrink(items: list[bytes], fails: Callable[[list[bytes]], bool], end: float) -> list[bytes]:
    """Remove runs of items, long ones first, as long as the rest fails."""
    size = max(1, len(items) // 2)
    while items:
        at = 0
        while at < len(items):
            if time.monotonic() > end:
                return items
            rest = items[:at] + items[at + size :]
            if fails(rest):
                items = rest
            else:
                at += size
        if size == 1:
            break
        size = max(1, size // 2)
    return items
