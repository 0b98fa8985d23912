"""Sierra, aECG, CardioSoft, DICOM, EDF, arrays: vendors' variations are read, what cannot be right is refused."""

from __future__ import annotations

import base64
import re
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccta_lib.cohort import Ecg, read_ecg
from ccta_lib.cohort.formats import xli
from ccta_lib.cohort.recording import limb_leads
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS
from ccta_lib.simulate.recordings import write_recording

Tones = Callable[..., np.ndarray]
STORED = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]


@pytest.fixture
def ecg(tones: Tones) -> Ecg:
    """A recording whose every lead is a whole number of 5 microvolt, so that all forms hold it exactly."""
    free = np.round(tones()[STORED] / 0.01) * 0.01
    signal = np.stack([*free[:2], *limb_leads(*free[:2]).values(), *free[2:]]).astype(np.float32)
    return Ecg(signal=signal, sampling_hz=500.0, time=datetime(2021, 3, 4, 5, 6, 7), patient_id="P1", sex="M")


def edited(path: Path, *changes: tuple[str, str]) -> Path:
    """Replace text in an XML file, which becomes UTF-8; every pattern must be there."""
    raw = path.read_bytes()
    text = raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "utf-8")
    text = re.sub(r"\bencoding='[^']*'|\bencoding=\"[^\"]*\"", 'encoding="UTF-8"', text, count=1)
    for pattern, new in changes:
        text, n = re.subn(pattern, new, text, flags=re.DOTALL)
        assert n, pattern
    path.write_bytes(text.encode())
    return path


def refused(path: Path, message: str) -> None:
    with pytest.raises(WaveformError, match=message) as caught:
        read_ecg(path)
    assert all(str(path) in fault and "\n" not in fault for fault in caught.value.faults)


# --- XLI and Sierra ---


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.int64, st.tuples(st.integers(1, 3), st.integers(2, 400)), elements=st.integers(-8000, 8000))
)
def test_xli_packs_what_it_unpacks(signal: np.ndarray) -> None:
    np.testing.assert_array_equal(xli.decode(xli.encode(signal), *signal.shape), signal)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), samples=st.integers(1, 5000))
def test_xli_of_anything_is_a_recording_or_an_error_and_never_more_than_declared(
    data: bytes, samples: int
) -> None:
    with suppress(xli.XliError):
        assert xli.decode(struct.pack("<iHh", len(data), 1, 0) + data, 1, samples).shape == (1, samples)


def test_sierraecg_unpacks_the_same(ecg: Ecg, tmp_path: Path) -> None:
    """Against the reference implementation, which knows nothing of our writer."""
    import sierraecg

    path = write_recording(tmp_path / "a", ecg, "sierra")
    theirs = np.array([lead.samples for lead in sierraecg.read_file(str(path)).leads]) * 0.005
    np.testing.assert_allclose(read_ecg(path).signal, theirs, atol=1e-6)


def _sierra(path: Path, ecg: Ecg, values: np.ndarray, version: str = "1.03", **attributes: str) -> Path:
    """Write 1.03 by its published layout: flags of compression, no labels, resolution called signalresolution."""
    write_recording(path, ecg, "sierra")
    said = {"compressflag": "False", "compressmethod": "XLI", "dataencoding": "Base64", "durationperchannel": "10000",
            "nbitspersample": "16"} | attributes  # fmt: skip
    if said["dataencoding"] == "Plain":
        text = " ".join(map(str, values.ravel().tolist()))
    elif said["compressflag"] == "True":
        text = base64.b64encode(xli.encode(values)).decode()
    else:
        text = base64.b64encode(values.astype("<i2").tobytes()).decode()
    listed = " ".join(f'{k}="{v}"' for k, v in said.items())
    return edited(
        path.with_name(path.name + ".xml"),
        ("<parsedwaveforms.*</parsedwaveforms>", f"<parsedwaveforms {listed}>{text}</parsedwaveforms>"),
        ("documentversion>1.04<", f"documentversion>{version}<"),
        ("<resolution>5</resolution>", "<signalresolution>5</signalresolution>"),
        ("10-WIRE", "STD-12"),
    )


