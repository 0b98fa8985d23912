"""Breaks a run at one named moment, in whichever of its processes that moment comes. The product knows nothing of it.

Every Python process that has this folder in PYTHONPATH loads it. `CCTA_FAULT` holds JSON:

on      "open" (for writing) or "rename": what the process is about to do
name    regular expression, searched in the path that is written, or renamed to
nth     at which of these moments, counted over all processes
do      "kill": every process of the run is gone at once
        "kill main": only the process that was started first; the others notice, or do not
        "kill this": only the process in which the moment came
        "power cut": as "kill", and of every file that was moved into place without having been brought to the disk,
        half is lost
        "full", "forbidden": the system call fails
within  the folder of results, to which the loss of a power cut is confined
token   a word that only the processes of this run have in their environment
count   a file that counts the moments
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import signal
import sys
from typing import Any

MAIN = "CCTA_FAULT_MAIN"
FAULT: dict[str, Any] = json.loads(os.environ.get("CCTA_FAULT", "{}"))
_synced: set[tuple[int, int]] = set()
_lossy: list[str] = []


def _moment() -> bool:
    """Count this moment; tell whether it is the one."""
    with open(FAULT["count"], "a+", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write(".")
        stream.flush()
        return stream.tell() == FAULT["nth"]


def _processes() -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as stream:
                    ours = FAULT["token"].encode() in stream.read()
            except OSError:
                continue
            if ours:
                found.append(int(name))
    return found


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _strike(path: str) -> None:
    action = FAULT["do"]
    if action in ("full", "forbidden"):
        number = errno.ENOSPC if action == "full" else errno.EACCES
        raise OSError(number, os.strerror(number), path)
    if action == "kill main":
        _kill([int(os.environ[MAIN])])
        return
    if action == "power cut":
        for lost in _lossy:
            if os.path.isfile(lost):
                os.truncate(lost, os.path.getsize(lost) // 2)
    if action in ("kill", "power cut"):
        _kill(_processes())
    _kill([os.getpid()])


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = args
        writes = bool(set(mode) & set("wax+")) if mode else flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        kind, target = "open", path if writes else None
    elif event == "os.rename":
        kind, target = "rename", args[1]
        _remember(os.fspath(args[0]), os.fspath(target))
    else:
        return
    if kind != FAULT["on"] or not isinstance(target, str | bytes | os.PathLike):
        return
    path = os.fsdecode(target)
    if path != FAULT["count"] and re.search(FAULT["name"], path) and _moment():
        _strike(path)


def _remember(source: str, target: str) -> None:
    """Note what is moved into place without having been brought to the disk."""
    try:
        found = os.stat(source)
    except OSError:
        return
    if (found.st_dev, found.st_ino) not in _synced and target.startswith(FAULT["within"]):
        _lossy.append(target)


if FAULT:
    os.environ.setdefault(MAIN, str(os.getpid()))
    _fsync = os.fsync

    def fsync(descriptor: int) -> None:
        """Bring a file to the disk, and remember it."""
        found = os.fstat(descriptor)
        _fsync(descriptor)
        _synced.add((found.st_dev, found.st_ino))

    os.fsync = fsync  # type: ignore[assignment]
    sys.addaudithook(_watch)
