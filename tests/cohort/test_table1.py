"""Table 1 counts what is there, in the paper's rows, and the paper's own numbers are consistent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.cohort.paper import PAPER_SIZES, paper_table1
from ccta_lib.cohort.table1 import display_table1, table1
from ccta_lib.errors import InputError
from ccta_lib.schema import VESSELS, validate


def cohort(**columns: list) -> pd.DataFrame:
    n = len(columns["patient_id"])
    raw = {"ecg_id": [f"e{i}" for i in range(n)], "waveform": ["w"] * n, **columns}
    return validate(pd.DataFrame(raw))


@pytest.fixture
def small() -> pd.DataFrame:
    """Three patients inside (one with two exams, one with two ECGs of one exam), one outside."""
    return cohort(
        patient_id=["a", "a", "b", "b", "c", "d"],
        exam_id=["a1", "a2", "b1", "b1", "c1", "d1"],
        cohort=["internal"] * 5 + ["external"],
        ecg_time=["2020-01-01", "2022-01-01", "2020-05-01", "2020-05-03", "2020-01-01", "2020-01-01"],
        ccta_time=["2020-01-02", "2022-01-02", "2020-05-04", "2020-05-04", "2020-01-02", "2020-01-02"],
        age=[64, 66, 70, 71, None, 50],
        sex=["M", "M", "F", "F", None, "F"],
        diabetes=[True, True, False, False, None, False],
        hypertension=[True, True, True, True, True, False],
        grade_rca=["severe", "occluded", "mild", "mild", None, "normal"],
        grade_lm=["normal"] * 6,
    )


def cell(table: pd.DataFrame, characteristic: str, level: str, name: str = "internal") -> pd.Series:
    rows = table[
        (table["characteristic"] == characteristic) & (table["level"] == level) & (table["cohort"] == name)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


def test_counts_by_hand_at_three_levels(small: pd.DataFrame) -> None:
    by_unit = {unit: table1(small, unit=unit) for unit in ("ecg", "exam", "patient")}
    expected = {  # ECGs, exams, patients
        ("n", ""): (5, 4, 3),
        ("Sex", "Male"): (2, 2, 1),
        ("Sex", "Female"): (2, 1, 1),
        ("Sex", "Missing"): (1, 1, 1),
        ("Age (years)", "<65"): (1, 1, 1),
        ("Age (years)", "≥65"): (3, 2, 1),
        ("Age (years)", "Missing"): (1, 1, 1),
        ("Diabetes", "Yes"): (2, 2, 1),
        ("Diabetes", "No"): (2, 1, 1),
        ("Diabetes", "Missing"): (1, 1, 1),
        ("Hypertension", "Yes"): (5, 4, 3),
        ("Prior myocardial infarction", "Missing"): (5, 4, 3),
        ("RCA", "Severe stenosis & occlusion"): (2, 2, 1),
        ("RCA", "Non-severe or normal"): (2, 1, 1),
        ("RCA", "Unknown"): (1, 1, 1),
        ("LM", "Non-severe or normal"): (5, 4, 3),
        ("LAD", "Unknown"): (5, 4, 3),
    }
    for (characteristic, level), counts in expected.items():
        for (unit, table), count in zip(by_unit.items(), counts, strict=True):
            assert cell(table, characteristic, level)["n"] == count, (characteristic, level, unit)
    age = cell(by_unit["ecg"], "Age (years)", "Mean ± SD")
    known = np.array([64, 66, 70, 71])
    assert (age["mean"], age["sd"]) == pytest.approx((known.mean(), known.std(ddof=1)))
    assert age["text"] == "67.8 ± 3.3"
    # The ECG nearest the CCTA gives the exam's age: 71, not 70.
    assert cell(by_unit["exam"], "Age (years)", "Mean ± SD")["mean"] == pytest.approx((64 + 66 + 71) / 3)
    outside = cell(by_unit["ecg"], "Age (years)", "Mean ± SD", "external")
    assert outside["mean"] == 50
    assert np.isnan(outside["sd"])
    assert cell(by_unit["ecg"], "Sex", "Male", "external")["text"] == "0 (0.0%)"
    assert set(by_unit["exam"]["unit"]) == {"exam"}


def test_rows_of_missing_cells_stand_where_the_paper_has_them_or_where_there_are_any(
    small: pd.DataFrame,
) -> None:
    levels = table1(small).groupby("characteristic")["level"].agg(set)
    assert "Missing" in levels["Sex"]
    assert "Missing" not in levels["Hypertension"]
    assert "Unknown" not in levels["LM"]
    complete = table1(small[small["cohort"] == "external"])
    assert cell(complete, "Sex", "Missing", "external")["n"] == 0


def test_no_ages_at_all_is_undefined_not_an_error() -> None:
    table = table1(cohort(patient_id=["a", "b"]))
    age = cell(table, "Age (years)", "Mean ± SD")
    assert np.isnan(age["mean"])
    assert age["text"] == ""
    assert cell(table, "Age (years)", "Missing")["text"] == "2 (100.0%)"


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_levels_add_up_in_any_cohort(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    draw = {name: data.draw(st.lists(st.sampled_from(values), min_size=n, max_size=n)) for name, values in {
        "cohort": ["internal", "external", "followup"], "sex": ["M", "F", None], "age": [40.0, 65.0, 90.0, None],
        "diabetes": [True, False, None], "grade_rca": ["normal", "severe", "occluded", None],
    }.items()}  # fmt: skip
    table = table1(cohort(patient_id=[f"p{i}" for i in range(n)], **draw))
    for name in set(draw["cohort"]):
        size = draw["cohort"].count(name)
        part = table[(table["cohort"] == name) & (table["level"] != "Mean ± SD")]
        assert (part.groupby("characteristic")["n"].sum() == size).all()
        shares = part[part["characteristic"] != "n"].groupby("characteristic")["percent"].sum()
        np.testing.assert_allclose(shares, 100)


def test_display_has_the_papers_order_and_both_columns(small: pd.DataFrame) -> None:
    wide = display_table1(table1(small), paper=True)
    assert wide.columns.tolist() == [(c, s) for c in ("internal", "external") for s in ("this run", "paper")]
    assert wide.loc[("RCA", "Severe stenosis & occlusion"), ("internal", "paper")] == "795 (17.2%)"
    assert wide.loc[("RCA", "Unknown"), ("internal", "paper")] == ""
    assert wide.loc[("Sex", "Male"), ("internal", "this run")] == "2 (40.0%)"
    published = paper_table1()
    order = list(zip(published["characteristic"], published["level"], strict=True))[: len(published) // 3]
    assert [row for row in wide.index if row in order] == order
    plain = display_table1(table1(small))
    assert plain.columns.tolist() == ["internal", "external"]


def test_the_papers_numbers_add_up() -> None:
    """Counts of each characteristic sum to the column, percentages belong to the counts, as printed."""
    published = paper_table1()
    assert list(published.columns) == list(table1(cohort(patient_id=["a"])).columns)
    for name, size in PAPER_SIZES.items():
        part = published[(published["cohort"] == name) & published["n"].notna()]
        assert (part.groupby("characteristic")["n"].sum() == size).all()
        levels = part[part["characteristic"] != "n"]
        assert (levels["percent"] - 100 * levels["n"] / size).abs().max() <= 0.0501
    severe = published[published["level"].str.startswith("Severe")].set_index(["characteristic", "cohort"])[
        "n"
    ]
    assert [severe[str(v), "internal"] for v in VESSELS] == [795, 235, 1373, 795]
    age = published[published["level"] == "Mean ± SD"]
    assert age["mean"].tolist() == [64.5, 63.1, 63.14]
    assert age["sd"].tolist() == [10.4, 11.7, 10.43]


def test_a_cohort_with_the_papers_counts_gives_the_papers_cells() -> None:
    """The tableone path ends in the printed text when the counts are the paper's (follow-up column)."""

    def fill(*parts: tuple[object, int]) -> list:
        return [value for value, n in parts for _ in range(n)]

    table = table1(cohort(
        patient_id=[f"p{i}" for i in range(400)], cohort=["followup"] * 400, sex=fill(("M", 183), ("F", 217)),
        age=fill((50.0, 199), (70.0, 201)), diabetes=fill((True, 97), (False, 303)),
        hypertension=fill((True, 171), (False, 229)), prior_mi=fill((True, 16), (False, 384)),
        grade_rca=fill(("severe", 60), ("occluded", 4), ("mild", 336)), grade_lm=fill(("severe", 4), ("normal", 396)),
        grade_lad=fill(("severe", 83), ("moderate", 317)), grade_lcx=fill(("occluded", 55), ("mild", 345)),
    )).merge(paper_table1(), on=["characteristic", "level", "cohort"], suffixes=("", "_paper"))  # fmt: skip
    counted = table[table["level"] != "Mean ± SD"]
    assert len(counted) == 21
    assert (counted["n"] == counted["n_paper"]).all()
    # Four printed percentages end in exactly half a tenth and were rounded the other way.
    assert (counted["text"] != counted["text_paper"]).sum() <= 4


def test_an_unknown_unit_is_named(small: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="unit"):
        table1(small, unit="beat")
