"""Work on a stream over processes: what is waiting, under way and done but not taken stays a few pieces at a time.

`ccta_lib.parallel` keeps all arguments until the last is done, so that lost work can be done again; here they are
the text of a table that need not fit into memory.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, TypeVar

from ccta_lib.errors import CctaError
from ccta_lib.parallel import leave_with

Result = TypeVar("Result")


def in_order(function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], *,
             workers: int) -> Iterator[Result]:  # fmt: skip
    """Yield `function(*a)` for each a, in order.

    Parameters
    ----------
    function : a module-level function
    arguments : iterable of tuples, drawn only as results are taken
    workers : int
        Processes; 1, or no more pieces than processes = in this one. Memory holds at most two pieces per worker.

    Raises
    ------
    CctaError
        If a worker was killed; and whatever `function` raises.
    """
    stream = iter(arguments)
    first = list(islice(stream, workers))
    if workers == 1 or len(first) < workers or (rest := next(stream, None)) is None:
        # So little work is done here before other processes have started.
        for one in chain(first, stream):
            yield function(*one)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=leave_with, initargs=(os.getpid(),)
    )
    with pool:
        queue: deque[Future[Result]] = deque()
        try:
            for one in chain(first, [rest], stream):
                queue.append(pool.submit(function, *one))
                if len(queue) >= 2 * workers:
                    yield queue.popleft().result()
            while queue:
                yield queue.popleft().result()
        except BrokenProcessPool as error:
            raise CctaError("a worker process was killed, perhaps for want of memory; the same command goes on "
                            "where it stopped, with fewer --workers if need be") from error  # fmt: skip
        finally:
            for future in queue:
                future.cancel()
