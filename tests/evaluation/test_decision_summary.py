"""The decision chapter's readings repeat their tables, and the ideal observer is at least as good as a noisy one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation import RISK_THRESHOLDS, decision_curves, decision_table, risk_group_table
from ccta_lib.evaluation.decision_summary import (
    HERE,
    POPULATION,
    context_sentence,
    ideal_decision,
    risk_group_rows,
    threshold_context,
    useful_range,
    with_ideal,
)
from ccta_lib.evaluation.wording import across, compact, interval_text, p_text
from ccta_lib.schema import VESSELS, labels


@pytest.fixture(scope="module")
def internal(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[predictions["cohort"] == "internal"]


def test_context_names_the_vessels_whose_threshold_is_below_the_prevalence(internal: pd.DataFrame) -> None:
    thresholds = dict(RISK_THRESHOLDS) | {"LAD": 0.9}
    context = threshold_context(decision_table(internal, thresholds=thresholds, n_boot=20))
    y = labels(internal["grade_rca"])
    prevalence = np.nanmean(y)
    rca = context[context["vessel"] == "RCA"].iloc[0]
    assert rca["prevalence"] == pytest.approx(prevalence)
    assert rca["ratio"] == pytest.approx(0.15 / prevalence)
    assert ((context["treat_all"] > 0) == (context["threshold"] < context["prevalence"])).all()
    text = context_sentence(context, cohort="internal")
    assert "RCA (15.0%" in text
    assert "LAD" not in text
    assert "no external cohort" in context_sentence(context, cohort="external")


def test_useful_range_by_hand() -> None:
    curves = pd.DataFrame({
        "vessel": "RCA", "cohort": "internal", "n": 9, "threshold": [0.1, 0.2, 0.3, 0.4, 0.5],
        "low": [-0.1, 0.01, 0.02, -0.3, np.nan], "high": [0.1, 0.2, 0.2, -0.1, np.nan],
    })  # fmt: skip
    row = useful_range(curves).iloc[0]
    assert (row["share_above"], row["share_below"], row["n_thresholds"]) == (0.5, 0.25, 4)
    assert (row["first"], row["last"]) == (0.2, 0.3)


def test_risk_rows_are_those_of_the_table(internal: pd.DataFrame) -> None:
    table = risk_group_table(internal, thresholds=RISK_THRESHOLDS)
    rows = risk_group_rows(table)
    assert len(rows) == 4 * 2 * 2
    assert list(dict.fromkeys(rows["place"])) == [HERE, POPULATION]
    above = rows[(rows["vessel"] == "LAD") & (rows["group"] == "above") & (rows["place"] == HERE)].iloc[0]
    known = internal["grade_lad"].notna()
    y, p = labels(internal["grade_lad"])[known] == 1, internal.loc[known, "prob_lad"]
    assert above["n_group"] == (p >= 0.15).sum()
    assert above["estimate"] == pytest.approx(y[p >= 0.15].mean())


def test_the_ideal_observer(internal: pd.DataFrame) -> None:
    truth = internal[["ecg_id"]].assign(
        **{
            f"ideal_{v.lower()}": np.nan_to_num(labels(internal[v.grade_column]) == 1).astype(float)
            for v in VESSELS
        }
    )
    curves = decision_curves(internal, n_boot=10, points=20)
    found = ideal_decision(internal, truth, curves)
    prevalence = (found["n_pos"] / found["n"]).to_numpy()
    np.testing.assert_allclose(found["ideal"], prevalence)  # who knows everything treats exactly the ill
    assert (found["ideal"] >= found["model"] - 1e-12).all()
    assert ideal_decision(internal, truth[["ecg_id"]], curves)["ideal"].isna().all()
    assert with_ideal(internal, None) is None
    half = with_ideal(internal, truth.head(10))
    assert half is not None
    assert half["prob_rca"].notna().sum() == 10


def test_numbers_as_text() -> None:
    assert [p_text(v) for v in (0.0004, 0.02949, 1.0, np.nan)] == ["< 0.001", "0.029", "1.000", "–"]
    assert interval_text(1.234, 0.5, np.nan) == "1.23 [0.50, –]"
    assert interval_text(np.nan, 0.0, 1.0) == "not estimable"
    rows = pd.DataFrame({"estimate": [0.5354, 1234.5, 61.25, np.nan, 0.0], "low": [0.5, 1000, 58.6, 0, 0],
                         "high": [0.57, 1500, 65, 1, 0.0314], "m": list("abcde"), "v": "RCA"})  # fmt: skip
    said = [
        "0.535 [0.500, 0.570]",
        "1234 [1000, 1500]",
        "61.2 [58.6, 65.0]",
        "not estimable",
        "0.00 [0.00, 0.03]",
    ]
    assert list(compact(rows)) == said
    small = pd.DataFrame({"estimate": [0.00123], "low": [0.0004], "high": [0.02]})
    assert compact(small).tolist() == ["0.001 [0.000, 0.020]"]  # never more than three decimals
    wide = across(rows.iloc[[3, 0]], by=["m"], columns="v")
    assert wide.to_dict("list") == {"m": ["d", "a"], "RCA": ["not estimable", said[0]]}
