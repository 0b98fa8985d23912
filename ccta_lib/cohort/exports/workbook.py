"""Workbooks from outside: what an archive may unpack to, and every way of being broken as one clear error."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ccta_lib.errors import InputError

# Rows are read as a stream, so a sheet may be large; everything else in a workbook is held in memory as a whole.
MOST_HELD = 2**30
# Text packs to a tenth or a thirtieth. What packs to less than this was made to fill a memory or a day.
MOST_RATIO = 200
_SMALL = 64 * 2**20
# openpyxl meets a broken workbook with whatever its parsing stumbles over; a malformed XML is a SyntaxError.
_STUMBLES = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, SyntaxError, ValueError, LookupError,
             TypeError, AttributeError, AssertionError, OSError, EOFError, ArithmeticError, RuntimeError,
             MemoryError)  # fmt: skip


@contextmanager
def readable_workbook(path: Path) -> Iterator[None]:
    """Turn whatever the block stumbles over into one clear error.

    Raises
    ------
    InputError
        If the workbook is broken.
    """
    try:
        yield
    except _STUMBLES as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{path}: cannot be opened as a workbook ({reason}); save it again as .xlsx"
        ) from error


def check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to far more than it holds; only its table of contents is read.

    What the table of contents states is a bound: `zipfile` unpacks no more of a member than that.

    Raises
    ------
    InputError
        If a member unpacks to more than `MOST_HELD` bytes, or to more than `MOST_RATIO` times its size.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            size, packed = member.file_size, max(member.compress_size, 1)
            held = not member.filename.startswith("xl/worksheets/")
            if (held and size > MOST_HELD) or (size > _SMALL and size > MOST_RATIO * packed):
                raise InputError(f"{path}: its part {member.filename} unpacks from {packed:,} to {size:,} bytes, "
                                 "which no table does; export it again, or save it as CSV UTF-8")  # fmt: skip
