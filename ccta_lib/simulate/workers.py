"""Map a function over worker processes: results in order, a bounded number in flight, no orphans."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Result = TypeVar("Result")


def _leave_with(parent: int) -> None:
    """End this worker when its parent is gone: a killed parent cannot end it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def in_order(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], *, workers: int
) -> Iterator[Result]:
    """Yield `function(*a)` for each a, in order.

    Parameters
    ----------
    function : a module-level function
    arguments : iterable of tuples, read only as results are taken
    workers : int
        Processes; 1 = in this one. Memory holds at most three results per worker.
    """
    if workers == 1:
        for one in arguments:
            yield function(*one)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_leave_with, initargs=(os.getpid(),)
    )
    with pool:
        queue: deque[Future[Result]] = deque()
        try:
            for one in arguments:
                queue.append(pool.submit(function, *one))
                if len(queue) > 2 * workers:
                    yield queue.popleft().result()
            while queue:
                yield queue.popleft().result()
        finally:
            for future in queue:
                future.cancel()
