"""Philips Sierra XML (restingecgdata) 1.03, 1.04, 1.04.01 and 1.04.02: compressed (XLI) or plain samples.

- In XLI data III, aVR, aVL and aVF are what is left over after Einthoven's and Goldberger's relations, and are put
  back together. Uncompressed data hold either leads or such remainders; which of the two is told from the data.
- millivolt = (sample - signaloffset) x resolution in microvolt.
- The machine prints a calibration pulse behind the ECG and stores it: the stretch at the end in which all leads are
  the same is cut off, since it is not the patient's (11 s become 10.6 s).
- Statements come from the latest interpretation, its severity first. Representative beats are never read.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ccta_lib.cohort.formats import xli
from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, date_of, moment, number, samples, sex_of, whole, years
from ccta_lib.cohort.formats.safe_xml import find_text, parse_xml, root_name
from ccta_lib.cohort.recording import Ecg, arrange
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS

VERSIONS = ("1.03", "1.04", "1.04.01", "1.04.02")
_STANDARD = {"STD-12", "10-WIRE"}
_REMAINDER_LSB = 4  # rounding of three stored leads leaves at most this much
_PULSE_SECONDS = 0.1  # twelve leads may agree by chance for a sample or two, not longer
_MOST = 0.8  # of the samples: the pulse at the end does not obey Einthoven's relation


def matches(path: Path, head: bytes) -> bool:
    """Whether the root element is Philips'."""
    return root_name(head) == "restingecgdata"


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a recording; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "a Sierra file")
    root = parse_xml(path)
    version = find_text(root, "documentinfo/documentversion")
    if version not in VERSIONS:
        raise WaveformError(
            f"{path}: Sierra XML of version {version or 'unknown'}; read are {', '.join(VERSIONS)}"
        )
    signal = root.find("dataacquisition/signalcharacteristics")
    waveforms = root.find("waveforms/parsedwaveforms")
    if signal is None or waveforms is None:
        raise WaveformError(f"{path}: holds no parsedwaveforms with signalcharacteristics; "
                            "export the recording with its waveforms")  # fmt: skip
    hz = number(path, "samplingrate", waveforms.get("samplespersecond") or find_text(signal, "samplingrate"),
                low=1, high=1e5)  # fmt: skip
    rate = agreed_rate(path, stated, hz)
    resolution = number(path, "resolution", waveforms.get("resolution") or find_text(signal, "resolution")
                        or find_text(signal, "signalresolution"), low=1e-3, high=1e4)  # fmt: skip
    offset = number(path, "signaloffset", waveforms.get("signaloffset") or find_text(signal, "signaloffset") or "0",
                    low=-(2**31), high=2**31)  # fmt: skip
    names = _names(path, signal, waveforms)
    duration = number(path, "durationperchannel", waveforms.get("durationperchannel"), low=1, high=1e8)
    length = round(duration * hz / 1000)
    check_size(path, len(names), length)
    stored, compressed = _stored(path, signal, waveforms, len(names), length)
    channels = _without_pulse(_whole_leads(path, stored, names, compressed) - offset, hz)
    millivolt = arrange(channels * resolution, names, ["uV"] * len(names), source=str(path), derive=True)
    return Ecg(signal=millivolt, sampling_hz=rate, **_said(path, root))


def _names(path: Path, signal: Element, waveforms: Element) -> list[str]:
    labels = (waveforms.get("leadlabels") or "").split()
    if labels:
        count = whole(
            path, "numberofleads", waveforms.get("numberofleads") or str(len(labels)), low=1, high=64
        )
        if len(labels) < count:
            raise WaveformError(f"{path}: declares {count} leads and names {len(labels)}; export it again")
        return labels[:count]
    kind = find_text(signal, "acquisitiontype") or find_text(signal, "leadset")
    count = whole(path, "numberchannelsallocated", find_text(signal, "numberchannelsallocated") or "12",
                  low=1, high=64)  # fmt: skip
    if kind not in _STANDARD or count < len(LEADS):
        raise WaveformError(
            f"{path}: {count} channels of kind {kind!r} without names; a 12-lead recording is needed"
        )
    return [*LEADS, *(f"channel {i + 1}" for i in range(len(LEADS), count))]


