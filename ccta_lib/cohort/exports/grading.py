"""The text of reports becomes grades and history: of the patients who have recordings, in pieces that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ccta_lib.cohort.exports import cells
from ccta_lib.cohort.exports.columns import ColumnsMap, report_column
from ccta_lib.cohort.exports.intake import Intake
from ccta_lib.cohort.exports.reading import HISTORY, RANK, UNKNOWN, flag
from ccta_lib.cohort.exports.streaming import in_order
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.cohort.text import read_grades, read_history, read_vessel_text
from ccta_lib.files import atomic_path, sha256_file, sha256_json
from ccta_lib.schema import VESSELS

BATCH = 2_000
READINGS = ["row", "vessel", "grade", "percent", "confidence", "evidence", "reason"]
RANKS = [v.grade_column for v in VESSELS]


class Graded(NamedTuple):
    """What the rule reader found.

    Attributes
    ----------
    rows : DataFrame
        row; grade_* (rank, -1 unknown); diabetes, hypertension, prior_mi (1, 0, -1).
    readings : DataFrame
        row, vessel, grade (missing = abstained), percent, confidence, evidence, reason. Quotes: identifying.
    """

    rows: pd.DataFrame
    readings: pd.DataFrame


def grade_reports(intake: Intake, rows: set[int], *, mapping: ColumnsMap, workers: int,
                  progress: Callable[..., None]) -> Graded:  # fmt: skip
    """Read some rows of the reports, or go on where a killed build stopped.

    Parameters
    ----------
    intake : Intake
        Of the reports.
    rows : set of int
        Row numbers.
    mapping : ColumnsMap
    workers : int
    progress : callable
        Called as `progress(done, total, note)`.
    """
    place = intake.folder / f"grades-{sha256_json([sorted(rows), BATCH, sha256_file(__file__)])[:16]}"
    place.mkdir(exist_ok=True)
    done = 0
    arguments = ((number, batch, place) for number, batch in enumerate(_batches(intake, mapping, rows)))
    names = []
    for number in in_order(_grade_batch, arguments, workers=workers):
        names.append(f"{number:06d}")
        done = min(done + BATCH, len(rows))
        progress(done, len(rows))
    graded = [pd.read_parquet(place / f"{name}.parquet") for name in names]
    readings = [pd.read_parquet(place / f"{name}.evidence.parquet") for name in names]
    if not names:
        return Graded(pd.DataFrame(columns=["row", *RANKS, *HISTORY]), pd.DataFrame(columns=READINGS))
    return Graded(pd.concat(graded, ignore_index=True), pd.concat(readings, ignore_index=True))


def with_grades(reports: pd.DataFrame, graded: pd.DataFrame) -> pd.DataFrame:
    """Add grades and history to the rows of the reports; unknown for rows that were not read."""
    found = graded.set_index("row").reindex(reports["row"]).fillna(UNKNOWN).astype("int8")
    return reports.assign(**{c: found[c].to_numpy() for c in (*RANKS, *HISTORY)})


def _batches(intake: Intake, mapping: ColumnsMap,
             rows: set[int]) -> Iterator[list[tuple[int, dict[str, Any]]]]:  # fmt: skip
    table = Table(intake.path, "reports", mapping.table("reports"))
    batch: list[tuple[int, dict[str, Any]]] = []
    texts = {"report", "history", *(report_column(v) for v in VESSELS)}
    kept = [(i, column) for i, column in enumerate(table.columns) if column in texts]
    for piece in table.pieces():
        for row, values in zip(piece.rows, piece.cells, strict=True):
            if row in rows:
                batch.append((row, {column: values[i] for i, column in kept}))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
    if batch:
        yield batch


def _grade_batch(number: int, batch: list[tuple[int, dict[str, Any]]], place: Path) -> int:
    """Read some reports and keep what was found; the file of rows goes last, and says that the piece is whole."""
    whole = place / f"{number:06d}.parquet"
    if not whole.is_file():
        records: list[dict[str, int]] = []
        quotes: list[tuple[Any, ...]] = []
        for row, texts in batch:
            record, found = grade_one(row, texts)
            records.append(record)
            quotes += found
        with atomic_path(place / f"{number:06d}.evidence.parquet") as temporary:
            table = pd.DataFrame.from_records(quotes, columns=READINGS)
            table.astype({"percent": "float64", "confidence": "float64"}).to_parquet(temporary, index=False)
        with atomic_path(whole) as temporary:
            pd.DataFrame.from_records(records).to_parquet(temporary, index=False)
    return number


def grade_one(row: int, texts: Mapping[str, Any]) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Read one row: its ranks and flags, and per vessel the reading with its quote.

    A text about one vessel alone goes before what the whole report says of it.
    """
    report = texts.get("report")
    readings = {} if cells.is_empty(report) else read_grades(str(report))
    record = {"row": row}
    quotes: list[tuple[Any, ...]] = []
    for vessel in VESSELS:
        own = texts.get(report_column(vessel))
        reading = readings.get(vessel) if cells.is_empty(own) else read_vessel_text(str(own), vessel)
        grade = None if reading is None or reading.grade is None else str(reading.grade)
        record[vessel.grade_column] = UNKNOWN if grade is None else RANK[grade]
        if reading is None:
            quotes.append((row, str(vessel), None, None, 0.0, "", "no text"))
        else:
            quotes.append((row, str(vessel), grade, reading.percent, reading.confidence, reading.evidence,
                           reading.reason))  # fmt: skip
    history = texts.get("history")
    said = {} if cells.is_empty(history) else read_history(str(history))
    record.update((c, flag(said[c].value) if c in said else UNKNOWN) for c in HISTORY)
    return record, quotes
