"""Whatever system exported it, the same heart comes out, with whom and when; what cannot be right is refused."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from ccta_lib.cohort import Ecg, read_ecg
from ccta_lib.cohort.formats import fields
from ccta_lib.cohort.recording import limb_leads
from ccta_lib.errors import ParameterError, WaveformError
from ccta_lib.schema import LEADS
from ccta_lib.simulate.recordings import STEP_MILLIVOLT, WRITABLE, write_recording

Tones = Callable[..., np.ndarray]
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "windows-1252")
XML = ("muse", "sierra", "aecg", "cardiosoft")
SAID = ("time", "patient_id", "patient_name", "birth_date", "age", "sex", "statements", "recording_id")


@pytest.fixture
def ecg(tones: Tones) -> Ecg:
    return Ecg(signal=tones().astype(np.float32), sampling_hz=500.0, time=datetime(2021, 3, 4, 5, 6, 7),
               patient_id="P 17", patient_name="Müller, Änne", birth_date=date(1950, 5, 14), age=70.0, sex="F",
               statements=("Sinus rhythm", "Normal ECG & <no> change"), recording_id="2.25.17")  # fmt: skip


def edited(path: Path, *changes: tuple[str, str], encoding: str = "latin-1") -> Path:
    """Replace text in a file; every pattern must be there."""
    text = path.read_bytes().decode(encoding)
    for pattern, new in changes:
        text, n = re.subn(pattern, new, text, flags=re.DOTALL)
        assert n, pattern
    path.write_bytes(text.encode(encoding))
    return path


# What a form has no place for.
LOST = {
    "wfdb": set(),
    "edf": {"patient_name", "age"},  # the name is not ASCII
    "npy": set(SAID),
    "npz": set(),
    "muse": set(),
    "sierra": set(),
    "aecg": set(),
    "dicom": set(),
    "cardiosoft": set(),
}


@pytest.mark.parametrize("form", WRITABLE)
def test_what_is_written_is_read(form: str, ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, form)
    read = read_ecg(path, sampling_hz=500 if form == "npy" else None)
    off = np.abs(read.signal.astype(np.float64) - ecg.signal).max(axis=1)
    derived = form == "muse"  # from two rounded leads
    limits = np.where([derived and lead in ("III", "aVR", "aVL", "aVF") for lead in LEADS], 1.0, 0.5)
    assert (off <= limits * STEP_MILLIVOLT[form] + 2e-6).all()
    assert read.sampling_hz == 500
    for name in set(SAID) - LOST[form]:
        found, given = getattr(read, name), getattr(ecg, name)
        assert (sorted(found) == sorted(given)) if name == "statements" else (found == given), name
    first = path.read_bytes()
    assert write_recording(tmp_path / "a", ecg, form).read_bytes() == first


@pytest.mark.parametrize("form", WRITABLE)
def test_who_is_unknown_stays_unknown(form: str, ecg: Ecg, tmp_path: Path) -> None:
    bare = Ecg(signal=ecg.signal[:, :1000], sampling_hz=250.0)
    read = read_ecg(write_recording(tmp_path / "b", bare, form), sampling_hz=250)
    made = {"wfdb": "b", "dicom": read.recording_id}  # a record has a name, an object an identifier
    assert read.recording_id == made.get(form)
    assert {name: getattr(read, name) for name in SAID[:-1]} == {
        name: getattr(bare, name) for name in SAID[:-1]
    }
    assert (read.sampling_hz, read.signal.shape) == (250, (12, 1000))


@pytest.mark.parametrize("form", ["wfdb", "npz", "muse", "sierra", "aecg", "cardiosoft", "dicom"])
def test_names_of_any_script_survive(form: str, ecg: Ecg, tmp_path: Path) -> None:
    chinese = replace(ecg, patient_name="王小明", statements=("窦性心律", "正常心电图"))
    read = read_ecg(write_recording(tmp_path / "c", chinese, form))
    assert (read.patient_name, read.statements) == (chinese.patient_name, chinese.statements)


def test_all_forms_read_the_same_millivolts(ecg: Ecg, tmp_path: Path) -> None:
    coarse = replace(
        ecg, signal=np.round(ecg.signal / 0.005) * np.float32(0.005)
    )  # every form but muse holds it
    signals = [
        read_ecg(write_recording(tmp_path / f, coarse, f)).signal
        for f in WRITABLE
        if f not in ("npy", "muse")
    ]
    for other in signals[1:]:
        np.testing.assert_allclose(other, signals[0], atol=2e-6)


@pytest.mark.parametrize("form", ["wfdb", "npz", "muse", "dicom"])
def test_missing_samples_stay_missing(form: str, ecg: Ecg, tmp_path: Path) -> None:
    gappy = ecg.signal.copy()
    gappy[7, 100:140] = np.nan
    read = read_ecg(write_recording(tmp_path / "d", replace(ecg, signal=gappy), form))
    np.testing.assert_array_equal(np.isnan(read.signal), np.isnan(gappy))


def test_a_form_refuses_what_it_cannot_hold(ecg: Ecg, tmp_path: Path) -> None:
    gappy, huge, odd = ecg.signal.copy(), ecg.signal.copy(), ecg.signal.copy()
    gappy[7, 100], huge[7, 100] = np.nan, 400
    odd[2] += 0.1
    for form in ("edf", "sierra", "aecg", "cardiosoft"):
        with pytest.raises(ParameterError, match="holds no missing samples; this recording has 1"):
            write_recording(tmp_path / "e", replace(ecg, signal=gappy), form)
    for form in set(WRITABLE) - {"npy", "npz"}:
        with pytest.raises(ParameterError, match="holds up to"):
            write_recording(tmp_path / "e", replace(ecg, signal=huge), form)
    with pytest.raises(ParameterError, match=r"a derived lead is 0\.1 mV from what I and II make of it"):
        write_recording(tmp_path / "e", replace(ecg, signal=odd), "muse")
    with pytest.raises(ParameterError, match="form 'pdf' is unknown"):
        write_recording(tmp_path / "e", ecg, "pdf")


# --- XML, whatever it holds ---


@pytest.mark.parametrize("form", XML)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings(form: str, encoding: str, ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", replace(ecg, patient_name="Muller, Jo"), form)
    raw = path.read_bytes()
    text = raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "latin-1")
    text = re.sub(r'\bencoding="[^"]*"', f'encoding="{encoding.removesuffix("-sig")}"', text)
    path.write_bytes(text.encode(encoding))
    assert read_ecg(path).patient_name == "Muller, Jo"
    prefixed = "\n  " + text if encoding == "utf-8" else text
    path.write_bytes(prefixed.encode(encoding))
    assert read_ecg(path).signal.shape == (12, 5000)


def test_eight_bit_text_that_declares_utf_16_is_read(ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, "sierra")
    path.write_bytes(path.read_bytes().decode("utf-16").encode("utf-8"))
    assert read_ecg(path).patient_name == "Müller, Änne"


def _bomb(levels: int = 12) -> str:
    lines = ['<!ENTITY a0 "lol">'] + [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, levels)]
    return f"<!DOCTYPE RestingECG [{''.join(lines)}]>"


@pytest.mark.parametrize(("old", "new", "message"), [
    ("<!DOCTYPE[^>]*>", _bomb(), "DTD inside"),
    ("<!DOCTYPE[^>]*>", '<!DOCTYPE RestingECG [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "DTD inside"),
    ("<!DOCTYPE[^>]*>", '<!DOCTYPE RestingECG [<!ATTLIST LeadData x CDATA "long">]>', "DTD inside"),
    ("<PatientID>.*?</PatientID>", "<PatientID>&x;</PatientID>", "not well-formed XML"),
    ("<MuseInfo>", "<a>" * 200 + "</a>" * 200 + "<MuseInfo>", "more than 100 levels"),
    ("<MuseInfo>", "<a/>" * 200_001 + "<MuseInfo>", "or 200000 elements"),
    ("</RestingECG>", "", "not well-formed XML"),
    ('encoding="[^"]*"', 'encoding="klingon"', "encoding 'klingon', which is unknown"),
    ('encoding="[^"]*"', 'encoding="base64"', "unknown|not accepted"),
])  # fmt: skip
def test_hostile_xml_is_one_clear_error(old: str, new: str, message: str, ecg: Ecg, tmp_path: Path) -> None:
    path = edited(write_recording(tmp_path / "a", ecg, "muse"), (old, new.replace("\\", "\\\\")))
    with pytest.raises(WaveformError, match=message) as caught:
        read_ecg(path)
    assert len(caught.value.faults) == 1


def test_xml_of_any_size_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.xml"
    with open(path, "wb") as stream:
        stream.write(b"<RestingECG>")
        stream.truncate(33 * 2**20)
    with pytest.raises(WaveformError, match="XML of 34603008 bytes; at most"):
        read_ecg(path)


@pytest.mark.parametrize("form", XML)
def test_prefixes_and_comments_do_not_matter(form: str, ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, form)
    raw = path.read_bytes()
    text = raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "utf-8" if form == "aecg" else "latin-1")
    head, body = re.fullmatch(r"(.*?\?>\s*(?:<!DOCTYPE[^>]*>)?)(.*)", text, re.DOTALL).groups()
    body = re.sub(r"<(/?)([A-Za-z])", r"<\1p:\2", body)
    body = body.replace("xmlns=", "xmlns:p=", 1) if "xmlns=" in body else re.sub(
        r"<(p:\w+)", r'<\1 xmlns:p="urn:x"', body, count=1)  # fmt: skip
    path.write_bytes(
        (re.sub('encoding="[^"]*"', 'encoding="utf-8"', head) + "<!-- hello -->" + body).encode()
    )
    read = read_ecg(path)
    assert read.patient_id == "P 17"
    np.testing.assert_allclose(read.signal, ecg.signal, atol=0.005)


# --- GE MUSE ---


def test_muse_applies_gain_offset_and_unit_and_derives_four_leads(ecg: Ecg, tmp_path: Path) -> None:
    plain = read_ecg(write_recording(tmp_path / "a", ecg, "muse")).signal
    path = edited(write_recording(tmp_path / "b", ecg, "muse"),
                  ("UnitsPerBit>4.88<", "UnitsPerBit>9.76<"), ("Baseline>0<", "Baseline>10<"))  # fmt: skip
    moved = read_ecg(path).signal
    chest = slice(6, 12)
    np.testing.assert_allclose(moved[chest], 2 * plain[chest] - 10 * 0.00976, atol=1e-5)
    np.testing.assert_allclose(moved[2], moved[1] - moved[0], atol=1e-6)
    np.testing.assert_allclose(moved[3:6].sum(axis=0), 0, atol=1e-6)
    milli = edited(path, (">9.76<", ">0,01<"), ("MICROVOLTS", "MILLIVOLTS"))
    np.testing.assert_allclose(read_ecg(milli).signal[chest], moved[chest] / 0.00976 * 0.01, atol=1e-4)


def test_muse_takes_the_rhythm_wherever_it_stands(ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, "muse")
    plain = read_ecg(path).signal
    text = path.read_text("latin-1")
    median, rhythm = re.findall(r"<Waveform>.*?</Waveform>", text, re.DOTALL)
    path.write_text(text.replace(median, "").replace(rhythm, rhythm + median), "latin-1")
    np.testing.assert_array_equal(read_ecg(path).signal, plain)
    short = re.sub(r"<LeadID>V6</LeadID>", "<LeadID>V6R</LeadID>", rhythm)
    path.write_text(text.replace(median, short), "latin-1")  # a first rhythm without V6
    np.testing.assert_array_equal(read_ecg(path).signal, plain)
    path.write_text(text.replace(rhythm, ""), "latin-1")
    with pytest.raises(WaveformError, match=r"holds no Rhythm waveform \(median\)"):
        read_ecg(path)
    path.write_text(text.replace(rhythm, short), "latin-1")
    with pytest.raises(WaveformError, match="no Rhythm waveform holds I, II, V1"):
        read_ecg(path)


def _muse_lead(path: Path, lead: str, data: bytes, *changes: tuple[str, str]) -> None:
    """Replace the samples of one rhythm lead."""
    text = path.read_text("latin-1")
    at = text.index(">Rhythm<")
    start = text.rindex("<LeadData>", at, text.index(f"<LeadID>{lead}</LeadID>", at))
    stop = text.index("</LeadData>", start)
    block = text[start:stop]
    text64 = base64.b64encode(data).decode()
    for pattern, new in [
        ("ByteCountTotal>10000<", f"ByteCountTotal>{len(data)}<"),
        ("SampleCountTotal>5000<", f"SampleCountTotal>{len(data) // 2}<"),
        (r"CRC32>\d+<", f"CRC32>{zlib.crc32(data)}<"),
        ("<WaveFormData>.*</WaveFormData>", f"<WaveFormData>{text64}</WaveFormData>"),
        *changes,
    ]:
        block = re.sub(pattern, new, block, flags=re.DOTALL)
    path.write_text(text[:start] + block + text[stop:], "latin-1")


def test_muse_leads_of_different_length_and_start(ecg: Ecg, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a", ecg, "muse")
    _muse_lead(path, "V2", np.full(4000, 100, "<i2").tobytes())
    _muse_lead(path, "V3", np.full(3000, 100, "<i2").tobytes(),
               ("OffsetFirstSample>0<", "OffsetFirstSample>500<"))  # fmt: skip
    signal = read_ecg(path).signal
    np.testing.assert_allclose(signal[7, :4000], 0.488, rtol=1e-6)
    assert np.isnan(signal[7, 4000:]).all()
    assert (np.flatnonzero(np.isfinite(signal[8]))[[0, -1]] == [500, 3499]).all()
    assert np.isfinite(signal[[0, 1, 2, 6]]).all()


@pytest.mark.parametrize(("old", "new", "message"), [
    ("CRC32>(.)", r"CRC32>9\1", "checksum|CRC32"),
    ("SampleCountTotal>5000<", "SampleCountTotal>4999<", "declares 4999 samples and holds 10000 bytes"),
    ("SampleCountTotal>5000<", "SampleCountTotal>1e18<", "expected a number"),
    ("UnitsPerBit>4.88<", "UnitsPerBit>0<", "LeadAmplitudeUnitsPerBit of I is '0'"),
    ("UnitsPerBit>4.88<", "UnitsPerBit>nan<", "LeadAmplitudeUnitsPerBit of I is 'nan'"),
    ("<LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit>", "", "is missing"),
    ("MICROVOLTS", "FURLONGS", "lead I is in unit 'FURLONGS'"),
    ("SampleSize>2<", "SampleSize>3<", "samples of 3 bytes"),
    ("CONTINUOUS_SAMPLES", "DIFFERENCES", "samples of type 'DIFFERENCES'"),
    ("SampleBase>500<", "SampleBase>0<", "SampleBase is '0'"),
    ("<WaveFormData>(....)", r"<WaveFormData>\1!", "is not base64"),
    ("<AcquisitionDate>03-04-2021<", "<AcquisitionDate>13-13-2021<", "the acquisition time is '13-13-2021'"),
    ("<LeadID>V4<", "<LeadID>V5<", "no Rhythm waveform holds"),
])  # fmt: skip
def test_wrong_muse_is_named(old: str, new: str, message: str, ecg: Ecg, tmp_path: Path) -> None:
    path = edited(write_recording(tmp_path / "a", ecg, "muse"), (old, new))
    with pytest.raises(WaveformError, match=message) as caught:
        read_ecg(path)
    assert all(str(path) in fault and "\n" not in fault for fault in caught.value.faults)


def test_muse_dates_and_statements(ecg: Ecg, tmp_path: Path) -> None:
    def when(day: str, birth: str = "") -> tuple[datetime | None, date | None]:
        path = edited(
            write_recording(tmp_path / "a", ecg, "muse"),
            ("AcquisitionDate>[^<]*<", f"AcquisitionDate>{day}<"),
            ("DateofBirth>[^<]*<", f"DateofBirth>{birth}<"),
        )
        read = read_ecg(path)
        return read.time, read.birth_date

    assert when("03-04-2021")[0] == datetime(2021, 3, 4, 5, 6, 7)
    assert when("2021-03-04")[0] == datetime(2021, 3, 4, 5, 6, 7)
    assert when("04-MAR-2021")[0] == datetime(2021, 3, 4, 5, 6, 7)
    # One date that can only be day-month-year decides for both.
    assert when("03-04-2021", "25-12-1950") == (datetime(2021, 4, 3, 5, 6, 7), date(1950, 12, 25))
    assert when("", "") == (None, None)
    path = edited(write_recording(tmp_path / "a", ecg, "muse"), ("<StmtFlag>ENDSLINE</StmtFlag>", ""),
                  ("</Diagnosis>", "<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>last</StmtText>"
                   "</DiagnosisStatement></Diagnosis><OriginalDiagnosis><DiagnosisStatement><StmtText>old</StmtText>"
                   "</DiagnosisStatement></OriginalDiagnosis>"))  # fmt: skip
    assert read_ecg(path).statements == ("Sinus rhythm Normal ECG & <no> change last",)


# --- small parts ---


@pytest.mark.parametrize(("text", "clock"), [
    ("14:43", (14, 43, 0)), ("14:43:09", (14, 43, 9)), ("144309", (14, 43, 9)), ("2:43 PM", (14, 43, 0)),
    ("12:05 am", (0, 5, 0)), ("25:00", None), ("noon", None), ("13:00 PM", None), ("", None),
])  # fmt: skip
def test_clock(text: str, clock: tuple[int, int, int] | None) -> None:
    found = fields.clock_of(text)
    assert (found and (found.hour, found.minute, found.second)) == clock


def test_times_of_hl7_and_dicom() -> None:
    def read(text: str) -> datetime | None:
        return fields.compact_moment(Path("x"), "time", text)

    assert read("20200131143005.250+0100") == datetime(2020, 1, 31, 14, 30, 5, 250_000)
    assert read("202001311430") == datetime(2020, 1, 31, 14, 30)
    assert read("20200131") == datetime(2020, 1, 31)
    assert read("00000000000000") is None
    with pytest.raises(WaveformError, match="expected a date and a time of day"):
        read("20201331143005")


def test_limb_leads_follow_from_two_electrode_differences() -> None:
    """From potentials of the three limb electrodes, by the definition of each lead."""
    right, left, foot = np.random.default_rng(1).normal(size=(3, 50))
    made = limb_leads(left - right, foot - right)
    np.testing.assert_allclose(made["III"], foot - left)
    np.testing.assert_allclose(made["aVR"], right - (left + foot) / 2)
    np.testing.assert_allclose(made["aVL"], left - (right + foot) / 2)
    np.testing.assert_allclose(made["aVF"], foot - (right + left) / 2)
