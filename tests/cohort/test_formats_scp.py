"""SCP-ECG written here by the standard's own words, and read through the library that decodes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccta_lib.cohort import read_ecg
from ccta_lib.cohort.recording import lead_name, millivolt_per
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS
from tests.fuzz.scp_file import scp

pytest.importorskip("ecgdatakit", reason="SCP-ECG needs ecgdatakit")


@pytest.mark.parametrize("differences", [0, 1])
def test_scp_is_read(differences: int, tones: Callable[..., np.ndarray], tmp_path: Path) -> None:
    signal = tones()
    read = read_ecg(scp(tmp_path / "a.scp", signal, differences=differences))
    np.testing.assert_allclose(read.signal[6:], signal[6:], atol=0.0026)
    np.testing.assert_allclose(read.signal, signal, atol=0.0051)
    assert (read.sampling_hz, read.signal.shape) == (500, (12, 5000))
    assert (read.patient_id, read.patient_name, read.sex) == ("P1", "Doe, Jo", "F")
    assert (read.birth_date, read.time) == (date(1950, 5, 14), datetime(2021, 3, 4, 5, 6, 7))


def test_wrong_scp_is_named(tones: Callable[..., np.ndarray], tmp_path: Path) -> None:
    signal = tones(seconds=1)
    for change, message in [
        ({"multiplier": 0}, "no amplitude multiplier"),
        ({"starts": 2**31}, "more than a resting ECG"),
    ]:
        with pytest.raises(WaveformError, match=message):
            read_ecg(scp(tmp_path / "a.scp", signal, **change))
    path = scp(tmp_path / "b.scp", signal)
    whole = bytearray(path.read_bytes())
    whole[-50] ^= 1
    path.write_bytes(bytes(whole))
    with pytest.raises(WaveformError, match="CRC mismatch"):
        read_ecg(path)
    path.write_bytes(bytes(whole[:3000]))
    with pytest.raises(WaveformError, match="not a readable SCP-ECG file"):
        read_ecg(path)


def test_without_its_library_one_file_is_refused(
    tones: Callable[..., np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ecgdatakit.parsing.parsers.scp_ecg", None)
    with pytest.raises(WaveformError, match="pip install ecgdatakit"):
        read_ecg(scp(tmp_path / "a.scp", tones(seconds=1)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 800), new=st.binary(min_size=1, max_size=6))
def test_damaged_scp_is_an_ecg_or_a_clear_error(
    at: int, new: bytes, tones: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    path = scp(tmp_path / "c.scp", tones(seconds=0.2))
    whole = bytearray(path.read_bytes())
    whole[at : at + len(new)] = new
    path.write_bytes(bytes(whole))
    try:
        assert read_ecg(path).signal.shape[0] == 12
    except WaveformError as error:
        faults = error.faults
    else:
        faults = []
    assert all("\n" not in fault for fault in faults)


REAL = ("ge_muse_1.xml", "ge_muse_2.xml", "philips_sierra_1_04.xml", "philips_sierra_1_04_01.xml", "hl7_aecg.xml",
        "dicom_ge.dcm", "A0001.edf")  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_our_readers_agree_with_ecgdatakit(reference_data: Path, name: str) -> None:
    """An implementation that shares no code with ours, on real exports."""
    from ecgdatakit import FileParser

    path = reference_data / "clinical_formats" / name
    ours = read_ecg(path).signal
    theirs = [lead for lead in FileParser().parse(path).leads if lead_name(lead.label)]
    assert len(theirs) in (8, 12)
    for lead in theirs:
        row = ours[LEADS.index(str(lead_name(lead.label)))]
        per_count = millivolt_per(lead.units or lead.resolution_unit) * (
            lead.resolution if lead.is_raw else 1
        )
        np.testing.assert_allclose(row, np.asarray(lead.samples)[: row.size] * per_count, atol=2e-6)
