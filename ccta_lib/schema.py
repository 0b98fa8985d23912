"""Vessels, grades, labels, and the two table contracts: the one place where columns get their meaning.

A table is read as text, every cell is parsed by the rule of its column, and the whole is then checked;
all faults are reported together, each with its row and column.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ccta_lib.cell_kinds import (
    FLAG,
    IDENTIFIER,
    NUMBER,
    TEXT,
    TIME,
    Kind,
    clock_faults,
    nested_faults,
    parse_column,
)
from ccta_lib.errors import TableError, form
from ccta_lib.files import atomic_path
from ccta_lib.table_files import csv_headers, read_csv, read_parquet

Loaded = TypeVar("Loaded")
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
N_FOLDS = 5


class Vessel(StrEnum):
    """The four coronary arteries, in the paper's order."""

    RCA = "RCA"
    LM = "LM"
    LAD = "LAD"
    LCX = "LCX"

    @property
    def grade_column(self) -> str:
        """Column of the cohort table that holds this vessel's grade."""
        return f"grade_{self.lower()}"

    @property
    def prob_column(self) -> str:
        """Column of the prediction table that holds this vessel's probability."""
        return f"prob_{self.lower()}"


VESSELS = tuple(Vessel)


class Grade(StrEnum):
    """Stenosis grade by percent of the lumen: < 25, 25-49, 50-69, 70-98, >= 99."""

    NORMAL = "normal"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"
    OCCLUDED = "occluded"

    @property
    def rank(self) -> int:
        """0 (normal) to 4 (occluded)."""
        return list(Grade).index(self)

    @classmethod
    def from_percent(cls, percent: float) -> Grade:
        """Grade of a stenosis in percent; a boundary belongs to the higher grade.

        Raises
        ------
        ValueError
            If `percent` is outside [0, 100].
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"percent stenosis {percent!r} is outside 0 to 100")
        return list(cls)[int(np.searchsorted(GRADE_BOUNDARIES, percent, side="right"))]


GRADE_BOUNDARIES = (25.0, 50.0, 70.0, 99.0)
POSITIVE_GRADES = frozenset({Grade.SEVERE, Grade.OCCLUDED})
COHORTS = ("internal", "external", "followup")
END_REASONS = ("mi", "death", "revascularisation", "end")
DATA_KINDS = ("simulated", "real_proxy", "user")
# Public ECG collections have no CCTA: grades that come with them were read off the ECG or the
# clinical record. A result on them is never a result about CCTA.
PROXY_SITES = frozenset({"ludb", "ptb", "ptbxl", "ptb-xl", "chapman", "cpsc", "georgia", "ningbo", "incart"})


def labels(grades: pd.Series | np.ndarray | Iterable[object]) -> np.ndarray:
    """Turn grades into labels: severe or occluded 1, lower grades 0, unknown NaN (Methods, labelling).

    Parameters
    ----------
    grades : array of str or missing, shape (n,)

    Returns
    -------
    numpy.ndarray of float64, shape (n,)

    Raises
    ------
    ValueError
        If a value is neither a grade nor missing.
    """
    values = pd.Series(grades, dtype=object)
    known = {str(g): float(g in POSITIVE_GRADES) for g in Grade}
    unknown = sorted({str(v) for v in values.dropna()} - set(known))
    if unknown:
        raise ValueError(f"not a stenosis grade: {', '.join(unknown)}; use {', '.join(Grade)}")
    return values.map(known).to_numpy(dtype=float)


class ColumnRule(NamedTuple):
    """One line of the data dictionary."""

    kind: Kind
    meaning: str
    required: bool = False
    unique: bool = False
    values: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None


_GRADES = tuple(str(g) for g in Grade)
COHORT_COLUMNS: dict[str, ColumnRule] = {
    "ecg_id": ColumnRule(IDENTIFIER, "identifier of the ECG, one row each", required=True, unique=True),
    "patient_id": ColumnRule(IDENTIFIER, "identifier of the patient; the unit of resampling", required=True),
    "exam_id": ColumnRule(IDENTIFIER, "identifier of the CCTA; absent = one exam per patient"),
    "site": ColumnRule(TEXT, "hospital or data set"),
    "cohort": ColumnRule(TEXT, "role in the study; absent = internal", values=COHORTS),
    "waveform": ColumnRule(TEXT, "recording, as a path relative to the table", required=True),
    "sampling_hz": ColumnRule(NUMBER, "samples per second of the recording", low=1, high=100_000),
    "ecg_time": ColumnRule(TIME, "start of the ECG"),
    "ccta_time": ColumnRule(TIME, "time of the CCTA; never before the ECG"),
    "age": ColumnRule(NUMBER, "age at the ECG in years", low=0, high=120),
    "sex": ColumnRule(TEXT, "F or M", values=("F", "M")),
    "diabetes": ColumnRule(FLAG, "diabetes known at the CCTA"),
    "hypertension": ColumnRule(FLAG, "hypertension known at the CCTA"),
    "prior_mi": ColumnRule(FLAG, "myocardial infarction before the CCTA"),
    "ecg_normal": ColumnRule(FLAG, "ECG read as normal by a clinician"),
    "grade_rca": ColumnRule(TEXT, "stenosis of the right coronary artery", values=_GRADES),
    "grade_lm": ColumnRule(TEXT, "stenosis of the left main", values=_GRADES),
    "grade_lad": ColumnRule(TEXT, "stenosis of the left anterior descending artery", values=_GRADES),
    "grade_lcx": ColumnRule(TEXT, "stenosis of the left circumflex artery", values=_GRADES),
    "symptom": ColumnRule(
        TEXT, "chest pain", values=("typical", "atypical", "nonanginal", "dyspnoea", "none")
    ),
    "followup_days": ColumnRule(NUMBER, "days from ecg_time to the end of follow-up", low=0),
    "mi_event": ColumnRule(FLAG, "follow-up ended with a myocardial infarction"),
    "end_reason": ColumnRule(TEXT, "why follow-up ended", values=END_REASONS),
    "data_kind": ColumnRule(TEXT, "origin of the patients", values=DATA_KINDS),
}
PREDICTION_COLUMNS: dict[str, ColumnRule] = {
    name: rule._replace(required=False) if name == "waveform" else rule
    for name, rule in COHORT_COLUMNS.items()
} | {
    "fold": ColumnRule(
        NUMBER, "fold whose model never saw this patient; empty outside internal", low=0, high=N_FOLDS - 1
    ),
    **{
        v.prob_column: ColumnRule(
            NUMBER, f"probability of severe stenosis or occlusion, {v}", required=True, low=0, high=1
        )
        for v in VESSELS
    },
}


def data_dictionary(columns: dict[str, ColumnRule] = COHORT_COLUMNS) -> pd.DataFrame:
    """Return the contract as a table: column, meaning, type, allowed values, required."""
    rows = []
    for name, rule in columns.items():
        allowed = ", ".join(rule.values) if rule.values else ""
        if rule.low is not None:
            allowed = f"{rule.low:g} to {rule.high:g}" if rule.high is not None else f"at least {rule.low:g}"
        kind = "text" if rule.kind in (TEXT, IDENTIFIER) else rule.kind.expected
        rows.append((name, rule.meaning, kind, allowed, "yes" if rule.required else ""))
    return pd.DataFrame(rows, columns=["column", "meaning", "type", "allowed", "required"])


# ---------------------------------------------------------------------------------------------------------


def read_cohort(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read and validate a cohort table (contract 1).

    Parameters
    ----------
    path : CSV (UTF-8) or Parquet file, one row per ECG

    Returns
    -------
    DataFrame
        Columns in the file's order, typed; `cohort`, `exam_id` and `data_kind` are added where absent.
        Empty cells are missing values. Unknown columns pass through untouched.

    Raises
    ------
    TableError
        With every fault of the table, each naming row and column.
    """
    return _read(Path(path), COHORT_COLUMNS)


