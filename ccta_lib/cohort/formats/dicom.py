"""DICOM waveforms (12-lead, general and ambulatory ECG), parsed by `pydicom`, which also decodes character sets.

- The ORIGINAL multiplex group with all leads is read, the one labelled rhythm first, never a DERIVED one (median
  beats). Groups that hold different leads of one moment are put together; leads taken one after another are refused.
- millivolt = (sample x ChannelSensitivity x correction factor + ChannelBaseline), in the sensitivity's unit.
- A channel is known by its code (SCP-ECG or MDC), or by its meaning or label; where they contradict, it is refused.
- Samples equal to WaveformPaddingValue are NaN. III, aVR, aVL and aVF are computed where they are not stored.
- Not read: compressed audio encodings (mu-law) and deflated transfer syntax.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, compact_moment, date_of, number, sex_of, years
from ccta_lib.cohort.recording import DERIVED_LEADS, Ecg, arrange, lead_name
from ccta_lib.errors import MissingExtraError, WaveformError
from ccta_lib.schema import LEADS

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_BYTES = 128 * 2**20
_DEFLATED = "1.2.840.10008.1.2.1.99"
_STORED = {lead for lead in LEADS if lead not in DERIVED_LEADS}
# DICOM PS3.16: CID 3001 by SCP-ECG codes 5.6.3-9-n and by MDC codes 2:n.
_BY_NUMBER = {
    1: "I",
    2: "II",
    **{i + 2: f"V{i}" for i in range(1, 7)},
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
}
_BY_CODE = {f"{prefix}{n}": lead for prefix in ("5.6.3-9-", "2:") for n, lead in _BY_NUMBER.items()}
_TYPES = {
    ("SS", 16): "i2",
    ("US", 16): "u2",
    ("SB", 8): "i1",
    ("UB", 8): "u1",
    ("SL", 32): "i4",
    ("UL", 32): "u4",
}
# pydicom meets a broken file with whatever its parsing stumbles over.
_STUMBLES = (ValueError, LookupError, TypeError, AttributeError, OSError, ArithmeticError, EOFError, MemoryError,
             NotImplementedError, RecursionError, struct.error)  # fmt: skip


def matches(path: Path, head: bytes) -> bool:
    """Whether there is a DICOM preamble, or a data set that begins with group 0008."""
    if head[128:132] == b"DICM":
        return True
    vr_or_length = head[4:8]
    plausible = vr_or_length[:2].isalpha() or int.from_bytes(vr_or_length, "little") <= 64
    return len(head) >= 8 and head[:2] == b"\x08\x00" and head[3] == 0 and plausible


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a recording; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "a DICOM file")
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtraError("reading DICOM needs pydicom: pip install 'ccta-lib[exports]'") from error
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise WaveformError(
            f"{path}: DICOM of {size} bytes; at most {MOST_BYTES} are read, an ECG has far fewer"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of values that break a rule of DICOM, many of which real exports break
            dataset = _dataset(path)
            groups = _groups(path, dataset)
            hz = number(
                path, "SamplingFrequency", str(groups[0].get("SamplingFrequency", "")), low=1, high=1e6
            )
            parts = [_channels(path, dataset, group) for group in groups]
            said = _said(path, dataset)
    except (*_STUMBLES, pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise WaveformError(f"{path}: not a readable DICOM file ({detail})") from error
    names = [name for _, names, _ in parts for name in names]
    units = [unit for _, _, units in parts for unit in units]
    signal = arrange(
        np.concatenate([values for values, _, _ in parts]), names, units, source=str(path), derive=True
    )
    return Ecg(signal=signal, sampling_hz=agreed_rate(path, stated, hz), **said)


def _dataset(path: Path) -> Dataset:
    import pydicom

    with open(path, "rb") as stream:
        preamble = stream.read(132)[128:] == b"DICM"
    if (
        preamble
        and str(pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID", "")) == _DEFLATED
    ):
        raise WaveformError(
            f"{path}: DICOM with deflated transfer syntax; convert it to explicit little endian"
        )
    return pydicom.dcmread(path, force=True)


def _groups(path: Path, dataset: Dataset) -> list[Dataset]:
    """Choose the multiplex groups that together are the recording."""
    sequence = dataset.get("WaveformSequence")
    if not sequence:
        kind = dataset.get("SOPClassUID")
        raise WaveformError(f"{path}: DICOM without waveforms ({getattr(kind, 'name', None) or 'no SOP class'}); "
                            "give the ECG's waveform object")  # fmt: skip
    original = [g for g in sequence if str(g.get("WaveformOriginality", "ORIGINAL")).upper() == "ORIGINAL"]
    if not original:
        raise WaveformError(f"{path}: holds derived waveforms only (median beats); give the recording itself")
    full = [g for g in original if set(_names(path, g)) >= _STORED]
    if full:
        return [
            max(full, key=lambda g: ("RHYTHM" in str(g.get("MultiplexGroupLabel", "")).upper(), _length(g)))
        ]
    moments = {(str(g.get("MultiplexGroupTimeOffset", "") or "0"), str(g.get("SamplingFrequency")), _length(g))
               for g in original}  # fmt: skip
    if len(moments) > 1:
        raise WaveformError(f"{path}: its {len(original)} groups hold different leads at different times; "
                            "twelve leads of one moment are needed")  # fmt: skip
    return original


def _length(group: Dataset) -> int:
    return int(group.get("NumberOfWaveformSamples") or 0)


def _names(path: Path, group: Dataset) -> list[str]:
    return [_name(path, channel) for channel in group.get("ChannelDefinitionSequence") or ()]


def _name(path: Path, channel: Dataset) -> str:
    """Return the lead of a channel, or what it is called if it is none of the twelve."""
    sources: Sequence[Any] = channel.get("ChannelSourceSequence") or ()
    meaning = str(sources[0].get("CodeMeaning", "")) if sources else ""
    by_code = _BY_CODE.get(str(sources[0].get("CodeValue", "")).strip()) if sources else None
    label = str(channel.get("ChannelLabel", "") or "")
    by_name = lead_name(meaning) or lead_name(label)
    if by_code and by_name and by_code != by_name:
        raise WaveformError(f"{path}: a channel is lead {by_code} by its code and {by_name} by its name; "
                            "which it is cannot be told")  # fmt: skip
    return by_code or by_name or meaning or label or "unnamed"


def _channels(path: Path, dataset: Dataset, group: Dataset) -> tuple[np.ndarray, list[str], list[str | None]]:
    """Return the channels of a group in their units (channels, samples), their names and units."""
    n_channels, n_samples = int(group.get("NumberOfWaveformChannels") or 0), _length(group)
    check_size(path, n_channels, n_samples)
    definitions = group.get("ChannelDefinitionSequence") or ()
    if len(definitions) != n_channels:
        raise WaveformError(f"{path}: declares {n_channels} channels and defines {len(definitions)}")
    bits, kind = int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation)
    if (kind, bits) not in _TYPES:
        raise WaveformError(
            f"{path}: samples of kind {kind} with {bits} bits; read are linear 8, 16 and 32 bits"
        )
    # pydicom leaves the samples in the byte order of the file.
    order = "<" if dataset.original_encoding[1] in (True, None) else ">"
    dtype = np.dtype(order + _TYPES[kind, bits])
    data = bytes(group.WaveformData)
    needed = n_channels * n_samples * dtype.itemsize
    if not needed <= len(data) <= needed + 1:  # DICOM pads to an even number of bytes
        raise WaveformError(f"{path}: declares {n_channels} channels of {n_samples} samples and holds {len(data)} "
                            "bytes; the file is damaged, export it again")  # fmt: skip
    raw = np.frombuffer(data[:needed], dtype=dtype).reshape(n_samples, n_channels).T
    values = raw.astype(np.float64)
    padding = group.get("WaveformPaddingValue")
    if padding is not None:
        filler = (
            np.frombuffer(padding[: dtype.itemsize], dtype=dtype)[0]
            if isinstance(padding, bytes)
            else padding
        )
        values[raw == filler] = np.nan
    units: list[str | None] = []
    for values_of_one, channel in zip(values, definitions, strict=True):
        name = _name(path, channel)
        unit = channel.get("ChannelSensitivityUnitsSequence")
        units.append(str(unit[0].CodeValue) if unit else None)
        if lead_name(name):
            gain = _amount(path, channel, "ChannelSensitivity", name)
            factor = _amount(path, channel, "ChannelSensitivityCorrectionFactor", name, absent="1")
            values_of_one *= gain * factor
            values_of_one += _amount(path, channel, "ChannelBaseline", name, absent="0", low=-1e9)
    return values, _names(path, group), units


def _amount(path: Path, channel: Dataset, keyword: str, name: str, *, absent: str | None = None,
            low: float = 1e-9) -> float:  # fmt: skip
    value = channel.get(keyword)
    text = absent if value is None or str(value) == "" else str(value)
    return number(path, f"{keyword} of {name}", text, low=low, high=1e9)


def _said(path: Path, dataset: Dataset) -> dict:
    age = clean(dataset.get("PatientAge"))  # three digits and D, W, M or Y
    when = compact_moment(path, "AcquisitionDateTime", _text(dataset, "AcquisitionDateTime"))
    if when is None:
        day = (
            _text(dataset, "AcquisitionDate") or _text(dataset, "ContentDate") or _text(dataset, "StudyDate")
        )
        hour = (
            _text(dataset, "AcquisitionTime") or _text(dataset, "ContentTime") or _text(dataset, "StudyTime")
        )
        when = compact_moment(path, "the acquisition time", f"{day}{hour or ''}" if day else None)
    notes = [clean(a.get("UnformattedTextValue")) for a in dataset.get("WaveformAnnotationSequence") or ()]
    return {
        "time": when,
        "patient_id": clean(dataset.get("PatientID")),
        "patient_name": clean(
            str(dataset.get("PatientName", "")).strip("^").replace("^", ", ", 1).replace("^", " ")
        ),
        "birth_date": date_of(_text(dataset, "PatientBirthDate")),
        "age": years(age[:-1], age[-1]) if age else None,
        "sex": sex_of(dataset.get("PatientSex")),
        "statements": tuple(dict.fromkeys(filter(None, notes))),
        "recording_id": clean(dataset.get("SOPInstanceUID")),
    }


def _text(dataset: Dataset, keyword: str) -> str | None:
    return clean(dataset.get(keyword))
