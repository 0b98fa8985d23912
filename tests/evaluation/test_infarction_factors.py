"""Known factors of infarction recover what the simulator plants; unknown probabilities are in no risk group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation import RISK_THRESHOLDS, infarction_table
from ccta_lib.evaluation.cox import cox_hazard_ratio
from ccta_lib.evaluation.followup import ANY, followup_patients, high_risk
from ccta_lib.evaluation.infarction import PRIMARY
from ccta_lib.evaluation.infarction_factors import AGE, PRIOR_MI, infarction_factors, severe
from ccta_lib.evaluation.infarction_summary import infarction_reading, infarction_sentence
from ccta_lib.paper import paper_values
from ccta_lib.schema import VESSELS
from ccta_lib.simulate.followup import outcomes
from ccta_lib.simulate.settings import DEFAULT_SETTINGS


@pytest.fixture(scope="module")
def followed(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[predictions["cohort"] == "followup"].reset_index(drop=True)


@pytest.fixture(scope="module")
def planted() -> tuple[pd.DataFrame, dict[str, float]]:
    """A follow-up cohort of the simulator's own outcomes, large enough for narrow intervals."""
    rng = np.random.default_rng(11)
    n = 8_000
    stenosis = rng.random((n, 4)) < [0.2, 0.1, 0.25, 0.2]
    prior, age = rng.random(n) < 0.1, rng.normal(63, 10, n)
    entry = rng.uniform(0, 3, n)
    end = outcomes(stenosis, prior, age, entry, DEFAULT_SETTINGS, rng)
    ecg = pd.Timestamp("2020-01-01")
    table = pd.DataFrame({
        "ecg_id": [f"e{i}" for i in range(n)], "patient_id": [f"p{i}" for i in range(n)], "cohort": "followup",
        "data_kind": "simulated", "ecg_time": ecg, "ccta_time": ecg + pd.to_timedelta(entry, unit="D"), "age": age,
        "prior_mi": pd.array(prior, dtype="boolean"), **end,
    })  # fmt: skip
    table["mi_event"] = table["mi_event"].astype("boolean")
    for i, v in enumerate(VESSELS):
        table[v.grade_column] = pd.array(np.where(stenosis[:, i], "severe", "mild"), dtype="string")
        table[v.prob_column] = np.where(stenosis[:, i], 0.9, 0.001)
    s = DEFAULT_SETTINGS
    ratios = dict(zip(map(severe, VESSELS), s.mi_severe, strict=True)) | {
        PRIOR_MI: s.mi_prior,
        AGE: s.mi_age,
    }
    return table, ratios


def test_planted_hazard_ratios_are_found(planted: tuple[pd.DataFrame, dict[str, float]]) -> None:
    table, ratios = planted
    found = infarction_factors(table, planted=ratios, level=0.999).set_index("term")
    assert list(found.index) == [*ratios]
    np.testing.assert_allclose(found["planted"], list(ratios.values()))
    assert (found["low"] < found["planted"]).all()
    assert (found["planted"] < found["high"]).all()
    np.testing.assert_allclose(found["estimate"], found["planted"], rtol=0.35)
    assert (found["note"] == "").all()


def test_a_score_that_knows_the_stenosis_separates(planted: tuple[pd.DataFrame, dict[str, float]]) -> None:
    table, _ = planted
    tests = infarction_table(table.head(2500), thresholds=RISK_THRESHOLDS, origins=["ccta"], any_vessel=False)
    shown = infarction_reading(tests[tests["analysis"] == PRIMARY], paper=paper_values("Figure 6"))
    assert list(shown["reading"]) == ["high risk comes sooner"] * 4
    assert list(shown["paper's p"]) == ["p < 0.001", "a trend", "0.029", "0.002"]
    assert (shown["Holm p"].replace("< 0.001", "0").astype(float) < 0.05).all()


def test_factors_are_the_cox_model_of_the_known(followed: pd.DataFrame) -> None:
    rows = followed.assign(
        age=followed["age"].where(followed["patient_id"] != followed["patient_id"].iloc[0])
    )
    found = infarction_factors(rows)
    patients = followup_patients(rows, horizon=700)
    details = rows.set_index("ecg_id").loc[patients["ecg_id"]].reset_index()
    severity = {"severe": 1.0, "occluded": 1.0, "normal": 0.0, "mild": 0.0, "moderate": 0.0}
    x = pd.DataFrame({v: details[v.grade_column].map(severity).astype(float) for v in VESSELS})
    x["prior"] = patients["prior_mi"].astype("Float64").to_numpy(float, na_value=np.nan)
    x["age"] = details["age"] / 10
    known = x.notna().all(axis=1).to_numpy()
    expected = cox_hazard_ratio(patients["time"][known], patients["event"][known], x[known].astype(float))
    assert found["n"].iloc[0] == known.sum() < len(patients)
    np.testing.assert_allclose(found["estimate"], expected["hazard_ratio"], rtol=1e-6)
    events = x[known][patients["event"][known].to_numpy()].iloc[:, :5].sum()
    np.testing.assert_array_equal(found["events_with_factor"].iloc[:5], events)


def test_factors_without_columns_or_patients(followed: pd.DataFrame) -> None:
    bare = followed.drop(columns=["age", "prior_mi", *[v.grade_column for v in VESSELS]])
    assert infarction_factors(bare).empty
    few = followed.drop_duplicates("patient_id").head(12)
    assert infarction_factors(few)["note"].str.contains("not interpreted").all()


def test_unknown_probability_is_in_no_group(followed: pd.DataFrame) -> None:
    patients = followup_patients(followed)
    patients = patients.head(4).assign(
        prob_rca=[0.9, 0.01, np.nan, np.nan], prob_lm=[0.0, 0.0, 0.5, 0.0], prob_lad=np.nan, prob_lcx=0.0
    )
    kept, high = high_risk(patients, "RCA", RISK_THRESHOLDS)
    assert list(kept["patient_id"]) == list(patients["patient_id"].iloc[:2])
    assert list(high) == [True, False]
    # LAD is known for nobody and does not count; the last patient could be above RCA's threshold.
    kept, high = high_risk(patients, ANY, RISK_THRESHOLDS)
    assert list(kept["patient_id"]) == list(patients["patient_id"].iloc[:3])
    assert list(high) == [True, False, True]
    assert high_risk(patients, "LAD", RISK_THRESHOLDS)[0].empty


def test_unknown_probabilities_are_counted(followed: pd.DataFrame) -> None:
    first = followed["patient_id"].unique()[:7]
    rows = followed.assign(prob_lm=followed["prob_lm"].mask(followed["patient_id"].isin(first)))
    found = infarction_table(rows, thresholds=RISK_THRESHOLDS, origins=["ccta"])
    lm = found[(found["vessel"] == "LM") & (found["analysis"] == PRIMARY)].iloc[0]
    rca = found[(found["vessel"] == "RCA") & (found["analysis"] == PRIMARY)].iloc[0]
    assert lm["n"] == rca["n"] - 7
    assert "probability unknown: 7" in lm["excluded"]
    assert lm["n_high"] + lm["n_low"] == lm["n"]


def test_sentence_says_who_was_followed(followed: pd.DataFrame) -> None:
    tests = infarction_table(followed, thresholds=RISK_THRESHOLDS)
    patients = followup_patients(followed, horizon=700)
    text = infarction_sentence(tests, origin="ccta")
    assert f"{len(patients)} people" in text
    assert f"{int(patients['event'].sum())} have an infarction" in text
    assert "not estimable" in infarction_sentence(None, origin="ccta")
