"""WFDB (PhysioNet): a text header (.hea) that names the signal files (.dat, or .mat with an offset).

Read by `wfdb`. Age and sex come from the header's comments (`# Age: 64`, `# <age>: 81  <sex>: M`), where data
sets put them; so do the name, patient and statements that our own writer puts there.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, date_of, sex_of, years
from ccta_lib.cohort.recording import Ecg, arrange
from ccta_lib.errors import WaveformError

MOST_HEADER_BYTES = 2**20
_RECORD_NAME = re.compile(r"[\w.-]+(/\d+)?")
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_FORMAT = re.compile(r"\d+(?:x\d+)?(?::\d+)?(?:\+\d+)?", re.ASCII)
_GAIN = re.compile(r"(-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(-?\d+\))?(?:/\S+)?", re.ASCII)
_GAINS = (1e-6, 1e12)  # steps per unit
_COMMENT = re.compile(r"<?(age|sex)>?\s*:\s*([^<\s]+)", re.IGNORECASE)
_LINE = re.compile(
    r"#\s*(patient id|patient name|birth date|recording id|statement)\s*:\s*(.+)", re.IGNORECASE
)
# wfdb meets a broken header with whatever its parsing stumbles over; it all means the same to a reader.
_STUMBLES = (ValueError, LookupError, TypeError, AttributeError, OSError, ArithmeticError, MemoryError)


def matches(path: Path, head: bytes) -> bool:
    """Whether the first bytes are a WFDB record line."""
    if b"\0" in head:
        return False
    fields = _record_line(head.decode("latin-1"))
    return len(fields) >= 2 and bool(_RECORD_NAME.fullmatch(fields[0])) and fields[1].isdigit()


def _record_line(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return next((line.split() for line in lines if line and not line.startswith("#")), [])


def _text(path: Path) -> str:
    """Return the header as text; wfdb itself drops letters that are not ASCII from comments."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _header(path: Path) -> Any:
    size = path.stat().st_size
    if size > MOST_HEADER_BYTES:
        raise WaveformError(f"{path}: WFDB header of {size} bytes; at most {MOST_HEADER_BYTES} are read")
    try:
        header = wfdb.rdheader(str(path.with_suffix("").absolute()))
    except _STUMBLES as error:
        raise WaveformError(f"{path}: not a readable WFDB header ({error})") from error
    _check_lines(path, header)
    return header


def _check_lines(path: Path, header: Any) -> None:
    """Compare the header's own words with what wfdb made of them: where it cannot read on, it takes its defaults.

    Of `r 12 nan 5000` it makes 250 Hz, of a gain of `x` 200 steps per millivolt, and says nothing.
    """
    lines = [
        line.split()
        for line in _text(path).splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    first, signals = lines[0], lines[1:]
    stated = re.split(r"[/(]", first[2])[0] if len(first) > 2 else None
    if stated is not None and (not _NUMBER.fullmatch(stated) or float(stated) != header.fs):
        raise WaveformError(f"{path}: sampling rate {first[2][:40]!r}; expected samples a second")
    if len(first) > 3 and (not first[3].isdecimal() or int(first[3]) != (header.sig_len or 0)):
        raise WaveformError(f"{path}: {first[3][:40]!r} samples; expected how many there are")
    if isinstance(header, wfdb.MultiRecord):
        return
    for number, fields in enumerate(signals[: header.n_sig or 0], start=1):
        gain = _GAIN.fullmatch(fields[2]) if len(fields) > 2 else None
        if gain is None or not _GAINS[0] <= abs(float(gain[1])) <= _GAINS[1]:
            said = fields[2][:40] if len(fields) > 2 else "none"
            raise WaveformError(f"{path}: gain of signal {number}: found {said!r}; expected steps per unit, such as "
                                "1000/mV, for a guess is no voltage")  # fmt: skip
        if not _FORMAT.fullmatch(fields[1]) or not all(_WHOLE.fullmatch(f) for f in fields[3:8]):
            raise WaveformError(f"{path}: signal {number} is described by {' '.join(fields[1:8])[:80]!r}; expected a "
                                "format, a gain and whole numbers")  # fmt: skip


def files(path: Path) -> list[Path]:
    """Return the header, and every file it names."""
    return _files(path, _header(path), depth=0)


def _files(path: Path, header: Any, *, depth: int) -> list[Path]:
    if isinstance(header, wfdb.MultiRecord):
        if depth:
            raise WaveformError(f"{path}: a segment that has segments itself; expected one level")
        segments = sorted({f"{name}.hea" for name in header.seg_name if name != "~"})
        parts = [path.parent / name for name in segments]
        _require(path, parts)
        return [path, *(f for part in parts for f in _files(part, _header(part), depth=1))]
    if header.sig_len is not None:
        check_size(path, max(header.n_sig or 0, 1), header.sig_len)
    parts = [path.parent / name for name in dict.fromkeys(header.file_name or [])]
    _require(path, parts)
    return [path, *parts]


def _require(path: Path, parts: list[Path]) -> None:
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise WaveformError(f"{path}: names {', '.join(missing)}, which is not beside it")


def _record(path: Path, header: Any) -> Any:
    """Read the samples, and compare them with the checksums that the header states."""
    name = str(path.with_suffix("").absolute())
    if isinstance(header, wfdb.MultiRecord) or any(n != 1 for n in header.samps_per_frame or ()):
        return wfdb.rdrecord(name)
    record = wfdb.rdrecord(name, physical=False)
    if record.d_signal is None:
        return record
    stated = record.checksum or [None] * record.n_sig
    sums = record.d_signal.sum(axis=0, dtype=np.int64) % 2**16
    # 0 is what programs write that compute none.
    wrong = [lead for lead, said, found in zip(record.sig_name, stated, sums, strict=True)
             if said and said % 2**16 != found]  # fmt: skip
    if wrong:
        raise WaveformError(f"{path}: the checksum of {', '.join(map(str, wrong))} does not fit the samples; the "
                            "record was damaged or edited, export it again")  # fmt: skip
    record.p_signal = record.dac()
    return record


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a record; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "a WFDB record")
    header = _header(path)
    _files(path, header, depth=0)
    if header.sig_len is not None:
        check_size(path, max(header.n_sig or 0, 1), header.sig_len)
    try:
        record = _record(path, header)
    except _STUMBLES as error:
        raise WaveformError(f"{path}: the signals cannot be read ({error})") from error
    # wfdb fills in 250 Hz where the header has no rate; a guess is not a rate.
    text = _text(path)
    says_rate = len(_record_line(text)) >= 3
    rate = agreed_rate(path, stated, float(record.fs) if says_rate else None)
    if record.p_signal is None:
        raise WaveformError(f"{path}: holds no signal")
    signal = arrange(record.p_signal.T, record.sig_name, record.units, source=str(path))
    start = None
    if record.base_date is not None and record.base_time is not None:
        start = datetime.combine(record.base_date, record.base_time)
    comments = [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]
    said = [(m[1].lower(), clean(m[2])) for line in comments for m in _COMMENT.finditer(line)]
    said += [(m[1].lower(), clean(m[2])) for line in comments if (m := _LINE.fullmatch(line))]
    first = dict(reversed(said))
    return Ecg(
        signal=signal,
        sampling_hz=rate,
        time=start,
        patient_id=first.get("patient id"),
        patient_name=first.get("patient name"),
        birth_date=date_of(first.get("birth date")),
        age=years(first.get("age")),
        sex=sex_of(first.get("sex")),
        statements=tuple(text for name, text in said if name == "statement" and text),
        recording_id=first.get("recording id") or clean(record.record_name),
    )
