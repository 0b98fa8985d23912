"""HL7 annotated ECG (AnnotatedECG, urn:hl7-org:v3), as the FDA takes it, with or without namespace prefixes.

This reader follows the implementation guide of 2005; the tests compare it with `ecgdatakit`.

- The series RHYTHM is read, never a derived series (representative beats). Of several, the first with all leads.
- A lead is a SLIST_PQ: millivolt = origin + digits x scale, each in its own unit. Time is the increment of a GLIST_TS
  or GLIST_PQ. III, aVR, aVL and aVF are computed where they are not stored.
- Statements are the annotations of rhythm and interpretation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ccta_lib.cohort.formats.base import agreed_rate, check_size, refuse_row
from ccta_lib.cohort.formats.fields import clean, compact_moment, date_of, number, samples, sex_of, years
from ccta_lib.cohort.formats.safe_xml import find_text, parse_xml, root_name
from ccta_lib.cohort.recording import DERIVED_LEADS, Ecg, arrange, lead_name, millivolt_per
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0}
_AGE_CODES = {"21612-7", "30525-0"}  # LOINC: reported age, age
_STORED = {lead for lead in LEADS if lead not in DERIVED_LEADS}


def matches(path: Path, head: bytes) -> bool:
    """Whether the root element is that of an annotated ECG."""
    return root_name(head) == "AnnotatedECG"


def read(path: Path, stated: float | None, row: int | None) -> Ecg:
    """Read a recording; see `ccta_lib.cohort.read_ecg`."""
    refuse_row(path, row, "an aECG file")
    root = parse_xml(path)
    series, sequences = _rhythm(path, root)
    seconds = _increment(path, sequences)
    leads = [(code, value) for code, value in sequences if lead_name(code)]
    signals = [_lead(path, code, value) for code, value in leads]
    lengths = sorted({len(s) for s in signals})
    if len(lengths) > 1:
        raise WaveformError(
            f"{path}: its leads have {', '.join(map(str, lengths))} samples; expected one length"
        )
    check_size(path, len(signals), lengths[0])
    names = [code for code, _ in leads]
    signal = arrange(np.stack(signals), names, ["mV"] * len(names), source=str(path), derive=True)
    return Ecg(signal=signal, sampling_hz=agreed_rate(path, stated, 1 / seconds), **_said(path, root, series))


def _rhythm(path: Path, root: Element) -> tuple[Element, list[tuple[str, Element]]]:
    """Return the first rhythm series with all leads, and the sequences (code, value) of its first full set."""
    series = [s for s in root.iterfind("component/series") if _code(s) in {"RHYTHM", None}]
    if not series:
        kinds = ", ".join(_code(s) or "?" for s in root.iter("series")) or "none"
        raise WaveformError(
            f"{path}: holds no RHYTHM series (series: {kinds}); export the recording, not its beats"
        )
    best: set[str] = set()
    for one in series:
        for group in one.iterfind("component/sequenceSet"):
            sequences = list(_sequences(group))
            there = {lead for code, _ in sequences if (lead := lead_name(code))}
            if there >= _STORED:
                return one, sequences
            best = max(best, there, key=len)
    raise WaveformError(f"{path}: no rhythm series holds {', '.join(sorted(_STORED))} at one time (at most "
                        f"{', '.join(sorted(best)) or 'none'}); a 12-lead recording is needed")  # fmt: skip


def _code(element: Element) -> str | None:
    code = element.find("code")
    return code.get("code") if code is not None else None


def _sequences(group: Element) -> Iterator[tuple[str, Element]]:
    for sequence in group.iterfind("component/sequence"):
        value = sequence.find("value")
        if value is not None:
            yield _code(sequence) or "", value


def _increment(path: Path, sequences: list[tuple[str, Element]]) -> float:
    for code, value in sequences:
        increment = value.find("increment")
        if code.startswith("TIME") and increment is not None:
            unit = (increment.get("unit") or "").strip()
            if unit not in _SECONDS:
                raise WaveformError(f"{path}: time increment in unit {unit!r}; expected s, ms or us")
            step = (
                number(path, "the time increment", increment.get("value"), low=1e-9, high=1e9)
                * _SECONDS[unit]
            )
            if not 1e-5 <= step <= 1:
                raise WaveformError(f"{path}: time increment of {step:g} s; expected 0.00001 to 1 s")
            return step
    raise WaveformError(f"{path}: its rhythm has no time sequence with an increment; the rate is unknown")


def _lead(path: Path, code: str, value: Element) -> np.ndarray:
    """Return one lead in millivolt."""
    amounts = []
    for part, low, absent in (("origin", -1e12, "0"), ("scale", 1e-12, None)):
        element = value.find(part)
        text = element.get("value") if element is not None else absent
        amount = number(path, f"{part} of {code}", text, low=low, high=1e12)
        unit = element.get("unit") if element is not None else "mV"
        factor = millivolt_per(unit or "")
        if factor is None:
            raise WaveformError(f"{path}: {part} of {code} is in unit {unit!r}; expected V, mV, uV or nV")
        amounts.append(amount * factor)
    return amounts[0] + samples(path, f"digits of {code}", value.findtext("digits")) * amounts[1]


def _said(path: Path, root: Element, series: Element) -> dict:
    subject = next(root.iter("trialSubject"), None)
    person = subject.find("subjectDemographicPerson") if subject is not None else None
    identity = root.find("id")
    birth = _value(person, "birthTime")
    return {
        "time": _time(path, root, series),
        "patient_id": _identifier(subject.find("id") if subject is not None else None),
        "patient_name": _name(person),
        "birth_date": date_of(birth[:8]) if birth and len(birth) >= 8 else None,
        "age": _age(root, person),
        "sex": sex_of(_value(person, "administrativeGenderCode", "code")),
        "statements": tuple(dict.fromkeys(_statements(series))),
        "recording_id": _identifier(identity),
    }


def _value(element: Element | None, where: str, attribute: str = "value") -> str | None:
    found = element.find(where) if element is not None else None
    return found.get(attribute) if found is not None else None


def _identifier(element: Element | None) -> str | None:
    """Return the extension of an instance identifier, else its root."""
    return clean(element.get("extension") or element.get("root")) if element is not None else None


def _time(path: Path, root: Element, series: Element) -> datetime | None:
    for element in (series, root):
        for where in ("effectiveTime/low", "effectiveTime/center", "effectiveTime"):
            if text := _value(element, where):
                return compact_moment(path, "the time of the recording", text)
    return None


def _name(person: Element | None) -> str | None:
    name = person.find("name") if person is not None else None
    if name is None:
        return None
    family, given = clean(find_text(name, "family")), clean(find_text(name, "given"))
    return ", ".join(filter(None, [family, given])) or clean("".join(name.itertext()))


def _age(root: Element, person: Element | None) -> float | None:
    said = person.find("age") if person is not None else None
    if said is not None:
        return years(said.get("value"), said.get("unit"))
    for observation in root.iter("relatedObservation"):
        value = observation.find("value")
        if _code(observation) in _AGE_CODES and value is not None:
            return years(value.get("value"), value.get("unit"))
    return None


def _statements(series: Element) -> Iterator[str]:
    for annotation in series.iter("annotation"):
        code, value = _code(annotation) or "", annotation.find("value")
        if value is None or not code.startswith(("MDC_ECG_INTERPRETATION", "MDC_ECG_RHY")):
            continue
        text = clean(value.text) or clean(value.get("displayName")) or clean(value.get("value"))
        if text:
            yield text
