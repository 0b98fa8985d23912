"""Fresh one-threaded processes for training and scoring, and the progress they report to the parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from ccta_lib.errors import CctaError, InputError

Progress = Callable[..., None]
_CONTEXT = multiprocessing.get_context("spawn")
REPORT_SECONDS = 0.5


def enter_worker(parent: int) -> None:
    """Set a worker up: one torch thread, and an end when the parent ends.

    A worker that outlives a killed parent would write the same files as the worker of the resumed run.
    """
    import torch

    torch.set_num_threads(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _main(connection: Connection, parent: int, function: Callable[..., Any], job: Any) -> None:
    enter_worker(parent)
    last = 0.0

    def tick(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > REPORT_SECONDS:
            last = now
            connection.send(("tick", done))

    try:
        connection.send(("done", function(job, tick=tick)))
    except CctaError as error:
        connection.send(("error", error))


def run_processes(
    function: Callable[..., Any],
    jobs: Sequence[Any],
    *,
    names: Sequence[str],
    workers: int,
    on_tick: Callable[[dict[int, int], set[int]], None],
) -> list[Any]:
    """Run `function(job, tick=...)` for each job, each in a fresh process, at most `workers` at a time.

    Parameters
    ----------
    function : module-level function; its result and the job are pickled
    jobs, names : one each; a name stands in the message when a process dies
    workers : processes at a time
    on_tick : called at least every half second with the latest tick of each job that has reported, and the jobs
        that are done

    Returns
    -------
    list
        Results in the order of the jobs.

    Raises
    ------
    CctaError
        The error a job raised, or one that says which process died.
    """
    results: list[Any] = [None] * len(jobs)
    ticks: dict[int, int] = {}
    finished: set[int] = set()
    waiting = list(range(len(jobs)))
    running: dict[Connection, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                i = waiting.pop(0)
                receiver, sender = _CONTEXT.Pipe(duplex=False)
                process = _CONTEXT.Process(
                    target=_main, args=(sender, os.getpid(), function, jobs[i]), daemon=True
                )
                process.start()
                sender.close()
                running[receiver] = (i, process)
            for ready in wait(list(running), timeout=REPORT_SECONDS):
                assert isinstance(ready, Connection)
                i, process = running[ready]
                try:
                    kind, value = ready.recv()
                except EOFError:
                    process.join()
                    raise CctaError(
                        f"{names[i]}: its process ended early (exit code {process.exitcode}); "
                        "run the same command again, it continues from the last finished epoch"
                    ) from None
                if kind == "error":
                    raise value
                if kind == "tick":
                    ticks[i] = value
                else:
                    results[i] = value
                    finished.add(i)
                    process.join()
                    del running[ready]
            on_tick(ticks, finished)
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()
    return results


class TimeLeft:
    """Turn done and total into a callback with the time left, estimated from the pace so far."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total = progress, total
        self.started: float | None = None
        self.first = 0

    def __call__(self, done: int, note: str = "") -> None:
        """Report; what was done before the first call (by an earlier, killed run) does not count for the pace."""
        if self.progress is None:
            return
        now = time.monotonic()
        if self.started is None:
            self.started, self.first = now, done
        fresh = done - self.first
        if fresh > 0:
            seconds = (now - self.started) / fresh * (self.total - done)
            left = f"{seconds:.0f} s left" if seconds < 100 else f"{seconds / 60:.0f} min left"
            note = f"{note}, {left}" if note else left
        self.progress(done, self.total, note)


def check_workers(workers: int) -> None:
    """Refuse a number of processes below 1."""
    if workers < 1:
        raise InputError(f"workers is {workers}; expected at least 1")
