"""Boxes and steps of Figure 4 against numpy's quantiles and counted pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation import severity_points, severity_table
from ccta_lib.evaluation.grades import paper_row, severity_boxes, severity_sentence, severity_steps, with_keys
from ccta_lib.evaluation.severity import EFFECT
from ccta_lib.paper import paper_values
from ccta_lib.schema import VESSELS


def test_boxes_are_quantiles_and_an_absent_grade_keeps_its_place(predictions):
    points = severity_points(predictions, unit="ecg")
    boxes = severity_boxes(points)
    assert len(boxes) == 3 * 4 * 4
    mine = points.query("vessel == 'LAD' and cohort == 'internal'")
    severe = mine[mine["grade"].isin(["severe", "occluded"])]["p"]
    row = boxes.query("vessel == 'LAD' and cohort == 'internal' and grade == 'severe'").iloc[0]
    assert row["n"] == len(severe)
    assert row[["q05", "median", "q95"]].tolist() == pytest.approx(
        list(np.quantile(severe, [0.05, 0.5, 0.95]))
    )
    boxes = severity_boxes(points[points["grade"] != "mild"])
    assert list(boxes) == [
        "vessel", "cohort", "unit", "grade", "n", "q05", "q25", "median", "q75", "q95", "data_kind"]  # fmt: skip
    assert set(boxes["data_kind"]) == {"simulated"}
    empty = boxes[boxes["grade"] == "mild"]
    assert (empty["n"] == 0).all()
    assert empty["median"].isna().all()
    unlabelled = severity_boxes(points[points["vessel"] != "LM"])
    assert (unlabelled[unlabelled["vessel"] == "LM"]["n"] == 0).all()


def test_a_step_is_the_share_of_pairs_in_the_right_order(predictions):
    steps = severity_steps(predictions, unit="ecg", cohorts=["internal"])
    points = severity_points(predictions, unit="ecg", cohorts=["internal"])
    assert len(steps) == 4 * 3
    for row in steps.itertuples():
        lower, upper = row.step.split(" to ")
        mine = points[points["vessel"] == row.vessel]
        a = mine[mine["grade"] == lower]["p"].to_numpy()
        b = mine[mine["grade"].isin([upper, "occluded"] if upper == "severe" else [upper])]["p"].to_numpy()
        right = (b[:, None] > a).mean() + (b[:, None] == a).mean() / 2
        assert row.estimate == pytest.approx(right)
        assert row.n == len(a) + len(b)
        assert row.low < row.estimate < row.high


def test_a_vessel_without_grades_or_with_one_grade_says_so(predictions):
    table = predictions.assign(grade_lm=pd.array([pd.NA] * len(predictions), dtype="string"))
    steps = severity_steps(table, cohorts=["internal"])
    assert steps[steps["vessel"] == "LM"]["estimate"].isna().all()
    assert (steps[steps["vessel"] == "LM"]["note"] != "").all()
    table = predictions.assign(grade_lm=pd.array(["normal"] * len(predictions), dtype="string"))
    steps = severity_steps(table, cohorts=["internal"])
    assert steps[steps["vessel"] == "LM"]["estimate"].isna().all()


def test_a_level_that_repeats_the_patient_level_stands_once(predictions, make):
    single = make(80, cohort="external", seed=9).drop_duplicates("patient_id")
    table = pd.concat([predictions[predictions["cohort"] == "internal"], single], ignore_index=True)
    named = with_keys(severity_table(table, units=["patient", "ecg"]))
    found = set(named["patients"])
    assert found == {"internal, patient level", "internal, ECG level", "external, patient level"}
    assert "internal, examination level" in set(with_keys(severity_table(table, units=["exam"]))["patients"])
    alone = with_keys(severity_table(single, units=["ecg"]))
    assert set(alone["patients"]) == {"external, ECG level"}
    assert set(alone["grades"]) == {"all grades", "below severe"}


def test_the_papers_row_shows_what_it_prints():
    row = paper_row(paper_values("Figure 4")).iloc[0]
    assert (row["RCA"], row["LM"], row["LAD"], row["LCX"]) == ("0.371", "0.240", "–", "–")


def test_the_sentence_counts_what_survives_holm(predictions):
    effects = severity_table(predictions, cohorts=["internal"])
    effects = effects[effects["metric"] == EFFECT].copy()
    effects["p_holm"] = [0.001, 0.2] * 4
    text = severity_sentence(effects)
    assert "over all grades the probability rises in 4 of 4" in text
    assert "below severe the probability rises in 0 of 4" in text
    effects[["p_value", "estimate"]] = np.nan
    assert "nothing can be tested" in severity_sentence(effects)
    assert list(VESSELS) == list(dict.fromkeys(effects["vessel"]))
