"""Named exceptions. A message says which file, row, column or parameter, what was found and what to do."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
# Control and invisible direction characters, and halves of characters that no terminal and no log can take.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_LONGEST_FAULT = 1000


class CctaError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(CctaError):
    """The input is wrong (command-line exit code 2).

    Parameters
    ----------
    *faults : str
        One clear line per fault. All faults of an input are collected before raising. A fault quotes its input,
        which may hold anything: what would break the line, or steer a terminal, becomes a space.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = [_one_line(fault) for fault in faults]
        super().__init__("\n".join(self.faults))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, ...]]:
        # Exceptions cross process boundaries; the default would pickle the joined message as one fault.
        return type(self), tuple(self.faults)


def _one_line(fault: str) -> str:
    line = _CONTROL.sub(" ", fault).strip()
    return line if len(line) <= _LONGEST_FAULT else f"{line[:_LONGEST_FAULT]}..."


class TableError(InputError):
    """A cohort or prediction table breaks its contract."""


class ParameterError(InputError):
    """A setting or chapter parameter is unknown, of the wrong type or out of range."""


class WaveformError(InputError):
    """A recording cannot be read as a 12-lead ECG."""


class WeightsError(InputError):
    """Weights do not fit the network, or their input contract does not fit the data."""


class MissingExtraError(InputError):
    """An optional dependency is not installed."""


class ChapterError(CctaError):
    """A chapter failed while running; names chapter, cell and first source line."""


def told(error: OSError) -> str:
    """Say in one line what a file system refused, and what to do.

    Of a file only its folder is named: files of an export are named after patients, and messages end up in logs.
    """
    what = error.strerror or str(error).partition("\n")[0]
    where = f"{_folder(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
    if error.errno in _FULL:
        return f"{where}{what}; free some, and the same command goes on where it stopped"
    if error.errno in _FORBIDDEN:
        return f"{where}{what}; choose a folder you may write to, or have its permissions changed"
    return f"{where}{what}; look at this place, and run the same command again"


def _folder(path: str) -> Path:
    return Path(path) if Path(path).is_dir() else Path(path).parent


def form(text: object) -> str:
    """Show what a cell looks like without what it says: digits become 9, letters a.

    >>> form("ZS-0042 Wang"), form("张伟")
    ('aa-9999 aaaa', 'aa')
    """
    shape = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", str(text)))
    return shape if len(shape) <= 40 else f"{shape[:37]}..."


def without_quotes(text: str) -> str:
    """Return a message with the form alone of whatever it quotes.

    >>> without_quotes("begins with b'Wang 1961'; expected an ECG")
    "begins with 'aaaa 9999'; expected an ECG"
    """
    return re.sub(r"b?(['\"])(.*?)\1", lambda found: repr(form(found[2])), text)