def _stored(
    path: Path, signal: Element, waveforms: Element, leads: int, length: int
) -> tuple[np.ndarray, bool]:
    """Return the numbers as stored (leads, samples), and whether they were compressed."""
    method = waveforms.get("compressmethod") or waveforms.get("compression") or "Uncompressed"
    compressed = (
        method.lower() not in {"uncompressed", "none"} and waveforms.get("compressflag", "True") != "False"
    )
    encoding = (waveforms.get("dataencoding") or "").lower()
    text = waveforms.text or ""
    if encoding == "plain" and not compressed:
        values = samples(path, "parsedwaveforms", text.replace(",", " "))
        return _split(path, values, leads, length), False
    try:
        if encoding == "base64":
            data = base64.b64decode("".join(text.split()), validate=True)
        elif encoding == "hex":
            data = bytes.fromhex("".join(text.split()))
        else:
            raise WaveformError(
                f"{path}: waveforms in encoding {encoding or 'none'!r}; read are Base64, Hex, Plain"
            )
    except (binascii.Error, ValueError) as error:
        raise WaveformError(f"{path}: its waveforms are not {encoding} ({error}); export it again") from error
    if compressed:
        if method.upper() != "XLI":
            raise WaveformError(
                f"{path}: waveforms compressed by {method!r}; XLI is read, or uncompressed data"
            )
        try:
            return xli.decode(data, leads, length), True
        except xli.XliError as error:
            raise WaveformError(
                f"{path}: its compressed waveforms are damaged ({error}); export it again"
            ) from error
    bits = whole(path, "bitspersample", waveforms.get("bitspersample") or waveforms.get("nbitspersample")
                 or find_text(signal, "bitspersample") or "16", low=1, high=64)  # fmt: skip
    signed = (waveforms.get("signalsigned") or find_text(signal, "signalsigned") or "True").lower() == "true"
    if bits != 16 or len(data) % 2:
        raise WaveformError(
            f"{path}: {len(data)} bytes of uncompressed samples of {bits} bits; expected 16 bits"
        )
    return _split(path, np.frombuffer(data, dtype="<i2" if signed else "<u2"), leads, length), False


def _split(path: Path, values: np.ndarray, leads: int, length: int) -> np.ndarray:
    if values.size != leads * length:
        raise WaveformError(f"{path}: declares {leads} leads of {length} samples and holds {values.size} values; "
                            "the file is damaged, export it again")  # fmt: skip
    return values.reshape(leads, length).astype(np.float64)


def _whole_leads(path: Path, stored: np.ndarray, names: list[str], compressed: bool) -> np.ndarray:
    """Put III, aVR, aVL and aVF back together where only remainders of them are stored."""
    if tuple(names[:6]) != LEADS[:6]:
        if compressed:
            raise WaveformError(f"{path}: compressed leads {' '.join(names)}; expected them in the order of Sierra, "
                                "I II III aVR aVL aVF first")  # fmt: skip
        return stored
    one, two, three = stored[:3].astype(np.float64)
    if not compressed:
        # Neither fits where I and II are all but flat in sum; then the numbers are what their labels say.
        if np.mean(np.abs(three - (two - one)) <= _REMAINDER_LSB) >= _MOST:
            return stored
        if np.mean(np.abs(three) <= _REMAINDER_LSB) < _MOST:
            raise WaveformError(
                f"{path}: lead III is neither II - I nor what is left of it; export it compressed"
            )
    leads = stored.astype(np.float64)
    leads[2] = two - one - three
    # The machine computes with integers, rounding down.
    leads[3] = -stored[3] - np.floor((one + two) / 2)
    leads[4] = np.floor((one - leads[2]) / 2) - stored[4]
    leads[5] = np.floor((two + leads[2]) / 2) - stored[5]
    return leads


def _without_pulse(channels: np.ndarray, hz: float) -> np.ndarray:
    """Cut off the stretch at the end in which all leads are equal (calibration pulse, or nothing)."""
    differs = np.flatnonzero(np.ptp(channels, axis=0) > 0)
    end = int(differs[-1]) + 1 if differs.size else channels.shape[1]
    return channels[:, :end] if channels.shape[1] - end >= _PULSE_SECONDS * hz else channels


def _said(path: Path, root: Element) -> dict:
    taken = root.find("dataacquisition")
    person = root.find("patient/generalpatientdata")
    when = (taken.get("date"), taken.get("time")) if taken is not None else (None, None)
    names = [clean(find_text(person, f"name/{part}")) for part in ("lastname", "firstname", "middlename")]
    units = {"years": "years", "months": "months", "weeks": "weeks", "days": "days"}
    ages = [years(find_text(person, f"age/{tag}"), unit) for tag, unit in units.items()]
    document = clean(find_text(root, "documentinfo/documentname"))
    return {
        "time": moment(path, "the acquisition time", *when),
        "patient_id": clean(find_text(person, "patientid")),
        "patient_name": ", ".join(filter(None, [names[0], clean(" ".join(filter(None, names[1:])))])) or None,
        "birth_date": date_of(find_text(person, "age/dateofbirth")),
        "age": next((age for age in ages if age is not None), None),
        "sex": sex_of(find_text(person, "sex")),
        "statements": _statements(root),
        "recording_id": document.removesuffix(".xml") if document else None,
    }


def _statements(root: Element) -> tuple[str, ...]:
    readings = root.findall("interpretations/interpretation")
    if not readings:
        return ()
    latest = max(readings, key=lambda reading: (reading.get("date") or "", reading.get("time") or ""))
    lines = [clean(find_text(latest, "severity"))]
    for statement in latest.iterfind("statement"):
        parts = (find_text(statement, "leftstatement"), find_text(statement, "rightstatement"))
        lines.append(clean(" ".join(filter(None, parts))))
    return tuple(filter(None, lines))
