"""Claims are judged by intervals; contrasts agree with the tests they generalise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.evaluation import RISK_THRESHOLDS, auc_difference, auc_difference_groups, auc_interval
from ccta_lib.evaluation.claims import (
    ABOVE,
    BELOW,
    CLAIMS,
    HELD,
    REVERSED,
    SIMILAR,
    UNDECIDED,
    directional_claims,
    verdict,
)
from ccta_lib.evaluation.claims_summary import claims_sentence, claims_shown, falls_sentence
from ccta_lib.evaluation.contrasts import AucTerm, auc_contrast, mean_difference
from ccta_lib.paper import paper_values
from ccta_lib.schema import labels


@pytest.mark.parametrize(("rule", "low", "high", "expected"), [
    (ABOVE, 0.01, 0.2, HELD), (ABOVE, -0.2, -0.01, REVERSED), (ABOVE, -0.01, 0.2, UNDECIDED),
    (BELOW, -0.2, -0.01, HELD), (BELOW, 0.01, 0.2, REVERSED), (BELOW, -0.1, 0.0, UNDECIDED),
    (SIMILAR, -0.04, 0.04, HELD), (SIMILAR, 0.06, 0.2, REVERSED), (SIMILAR, -0.2, -0.06, REVERSED),
    (SIMILAR, -0.04, 0.06, UNDECIDED), (SIMILAR, 0.04, 0.06, UNDECIDED),
    (ABOVE, np.nan, 0.2, UNDECIDED), (SIMILAR, np.nan, np.nan, UNDECIDED),
])  # fmt: skip
def test_verdict_by_hand(rule: str, low: float, high: float, expected: str) -> None:
    assert verdict(low, high, rule=rule, margin=0.05) == expected
    assert verdict(low + 1, high + 1, rule=rule, against=1.0, margin=0.05) in (expected, UNDECIDED)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.sampled_from([ABOVE, BELOW, SIMILAR]))
def test_a_wider_interval_never_decides_what_a_narrower_left_open(
    low: float, width: float, more: float, rule: str
) -> None:
    narrow = verdict(low, low + width, rule=rule)
    wide = verdict(low - more, low + width + more, rule=rule)
    assert wide in (narrow, UNDECIDED)
    mirrored = {ABOVE: BELOW, BELOW: ABOVE, SIMILAR: SIMILAR}[rule]
    assert verdict(-low - width, -low, rule=mirrored) == narrow


@pytest.fixture(scope="module")
def internal(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = predictions[predictions["cohort"] == "internal"]
    known = rows[["grade_rca", "grade_lad"]].notna().all(axis=1)
    return rows[known].reset_index(drop=True)


def term(weight: float, rows: pd.DataFrame, vessel: str = "rca", score: str = "rca") -> AucTerm:
    y = labels(rows[f"grade_{vessel}"]) == 1
    return AucTerm(weight, y, rows[f"prob_{score}"].to_numpy(float), rows["patient_id"].to_numpy())


def test_contrast_of_two_strata_is_the_wald_test(internal: pd.DataFrame) -> None:
    one = (internal["sex"] == "F").to_numpy()
    found = auc_contrast([term(1.0, internal[one]), term(-1.0, internal[~one])])
    y, p = labels(internal["grade_rca"]) == 1, internal["prob_rca"]
    test = auc_difference_groups(y, p, one, groups=internal["patient_id"])
    assert found.z**2 == pytest.approx(test.statistic, rel=1e-10)
    assert found.p_value == pytest.approx(test.p_value, rel=1e-10)
    aucs = [auc_interval(y[w], p[w], groups=internal["patient_id"][w]).estimate for w in (one, ~one)]
    assert found.estimate == pytest.approx(aucs[0] - aucs[1], abs=1e-12)


def test_contrast_of_two_scores_is_near_the_paired_test(internal: pd.DataFrame) -> None:
    found = auc_contrast([term(1.0, internal), term(-1.0, internal, score="lad")])
    y = labels(internal["grade_rca"]) == 1
    paired = auc_difference(y, internal["prob_rca"], internal["prob_lad"], groups=internal["patient_id"])
    assert found.estimate == pytest.approx(paired.estimate, abs=1e-12)
    # Obuchowski's factors differ from the single I/(I - 1) by the share of positive patients only.
    assert found.high - found.low == pytest.approx(paired.high - paired.low, rel=0.02)


def test_an_auc_against_itself_has_no_variance(internal: pd.DataFrame) -> None:
    found = auc_contrast([term(1.0, internal), term(-1.0, internal)])
    assert found.estimate == 0
    assert np.isnan(found.low)
    assert "no variance" in found.note


def test_overlap_narrows_the_interval(internal: pd.DataFrame) -> None:
    """A part against the whole that holds it: patients enter once, so the interval is that of a bootstrap."""
    part = (internal["sex"] == "F").to_numpy()
    found = auc_contrast([term(1.0, internal[part]), term(-1.0, internal)])
    rng = np.random.default_rng(1)
    rows_of = internal.groupby("patient_id").indices
    ids = list(rows_of)
    drawn = []
    for _ in range(300):
        rows = np.concatenate([rows_of[ids[i]] for i in rng.integers(0, len(ids), len(ids))])
        table = internal.iloc[rows]
        inside = (table["sex"] == "F").to_numpy()
        drawn.append(_auc(table[inside]) - _auc(table))
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(drawn), rel=0.15)


def _auc(table: pd.DataFrame) -> float:
    return auc_interval(labels(table["grade_rca"]) == 1, table["prob_rca"]).estimate


def test_mean_difference_by_hand() -> None:
    d = mean_difference([1.0, 2.0, 3.0], [2.0, 6.0], ["a", "b", "c"], ["d", "e"])
    assert d.estimate == -2.0
    # influence: (-1, 0, 1)/3 and (2, -2)/2, five patients
    se = np.sqrt(5 / 4 * (2 / 9 + 2))
    assert d.high - d.low == pytest.approx(2 * 1.959964 * se, rel=1e-6)
    paired = mean_difference([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], ["a", "b", "c"], ["a", "b", "c"])
    assert paired.estimate == -1.0
    assert "no variance" in paired.note
    assert mean_difference([], [1.0], [], ["a"]).note == "a group is empty"


@pytest.fixture(scope="module")
def claims(predictions: pd.DataFrame) -> pd.DataFrame:
    return directional_claims(predictions, thresholds=RISK_THRESHOLDS, n_boot=60)


def test_every_claim_is_judged_by_its_own_interval(claims: pd.DataFrame) -> None:
    assert list(dict.fromkeys(claims["claim"])) == [c.name for c, _ in CLAIMS]
    assert set(claims["verdict"]) <= {HELD, REVERSED, UNDECIDED}
    assert (claims.loc[claims["low"].isna(), "verdict"] == UNDECIDED).all()
    above = claims[claims["rule"].str.startswith("interval above")]
    assert ((above["verdict"] == HELD) == (above["low"] > above["against"])).all()
    # These scores were drawn around the grades: they discriminate and rise with the grade.
    for name in ("discriminates", "rises with grade"):
        assert (claims.loc[claims["claim"] == name, "verdict"] == HELD).all()
    assert claims.loc[claims["claim"].str.startswith("discriminates"), "targeted"].all()
    assert not claims.loc[claims["claim"] == "prior MI worse", "targeted"].any()


def test_subgroup_claims_follow_their_direction(claims: pd.DataFrame, internal: pd.DataFrame) -> None:
    row = claims[(claims["claim"] == "men like women") & (claims["vessel"] == "RCA")].iloc[0]
    men = internal["sex"] == "M"
    rows = internal.assign(y=labels(internal["grade_rca"]) == 1)
    assert np.sign(row["estimate"]) == np.sign(_auc(rows[men]) - _auc(rows[~men]))


def test_without_cohorts_and_vessels_claims_stay_undecided(predictions: pd.DataFrame) -> None:
    bare = predictions.loc[predictions["cohort"] == "internal"].drop(columns=["followup_days", "mi_event"])
    bare = bare.assign(grade_lm=pd.array([pd.NA] * len(bare), dtype="string"))
    found = directional_claims(bare, thresholds=RISK_THRESHOLDS, n_boot=20)
    for name in (
        "discriminates outside",
        "external like internal",
        "infarctions separate",
        "LM few false positives",
    ):
        rows = found[found["claim"] == name]
        assert len(rows)
        assert (rows["verdict"] == UNDECIDED).all()
        assert (rows["note"] != "").all()
    assert (found.loc[found["vessel"] == "LM", "verdict"] == UNDECIDED).all()


def test_real_patients_are_never_targeted(predictions: pd.DataFrame) -> None:
    real = predictions[predictions["cohort"] == "internal"].assign(data_kind="user")
    assert not directional_claims(real, thresholds=RISK_THRESHOLDS, n_boot=20)["targeted"].any()


def test_sentences_count_what_the_table_holds(claims: pd.DataFrame) -> None:
    text = claims_sentence(claims)
    assert text.startswith(f"{len(claims)} judgements of {claims['claim'].nunique()} claims")
    assert f"{(claims['verdict'] == HELD).sum()} held" in text
    assert len(claims_shown(claims)) == len(claims)
    # The paper's own numbers: LM does not fall outside, LCX falls most (.673 - .736).
    said = falls_sentence(paper_values("Figure 1"))
    assert "LM +0.007" in said
    assert "LCX -0.063" in said
