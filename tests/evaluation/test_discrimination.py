"""Discrimination tables: the right rows enter, and each number is that of the function it comes from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ccta_lib.errors import ParameterError
from ccta_lib.evaluation import aggregate, auc_interval, discrimination, discrimination_table, roc_table
from ccta_lib.evaluation.tables import COLUMNS
from ccta_lib.schema import VESSELS, labels


@pytest.fixture(scope="module")
def by_fold(predictions):
    outside = predictions.loc[
        predictions["cohort"] != "internal", ["ecg_id", *[v.prob_column for v in VESSELS]]
    ]
    rng = np.random.default_rng(5)
    models = []
    for k in range(5):
        noisy = outside.assign(fold_model=k)
        for v in VESSELS:
            noisy[v.prob_column] = (noisy[v.prob_column] + rng.normal(0, 0.1, len(noisy))).clip(0, 1)
        models.append(noisy)
    return pd.concat(models, ignore_index=True)


@pytest.fixture(scope="module")
def table(predictions, by_fold):
    return discrimination_table(predictions, by_fold=by_fold, n_boot=100, seed=3)


def pick(table, **keys):
    rows = table
    for column, value in keys.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1, keys
    return rows.iloc[0]


def test_contract_columns_and_no_missing_row(table):
    assert list(table.columns[: len(COLUMNS)]) == list(COLUMNS)
    assert not table.duplicated(["vessel", "cohort", "unit", "metric", "method"]).any()
    assert set(table["unit"]) == {"ecg", "exam", "patient"}
    assert set(table["data_kind"]) == {"simulated"}
    assert set(table["metric"]) == {
        "pooled out-of-fold AUC", "within-fold AUC", "AUC", "mean AUC of single models", "macro-AUC", "micro-AUC",
        "micro-AUC of base rates"}  # fmt: skip
    ordered = table.dropna(subset=["low"])
    assert (ordered["low"] <= ordered["estimate"]).all()
    assert (ordered["estimate"] <= ordered["high"]).all()


def test_vessel_rows_are_auc_interval_of_the_labelled_rows(predictions, table):
    exams = aggregate(predictions[predictions["cohort"] == "internal"], "exam")
    y = labels(exams["grade_lad"])
    known = np.isfinite(y)
    expected = auc_interval(y[known], exams["prob_lad"][known], groups=exams["patient_id"][known])
    got = pick(
        table,
        vessel="LAD",
        cohort="internal",
        unit="exam",
        metric=discrimination.POOLED,
        method="DeLong, patient-clustered",
    )
    assert (got["estimate"], got["low"], got["high"]) == (expected.estimate, expected.low, expected.high)
    assert got["n"] == known.sum() < len(exams)
    assert got["n_patients"] == exams["patient_id"][known].nunique()


def test_within_fold_auc_weighs_folds_by_their_pairs(predictions, table):
    rows = predictions[predictions["cohort"] == "internal"]
    y = labels(rows["grade_rca"])
    values, weights = [], []
    for fold in range(5):
        part = np.isfinite(y) & (rows["fold"] == fold).to_numpy()
        values.append(roc_auc_score(y[part], rows["prob_rca"][part]))
        weights.append(y[part].sum() * (1 - y[part]).sum())
    got = pick(table, vessel="RCA", unit="ecg", metric=discrimination.WITHIN)
    assert got["estimate"] == pytest.approx(np.average(values, weights=weights))


def test_macro_micro_and_base_rates(predictions, table):
    rows = predictions[predictions["cohort"] == "external"]
    ys, ps, base = [], [], []
    for v in VESSELS:
        y = labels(rows[v.grade_column])
        known = np.isfinite(y)
        ys.append(y[known])
        ps.append(rows[v.prob_column].to_numpy()[known])
        base.append(np.full(known.sum(), y[known].mean()))
    outside = {"vessel": "all", "cohort": "external", "unit": "ecg"}
    macro = pick(table, **outside, metric=discrimination.MACRO)
    assert macro["estimate"] == pytest.approx(
        np.mean([roc_auc_score(y, p) for y, p in zip(ys, ps, strict=True)])
    )
    for metric, score in ((discrimination.MICRO, ps), (discrimination.MICRO_BASE, base)):
        got = pick(table, **outside, metric=metric, method="patient bootstrap")
        assert got["estimate"] == pytest.approx(roc_auc_score(np.concatenate(ys), np.concatenate(score)))


def test_single_models_are_averaged_after_their_auc(predictions, by_fold, table):
    exams = []
    outside = predictions[predictions["cohort"] == "external"].drop(columns=[v.prob_column for v in VESSELS])
    for k in range(5):
        one = by_fold[by_fold["fold_model"] == k]
        exam = aggregate(outside.merge(one, on="ecg_id"), "exam")
        y = labels(exam["grade_lad"])
        known = np.isfinite(y)
        exams.append(roc_auc_score(y[known], exam["prob_lad"][known]))
    got = pick(table, vessel="LAD", cohort="external", unit="exam", metric=discrimination.SINGLE)
    assert got["estimate"] == pytest.approx(np.mean(exams))
    assert not (table["metric"] == discrimination.SINGLE)[table["cohort"] == "internal"].any()


def test_a_vessel_without_labels_is_a_row_that_says_so(predictions):
    bare = predictions.drop(columns="grade_lm").assign(
        grade_rca=pd.array(["severe"] + ["mild"] * (len(predictions) - 1), dtype="string")
    )
    got = discrimination_table(bare, units=["ecg"], n_boot=50)
    lm = got[got["vessel"] == "LM"]
    assert lm["estimate"].isna().all()
    assert (lm["note"] != "").all()
    assert (lm["n"] == 0).all()
    # An empty vessel keeps the metric of its neighbours, so that a table by metric has no hole.
    assert lm.loc[lm["cohort"] == "internal", "metric"].iloc[0] == discrimination.POOLED
    macro = got[(got["metric"] == discrimination.MACRO) & (got["cohort"] == "internal")].iloc[0]
    assert "without RCA, LM" in macro["note"]
    nothing = predictions.drop(columns=[v.grade_column for v in VESSELS])
    empty = discrimination_table(nothing, units=["patient"], n_boot=50)
    assert empty["estimate"].isna().all()
    assert (empty["note"] != "").all()
    assert len(roc_table(nothing)) == 0


def test_same_seed_same_numbers_and_a_vessel_alone_has_the_same_numbers(predictions, by_fold, table):
    again = discrimination_table(predictions, by_fold=by_fold, n_boot=100, seed=3)
    pd.testing.assert_frame_equal(table, again)
    alone = discrimination_table(predictions, vessels=["LAD"], cohorts=["external"], n_boot=100, seed=3)
    keys = ["vessel", "cohort", "unit", "metric", "method"]
    both = alone[alone["vessel"] == "LAD"].merge(table, on=keys, suffixes=("", "_all"))
    assert len(both) == 6
    assert (both["low"] == both["low_all"]).all()


def test_roc_table_carries_its_keys(predictions):
    curves = roc_table(predictions, vessels=["LAD"], units=["ecg", "patient"])
    assert set(curves["unit"]) == {"ecg", "patient"}
    first = curves[(curves["unit"] == "ecg") & (curves["cohort"] == "internal")]
    assert (first["sensitivity"].iloc[0], first["sensitivity"].iloc[-1]) == (0, 1)


def test_unknown_names_raise(predictions):
    for options in ({"vessels": ["XYZ"]}, {"cohorts": ["mars"]}, {"method": "magic"}, {"vessels": []}):
        with pytest.raises(ParameterError):
            discrimination_table(predictions, **options)


def test_progress_reaches_its_total(predictions):
    seen = []
    discrimination_table(
        predictions,
        units=["ecg"],
        n_boot=20,
        progress=lambda done, total, note="": seen.append((done, total)),
    )
    assert seen[-1] == (3, 3)
