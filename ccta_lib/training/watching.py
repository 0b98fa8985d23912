"""A fold in a worker process, wherever that runs, and the progress its parent reads from the fold's folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ccta_lib.files import atomic_path
from ccta_lib.memory import keep_freed_memory
from ccta_lib.progress import TimeLeft
from ccta_lib.training.job import FoldJob
from ccta_lib.training.loop import RECORD, train_fold

Progress = Callable[..., None]
REPORT_SECONDS = 0.5
STEPS = "steps.txt"


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread inside the block: the last bits of a sum depend on the number.

    The process also keeps what a batch frees for the next one (`ccta_lib.memory`).
    """
    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_alone(job: FoldJob) -> dict[str, Any]:
    """Train a fold on one thread of this process; its number of finished steps stands in the fold's folder."""
    last = 0.0

    def tick(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > REPORT_SECONDS:
            last = now
            with atomic_path(job.folder / STEPS, durable=False) as path:
                path.write_text(str(done))

    with one_thread():
        record = train_fold(job, tick=tick)
    (job.folder / STEPS).unlink(missing_ok=True)
    return record


@contextmanager
def watch_folds(jobs: Sequence[FoldJob], progress: Progress | None) -> Iterator[None]:
    """Report, while the block runs, how far all folds are together."""
    if progress is None:
        yield
        return
    bar, end = TimeLeft(progress, sum(j.total_steps for j in jobs)), threading.Event()

    def report() -> None:
        bar(*_reached(jobs))

    def watch() -> None:
        while not end.wait(REPORT_SECONDS):
            report()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    report()


def _reached(jobs: Sequence[FoldJob]) -> tuple[int, str]:
    """Return the steps done over all folds, and which folds are on their way."""
    done, notes = 0, []
    for job in jobs:
        if (job.folder / RECORD).is_file():
            done += job.total_steps
            continue
        try:
            steps = int((job.folder / STEPS).read_text())
        except (FileNotFoundError, ValueError):  # not begun, or a power cut took what nobody waited for
            continue
        done += steps
        notes.append(_note(job, steps))
    return done, "; ".join(notes)


def _note(job: FoldJob, steps: int) -> str:
    return f"fold {job.fold} epoch {(steps - 1) // job.steps_per_epoch + 1}/{job.settings.epochs}"


def reporter(job: FoldJob, progress: Progress | None) -> Callable[[int], None]:
    """Return a tick that reports one fold trained in this process."""
    bar = TimeLeft(progress, job.total_steps)
    return lambda steps: bar(steps, _note(job, steps))
