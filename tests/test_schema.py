"""Contracts 1 and 2: every fault at once, each with its row and column; empty means unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.errors import TableError
from ccta_lib.schema import (
    COHORT_COLUMNS,
    VESSELS,
    Grade,
    data_dictionary,
    is_prediction_table,
    labels,
    read_cohort,
    read_predictions,
    write_table,
)

ROWS = """\
ecg_id,patient_id,exam_id,waveform,sampling_hz,ecg_time,ccta_time,age,sex,diabetes,grade_rca,grade_lm,note
e1,p1,x1,a,500,2024-03-01T09:00,2024-03-01T10:00,61,F,true,severe,,kept
e2,p1,x1,b,500,2024-03-01T09:30,2024-03-01T10:00,61,F,1,severe,,as it is
e3,p2,x2,c,1000,,,,,,normal,occluded,
"""


def write(folder: Path, text: str, name: str = "cohort.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(TableError) as caught:
        read_cohort(path)
    return caught.value.faults


def test_a_good_table_is_typed_and_empty_stays_unknown(tmp_path: Path) -> None:
    table = read_cohort(write(tmp_path, ROWS))
    assert list(table["cohort"]) == ["internal"] * 3
    assert table["data_kind"].tolist() == ["user"] * 3
    assert table["diabetes"].tolist() == [True, True, pd.NA]
    assert table["age"].isna().tolist() == [False, False, True]
    assert table["ecg_time"][0] == pd.Timestamp("2024-03-01 09:00")
    assert pd.isna(table["grade_lm"][0])
    assert table["note"].tolist()[:2] == ["kept", "as it is"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_round_trip_keeps_every_value(tmp_path: Path, suffix: str) -> None:
    table = read_cohort(write(tmp_path, ROWS))
    write_table(table, tmp_path / f"again{suffix}")
    again = read_cohort(tmp_path / f"again{suffix}")
    pd.testing.assert_frame_equal(again[table.columns.drop("note")], table.drop(columns="note"))


def test_all_faults_come_at_once_with_line_and_column(tmp_path: Path) -> None:
    text = ROWS.replace("61,F,true", "sixty,F,maybe").replace("e3,p2", "e1,").replace("occluded", "blocked")
    found = faults(write(tmp_path, text))
    places = {("line 2,", "age"), ("line 2,", "diabetes"), ("line 2,", "ecg_id"), ("line 4,", "ecg_id"),
              ("line 4,", "patient_id"), ("line 4,", "grade_lm")}  # fmt: skip
    assert {(p, c) for p, c in places for f in found if p in f and f"column {c}:" in f} == places
    assert len(found) == len(places)
    assert any("'sixty'; expected a number" in f for f in found)
    assert any("expected one of normal, mild, moderate, severe, occluded" in f for f in found)


def test_an_identifier_that_cannot_be_read_is_one_fault_and_not_an_empty_cell_too(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, ROWS.replace("e2,p1", "123.0,p1")))
    assert "line 3, column ecg_id: found the form '999.9'" in fault
    assert "expected an identifier as text" in fault


def test_a_carriage_return_in_a_cell_ends_no_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": ["x\ry", "z"]})
    write_table(table, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), table)


def test_a_table_has_the_same_bytes_on_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.linesep", "\r\n")
    write_table(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"a,b\n1,x\n2,y\n"


def test_the_ecg_comes_first(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, ROWS.replace("2024-03-01T09:30", "2024-03-01T10:01")))
    assert "line 3, column ecg_time" in fault


def test_an_exam_has_one_patient_and_one_grade(tmp_path: Path) -> None:
    found = faults(write(tmp_path, ROWS.replace("1,severe,,as", "1,mild,,as").replace("e2,p1", "e2,p9")))
    assert any("column patient_id" in f and "its exam belongs to two patients" in f for f in found)
    assert any("column grade_rca" in f and "its exam has two grades" in f for f in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "cannot be read as a table"),
        ("ecg_id,patient_id,waveform\n", "holds no row"),
        ("ecg_id,age\na,1\n", "column patient_id is missing"),
    ],
)
def test_not_a_cohort_table(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in f for f in faults(write(tmp_path, text)))


def test_missing_file_wrong_suffix_and_wrong_encoding(tmp_path: Path) -> None:
    assert "no such file" in faults(tmp_path / "none.csv")[0]
    assert "expected .csv or .parquet" in faults(write(tmp_path, ROWS, "cohort.xlsx"))[0]
    gbk = tmp_path / "gbk.csv"
    gbk.write_bytes(ROWS.replace("kept", "重度狭窄").encode("gbk"))
    assert "not UTF-8" in faults(gbk)[0]


def test_origins_do_not_mix_and_public_sites_are_proxies(tmp_path: Path) -> None:
    lines = ROWS.splitlines()
    kinds = "\n".join(
        [
            lines[0] + ",data_kind",
            *(f"{x},{k}" for x, k in zip(lines[1:], ("simulated", "simulated", "user"), strict=True)),
        ]
    )
    assert "mixes simulated and user" in faults(write(tmp_path, kinds))[0]
    for name in ("PTBXL", "PTB-XL", "PTB", "LUDB", "Chapman", "CPSC", "Georgia", "Ningbo", "INCART"):
        sites = "\n".join([lines[0] + ",site", *(f"{x},{name}" for x in lines[1:])])
        assert set(read_cohort(write(tmp_path, sites))["data_kind"]) == {"real_proxy"}, name


def test_a_probability_outside_0_to_1_is_refused(tmp_path: Path) -> None:
    table = read_cohort(write(tmp_path, ROWS)).assign(**{v.prob_column: 0.5 for v in VESSELS})
    write_table(table, tmp_path / "p.parquet")
    assert is_prediction_table(tmp_path / "p.parquet")
    assert len(read_predictions(tmp_path / "p.parquet")) == 3
    table.loc[1, "prob_lad"] = 1.2
    write_table(table, tmp_path / "p.parquet")
    with pytest.raises(TableError, match=r"row 2, column prob_lad: found 1.2; expected at most 1"):
        read_predictions(tmp_path / "p.parquet")
    table.loc[1, "prob_lad"] = -0.1
    write_table(table, tmp_path / "p.parquet")
    with pytest.raises(TableError, match=r"row 2, column prob_lad: found -0.1; expected at least 0"):
        read_predictions(tmp_path / "p.parquet")


def test_labels_follow_the_paper() -> None:
    values = labels(["normal", "mild", "moderate", "severe", "occluded", None])
    np.testing.assert_array_equal(values, [0, 0, 0, 1, 1, np.nan])
    with pytest.raises(ValueError, match="bad"):
        labels(["bad"])


@pytest.mark.parametrize(
    ("percent", "grade"),
    [(0, "normal"), (24.9, "normal"), (25, "mild"), (49.9, "mild"), (50, "moderate"), (69.9, "moderate"),
     (70, "severe"), (98.9, "severe"), (99, "occluded"), (100, "occluded")],
)  # fmt: skip
def test_boundaries_belong_to_the_higher_grade(percent: float, grade: str) -> None:
    assert Grade.from_percent(percent) == grade


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_stenosis_is_never_a_lower_grade(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert Grade.from_percent(low).rank <= Grade.from_percent(high).rank


def test_the_data_dictionary_names_every_column() -> None:
    table = data_dictionary()
    assert table.columns.tolist() == ["column", "meaning", "type", "allowed", "required"]
    assert table["column"].tolist() == list(COHORT_COLUMNS)
    assert (table["meaning"].str.len() > 0).all()
    kinds = table.set_index("column")["type"]
    assert kinds[["ecg_id", "sex", "age", "diabetes"]].tolist() == [
        "text", "text", "a number", "true or false (also 1/0, yes/no)"]  # fmt: skip
