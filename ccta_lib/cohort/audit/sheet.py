"""The audit sheet: rows that people should read, without what the readers said of them, and the key to it.

The auditors see the de-identified report and the vessel, not the readers' grades: who knows an answer tends to
agree with it, and kappa would flatter. A seeded sample of reports on which the readers agree is mixed in, so that
agreement can be estimated for all reports and not for the difficult ones alone.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.datavalidation import DataValidation

from ccta_lib.cohort.exports.workbook import check_archive, readable_workbook
from ccta_lib.errors import InputError
from ccta_lib.files import atomic_path
from ccta_lib.schema import Grade, write_table
from ccta_lib.table_files import read_csv

UNKNOWN = "unknown"
ANSWERS = (*map(str, Grade), UNKNOWN)
AUDITORS = ("auditor_1", "auditor_2", "adjudicated")
COLUMNS = ("item", "vessel", "report", *AUDITORS, "comment")
AGREED, DISAGREE, ABSTAIN = "agreed", "disagree", "abstain"
_GUIDE = (
    "One row per report and vessel. Choose the worst current grade that the report states for this vessel.",
    "normal < 25 %, mild 25-49, moderate 50-69, severe 70-98, occluded >= 99; a boundary belongs to the higher grade.",
    "unknown = the report does not say, or says it cannot be judged.",
    "auditor_1 and auditor_2 read independently; adjudicated is filled where the two differ.",
    "Do not change the columns item, vessel and report, and add or remove no row.",
)  # fmt: skip
_WIDTHS = {"item": 20, "vessel": 8, "report": 100, "comment": 30, **dict.fromkeys(AUDITORS, 14)}


@dataclass(frozen=True)
class AuditSheet:
    """A filled sheet with its key.

    Attributes
    ----------
    rows : DataFrame
        item, row, vessel, reader columns, `stratum`, `weight`, auditor_1, auditor_2, adjudicated, comment.
    readers : tuple of str
        The columns that hold what readers said, in order.
    """

    rows: pd.DataFrame
    readers: tuple[str, ...]

    @property
    def consensus(self) -> pd.Series:
        """What the auditors settled on: adjudicated, else what both (or the only one) said; missing if open."""
        first, second, settled = (self.rows[a] for a in AUDITORS)
        agreed = first.where((second.isna() | (first == second)).fillna(False)).fillna(
            second.where(first.isna())
        )
        return settled.fillna(agreed)


def candidates(readings: dict[str, pd.DataFrame], *, sample: int, seed: int) -> pd.DataFrame:
    """Choose what people should read: every disagreement and abstention, and a sample of the rest.

    Parameters
    ----------
    readings : per reader a frame with row (of the report), vessel, grade (missing = abstains)
    sample : reports on which all agree in all vessels, drawn to be read too
    seed : of the sample

    Returns
    -------
    DataFrame
        row, vessel, one column per reader (`unknown` = abstains), `stratum` agreed | disagree | abstain, and
        `weight`: how many (report, vessel) pairs the row stands for.

    Raises
    ------
    InputError
        If the readers have not read the same reports.
    """
    names = list(readings)
    table = readings[names[0]][["row", "vessel"]].copy()
    index = pd.MultiIndex.from_frame(table)
    for name in names:
        grades = readings[name].set_index(["row", "vessel"])["grade"].astype("string").fillna(UNKNOWN)
        if not grades.index.is_unique or set(grades.index) != set(index):
            raise InputError(f"reader {name}: has not read the same reports and vessels as {names[0]}")
        table[name] = grades.reindex(index).to_numpy()
    said = table[names]
    table["stratum"] = np.where((said == UNKNOWN).any(axis=1), ABSTAIN,
                                np.where(said.ne(said[names[0]], axis=0).any(axis=1), DISAGREE, AGREED))  # fmt: skip
    table["weight"] = 1.0
    open_rows = table.loc[table["stratum"] != AGREED, "row"].unique()
    clear = np.setdiff1d(table["row"].unique(), open_rows)
    drawn = np.sort(np.random.default_rng(seed).choice(clear, size=min(sample, clear.size), replace=False))
    # Of a report with one disputed vessel the other vessels are agreed on: they are read along, as themselves.
    chosen = table[table["row"].isin(np.union1d(open_rows, drawn))].reset_index(drop=True)
    if drawn.size:
        chosen.loc[chosen["row"].isin(drawn), "weight"] = clear.size / drawn.size
    return chosen


def write_sheet(chosen: pd.DataFrame, texts: dict[int, str], path: Path, key: Path) -> None:
    """Write the sheet for the auditors (.xlsx or .csv) and its key.

    Parameters
    ----------
    chosen : as `candidates` returns it
    texts : de-identified report by row
    path : the sheet; refused if it exists, since people may have filled it
    key : Parquet file with the readers' grades, kept away from the auditors
    """
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise InputError(f"{path}: ends in {path.suffix or 'nothing'}; an audit sheet is .xlsx or .csv")
    if path.exists():
        raise InputError(
            f"{path}: is there already and may hold somebody's work; give another name, or move it"
        )
    items = [f"{row}-{vessel}" for row, vessel in zip(chosen["row"], chosen["vessel"], strict=True)]
    chosen = chosen.assign(item=items)
    sheet = pd.DataFrame({"item": chosen["item"], "vessel": chosen["vessel"],
                          "report": [texts[int(r)] for r in chosen["row"]]})  # fmt: skip
    sheet = sheet.reindex(columns=list(COLUMNS)).fillna("")
    write_table(chosen.assign(report_sha256=[_digest(t) for t in sheet["report"]]), key)
    os.chmod(key, 0o600)
    if path.suffix.lower() == ".csv":
        # A report that begins with = or @ would be a formula to a spreadsheet.
        write_table(
            sheet.assign(report=[f"'{t}" if t[:1] in "=+-@\t" and t else t for t in sheet["report"]]), path
        )
    else:
        _write_workbook(sheet, path)
    os.chmod(path, 0o600)


def _write_workbook(sheet: pd.DataFrame, path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "audit"
    page.append(list(COLUMNS))
    for record in sheet.itertuples(index=False):
        page.append([ILLEGAL_CHARACTERS_RE.sub(" ", str(v)) for v in record])
        for cell in page[page.max_row]:
            cell.data_type = "s"  # text, even if it begins like a formula
    choice = DataValidation(type="list", formula1=f'"{",".join(ANSWERS)}"', allow_blank=True, showErrorMessage=True,
                            error=f"Choose one of {', '.join(ANSWERS)}")  # fmt: skip
    page.add_data_validation(choice)
    for number, name in enumerate(COLUMNS, start=1):
        letter = openpyxl.utils.get_column_letter(number)
        page.column_dimensions[letter].width = _WIDTHS[name]
        page[f"{letter}1"].font = Font(bold=True)
        if name in AUDITORS:
            choice.add(f"{letter}2:{letter}{max(2, page.max_row)}")
    for row in page.iter_rows(min_row=2, min_col=3, max_col=3):
        row[0].alignment = Alignment(wrap_text=True, vertical="top")
    page.freeze_panes = "D2"
    guide = book.create_sheet("guide")
    guide.column_dimensions["A"].width = 120
    for line in _GUIDE:
        guide.append([line])
    with atomic_path(path) as temporary:
        book.save(temporary)


def read_sheet(path: Path, key: Path) -> AuditSheet:
    """Read a filled sheet back.

    Raises
    ------
    InputError
        If rows were added, removed or changed, or an answer is none of `ANSWERS`; one line per fault.
    """
    table = _load(path)
    known = _load_key(key)
    faults = [
        f"{path}: column {c} is missing; do not rename or remove columns" for c in COLUMNS if c not in table
    ]
    if faults:
        raise InputError(*faults)
    table = table[list(COLUMNS)].apply(lambda c: c.astype("string").str.strip())
    table = table.mask(table == "")
    # Line 1 holds the headers.
    named = list(zip(table.index + 2, table["item"], strict=True))
    twice, ours = set(table["item"][table["item"].duplicated()].dropna()), set(known["item"])
    for line, item in named:
        if pd.isna(item):
            faults.append(f"{path}: line {line}: the item is empty; restore it from the original sheet")
        elif item not in ours:
            faults.append(f"{path}: line {line}: item {item} is not of this audit; remove the line")
        elif item in twice:
            faults.append(f"{path}: line {line}: item {item} stands twice; keep one")
    digests = known.set_index("item")["report_sha256"]
    for line, item, text in zip(table.index + 2, table["item"], table["report"].fillna(""), strict=True):
        if item in ours and _digest(text) != digests[item]:
            faults.append(f"{path}: line {line}: the report is not the one of item {item} in this audit; is the sheet "
                          "of another build, or was its text changed?")  # fmt: skip
    lost = sorted(set(known["item"]) - set(table["item"].dropna()))
    faults += [f"{path}: item {i} is missing; restore its line (empty answers are allowed)" for i in lost]
    for auditor in AUDITORS:
        table[auditor] = table[auditor].str.lower()
        wrong = table[auditor].notna() & ~table[auditor].isin(ANSWERS)
        expected = f"expected one of {', '.join(ANSWERS)}, or empty"
        faults += [f"{path}: line {n + 2}, column {auditor}: found {v!r}; {expected}"
                   for n, v in enumerate(table[auditor]) if wrong.iloc[n]]  # fmt: skip
    if faults:
        raise InputError(*faults)
    answers = table.drop(columns=["vessel", "report"])
    known = known.drop(columns="report_sha256")
    rows = known.merge(answers, on="item", how="left", validate="one_to_one")
    readers = tuple(str(c) for c in known if c not in ("row", "vessel", "stratum", "weight", "item"))
    return AuditSheet(rows, readers)


def _digest(text: str) -> str:
    """Hash a report as it survives a spreadsheet: space, control characters and the guard of a formula do not count."""
    plain = ILLEGAL_CHARACTERS_RE.sub(" ", text.removeprefix("'"))
    return hashlib.sha256(" ".join(plain.split()).encode()).hexdigest()


def _load(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the filled audit sheet")
    if path.suffix.lower() == ".csv":
        try:
            return read_csv(path)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: holds bytes that are not UTF-8; save as CSV UTF-8, or as a workbook"
            ) from error
    with readable_workbook(path):
        check_archive(path)
        return pd.read_excel(path, sheet_name="audit", dtype=str, keep_default_na=False)


def _load_key(key: Path) -> pd.DataFrame:
    if not key.is_file():
        raise InputError(f"{key}: the key that was written with the sheet is not there; without it the readers' "
                         "grades are unknown")  # fmt: skip
    return pd.read_parquet(key)


def final_grades(sheet: AuditSheet) -> pd.DataFrame:
    """Return what the audited rows are graded in the end.

    Returns
    -------
    DataFrame
        row, vessel, grade (missing = unknown) and `decided_by`: auditors, or `open` where no auditor decided; an open
        row is unknown, since the readers alone could not settle it, unless they agreed.
    """
    settled = sheet.consensus
    said = sheet.rows[list(sheet.readers)]
    agreed = said.iloc[:, 0].where(sheet.rows["stratum"] == AGREED)
    grade = settled.fillna(agreed)
    by = np.where(settled.notna(), "auditors", np.where(agreed.notna(), "readers", "open"))
    table = sheet.rows[["row", "vessel"]].assign(grade=grade.where(grade != UNKNOWN), decided_by=by)
    return table.sort_values(["row", "vessel"], kind="stable").reset_index(drop=True)