def _remainders(v: np.ndarray) -> np.ndarray:
    left = [
        v[1] - v[0] - v[2],
        -v[3] - (v[0] + v[1]) // 2,
        (v[0] - v[2]) // 2 - v[4],
        (v[1] + v[2]) // 2 - v[5],
    ]
    return np.stack([v[0], v[1], *left, *v[6:]])


@pytest.mark.parametrize(("compressed", "encoding", "kept"), [
    ("True", "Base64", "remainders"), ("False", "Base64", "leads"), ("False", "Base64", "remainders"),
    ("False", "Plain", "leads"),
])  # fmt: skip
def test_sierra_1_03(compressed: str, encoding: str, kept: str, ecg: Ecg, tmp_path: Path) -> None:
    values = np.rint(ecg.signal / 0.005).astype(np.int64)
    stored = _remainders(values) if kept == "remainders" else values
    path = _sierra(tmp_path / "a", ecg, stored, compressflag=compressed, dataencoding=encoding)
    np.testing.assert_allclose(read_ecg(path).signal, ecg.signal, atol=1e-5)


def test_the_calibration_pulse_is_not_the_patients(ecg: Ecg, tmp_path: Path) -> None:
    values = np.rint(ecg.signal / 0.005).astype(np.int64)
    pulse = np.tile(np.repeat([0, 200, 0], [50, 100, 50]), (12, 1))
    path = _sierra(tmp_path / "a", ecg, np.hstack([values, pulse]), durationperchannel="10400")
    assert read_ecg(path).signal.shape == (12, 5000)
    values[:, -3:] = 0  # the leads meet, which is no pulse
    assert read_ecg(_sierra(tmp_path / "b", ecg, values)).signal.shape == (12, 5000)


@pytest.mark.parametrize(("change", "message"), [
    ({"version": "1.05"}, "Sierra XML of version 1.05"),
    ({"compressflag": "True", "compressmethod": "ZIP"}, "compressed by 'ZIP'"),
    ({"compressflag": "True", "durationperchannel": "9998"}, "damaged .a lead of more than 4999 samples"),
    ({"compressflag": "True", "durationperchannel": "10002"}, "damaged .a lead of 5000 samples where 5001"),
    ({"durationperchannel": "10002"}, "declares 12 leads of 5001 samples and holds 60000"),
    ({"durationperchannel": "99999999"}, "more than a resting ECG has"),
    ({"dataencoding": "UU"}, "waveforms in encoding 'uu'"),
    ({"nbitspersample": "24"}, "samples of 24 bits"),
])  # fmt: skip
def test_wrong_sierra_is_named(change: dict[str, str], message: str, ecg: Ecg, tmp_path: Path) -> None:
    refused(_sierra(tmp_path / "a", ecg, np.rint(ecg.signal / 0.005).astype(np.int64), **change), message)


def test_sierra_limb_leads_of_neither_kind_are_refused(ecg: Ecg, tmp_path: Path) -> None:
    values = np.rint(ecg.signal / 0.005).astype(np.int64)
    values[2] += 50
    refused(_sierra(tmp_path / "a", ecg, values), "lead III is neither II - I nor what is left of it")


# --- HL7 aECG ---


def test_aecg_origin_scale_units_and_time_steps(ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, "aecg")
    plain = read_ecg(path).signal
    edited(path, ('<origin value="0" unit="uV" ?/>', '<origin value="1" unit="mV"/>'),
           ('<scale value="2.5" unit="uV" ?/>', '<scale value="5000" unit="nV"/>'),
           ('<increment value="0.002" unit="s" ?/>', '<increment value="4" unit="ms"/>'))  # fmt: skip
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal, 2 * plain + 1, atol=1e-5)
    assert read.sampling_hz == 250


