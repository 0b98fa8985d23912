"""Independent pieces of work over processes or machines: joblib, on this machine or on a Dask cluster.

A piece is a call of a module-level function whose result depends on its arguments alone, so neither the number of
processes, nor the order in which they finish, nor a worker that was killed and replaced changes a byte.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socket import gethostname
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool
from joblib.parallel import LokyBackend, get_active_backend

from ccta_lib.errors import CctaError, InputError, MissingExtraError

Result = TypeVar("Result")
MOST_LOSSES = 5
"""How often workers may be lost here before the work itself is held to be the cause."""
CONNECT_SECONDS = 30
IDLE_SECONDS = 60  # an idle worker holds the memory of what it imported
_watched = False


def check_workers(workers: int) -> None:
    """Refuse a number of processes below 1."""
    if not isinstance(workers, int) or workers < 1:
        raise InputError(f"workers is {workers}; expected at least 1")


def started_by_torchrun() -> bool:
    """Tell whether torchrun started this process, so that it is one of several that share a fold."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Run the pieces of everything inside the block on the Dask cluster with this scheduler; None = here.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    InputError
        If nothing answers at the address, no worker is there, or a worker runs several threads: pieces set
        the thread count of their process, and their last bits depend on it.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "--dask needs Dask; install the extra: pip install 'ccta-lib[cluster]'"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"--dask: no scheduler answers at {address!r} ({type(error).__name__}); "
            "expected the address `dask scheduler` prints, such as tcp://10.0.0.1:8786"
        ) from error
    with client:
        threads = client.nthreads()
        several = sorted(w for w, n in threads.items() if n != 1)
        if not threads:
            raise InputError(
                f"--dask: {address} has no workers; start some: dask worker {address} --nthreads 1"
            )
        if several:
            raise InputError(
                f"--dask: worker {several[0]} runs {threads[several[0]]} threads; start workers with --nthreads 1 "
                "(more processes instead: --nworkers)"
            )
        from ccta_lib.dask_backend import ClusterBackend

        with parallel_config(ClusterBackend(client=client)):
            yield


def in_order(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], *, workers: int
) -> Iterator[Result]:
    """Yield `function(*a)` for each a, in order.

    Parameters
    ----------
    function : a module-level function
    arguments : tuples that can be pickled
    workers : processes at a time on this machine, 1 = in this one; a cluster brings its own number

    Raises
    ------
    CctaError
        If workers were lost `MOST_LOSSES` times; and whatever `function` raises.
    """
    for _, result in _run(function, arguments, workers, "generator"):
        yield result


def as_finished(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], *, workers: int
) -> Iterator[tuple[int, Result]]:
    """Yield the position and the result of each piece as it finishes; otherwise like `in_order`."""
    return _run(function, arguments, workers, "generator_unordered")


def _run(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], workers: int, order: str
) -> Iterator[tuple[int, Result]]:
    check_workers(workers)
    waiting, losses = dict(enumerate(arguments)), 0
    while waiting:
        # Bytes, because Dask would scatter large arguments to workers, and lose them with the worker.
        pieces = (
            delayed(_piece)(i, pickle.dumps((function, a)), os.getpid(), gethostname())
            for i, a in list(waiting.items())
        )
        try:
            with _engine(workers) as n_jobs:
                for position, result in Parallel(n_jobs=n_jobs, return_as=order, batch_size=1)(pieces):
                    del waiting[position]
                    yield position, result
        except BrokenProcessPool as error:
            losses += 1
            if losses == MOST_LOSSES:
                raise CctaError(
                    f"worker processes ended early {losses} times (killed, or out of memory) with {len(waiting)} "
                    "pieces left; run the same command again, it goes on from there, perhaps with fewer --workers"
                ) from error


@contextmanager
def _engine(workers: int) -> Iterator[int]:
    """Set up joblib's own processes, one thread each, or leave the backend of a `cluster` block; yields n_jobs."""
    backend, _ = get_active_backend()
    if not isinstance(backend, LokyBackend):
        yield -1  # as many as the cluster has
        return
    with parallel_config("loky", inner_max_num_threads=1, idle_worker_timeout=IDLE_SECONDS):
        yield workers


def _piece(position: int, call: bytes, parent: int, host: str) -> tuple[int, Any]:
    if os.getppid() == parent and gethostname() == host:
        leave_with(parent)
    function, arguments = pickle.loads(call)
    return position, function(*arguments)


def leave_with(parent: int) -> None:
    """End this worker when its parent is gone, which a killed one cannot do: it would work beside the resumed run's."""
    global _watched
    if _watched:
        return
    _watched = True

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
