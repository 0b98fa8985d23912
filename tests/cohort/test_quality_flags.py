"""What looks exchanged or padded is flagged: seen catching, and counted on ECGs with nothing known to be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort import read_ecg
from ccta_lib.cohort.ecg import standardise
from ccta_lib.cohort.quality import Limits, agreement_with_v6, assess, standstill
from ccta_lib.errors import ParameterError
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import Job, block_signals
from ccta_lib.study.conditions import conditions

MADE = {c.what: c for c in conditions()}


@pytest.fixture(scope="module")
def ecgs() -> np.ndarray:
    """64 virtual ECGs, millivolt."""
    job = Job(CohortSizes(64, 64, 64, 0, 0), 11, DEFAULT_SETTINGS)
    return block_signals(job, "internal", 0).astype(np.float32) / 1000


def flagged(signals: np.ndarray, flag: str) -> float:
    return float(np.mean([flag in assess(x).note.split() for x in signals]))


@pytest.mark.parametrize(("what", "flag", "least"), [
    ("right and left arm", "limb_against_chest", 0.95),
    ("right arm and leg", "limb_against_chest", 0.85),
    ("V1-V6 in reverse", "limb_against_chest", 0.8),
    ("5 s and zeros", "standstill", 1.0),
    ("8 s and zeros", "standstill", 1.0),
])  # fmt: skip
def test_what_is_caught(ecgs: np.ndarray, what: str, flag: str, least: float) -> None:
    assert flagged(MADE[what].apply(ecgs, seed=1), flag) >= least


@pytest.mark.parametrize(
    "what", ["as recorded", "wander of 2.4 mV", "muscle of 0.24 mV", "gain times 2", "left arm and leg"]
)
def test_what_is_left_alone(ecgs: np.ndarray, what: str) -> None:
    disturbed = MADE[what].apply(ecgs, seed=1)
    assert flagged(disturbed, "limb_against_chest") <= 0.05
    assert flagged(disturbed, "standstill") == 0


def test_a_flag_never_excludes_and_its_limit_can_be_moved(ecgs: np.ndarray) -> None:
    arms = MADE["right and left arm"].apply(ecgs[:5], seed=1)
    assert all(assess(x).reason == "" for x in arms)
    lenient = Limits(opposed_one=-1, opposed_two=-1)
    assert all("limb_against_chest" not in assess(x, limits=lenient).note for x in arms)
    with pytest.raises(ParameterError, match="opposed_one -2"):
        Limits(opposed_one=-2)
    with pytest.raises(ParameterError, match="standstill_s 0;"):
        Limits(standstill_s=0)


def test_agreement_does_not_feel_gain_offset_or_wander(ecgs: np.ndarray) -> None:
    base = agreement_with_v6(ecgs[0])
    drift = 2 * np.sin(2 * np.pi * 0.1 * np.arange(5000) / 500)
    assert agreement_with_v6(3 * ecgs[0] + 1 + drift) == pytest.approx(base, abs=0.02)
    assert agreement_with_v6(-ecgs[0]) == pytest.approx(base)


def test_standstill_by_hand() -> None:
    x = np.random.default_rng(0).normal(size=(12, 500))
    assert standstill(x) == 0
    x[:, 100:151] = 0.7  # 51 equal samples: 50 steps without change
    assert standstill(x) == pytest.approx(50 / 500)
    x[3, 120] = 0.8  # one lead moves, away and back: sample 121 to 150 are left
    assert standstill(x) == pytest.approx(29 / 500)
    assert standstill(np.zeros((12, 500))) == pytest.approx(499 / 500)


@pytest.mark.slow
def test_false_alarms_on_real_ecgs(reference_data: Path) -> None:
    folder = reference_data / "realecg"
    table = pd.read_csv(folder / "manifest.csv")
    notes = []
    for path, hz in zip(table["waveform"], table["sampling_hz"], strict=True):
        verdict = assess(standardise(read_ecg(folder / path, sampling_hz=hz)))
        if not verdict.reason:
            notes.append(verdict.note.split())
    assert len(notes) > 300
    assert np.mean(["limb_against_chest" in n for n in notes]) <= 0.04
    assert not any("standstill" in n for n in notes)
