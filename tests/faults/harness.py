"""Commands that are broken at named moments, and what they must have left when they were run again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

INJECT = Path(__file__).with_name("inject")
ROOT = Path(__file__).resolve().parents[2]
FULL = "No space left on device"
LONGEST = 3600  # seconds; a command that takes longer hangs
# Times, process numbers and secrets: what no two runs share.
UNEQUAL = ("run.json", "record.json", "training.json", "study.json", "cell.json", "tensorboard/", ".lock", ".doctree",
           "environment.pickle", "doctrees/", "source/", "html/", "private/")  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """Where a run is broken (see `inject/sitecustomize.py`)."""

    on: str
    name: str
    nth: int = 1

    def __str__(self) -> str:
        """Say it in a few words, for the name of a test."""
        return f"{self.on} {self.name.strip('$')}" + (f" {self.nth}" if self.nth > 1 else "")


def opened(name: str, nth: int = 1) -> Moment:
    """Name the moment before a file is opened for writing."""
    return Moment("open", name, nth)


def renamed(name: str, nth: int = 1) -> Moment:
    """Name the moment before a file gets its final name."""
    return Moment("rename", name, nth)


@dataclass(frozen=True)
class Stage:
    """A command, the moments at which it is broken in turn, and the files that must come out the same.

    Attributes
    ----------
    words : makes, from the folder of results, the arguments of `ccta`, or of Python where the first is a script
    moments : in the order in which they come
    """

    name: str
    words: Callable[[Path], Sequence[str]]
    moments: tuple[Moment, ...]

    def __str__(self) -> str:
        """Return the name, for the name of a test."""
        return self.name


def run(
    words: Sequence[str], out: Path, *, moment: Moment | None = None, do: str = "kill", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, broken at a moment if one is named; whatever is left of its processes is waited for."""
    token = f"ccta-fault-{uuid.uuid4().hex}"
    settings = os.environ | {"OMP_NUM_THREADS": "1", "CCTA_TOKEN": token, **environment}
    settings["PYTHONPATH"] = os.pathsep.join([str(INJECT), str(ROOT)])
    if moment is not None:
        count = out.parent / f"{token}.count"
        fault = {"on": moment.on, "name": moment.name, "nth": moment.nth, "do": do, "token": token,
                 "count": str(count), "within": str(out)}  # fmt: skip
        settings["CCTA_FAULT"] = json.dumps(fault)
    script = words[0].endswith(".py")
    command = [sys.executable, *words] if script else [sys.executable, "-m", "ccta_lib", *words]
    # A worker that outlives its parent holds the pipes, so that this also waits for the last of them.
    return subprocess.run(
        command, cwd=out.parent, env=settings, capture_output=True, text=True, check=False, timeout=LONGEST
    )


def left(folder: Path, *, unequal: Sequence[str] = UNEQUAL) -> dict[str, str]:
    """Hash what a command left, except what no two runs share; partial files and signs of use count too."""
    found = {
        path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in found.items()
        if not any(u in name for u in unequal)
    }


def assert_nothing_half(folder: Path) -> None:
    """Every table under its final name can be read to its end, and every JSON file."""
    for path in folder.rglob("[!.]*"):
        if path.suffix == ".parquet":
            pd.read_parquet(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".csv":
            assert path.read_bytes().endswith(b"\n"), path


def assert_one_line(done: subprocess.CompletedProcess[str], says: str) -> None:
    """The command failed with an exit code of ours and said why in a line, without a traceback."""
    assert done.returncode in (1, 2), (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    told = [line for line in done.stderr.splitlines() if says in line]
    assert len(told) == 1, done.stderr
