"""Patients against Table 1 of the paper, row by row; times, multiplicity, missing cells, follow-up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from ccta_lib.errors import ParameterError
from ccta_lib.schema import VESSELS, labels, validate
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import Job, tables
from ccta_lib.simulate.followup import _mi_hazard
from ccta_lib.simulate.patients import cut, draw_cohort

SEEDS = range(1000, 1010)

# Counts printed in Table 1, as published (internal, external, follow-up).
TABLE_1 = {
    "male": (1952, 1283, 183), "female": (1922, 1194, 217), "sex missing": (746, 0, 0),
    "age < 65": (1886, 1223, 199), "age >= 65": (1988, 1252, 201), "age missing": (746, 2, 0),
    "age mean": (64.5, 63.1, 63.14), "age sd": (10.4, 11.7, 10.43),
    "diabetes": (1433, 889, 97), "hypertension": (2411, 1256, 171), "prior MI": (193, 49, 16),
    "severe RCA": (795, 635, 64), "severe LM": (235, 52, 4), "severe LAD": (1373, 769, 83),
    "severe LCX": (795, 570, 55), "ECGs": (4620, 2477, 400), "exams": (2595, 2477, 400),
    "patients": (2323, 2477, 400),
}  # fmt: skip
COHORTS = ("internal", "external", "followup")


@pytest.fixture(scope="module")
def simulated() -> list[pd.DataFrame]:
    return [tables(Job(CohortSizes.paper(), seed, DEFAULT_SETTINGS))[0] for seed in SEEDS]


def indicator(row: str, t: pd.DataFrame) -> np.ndarray:
    """One number per ECG whose sum is the count of a row of Table 1."""
    if row.startswith("severe"):
        return labels(t[f"grade_{row.split()[1].lower()}"])
    column = {
        "male": lambda: t["sex"] == "M",
        "female": lambda: t["sex"] == "F",
        "sex missing": lambda: t["sex"].isna(),
        "age < 65": lambda: t["age"] < 65,
        "age >= 65": lambda: t["age"] >= 65,
        "age missing": lambda: t["age"].isna(),
        "diabetes": lambda: t["diabetes"],
        "hypertension": lambda: t["hypertension"],
        "prior MI": lambda: t["prior_mi"],
    }[row]()
    return column.to_numpy(dtype=float)


def clustered_se_of_sum(x: np.ndarray, patient: pd.Series) -> float:
    sums = pd.Series(x - x.mean()).groupby(patient.to_numpy()).sum().to_numpy()
    return float(np.sqrt(len(sums) / max(len(sums) - 1, 1) * (sums**2).sum()))


@pytest.mark.parametrize("cohort", COHORTS)
@pytest.mark.parametrize(
    "row", [r for r in TABLE_1 if r not in {"age mean", "age sd", "ECGs", "exams", "patients"}]
)
def test_counts_within_three_clustered_se(row: str, cohort: str, simulated: list[pd.DataFrame]) -> None:
    expected, off = TABLE_1[row][COHORTS.index(cohort)], []
    for table in simulated:
        t = table[table["cohort"] == cohort]
        x = indicator(row, t)
        se = clustered_se_of_sum(x, t["patient_id"])
        difference = x.sum() - expected
        assert abs(difference) <= 3.0 * se + 1e-9
        off.append(difference / se if se > 0 else 0.0)
    # No drift either: the mean over seeds is nearer than one standard error of a single cohort.
    assert abs(np.mean(off)) < 1.0


@pytest.mark.parametrize("cohort", COHORTS)
def test_age_and_sizes(cohort: str, simulated: list[pd.DataFrame]) -> None:
    i = COHORTS.index(cohort)
    for table in simulated:
        t = table[table["cohort"] == cohort]
        assert (len(t), t["exam_id"].nunique(), t["patient_id"].nunique()) == tuple(
            TABLE_1[r][i] for r in ("ECGs", "exams", "patients")
        )
        known = t.dropna(subset="age")
        age = known["age"].to_numpy()
        se = clustered_se_of_sum(age, known["patient_id"]) / len(age)
        assert abs(age.mean() - TABLE_1["age mean"][i]) <= 3 * se
        squares = (age - age.mean()) ** 2
        se_sd = clustered_se_of_sum(squares, known["patient_id"]) / len(age) / (2 * age.std())
        assert abs(age.std(ddof=1) - TABLE_1["age sd"][i]) <= 3 * se_sd + 0.05


def test_tables_obey_the_contract(simulated: list[pd.DataFrame]) -> None:
    table = validate(simulated[0])
    assert table["ecg_id"].is_unique
    assert (table["data_kind"] == "simulated").all()
    per_exam = table.groupby("exam_id")
    for v in VESSELS:
        assert per_exam[v.grade_column].nunique().max() == 1
    assert per_exam["ccta_time"].nunique().max() == 1
    assert table.groupby("patient_id")[["cohort", "site"]].nunique().max().max() == 1
    whole = table.groupby("patient_id")[["age", "sex"]].agg(lambda c: c.isna().nunique())
    assert whole.max().max() == 1
    internal = table[table["cohort"] == "internal"]
    np.testing.assert_array_equal(internal["age"].isna(), internal["sex"].isna())


def test_times(simulated: list[pd.DataFrame]) -> None:
    for table in simulated[:3]:
        hours = (table["ccta_time"] - table["ecg_time"]).dt.total_seconds() / 3600
        assert (hours > 0).all()
        assert (hours <= 3).mean() == pytest.approx(DEFAULT_SETTINGS.within_3h, abs=0.03)
        assert hours.max() <= 24 * DEFAULT_SETTINGS.later_days[2] + 1e-6


def test_more_ecgs_where_disease_is_severe() -> None:
    ratios = []
    for seed in SEEDS:
        t = draw_cohort("internal", CohortSizes.paper(), seed=seed, settings=DEFAULT_SETTINGS).table
        t["severe"] = np.column_stack([labels(t[v.grade_column]) for v in VESSELS]).any(axis=1)
        per_exam = t.groupby("exam_id").agg(n=("ecg_id", "size"), severe=("severe", "first"))
        means = per_exam.groupby("severe")["n"].mean()
        ratios.append(means[True] / means[False])
    assert np.mean(ratios) == pytest.approx(DEFAULT_SETTINGS.extra_ecg_severe, abs=0.04)


def test_about_half_the_ecgs_are_read_as_normal(simulated: list[pd.DataFrame]) -> None:
    assert np.mean([t["ecg_normal"].mean() for t in simulated]) == pytest.approx(0.53, abs=0.07)


def test_missing_may_depend_on_severity() -> None:
    def severe_share(settings) -> float:
        t = draw_cohort("internal", CohortSizes.paper(), seed=1000, settings=settings).table
        severe = labels(t["grade_lad"])
        return severe[t["age"].isna()].mean() / severe.mean()

    assert severe_share(DEFAULT_SETTINGS) == pytest.approx(1.0, abs=0.15)
    assert severe_share(dataclasses.replace(DEFAULT_SETTINGS, missing_on_severity=2.0)) > 1.3


def test_disease_goes_with_risk_factors_and_vessels_with_each_other() -> None:
    cohort = draw_cohort("internal", CohortSizes.scaled(40_000, 1, 1), seed=1001, settings=DEFAULT_SETTINGS)
    t = cohort.table
    y = np.column_stack([labels(t[v.grade_column]) for v in VESSELS])
    lad = y[:, 2]
    assert lad[cohort.hearts.age > 70].mean() > 1.3 * lad[cohort.hearts.age < 55].mean()
    assert lad[cohort.hearts.male].mean() > 1.2 * lad[~cohort.hearts.male].mean()
    assert lad[t["diabetes"].to_numpy(bool)].mean() > 1.1 * lad[~t["diabetes"].to_numpy(bool)].mean()
    phi = np.corrcoef(y.T)
    assert (phi[np.triu_indices(4, 1)] > 0.05).all()
    # The report differs from the truth by reading error and swaps only.
    agreement = ((cohort.percent >= 70) == (y == 1)).mean(axis=0)
    assert (agreement > 0.93).all()
    assert (agreement < 1.0).all()


def test_followup() -> None:
    sizes = CohortSizes.paper()
    t = pd.concat(
        draw_cohort("followup", sizes, seed=s, settings=DEFAULT_SETTINGS).table for s in range(1000, 1040)
    )
    assert t["followup_days"].notna().all()
    assert (t["mi_event"] == (t["end_reason"] == "mi")).all()
    assert (t["followup_days"] >= (t["ccta_time"] - t["ecg_time"]).dt.total_seconds() / 86400).all()
    # Kaplan-Meier of not having had an MI at 700 days, 16,000 people: by hand.
    days, event = t["followup_days"].to_numpy(), t["mi_event"].to_numpy(bool)
    times, counts = np.unique(days[event & (days <= 700)], return_counts=True)
    at_risk = np.array([(days >= x).sum() for x in times])
    risk = 1 - np.prod(1 - counts / at_risk)
    assert 0.05 < risk < 0.075
    severity = pd.DataFrame({v: labels(t[v.grade_column]) for v in VESSELS})
    cox = severity.assign(
        prior=t["prior_mi"].to_numpy(float), decade=t["age"].to_numpy() / 10, days=days, event=event
    )
    ratios = CoxPHFitter().fit(cox, "days", "event").summary["exp(coef)"]
    for v, expected in zip(VESSELS, DEFAULT_SETTINGS.mi_severe, strict=True):
        assert ratios[v] == pytest.approx(expected, rel=0.35 if v == "LM" else 0.15)
    assert ratios["prior"] == pytest.approx(DEFAULT_SETTINGS.mi_prior, rel=0.2)
    assert ratios["decade"] == pytest.approx(DEFAULT_SETTINGS.mi_age, rel=0.1)
    severe = severity.to_numpy(bool).any(axis=1)
    assert (t.loc[severe, "end_reason"] == "revascularisation").mean() > 2 * (
        t.loc[~severe, "end_reason"] == "revascularisation"
    ).mean()
    other = draw_cohort("external", CohortSizes.paper(), seed=1000, settings=DEFAULT_SETTINGS).table
    assert other["followup_days"].isna().all()
    assert not set(other["patient_id"]) & set(t["patient_id"])


def test_hazard_solves_the_competing_risk_integral() -> None:
    ratio, other = np.array([1.0, 2.0, 4.0]), np.array([1e-4, 2e-4, 5e-4])
    h = _mi_hazard(ratio, other, 0.06) * ratio
    days = np.linspace(0, 700, 70_001)
    numeric = [np.trapezoid(a * np.exp(-(a + b) * days), days) for a, b in zip(h, other, strict=True)]
    assert np.mean(numeric) == pytest.approx(0.06, rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 300), st.floats(0.0, 1.0))
def test_cut_hits_the_share_to_within_half_a_row(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    score, weight = rng.normal(size=n), rng.integers(1, 5, n).astype(float)
    marked = cut(score, share, weight)
    assert abs(weight[marked].sum() - share * weight.sum()) <= weight.max() / 2 + 1e-9
    if marked.any() and not marked.all():
        assert score[marked].min() >= score[~marked].max()


@pytest.mark.parametrize(
    ("ecgs", "external", "followup"), [(1200, 600, 400), (160, 80, 60), (3, 0, 0), (160, 0, 60)]
)
def test_other_sizes(ecgs: int, external: int, followup: int) -> None:
    sizes = CohortSizes.scaled(ecgs, external, followup)
    table, truth = tables(Job(sizes, 1002, DEFAULT_SETTINGS))
    assert len(table) == len(truth) == sizes.total
    for name, n in (("internal", ecgs), ("external", external)):
        t = table[table["cohort"] == name]
        if n >= 80:
            i = COHORTS.index(name)
            expected = TABLE_1["severe LAD"][i] / TABLE_1["ECGs"][i]
            assert labels(t["grade_lad"]).mean() == pytest.approx(expected, abs=2.5 / n)


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(ParameterError, match="external"):
        CohortSizes(10, 10, 10, -1, 0)
    with pytest.raises(ParameterError, match="patients <= exams <= ECGs"):
        CohortSizes(10, 9, 12, 0, 0)
    with pytest.raises(ParameterError, match="two per patient"):
        CohortSizes(10, 30, 40, 0, 0)
