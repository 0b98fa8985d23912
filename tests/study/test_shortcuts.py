"""A planted shortcut is found, and what is measured is what its name says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from ccta_lib.evaluation.leakage import shortcut_gains
from ccta_lib.schema import VESSELS
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import Job, block_signals, block_waves, draw_cohort
from ccta_lib.study import Workspace, load_size
from ccta_lib.study.leakage import cells, crossed_halves, run
from ccta_lib.study.probing import heart_rates, noise_levels
from ccta_lib.study.shortcuts import PLANTED, _mean, _tested, devices
from ccta_lib.study.workspace import Data


@pytest.mark.parametrize("odds", [1.0, 4.0, 16.0])
def test_devices_go_with_the_label_at_the_given_odds(odds):
    label = np.repeat([0.0, 1.0, np.nan], [40_000, 20_000, 10_000])
    noisy = devices(label, odds, generator=np.random.default_rng(1))
    ill, well = noisy[label == 1].mean(), noisy[label == 0].mean()
    assert (ill / (1 - ill)) / (well / (1 - well)) == pytest.approx(odds, rel=0.06)
    assert noisy[np.isnan(label)].mean() == pytest.approx(0.5, abs=0.02)


def test_larger_odds_change_devices_in_one_direction_only():
    label = np.random.default_rng(0).integers(0, 2, 500).astype(float)
    one, more = (devices(label, odds, generator=np.random.default_rng(2)) for odds in (1.0, 9.0))
    assert (more[label == 1] >= one[label == 1]).all()
    assert (more[label == 0] <= one[label == 0]).all()


def test_a_network_that_leans_on_the_device_is_found_out(tmp_path: Path):
    """Scores made by hand: what disease shows, and a step of 2 log odds by the noisy device for the planted artery."""
    rng = np.random.default_rng(3)
    n = 800
    grade = np.where(rng.random((n, 4)) < 0.4, "severe", "normal")
    table = pd.DataFrame(grade, columns=[v.grade_column for v in VESSELS])
    table.insert(0, "ecg_id", [f"E{i}" for i in range(n)])
    table.insert(1, "patient_id", [f"P{i // 2}" for i in range(n)])
    test = Data(table, None, pd.DataFrame({"ecg_id": table["ecg_id"]}))  # type: ignore[arg-type]
    quiet = test.targets + rng.normal(0, 1.5, (n, 4)) - 1
    loud = quiet + 2.0 * (np.arange(4) == VESSELS.index(PLANTED))
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    rows = pd.DataFrame(
        [{**r, "seed": s} for s in (1, 2, 3) for r in _tested(16.0, sigmoid(quiet), sigmoid(loud), test, s)]
    )
    gains = shortcut_gains(rows).set_index(["vessel", "gain"])["estimate"]
    assert gains["LAD", "inflation inside"] > 0.1
    assert gains["LAD", "change where reversed"] < -0.1
    for vessel in ("RCA", "LM", "LCX"):
        assert gains[vessel, "inflation inside"] == 0
    shift = rows[rows["metric"] == "log odds"].groupby("vessel")["estimate"].mean()
    assert shift["LAD"] == pytest.approx(2.0)
    assert shift["RCA"] == pytest.approx(0.0)
    device = rows[rows["test"] == "device alone, as in training"]["estimate"]
    assert device.mean() == pytest.approx(0.8, abs=0.03)  # (1 + .8 - .2) / 2


def test_the_mean_shift_has_the_interval_of_its_patients():
    values, patients = np.array([1.0, 1.0, 3.0, 3.0]), np.array(["a", "a", "b", "b"])
    found = _mean(values, patients)
    assert (found.estimate, found.se) == pytest.approx(
        (2.0, 1.0)
    )  # means 1 and 3: sd sqrt 2, over sqrt 2 patients


def test_halves_cross_and_hold_one_ecg_of_each_patient_with_several():
    patients = np.array(list("aabcccddeffg"))
    halves, held, rest = crossed_halves(patients, generator=np.random.default_rng(4))
    assert sorted(patients[rest]) == ["b", "e", "g"]
    assert sorted(patients[held]) == ["a", "c", "d", "f"]
    several = pd.Series(halves, index=patients)
    assert (several.groupby(level=0).agg(lambda h: len(set(h))) == 1).all()
    assert sorted(several[~several.index.duplicated()][["a", "c", "d", "f"]]) == [0, 0, 1, 1]
    assert (several[["b", "e", "g"]] == -1).all()


def test_heart_rate_and_noise_are_measured_as_planted():
    job = Job(CohortSizes(64, 64, 64, 0, 0), 5, DEFAULT_SETTINGS)
    cohort = draw_cohort("internal", job.sizes, seed=5, settings=DEFAULT_SETTINGS)
    waves, _ = block_waves(cohort, 0, seed=5, settings=DEFAULT_SETTINGS)
    signals = block_signals(job, "internal", 0).astype(np.float32) / 1000
    regular = ~waves.af & (waves.n_pvc == 0) & (waves.n_pac == 0)
    assert np.median(np.abs(heart_rates(signals[regular]) / waves.rate[regular] - 1)) < 0.03
    white = np.random.default_rng(6).normal(0, 0.05, (3, 12, 5000))
    np.testing.assert_allclose(np.exp(noise_levels(white)), 0.05, rtol=0.03)
    flat_line = np.zeros((1, 12, 5000))
    assert np.isnan(heart_rates(flat_line)).all()


@pytest.mark.slow
def test_a_planted_shortcut_raises_the_auc_inside_and_costs_outside(tmp_path: Path):
    smoke = load_size("smoke")
    loud = smoke.leakage.model_copy(
        update={"odds": [1.0, 400.0], "noise_millivolt": 0.5, "test_patients": 150}
    )
    size = smoke.model_copy(update={"patients": 300, "exams": 335, "ecgs": 600, "test_ecgs": 320, "epochs": 4,
                                    "learning_rate": 0.004, "leakage": loud})  # fmt: skip
    workspace = Workspace(tmp_path, size)
    table = run(next(c for c in cells(size) if c.arm == "shortcut"), workspace)["leakage_shortcut"]
    auc = table[(table["metric"] == "AUC") & (table["vessel"] == "LAD")].set_index(["odds", "test"])[
        "estimate"
    ]
    assert auc[400.0, "as in training"] > auc[400.0, "no shortcut"] + 0.05
    assert auc[400.0, "reversed"] < auc[400.0, "no shortcut"] - 0.05
    same = table[(table["odds"] == 1.0) & (table["metric"] == "AUC")].groupby("vessel")["estimate"]
    assert (same.max() - same.min()).drop("LAD").max() == 0  # without a shortcut, the ways of testing are one
    shift = table[(table["metric"] == "log odds") & (table["vessel"] == "LAD")].set_index("odds")
    assert shift.loc[400.0, "low"] > 0.3
