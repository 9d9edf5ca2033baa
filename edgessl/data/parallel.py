"""A function over many items, by threads, results in order. Pillow decodes without the GIL."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Progress = Callable[[int, int], None]
"""Called with (done, total) now and then."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def cpu_count() -> int:
    """Return the number of CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Map with one thread per core, few results ahead of the consumer.

    Args:
        function: Called once per item. Its exception ends the iteration and is raised here.
        items: What to map over.

    Yields:
        The results, in the order of the items.
    """
    workers = cpu_count()
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="edgessl-data") as pool:
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) >= 8 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
