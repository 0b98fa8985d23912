"""The audit of a build: from its readings to a sheet, and from the filled sheet to an audited cohort table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ccta_lib.cohort.audit.agreement import agreement_table
from ccta_lib.cohort.audit.sheet import candidates, final_grades, read_sheet, write_sheet
from ccta_lib.cohort.exports.columns import load_columns
from ccta_lib.cohort.exports.readers import report_texts
from ccta_lib.cohort.language_model.deidentify import Identifiers, deidentify, still_identifies
from ccta_lib.errors import InputError
from ccta_lib.files import read_json, sha256_file, write_json
from ccta_lib.schema import VESSELS, Vessel, read_cohort, write_table

READERS = {"rules": "grade", "language model": "second_grade"}
KEY = Path("private") / "audit_key.parquet"
READINGS = Path("private") / "readings.parquet"
AUDITED = "cohort_audited.parquet"
_WITHHELD = "[this report names its patient in a way that could not be taken out: read row {} of the reports]"


class Audit(NamedTuple):
    """What an audit came to: agreement of readers and auditors, and the cohort table with the settled grades."""

    agreement: pd.DataFrame
    table: Path
    changed: int
    open: int


def prepare_audit(
    build: Path,
    reports: Path,
    sheet: Path,
    *,
    columns: str | os.PathLike[str] | None = None,
    sample: int = 50,
    seed: int = 0,
) -> pd.DataFrame:
    """Write the sheet that auditors fill.

    Parameters
    ----------
    build : folder that `ccta cohort build` has written, with its folder `private`
    reports : the reports that the build has read
    sheet : .xlsx or .csv to write
    columns : map of the reports' headers, as for the build
    sample, seed : reports on which the readers agree, drawn to be read too

    Returns
    -------
    DataFrame
        What is in the sheet: row, vessel, the readers' grades, stratum, weight.

    Raises
    ------
    InputError
        If the build has no private folder, the reports are others than it has read, or the sheet exists.
    """
    readings = _readings(build)
    known = read_json(build / "run.json")["inputs"]["reports"]["sha256"]
    if sha256_file(reports) != known:
        raise InputError(f"{reports}: is not the file that {build} was built from (SHA-256 differs); give that one, "
                         "or build again")  # fmt: skip
    by_reader = {name: readings[["row", "vessel", column]].rename(columns={column: "grade"})
                 for name, column in READERS.items() if column in readings}  # fmt: skip
    chosen = candidates(by_reader, sample=sample, seed=seed)
    texts = {}
    for report in report_texts(reports, load_columns(columns), set(map(int, chosen["row"]))):
        person = Identifiers(report.identifiers, report.dates)
        text = deidentify(report.text, person)
        texts[report.row] = _WITHHELD.format(report.row) if still_identifies(text, person) else text
    write_sheet(chosen, texts, sheet, build / KEY)
    return chosen


def finish_audit(
    build: Path, sheet: Path, *, level: float = 0.95, n_boot: int = 1000, seed: int = 0
) -> Audit:
    """Read a filled sheet back: agreement per vessel, and the cohort table with the grades people settled.

    Parameters
    ----------
    build : folder of the build
    sheet : the filled sheet
    level, n_boot, seed : of the intervals of kappa

    Returns
    -------
    Audit
        Beside it `agreement.csv` and `cohort_audited.parquet` are written into the build.

    Raises
    ------
    InputError
        If the sheet is damaged or belongs to another build.
    """
    filled = read_sheet(sheet, build / KEY)
    agreement = agreement_table(filled, level=level, n_boot=n_boot, seed=seed)
    write_table(agreement, build / "agreement.csv")
    settled = final_grades(filled)
    examinations = _readings(build)[["row", "exam_id"]].drop_duplicates()
    settled = settled.merge(examinations, on="row", how="left", validate="many_to_one")
    table, changed = _apply(read_cohort(build / "cohort.parquet"), settled)
    path = build / AUDITED
    write_table(table, path)
    still_open = int((settled["decided_by"] == "open").sum())
    record = read_json(build / "run.json")
    record["audit"] = {"sheet_sha256": sha256_file(sheet), "items": len(settled), "open": still_open,
                       "changed_cells": changed, "level": level, "n_boot": n_boot, "seed": seed}  # fmt: skip
    write_json(record, build / "run.json")
    return Audit(agreement, path, changed, still_open)


def _readings(build: Path) -> pd.DataFrame:
    path = build / READINGS
    if not path.is_file():
        raise InputError(f"{path}: is not there; an audit needs a build that kept its folder private")
    return pd.read_parquet(path)


def _apply(table: pd.DataFrame, settled: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Put settled grades into the table; reports of one examination that are settled differently leave it unknown."""
    changed = 0
    for vessel in VESSELS:
        grade = _per_examination(settled, vessel)
        column = table[vessel.grade_column].astype("string")
        there = table["exam_id"].isin(grade.index)
        new = column.mask(there, table["exam_id"].map(grade).astype("string"))
        changed += int((new.fillna("") != column.fillna("")).sum())
        table[vessel.grade_column] = new
    return table, changed


def _per_examination(settled: pd.DataFrame, vessel: Vessel) -> pd.Series:
    rows = settled[settled["vessel"] == str(vessel)].assign(grade=lambda t: t["grade"].fillna(""))
    grouped = rows.groupby("exam_id")["grade"]
    first = grouped.min().where(grouped.min() == grouped.max(), "")
    return first.mask(first == "")
