"""One command at a time writes into a folder; the next one is told who does, instead of both writing."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from pathlib import Path
from socket import gethostname
from typing import IO, ParamSpec, TypeVar

from ccta_lib.errors import InputError

LOCK = ".in-use"
# What `ccta_lib.files.atomic_path` names its temporary files.
_LITTER = re.compile(r"\..+\.\d+\.partial(\.\w+)?")
_NO_LOCKS_HERE = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
_held: dict[Path, tuple[int, int]] = {}
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


@contextmanager
def in_use(folder: str | os.PathLike[str], *, shared: bool = False) -> Iterator[None]:
    """Hold a folder while the block writes into it; a second command is refused, and not made to wait for hours.

    The hold ends with the process, killed or not. A block inside a block of the same thread holds nothing more.
    What a killed process left half-written is removed, since nobody else can be writing it. Where the file
    system knows no locks (some cluster file systems), nothing is held.

    Parameters
    ----------
    folder : created if absent
    shared : several such blocks may be in it at a time (the folds of one run); none beside one that is not

    Raises
    ------
    InputError
        If another process or thread holds the folder.
    """
    target, me = Path(folder).resolve(), (os.getpid(), threading.get_ident())
    if _held.get(target) == me:
        yield
        return
    if target.exists() and not target.is_dir():
        raise InputError(f"{folder}: is a file; give a folder")
    target.mkdir(parents=True, exist_ok=True)
    with _hold(target / LOCK, folder, shared=shared) as stream:
        _held[target] = me
        try:
            stream.truncate(0)  # whom a killed command named
            if not shared:
                stream.write(f"process {os.getpid()} on {gethostname()}")
                stream.flush()
                _remove_litter(target)
            yield
        finally:
            del _held[target]
            if not shared:
                (target / LOCK).unlink(missing_ok=True)


def holds(parameter: str) -> Callable[[Callable[_Given, _Result]], Callable[_Given, _Result]]:
    """Hold the folder a function is given under this name while the function runs (see `in_use`)."""

    def decorate(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
        form = signature(function)

        @wraps(function)
        def held(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
            with in_use(form.bind(*args, **kwargs).arguments[parameter]):
                return function(*args, **kwargs)

        return held

    return decorate


def is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing but the sign that it is in use."""
    return all(entry.name == LOCK for entry in folder.iterdir())


def _hold(path: Path, folder: str | os.PathLike[str], *, shared: bool) -> IO[str]:
    while True:
        stream = open(path, "a+", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(stream, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            who = stream.read().strip() or "a command that trains a fold"
            stream.close()
            raise InputError(
                f"{folder}: another command is writing there ({who}); wait until it has ended, or choose another folder"
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:
                stream.close()
                raise
        # The one before may have removed the file between our opening and our locking it.
        try:
            if os.path.samestat(os.stat(path), os.fstat(stream.fileno())):
                return stream
        except FileNotFoundError:
            pass
        stream.close()


def _remove_litter(folder: Path) -> None:
    for place, folders, files in os.walk(folder):
        # A folder below may be held by a command of its own.
        folders[:] = [f for f in folders if not (Path(place) / f / LOCK).exists()]
        for name in files:
            if _LITTER.fullmatch(name):
                (Path(place) / name).unlink(missing_ok=True)
