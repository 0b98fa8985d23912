"""AUC after recalibration, ensembles beside single models, and the sentences made from calibration tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ccta_lib.evaluation import calibration_reading as reading
from ccta_lib.evaluation import calibration_table, recalibration_table, threshold_table
from ccta_lib.evaluation.calibration_tables import AS_PREDICTED, NAMES
from ccta_lib.evaluation.ensembles import ensemble_table, has_folds, recalibration_aucs
from ccta_lib.schema import VESSELS, labels


@pytest.fixture(scope="module")
def by_fold(predictions):
    outside = predictions.loc[
        predictions["cohort"] != "internal", ["ecg_id", *[v.prob_column for v in VESSELS]]
    ]
    rng = np.random.default_rng(5)
    models = []
    for k in range(5):
        one = outside.assign(fold_model=k)
        for v in VESSELS:
            one[v.prob_column] = (one[v.prob_column] + rng.normal(0, 0.1, len(one))).clip(0.001, 0.999)
        models.append(one)
    return pd.concat(models, ignore_index=True)


def test_aucs_are_those_of_the_predictions_and_of_each_model(predictions, by_fold):
    table = recalibration_aucs(predictions, by_fold=by_fold)
    rows = predictions[(predictions["cohort"] == "external") & predictions["grade_lad"].notna()]
    y = labels(rows["grade_lad"])
    mine = table.query("vessel == 'LAD' and cohort == 'external'").set_index("recalibration")["estimate"]
    assert mine[AS_PREDICTED] == pytest.approx(roc_auc_score(y, rows["prob_lad"]))
    third = by_fold[by_fold["fold_model"] == 3].set_index("ecg_id")["prob_lad"].reindex(rows["ecg_id"])
    assert mine["single model 3"] == pytest.approx(roc_auc_score(y, third))
    assert "local update" in mine
    inside = table.query("cohort == 'internal'")
    assert not inside["recalibration"].str.startswith("single").any()


def test_without_folds_there_is_no_recalibration_but_still_an_auc(predictions):
    assert has_folds(predictions)
    bare = predictions.drop(columns="fold")
    assert not has_folds(bare)
    assert not has_folds(predictions[predictions["cohort"] == "external"])
    table = recalibration_aucs(bare[bare["cohort"] == "internal"])
    assert set(table["recalibration"]) == {AS_PREDICTED}


def test_the_ensemble_stands_beside_the_mean_of_its_models(predictions, by_fold):
    forms = recalibration_table(predictions, by_fold=by_fold)
    table = ensemble_table(
        pd.concat([forms, recalibration_aucs(predictions, by_fold=by_fold)], ignore_index=True)
    )
    assert set(table["cohort"]) == {"external", "followup"}
    assert set(table["n_models"]) == {5}
    row = table.query("vessel == 'RCA' and cohort == 'external' and metric == 'calibration slope'").iloc[0]
    rows = forms.query("vessel == 'RCA' and cohort == 'external' and metric == 'calibration slope'")
    models = rows[rows["recalibration"].str.startswith("single")]["estimate"]
    assert row["single"] == pytest.approx(models.mean())
    assert (row["lowest"], row["highest"]) == pytest.approx((models.min(), models.max()))
    assert row["ensemble"] == rows.set_index("recalibration")["estimate"][AS_PREDICTED]
    # Averaging pulls probabilities together, so the ensemble's slope is the steeper one.
    assert (table.query("metric == 'calibration slope'").eval("ensemble > single")).all()
    assert not len(ensemble_table(recalibration_table(predictions)))


def test_miscalibrated_vessels_are_those_whose_interval_leaves_one_out(predictions):
    table = recalibration_table(predictions)
    counts = reading.miscalibrated(table)
    rows = table[(table["metric"] == NAMES["slope"]) & (table["cohort"] == "internal")]
    rows = rows[rows["recalibration"] == AS_PREDICTED]
    off = sum(not low <= 1 <= high for low, high in rows[["low", "high"]].to_numpy())
    row = counts.query(
        "cohort == 'internal' and recalibration == @AS_PREDICTED and metric == 'calibration slope'"
    )
    assert (row["n_off"].item(), row["n"].item()) == (off, 4)


def test_titles_and_sentences_say_what_the_tables_hold(predictions):
    summary = calibration_table(predictions, cohorts=["internal"])
    titles = reading.panel_titles(summary, vessels=VESSELS, paper=pd.Series({"LM": 0.047}))
    brier = summary.query("vessel == 'LM' and metric == 'Brier score'").iloc[0]
    assert titles["LM"].startswith(f"LM: {brier['n_pos']} of {brier['n']} positive; slope ")
    assert f"Brier {brier['estimate']:.3f}" in titles["LM"]
    assert "paper 0.047" in titles["LM"]
    assert "paper" not in titles["RCA"]
    skill = summary[summary["metric"] == NAMES["skill"]]
    assert all(
        f"{r.vessel} {r.estimate:.0%}" in reading.skill_sentence(summary, cohort="internal")
        for r in skill.itertuples()
    )
    rates = threshold_table(predictions, cohorts=["internal"])
    rows = predictions[(predictions["cohort"] == "internal") & predictions["grade_lm"].notna()]
    y, low = labels(rows["grade_lm"]) == 1, rows["prob_lm"].to_numpy() < 0.01
    text = reading.npv_sentence(rates)
    assert f"reaches {1 - y.mean():.1%}" in text
    assert ("cannot be computed" if not low.any() else f"{(~y[low]).mean():.1%}") in text
    frame = reading.threshold_frame(rates, rates["estimate"].map("{:.2f}".format))
    lm = frame[frame["artery"] == "LM"].iloc[0]
    assert int(lm["TP"]) == (y & ~low).sum()
    assert int(lm["TN"]) == (~y & low).sum()


def test_an_unlabelled_vessel_is_said_to_be_so(predictions):
    table = predictions.assign(grade_lm=pd.array([pd.NA] * len(predictions), dtype="string"))
    summary = calibration_table(table, cohorts=["internal"])
    assert reading.panel_titles(summary, vessels=["LM"])["LM"] == "LM: 0 of 0 positive"
    assert "LM" not in reading.skill_sentence(summary, cohort="internal")
    rates = threshold_table(table, cohorts=["internal"])
    assert "no known grade" in reading.npv_sentence(rates)
    frame = reading.threshold_frame(rates, rates["note"])
    assert frame.loc[frame["artery"] == "LM", "TP"].item() == "–"
    assert "No artery" in reading.skill_sentence(summary[summary["vessel"] == "LM"], cohort="internal")
