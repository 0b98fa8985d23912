"""Runs and settings side by side: every row finds its counterpart, and differences have the right sign."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.book.compare import (
    differing,
    estimates,
    prediction_differences,
    record_differences,
    side_by_side,
    telling_keys,
)
from ccta_lib.book.sweep import _write_page, settings
from ccta_lib.errors import InputError, ParameterError
from ccta_lib.evaluation import auc_difference
from ccta_lib.files import write_json
from ccta_lib.schema import VESSELS, labels, write_table


def auc_rows(values: dict[str, float]) -> pd.DataFrame:
    table = pd.DataFrame(
        {"vessel": list(values), "cohort": "internal", "metric": "AUC", "estimate": list(values.values())}
    )
    return table.assign(low=table["estimate"] - 0.1, high=table["estimate"] + 0.1, n=10, note="")


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    write_table(auc_rows({"RCA": 0.7, "LM": 0.6}), tmp_path / "a" / "discrimination" / "auc.csv")
    write_table(auc_rows({"LM": 0.6, "LAD": 0.8, "RCA": 0.75}), tmp_path / "b" / "discrimination" / "auc.csv")
    write_table(auc_rows({"RCA": 0.1}), tmp_path / "a" / "discrimination" / "figure_x.csv")
    write_table(pd.DataFrame({"vessel": ["RCA"], "n": [1]}), tmp_path / "a" / "cohort" / "counts.csv")
    return {"a": tmp_path / "a", "b": tmp_path / "b"}


def test_rows_are_matched_by_key_and_not_by_place(folders: dict[str, Path]) -> None:
    table = side_by_side(folders)
    assert table["vessel"].tolist() == ["RCA", "LM", "LAD"]
    assert table["a: estimate"].tolist()[:2] == [0.7, 0.6]
    assert table["b: estimate"].tolist() == [0.75, 0.6, 0.8]
    assert np.isnan(table["a: estimate"][2])
    assert differing(table, ["a", "b"])["vessel"].tolist() == ["RCA", "LAD"]
    assert telling_keys(table) == ["vessel"]


def test_drawn_data_and_tables_without_estimates_are_left_out(folders: dict[str, Path]) -> None:
    assert estimates(folders["a"])["table"].unique().tolist() == ["discrimination/auc"]


def test_several_rows_of_one_key_keep_their_order(tmp_path: Path) -> None:
    rows = pd.concat([auc_rows({"RCA": 0.5}), auc_rows({"RCA": 0.9})])
    for name in ("a", "b"):
        write_table(rows, tmp_path / name / "t.csv")
    table = side_by_side({n: tmp_path / n for n in ("a", "b")})
    assert table["repeat"].astype(int).tolist() == [0, 1]
    assert differing(table, ["a", "b"]).empty


def run(folder: Path, draw: int, **record: object) -> Path:
    rng = np.random.default_rng(draw)
    n = 120
    grade = np.where(np.random.default_rng(0).random(n) < 0.4, "severe", "mild")
    table = pd.DataFrame(
        {"ecg_id": [f"e{i}" for i in range(n)], "patient_id": [f"p{i // 2}" for i in range(n)]}
    )
    for vessel in VESSELS:
        table[vessel.grade_column] = grade[np.arange(n) // 2]  # one grade per exam
        table[vessel.prob_column] = rng.uniform(size=n)
    write_table(table, folder / "predictions.parquet")
    write_json(
        {"stages": {"x": {"key": str(draw), "seconds": draw, "seed": 1}}, "data_kind": "user", **record},
        folder / "run.json",
    )
    return folder


def test_the_paired_difference_is_b_minus_a(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a", 1), run(tmp_path / "b", 2)
    rows = prediction_differences(a, b)
    first, second = (pd.read_parquet(f / "predictions.parquet") for f in (a, b))
    expected = auc_difference(labels(first["grade_rca"]), second["prob_rca"].to_numpy(), first["prob_rca"].to_numpy(),
                              groups=first["patient_id"].to_numpy())  # fmt: skip
    rca = rows[rows["vessel"] == "RCA"].iloc[0]
    assert rca["estimate"] == expected.estimate != 0
    assert (rca["low"], rca["high"], rca["n"]) == (expected.low, expected.high, 120)
    swapped = prediction_differences(b, a)
    np.testing.assert_allclose(swapped["estimate"], -rows["estimate"])


def test_other_patients_under_the_same_names_are_refused(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a", 1), run(tmp_path / "b", 2)
    table = pd.read_parquet(b / "predictions.parquet").assign(grade_lm="normal")
    write_table(table, b / "predictions.parquet")
    with pytest.raises(InputError, match="differ in grade_lm"):
        prediction_differences(a, b)


def test_records_differ_in_what_was_set_and_not_in_times(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a", 1, seed=1), run(tmp_path / "b", 2, seed=2, extra={"k": 1})
    rows = record_differences(a, b)
    assert rows.to_numpy().tolist() == [["extra.k", "–", "1"], ["seed", "1", "2"]]
    with pytest.raises(InputError, match=r"holds no run\.json"):
        record_differences(a, tmp_path)


def test_settings_are_all_combinations_with_names_of_their_own() -> None:
    found = settings("severity", {"level": [0.9, 0.95], "n_boot": [1, 2]})
    assert [s.values for s in found] == [{"level": x, "n_boot": n} for x in (0.9, 0.95) for n in (1, 2)]
    assert found[0].name == "severity--level-0.9--n_boot-1"
    alike = settings("severity", {"thresholds": [{"LM": 0.1}, {"LM": -0.1}]})  # the same but for a sign
    assert len({s.name for s in alike}) == 2


@pytest.mark.parametrize(("swept", "message"), [
    ({"n": [1]}, "found 1 value"), ({"n": [1, 2, 1]}, "stands twice"), ({"n": list(range(61))}, "61 settings"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(swept: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        settings("severity", swept)


def test_the_comparison_page_shows_what_differs(tmp_path: Path) -> None:
    where = run(tmp_path / "run", 1)
    done = settings("discrimination", {"level": [0.9, 0.95]})
    for setting, estimate in zip(done, (0.7, 0.8), strict=True):
        write_table(auc_rows({"RCA": estimate, "LM": 0.6}), where / "tables" / setting.name / "auc.csv")
    text = _write_page("discrimination", done, where).read_text()
    assert "Of 2 estimates, 1 differ" in text
    assert "| 0.700 [0.600, 0.800] | 0.800 [0.700, 0.900] |" in text
    assert "[level = 0.9](discrimination--level-0.9.ipynb)" in text
    saved = pd.read_csv(where / "tables" / "discrimination--sweep" / "estimates.csv")
    assert len(saved) == 2
    assert (where / "figures" / "discrimination--sweep" / "settings.svg").is_file()
