"""A damaged file of any form is either an ECG or one clear error per fault; never another exception."""

from __future__ import annotations

import resource
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccta_lib.cohort import Ecg, read_ecg
from ccta_lib.errors import WaveformError
from ccta_lib.simulate.recordings import WRITABLE, write_recording


@pytest.fixture(scope="module")
def whole(tones: Callable[..., np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One short recording in every form."""
    ecg = Ecg(signal=tones(seconds=0.2).astype(np.float32), sampling_hz=500.0, time=datetime(2021, 3, 4, 5, 6, 7),
              patient_id="P1", patient_name="Doe, Jo", birth_date=date(1950, 1, 2), age=71, sex="M",
              statements=("Sinus rhythm",), recording_id="r")  # fmt: skip
    folder = tmp_path_factory.mktemp("whole")
    return {form: write_recording(folder / form, ecg, form) for form in WRITABLE}


def _mutated(data: st.DataObject, original: bytes, *, header: int) -> bytes:
    """Cut, overwrite, insert or double a piece; half the time near the front, where headers stand."""
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        last = max(len(damaged) - 1, 0)
        at = data.draw(st.integers(0, last) | st.integers(0, min(header, last)))
        kind = data.draw(st.sampled_from(["cut", "overwrite", "insert", "double", "digits"]))
        if kind == "cut":
            del damaged[at:]
        elif kind == "overwrite":
            new = data.draw(st.binary(min_size=1, max_size=8))
            damaged[at : at + len(new)] = new
        elif kind == "insert":
            damaged[at:at] = data.draw(st.binary(min_size=1, max_size=8))
        elif kind == "digits":  # numbers are where declared sizes stand
            found = next((i for i in range(at, len(damaged)) if damaged[i : i + 1].isdigit()), None)
            if found is not None:
                damaged[found : found + 1] = data.draw(
                    st.sampled_from([b"-1", b"0", b"9" * 9, b"1e30", b"nan", b""])
                )
        else:
            damaged[at:at] = damaged[at : at + data.draw(st.integers(1, 200))]
    return bytes(damaged)


@pytest.mark.parametrize("form", WRITABLE)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_an_ecg_or_a_clear_error(form: str, whole: dict[str, Path], data: st.DataObject) -> None:
    _check(form, whole, data)


@pytest.mark.slow
@pytest.mark.parametrize("form", WRITABLE)
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_much_damage_is_an_ecg_or_a_clear_error(
    form: str, whole: dict[str, Path], data: st.DataObject
) -> None:
    _check(form, whole, data)


def _check(form: str, whole: dict[str, Path], data: st.DataObject) -> None:
    path = whole[form].with_name(f"damaged{whole[form].suffix}")
    path.write_bytes(_mutated(data, whole[form].read_bytes(), header=3000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    faults: list[str] = []
    try:  # any other exception fails the test
        signal = read_ecg(path, sampling_hz=500 if form == "npy" else None).signal
        assert signal.shape[0] == 12
        assert not np.isinf(signal).any()
    except WaveformError as error:
        faults = error.faults
    assert all(fault and "\n" not in fault for fault in faults), faults
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 2**29, f"{grown} bytes for a file of {path.stat().st_size}"
