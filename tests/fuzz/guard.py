"""One input under limits: time, memory, and nothing but an answer or a refusal."""

from __future__ import annotations

import resource
import signal
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from tests.fuzz.target import Target

# Stated bounds. An input of up to a mebibyte may make the process grow by this much, and no input may take longer.
MOST_GROWTH = 2**29
SMALL_INPUT = 2**20
MOST_ADDRESS_SPACE = 2**31  # beyond what the process has when it begins
SECONDS = 20.0


class Hang(BaseException):
    """An input that took too long."""


class Finding(NamedTuple):
    """What went wrong on an input."""

    what: str
    where: str
    kind: str
    data: bytes
    trace: str


def limit_memory() -> None:
    """Let this process have `MOST_ADDRESS_SPACE` more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Hang` in the block after that many seconds of this processor: other programs do not count."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Hang(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def attempt(target: Target, folder: Path, data: bytes, kind: str) -> str | Finding:
    """Try one input; "read", "refused", or what went wrong."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with time_limit(SECONDS):
            outcome = target.check(folder, data, kind)
    except (Exception, Hang) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/tests/fuzz/" not in f.filename]
        last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
        ours = next((f for f in reversed(frames) if "/ccta_lib/" in f.filename), last)
        where = f"{ours.filename.rpartition('/ccta_lib/')[2]}:{ours.lineno}"
        what = f"{type(error).__name__}: {str(error)[:200]}"
        return Finding(what, where, kind, data, "".join(traceback.format_exception(error))[-6000:])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > MOST_GROWTH and len(data) <= SMALL_INPUT:
        return Finding(f"memory: {grown} bytes for {len(data)}", target.name, kind, data, "")
    return outcome


class Tally:
    """What was tried and what came of it; of findings of the same sort the first few are kept."""

    def __init__(self, most: int = 3) -> None:
        self.counts = Counter[str]()
        self.findings: dict[tuple[str, str], list[Finding]] = {}
        self._most = most

    def add(self, outcome: str | Finding) -> None:
        """Count an outcome."""
        self.counts["inputs"] += 1
        if isinstance(outcome, str):
            self.counts[outcome] += 1
            return
        self.counts["findings"] += 1
        same = self.findings.setdefault((outcome.what.partition(":")[0], outcome.where), [])
        if len(same) < self._most:
            same.append(outcome)
