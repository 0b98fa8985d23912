"""Sentences and reading tables say what their tables hold: small tables, counted by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation.calibration_reading import NO_MODEL, npv_sentence, skill_sentence
from ccta_lib.evaluation.calibration_tables import NAMES
from ccta_lib.evaluation.claims_summary import claims_defined, claims_sentence, claims_shown, falls_sentence
from ccta_lib.evaluation.decision_summary import context_sentence
from ccta_lib.evaluation.factors import UNKNOWN
from ccta_lib.evaluation.infarction import PRIMARY
from ccta_lib.evaluation.infarction_summary import infarction_reading, infarction_sentence
from ccta_lib.evaluation.planted import ideal_calibration, percent_bins, percent_table
from ccta_lib.evaluation.results import Readable
from ccta_lib.evaluation.subgroup_reading import coverage_sentence, differences_sentence, specificity_sentence
from ccta_lib.evaluation.wording import compact
from ccta_lib.schema import VESSELS

NAN = float("nan")


def frame(columns: str, *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split())


def test_coverage_counts_what_can_be_estimated_and_names_what_is_unknown() -> None:
    rows = frame(
        "vessel factor subgroup n estimate warning",
        ("LM", "all", "all", 0, NAN, ""),
        ("LAD", "all", "all", 90, 0.7, ""),
        ("LAD", "sex", "F", 50, 0.7, ""),
        ("LAD", "sex", "M", 40, 0.6, "few positive patients"),
        ("LAD", "sex", UNKNOWN, 3, 0.5, ""),
        ("LAD", "diabetes", "yes", 0, NAN, ""),
        ("LAD", "prior MI", "yes", 0, NAN, ""),
    )
    assert coverage_sentence(rows) == (
        "Of 4 combinations of artery and subgroup 2 can be estimated, and 1 rest on at least 10 positive patients. "
        "Not known for any patient here: diabetes and prior MI. Without a known grade, so not estimable at all: LM."
    )
    known = rows[~rows["factor"].isin(["diabetes", "prior MI"]) & (rows["vessel"] != "LM")]
    assert coverage_sentence(known).endswith("at least 10 positive patients.")
    three = pd.concat([rows, rows.assign(factor="hypertension", n=0)[5:6]])
    assert "patient here: diabetes, prior MI and hypertension." in coverage_sentence(three)


def test_differences_count_tests_before_and_after_holm() -> None:
    tests = frame(
        "question vessel factor p_value p_holm",
        ("equal AUC", "LAD", "sex", 0.001, 0.002),
        ("equal AUC", "RCA", "age", 0.01, 0.02),
        ("equal AUC", "LM", "sex", 0.04, 0.08),
        ("equal AUC", "LCX", "sex", NAN, 1.0),
        ("same slope", "LAD", "sex", 0.05, 0.05),
    )
    widths = frame("low high", (-0.1, 0.1), (0.0, 0.4), (-0.3, 0.3), (NAN, NAN))
    assert differences_sentence(tests, widths) == (
        "*equal AUC*: 3 of 4 tests could be made, 3 with p under 0.05, 2 after Holm's correction (LAD, sex; RCA, age); "
        "*same slope*: 1 of 1 tests could be made, 0 with p under 0.05, 0 after Holm's correction; "
        "half the median width of an interval of a difference is 0.20."
    )
    assert "1 after Holm's correction (LAD, sex)" in differences_sentence(tests, widths, alpha=0.02)
    assert differences_sentence(tests, widths[3:]).endswith("0 after Holm's correction.")


def test_specificity_counts_pairs_on_either_side_of_zero() -> None:
    pairs = frame("low high", (0.01, 0.2), (-0.1, 0.1), (0.0, 0.2), (-0.3, -0.1), (-0.2, 0.0), (NAN, NAN))
    assert specificity_sentence(pairs) == (
        "In 1 of 5 pairs that can be compared the artery's own score is better with an interval above 0, "
        "in 1 it is worse with an interval below 0."
    )
    assert specificity_sentence(pairs[:2]).endswith("interval above 0, in none it is worse.")
    assert specificity_sentence(pairs[5:]) == "No pair of arteries can be compared here."


def test_context_without_a_vessel_below_its_prevalence() -> None:
    rows = frame(
        "cohort vessel threshold prevalence", ("internal", "LM", 0.05, 0.01), ("internal", "LAD", 0.15, 0.15)
    )
    assert context_sentence(rows, cohort="internal") == (
        "In the internal cohort no threshold lies below the prevalence of its artery."
    )
    assert context_sentence(rows, cohort="external") == "There is no external cohort with known grades."


def test_skill_is_said_in_percent_with_limits_where_there_are_any() -> None:
    name = NAMES["skill"]
    rows = frame(
        "cohort metric vessel estimate low high",
        ("internal", name, "RCA", 0.123, 0.05, 0.2),
        ("internal", name, "LM", -0.001, NAN, NAN),
        ("internal", name, "LAD", NAN, NAN, NAN),
        ("internal", NAMES["slope"], "LCX", 0.9, 0.8, 1.0),
        ("external", name, "LCX", 0.5, 0.4, 0.6),
    )
    assert skill_sentence(rows, cohort="internal") == (
        "Against giving everybody the prevalence, the Brier score of the internal patients improves by: "
        "RCA 12% [5%, 20%], LM 0%."
    )
    assert (
        skill_sentence(rows, cohort="followup")
        == "No artery of the followup patients has a Brier score to judge."
    )


def test_a_negative_predictive_value_stands_beside_the_one_without_a_model() -> None:
    rows = frame(
        "vessel cohort metric estimate threshold",
        ("LM", "internal", "npv", 0.991, 0.01),
        ("LM", "internal", NO_MODEL, 0.985, 0.01),
        ("LM", "external", "npv", NAN, 0.01),
        ("LM", "external", NO_MODEL, 0.98, 0.01),
    )
    assert npv_sentence(rows) == (
        "LM, internal: at 1% the negative predictive value is 99.1%; calling everybody negative, without any model, "
        "reaches 98.5%."
    )
    assert "cannot be computed, because nobody lies below" in npv_sentence(rows, cohort="external")
    assert npv_sentence(rows, vessel="LAD") == "The LAD of internal patients has no known grade here."


def of_infarction(**changed: object) -> pd.DataFrame:
    shared = {"vessel": "LAD", "events_high": 12, "n_high": 80, "events_low": 9, "n_low": 400, "interpret": True,
              "note": "", "p_value": 0.0002, "p_holm": 0.0008, "estimate": 2.5, "low": 1.2, "high": 5.1}  # fmt: skip
    rows = [shared | changed | {"metric": m} for m in ("hazard ratio", "log-rank", "proportional hazards")]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("changed", "reading"),
    [
        ({}, "high risk comes sooner"),
        ({"low": 0.2, "high": 0.9, "estimate": 0.5}, "low risk comes sooner"),
        ({"low": 0.9, "high": 1.9}, "undecided"),
        ({"low": 1.0, "high": 1.9}, "undecided"),
        ({"low": 0.4, "high": 1.0}, "undecided"),
        ({"low": NAN, "high": NAN, "note": "no finite estimate"}, "no finite estimate"),
        ({"interpret": False, "note": "3 infarctions: not interpreted"}, "3 infarctions: not interpreted"),
    ],
)
def test_who_comes_sooner_is_read_from_the_interval(changed: dict, reading: str) -> None:
    row = infarction_reading(of_infarction(**changed)).iloc[0]
    assert row["reading"] == reading
    assert (row["high"], row["low"]) == ("12/80", "9/400")
    assert list(row.index) == ["vessel", "high", "low", "hazard ratio", "log-rank p", "Holm p", "paper's p", "PH p",
                               "reading"]  # fmt: skip
    if not changed:
        assert row["hazard ratio"] == "2.50 [1.20, 5.10]"
    assert (row["log-rank p"], row["Holm p"], row["PH p"], row["paper's p"]) == (
        "< 0.001",
        "< 0.001",
        "< 0.001",
        "",
    )


def test_the_papers_p_stands_as_reported_or_as_number() -> None:
    tests = pd.concat([of_infarction(), of_infarction(vessel="LM"), of_infarction(vessel="RCA")])
    paper = frame("vessel value reported", ("LAD", NAN, "P < 0.05"), ("LM", 0.0123, ""))
    found = infarction_reading(tests, paper=paper).set_index("vessel")["paper's p"]
    assert found.to_dict() == {"LAD": "P < 0.05", "LM": "0.012", "RCA": ""}


def test_who_is_followed_is_said_for_the_origin_shown() -> None:
    nobody = (
        "This run follows nobody: without a follow-up cohort with `followup_days` and `mi_event`, time to infarction "
        "is not estimable."
    )
    tests = frame(
        "origin analysis n n_pos excluded",
        ("ccta", PRIMARY, 300, 30, "MI status unknown 2"),
        ("ccta", PRIMARY, 290, 29, "MI status unknown 12"),
        ("ecg", PRIMARY, 400, 41, ""),
        ("ccta", "another", 500, 50, "nobody"),
    )
    assert infarction_sentence(None, origin="ccta") == nobody
    assert infarction_sentence(tests.assign(n=0), origin="ccta") == nobody
    assert infarction_sentence(tests, origin="ccta") == (
        "300 people are followed from the CCTA; 30 have an infarction within the horizon. "
        "Left out: MI status unknown 2."
    )
    assert infarction_sentence(tests, origin="ecg") == (
        "400 people are followed from the ECG, with entry at the CCTA; 41 have an infarction within the horizon."
    )
    as_printed = infarction_sentence(tests.replace({"origin": {"ecg": "paper"}}), origin="paper")
    assert as_printed.startswith("400 people are followed from the ECG, as in the paper; 41 have")


def test_claims_are_counted_and_a_name_stands_once() -> None:
    claims = frame(
        "claim place says quantity rule vessel estimate low high verdict targeted note",
        ("rises", "Figure 4", "more with grade", "rho", "interval above 0", "LAD", 0.4, 0.3, 0.5, "held", True, ""),
        ("rises", "Figure 4", "more with grade", "rho", "interval above 0", "LM", 0.2, 0.1, 0.3, "held", True, ""),
        ("falls", "Figure 1", "less outside", "difference", "interval below 0", "LM", 0.1, 0.05, 0.2, "reversed",
         False, "few"),
        ("alike", "Table 2", "same", "difference", "interval within 0.05 of 0", "LM", NAN, NAN, NAN, "undecided",
         False, "none"),
        ("alike", "Table 2", "same", "difference", "interval within 0.05 of 0", "RCA", 0.0, 0.0, 0.0, "held",
         False, ""),
    )  # fmt: skip
    assert claims_sentence(claims) == (
        "5 judgements of 3 claims: 3 held, 1 reversed, 1 undecided.\n\n"
        "Claims held in every artery they are about: rises.\n\n"
        "Claims reversed in every artery they are about: falls."
    )
    assert claims_sentence(claims[3:]).endswith("reversed in every artery they are about: none.")
    defined = claims_defined(claims)
    assert defined.iloc[1].tolist() == ["falls", "less outside (Figure 1)", "difference: interval below 0"]
    assert list(defined.columns) == ["claim", "the paper says", "held if"]
    assert len(defined) == 3
    shown = claims_shown(claims)
    assert shown["claim"].tolist() == ["rises", "", "falls", "alike", ""]
    assert shown.loc[2].tolist() == ["falls", "LM", "0.100 [0.050, 0.200]", "reversed", "no", "few"]
    assert shown.loc[0, "targeted"] == "yes"
    assert shown["measured"].tolist() == compact(claims).tolist()


def test_falls_are_differences_from_the_internal_panel() -> None:
    printed = frame(
        "cohort subgroup vessel value",
        ("internal", "all", "RCA", 0.8), ("internal", "all", "LM", 0.7),
        ("external", "all", "LM", 0.75), ("external", "all", "RCA", 0.6),
        ("internal", "normal ECG", "RCA", 0.7), ("internal", "normal ECG", "LM", 0.7),
    )  # fmt: skip
    assert falls_sentence(printed) == (
        "AUCs as printed, against the internal ones: outside RCA -0.200, LM +0.050; "
        "in normal ECGs RCA -0.100, LM +0.000."
    )


def test_planted_percent_in_ranges_and_steps(make) -> None:
    table = make(80)
    percent = {f"percent_{v.lower()}": np.linspace(0, 100, len(table)) for v in VESSELS}
    truth = table[["ecg_id"]].assign(**percent)
    mild = truth.assign(percent_lm=np.minimum(truth["percent_lm"], 9.0))
    found = percent_table(table, mild, planted_from=50.0, unit="ecg", vessels=["LM"]).set_index("range")
    assert found.loc["50 % and over", "note"] == "no row in this range"
    assert found.loc["50 % and over", "n"] == 0
    assert (
        found.loc["all", "n"]
        == found.loc["under 50 %: nothing planted", "n"]
        == table["grade_lm"].notna().sum()
    )
    steps = percent_bins(table, truth, width=30.0, unit="ecg", vessels=["LAD"])
    assert steps["from"].tolist() == [0, 30, 60, 90]
    assert steps["to"].tolist() == [30, 60, 90, 100]
    known = table["grade_lad"].notna().to_numpy()
    inside = known & (truth["percent_lad"] >= 30).to_numpy() & (truth["percent_lad"] < 60).to_numpy()
    second = steps.loc[1]
    assert second["n"] == inside.sum()
    assert second[["q25", "median", "q75"]].tolist() == pytest.approx(
        table.loc[inside, "prob_lad"].quantile([0.25, 0.5, 0.75]).tolist()
    )
    assert second["percent"] == pytest.approx(truth.loc[inside, "percent_lad"].mean())


def test_ideal_risks_stand_in_the_networks_groups(make) -> None:
    table = make(80)
    ideal = table[["ecg_id", "prob_rca"]].assign(prob_rca=table["prob_rca"] ** 2, prob_lm=np.nan)
    found = ideal_calibration(table, ideal, size=20, vessels=["RCA", "LM"])
    assert set(found["vessel"]) == {"RCA"}
    known = table[table["grade_rca"].notna()].sort_values(["prob_rca", "ecg_id"])
    n = found["n"].astype(int).tolist()
    edges = np.cumsum([0, *n])
    expected = [(known["prob_rca"].iloc[a:b] ** 2).mean() for a, b in pairwise(edges)]
    assert found["ideal"].tolist() == pytest.approx(expected)
    assert not len(ideal_calibration(table, ideal, size=20, vessels=["LM"]))


def test_a_result_must_say_itself() -> None:
    with pytest.raises(NotImplementedError):
        str(Readable())
