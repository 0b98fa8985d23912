"""The finding says what the intervals allow, whatever the numbers are."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from ccta_lib.errors import InputError
from ccta_lib.evaluation.baseline_reading import baselines_finding, missing_sentence, named, verdict
from ccta_lib.evaluation.baselines import AUC, AUC_DIFFERENCE, MACRO, MODELS

AUCS = {"finetuned": 0.70, "ecg_linear": 0.74, "clinical": 0.65, "clinical_network": 0.72}
Limits = tuple[float, float]


def pooled(linear: Limits, clinical: Limits, both: Limits) -> pd.DataFrame:
    rows = [(m, "", AUC, e, np.nan, np.nan) for m, e in AUCS.items()]
    for model, reference, (low, high) in (("ecg_linear", "finetuned", linear), ("finetuned", "clinical", clinical),
                                          ("clinical_network", "clinical", both)):  # fmt: skip
        middle = AUCS[model] - AUCS[reference] if np.isnan(low) else (low + high) / 2
        rows.append((model, reference, AUC_DIFFERENCE, middle, low, high))
    table = pd.DataFrame(rows, columns=["model", "reference", "metric", "estimate", "low", "high"])
    return table.assign(vessel=MACRO, unit="ecg", seeds=5)


def summed(*p: float) -> pd.DataFrame:
    vessels = ["RCA", "LM", "LAD", "LCX"]
    return pd.DataFrame({"old": "clinical", "new": "finetuned", "vessel": vessels, "p_value": p})


said = partial(baselines_finding, patients=603)


def test_measurements_beat_the_network_and_it_says_so() -> None:
    text = said(pooled((0.02, 0.06), (0.03, 0.07), (0.05, 0.09)), summed(1e-6, 1e-6, 1e-6, 1e-6))
    assert (
        "0.700, was lower than that of logistic regression on what an ECG machine measures (0.740; " in text
    )
    assert "of the network fine-tuned on 5 virtual cohorts of 603 patients each, 0.700, was lower" in text
    assert "difference −0.040 [−0.060, −0.020])" in text
    assert "higher than that of age, sex and risk factors (0.650; difference +0.050 [+0.030, +0.070])" in text
    assert "its log odds added to these for 4 of 4 arteries (nested" in text
    assert "the AUC of both together was higher than that of these alone (+0.070 [+0.050, +0.090])" in text
    assert text.endswith("a property of this simulator and of a network of this size, not of ECGs.")
    assert text.count(".  ") == 0
    assert text.count(". ") == 0  # one sentence


def test_intervals_over_zero_show_nothing() -> None:
    text = said(pooled((-0.06, 0.02), (-0.01, 0.07), (-0.02, 0.05)), summed(0.03, 0.2, np.nan, 0.5))
    assert "was not shown to differ from that of logistic regression" in text
    assert "not shown to differ from that of age, sex and risk factors" in text
    assert "it was shown to add to these for none of 4 arteries" in text  # .03 x 4 is above .05
    assert "both together was not shown to differ from that of these alone" in text


def test_the_other_ways_round_and_one_cohort() -> None:
    nowhere = (np.nan, np.nan)
    text = said(
        pooled((-0.06, -0.02), (-0.07, -0.01), nowhere).assign(seeds=1), summed(0.001, 0.2, 0.002, 0.5)
    )
    assert "on 1 virtual cohort of 603 patients, 0.700, was higher than that of logistic regression" in text
    assert "and lower than that of age, sex and risk factors" in text
    assert "its log odds added to these for 2 of 4 arteries (RCA, LAD)" in text
    assert "not comparable with that of these alone (+0.070)" in text
    table = pooled(nowhere, nowhere, nowhere)
    with pytest.raises(InputError, match="finetuned against clinical"):
        said(table[table["reference"] != "clinical"], summed(1, 1, 1, 1))
    with pytest.raises(InputError, match="summed"):
        said(table, summed(1, 1, 1, 1).assign(old="age_sex"))


@pytest.mark.parametrize(("low", "high", "word"), [(0.1, 0.2, "higher"), (-0.2, -0.1, "lower"),
                                                   (-0.1, 0.0, "not shown to differ"),
                                                   (np.nan, np.nan, "not comparable")])  # fmt: skip
def test_verdict(low: float, high: float, word: str) -> None:
    assert verdict(low, high) == word


def test_missing_columns_are_named() -> None:
    table = pd.DataFrame({"age": [60.0], "sex": ["M"], "diabetes": [True], "hypertension": [True],
                          "prior_mi": [False], "symptom": ["typical"]})  # fmt: skip
    assert missing_sentence(table) == ""
    text = missing_sentence(table.drop(columns="diabetes").assign(symptom=None))
    assert text == ("This table has no `diabetes`: the clinical model goes without. "
                    "Without `symptom` the pre-test table cannot be read.")  # fmt: skip
    nothing = missing_sentence(table[["symptom"]])
    assert nothing.startswith(
        "This table holds none of `age`, `sex`, `diabetes`, `hypertension` and `prior_mi`"
    )
    assert "Without `age` and `sex`" in nothing


def test_models_are_named() -> None:
    assert set(AUCS) <= set(MODELS)
    assert list(named(pd.DataFrame({"model": ["finetuned", "all"]}))["model"]) == [
        "network, fine-tuned",
        "all",
    ]
