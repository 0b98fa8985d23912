"""Files are written beside and moved into place, and are on the disk by then; inputs are known by their hash."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ccta_lib.errors import CctaError, InputError


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it replaces `path` only when the block succeeds.

    The suffix is kept, because writers choose their format by it. The process number in the name
    keeps two processes that write the same file apart. The content is on the disk before the name is (`durable`):
    after a power cut a file system may keep the name without the content. A file system with a journal keeps names
    in the order they were given, so that a record is never there without what it tells of. Only what nobody misses,
    such as a progress count, or what is checked by other means, does without.

    Raises
    ------
    OSError
        If the disk is full or the place may not be written, with the number of the error and `path`, whatever
        the library that wrote makes of it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        yield temporary
        if durable:
            _to_disk(temporary)
        os.replace(temporary, target)
    except OSError as error:
        if error.filename is not None and os.fspath(error.filename) != str(temporary):
            raise  # something that was read
        number = error.errno or (errno.ENOSPC if _is_full(target.parent) else errno.EIO)
        raise OSError(number, os.strerror(number), str(target)) from error
    except Exception as error:  # torch, safetensors and SQLite have words of their own for a full disk
        if isinstance(error, CctaError) or not _is_full(target.parent):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < 1 << 16


def _to_disk(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_array(
    path: str | os.PathLike[str], *, dtype: type | np.dtype, shape: tuple[int, ...]
) -> np.memmap[Any, Any]:
    """Make a `.npy` file of zeros and map it for writing; its space on the disk is taken at once.

    A sparse file takes space as it is filled, and a full disk then ends the process with SIGBUS, without a word.

    Raises
    ------
    OSError
        If the disk has no room for it.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
    size = array.offset + array.nbytes
    if size and hasattr(os, "posix_fallocate"):
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            os.close(descriptor)
    return array


@contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a lock that other processes on this file system wait for; it ends with the process, killed or not."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a UTF-8 JSON file.

    Raises
    ------
    InputError
        If it is not JSON, or was cut off.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: is not whole JSON ({type(error).__name__}); it was cut off or changed: delete it, and what "
            "it describes is made again"
        ) from error


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of a JSON-serialisable value, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
