"""Whatever the file, the same heart comes out: lead names, order, units and rate are settled once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from ccta_lib.cohort import Ecg, read_ecg
from ccta_lib.cohort.ecg import source_files, source_sha256, split_row, standardise
from ccta_lib.cohort.recording import arrange, lead_name, millivolt_per
from ccta_lib.errors import WaveformError
from ccta_lib.files import sha256_file
from ccta_lib.schema import LEADS

Writer = Callable[..., Path]
Tones = Callable[..., np.ndarray]


@pytest.mark.parametrize(("text", "lead"), [
    ("i", "I"), ("II", "II"), ("iii", "III"), ("AVR", "aVR"), ("avl", "aVL"), (" aVF ", "aVF"), ("v1", "V1"),
    ("MDC_ECG_LEAD_AVF", "aVF"), ("MDC_ECG_LEAD_III", "III"), ("mdc_ecg_lead_v6", "V6"), ("Lead II", "II"),
    ("Lead_aVR", "aVR"), ("ECG V2", "V2"), ("DI", "I"), ("DIII", "III"), ("C4", "V4"),
    ("-aVR", None), ("V7", None), ("V3R", None), ("vx", None), ("IIII", None), ("", None), ("PLETH", None),
])  # fmt: skip
def test_lead_names(text: str, lead: str | None) -> None:
    assert lead_name(text) == lead


@pytest.mark.parametrize(("unit", "factor"), [
    ("mV", 1), ("MV", 1), ("uV", 1e-3), ("µV", 1e-3), ("μV", 1e-3), ("V", 1e3), ("nV", 1e-6), (" millivolt ", 1),
    ("NU", None), ("", None), ("mmHg", None),
])  # fmt: skip
def test_units(unit: str, factor: float | None) -> None:
    assert millivolt_per(unit) == factor


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(12)), microvolt=st.lists(st.booleans(), min_size=12, max_size=12),
       lower=st.booleans())  # fmt: skip
def test_channel_order_and_units_do_not_matter(tones: Tones, order: list[int], microvolt: list[bool],
                                               lower: bool) -> None:  # fmt: skip
    signal = tones(seconds=0.1)
    names = [LEADS[i].lower() if lower else LEADS[i] for i in order]
    units = ["uV" if micro else "mV" for micro in microvolt]
    channels = signal[order] * np.where(microvolt, 1e3, 1.0)[:, None]
    np.testing.assert_allclose(arrange(channels, names, units, source="x"), signal, rtol=1e-6)


def test_wfdb_in_any_order_case_and_unit_reads_the_same(write_wfdb: Writer, tones: Tones) -> None:
    signal = tones()
    plain = read_ecg(write_wfdb("plain", signal))
    order = np.random.default_rng(3).permutation(12)
    shuffled = write_wfdb("shuffled", np.vstack([signal[order], signal[:1] * 0]),
                          leads=[*(LEADS[i].lower() for i in order), "vx"])  # fmt: skip
    np.testing.assert_array_equal(read_ecg(shuffled).signal, plain.signal)
    np.testing.assert_allclose(plain.signal, signal, atol=5.1e-4)
    micro = write_wfdb("micro", signal * 10, units=["uV"] * 12)
    np.testing.assert_allclose(read_ecg(micro).signal, signal / 100, atol=5.1e-7)
    assert plain.leads == LEADS
    assert plain.signal.dtype == np.float32
    assert (plain.sampling_hz, plain.seconds, plain.patient_id) == (500, 10, None)


@pytest.mark.parametrize("value", [1e9, np.inf, -np.inf, 1e300])
def test_no_heart_has_a_kilovolt(value: float, tones: Tones) -> None:
    signal = tones(seconds=0.1)
    signal[8, 3] = value
    with pytest.raises(WaveformError, match=r"x: lead V3 reaches .* mV; its gain or unit cannot be right"):
        arrange(signal, LEADS, ["mV"] * 12, source="x")
    signal[8, 3] = np.nan  # a missing sample is none
    assert np.isnan(arrange(signal, LEADS, ["mV"] * 12, source="x")).sum() == 1


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_a_record_is_found_however_it_is_written(write_wfdb: Writer, suffix: str, tones: Tones) -> None:
    record = write_wfdb("a-b_1", tones())
    assert read_ecg(f"{record}{suffix}").signal.shape == (12, 5000)
    assert [p.name for p in source_files(f"{record}{suffix}")] == ["a-b_1.hea", "a-b_1.dat"]


def test_wfdb_mat_with_offset(tmp_path: Path, tones: Tones) -> None:
    """The form of the PhysioNet Challenges: a MATLAB file whose samples begin after 24 bytes."""
    signal = tones()
    savemat(tmp_path / "JS1.mat", {"val": np.rint(signal * 1000).astype("<i2")}, format="4")
    lines = [f"JS1.mat 16+24 1000(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS]
    (tmp_path / "JS1.hea").write_text("\n".join(["JS1 12 500 5000", *lines, "#Age: 60"]) + "\n")
    for name in ("JS1", "JS1.mat"):
        np.testing.assert_allclose(read_ecg(tmp_path / name).signal, signal, atol=5.1e-4)


def test_wfdb_time_and_missing_samples(write_wfdb: Writer, tones: Tones) -> None:
    signal = tones()
    signal[3, 40:60] = np.nan
    record = write_wfdb("timed", signal, base_date=date(2021, 3, 4), base_time=clock(5, 6, 7))
    ecg = read_ecg(record)
    assert ecg.time == datetime(2021, 3, 4, 5, 6, 7)
    assert np.isnan(ecg.signal).sum(axis=1).tolist() == [0, 0, 0, 20] + [0] * 8
    assert read_ecg(write_wfdb("untimed", signal)).time is None


def test_numpy_arrays(tmp_path: Path, tones: Tones) -> None:
    signal = tones().astype(np.float32)
    np.save(tmp_path / "float.npy", signal)
    np.save(tmp_path / "micro.npy", np.rint(signal * 1000).astype(np.int16))
    np.save(tmp_path / "many.npy", np.stack([signal * 0, signal]))
    np.save(tmp_path / "half.npy", signal.astype(np.float16))
    np.testing.assert_array_equal(read_ecg(tmp_path / "float.npy", sampling_hz=500).signal, signal)
    np.testing.assert_allclose(read_ecg(tmp_path / "micro.npy", sampling_hz=500).signal, signal, atol=5.1e-4)
    np.testing.assert_allclose(read_ecg(tmp_path / "half.npy", sampling_hz=500).signal, signal, atol=1e-3)
    np.testing.assert_array_equal(read_ecg(f"{tmp_path}/many.npy#1", sampling_hz=500).signal, signal)
    np.testing.assert_array_equal(read_ecg(tmp_path / "many.npy", sampling_hz=500, row=1).signal, signal)
    assert split_row("a/many.npy#17") == (Path("a/many.npy"), 17)
    assert split_row("a/b#17") == (Path("a/b#17"), None)


def test_npz_archives(tmp_path: Path, tones: Tones) -> None:
    signal = tones().astype(np.float32)
    np.savez(tmp_path / "a.npz", signal=signal, sampling_hz=500.0)
    np.savez(tmp_path / "b.npz", signal=signal[::-1] * 1000, sampling_hz=500, leads=LEADS[::-1], unit="uV")
    np.savez(tmp_path / "c.npz", signal=np.rint(signal[::-1] * 1000).astype(int), leads=LEADS[::-1])
    np.testing.assert_array_equal(read_ecg(tmp_path / "a.npz").signal, signal)
    np.testing.assert_allclose(read_ecg(tmp_path / "b.npz").signal, signal, rtol=1e-6)
    np.testing.assert_allclose(read_ecg(tmp_path / "c.npz", sampling_hz=500).signal, signal, atol=5.1e-4)
    with pytest.raises(WaveformError, match="does not say its sampling rate"):
        read_ecg(tmp_path / "c.npz")


def test_content_decides_not_the_suffix(tmp_path: Path, tones: Tones) -> None:
    np.save(tmp_path / "x.npy", tones())
    (tmp_path / "x.npy").rename(tmp_path / "recording.ecg")
    assert read_ecg(tmp_path / "recording.ecg", sampling_hz=500).signal.shape == (12, 5000)


def test_faulty_wfdb_is_named(write_wfdb: Writer, tmp_path: Path, tones: Tones) -> None:
    signal = tones()
    with pytest.raises(WaveformError, match=r"lead aVR, V6 is missing \(channels: I, II, III"):
        read_ecg(write_wfdb("ten", signal[[0, 1, 2, *range(4, 11)]], leads=[*LEADS[:3], *LEADS[4:11]]))
    with pytest.raises(WaveformError, match="lead V1 occurs 2 times"):
        read_ecg(write_wfdb("double", np.vstack([signal, signal[6:7]]), leads=[*LEADS, "C1"]))
    with pytest.raises(WaveformError, match="lead II is in unit 'NU'; expected V, mV, uV or nV"):
        read_ecg(write_wfdb("unit", signal, units=["mV", "NU", *["mV"] * 10]))
    record = write_wfdb("rate", signal)
    header = record.with_suffix(".hea")
    header.write_text(header.read_text().replace("rate 12 500 5000", "rate 12"))
    with pytest.raises(WaveformError, match="does not say its sampling rate; give sampling_hz"):
        read_ecg(record)
    assert read_ecg(record, sampling_hz=500).sampling_hz == 500
    with pytest.raises(WaveformError, match="says 500 Hz, sampling_hz says 1000"):
        read_ecg(write_wfdb("conflict", signal), sampling_hz=1000)
    lost = write_wfdb("lost", signal)
    lost.with_suffix(".dat").unlink()
    with pytest.raises(WaveformError, match=r"names lost\.dat, which is not beside it"):
        read_ecg(lost)
    short = write_wfdb("short", signal)
    short.with_suffix(".dat").write_bytes(b"\1\2" * 100)
    with pytest.raises(WaveformError, match="signals cannot be read"):
        read_ecg(short)
    (tmp_path / "lonely.mat").write_bytes(b"\0" * 100)
    with pytest.raises(WaveformError, match=r"WFDB header lonely\.hea is missing beside it"):
        read_ecg(tmp_path / "lonely.mat")


def test_other_faults_are_named(tmp_path: Path, tones: Tones) -> None:
    signal = tones()
    np.save(tmp_path / "a.npy", signal)
    np.save(tmp_path / "t.npy", signal.T)
    np.save(tmp_path / "n.npy", signal[None])
    np.save(tmp_path / "c.npy", signal.astype(complex))
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "x.xml").write_text("<?xml version='1.0'?><Invoice/>")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:1000])
    for path, message in [
        ("a.npy#0", "holds one recording; leave out '#0'"),
        ("t.npy", r"shape \(5000, 12\), expected \(12, samples\); transpose it"),
        ("n.npy", "holds 1 recordings; say which, as in n.npy#0"),
        ("n.npy#1", "row 1 was asked for, it has rows 0 to 0"),
        ("c.npy", "type complex128"),
        ("o.npy", "not a readable .npy"),
        ("cut.npy", "not a readable .npy"),
        ("x.xml", r"unknown format \(XML with root element Invoice\)"),
        ("nothing", "no such recording"),
        (".", "is a folder"),
    ]:
        with pytest.raises(WaveformError, match=message):
            read_ecg(f"{tmp_path}/{path}", sampling_hz=500)
    with pytest.raises(WaveformError, match="does not say its sampling rate"):
        read_ecg(tmp_path / "a.npy")
    for rate in (0.0, -1.0, float("inf")):
        with pytest.raises(WaveformError, match="expected a positive number"):
            read_ecg(tmp_path / "a.npy", sampling_hz=rate)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_header_is_an_ecg_or_one_clear_error(
    data: st.DataObject, write_wfdb: Writer, tones: Tones
) -> None:
    record = write_wfdb("fuzz", tones(seconds=1))
    header = record.with_suffix(".hea")
    text = bytearray(header.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    header.write_bytes(bytes(text))
    with suppress(WaveformError):  # any other exception fails the test
        assert read_ecg(record).signal.shape[0] == 12


@settings(max_examples=60, deadline=None)
@given(hz=st.sampled_from([100, 125, 128, 200, 240, 250, 257, 360, 977.52, 1000, 1024]) | st.floats(100, 2000),
       frequency=st.floats(1, 30), offset=st.floats(-5, 5))  # fmt: skip
@example(hz=100, frequency=27.5625, offset=0.0)
@example(hz=100, frequency=29.717925600995166, offset=0.0)
def test_resampling_keeps_frequency_amplitude_and_offset(hz: float, frequency: float, offset: float) -> None:
    t = np.arange(int(np.ceil(10 * hz)) + 3) / hz
    signal = np.tile((offset + np.sin(2 * np.pi * frequency * t)).astype(np.float32), (12, 1))
    result = standardise(Ecg(signal=signal, sampling_hz=hz))
    assert result.shape == (12, 5000)
    expected = offset + np.sin(2 * np.pi * frequency * np.arange(5000) / 500)
    inside = slice(100, -100)  # 0.2 s: the filter's reach at the edges
    assert np.abs(result[0][inside] - expected[inside]).max() < 0.03 + 0.1 * (hz < 110)
    # At the last samples nothing is known of what follows; the slower the recording, the less the filter has to go by.
    # The largest error over tones from 15 to 30 Hz is 1.32 at 100 samples a second, 1.19 at 110 and 1.00 at 125.
    assert np.abs(result[0] - expected).max() < 1.2 + 0.2 * (hz < 115)


def test_what_lies_above_the_new_nyquist_frequency_is_filtered_out() -> None:
    t = np.arange(10_000) / 1000
    high = np.tile(np.sin(2 * np.pi * 400 * t).astype(np.float32), (12, 1))  # would fold to 100 Hz
    assert np.abs(standardise(Ecg(signal=high, sampling_hz=1000))[:, 100:-100]).max() < 0.01


def test_ten_seconds_are_cropped_never_padded(tones: Tones) -> None:
    signal = tones(seconds=13).astype(np.float32)
    np.testing.assert_array_equal(standardise(Ecg(signal=signal, sampling_hz=500)), signal[:, :5000])
    with pytest.raises(WaveformError, match=r"recording of 9\.998 s; 10 s are needed, none is padded"):
        standardise(Ecg(signal=signal[:, :4999], sampling_hz=500))
    with pytest.raises(WaveformError, match="at least 100 Hz"):
        standardise(Ecg(signal=signal, sampling_hz=50))
    late = signal.copy()
    late[:, 5000:] = np.nan
    assert np.isfinite(standardise(Ecg(signal=late, sampling_hz=500))).all()


def test_a_flat_lead_stays_exactly_flat_when_resampled(tones: Tones) -> None:
    signal = tones(1000).astype(np.float32)
    signal[4] = 0.37
    assert np.ptp(standardise(Ecg(signal=signal, sampling_hz=1000))[4]) < 1e-6


def test_source_hash_covers_header_and_samples(write_wfdb: Writer, tones: Tones) -> None:
    record = write_wfdb("a", tones())
    files = source_files(record)
    before = source_sha256(files)
    assert source_sha256(files[:1]) == sha256_file(files[0])
    samples = bytearray(files[1].read_bytes())
    samples[100] ^= 1
    files[1].write_bytes(bytes(samples))
    assert source_sha256(files) != before
