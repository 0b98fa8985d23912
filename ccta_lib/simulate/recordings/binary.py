"""WFDB, EDF and DICOM, by the libraries that read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import wfdb

from ccta_lib.cohort.recording import Ecg
from ccta_lib.errors import MissingExtraError, ParameterError
from ccta_lib.files import atomic_path
from ccta_lib.schema import LEADS
from ccta_lib.simulate.recordings.digits import MISSING, STEP_MILLIVOLT, digits

if TYPE_CHECKING:
    from pydicom import Dataset

_MEANING = {
    1: "I",
    2: "II",
    **{i + 2: f"V{i}" for i in range(1, 7)},
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
}
_CODE = {lead: f"5.6.3-9-{n}" for n, lead in _MEANING.items()}
_UID_ROOT = "2.25."


@contextmanager
def _needs(package: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"writing this form needs {package}: pip install 'ccta-lib[exports]'"
        ) from error


def write_wfdb(path: Path, ecg: Ecg) -> None:
    """Write header and signal file; what is known of whom stands in the header's comments."""
    gain = 1 / STEP_MILLIVOLT["wfdb"]
    said = {
        "Age": None if ecg.age is None else f"{ecg.age:g}",
        "Sex": {"F": "Female", "M": "Male"}.get(ecg.sex or ""),
        "Patient ID": ecg.patient_id,
        "Patient name": ecg.patient_name,
        "Birth date": ecg.birth_date and ecg.birth_date.isoformat(),
        "Recording ID": ecg.recording_id,
    }
    comments = [f"#{name}: {value}" for name, value in said.items() if value]
    comments += [f"#Statement: {text}" for text in ecg.statements]
    when: dict[str, Any] = (
        {} if ecg.time is None else {"base_date": ecg.time.date(), "base_time": ecg.time.time()}
    )
    if not re.fullmatch(r"[\w-]+", path.stem):
        raise ParameterError(f"{path}: a WFDB record is named by letters, digits, - and _ only")
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as folder:
        wfdb.wrsamp(path.stem, fs=ecg.sampling_hz, units=["mV"] * 12, sig_name=list(LEADS),
                    d_signal=digits(ecg, "wfdb", missing=True).T, fmt=["16"] * 12, adc_gain=[gain] * 12,
                    baseline=[0] * 12, write_dir=folder, **when)  # fmt: skip
        # wfdb drops letters that are not ASCII from comments without a word.
        with open(Path(folder) / f"{path.stem}.hea", "a", encoding="utf-8") as header:
            header.writelines(f"{line}\n" for line in comments)
        # The header last: it is what makes the recording visible.
        for suffix in (".dat", ".hea"):
            (Path(folder) / f"{path.stem}{suffix}").replace(path.with_suffix(suffix))


def write_edf(path: Path, ecg: Ecg) -> None:
    """Write EDF+C; statements are annotations at the start, which edfio puts in alphabetical order."""
    with _needs("edfio"):
        import edfio
    values = digits(ecg, "edf")
    edge = 2**15 - 1
    most = round(edge * STEP_MILLIVOLT["edf"] * 1e3)
    signals = [
        edfio.EdfSignal.from_digital(
            lead.astype(np.int16),
            ecg.sampling_hz,
            label=f"ECG {name}",
            physical_dimension="uV",
            physical_range=(-most, most),
            digital_range=(-edge, edge),
        )
        for name, lead in zip(LEADS, values, strict=True)
    ]
    patient: dict[str, Any] = {
        "code": _word(ecg.patient_id),
        "name": _word(ecg.patient_name),
        "sex": ecg.sex or "X",
    }
    if ecg.birth_date is not None:
        patient["birthdate"] = ecg.birth_date
    recording: dict[str, Any] = {"hospital_administration_code": _word(ecg.recording_id)}
    if ecg.time is not None:
        recording["startdate"] = ecg.time.date()
    with atomic_path(path, durable=False) as temporary:
        try:
            edf = edfio.Edf(
                signals,
                data_record_duration=1 if ecg.seconds.is_integer() else ecg.seconds,
                patient=edfio.Patient(**patient),
                recording=edfio.Recording(**recording),
                starttime=None if ecg.time is None else ecg.time.time(),
                annotations=[edfio.EdfAnnotation(0, None, text) for text in ecg.statements],
            )
        except ValueError as error:
            raise ParameterError(f"{path}: EDF cannot hold this recording ({error})") from error
        edf.write(temporary)


