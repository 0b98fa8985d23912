"""GE MUSE XML: eight leads in base64; the other four follow from I and II, so they are not stored."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from ccta_lib.cohort.formats.muse import STORED
from ccta_lib.cohort.recording import Ecg, limb_leads
from ccta_lib.errors import ParameterError
from ccta_lib.schema import LEADS
from ccta_lib.simulate.recordings.digits import STEP_MILLIVOLT, digits
from ccta_lib.simulate.recordings.xml import fill, save

_MEDIAN_SECONDS = 1.2


def write(path: Path, ecg: Ecg) -> None:
    """Write an export in ISO-8859-1 where its text allows, else in UTF-8.

    Raises
    ------
    ParameterError
        If the derived leads are not what I and II make of them: MUSE could not say so.
    """
    step = STEP_MILLIVOLT["muse"]
    derived = limb_leads(ecg.signal[0], ecg.signal[1])
    gaps = [np.abs(ecg.signal[LEADS.index(lead)] - value) for lead, value in derived.items()]
    far = float(np.nanmax(gaps, initial=0))
    if far > step:
        raise ParameterError(f"{path}: a derived lead is {far:g} mV from what I and II make of it; form muse holds "
                             "eight leads")  # fmt: skip
    root = Element("RestingECG")
    fill(SubElement(root, "MuseInfo"), MuseVersion="virtual")
    names = (ecg.patient_name or "").split(", ", 1)
    fill(
        SubElement(root, "PatientDemographics"),
        PatientID=ecg.patient_id,
        PatientAge=None if ecg.age is None else f"{int(ecg.age)}",
        AgeUnits=None if ecg.age is None else "YEARS",
        DateofBirth=None if ecg.birth_date is None else f"{ecg.birth_date:%m-%d-%Y}",
        Gender={"F": "FEMALE", "M": "MALE"}.get(ecg.sex or ""),
        PatientLastName=names[0],
        PatientFirstName=names[1] if len(names) > 1 else None,
    )
    fill(
        SubElement(root, "TestDemographics"),
        DataType="RESTING",
        AcquisitionTime=None if ecg.time is None else f"{ecg.time:%H:%M:%S}",
        AcquisitionDate=None if ecg.time is None else f"{ecg.time:%m-%d-%Y}",
    )
    _diagnosis(root, ecg.statements)
    values = digits(ecg, "muse", missing=True)
    median = values[:, : round(_MEDIAN_SECONDS * ecg.sampling_hz)]
    for kind, leads in (("Median", median), ("Rhythm", values)):
        _waveform(root, kind, leads, ecg.sampling_hz)
    fill(SubElement(root, "PharmaData"), PharmaUniqueECGID=ecg.recording_id)
    save(path, root, doctype='<!DOCTYPE RestingECG SYSTEM "restecg.dtd">')


def _diagnosis(root: Element, statements: tuple[str, ...]) -> None:
    diagnosis = SubElement(root, "Diagnosis")
    fill(diagnosis, Modality="RESTING")
    for text in statements:
        fill(SubElement(diagnosis, "DiagnosisStatement"), StmtFlag="ENDSLINE", StmtText=text)


def _waveform(root: Element, kind: str, values: np.ndarray, hz: float) -> None:
    if hz != int(hz):
        raise ParameterError(f"form muse holds whole sampling rates; this recording has {hz:g} Hz")
    waveform = SubElement(root, "Waveform")
    fill(waveform, WaveformType=kind, WaveformStartTime="0", NumberofLeads=str(len(STORED)),
         SampleType="CONTINUOUS_SAMPLES", SampleBase=f"{int(hz)}", SampleExponent="0")  # fmt: skip
    for lead in STORED:
        data = values[LEADS.index(lead)].astype("<i2").tobytes()
        text = base64.b64encode(data).decode("ascii")
        fill(
            SubElement(waveform, "LeadData"),
            LeadByteCountTotal=str(len(data)),
            LeadTimeOffset="0",
            LeadSampleCountTotal=str(len(data) // 2),
            LeadAmplitudeUnitsPerBit=f"{STEP_MILLIVOLT['muse'] * 1e3:g}",
            LeadAmplitudeUnits="MICROVOLTS",
            LeadHighLimit="32767",
            LeadLowLimit="-32768",
            LeadID=lead,
            LeadOffsetFirstSample="0",
            FirstSampleBaseline="0",
            LeadSampleSize="2",
            LeadOff="FALSE",
            LeadDataCRC32=str(zlib.crc32(data)),
            WaveFormData="\n".join(text[i : i + 76] for i in range(0, len(text), 76)),
        )
