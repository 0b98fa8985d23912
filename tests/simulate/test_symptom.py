"""The symptom column: its own random numbers, its frequencies, its relation to disease."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ccta_lib.book.locate import shipped_run
from ccta_lib.files import read_json
from ccta_lib.schema import VESSELS, labels, read_predictions
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes, assumptions, simulate_cohort
from ccta_lib.simulate.cohort import Job, block_signals, tables
from ccta_lib.simulate.observer import frozen_observer, settings_key
from ccta_lib.simulate.patients import Cohort, draw_cohort
from ccta_lib.simulate.settings import Settings, SymptomSettings
from ccta_lib.simulate.symptom import SYMPTOMS, symptom_probabilities

JOB = Job(CohortSizes.scaled(160, 80, 60), 1000, DEFAULT_SETTINGS)
# Drawn by the version before there were symptoms: the table as CSV, and microvolts without sign summed over
# the first 64 ECGs, lead by lead.
TABLE_BEFORE = "778ceb2c2ffab57c2ff8043fcddbb025206e1862e17fb52e998f7ac65249055d"
SIGNALS_BEFORE = {
    "internal": [25828718, 35523316, 28681030, 28014435, 20367644, 29197573,
                 26978804, 34678364, 43515808, 43360676, 38973812, 30804082],
    "external": [36515210, 45454716, 38515302, 36681565, 29702904, 37796779,
                 36495570, 41079130, 48665226, 47023946, 44280334, 37701060],
    "followup": [35565212, 42497722, 37279494, 34391457, 29388249, 35879502,
                 36334948, 42367082, 46032300, 47904982, 42814904, 36984948],
}  # fmt: skip


def other_symptoms() -> Settings:
    changed = SymptomSettings(share=(0.5, 0.2, 0.1, 0.1, 0.1), on_dose=(0.0, 0.0, 0.0, 0.0, 2.0))
    return dataclasses.replace(DEFAULT_SETTINGS, symptom=changed)


def test_nothing_else_moved() -> None:
    table, _ = tables(JOB)
    without = table.drop(columns="symptom").to_csv(index=False)
    assert hashlib.sha256(without.encode()).hexdigest() == TABLE_BEFORE
    for name, expected in SIGNALS_BEFORE.items():
        signals = block_signals(JOB, name, 0).astype(np.int64)
        # Another processor may round a sample to the neighbouring microvolt, no more.
        np.testing.assert_allclose(np.abs(signals).sum(axis=(0, 2)), expected, rtol=1e-6)


def test_the_shipped_run_has_the_symptoms_of_its_seed() -> None:
    """The shipped table was predicted before there were symptoms: drawn again, all its columns are equal."""
    folder = shipped_run()
    shipped, record = read_predictions(folder / "predictions.parquet"), read_json(folder / "run.json")
    sizes = CohortSizes(**record["stages"]["cohort"]["sizes"])
    table, truth = tables(Job(sizes, record["seed"], DEFAULT_SETTINGS))
    common = [c for c in shipped.columns if c in table.columns]
    assert {"symptom", "ecg_id", "age", "grade_lad", "ecg_normal", "followup_days"} <= set(common)
    drawn = table[common].astype({c: shipped[c].dtype for c in common})
    pd.testing.assert_frame_equal(drawn, shipped[common])
    kept = pd.read_parquet(folder / "truth.parquet").astype(truth.dtypes.to_dict())
    ideal = [c for c in truth.columns if c.startswith("ideal_")]
    pd.testing.assert_frame_equal(truth.drop(columns=ideal), kept.drop(columns=ideal), rtol=1e-9)
    # Stored with six decimals; another type of processor rounds a few of them to the next one.
    pd.testing.assert_frame_equal(truth[ideal], kept[ideal], rtol=0, atol=1.5e-6)


def test_other_symptoms_leave_every_other_column_and_the_frozen_truth_alone() -> None:
    table, truth = tables(JOB)
    other_job = dataclasses.replace(JOB, settings=other_symptoms())
    other, _ = tables(other_job)
    pd.testing.assert_frame_equal(table.drop(columns="symptom"), other.drop(columns="symptom"))
    assert (table["symptom"] != other["symptom"]).mean() > 0.3
    assert settings_key(other_symptoms()) == settings_key(DEFAULT_SETTINGS) == frozen_observer().key
    assert truth["ideal_lad"].notna().all()


def test_waveforms_of_an_older_folder_are_kept(tmp_path: Path) -> None:
    sizes = CohortSizes.scaled(6, 0, 0)
    path = simulate_cohort(tmp_path, sizes=sizes, seed=3)
    signals = tmp_path / "waveforms" / "signals.npy"
    before = signals.stat().st_mtime_ns
    simulate_cohort(tmp_path, sizes=sizes, seed=3, settings=other_symptoms())
    assert signals.stat().st_mtime_ns == before
    again = pd.read_parquet(path)["symptom"]
    simulate_cohort(tmp_path, sizes=sizes, seed=3)
    assert list(again) != list(pd.read_parquet(path)["symptom"])


@pytest.fixture(scope="module")
def large() -> Cohort:
    sizes = CohortSizes.scaled(25_000, 1, 1)
    return draw_cohort("internal", sizes, seed=11, settings=DEFAULT_SETTINGS)


def test_one_symptom_per_examination(large: Cohort) -> None:
    assert large.table["symptom"].isin(SYMPTOMS).all()
    assert large.table.groupby("exam_id")["symptom"].nunique().max() == 1
    assert large.table.groupby("patient_id")["symptom"].nunique().max() == 2


def test_frequencies_are_those_of_the_settings(large: Cohort) -> None:
    one = np.flatnonzero(~large.table["exam_id"].duplicated().to_numpy())
    t, hearts = large.table.iloc[one], large.hearts.take(one)
    diabetes = t["diabetes"].to_numpy(bool)
    p = symptom_probabilities(large.percent[one], hearts.male, diabetes, DEFAULT_SETTINGS)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    counts = np.array([(t["symptom"] == s).sum() for s in SYMPTOMS])
    assert stats.chisquare(counts, p.sum(axis=0)).pvalue > 1e-3
    # By hand: a man without disease or diabetes, a woman with an occluded artery and diabetes.
    hand = symptom_probabilities(
        np.array([[0, 0, 0, 0], [0, 0, 99, 20]]),
        np.array([True, False]),
        np.array([False, True]),
        DEFAULT_SETTINGS,
    )
    s = DEFAULT_SETTINGS.symptom
    np.testing.assert_allclose(hand[0], np.array(s.share) / sum(s.share))
    odds = s.share[0] / s.share[2] * np.exp(1.6 - 0.3 - 0.3) / np.exp(0.1)
    assert hand[1, 0] / hand[1, 2] == pytest.approx(odds)


def test_typical_pain_goes_with_disease_and_diabetes_is_silent(large: Cohort) -> None:
    t = large.table.drop_duplicates("exam_id")
    severe = np.column_stack([labels(t[v.grade_column]) for v in VESSELS]).any(axis=1)
    share = {s: severe[(t["symptom"] == s).to_numpy()].mean() for s in SYMPTOMS}
    assert share["typical"] > share["atypical"] > share["nonanginal"]
    odds = {s: share[s] / (1.0 - share[s]) for s in SYMPTOMS}
    assert 2.5 < odds["typical"] / odds["nonanginal"] < 4.0  # the ESC 2019 table from 60 years on: 2.8 to 3.4
    diabetes = t["diabetes"].to_numpy(bool)
    silent = (t["symptom"] == "none").to_numpy()
    assert silent[diabetes].mean() > 1.2 * silent[~diabetes].mean()


def test_symptom_settings_are_listed_as_assumptions() -> None:
    listed = assumptions().set_index("name")
    mine = listed[listed.index.str.startswith("symptom.")]
    assert len(mine) == len(dataclasses.fields(SymptomSettings))
    assert mine["source"].str.startswith("assumption").all()
