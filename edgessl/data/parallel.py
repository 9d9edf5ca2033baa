"""A function over many items, by threads, results in order. Pillow decodes without the GIL."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edgessl.cores import usable_cores

Progress = Callable[[int, int], None]
"""Called with (done, total) now and then."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None = None,
    ahead: int | None = None,
) -> Generator[Result, None, None]:
    """Map with several threads, few results ahead of the consumer.

    Args:
        function: Called once per item. Its exception ends the iteration and is raised here.
        items: What to map over; taken by the consumer's own thread.
        threads: How many; None for one per core.
        ahead: Items that are taken before the first result is given; None for 8 per thread.

    Yields:
        The results, in the order of the items.
    """
    workers = threads or usable_cores()
    started: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="edgessl-data") as pool:
        try:
            for item in items:
                started.append(pool.submit(function, item))
                if len(started) >= (ahead or 8 * workers):
                    yield started.popleft().result()
            while started:
                yield started.popleft().result()
        finally:
            for future in started:
                future.cancel()
