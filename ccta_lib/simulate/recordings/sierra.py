"""Philips Sierra XML 1.04 with XLI compression, UTF-16 as the machines write it."""

from __future__ import annotations

import base64
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from ccta_lib.cohort.formats import xli
from ccta_lib.cohort.recording import Ecg
from ccta_lib.errors import ParameterError
from ccta_lib.schema import LEADS
from ccta_lib.simulate.recordings.digits import STEP_MILLIVOLT, digits
from ccta_lib.simulate.recordings.xml import fill, save


def write(path: Path, ecg: Ecg) -> None:
    """Write a 1.04 document; without a calibration pulse, whose place the reader finds by what it is."""
    if ecg.sampling_hz != int(ecg.sampling_hz):
        raise ParameterError(
            f"form sierra holds whole sampling rates; this recording has {ecg.sampling_hz:g} Hz"
        )
    values = digits(ecg, "sierra")
    root = Element("restingecgdata", xmlns="http://www3.medical.philips.com", status="Unconfirmed", lang="en")
    fill(SubElement(root, "documentinfo"), documentname=f"{ecg.recording_id}.xml" if ecg.recording_id else None,
         documenttype="PhilipsECG", documentversion="1.04")  # fmt: skip
    when = {} if ecg.time is None else {"date": f"{ecg.time:%Y-%m-%d}", "time": f"{ecg.time:%H:%M:%S}"}
    taken = SubElement(root, "dataacquisition", when)
    fill(SubElement(taken, "machine"))
    fill(
        SubElement(taken, "signalcharacteristics"),
        samplingrate=f"{int(ecg.sampling_hz)}",
        resolution=f"{STEP_MILLIVOLT['sierra'] * 1e3:g}",
        acquisitiontype="10-WIRE",
        bitspersample="16",
        signaloffset="0",
        signalsigned="True",
        numberchannelsallocated="12",
        numberchannelsvalid="12",
        electrodeplacement="STD",
    )
    _patient(root, ecg)
    _interpretation(root, ecg, when)
    try:
        data = base64.b64encode(xli.encode(_remainders(values))).decode("ascii")
    except xli.XliError as error:
        raise ParameterError(f"{path}: form sierra cannot hold this recording ({error})") from error
    parsed = SubElement(
        SubElement(root, "waveforms"),
        "parsedwaveforms",
        dataencoding="Base64",
        compression="XLI",
        numberofleads="12",
        leadlabels=" ".join(LEADS),
        durationperchannel=f"{values.shape[1] * 1000 / ecg.sampling_hz:g}",
        samplespersecond=f"{int(ecg.sampling_hz)}",
        resolution=f"{STEP_MILLIVOLT['sierra'] * 1e3:g}",
        signaloffset="0",
        signalsigned="True",
        bitspersample="16",
    )
    parsed.text = "\n".join(data[i : i + 76] for i in range(0, len(data), 76))
    save(path, root, encoding="utf-16")


def _patient(root: Element, ecg: Ecg) -> None:
    person = SubElement(SubElement(root, "patient"), "generalpatientdata")
    names = (ecg.patient_name or "").split(", ", 1)
    fill(person, patientid=ecg.patient_id)
    fill(SubElement(person, "name"), lastname=names[0], firstname=names[1] if len(names) > 1 else None)
    fill(SubElement(person, "age"), dateofbirth=None if ecg.birth_date is None else ecg.birth_date.isoformat(),
         years=None if ecg.age is None else f"{int(ecg.age)}")  # fmt: skip
    fill(person, sex={"F": "Female", "M": "Male"}.get(ecg.sex or "", "Unknown"))


def _interpretation(root: Element, ecg: Ecg, when: dict[str, str]) -> None:
    if not ecg.statements:
        return
    reading = SubElement(SubElement(root, "interpretations"), "interpretation", when)
    for text in ecg.statements:
        fill(SubElement(reading, "statement"), leftstatement=text, rightstatement=None)


def _remainders(values: np.ndarray) -> np.ndarray:
    """Return the leads as stored: of III, aVR, aVL, aVF what Einthoven's and Goldberger's relations leave over."""
    one, two, three, avr, avl, avf = values[:6]
    left = [two - one - three, -avr - (one + two) // 2, (one - three) // 2 - avl, (two + three) // 2 - avf]
    return np.stack([one, two, *left, *values[6:]])
