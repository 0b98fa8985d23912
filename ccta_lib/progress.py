"""Progress of long work: bars with time left on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[..., None]
PLAIN_EVERY = 15.0  # seconds between lines where there is no terminal


class Progress:
    """Shows nothing; the base for quiet use from a notebook or a test."""

    @contextmanager
    def task(self, title: str, *, total: int) -> Iterator[Advance]:
        """Yield `advance(done, total, note="")` for one task."""
        yield lambda done, total, note="": None

    def say(self, text: str) -> None:
        """Say one line about what goes on."""


class TerminalProgress(Progress):
    """Bars drawn by rich on a terminal; otherwise lines, so that a log stays readable."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def task(self, title: str, *, total: int) -> Iterator[Advance]:
        """Yield `advance(done, total, note="")`; the line ends with the time the task took."""
        if not total:
            self.say(f"{title}: nothing to do")
            yield lambda done, total, note="": None
            return
        start = time.perf_counter()
        if self.console.is_terminal:
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bars

            columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
                       TimeRemainingColumn(), TextColumn("{task.fields[note]}"))  # fmt: skip
            with Bars(*columns, console=self.console, transient=True) as bars:
                bar = bars.add_task(title, total=total, note="")
                yield lambda done, total, note="": bars.update(bar, completed=done, total=total, note=note)
        else:
            yield self._lines(title, start)
        self.say(f"{title}: done in {_duration(time.perf_counter() - start)}")

    def _lines(self, title: str, start: float) -> Advance:
        last, phase = start, (start, 0)

        def advance(done: int, total: int, note: str = "") -> None:
            nonlocal last, phase
            now = time.perf_counter()
            if total != phase[1]:
                phase = (now, total)  # a task of several phases: time left counts from the start of this one
            if now - last >= PLAIN_EVERY and 0 < done < total:
                last = now
                own = _duration((now - phase[0]) / done * (total - done))
                left = "" if "left" in note else f", about {own} left"
                self.say(f"{title}: {done} of {total}{left}{note and f' ({note})'}")

        return advance

    def say(self, text: str) -> None:
        """Print one line to standard error."""
        self.console.print(text, markup=False, soft_wrap=True)
        sys.stderr.flush()


class TimeLeft:
    """Turn done and total into a callback with the time left, estimated from the pace so far."""

    def __init__(self, progress: Callable[..., None] | None, total: int) -> None:
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


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"