def _word(text: str | None) -> str:
    """Text for a field of EDF+: ASCII, without blanks; what it cannot hold is left out, as recorders do."""
    word = re.sub(r"\s+", "_", (text or "").strip())
    return word if word and word.isascii() else "X"


def write_dicom(path: Path, ecg: Ecg) -> None:
    """Write a 12-lead ECG waveform object, explicit little endian."""
    with _needs("pydicom"):
        from pydicom import Dataset
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid
    values = digits(ecg, "dicom", missing=True).astype("<i2")
    entropy = [values.tobytes().hex(), str(ecg.time), str(ecg.patient_id), str(ecg.sampling_hz)]
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = TwelveLeadECGWaveformStorage
    given = ecg.recording_id or ""
    dataset.SOPInstanceUID = (
        given if re.fullmatch(r"[0-9.]{1,64}", given) else generate_uid(_UID_ROOT, [*entropy, given])
    )
    dataset.StudyInstanceUID = generate_uid(_UID_ROOT, [*entropy, "study"])
    dataset.SeriesInstanceUID = generate_uid(_UID_ROOT, [*entropy, "series"])
    dataset.Modality = "ECG"
    dataset.PatientID = ecg.patient_id or ""
    dataset.PatientName = (ecg.patient_name or "").replace(", ", "^")
    dataset.PatientBirthDate = _day(ecg.birth_date)
    dataset.PatientSex = ecg.sex or ""
    if ecg.age is not None:
        dataset.PatientAge = f"{int(ecg.age):03d}Y"
    if ecg.time is not None:
        dataset.AcquisitionDateTime = ecg.time.strftime("%Y%m%d%H%M%S.%f")
        dataset.StudyDate = dataset.ContentDate = _day(ecg.time.date())
        dataset.StudyTime = dataset.ContentTime = ecg.time.strftime("%H%M%S.%f")
    dataset.WaveformAnnotationSequence = [_note(text) for text in ecg.statements]
    dataset.WaveformSequence = [_group(ecg, values)]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with atomic_path(path, durable=False) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)


def _day(value: date | None) -> str:
    return value.strftime("%Y%m%d") if value else ""


def _note(text: str) -> Dataset:
    from pydicom import Dataset

    note = Dataset()
    note.ReferencedWaveformChannels = [1, 0]
    note.UnformattedTextValue = text
    return note


def _group(ecg: Ecg, values: np.ndarray) -> Dataset:
    from pydicom import Dataset

    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels = len(LEADS)
    group.NumberOfWaveformSamples = values.shape[1]
    group.SamplingFrequency = f"{ecg.sampling_hz:g}"
    group.MultiplexGroupLabel = "RHYTHM"
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.WaveformPaddingValue = int(MISSING).to_bytes(2, "little", signed=True)
    group.WaveformData = values.T.tobytes()
    group.ChannelDefinitionSequence = []
    for lead in LEADS:
        channel = Dataset()
        channel.ChannelSourceSequence = [_concept(_CODE[lead], "SCPECG", "1.3", f"Lead {lead}")]
        channel.ChannelSensitivity = f"{STEP_MILLIVOLT['dicom'] * 1e3:g}"
        channel.ChannelSensitivityUnitsSequence = [_concept("uV", "UCUM", "1.4", "microvolt")]
        channel.ChannelSensitivityCorrectionFactor = "1"
        channel.ChannelBaseline = "0"
        channel.ChannelSampleSkew = "0"
        channel.WaveformBitsStored = 16
        group.ChannelDefinitionSequence.append(channel)
    return group


def _concept(value: str, scheme: str, version: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    concept = Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator = value, scheme
    concept.CodingSchemeVersion, concept.CodeMeaning = version, meaning
    return concept
