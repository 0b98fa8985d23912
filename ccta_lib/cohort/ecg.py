"""The one door for recordings: from a path in a cohort table to twelve leads of ten seconds at 500 Hz."""

from __future__ import annotations

import hashlib
import os
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ccta_lib.cohort.formats import locate, recognise
from ccta_lib.cohort.recording import Ecg
from ccta_lib.cohort.store import N_SAMPLES, SAMPLING_HZ
from ccta_lib.errors import WaveformError
from ccta_lib.files import sha256_file

__all__ = ["Ecg", "TooShortError", "read_ecg", "source_files", "source_sha256", "split_row", "standardise"]

SECONDS = N_SAMPLES / SAMPLING_HZ
_ROW = re.compile(r"(?P<path>.+\.np[yz])#(?P<row>\d+)", re.IGNORECASE)
# A QRS complex lives below 50 Hz; a recording that cannot hold it is none.
LOWEST_HZ = 100.0
# Rates such as 977.52 Hz become a ratio of integers with at most this denominator: at worst half a
# millisecond in ten seconds, and the filter stays short.
_LARGEST_DENOMINATOR = 100


class TooShortError(WaveformError):
    """A recording of less than ten seconds."""


def split_row(waveform: str | os.PathLike[str]) -> tuple[Path, int | None]:
    """Split `folder/signals.npy#17` into path and row; any other path has no row.

    >>> split_row("waveforms/signals.npy#17")[1], split_row("records/a#b")[1]
    (17, None)
    """
    match = _ROW.fullmatch(os.fspath(waveform))
    return (Path(match["path"]), int(match["row"])) if match else (Path(waveform), None)


def read_ecg(path: str | os.PathLike[str], *, sampling_hz: float | None = None,
             row: int | None = None) -> Ecg:  # fmt: skip
    """Read one 12-lead recording; the format is recognised by its content.

    Parameters
    ----------
    path : path
        A WFDB record (with or without suffix; `.dat` and `.mat` beside their `.hea`), EDF, DICOM, XML of GE
        MUSE, GE CardioSoft, Philips Sierra or HL7 aECG, a `.npy` array in the order of `LEADS` (floating point
        = millivolt, integer = microvolt), or a `.npz` archive with `signal` and optionally `sampling_hz`,
        `leads`, `unit`. `array.npy#17` is row 17 of an (n, 12, samples) array. What each reader does and
        cannot do stands in `ccta_lib.cohort.formats`, a file per format.
    sampling_hz : float, optional
        Needed where the file does not say; must agree where it does.
    row : int, optional
        Instead of `#17`.

    Returns
    -------
    Ecg
        Leads in standard order, millivolt, at the recording's own rate and length; whom, when and the
        interpretation as far as the file says.

    Raises
    ------
    WaveformError
        If the file is missing, of no known format or broken, a lead is missing or double, a unit unknown, or
        the rate unstated or contradictory.
    """
    file, named_row = split_row(path)
    if row is not None and named_row is not None and row != named_row:
        raise WaveformError(f"{path}: names row {named_row}, but row {row} was asked for")
    found = locate(file)
    return recognise(found).read(found, sampling_hz, named_row if row is None else row)


def source_files(path: str | os.PathLike[str]) -> list[Path]:
    """Files a recording consists of (a WFDB header and its signal files; otherwise the file itself).

    Raises
    ------
    WaveformError
        As `read_ecg`, as far as it can be told without reading samples.
    """
    found = locate(split_row(path)[0])
    return recognise(found).files(found)


def source_sha256(files: list[Path]) -> str:
    """SHA-256 of one file, or of the SHA-256s of several, in order."""
    digests = [sha256_file(file) for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def standardise(ecg: Ecg) -> np.ndarray:
    """Bring a recording to the stored form: its first 10 s, 500 Hz.

    Polyphase resampling with an anti-alias filter; a straight line through the ends is taken off each lead
    before and put back after, so that an offset or a drift makes no step at the edges.

    Parameters
    ----------
    ecg : Ecg

    Returns
    -------
    numpy.ndarray of float32, shape (12, 5000)
        Millivolt. NaN in a lead stays NaN (in the whole lead where it had to be resampled).

    Raises
    ------
    TooShortError
        If the recording is shorter than 10 s; it is never padded.
    WaveformError
        If it is sampled below 100 Hz.
    """
    if ecg.sampling_hz < LOWEST_HZ:
        raise WaveformError(f"sampled at {ecg.sampling_hz:g} Hz; at least {LOWEST_HZ:g} Hz are needed")
    needed = int(np.ceil(round(SECONDS * ecg.sampling_hz, 6)))
    if ecg.signal.shape[1] < needed:
        raise TooShortError(f"recording of {ecg.seconds:.3f} s; {SECONDS:g} s are needed, none is padded")
    first = ecg.signal[:, :needed]
    ratio = Fraction(SAMPLING_HZ) / Fraction(ecg.sampling_hz).limit_denominator(_LARGEST_DENOMINATOR)
    if ratio == 1:
        return np.array(first, dtype=np.float32)
    up, down = ratio.as_integer_ratio()
    resampled = resample_poly(first.astype(np.float64), up, down, axis=1, padtype="line")
    return resampled[:, :N_SAMPLES].astype(np.float32)
