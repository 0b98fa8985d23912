"""What every reader shares: what a format is, how a rate is settled, how large a recording may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ccta_lib.cohort.recording import Ecg
from ccta_lib.errors import WaveformError

# Leads times samples: twelve leads for an hour at 1000 Hz. What a header declares is compared with this before
# anything is allocated.
MOST_VALUES = 50_000_000


class Format(NamedTuple):
    """A file format: how it is recognised, how it is read, and which files a recording consists of."""

    name: str
    matches: Callable[[Path, bytes], bool]
    read: Callable[[Path, float | None, int | None], Ecg]
    files: Callable[[Path], list[Path]]


def itself(path: Path) -> list[Path]:
    """Return the file itself: the recording has no other."""
    return [path]


def refuse_row(path: Path, row: int | None, what: str) -> None:
    """Raise if a row was asked of a file that holds one recording."""
    if row is not None:
        raise WaveformError(f"{path}: {what} holds one recording; leave out '#{row}'")


def agreed_rate(path: Path, stated: float | None, found: float | None) -> float:
    """Settle the sampling rate between what the table and what the file says.

    Raises
    ------
    WaveformError
        If nobody says, they disagree, or it is not positive.
    """
    if stated is not None and found is not None and abs(stated - found) > 1e-6 * found:
        raise WaveformError(f"{path}: says {found:g} Hz, sampling_hz says {stated:g}; "
                            "correct the table or leave its cell empty")  # fmt: skip
    rate = found if found is not None else stated
    if rate is None:
        raise WaveformError(f"{path}: does not say its sampling rate; give sampling_hz")
    if not (np.isfinite(rate) and rate > 0):
        raise WaveformError(f"{path}: sampling rate {rate:g} Hz; expected a positive number")
    return float(rate)


def check_size(path: Path, channels: int, samples: int) -> None:
    """Refuse a declared size that no resting ECG has, before anything is allocated.

    Raises
    ------
    WaveformError
        If it declares no channel or sample, or more than `MOST_VALUES` values.
    """
    if channels < 1 or samples < 1:
        raise WaveformError(
            f"{path}: declares {channels} channels of {samples} samples; expected at least one"
        )
    if channels * samples > MOST_VALUES:
        raise WaveformError(f"{path}: declares {channels} channels of {samples} samples, more than a resting ECG "
                            f"has ({MOST_VALUES} values); cut the recording")  # fmt: skip