def test_aecg_of_eight_leads_and_another_series_first(ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, "aecg")
    plain = read_ecg(path).signal
    text = path.read_text("utf-8")
    for lead in ("III", "AVR", "AVL", "AVF"):
        one = rf'<component>\s*<sequence>\s*<code code="MDC_ECG_LEAD_{lead}".*?</component>'
        text = re.sub(one, "", text, flags=re.DOTALL)
    series = re.search(r"<component>\s*<series>.*</series>\s*</component>", text, re.DOTALL)[0]
    beats = series.replace('"RHYTHM"', '"REPRESENTATIVE_BEAT"')
    path.write_text(text.replace(series, beats + series), "utf-8")
    np.testing.assert_allclose(read_ecg(path).signal, plain, atol=0.003)
    path.write_text(text.replace(series, beats), "utf-8")
    refused(path, "holds no RHYTHM series .series: REPRESENTATIVE_BEAT")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("<digits>(\\S+) ", r"<digits>\1 1e999 ", "not finite"),
    ("<digits>(\\S+) ", r"<digits>\1 x ", "no number"),
    ('(V6".*?)<digits>(\\S+) ', r"\1<digits>", "4999, 5000 samples; expected one length"),
    ('unit="uV"', 'unit="mmHg"', "is in unit 'mmHg'"),
    ('<scale value="2.5"', '<scale value="0"', "scale of MDC_ECG_LEAD_I is '0'"),
    ('unit="s"', 'unit="fortnight"', "time increment in unit 'fortnight'"),
    ('<increment value="0.002"', '<increment value="20"', "expected 0.00001 to 1 s"),
    ("<increment[^>]*>", "", "the rate is unknown"),
    ("MDC_ECG_LEAD_V3", "MDC_ECG_LEAD_V3R", "no rhythm series holds"),
    ("MDC_ECG_LEAD_III", "MDC_ECG_LEAD_II", "lead II occurs 2 times"),
])  # fmt: skip
def test_wrong_aecg_is_named(old: str, new: str, message: str, ecg: Ecg, tmp_path: Path) -> None:
    refused(edited(write_recording(tmp_path / "a", ecg, "aecg"), (old, new)), message)


# --- CardioSoft ---


def test_cardiosoft_full_disclosure(ecg: Ecg, tmp_path: Path) -> None:
    """Sample by sample, the leads in LeadOrder; the median beat beside it is not read."""
    path = write_recording(tmp_path / "a", ecg, "cardiosoft")
    text = ",".join(map(str, np.rint(ecg.signal[STORED] / 0.005).astype(int).T.ravel().tolist()))
    order = ",".join(LEADS[i] for i in STORED)
    median = '<MedianSamples><WaveformData lead="I">1,2</WaveformData></MedianSamples>'
    full = (f'{median}<FullDisclosure><NumberOfChannels>8</NumberOfChannels><SampleRate units="Hz">500</SampleRate>'
            f'<Resolution units="uVperLsb">5</Resolution><LeadOrder>{order}</LeadOrder>'
            f"<FullDisclosureData>{text},</FullDisclosureData></FullDisclosure>")  # fmt: skip
    edited(path, ("<StripData>.*</StripData>", full))
    np.testing.assert_allclose(read_ecg(path).signal, ecg.signal, atol=1e-5)
    edited(path, ("<LeadOrder>I,", "<LeadOrder>"))
    refused(path, "FullDisclosure of 8 channels names 7 leads")
    edited(path, ("<FullDisclosure>.*</FullDisclosure>", ""))
    refused(path, "neither StripData nor FullDisclosure")


