"""From a build's readings to a blind sheet, and from the filled sheet to an audited cohort table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ccta_lib.cohort.audit.build import finish_audit, prepare_audit
from ccta_lib.errors import InputError
from ccta_lib.files import read_json, sha256_file, write_json
from ccta_lib.schema import VESSELS, read_cohort, write_table

TEXT = ["LAD 75%, others normal", "RCA mild", "LM: not evaluable, MRN-00421 Testperson", "all normal"]
GRADES = [
    ["normal", "normal", "severe", "normal"],
    ["mild", None, None, None],
    ["normal", None, "normal", "normal"],
    ["normal"] * 4,
]


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Write what a build leaves behind: rows 2 to 5 of the reports, one examination each, the last two the same one."""
    folder = tmp_path / "cohort"
    exams = ["X1", "X2", "X3", "X3"]
    reports = pd.DataFrame(
        {
            "patient_id": ["MRN-00421"] * 4,
            "ccta_time": "2021-01-02",
            "report": TEXT,
            "name": "Zhang Testperson",
        }
    )
    write_table(reports, tmp_path / "reports.csv")
    rows = [
        {"row": row, "exam_id": exam, "vessel": str(v), "grade": grade, "evidence": "", "audit": ""}
        for row, exam, four in zip(range(2, 6), exams, GRADES, strict=True)
        for v, grade in zip(VESSELS, four, strict=True)
    ]
    write_table(pd.DataFrame(rows), folder / "private" / "readings.parquet")
    ecgs = [{"ecg_id": f"e{i}", "patient_id": f"p{exam}", "exam_id": exam, "waveform": "w",
             **{v.grade_column: four[i] for i, v in enumerate(VESSELS)}} for i, (exam, four) in enumerate(
                 zip(exams[:3], GRADES[:3], strict=True))]  # fmt: skip
    write_table(pd.DataFrame(ecgs), folder / "cohort.parquet")
    write_json(
        {"inputs": {"reports": {"sha256": sha256_file(tmp_path / "reports.csv")}}}, folder / "run.json"
    )
    return folder


def fill(sheet: Path, answers: dict[str, str]) -> None:
    table = pd.read_csv(sheet, dtype=str, keep_default_na=False)
    table["auditor_1"] = [answers.get(i, "") for i in table["item"]]
    table.to_csv(sheet, index=False)


def test_the_sheet_shows_reports_without_their_patients(build: Path, tmp_path: Path) -> None:
    chosen = prepare_audit(build, tmp_path / "reports.csv", tmp_path / "audit.csv", sample=0)
    assert sorted(set(chosen["row"])) == [3, 4]  # those with an abstention
    text = (tmp_path / "audit.csv").read_text()
    assert "not evaluable" in text
    assert "00421" not in text
    assert "Testperson" not in text


def test_settled_grades_enter_an_audited_table_and_the_first_stays_as_it_was(
    build: Path, tmp_path: Path
) -> None:
    before = (build / "cohort.parquet").read_bytes()
    prepare_audit(build, tmp_path / "reports.csv", tmp_path / "audit.csv", sample=9)
    fill(tmp_path / "audit.csv", {"2-LAD": "severe", "2-RCA": "mild", "3-LAD": "moderate", "3-LM": "unknown",
                                  "4-LM": "mild", "5-LM": "normal"})  # fmt: skip
    done = finish_audit(build, tmp_path / "audit.csv", n_boot=100)
    table = read_cohort(done.table).set_index("exam_id")
    assert table.loc["X1", "grade_rca"] == "mild"
    assert table.loc["X2", "grade_lad"] == "moderate"
    assert pd.isna(table.loc["X2", "grade_lm"])
    assert pd.isna(table.loc["X3", "grade_lm"])  # its two reports are settled differently
    assert pd.isna(table.loc["X2", "grade_lcx"])  # nobody read it: open
    assert (build / "cohort.parquet").read_bytes() == before
    assert read_json(build / "run.json")["audit"]["changed_cells"] == done.changed == 2
    assert done.open == 1
    saved = pd.read_csv(build / "agreement.csv")
    assert (
        saved.loc[(saved["vessel"] == "RCA") & (saved["metric"] == "exact agreement"), "estimate"].item() == 0
    )


def test_other_reports_than_the_builds_are_refused(build: Path, tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text((tmp_path / "reports.csv").read_text() + "\n")
    with pytest.raises(InputError, match="SHA-256 differs"):
        prepare_audit(build, tmp_path / "reports.csv", tmp_path / "audit.csv")


def test_a_build_without_its_private_folder_cannot_be_audited(build: Path, tmp_path: Path) -> None:
    (build / "private" / "readings.parquet").unlink()
    with pytest.raises(InputError, match="kept its folder private"):
        prepare_audit(build, tmp_path / "reports.csv", tmp_path / "audit.csv")
