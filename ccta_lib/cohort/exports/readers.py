"""Grades of the linked examinations: a second reader beside the rules, and what clinicians are asked to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ccta_lib.cohort.exports import cells
from ccta_lib.cohort.exports.columns import ColumnsMap, report_column
from ccta_lib.cohort.exports.intake import Intake
from ccta_lib.cohort.exports.reading import RANK, UNKNOWN
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.cohort.text import GradeReading
from ccta_lib.errors import InputError
from ccta_lib.schema import VESSELS, Vessel

if TYPE_CHECKING:
    from ccta_lib.cohort.language_model import CostEstimate, LanguageModelReader


class Report(NamedTuple):
    """Text of one row of the reports, and what else the row says of the person: to be taken out of the text."""

    row: int
    text: str
    identifiers: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()


SecondReader = Callable[[Sequence[Report], Callable[..., None]], Sequence[Mapping[Vessel, GradeReading]]]
"""Reads the reports of all linked examinations, called once; its second argument is a progress callback."""
NOT_MENTIONED, UNSURE = "not mentioned", "not sure"
DIFFER, ONE_ONLY = "readers differ", "one reader abstains"
_SECOND = ["second_grade", "second_percent", "second_confidence", "second_evidence"]


def gather(readings: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Choose the readings of some report rows.

    Parameters
    ----------
    readings : DataFrame
        From `grading.grade_reports`.
    rows : DataFrame
        row and exam of the report rows in question.

    Returns
    -------
    DataFrame
        The readings, with exam.
    """
    exam = rows.set_index("row")["exam"]
    table = readings[readings["row"].isin(exam.index)].reset_index(drop=True)
    return table.assign(exam=exam.reindex(table["row"]).to_numpy(dtype=np.int64))


def add_second(readings: pd.DataFrame, intake: Intake, mapping: ColumnsMap, reader: SecondReader,
               progress: Callable[..., None]) -> pd.DataFrame:  # fmt: skip
    """Have the same reports read by another reader; see `settle` for what follows."""
    reports = list(report_texts(intake.path, mapping, set(readings["row"])))
    found = [(report.row, str(v), r.grade and str(r.grade), r.percent, r.confidence, r.evidence)
             for report, reading in zip(reports, reader(reports, progress), strict=True)
             for v, r in reading.items()]  # fmt: skip
    second = pd.DataFrame(found, columns=["row", "vessel", *_SECOND])
    return readings.merge(second, on=["row", "vessel"], how="left", validate="one_to_one")


def report_texts(path: Path, mapping: ColumnsMap, rows: set[int]) -> Iterator[Report]:
    """Yield some rows of the reports; the file is streamed once more."""
    table = Table(path, "reports", mapping.table("reports"))
    for piece in table.pieces():
        for row, values in zip(piece.rows, piece.cells, strict=True):
            if row in rows:
                found = {c: v for c, v in zip(table.columns, values, strict=True) if not cells.is_empty(v)}
                texts = [str(found["report"])] if "report" in found else []
                texts += [f"{v}: {found[report_column(v)]}" for v in VESSELS if report_column(v) in found]
                told = [cells.identifier(found[c]) for c in ("patient_id", "exam_id") if c in found]
                told += [cells.plain(found["name"])] if "name" in found else []
                times = (cells.moment(found[c], pattern=table.given.date_format(c), epoch=table.epoch)
                         for c in ("birth_date", "ccta_time") if c in found)  # fmt: skip
                yield Report(row, "\n".join(texts), tuple(t for t in told if t),
                             tuple(t.time.date() for t in times if t is not None))  # fmt: skip


def by_language_model(
    model: LanguageModelReader,
    *,
    prices: tuple[float, float] | None = None,
    agreed: Callable[[CostEstimate], bool] = lambda estimate: True,
) -> SecondReader:
    """Let a language model be the second reader: it gets the reports de-identified, or not at all.

    Parameters
    ----------
    model : LanguageModelReader
    prices : of a million tokens in and out, for the estimate
    agreed : asked with the estimate before the first question is sent; False stops the build
    """
    from ccta_lib.cohort.language_model import Identifiers

    def read(
        reports: Sequence[Report], progress: Callable[..., None]
    ) -> Sequence[Mapping[Vessel, GradeReading]]:
        known = [Identifiers(texts=r.identifiers, dates=r.dates) for r in reports]
        prepared = model.prepare([r.text for r in reports], known)
        price_in, price_out = prices or (None, None)
        if not agreed(model.estimate(prepared, price_in=price_in, price_out=price_out)):
            raise InputError("--language-model: nothing was sent; build without it, or agree to the estimate")
        return model.read(prepared, progress=progress)

    return read


def settle(readings: pd.DataFrame) -> pd.DataFrame:
    """Decide each grade and whom to ask.

    One reader: its grade; where it abstains, unknown. Two: the grade both give; where they differ, unknown; where
    one abstains, the other's. Whatever is not agreed on carries `audit`, the reason to have a clinician look.

    Returns
    -------
    DataFrame
        The readings with `settled` (text, missing = unknown) and `audit` ("" = none).
    """
    table = readings.copy()
    first = table["grade"].astype(object)
    abstained = first.isna()
    silent = pd.Series(UNSURE, index=table.index, dtype=object).mask(table["evidence"] == "", NOT_MENTIONED)
    if "second_grade" not in table:
        return table.assign(settled=first, audit=silent.where(abstained, ""))
    second = table["second_grade"].astype(object)
    both, neither = ~abstained & second.notna(), abstained & second.isna()
    differ = both & (first != second)
    audit = pd.Series(ONE_ONLY, index=table.index, dtype=object).mask(both, "").mask(differ, DIFFER)
    settled = first.where(~abstained, second).mask(differ, None)
    return table.assign(settled=settled, audit=audit.mask(neither, silent))


def settled_grades(readings: pd.DataFrame, exams: pd.DataFrame) -> pd.DataFrame:
    """Put the settled grades into the examinations; reports of one examination that now differ leave it unknown."""
    table = exams.set_index("exam")
    rank = readings["settled"].map(RANK)
    for vessel in VESSELS:
        here = readings["vessel"] == str(vessel)
        group = rank[here].groupby(readings.loc[here, "exam"])
        agreed = group.max().where(group.min() == group.max()).fillna(UNKNOWN).astype("int8")
        table.loc[agreed.index, vessel.grade_column] = agreed
    return table.reset_index()
