"""NumPy: the leads in standard order; floating point = millivolt, integer = microvolt.

Read by `numpy` without pickles. An archive (.npz) may hold, besides `signal` (12, samples), `sampling_hz`, `leads`
(12 names), `unit` (one for all leads), and as text `time`, `patient_id`, `patient_name`, `birth_date`, `age`,
`sex`, `statements`, `recording_id`.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ccta_lib.cohort.formats.base import MOST_VALUES, agreed_rate, check_size
from ccta_lib.cohort.formats.fields import clean, date_of, moment, sex_of, years
from ccta_lib.cohort.recording import Ecg, arrange, refuse_impossible
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS

_TEXTS = ("time", "patient_id", "patient_name", "birth_date", "age", "sex", "statements", "recording_id")
_NAMES = ("signal", "sampling_hz", "leads", "unit", *_TEXTS)
_MOST_TEXT_BYTES = 2**20
_BROKEN = (ValueError, OSError, EOFError, SyntaxError, KeyError, zipfile.BadZipFile, zlib.error,
           NotImplementedError, RuntimeError, OverflowError, TypeError, MemoryError, tokenize.TokenError)  # fmt: skip


def is_npy(path: Path, head: bytes) -> bool:
    """Whether the first bytes are those of an array file."""
    return head.startswith(b"\x93NUMPY")


def read_npy(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read an array, or one row of an array of recordings; see `ccta_lib.cohort.read_ecg`."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _BROKEN as error:
        raise WaveformError(f"{path}: not a readable .npy file ({error})") from error
    return Ecg(signal=_signal(path, array, row), sampling_hz=agreed_rate(path, stated, None))


def _signal(path: Path, array: np.ndarray, row: int | None) -> np.ndarray:
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
    check_size(path, *array.shape)
    if np.issubdtype(array.dtype, np.floating):
        refuse_impossible(array, source=str(path))
        return np.array(array, dtype=np.float32)
    if np.issubdtype(array.dtype, np.integer):
        millivolt = array / 1000.0
        refuse_impossible(millivolt, source=str(path))
        return millivolt.astype(np.float32)
    raise WaveformError(f"{path}: array of type {array.dtype}; expected floating point (mV) or integer (uV)")


def is_npz(path: Path, head: bytes) -> bool:
    """Whether the file is an archive with a member `signal`."""
    if not head.startswith(b"PK") or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "signal.npy" in archive.namelist()
    except _BROKEN as error:
        raise WaveformError(f"{path}: not a readable .npz file ({error})") from error


def read_npz(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read an archive; see the module's text for what it may hold."""
    try:
        _bound(path)
        content = _members(path)
        found = float(content["sampling_hz"]) if "sampling_hz" in content else None
    except _BROKEN as error:
        raise WaveformError(f"{path}: not a readable .npz file ({error})") from error
    rate = agreed_rate(path, stated, found)
    array = content["signal"]
    if "leads" not in content and "unit" not in content:
        return Ecg(signal=_signal(path, array, row), sampling_hz=rate, **_said(path, content))
    names = [str(n) for n in np.atleast_1d(content.get("leads", np.array(LEADS)))]
    default_unit = "mV" if np.issubdtype(array.dtype, np.floating) else "uV"
    unit = str(content["unit"]) if "unit" in content else default_unit
    if array.ndim != 2 or array.shape[0] != len(names):
        raise WaveformError(f"{path}: signal of shape {array.shape}, expected ({len(names)}, samples)")
    if array.dtype.kind not in "iuf":
        raise WaveformError(f"{path}: signal of type {array.dtype}; expected numbers")
    signal = arrange(array, names, [unit] * len(names), source=str(path))
    return Ecg(signal=signal, sampling_hz=rate, **_said(path, content))


def _members(path: Path) -> dict[str, np.ndarray]:
    """Read the members as wholes: numpy stops behind the last value, before the checksum has been looked at."""
    with zipfile.ZipFile(path) as archive:
        there = [name for name in _NAMES if f"{name}.npy" in archive.namelist()]
        return {n: np.load(io.BytesIO(archive.read(f"{n}.npy")), allow_pickle=False) for n in there}


def _bound(path: Path) -> None:
    """Read the members' headers only: a deflated archive can hold a thousand times its own size."""
    with zipfile.ZipFile(path) as archive:
        for name in _NAMES:
            if f"{name}.npy" not in archive.namelist():
                continue
            most = MOST_VALUES * 8 if name == "signal" else _MOST_TEXT_BYTES
            size = archive.getinfo(f"{name}.npy").file_size
            if size > most:
                raise WaveformError(f"{path}: {name} unpacks to {size} bytes; at most {most} are read")
            with archive.open(f"{name}.npy") as member:
                version = np.lib.format.read_magic(member)
                reader = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }
                if version not in reader:
                    raise ValueError(f"array format {version}")
                shape, _, dtype = reader[version](member)
            if math.prod(shape) * max(dtype.itemsize, 1) > size:
                raise ValueError(f"{name} declares shape {shape}, more than it holds")


def _said(path: Path, content: dict[str, np.ndarray]) -> dict:
    texts = {
        name: [clean(v) for v in np.atleast_1d(content[name]).ravel()] for name in _TEXTS if name in content
    }
    one = {name: next(iter(values), None) for name, values in texts.items()}
    day, _, hour = (one.get("time") or "").replace("T", " ").partition(" ")
    return {
        "time": moment(path, "time", day or None, hour or None),
        "patient_id": one.get("patient_id"),
        "patient_name": one.get("patient_name"),
        "birth_date": date_of(one.get("birth_date")),
        "age": years(one.get("age")),
        "sex": sex_of(one.get("sex")),
        "statements": tuple(filter(None, texts.get("statements", []))),
        "recording_id": one.get("recording_id"),
    }
