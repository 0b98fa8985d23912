"""ECG, exam and patient level, on tables small enough to aggregate by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from ccta_lib.errors import InputError, TableError
from ccta_lib.evaluation import aggregate


def table(**columns):
    base = {
        "ecg_id": ["a", "b", "c", "d", "e"],
        "patient_id": ["p", "p", "p", "q", "q"],
        "exam_id": ["1", "1", "2", "3", "4"],
        "ccta_time": pd.to_datetime(["2022-05-02"] * 2 + ["2022-01-02"] + ["2022-03-02", "2022-04-02"]),
        "ecg_time": pd.to_datetime(
            ["2022-05-01", "2022-05-01 12:00", "2022-01-01", "2022-03-01", "2022-04-01"], format="ISO8601"
        ),
        "age": [60.0, 61.0, 59.0, 70.0, 71.0],
        "grade_lad": ["severe", "severe", "mild", None, "normal"],
        "prob_lad": [0.2, 0.6, 0.1, 0.5, 0.3],
    }
    return pd.DataFrame(base | columns)


def test_exam_takes_the_mean_probability_and_the_nearest_ecg():
    out = aggregate(table(), "exam")
    assert out["exam_id"].tolist() == ["1", "2", "3", "4"]
    assert out["prob_lad"].tolist() == pytest.approx([0.4, 0.1, 0.5, 0.3])
    assert out["ecg_id"].tolist() == ["b", "c", "d", "e"]
    assert out["age"].tolist() == [61, 59, 70, 71]


def test_exam_is_normal_only_when_every_ecg_is():
    normal = pd.array([True, False, True, None, True], dtype="boolean")
    frame = table(ecg_normal=normal, exam_id=["1", "1", "2", "3", "3"])
    out = aggregate(frame, "exam")["ecg_normal"]
    assert out[0] is False or not out[0]
    assert out[1]
    assert pd.isna(out[2])
    both = table(ecg_normal=pd.array([None, False, True, True, True], dtype="boolean"))
    assert not aggregate(both, "exam")["ecg_normal"][0]


def test_a_grade_that_differs_within_an_exam_names_the_exam():
    with pytest.raises(TableError, match="exam 1, column grade_lad: found grades mild, severe"):
        aggregate(table(grade_lad=["severe", "mild", "mild", None, "normal"]), "exam")


def test_index_exam_is_the_earliest_with_a_known_grade_for_any_vessel():
    out = aggregate(table(), "patient")
    assert out["exam_id"].tolist() == ["2", "4"]
    assert out["prob_lad"].tolist() == pytest.approx([0.1, 0.3])
    # A second vessel known in the earlier exam makes that exam the index, for the LAD too.
    rca = aggregate(table(grade_rca=["mild", "mild", None, "mild", None]), "patient")
    assert rca["exam_id"].tolist() == ["2", "3"]
    assert pd.isna(rca["grade_lad"][1])
    nothing_known = aggregate(table(grade_lad=[None] * 5), "patient")
    assert nothing_known["exam_id"].tolist() == ["2", "3"]


def test_worst_rule():
    out = aggregate(table(), "patient", rule="worst")
    assert out["grade_lad"].tolist()[0] == "severe"
    assert pd.isna(out["grade_lad"][1])  # normal once, unknown once
    assert out["prob_lad"].tolist() == pytest.approx([0.25, 0.4])
    severe_once = table(grade_lad=["mild", "mild", "mild", None, "occluded"])
    assert aggregate(severe_once, "patient", rule="worst")["grade_lad"].tolist() == ["mild", "occluded"]


def test_tables_without_exam_or_times():
    bare = table().drop(columns=["exam_id", "ccta_time", "ecg_time"])
    with pytest.raises(TableError, match="exam of patient p"):
        aggregate(bare, "exam")
    bare["grade_lad"] = ["severe", "severe", None, "mild", "mild"]
    out = aggregate(bare, "patient")
    assert out["patient_id"].tolist() == ["p", "q"]
    assert out["prob_lad"].tolist() == pytest.approx([0.3, 0.4])
    assert out["grade_lad"].tolist() == ["severe", "mild"]


def test_row_order_does_not_matter_and_the_input_is_untouched(predictions):
    before = predictions.copy()
    for unit in ("exam", "patient"):
        plain = aggregate(predictions, unit).set_index("exam_id").sort_index()
        turned = aggregate(predictions.iloc[::-1], unit).set_index("exam_id").sort_index()
        pd.testing.assert_frame_equal(plain, turned)
    pd.testing.assert_frame_equal(before, predictions)
    assert aggregate(predictions, "patient")["patient_id"].is_unique


def test_wrong_arguments():
    with pytest.raises(InputError, match="unit"):
        aggregate(table(), "ward")
    with pytest.raises(InputError, match="rule"):
        aggregate(table(), "patient", rule="best")
    with pytest.raises(InputError, match="patient_id"):
        aggregate(table().drop(columns="patient_id"), "exam")
