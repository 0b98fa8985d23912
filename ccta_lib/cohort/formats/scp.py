"""SCP-ECG (EN 1064, ISO 11073-91064), decoded by `ecgdatakit`.

Judged in November 2026: `ecgdatakit` (Apache-2.0, version 2.0.3 of October 2026) undoes Huffman codes, differences and
reference beat subtraction, and refuses what it cannot (bimodal compression, long-term rhythm). `biosig` needs a C
library built on the user's machine. It is imported only for this format
and installed by itself, since it weighs 49 MB; without it such a file is refused by itself, and a build goes on.

- Refused besides: a checksum that does not fit, an amplitude multiplier of 0, and leads without a sample in common.
- A lead that begins later or ends earlier than the others is NaN there. III, aVR, aVL and aVF are computed where
  they are not stored. Reference beats are never read as the recording.
"""

from __future__ import annotations

import struct
import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, sex_of
from ccta_lib.cohort.recording import Ecg, arrange, lead_name
from ccta_lib.errors import WaveformError

MOST_BYTES = 16 * 2**20
_STUMBLES = (ValueError, LookupError, TypeError, AttributeError, OSError, ArithmeticError, EOFError, MemoryError,
             struct.error, Warning)  # fmt: skip


def matches(path: Path, head: bytes) -> bool:
    """Whether section 0 bears the name that EN 1064 gives it."""
    return head[16:22] == b"SCPECG"


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a recording; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "an SCP-ECG file")
    _bound(path)
    try:
        from ecgdatakit.exceptions import ChecksumWarning, ECGDataKitError
        from ecgdatakit.parsing.parsers.scp_ecg import SCPECGParser
    except ImportError as error:
        raise WaveformError(
            f"{path}: SCP-ECG, for which ecgdatakit is needed: pip install ecgdatakit"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", ChecksumWarning)
            record = SCPECGParser().parse(path)
            leads = [lead for lead in record.leads if lead_name(lead.label)]
            rates = sorted({float(lead.sampling_rate) for lead in leads})
            starts = [int(lead.annotations.get("start_sample", 1)) for lead in leads]
            values = [np.asarray(lead.samples, dtype=np.float64) * _microvolt(lead) for lead in leads]
            said = _said(record)
    except (*_STUMBLES, ECGDataKitError) as error:
        raise WaveformError(
            f"{path}: not a readable SCP-ECG file ({str(error) or type(error).__name__})"
        ) from error
    if len(rates) > 1:
        raise WaveformError(
            f"{path}: its leads are sampled at {', '.join(f'{r:g}' for r in rates)} Hz; expected one"
        )
    first, last = (
        min(starts, default=1),
        max((s + len(v) for s, v in zip(starts, values, strict=True)), default=1),
    )
    names = [lead.label for lead in leads] or [lead.label for lead in record.leads]
    channels = np.full((len(names), last - first), np.nan)
    for channel, start, samples in zip(channels, starts, values, strict=False):
        channel[start - first : start - first + len(samples)] = samples
    signal = arrange(channels, names, ["uV"] * len(names), source=str(path), derive=True)
    check_size(path, *signal.shape)
    if not np.isfinite(signal).all(axis=0).any():
        raise WaveformError(
            f"{path}: its leads were recorded one after another; twelve leads of one moment are needed"
        )
    return Ecg(signal=signal, sampling_hz=agreed_rate(path, stated, rates[0]), **said)


def _bound(path: Path) -> None:
    """Compare the samples that section 3 declares with what a resting ECG has, before anything is unpacked."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise WaveformError(
            f"{path}: SCP-ECG of {size} bytes; at most {MOST_BYTES} are read, an ECG has far fewer"
        )
    data = path.read_bytes()
    pointers = range(22, min(6 + int.from_bytes(data[10:14], "little"), len(data)) - 9, 10)
    for section, _, index in (struct.unpack_from("<HII", data, at) for at in pointers):
        if section == 3 and 0 < index <= len(data) - 17:
            leads = data[index + 15]
            body = data[index + 17 : index + 17 + 9 * leads]
            for at in range(0, len(body) - 8, 9):
                start, end = struct.unpack_from("<II", body, at)
                check_size(path, leads, max(end - min(start, end) + 1, end))


def _microvolt(lead: Any) -> float:
    if lead.resolution_unit != "uV" or not lead.resolution > 0:
        raise ValueError(f"lead {lead.label} has no amplitude multiplier")
    return float(lead.resolution) if lead.is_raw else 1.0


def _said(record: Any) -> dict:
    person, when = record.patient, record.recording.date
    born = person.birth_date
    statements = [clean(" ".join(filter(None, parts))) for parts in record.interpretation.statements]
    return {
        "time": when.replace(tzinfo=None) if isinstance(when, datetime) else None,
        "patient_id": clean(person.patient_id),
        "patient_name": ", ".join(filter(None, map(clean, (person.last_name, person.first_name)))) or None,
        "birth_date": born.date() if isinstance(born, datetime) else born if isinstance(born, date) else None,
        "age": None if person.age is None else float(person.age),
        "sex": sex_of(person.sex),
        "statements": tuple(filter(None, statements)),
    }