@pytest.mark.parametrize(("old", "new", "message"), [
    ('units="uVperLsb"', 'units="parsecs"', "Resolution in 'parsecs'"),
    ("<Resolution[^>]*>5</Resolution>", "", "Resolution is missing"),
    ("SampleCountTotal>5000<", "SampleCountTotal>4000<", "4000, 5000 samples, declared or held"),
    ('lead="V6">(-?\\d+),', r'lead="V6">\1,,', "no number"),
    ('lead="V6"', 'lead="V9"', "no StripData holds all leads"),
    ('<SampleRate units="Hz">', '<SampleRate units="kHz">', "SampleRate in 'kHz'"),
    ("<Month>03<", "<Month>15<", "ObservationDateTime is"),
])  # fmt: skip
def test_wrong_cardiosoft_is_named(old: str, new: str, message: str, ecg: Ecg, tmp_path: Path) -> None:
    refused(edited(write_recording(tmp_path / "a", ecg, "cardiosoft"), (old, new)), message)


# --- DICOM ---


@pytest.fixture
def dicom(ecg: Ecg, tmp_path: Path) -> tuple[Path, pydicom.Dataset]:
    path = write_recording(tmp_path / "d", ecg, "dicom")
    return path, pydicom.dcmread(path)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_dicom_transfer_syntaxes(syntax: str, dicom: tuple[Path, pydicom.Dataset], ecg: Ecg) -> None:
    """Implicit, explicit, and big endian, whose samples are big endian too."""
    path, dataset = dicom
    if syntax.endswith("2.2"):
        group = dataset.WaveformSequence[0]
        group.WaveformData = np.frombuffer(group.WaveformData, "<i2").astype(">i2").tobytes()
        group.WaveformPaddingValue = group.WaveformPaddingValue[::-1]
    dataset.file_meta.TransferSyntaxUID = syntax
    implicit, little = syntax.endswith("1.2"), not syntax.endswith("2.2")
    pydicom.dcmwrite(path, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal, ecg.signal, atol=0.0007)
    assert (read.patient_id, read.time) == ("P1", ecg.time)


def test_dicom_without_preamble(dicom: tuple[Path, pydicom.Dataset], ecg: Ecg) -> None:
    path, dataset = dicom
    del dataset.file_meta
    pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True, enforce_file_format=False)
    np.testing.assert_allclose(read_ecg(path).signal, ecg.signal, atol=0.0007)


def test_dicom_gain_correction_baseline_and_names(dicom: tuple[Path, pydicom.Dataset]) -> None:
    path, dataset = dicom
    plain = read_ecg(path).signal
    for channel in dataset.WaveformSequence[0].ChannelDefinitionSequence:
        channel.ChannelSensitivityCorrectionFactor = "2"
        channel.ChannelBaseline = "100"
        source = channel.ChannelSourceSequence[0]
        source.CodeValue, source.CodingSchemeDesignator = source.CodeValue.replace("5.6.3-9-", "2:"), "MDC"
        source.CodeMeaning = "one of the leads"
    dataset.save_as(path)
    np.testing.assert_allclose(read_ecg(path).signal, 2 * plain + 0.1, atol=1e-5)


def test_dicom_takes_the_original_rhythm_of_several_groups(dicom: tuple[Path, pydicom.Dataset]) -> None:
    path, dataset = dicom
    plain = read_ecg(path).signal
    rhythm = dataset.WaveformSequence[0]
    median = deepcopy(rhythm)
    median.WaveformOriginality, median.NumberOfWaveformSamples = "DERIVED", 600
    median.WaveformData = rhythm.WaveformData[: 600 * 24]
    dataset.WaveformSequence = [median, rhythm]
    dataset.save_as(path)
    np.testing.assert_array_equal(read_ecg(path).signal, plain)
    dataset.WaveformSequence = [median]
    dataset.save_as(path)
    refused(path, "holds derived waveforms only")


def _part(group: pydicom.Dataset, rows: list[int], offset: str) -> pydicom.Dataset:
    part = deepcopy(group)
    part.NumberOfWaveformChannels = len(rows)
    part.ChannelDefinitionSequence = [deepcopy(group.ChannelDefinitionSequence[i]) for i in rows]
    part.WaveformData = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12)[:, rows].tobytes()
    part.MultiplexGroupTimeOffset = offset
    return part


