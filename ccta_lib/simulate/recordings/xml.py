"""HL7 aECG and CardioSoft XML, and how XML is written at all."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from ccta_lib.cohort.recording import Ecg
from ccta_lib.files import atomic_path
from ccta_lib.schema import LEADS
from ccta_lib.simulate.recordings.digits import STEP_MILLIVOLT, digits

_TYPE = "xsi:type"
_XSI = {"xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance"}


def fill(element: Element, /, **texts: str | None) -> Element:
    """Give an element children with text; an unknown value is an empty child, as exports write it."""
    for tag, text in texts.items():
        SubElement(element, tag).text = text or None
    return element


def save(path: Path, root: Element, *, encoding: str = "", doctype: str = "") -> None:
    """Write a document: in this encoding, or in ISO-8859-1 where its text allows, else in UTF-8."""
    indent(root)
    text = tostring(root, encoding="unicode")
    if not encoding:
        encoding = "ISO-8859-1" if all(ord(c) < 256 for c in text) else "UTF-8"
    lines = [f'<?xml version="1.0" encoding="{encoding}"?>', doctype, text]
    data = "\n".join(filter(None, lines)) + "\n"
    with atomic_path(path, durable=False) as temporary:
        if encoding == "utf-16":
            temporary.write_bytes(b"\xff\xfe" + data.encode("utf-16-le"))
        else:
            temporary.write_bytes(data.encode(encoding))


def write_aecg(path: Path, ecg: Ecg) -> None:
    """Write an annotated ECG with one rhythm series."""
    root = Element("AnnotatedECG", {"xmlns": "urn:hl7-org:v3", **_XSI, "type": "Observation"})
    _identifier(root, ecg.recording_id)
    SubElement(root, "code", code="93000", codeSystem="2.16.840.1.113883.6.12")
    moment = f"{ecg.time:%Y%m%d%H%M%S}.{ecg.time.microsecond // 1000:03d}" if ecg.time else None
    if moment:
        SubElement(SubElement(root, "effectiveTime"), "low", value=moment)
    _subject(root, ecg)
    if ecg.age is not None:
        observation = SubElement(SubElement(root, "controlVariable"), "relatedObservation")
        SubElement(observation, "code", code="21612-7", codeSystem="2.16.840.1.113883.6.1")
        SubElement(observation, "value", {_TYPE: "PQ", "value": f"{ecg.age:g}", "unit": "a"})
    series = SubElement(SubElement(root, "component"), "series")
    SubElement(series, "code", code="RHYTHM", codeSystem="2.16.840.1.113883.5.4")
    if moment:
        SubElement(SubElement(series, "effectiveTime"), "low", value=moment)
    group = SubElement(SubElement(series, "component"), "sequenceSet")
    value = _sequence(group, "TIME_RELATIVE", "2.16.840.1.113883.5.4", "GLIST_PQ")
    SubElement(value, "head", value="0", unit="s")
    SubElement(value, "increment", value=repr(1 / ecg.sampling_hz), unit="s")
    for lead, samples in zip(LEADS, digits(ecg, "aecg"), strict=True):
        value = _sequence(group, f"MDC_ECG_LEAD_{lead.upper()}", "2.16.840.1.113883.6.24", "SLIST_PQ")
        SubElement(value, "origin", value="0", unit="uV")
        SubElement(value, "scale", value=f"{STEP_MILLIVOLT['aecg'] * 1e3:g}", unit="uV")
        SubElement(value, "digits").text = _joined(samples, " ")
    if ecg.statements:
        notes = SubElement(SubElement(series, "subjectOf"), "annotationSet")
        for text in ecg.statements:
            note = SubElement(SubElement(notes, "component"), "annotation")
            SubElement(
                note, "code", code="MDC_ECG_INTERPRETATION_STATEMENT", codeSystem="2.16.840.1.113883.6.24"
            )
            SubElement(note, "value", {_TYPE: "ST"}).text = text
    save(path, root, encoding="UTF-8")


def _subject(root: Element, ecg: Ecg) -> None:
    event = SubElement(SubElement(root, "componentOf"), "timepointEvent")
    assignment = SubElement(SubElement(event, "componentOf"), "subjectAssignment")
    subject = SubElement(SubElement(assignment, "subject"), "trialSubject")
    _identifier(subject, ecg.patient_id)
    person = SubElement(subject, "subjectDemographicPerson")
    SubElement(person, "name").text = ecg.patient_name
    if ecg.sex:
        SubElement(person, "administrativeGenderCode", code=ecg.sex, codeSystem="2.16.840.1.113883.5.1")
    if ecg.birth_date:
        SubElement(person, "birthTime", value=f"{ecg.birth_date:%Y%m%d}")


def _identifier(element: Element, extension: str | None) -> None:
    if extension is not None:
        SubElement(element, "id", root="2.25.0", extension=extension)


def _sequence(group: Element, code: str, system: str, kind: str) -> Element:
    sequence = SubElement(SubElement(group, "component"), "sequence")
    SubElement(sequence, "code", code=code, codeSystem=system)
    return SubElement(sequence, "value", {_TYPE: kind})


def _joined(samples: np.ndarray, separator: str) -> str:
    return separator.join(map(str, samples.tolist()))


def write_cardiosoft(path: Path, ecg: Ecg) -> None:
    """Write a resting ECG with its strip."""
    root = Element("CardiologyXML", _XSI)
    fill(root, ObservationType="RestECG")
    if ecg.time is not None:
        fill(SubElement(root, "ObservationDateTime"), Hour=f"{ecg.time:%H}", Minute=f"{ecg.time:%M}",
             Second=f"{ecg.time:%S}", Day=f"{ecg.time:%d}", Month=f"{ecg.time:%m}", Year=f"{ecg.time:%Y}")  # fmt: skip
    fill(SubElement(root, "UID"), DICOMStudyUID=ecg.recording_id)
    person = SubElement(root, "PatientInfo")
    names = (ecg.patient_name or "").split(", ", 1)
    fill(person, PID=ecg.patient_id)
    fill(SubElement(person, "Name"), FamilyName=names[0], GivenName=names[1] if len(names) > 1 else None)
    if ecg.age is not None:
        SubElement(person, "Age", units="years").text = f"{ecg.age:g}"
    if ecg.birth_date is not None:
        born = ecg.birth_date
        fill(SubElement(person, "BirthDateTime"), Day=f"{born:%d}", Month=f"{born:%m}", Year=f"{born:%Y}")
    fill(person, Gender={"F": "FEMALE", "M": "MALE"}.get(ecg.sex or ""))
    diagnosis = SubElement(SubElement(root, "Interpretation"), "Diagnosis")
    for text in ecg.statements:
        fill(diagnosis, DiagnosisText=text)
    values = digits(ecg, "cardiosoft")
    strip = SubElement(root, "StripData")
    fill(strip, NumberOfLeads=str(len(LEADS)))
    SubElement(strip, "SampleRate", units="Hz").text = f"{ecg.sampling_hz:g}"
    fill(strip, ChannelSampleCountTotal=str(values.shape[1]))
    SubElement(strip, "Resolution", units="uVperLsb").text = f"{STEP_MILLIVOLT['cardiosoft'] * 1e3:g}"
    for lead, samples in zip(LEADS, values, strict=True):
        SubElement(strip, "WaveformData", lead=lead).text = _joined(samples, ",")
    save(path, root)
