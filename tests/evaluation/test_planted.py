"""What was planted is found, and what was not planted is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from ccta_lib.evaluation import auc_interval, subgroup_table
from ccta_lib.evaluation.forest import forest_rows
from ccta_lib.evaluation.planted import ideal_calibration, ideal_predictions, percent_bins, percent_table
from ccta_lib.evaluation.subgroup_reading import coverage_sentence
from ccta_lib.paper import paper_values
from ccta_lib.schema import VESSELS, labels

FROM = 40.0


@pytest.fixture(scope="module")
def cohort() -> tuple[pd.DataFrame, pd.DataFrame]:
    """1,500 patients with one ECG each, whose probability depends on the narrowing above 40 % only."""
    rng = np.random.default_rng(0)
    n = 1500
    table = pd.DataFrame({"ecg_id": [f"e{i}" for i in range(n)], "patient_id": [f"p{i}" for i in range(n)],
                          "cohort": "internal", "data_kind": "simulated"})  # fmt: skip
    truth = pd.DataFrame({"ecg_id": table["ecg_id"]})
    for v in VESSELS:
        percent = rng.uniform(0, 100, n)
        risk = 0.1 + 0.8 * np.clip((percent - FROM) / 60, 0, 1)
        table[v.prob_column] = np.clip(risk + rng.normal(0, 0.05, n), 0.01, 0.99)
        table[v.grade_column] = np.where(rng.random(n) < risk, "severe", "normal")
        truth[f"percent_{v.lower()}"], truth[f"ideal_{v.lower()}"] = percent, risk
    return table, truth.sample(frac=1, random_state=1)  # the order of truth must not matter


def test_the_trend_is_found_where_it_was_planted_and_only_there(cohort):
    table, truth = cohort
    found = percent_table(table, truth, planted_from=FROM)
    below = found[found["range"].str.startswith("under")]
    above = found[found["range"].str.endswith("over")]
    assert (below["estimate"].abs() < 0.11).all()  # 600 rows: sd of a null correlation is .041
    assert (above["estimate"] > 0.9).all()
    row = found.query("vessel == 'LM' and range == 'all'").iloc[0]
    percent = truth.set_index("ecg_id")["percent_lm"].reindex(table["ecg_id"])
    assert row["estimate"] == pytest.approx(spearmanr(percent, table["prob_lm"]).statistic)


def test_bins_hold_every_row_once_and_their_median(cohort):
    table, truth = cohort
    bins = percent_bins(table, truth, width=30)
    assert bins.groupby("vessel")["n"].sum().eq(len(table)).all()
    assert bins.query("vessel == 'RCA'")["to"].tolist() == [30, 60, 90, 100]
    assert percent_bins(table, truth).query("vessel == 'RCA'")["to"].tolist() == list(range(10, 101, 10))
    percent = truth.set_index("ecg_id")["percent_rca"].reindex(table["ecg_id"]).to_numpy()
    inside = table["prob_rca"][(percent >= 60) & (percent < 90)]
    assert bins.query("vessel == 'RCA' and `from` == 60")["median"].item() == pytest.approx(inside.median())


def test_the_ideal_observer_replaces_the_network_on_the_same_rows(cohort):
    table, truth = cohort
    table = table.assign(prob_lcx=table["prob_lcx"].where(table.index % 2 == 0))
    ideal = ideal_predictions(table, truth)
    expected = truth.set_index("ecg_id")["ideal_rca"].reindex(table["ecg_id"]).to_numpy()
    assert np.array_equal(ideal["prob_rca"], expected)
    assert ideal["prob_lcx"].isna().equals(table["prob_lcx"].isna())
    assert ideal_predictions(table, None) is None
    assert ideal_predictions(table, truth.drop(columns="ideal_lm")) is None
    unknown = truth.assign(**{f"ideal_{v.lower()}": np.nan for v in VESSELS})
    assert ideal_predictions(table, unknown) is None


def test_a_calibrated_network_agrees_with_the_planted_risk_closer_than_with_labels(cohort):
    table, truth = cohort
    groups = ideal_calibration(table, ideal_predictions(table, truth))
    assert groups["n"].sum() == len(table) * len(VESSELS)
    off = (groups["ideal"] - groups["mean_p"]).abs().mean()
    assert off < 0.05
    assert off < (groups["observed"] - groups["mean_p"]).abs().mean()
    same = ideal_calibration(table, table)
    assert np.allclose(same["ideal"], same["mean_p"])


def test_forest_rows_carry_the_papers_value_and_the_ceiling(predictions):
    truth = predictions[["ecg_id"]].assign(
        **{f"ideal_{v.lower()}": predictions[v.prob_column] ** 2 for v in VESSELS}
    )
    rows = forest_rows(predictions, paper=paper_values("Figure 1"), truth=truth)
    printed = rows.dropna(subset=["paper"]).set_index(["vessel", "factor", "subgroup"])["paper"]
    assert len(printed) == 8
    assert printed["LAD", "all", "all"] == 0.716
    assert printed["LCX", "normal ECG", "yes"] == 0.716
    # A square keeps the order, so this ceiling must equal the network's own AUC, row by row.
    assert np.allclose(rows["ceiling"], rows["estimate"], equal_nan=True)
    assert len(rows) == len(subgroup_table(predictions))
    elsewhere = forest_rows(predictions, unit="patient", paper=paper_values("Figure 1"))
    assert elsewhere[["paper", "ceiling"]].isna().all(axis=None)
    inside = predictions[predictions["cohort"] == "internal"]
    part = inside[(inside["prior_mi"] == True) & inside["grade_rca"].notna()]  # noqa: E712 (nullable boolean)
    whole = auc_interval(labels(part["grade_rca"]), part["prob_rca"], groups=part["patient_id"])
    row = rows.query("vessel == 'RCA' and factor == 'prior MI' and subgroup == 'yes'").iloc[0]
    assert (row["estimate"], row["low"]) == pytest.approx((whole.estimate, whole.low))


def test_the_sentence_counts_estimable_subgroups(predictions):
    rows = forest_rows(predictions.drop(columns="hypertension"), vessels=["RCA"])
    text = coverage_sentence(rows)
    tested = rows[(rows["factor"] != "all") & (rows["subgroup"] != "unknown")]
    assert (
        f"Of {len(tested)} combinations of artery and subgroup {tested['estimate'].notna().sum()} can" in text
    )
    assert text.endswith("Not known for any patient here: hypertension.")