def test_dicom_groups_of_one_moment_are_one_recording(dicom: tuple[Path, pydicom.Dataset]) -> None:
    path, dataset = dicom
    plain = read_ecg(path).signal
    group = dataset.WaveformSequence[0]
    halves = [list(range(6)), list(range(6, 12))]
    dataset.WaveformSequence = [_part(group, rows, "0") for rows in halves]
    dataset.save_as(path)
    np.testing.assert_array_equal(read_ecg(path).signal, plain)
    dataset.WaveformSequence = [_part(group, rows, str(i * 2500)) for i, rows in enumerate(halves)]
    dataset.save_as(path)
    refused(path, "different leads at different times")


def test_wrong_dicom_is_named(dicom: tuple[Path, pydicom.Dataset]) -> None:
    path, dataset = dicom
    group = dataset.WaveformSequence[0]
    channel = group.ChannelDefinitionSequence[0]

    def saved(message: str) -> None:
        dataset.save_as(path)
        refused(path, message)

    channel.ChannelSourceSequence[0].CodeMeaning = "Lead II"
    saved("a channel is lead I by its code and II by its name")
    channel.ChannelSourceSequence[0].CodeMeaning = "Lead I"
    channel.ChannelSensitivityUnitsSequence[0].CodeValue = "mm[Hg]"
    saved("lead I is in unit 'mm.Hg.'")
    channel.ChannelSensitivityUnitsSequence[0].CodeValue = "uV"
    del channel.ChannelSensitivity
    saved("ChannelSensitivity of I is missing")
    channel.ChannelSensitivity = "1.25"
    group.NumberOfWaveformSamples = 4_000_000_000
    saved("more than a resting ECG has")
    group.NumberOfWaveformSamples = 5001
    saved("declares 12 channels of 5001 samples and holds 120000 bytes")
    group.NumberOfWaveformSamples = 5000
    group.WaveformSampleInterpretation, group.WaveformBitsAllocated = "MB", 8
    saved("samples of kind MB with 8 bits")
    del dataset.WaveformSequence
    saved("DICOM without waveforms .12-lead ECG Waveform Storage")
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    saved("deflated transfer syntax")


def test_mortara_sample_of_pydicom() -> None:
    from pydicom.data import get_testdata_file

    path = get_testdata_file("waveform_ecg.dcm")
    read = read_ecg(path)
    theirs = pydicom.dcmread(path).waveform_array(0).T / 1000  # microvolt
    np.testing.assert_allclose(read.signal, theirs, atol=1e-6)
    assert (read.sampling_hz, read.age, read.sex, read.time) == (
        1000,
        42,
        "F",
        datetime(2013, 1, 25, 10, 59, 19),
    )
    assert "ECG NORMALE" in read.statements


# --- EDF ---


def test_edf_labels_units_and_other_channels(ecg: Ecg, tmp_path: Path) -> None:
    import edfio

    shared = {"physical_range": (-5, 5), "physical_dimension": "mV"}
    signals = [edfio.EdfSignal(ecg.signal[i].astype(float), 500, label=f"EKG {LEADS[i].upper()}", **shared)
               for i in STORED]  # fmt: skip
    signals.append(edfio.EdfSignal(np.zeros(250), 25, label="Resp"))
    path = tmp_path / "a.rec"
    edfio.Edf(signals, data_record_duration=1).write(path)
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal, ecg.signal, atol=2e-4)
    assert (read.sampling_hz, read.patient_id) == (500, None)


def test_wrong_edf_is_named(ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, "edf")
    whole = path.read_bytes()

    def damaged(at: int, new: bytes, message: str) -> None:
        path.write_bytes(whole[:at] + new + whole[at + len(new) :])
        refused(path, message)

    damaged(192, b"EDF+D", "a recording with gaps")
    damaged(0, b"\xffBIOSEMI", "BDF")
    damaged(236, b"99999999", "declares 99999999 records")
    damaged(252, b"4000", "4000 signals in a header")
    damaged(244, b"0       ", "data records of 0 s")
    damaged(256 + 16, b"ECG I".ljust(16), "lead II is missing|lead I occurs 2 times")
    path.write_bytes(whole[:-100])
    refused(path, "cut short or damaged")


