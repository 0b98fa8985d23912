"""Readers of recordings, one per file format. A format is recognised by what is in the file, not by its name.

To add one: a function that recognises it, one that reads it into an `Ecg`, and a line in `FORMATS`.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import wfdb

from ccta_lib.cohort.recording import Ecg, arrange
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS

HEAD_BYTES = 4096


class Format(NamedTuple):
    """A file format: how it is recognised, how it is read, and which files a recording consists of."""

    name: str
    matches: Callable[[Path, bytes], bool]
    read: Callable[[Path, float | None, int | None], Ecg]
    files: Callable[[Path], list[Path]]


def locate(path: Path) -> Path:
    """Return the file that is to be opened for a path as people write it.

    A WFDB record is written without suffix, or as one of its files: the header leads to the rest.
    """
    header = path.with_suffix(".hea") if path.suffix.lower() in {".dat", ".mat"} else Path(f"{path}.hea")
    if header.is_file():
        return header
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such recording"
        raise WaveformError(f"{path}: {what}; give a WFDB record, a .npy or a .npz file")
    return path


def recognise(path: Path) -> Format:
    """Return the format of a file.

    Raises
    ------
    WaveformError
        If no reader knows it.
    """
    with open(path, "rb") as stream:
        head = stream.read(HEAD_BYTES)
    for candidate in FORMATS:
        if candidate.matches(path, head):
            return candidate
    if path.suffix.lower() in {".mat", ".dat"}:
        raise WaveformError(f"{path}: the WFDB header {path.with_suffix('.hea').name} is missing beside it; "
                            "without it leads, rate and unit are unknown")  # fmt: skip
    known = ", ".join(f.name for f in FORMATS)
    raise WaveformError(f"{path}: unknown format (begins with {head[:16]!r}); readable are {known}")


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


# ---------------------------------------------------------------------------------------------------------
# WFDB: a text header (.hea) that names the signal files (.dat, or .mat with an offset).


_RECORD_NAME = re.compile(r"[\w.-]+(/\d+)?")


def _record_line(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return next((line.split() for line in lines if line and not line.startswith("#")), [])


def _is_wfdb(path: Path, head: bytes) -> bool:
    if b"\0" in head:
        return False
    fields = _record_line(head.decode("latin-1"))
    return len(fields) >= 2 and bool(_RECORD_NAME.fullmatch(fields[0])) and fields[1].isdigit()


def _wfdb_header(path: Path) -> Any:
    # wfdb meets a broken header with whatever its parsing stumbles over; it all means the same to a reader.
    try:
        return wfdb.rdheader(str(path.with_suffix("").absolute()))
    except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
        raise WaveformError(f"{path}: not a readable WFDB header ({error})") from error


def _wfdb_files(path: Path) -> list[Path]:
    header = _wfdb_header(path)
    if isinstance(header, wfdb.MultiRecord):
        segments = sorted({f"{name}.hea" for name in header.seg_name if name != "~"})
        parts = [path.parent / name for name in segments]
        _require(path, parts)
        return [path, *(f for part in parts for f in _wfdb_files(part))]
    parts = [path.parent / name for name in dict.fromkeys(header.file_name or [])]
    _require(path, parts)
    return [path, *parts]


def _require(path: Path, parts: list[Path]) -> None:
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise WaveformError(f"{path}: names {', '.join(missing)}, which is not beside it")


def _read_wfdb(path: Path, stated: float | None, row: int | None) -> Ecg:
    if row is not None:
        raise WaveformError(f"{path}: a WFDB record holds one recording; leave out '#{row}'")
    _wfdb_files(path)
    try:
        record = wfdb.rdrecord(str(path.with_suffix("").absolute()))
    except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
        raise WaveformError(f"{path}: the signals cannot be read ({error})") from error
    # wfdb fills in 250 Hz where the header has no rate; a guess is not a rate.
    says_rate = len(_record_line(path.read_text(encoding="latin-1"))) >= 3
    rate = agreed_rate(path, stated, float(record.fs) if says_rate else None)
    if record.p_signal is None:
        raise WaveformError(f"{path}: holds no signal")
    signal = arrange(record.p_signal.T, record.sig_name, record.units, source=str(path))
    start = None
    if record.base_date is not None and record.base_time is not None:
        start = datetime.combine(record.base_date, record.base_time)
    return Ecg(signal=signal, sampling_hz=rate, time=start)


# ---------------------------------------------------------------------------------------------------------
# NumPy: the leads in standard order; floating point = millivolt, integer = microvolt.


def _is_npy(path: Path, head: bytes) -> bool:
    return head.startswith(b"\x93NUMPY")


def _read_npy(path: Path, stated: float | None, row: int | None) -> Ecg:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise WaveformError(f"{path}: not a readable .npy file ({error})") from error
    return Ecg(signal=_from_array(path, array, row), sampling_hz=agreed_rate(path, stated, None))


def _from_array(path: Path, array: np.ndarray, row: int | None) -> np.ndarray:
    if array.ndim == 3 and row is not None:
        if not 0 <= row < len(array):
            raise WaveformError(f"{path}: row {row} was asked for, it has rows 0 to {len(array) - 1}")
        array = array[row]
    elif array.ndim == 3:
        raise WaveformError(f"{path}: holds {len(array)} recordings; say which, as in {path.name}#0")
    elif row is not None:
        raise WaveformError(f"{path}: holds one recording; leave out '#{row}'")
    if array.ndim != 2 or array.shape[0] != len(LEADS):
        remedy = "; transpose it" if array.ndim == 2 and array.shape[1] == len(LEADS) else ""
        raise WaveformError(f"{path}: array of shape {array.shape}, expected (12, samples){remedy}")
    if np.issubdtype(array.dtype, np.floating):
        return np.array(array, dtype=np.float32)
    if np.issubdtype(array.dtype, np.integer):
        return (array / 1000.0).astype(np.float32)
    raise WaveformError(f"{path}: array of type {array.dtype}; expected floating point (mV) or integer (uV)")


_NPZ_NAMES = ("signal", "sampling_hz", "leads", "unit")


def _is_npz(path: Path, head: bytes) -> bool:
    if not head.startswith(b"PK") or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "signal.npy" in archive.namelist()


def _read_npz(path: Path, stated: float | None, row: int | None) -> Ecg:
    """`signal` (12, samples); optionally `sampling_hz`, `leads` (12 names), `unit` (one for all leads)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in _NPZ_NAMES if name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise WaveformError(f"{path}: not a readable .npz file ({error})") from error
    found = float(content["sampling_hz"]) if "sampling_hz" in content else None
    rate = agreed_rate(path, stated, found)
    array = content["signal"]
    if "leads" not in content and "unit" not in content:
        return Ecg(signal=_from_array(path, array, row), sampling_hz=rate)
    names = [str(n) for n in np.atleast_1d(content.get("leads", np.array(LEADS)))]
    default_unit = "mV" if np.issubdtype(array.dtype, np.floating) else "uV"
    unit = str(content["unit"]) if "unit" in content else default_unit
    if array.ndim != 2 or array.shape[0] != len(names):
        raise WaveformError(f"{path}: signal of shape {array.shape}, expected ({len(names)}, samples)")
    return Ecg(signal=arrange(array, names, [unit] * len(names), source=str(path)), sampling_hz=rate)


def _itself(path: Path) -> list[Path]:
    return [path]


FORMATS: tuple[Format, ...] = (
    Format("NumPy array (.npy)", _is_npy, _read_npy, _itself),
    Format("NumPy archive (.npz)", _is_npz, _read_npz, _itself),
    Format("WFDB record (.hea)", _is_wfdb, _read_wfdb, _wfdb_files),
)
