"""What a build leaves behind: the cohort table, the account, the flow, the readings; and the folder that identifies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ccta_lib.cohort.exports import outcomes
from ccta_lib.cohort.exports.account import exam_labels
from ccta_lib.cohort.exports.identity import Pseudonyms, label
from ccta_lib.cohort.exports.readers import Report
from ccta_lib.cohort.exports.reading import HISTORY, UNKNOWN
from ccta_lib.cohort.exports.recordings import Item
from ccta_lib.cohort.store import SAMPLING_HZ
from ccta_lib.files import write_json
from ccta_lib.schema import VESSELS, Grade, read_cohort, validate, write_table

if TYPE_CHECKING:
    from ccta_lib.cohort.exports.build import BuildSettings

# As many rows as a spreadsheet opens with ease; longer accounts are Parquet alone.
_MOST_CSV_ROWS = 200_000
_NOTE = """This folder identifies patients: it quotes reports and names files. Do not pass it on.

files.csv          path of each recording below the folder of ECGs; account.parquet numbers them
recordings.csv     what was wrong with a recording, in the words of its reader
readings.parquet   each grade with the words of the report it rests on
audit.parquet      the grades a clinician should look at, with the report
pieces/            what was read of each input, true dates included; a rerun starts from it. May be deleted.
"""


def cohort_table(kept: pd.DataFrame, exams: pd.DataFrame, tables: dict[str, pd.DataFrame], *,
                 pseudonyms: Pseudonyms, rules: BuildSettings, data_kind: str | None) -> pd.DataFrame:  # fmt: skip
    """Make contract 1 from the linked recordings.

    Parameters
    ----------
    kept : DataFrame
        Recordings that enter, from `linkage.link`, with `cohort`.
    exams : DataFrame
        From `examinations`.
    tables : dict
        May hold `followup` and `treated`.
    pseudonyms : Pseudonyms
    rules : BuildSettings
    data_kind : str or None

    Returns
    -------
    DataFrame
        Sorted by patient pseudonym and time; checked against the contract.
    """
    rows = kept.merge(
        exams.drop(columns=["patient", "ccta_time", "row", "age"]), on="exam", validate="many_to_one"
    )
    treated = tables.get("treated")
    ends = outcomes.follow(rows, tables["followup"], treated) if "followup" in tables else None
    shift = pd.to_timedelta(pseudonyms.shift_days(rows["patient"]) if rules.shift_dates else 0, unit="D")
    age = rows["age"] if rules.oldest_age is None else rows["age"].clip(upper=rules.oldest_age)
    table = pd.DataFrame({
        "ecg_id": rows["ecg_id"],
        "patient_id": label("P", rows["patient"]),
        "exam_id": exam_labels(rows["exam"]),
        "site": _text(rows["site"]),
        "cohort": rows["cohort"],
        "waveform": [f"waveforms/signals.npy#{row - 1}" for row in rows["row"]],
        "sampling_hz": float(SAMPLING_HZ),
        "ecg_time": rows["ecg_time"] + shift,
        "ccta_time": rows["ccta_time"] + shift,
        "age": age,
        "sex": _text(_sex(rows, tables["reports"])),
        **{c: _flags(rows[c]) for c in (*HISTORY, "ecg_normal")},
        **{v.grade_column: _grades(rows[v.grade_column]) for v in VESSELS},
        "symptom": _text(rows["symptom"]),
        "ccta_time_is_day": rows["ccta_time_day"].astype("boolean"),
        "flags": rows["flags"],
    })  # fmt: skip
    if ends is not None:
        table[list(ends.columns)] = ends
    if data_kind is not None:
        table["data_kind"] = data_kind
    if (table["site"].isna()).all():
        table = table.drop(columns="site")
    table = table.sort_values(["patient_id", "ecg_time", "ecg_id"], kind="stable", ignore_index=True)
    return validate(table, source="cohort.parquet")


def _text(column: pd.Series) -> pd.Series:
    text = column.astype("string")
    return text.mask(text == "")


def _flags(column: pd.Series) -> pd.Series:
    return column.astype("Int8").mask(column == UNKNOWN).astype("boolean")


def _grades(column: pd.Series) -> pd.Series:
    return column.map(dict(enumerate(map(str, Grade)))).astype("string")


def _sex(rows: pd.DataFrame, reports: pd.DataFrame) -> pd.Series:
    """Sex by the reports, else by the recording; patients of whom two are said are not here any more."""
    said = reports.loc[(reports["reason"] == "") & (reports["sex"] != ""), ["patient", "sex"]]
    known = said.drop_duplicates("patient").set_index("patient")["sex"].astype(object)
    own = rows["sex"].astype(object)
    here = rows["patient"].map(known)
    shared = own.where(own != "").groupby(rows["patient"]).transform("first")
    return here.where(here.notna(), shared).fillna("")


def write_outputs(out: Path, table: pd.DataFrame, *, linked: pd.DataFrame, exams: pd.DataFrame,
                  readings: pd.DataFrame, flow: pd.DataFrame, accounts: pd.DataFrame, reports: pd.DataFrame,
                  record: dict[str, Any], private: Path | None, items: list[Item], parts: list[tuple[int, str]],
                  texts: Callable[[set[int]], Iterator[Report]]) -> Path:  # fmt: skip
    """Write everything; the description goes last.

    Returns
    -------
    pathlib.Path
        The cohort table.
    """
    path = out / "cohort.parquet"
    write_table(table, path)
    read_cohort(path)
    write_table(flow, out / "flow.csv")
    write_table(accounts, out / "account.parquet")
    if len(accounts) <= _MOST_CSV_ROWS:
        write_table(accounts, out / "account.csv")
    else:
        (out / "account.csv").unlink(missing_ok=True)
    counts = accounts.groupby(["input", "status", "reason"], sort=False).size().reset_index(name="rows")
    write_table(counts, out / "account_counts.csv")
    readings = readings.assign(exam_id=exam_labels(readings["exam"])).drop(columns="exam")
    safe = ["exam_id", "row", "vessel", "settled", "grade", "percent", "confidence", "audit",
            *(c for c in ("second_grade", "second_percent", "second_confidence") if c in readings)]  # fmt: skip
    write_table(readings[safe], out / "readings.parquet")
    suspected = suspected_patients(linked, reports)
    write_table(suspected, out / "suspected.csv")
    if private is not None:
        _write_private(private, linked, readings, items, parts, texts)
    oldest = record["settings"]["oldest_age"] or np.inf
    record["counts"] = {
        "ecgs": len(table),
        "exams": int(table["exam_id"].nunique()),
        "patients": int(table["patient_id"].nunique()),
        "account": counts.to_dict("records"),
        "suspected_patients": int(suspected["patient_id"].nunique()),
        "audit": readings.loc[readings["audit"] != "", "audit"].value_counts().to_dict(),
        "ages_capped": int((linked.loc[linked["reason"] == "", "age"] > oldest).sum()),
        "flagged": int((table["flags"].fillna("") != "").sum()),
    }
    record["data_kind"] = str(table["data_kind"].iloc[0])
    write_json(record, out / "run.json")
    return path


def suspected_patients(linked: pd.DataFrame, reports: pd.DataFrame) -> pd.DataFrame:
    """List identifiers that may be one patient's: a warning, they are not made one.

    Returns
    -------
    DataFrame
        group, why, patient_id (pseudonym), input, row: the first row of each input that shows it.
    """
    named = pd.concat([rows.loc[rows["person"] != 0, ["person", "patient", "row"]].assign(input=name)
                       for name, rows in [("reports", reports), ("ecgs", linked)]])  # fmt: skip
    same = linked.loc[linked["content"] != 0, ["content", "patient", "row"]].assign(input="ecgs")
    found = pd.concat([named.rename(columns={"person": "sign"}).assign(why="same name and birth date"),
                       same.rename(columns={"content": "sign"}).assign(why="same recording")])  # fmt: skip
    found = found[found["patient"] != 0].drop_duplicates(["why", "sign", "patient", "input"])
    found = found[found.groupby(["why", "sign"])["patient"].transform("nunique") > 1]
    group = found.groupby(["why", "sign"], sort=False).ngroup() + 1
    table = found.assign(group=group, patient_id=label("P", found["patient"]))
    table = table[["group", "why", "patient_id", "input", "row"]]
    return table.sort_values(["group", "patient_id", "input"], ignore_index=True)


def _write_private(
    private: Path,
    linked: pd.DataFrame,
    readings: pd.DataFrame,
    items: list[Item],
    parts: list[tuple[int, str]],
    texts: Callable[[set[int]], Iterator[Report]],
) -> None:
    (private / "README.txt").write_text(_NOTE, encoding="utf-8")
    files = [(item.row, item.path) for item in items]
    files += [(row, path) for row, (_, path) in enumerate(parts, start=len(items) + 1)]
    write_table(pd.DataFrame(files, columns=["row", "path"]), private / "files.csv")
    notes = linked.loc[
        (linked["note"] != "") | (linked["flags"] != ""), ["row", "ecg_id", "reason", "note", "flags"]
    ]
    write_table(notes, private / "recordings.csv")
    write_table(readings, private / "readings.parquet")
    audit = readings[readings["audit"] != ""]
    report = {r.row: r.text for r in texts(set(audit["row"]))} if len(audit) else {}
    write_table(audit.assign(report=audit["row"].map(report).astype("string")), private / "audit.parquet")
