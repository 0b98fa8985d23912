"""The sheet goes out blind and comes back checked; kappa agrees with published and independent values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from ccta_lib.cohort.audit import agreement_table, final_grades, read_sheet, write_sheet
from ccta_lib.cohort.audit.agreement import cohen_kappa
from ccta_lib.cohort.audit.sheet import ABSTAIN, AGREED, DISAGREE, candidates
from ccta_lib.errors import InputError
from ccta_lib.schema import VESSELS, Grade

GRADES = [str(g) for g in Grade]


def readings(grades: dict[int, list[str | None]]) -> pd.DataFrame:
    return pd.DataFrame(
        [(row, str(v), g) for row, four in grades.items() for v, g in zip(VESSELS, four, strict=True)],
        columns=["row", "vessel", "grade"],
    )


RULE = readings({2: ["normal"] * 4, 3: ["mild"] * 4, 4: ["severe", None, "mild", "mild"], 5: ["normal"] * 4})
MODEL = readings(
    {
        2: ["normal"] * 4,
        3: ["mild", "mild", "severe", "mild"],
        4: ["severe", "mild", "mild", "mild"],
        5: ["normal"] * 4,
    }
)


@pytest.fixture
def sheet(tmp_path: Path) -> tuple[Path, Path]:
    chosen = candidates({"rule": RULE, "model": MODEL}, sample=1, seed=0)
    paths = tmp_path / "audit.xlsx", tmp_path / "key.parquet"
    write_sheet(chosen, {r: f"=report {r}" for r in (2, 3, 4, 5)}, *paths)
    return paths


def fill(path: Path, answers: dict[str, tuple[str, ...]], default: str = "normal") -> None:
    book = openpyxl.load_workbook(path)
    page = book["audit"]
    for row in range(2, page.max_row + 1):
        given = answers.get(page.cell(row, 1).value, (default, default))
        for column, value in zip((4, 5, 6), given, strict=False):
            page.cell(row, column).value = value
    book.save(path)


def test_people_read_what_readers_do_not_settle_and_a_sample_of_the_rest() -> None:
    chosen = candidates({"rule": RULE, "model": MODEL}, sample=1, seed=0)
    strata = chosen.set_index(["row", "vessel"])["stratum"]
    assert set(chosen["row"]) - {3, 4} in ({2}, {5})
    assert strata[3, "LAD"] == DISAGREE
    assert strata[4, "LM"] == ABSTAIN
    assert strata[4, "RCA"] == AGREED
    # One of two clear reports was drawn, so each of its rows stands for two; together they stand for all 16.
    assert chosen["weight"].sum() == 16
    pd.testing.assert_frame_equal(chosen, candidates({"rule": RULE, "model": MODEL}, sample=1, seed=0))
    with pytest.raises(InputError, match="reader model: has not read the same reports"):
        candidates({"rule": RULE, "model": MODEL.iloc[1:]}, sample=1, seed=0)


def test_auditors_do_not_see_what_readers_said_and_a_report_is_no_formula(sheet: tuple[Path, Path]) -> None:
    page = openpyxl.load_workbook(sheet[0])["audit"]
    header = [c.value for c in page[1]]
    assert header == ["item", "vessel", "report", "auditor_1", "auditor_2", "adjudicated", "comment"]
    assert {page.cell(r, 3).data_type for r in range(2, page.max_row + 1)} == {"s"}
    assert all(not page.cell(r, c).value for r in range(2, page.max_row + 1) for c in (4, 5, 6, 7))
    assert oct(sheet[0].stat().st_mode)[-3:] == "600"


def test_somebodys_work_is_not_overwritten(sheet: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="may hold somebody's work"):
        write_sheet(candidates({"rule": RULE, "model": MODEL}, sample=1, seed=0), {}, *sheet)


def test_a_filled_sheet_comes_back_with_the_readers_beside_it(sheet: tuple[Path, Path]) -> None:
    fill(sheet[0], {"3-LAD": ("Severe ", "mild", "severe"), "4-LM": ("unknown", "unknown")})
    back = read_sheet(*sheet)
    rows = back.rows.set_index("item")
    assert rows.loc["3-LAD", ["rule", "model", "auditor_1", "auditor_2", "adjudicated"]].tolist() == [
        "mild",
        "severe",
        "severe",
        "mild",
        "severe",
    ]
    final = final_grades(back).set_index(["row", "vessel"])
    assert final.loc[(3, "LAD"), "grade"] == "severe"
    assert pd.isna(final.loc[(4, "LM"), "grade"])
    assert set(final["decided_by"]) == {"auditors"}


def test_what_auditors_leave_open_is_unknown_unless_the_readers_agree(sheet: tuple[Path, Path]) -> None:
    fill(sheet[0], {"3-LAD": ("severe", "mild"), "4-LM": (), "4-RCA": ()})
    final = final_grades(read_sheet(*sheet)).set_index(["row", "vessel"])
    assert final.loc[[(3, "LAD"), (4, "LM")], "decided_by"].tolist() == ["open", "open"]
    assert final.loc[[(3, "LAD"), (4, "LM")], "grade"].isna().all()
    assert final.loc[(4, "RCA")].tolist() == ["severe", "readers"]


def test_signs_that_no_workbook_can_hold_do_not_stop_the_audit(tmp_path: Path) -> None:
    paths = tmp_path / "audit.xlsx", tmp_path / "key.parquet"
    chosen = candidates({"rule": RULE, "model": MODEL}, sample=0, seed=0)
    write_sheet(chosen, dict.fromkeys((3, 4), "LAD\x0b 75%\r\nRCA\x00 normal"), *paths)
    assert len(read_sheet(*paths).rows) == len(chosen)


def test_a_csv_sheet_survives_the_way_there_and_back(tmp_path: Path) -> None:
    chosen = candidates({"rule": RULE, "model": MODEL}, sample=2, seed=0)
    paths = tmp_path / "audit.csv", tmp_path / "key.parquet"
    write_sheet(chosen, dict.fromkeys((2, 3, 4, 5), '=1+1, "x"\n左主干'), *paths)
    assert pd.read_csv(paths[0])["report"][0] == '\'=1+1, "x"\n左主干'
    assert len(read_sheet(*paths).rows) == len(chosen)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.assign(auditor_1="bad"),
            r"line 2, column auditor_1: found 'bad'; expected one of normal, mild",
        ),
        (lambda t: t.iloc[1:], r"item \d-RCA is missing; restore its line"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "stands twice; keep one"),
        (lambda t: t.assign(item=["99-LM", *t["item"][1:]]), "item 99-LM is not of this audit"),
        (lambda t: t.drop(columns="comment"), "column comment is missing"),
        (lambda t: t.assign(report="other"), "the report is not the one of item"),
    ],
)
def test_a_damaged_sheet_is_refused_line_by_line(tmp_path: Path, change, message: str) -> None:
    paths = tmp_path / "audit.csv", tmp_path / "key.parquet"
    write_sheet(
        candidates({"rule": RULE, "model": MODEL}, sample=2, seed=0), dict.fromkeys((2, 3, 4, 5), "x"), *paths
    )
    change(pd.read_csv(paths[0], dtype=str, keep_default_na=False)).to_csv(paths[0], index=False)
    with pytest.raises(InputError, match=message):
        read_sheet(*paths)


# Agreement ----------------------------------------------------------------------------------------------------


def test_kappa_of_a_table_worked_by_hand() -> None:
    """20 and 15 of 50 agree; chance alone would give half: (.7 - .5) / (1 - .5)."""
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
def test_kappa_is_that_of_an_independent_implementation(pairs: list[tuple[int, int]]) -> None:
    a, b = map(np.array, zip(*pairs, strict=True))
    table = np.zeros((5, 5))
    np.add.at(table, (a, b), 1)
    squares = np.subtract.outer(np.arange(5.0), np.arange(5.0)) ** 2
    if len(set(a) | set(b)) > 1:
        labels = list(range(5))
        assert cohen_kappa(table) == pytest.approx(cohen_kappa_score(a, b, labels=labels))
        expected = cohen_kappa_score(a, b, labels=labels, weights="quadratic")
        assert cohen_kappa(table, disagreement=squares) == pytest.approx(expected)
    else:
        assert np.isnan(cohen_kappa(table))


def test_agreement_weighs_the_sample_up_to_all_reports(sheet: tuple[Path, Path]) -> None:
    fill(
        sheet[0],
        {
            "3-LAD": ("severe", "severe"),
            "3-RCA": ("mild",) * 2,
            "3-LM": ("mild",) * 2,
            "3-LCX": ("mild",) * 2,
            "4-RCA": ("severe",) * 2,
            "4-LM": ("mild",) * 2,
            "4-LAD": ("mild",) * 2,
            "4-LCX": ("mild",) * 2,
        },
    )
    table = agreement_table(read_sheet(*sheet), n_boot=200).set_index(["first", "second", "vessel", "metric"])
    # The rule reader is wrong on LAD of report 3; reports 2 and 5 are one row of weight 2: 3 of 4 agree.
    assert table.loc[("rule", "auditors", "LAD", "exact agreement"), "estimate"] == pytest.approx(0.75)
    assert table.loc[("model", "auditors", "LAD", "exact agreement"), "estimate"] == 1
    assert table.loc[("auditor_1", "auditor_2", "LAD", "kappa"), "estimate"] == 1
    assert table.loc[("rule", "auditors", "LM", "quadratic kappa"), "n"] == 2  # the abstention is left out
    severe = table.loc[("model", "auditors", "LM", "kappa, severe or not")]
    assert np.isnan(severe["estimate"])
    assert severe["note"] == "both use one and the same category"
    assert not (table.index.get_level_values("first") == "auditor_1")[
        table.index.get_level_values("second") == "auditors"
    ].any()


def test_intervals_cover_a_planted_agreement(tmp_path: Path) -> None:
    """Two raters who agree on 80 % of 400 reports by construction."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, size=400)
    said = np.where(rng.random(400) < 0.8, truth, (truth + rng.integers(1, 5, size=400)) % 5)
    rule = readings({i: [GRADES[g]] * 4 for i, g in enumerate(said)})
    paths = tmp_path / "audit.csv", tmp_path / "key.parquet"
    write_sheet(candidates({"rule": rule}, sample=400, seed=0), dict.fromkeys(range(400), "x"), *paths)
    filled = pd.read_csv(paths[0], dtype=str, keep_default_na=False)
    filled["auditor_1"] = [GRADES[truth[int(i.split("-")[0])]] for i in filled["item"]]
    filled.to_csv(paths[0], index=False)
    row = (
        agreement_table(read_sheet(*paths), n_boot=500)
        .query("metric == 'exact agreement' and vessel == 'LM'")
        .iloc[0]
    )
    assert row["low"] < 0.8 < row["high"]
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * np.sqrt(0.16 / 400), rel=0.15)
