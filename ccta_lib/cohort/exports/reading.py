"""One piece of a table becomes a compact frame of numbers: pseudonyms and times; no name and no text is left.

Runs in worker processes. The text of the reports waits for `grading`, which reads that of linked patients only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ccta_lib.cohort.exports import cells
from ccta_lib.cohort.exports.columns import INPUTS, VALUES, TableMap
from ccta_lib.cohort.exports.identity import Pseudonyms
from ccta_lib.cohort.exports.tables import Piece
from ccta_lib.cohort.text import read_procedure, read_statement
from ccta_lib.errors import form
from ccta_lib.schema import Grade

UNKNOWN = -1  # of a grade's rank and of a flag, where 0 and 1 are no and yes
HISTORY = ("diabetes", "hypertension", "prior_mi")
RANK = {str(grade): grade.rank for grade in Grade}
# Without one of these a row cannot be placed; a row whose other cells cannot be read keeps the rest of them.
_PLACED_BY = {"reports": "ccta_time", "statements": "ecg_time", "procedures": "procedure_time",
              "followup": "last_contact", "identifiers": "same_as"}  # fmt: skip
EMPTY_ROW, SLIPPED = "empty row", "filled cells beyond the last header"
NO_PATIENT, BAD_PATIENT = "no patient identifier", "patient identifier cannot be read"
NO_TIME, BAD_TIME = "no time", "time cannot be read"


class Settings(NamedTuple):
    """What reading a piece depends on, besides the piece."""

    name: str
    columns: tuple[str, ...]
    given: TableMap
    epoch: datetime
    pseudonyms: Pseudonyms
    timezone: str | None


@dataclass
class Reading:
    """What a piece held.

    Attributes
    ----------
    rows : DataFrame
        One row per row of the piece; `reason` is empty for those that can be used.
    filled, unread : Counter
        Filled cells per column, and those of them that could not be read.
    example : dict
        Column to (row, form of the first cell that could not be read).
    """

    rows: pd.DataFrame
    filled: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    example: dict[str, tuple[int, str]] = field(default_factory=dict)


def read_piece(piece: Piece, settings: Settings) -> Reading:
    """Read one piece of a table.

    Parameters
    ----------
    piece : Piece
    settings : Settings

    Returns
    -------
    Reading
    """
    reader = _Cells(settings)
    overlong = set(piece.overlong)
    records = [
        reader.record(row, values, overlong=position in overlong)
        for position, (row, values) in enumerate(zip(piece.rows, piece.cells, strict=True))
    ]
    return Reading(_compact(pd.DataFrame.from_records(records)), reader.filled, reader.unread, reader.example)


class _Cells:
    """Reads rows and counts what cannot be read."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rules = INPUTS[settings.name]
        self.zone = None if settings.timezone is None else ZoneInfo(settings.timezone)
        self.words = {c: self._known(c) for c, rule in self.rules.items() if rule.kind == "value"}
        self.filled: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.example: dict[str, tuple[int, str]] = {}

    def record(self, row: int, values: tuple[Any, ...], *, overlong: bool) -> dict[str, Any]:
        """Read one row; `reason` says why it cannot be used, or is empty."""
        name, number = self.settings.name, self.settings.pseudonyms.number
        found = dict(zip(self.settings.columns, values, strict=True))
        record: dict[str, Any] = {"row": row, "reason": ""}
        text: dict[str, str] = {}
        for column, rule in self.rules.items():
            cell = found.get(column)
            if rule.kind == "identifier":
                text[column] = self._read(column, row, cell, "")
            elif rule.kind in ("time", "date"):
                moment = self._read(column, row, cell, None)
                record[column] = moment and (moment.time if rule.kind == "date" else moment.latest)
                if rule.kind == "time":
                    record[f"{column}_day"] = bool(moment and moment.whole_day)
            elif rule.kind in ("number", "value"):
                record[column] = self._read(column, row, cell, np.nan if rule.kind == "number" else "")
        patient = text.pop("patient_id")
        record["patient"] = self.settings.pseudonyms.patient(patient)
        record["exact"] = number("exact", patient)
        record["content"] = number("row", repr(["" if cells.is_empty(v) else cells.plain(v) for v in values]))
        record.update((column, number(column, value)) for column, value in text.items())
        if name == "identifiers":
            record["same_as"] = self.settings.pseudonyms.patient(text["same_as"])
        elif name == "reports":
            record["person"] = person(self.settings.pseudonyms, found.get("name"), record["birth_date"])
        elif name == "statements":
            reading = read_statement(cells.plain(found.get("statement") or ""))
            record["ecg_normal"] = flag(reading.ecg_normal)
        elif name == "procedures":
            record["kind"] = read_procedure(cells.plain(found.get("procedure") or "")).kind or ""
        record["reason"] = self._reason(row, found, record, values, overlong=overlong)
        return record

    def _reason(self, row: int, found: Mapping[str, Any], record: Mapping[str, Any], values: tuple[Any, ...], *,
                overlong: bool) -> str:  # fmt: skip
        if all(cells.is_empty(v) for v in values):
            return SLIPPED if overlong else EMPTY_ROW
        if overlong:
            return SLIPPED
        if not record["patient"]:
            return NO_PATIENT if cells.is_empty(found.get("patient_id")) else BAD_PATIENT
        key = _PLACED_BY[self.settings.name]
        if not record[key]:
            if key == "same_as":
                return NO_PATIENT if cells.is_empty(found.get(key)) else BAD_PATIENT
            return NO_TIME if cells.is_empty(found.get(key)) else BAD_TIME
        return ""

    def _read(self, column: str, row: int, cell: Any, empty: Any) -> Any:
        if cells.is_empty(cell):
            return empty
        self.filled[column] += 1
        value: Any
        kind = self.rules[column].kind
        if kind == "identifier":
            value = cells.identifier(cell)
        elif kind == "number":
            value = cells.number(cell)
        elif kind == "value":
            value = cells.plain(cell) if column == "site" else None
            value = cells.word(cell, self.words[column]) or value
        else:
            value = cells.moment(cell, pattern=self.settings.given.date_format(column), epoch=self.settings.epoch,
                                 zone=self.zone)  # fmt: skip
        if value is None:
            self.unread[column] += 1
            self.example.setdefault(column, (row, form(cell)))
            return empty
        return value

    def _known(self, column: str) -> dict[str, str]:
        mapped = {cells.plain(k).casefold(): v for k, v in self.settings.given.values.get(column, {}).items()}
        return {**VALUES.get(column, {}), **mapped}


