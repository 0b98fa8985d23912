"""GE CardioSoft and CASE XML (CardiologyXML): decimal numbers separated by commas, with a resolution.

No maintained reader on PyPI was found in November 2026; this one follows the layout that GE publishes in the CardioSoft
operator manual.

- `StripData` (a lead each) is read, else `FullDisclosure` (sample by sample, the leads in LeadOrder); never
  `MedianSamples`. Of several strips, the first with all leads.
- millivolt = sample x Resolution. III, aVR, aVL and aVF are computed where they are not stored.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, moment, number, samples, sex_of, whole, years
from ccta_lib.cohort.formats.safe_xml import find_text, parse_xml, root_name
from ccta_lib.cohort.recording import DERIVED_LEADS, Ecg, arrange, lead_name
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS

_STORED = {lead for lead in LEADS if lead not in DERIVED_LEADS}
_UNITS = {"uvperlsb": "uV", "mvperlsb": "mV", "nvperlsb": "nV"}


def matches(path: Path, head: bytes) -> bool:
    """Whether the root element is CardioSoft's."""
    return root_name(head) == "CardiologyXML"


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a recording; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "a CardioSoft file")
    root = parse_xml(path)
    strips = root.findall("StripData")
    full = root.find("FullDisclosure")
    whole_strip = next((s for s in strips if _leads_of(s) >= _STORED), None)
    if whole_strip is not None:
        block, names, channels = whole_strip, *_strip(path, whole_strip)
    elif full is not None:
        block, names, channels = full, *_disclosure(path, full)
    elif strips:
        there = ", ".join(sorted(_leads_of(strips[0]))) or "none"
        raise WaveformError(
            f"{path}: no StripData holds all leads (the first: {there}); a 12-lead recording is needed"
        )
    else:
        raise WaveformError(
            f"{path}: holds neither StripData nor FullDisclosure; export it with its waveforms"
        )
    rate_of = block.find("SampleRate")
    if rate_of is not None and (rate_of.get("units") or "Hz").lower() != "hz":
        raise WaveformError(f"{path}: SampleRate in {rate_of.get('units')!r}; expected Hz")
    rate = number(path, "SampleRate", find_text(block, "SampleRate"), low=1, high=1e5)
    resolution = block.find("Resolution")
    named = (resolution.get("units") or "") if resolution is not None else ""
    unit = _UNITS.get(named.strip().lower())
    if resolution is not None and unit is None:
        raise WaveformError(f"{path}: Resolution in {named!r}; expected uVperLsb")
    step = number(path, "Resolution", find_text(block, "Resolution"), low=1e-6, high=1e6)
    signal = arrange(channels * step, names, [unit] * len(names), source=str(path), derive=True)
    return Ecg(signal=signal, sampling_hz=agreed_rate(path, stated, rate), **_said(path, root))


def _leads_of(strip: Element) -> set[str]:
    return {lead for w in strip.iterfind("WaveformData") if (lead := lead_name(w.get("lead") or ""))}


def _strip(path: Path, strip: Element) -> tuple[list[str], np.ndarray]:
    waves = [w for w in strip.iterfind("WaveformData") if lead_name(w.get("lead") or "")]
    names = [w.get("lead") or "" for w in waves]
    leads = [samples(path, f"WaveformData of {n}", w.text, ",") for n, w in zip(names, waves, strict=True)]
    said = find_text(strip, "ChannelSampleCountTotal")
    lengths = {len(values) for values in leads}
    if said is not None:
        lengths.add(whole(path, "ChannelSampleCountTotal", said, low=1, high=10**8))
    if len(lengths) > 1:
        raise WaveformError(f"{path}: its leads have {', '.join(map(str, sorted(lengths)))} samples, declared or held; "
                            "the file is damaged, export it again")  # fmt: skip
    check_size(path, len(leads), lengths.pop())
    return names, np.stack(leads)


def _disclosure(path: Path, full: Element) -> tuple[list[str], np.ndarray]:
    names = [name.strip() for name in (find_text(full, "LeadOrder") or "").split(",") if name.strip()]
    count = whole(
        path, "NumberOfChannels", find_text(full, "NumberOfChannels") or str(len(names)), low=1, high=64
    )
    values = samples(path, "FullDisclosureData", full.findtext("FullDisclosureData"), ",")
    if len(names) != count or values.size % count:
        raise WaveformError(f"{path}: FullDisclosure of {count} channels names {len(names)} leads and holds "
                            f"{values.size} values; the file is damaged, export it again")  # fmt: skip
    check_size(path, count, values.size // count)
    return names, values.reshape(-1, count).T


def _said(path: Path, root: Element) -> dict:
    person = root.find("PatientInfo")
    age = person.find("Age") if person is not None else None
    names = [clean(find_text(person, f"Name/{part}")) for part in ("FamilyName", "GivenName")]
    birth = _date(person, "BirthDateTime")
    texts = root.findall("Interpretation/Diagnosis/DiagnosisText") or root.findall(
        "Interpretation/DiagnosisText"
    )
    return {
        "time": _time(path, root),
        "patient_id": clean(find_text(person, "PID")),
        "patient_name": ", ".join(filter(None, names)) or None,
        "birth_date": birth,
        "age": years(age.text, age.get("units")) if age is not None else None,
        "sex": sex_of(find_text(person, "Gender")),
        "statements": tuple(filter(None, (clean(text.text) for text in texts))),
        "recording_id": clean(find_text(root, "UID/DICOMStudyUID")),
    }


def _parts(element: Element | None, where: str, tags: tuple[str, ...]) -> list[str | None]:
    return [find_text(element, f"{where}/{tag}") for tag in tags]


def _date(element: Element | None, where: str) -> date | None:
    year, month, day = _parts(element, where, ("Year", "Month", "Day"))
    try:
        return date(int(year or ""), int(month or ""), int(day or ""))
    except (ValueError, OverflowError):
        return None


def _time(path: Path, root: Element) -> datetime | None:
    year, month, day = _parts(root, "ObservationDateTime", ("Year", "Month", "Day"))
    hour, minute, second = _parts(root, "ObservationDateTime", ("Hour", "Minute", "Second"))
    if year is None:
        return None
    clock = f"{hour or 0:0>2}:{minute or 0:0>2}:{second or 0:0>2}"
    return moment(path, "ObservationDateTime", f"{year}-{month}-{day}", clock)