def read_predictions(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read and validate a prediction table (contract 2); see `read_cohort`."""
    return _read(Path(path), PREDICTION_COLUMNS)


def carried(table: pd.DataFrame) -> pd.DataFrame:
    """Return what a run carries on of somebody's table: the contract's columns, but not the recordings' paths.

    Further columns may hold anything, names too, and names of files often name patients. Neither reaches a run.
    """
    return table[[c for c in table.columns if c in PREDICTION_COLUMNS and c != "waveform"]]


def is_prediction_table(path: str | os.PathLike[str]) -> bool:
    """Tell whether a table has a probability column, without validating it."""
    headers = _load(Path(path), csv_headers, lambda file: list(read_parquet(file).columns))
    return any(v.prob_column in headers for v in VESSELS)


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV or Parquet (by suffix), atomically; floats keep every digit."""
    with atomic_path(path) as temporary:
        if temporary.suffix == ".csv":
            table.to_csv(temporary, index=False, lineterminator="\n")
            # A carriage return inside a cell would end the row for every reader, and nothing quotes it.
            with open(temporary, "rb") as lines:
                torn = any(b"\r" in line for line in lines)
            if torn:
                table.to_csv(temporary, index=False, lineterminator="\n", quoting=csv.QUOTE_ALL)
        else:
            table.to_parquet(temporary, index=False)


def _load(path: Path, from_csv: Callable[[Path], Loaded], from_parquet: Callable[[Path], Loaded]) -> Loaded:
    if not path.is_file():
        raise TableError(f"{path}: no such file; give a CSV or Parquet table")
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet", ".pq"}:
        raise TableError(f"{path}: ends in {path.suffix or 'nothing'}; expected .csv or .parquet")
    try:
        return from_csv(path) if suffix == ".csv" else from_parquet(path)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: holds bytes that are not UTF-8; save the file as CSV UTF-8") from error


def _read(path: Path, columns: dict[str, ColumnRule]) -> pd.DataFrame:
    raw, is_csv = _load(path, read_csv, read_parquet), path.suffix.lower() == ".csv"
    repeated = sorted({str(c) for c in raw.columns[raw.columns.duplicated()]})
    missing = [c for c, rule in columns.items() if rule.required and c not in raw.columns]
    faults = [f"{path}: column {c} occurs twice; keep one" for c in repeated]
    faults += [f"{path}: column {c} is missing ({columns[c].meaning}); add it" for c in missing]
    if not len(raw):
        faults.append(f"{path}: holds no row; expected one row per ECG")
    if faults:
        raise TableError(*faults)
    counted = "line" if is_csv else "row"
    return validate(raw, columns, source=str(path), first_row=2 if is_csv else 1, counted=counted)


def validate(
    raw: pd.DataFrame,
    columns: dict[str, ColumnRule] = COHORT_COLUMNS,
    *,
    source: str = "table",
    first_row: int = 1,
    counted: str = "row",
) -> pd.DataFrame:
    """Type and check a table already in memory; see `read_cohort` for what it returns and raises."""
    table = raw.reset_index(drop=True).copy()
    where = _Where(source, counted, first_row, table)
    kinds = {name: rule.kind for name, rule in columns.items()}
    if nested := nested_faults(table, kinds, source):
        raise TableError(*nested)
    faults = clock_faults(table, kinds, source)
    reported: set[tuple[int, str]] = set()
    for name in [c for c in table.columns if c in columns]:
        table[name], bad = parse_column(table[name], columns[name].kind)
        reported |= {(row, name) for row, _ in bad}
        faults += [
            where.fault(row, name, found, f"expected {columns[name].kind.expected}") for row, found in bad
        ]
    faults += _schema_faults(table, columns, where, reported)
    if "cohort" not in table:
        table["cohort"] = pd.Series("internal", index=table.index, dtype="string")
    if "exam_id" not in table:
        table["exam_id"] = table["patient_id"]
    if "data_kind" not in table:
        table["data_kind"] = pd.Series(_data_kind(table), index=table.index, dtype="string")
    faults += _cross_faults(table, where)
    if faults:
        raise TableError(*faults)
    # Empty means unknown everywhere except here, where the contract gives the empty cell a meaning.
    table["cohort"] = table["cohort"].fillna("internal")
    table["exam_id"] = table["exam_id"].fillna(table["patient_id"])
    return table


EMPTY = "an empty cell"
IDENTIFYING = ("ecg_id", "patient_id", "exam_id", "waveform")
"""Columns whose cells no message quotes: who makes a table by hand may have written a hospital's number there."""


class _Where(NamedTuple):
    """Says where in the file a fault stands."""

    source: str
    counted: str
    first_row: int
    table: pd.DataFrame

    def row(self, index: int) -> str:
        return f"{self.source}: {self.counted} {index + self.first_row}"

    def fault(self, index: int, column: str, found: object, remedy: str) -> str:
        if column in IDENTIFYING and found != EMPTY:
            said = f"the form {form(found)!r} (9 a digit, a a letter)"
        else:
            said = EMPTY if found == EMPTY else repr(found)
        return f"{self.row(index)}, column {column}: found {said}; {remedy}"


def pandera_schema(columns: dict[str, ColumnRule]) -> pa.DataFrameSchema:
    """Return the contract as a pandera schema; each check is named by what it expects."""
    rules = {}
    for name, rule in columns.items():
        checks = []
        if rule.values:
            checks.append(pa.Check.isin(rule.values, error=f"expected one of {', '.join(rule.values)}"))
        if rule.low is not None:
            checks.append(pa.Check.ge(rule.low, error=f"expected at least {rule.low:g}"))
        if rule.high is not None:
            checks.append(pa.Check.le(rule.high, error=f"expected at most {rule.high:g}"))
        named = rule.required and rule.kind in (TEXT, IDENTIFIER)
        rules[name] = pa.Column(
            checks=checks,
            nullable=not named,
            required=rule.required,
            unique=rule.unique,
            description=rule.meaning,
        )
    return pa.DataFrameSchema(rules, strict=False)


def _schema_faults(
    table: pd.DataFrame, columns: dict[str, ColumnRule], where: _Where, reported: set[tuple[int, str]]
) -> list[str]:
    """Check values against the contract; a cell that could not be read has been reported, and is none of them."""
    try:
        pandera_schema(columns).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        remedies = {
            "not_nullable": "fill it in",
            "field_uniqueness": "stands more than once; give each ECG its own",
        }
        cases = error.failure_cases.drop_duplicates(["index", "column", "check"]).sort_values(
            ["index", "column"]
        )
        found = (None if pd.isna(v) else v for v in cases["failure_case"])
        return [
            where.fault(int(i), str(c), EMPTY if f is None else f, remedies.get(str(k), str(k)))
            for i, c, f, k in zip(cases["index"], cases["column"], found, cases["check"], strict=True)
            if (int(i), str(c)) not in reported
        ]
    return []


def _data_kind(table: pd.DataFrame) -> str:
    sites = set(table["site"].dropna().str.lower()) if "site" in table else set()
    return "real_proxy" if sites & PROXY_SITES else "user"


def _cross_faults(table: pd.DataFrame, where: _Where) -> list[str]:
    """Check what one column alone cannot show: order of times, exams, and one origin for the whole table."""
    faults = []
    if {"ecg_time", "ccta_time"} <= set(table.columns):
        late = table.index[(table["ecg_time"] > table["ccta_time"]).fillna(False)]
        faults += [
            where.fault(
                i,
                "ecg_time",
                str(table["ecg_time"][i]),
                f"the ECG must not follow the CCTA of {table['ccta_time'][i]}",
            )
            for i in late
        ]
    exam = pd.factorize(table["exam_id"].fillna(table["patient_id"]))[0]
    for name, what in [
        ("patient_id", "belongs to two patients"),
        *((v.grade_column, "has two grades") for v in VESSELS),
    ]:
        if name in table:
            first = table[name].groupby(exam).transform("first")
            owner = (
                table[name]
                .index.to_series()
                .where(table[name].notna())
                .groupby(exam)
                .transform("first")
                .astype("Int64")
            )
            differs = table.index[(table[name].notna() & (table[name] != first)).fillna(False)]
            faults += [
                where.fault(i, name, table[name][i], f"its exam {what}; see {where.row(owner[i])}")
                for i in differs
            ]
    kinds = sorted(table["data_kind"].dropna().unique())
    if len(kinds) > 1:
        faults.append(
            f"{where.source}: column data_kind mixes {' and '.join(kinds)}; analyse each origin by itself"
        )
    return faults