def person(pseudonyms: Pseudonyms, name: Any, birth_date: datetime | None) -> int:
    """Return a number for name and birth date together, 0 unless both are known."""
    if cells.is_empty(name) or birth_date is None:
        return 0
    plain = re.sub(r"[\W_]+", "", cells.plain(name)).casefold()
    return pseudonyms.number("person", f"{plain} {birth_date:%Y-%m-%d}") if plain else 0


def flag(value: bool | None) -> int:
    return UNKNOWN if value is None else int(value)


_WHOLE = {"patient", "exact", "content", "exam_id", "recording_id", "same_as", "person"}


def _compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each column its small type: a row takes some hundred bytes, however long its text was."""
    for column in frame:
        if column in _WHOLE:
            frame[column] = frame[column].astype("int64")
        elif column == "ecg_normal":
            frame[column] = frame[column].fillna(UNKNOWN).astype("int8")
        elif column == "row":
            frame[column] = frame[column].astype("int32")
        elif str(column).endswith("_day"):
            frame[column] = frame[column].astype("bool")
        elif column == "age":
            frame[column] = frame[column].astype("float32")
        elif column in (
            "birth_date",
            "ccta_time",
            "ecg_time",
            "procedure_time",
            "last_contact",
            "event_time",
        ):
            frame[column] = pd.to_datetime(frame[column]).astype("datetime64[s]")
        else:
            frame[column] = frame[column].astype("str").astype("category")
    return frame
