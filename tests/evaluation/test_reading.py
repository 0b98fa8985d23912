"""Agreement, confusion, decisions and balance, counted by hand on small tables."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ccta_lib.evaluation.reading import (
    account_balance,
    confusion,
    decision_table,
    finding,
    grade_agreement,
    misses_by_style,
)
from ccta_lib.schema import VESSELS


@pytest.fixture
def readings() -> pd.DataFrame:
    told = ["normal", "mild", "severe", None, "severe", "occluded"]
    read = ["normal", "moderate", None, "mild", "severe", "occluded"]
    table = pd.DataFrame({"split": "score-once", "language": "en", "style": ["a", "a", "b", "b", "c", "c"]})
    for v in VESSELS:
        table[v.grade_column], table[f"read_{v.lower()}"] = told, read
    table["grade_lm"] = table["read_lm"] = None
    return table


def test_agreement_is_of_what_the_text_tells(readings):
    table = grade_agreement(readings).set_index(["vessel", "metric"])
    assert list(table.loc["RCA", "k"]) == [3, 1, 1, 1]
    assert list(table.loc["RCA", "n"]) == [5, 5, 5, 1]
    z = norm.ppf(0.975)
    centre, half = (
        (0.6 + z**2 / 10) / (1 + z**2 / 5),
        z / (1 + z**2 / 5) * np.sqrt(0.6 * 0.4 / 5 + z**2 / 100),
    )
    row = table.loc[("RCA", "agreement")]
    assert row["estimate"] == 0.6
    assert [row["low"], row["high"]] == pytest.approx([centre - half, centre + half], abs=1e-12)
    nothing = table.loc[("LM", "agreement")]
    assert nothing["n"] == 0
    assert np.isnan(nothing["estimate"])
    assert np.isnan(nothing["low"])
    assert table.loc[("LM", "invented"), ["k", "n"]].tolist() == [0, 6]


def test_misses_are_counted_by_style_and_the_clean_style_is_left_out(readings):
    table = misses_by_style(readings).set_index("style")
    assert table.loc["a", ["reports", "wrong", "abstained", "invented"]].tolist() == [2, 3, 0, 0]
    assert table.loc["b", ["reports", "wrong", "abstained", "invented"]].tolist() == [2, 0, 3, 3]
    assert "c" not in table.index


def test_confusion_counts_every_answer():
    answers = pd.DataFrame({
        "subject": "diabetes", "language": "zh",
        "told": ["yes", "yes", "no", "unknown", "unknown"], "read": ["yes", "no", "no", "unknown", "no"],
    })  # fmt: skip
    table = confusion(answers).set_index("told")
    assert list(table.index) == ["yes", "no", "unknown"]
    assert table.loc["yes", ["n", "read yes", "read no", "agreement"]].tolist() == [2, 1, 1, 0.5]
    assert table.loc["unknown", ["read no", "read unknown"]].tolist() == [1, 1]
    assert table.filter(like="read ").to_numpy().sum() == len(answers)


def test_decisions_that_missed_stand_first():
    rows = pd.DataFrame({
        "trouble": ["copy", "copy", "flat", "none", "none"],
        "expected": ["duplicate", "duplicate", "flat lead", "", ""],
        "found": ["duplicate", "", "flat lead", "", ""],
    })  # fmt: skip
    table = decision_table(rows)
    assert table.loc[0].tolist() == ["copy", 2, 1, "duplicate", "1 kept"]
    assert table["n"].sum() == 5
    assert table["as_expected"].sum() == 4
    assert (table.loc[1:, "otherwise"] == "").all()


def test_balance_finds_a_row_without_an_end():
    account = pd.DataFrame({
        "hospital": "h", "input": "ecgs", "row": [1, 2, 3, 4, 4],
        "status": ["kept", "excluded", "part", "excluded", "kept"],
        "reason": ["", "flat lead", "signal file", "", "late"],
    })  # fmt: skip
    row = account_balance(account).iloc[0]
    assert row[["rows", "kept", "excluded", "part", "unaccounted"]].tolist() == [5, 2, 2, 1, 2]


def test_the_finding_says_what_the_tables_say(readings):
    later = readings.assign(split="second", read_rca=readings["grade_rca"])
    recordings = pd.DataFrame({"expected": ["", "flat lead"], "found": ["", ""]})
    account = pd.DataFrame({"hospital": "h", "input": "ecgs", "row": [1], "status": ["kept"], "reason": [""]})
    blind = pd.concat([grade_agreement(readings), grade_agreement(later)])
    text = finding(blind, recordings, account)
    # Three vessels with 3 of 5 right; in the second set one of them has all 5.
    assert "the rules read 60.0% of 15 grades exactly (fewest: RCA, English, 60.0%)" in text
    assert "on another such wording, 73.3% of 15" in text
    assert "at most 20.0% open" in text
    assert "1 of 2 ECG files" in text
    assert "every row of every input is accounted for" in text


def test_rows_keep_the_order_of_the_readings(readings):
    both = pd.concat([readings.assign(split="z first"), readings.assign(split="a second")], ignore_index=True)
    assert grade_agreement(both)["split"].drop_duplicates().tolist() == ["z first", "a second"]
    assert misses_by_style(both)["split"].drop_duplicates().tolist() == ["z first", "a second"]