# --- arrays ---


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("signal.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f8", "fortran_order": False, "shape": (12, 10**7)}
        )
        for _ in range(400):
            member.write(b"\0" * 2**20)
    refused(path, "signal unpacks to 4.* bytes; at most")
    with zipfile.ZipFile(path, "w") as archive, archive.open("signal.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f8", "fortran_order": False, "shape": (12, 10**12)}
        )
    refused(path, "more than it holds")


def test_the_same_recording_as_edf_and_wfdb(reference_data: Path) -> None:
    folder = reference_data / "clinical_formats"
    edf, wfdb = read_ecg(folder / "A0001.edf"), read_ecg(folder / "A0001.mat")
    assert edf.sampling_hz == wfdb.sampling_hz == 500
    # The EDF header rounds each lead's range to three decimals of a millivolt.
    np.testing.assert_allclose(edf.signal, wfdb.signal, atol=5e-5)


@pytest.mark.parametrize(("name", "hz", "samples", "sex"), [
    ("ge_muse_1.xml", 500, 5000, None), ("ge_muse_2.xml", 500, 5000, None), ("hl7_aecg.xml", 500, 5000, "M"),
    ("philips_sierra_1_04.xml", 500, 5300, "F"), ("philips_sierra_1_04_01.xml", 500, 5300, None),
    ("dicom_ge.dcm", 500, 5000, "F"),
])  # fmt: skip
def test_real_exports(reference_data: Path, name: str, hz: float, samples: int, sex: str | None) -> None:
    read = read_ecg(reference_data / "clinical_formats" / name)
    one, two, three, *augmented = read.signal[:6].astype(float)
    assert (read.sampling_hz, read.signal.shape, read.sex) == (hz, (12, samples), sex)
    np.testing.assert_allclose(three, two - one, atol=0.0051)
    np.testing.assert_allclose(np.sum(augmented, axis=0), 0, atol=0.0151)
    assert 0.3 < np.median(np.ptp(read.signal, axis=1)) < 6


def test_muse_against_a_reading_by_hand(reference_data: Path) -> None:
    """The first samples of lead I, decoded here without any of our code."""
    path = reference_data / "clinical_formats" / "ge_muse_1.xml"
    rhythm = path.read_text("latin-1").split(">Rhythm<")[1]
    first = base64.b64decode(
        "".join(re.search(r"<WaveFormData>(.*?)</WaveFormData>", rhythm, re.DOTALL)[1].split())
    )
    expected = np.array(struct.unpack("<100h", first[:200])) * 4.88 / 1000
    np.testing.assert_allclose(read_ecg(path).signal[0, :100], expected, rtol=1e-6)


def test_sierra_against_sierraecg(reference_data: Path) -> None:
    import sierraecg

    for name in ("philips_sierra_1_04.xml", "philips_sierra_1_04_01.xml"):
        path = reference_data / "clinical_formats" / name
        theirs = np.array([lead.samples for lead in sierraecg.read_file(str(path)).leads]) * 0.005
        ours = read_ecg(path).signal
        np.testing.assert_allclose(ours, theirs[:, : ours.shape[1]], atol=1e-5)
        assert np.ptp(theirs[:, ours.shape[1] :], axis=0).max() == 0  # the pulse, alike in all leads


def test_sierra_keeps_the_latest_interpretation(ecg: Ecg, tmp_path: Path) -> None:
    """Its severity comes first."""
    path = write_recording(tmp_path / "a", replace(ecg, statements=("old",)), "sierra")
    newer = (
        '<interpretation date="2030-01-01" time="10:00:00"><severity>- ABNORMAL ECG -</severity><statement>'
        "<leftstatement>new</leftstatement><rightstatement>why</rightstatement></statement></interpretation>"
    )
    edited(path, ("<interpretations>", f"<interpretations>{newer}"))
    assert read_ecg(path).statements == ("- ABNORMAL ECG -", "new why")
