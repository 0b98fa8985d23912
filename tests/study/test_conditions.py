"""What is done to ECGs is what its name says, and the checks are seen catching what they catch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccta_lib.cohort.quality import Reason
from ccta_lib.study.conditions import conditions
from ccta_lib.study.flagging import flag_table, judged, virtual_ecgs

MADE = {c.what: c for c in conditions()}


@pytest.fixture(scope="module")
def ecgs() -> np.ndarray:
    return virtual_ecgs(12, seed=3)


def test_names_are_unique_and_the_first_is_nothing(ecgs: np.ndarray) -> None:
    listed = conditions()
    assert len(MADE) == len(listed)
    np.testing.assert_array_equal(listed[0].apply(ecgs, seed=1), ecgs)
    assert not any("/" in c.what for c in listed)


def test_doses_of_a_kind_differ_in_size_alone_and_seeds_in_chance(ecgs: np.ndarray) -> None:
    small, large = (MADE[f"muscle of {mv} mV"].apply(ecgs, seed=1) - ecgs for mv in ("0.06", "0.24"))
    np.testing.assert_allclose(large, 4 * small, atol=1e-5)
    assert not np.allclose(MADE["muscle of 0.06 mV"].apply(ecgs, seed=2) - ecgs, small)
    wander = MADE["wander of 0.3 mV"].apply(ecgs, seed=1) - ecgs
    assert abs(np.corrcoef(wander.ravel(), small.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(("what", "reason"), [
    ("V1 flat", Reason.FLAT),
    ("V1-V6 flat", Reason.FLAT),
    ("microvolt taken for millivolt", Reason.IMPLAUSIBLE),
    ("millivolt taken for microvolt", Reason.FLAT),
    ("5 s", Reason.SHORT),
    ("8 s", Reason.SHORT),
    ("10 s at 250 Hz, declared 500", Reason.SHORT),
])  # fmt: skip
def test_what_is_excluded(ecgs: np.ndarray, what: str, reason: Reason) -> None:
    assert {v.reason for v in judged(MADE[what], ecgs, seed=1)} == {reason}


@pytest.mark.parametrize("what", ["columns II and III exchanged", "lead I upside down"])
def test_faults_of_an_export_are_flagged(ecgs: np.ndarray, what: str) -> None:
    assert all("einthoven" in v.note and not v.reason for v in judged(MADE[what], ecgs, seed=1))


@pytest.mark.parametrize("what", ["as recorded", "250 Hz", "125 Hz", "30 s", "gain times 2", "mains of 0.4 mV",
                                  "20 s at 250 Hz, declared 500", "all leads upside down"])  # fmt: skip
def test_what_passes_in_silence(ecgs: np.ndarray, what: str) -> None:
    assert {(v.reason, v.note) for v in judged(MADE[what], ecgs, seed=1)} == {("", "")}


def test_a_wrong_rate_changes_the_heart_rate_and_a_right_one_does_not(ecgs: np.ndarray) -> None:
    pytest.importorskip("torch")
    from ccta_lib.study.probing import heart_rates
    from ccta_lib.study.transport import as_stored

    rate = heart_rates(ecgs)
    for what, factor in (("250 Hz", 1), ("20 s at 250 Hz, declared 500", 2), ("500 Hz, declared 250", 0.5)):
        stored = as_stored(MADE[what].apply(ecgs, seed=1), MADE[what].declared_hz)
        assert np.median(heart_rates(stored) / rate) == pytest.approx(factor, rel=0.05)
    assert as_stored(MADE["5 s"].apply(ecgs, seed=1), 500) is None


def test_a_delivery_goes_through_files_and_is_counted(ecgs: np.ndarray, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from ccta_lib.study.transport import _check

    seen = {what: _check(MADE[what], MADE[what].apply(ecgs[:6], seed=1), ecgs[-1], tmp_path)
            for what in ("as recorded", "V1 flat", "8 s", "lead I upside down", "8 s and zeros")}  # fmt: skip
    counts = {what: (row["excluded"], row["flagged"], row["silent"]) for what, row in seen.items()}
    assert counts == {"as recorded": (0, 0, 6), "V1 flat": (6, 0, 0), "8 s": (6, 0, 0), "lead I upside down": (0, 6, 0),
                      "8 s and zeros": (0, 6, 0)}  # fmt: skip
    assert seen["8 s"]["reason"] == Reason.SHORT
    assert "goldberger" in seen["lead I upside down"]["flags"]
    assert not list(tmp_path.rglob("*.npy"))


def test_the_table_of_flags_counts() -> None:
    table = flag_table(number=6, seed=1, only=["as recorded", "5 s and zeros", "5 s"]).set_index("what")
    assert table["share"].to_dict() == {"as recorded": 0, "5 s": 1, "5 s and zeros": 1}
    assert table.loc["5 s and zeros", ["flagged", "said"]].tolist() == [6, "standstill"]
    assert table.loc["5 s", ["excluded", "said"]].tolist() == [6, "shorter than 10 s"]
    assert table.loc["as recorded", "high"] == pytest.approx(0.39, abs=0.01)  # Wilson, 0 of 6
