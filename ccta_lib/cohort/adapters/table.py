"""What the adapters share: text tables in, a checked cohort table and an account out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from ccta_lib.errors import InputError, TableError
from ccta_lib.files import sha256_file, write_json
from ccta_lib.schema import VESSELS, validate, write_table
from ccta_lib.table_files import read_csv

TABLE_NAME = "cohort.csv"
ACCOUNT_NAME = "adapted.json"
ENCODINGS = ("utf-8-sig", "gb18030")


def read_text_table(path: Path, *, needed: dict[str, str]) -> pd.DataFrame:
    """Read a CSV as text; its headers come without white space at their ends.

    Parameters
    ----------
    path : CSV in UTF-8, with or without mark, or GB18030 (which Excel in China writes)
    needed : column and what it means

    Raises
    ------
    TableError
        If the file is absent, no such table, empty, or lacks a column.
    """
    if not path.is_file():
        raise TableError(f"{path}: no such file; give the table of this layout")
    table = None
    for encoding in ENCODINGS:
        try:
            table = read_csv(path, encoding=encoding)
            break
        except UnicodeDecodeError:
            continue
    if table is None:
        raise TableError(f"{path}: neither UTF-8 nor GB18030; save it as CSV UTF-8")
    table.columns = [str(c).strip() for c in table.columns]
    faults = [f"{path}: column {c} is missing ({meaning}); add it" for c, meaning in needed.items()
              if c not in table.columns]  # fmt: skip
    if not faults and table.empty:
        faults = [f"{path}: holds no row; expected one row per ECG"]
    if faults:
        raise TableError(*faults)
    return table


def relative(file: Path, table: Path) -> str:
    """Path of a file as it stands in a table, from the table's folder."""
    return Path(os.path.relpath(file.resolve(), table.parent.resolve())).as_posix()


def require_files(files: dict[int, Path], *, source: Path, advice: str) -> None:
    """Raise if recordings are missing: one line with the count and the first.

    Parameters
    ----------
    files : line of the table and the file it names
    """
    missing = {line: file for line, file in files.items() if not file.is_file()}
    if missing:
        # Which line, but not which file: names of files name patients.
        raise InputError(f"{source}: {len(missing)} of {len(files)} recordings are not there, the first in line "
                         f"{min(missing)}; {advice}")  # fmt: skip


def finish(table: pd.DataFrame, out: str | os.PathLike[str], *, layout: str, sources: list[Path],
           settings: dict[str, Any], notes: dict[str, Any]) -> Path:  # fmt: skip
    """Check a table against the contract and write it with its account.

    Returns
    -------
    Path
        `out`/cohort.csv. Beside it `adapted.json`: sources with their SHA-256, settings, and what became of the rows.

    Raises
    ------
    TableError
        If the table breaks the contract.
    """
    path = Path(out) / TABLE_NAME
    checked = validate(table, source=f"{layout} as a cohort table")
    grades = {
        v: checked[v.grade_column] if v.grade_column in checked else pd.Series(dtype=object) for v in VESSELS
    }
    account = {
        "layout": layout,
        "sources": {source.name: sha256_file(source) for source in sources},
        "settings": settings,
        "ecgs": len(checked),
        "patients": int(checked["patient_id"].nunique()),
        "graded": {str(v): int(g.notna().sum()) for v, g in grades.items()},
        "severe_or_occluded": {str(v): int(g.isin(["severe", "occluded"]).sum()) for v, g in grades.items()},
        **notes,
    }
    write_table(table, path)
    write_json(account, path.with_name(ACCOUNT_NAME))
    return path
