"""How a cell becomes a value: the kinds of columns a table may have, and what no cell of them may be.

A spreadsheet's habits are refused and not guessed at: 123.0 and 1.2E+15 for an identifier, #N/A for a word, 03/04/2024
for a day.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

# What a spreadsheet leaves behind where it could not compute; as an identifier it would make one patient of many.
_SPREADSHEET_ERROR = re.compile(r"#(?:N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!|#+)")
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+|\d+[.,]0+")


def _text(text: str) -> str | None:
    return None if _holds(text, {"Cc"}) or _SPREADSHEET_ERROR.fullmatch(text) else text


def _identifier(text: str) -> str | None:
    """Refuse what a spreadsheet makes of an identifier: two patients would become one, or one of them two."""
    if _text(text) is None or _ROUNDED.fullmatch(text) or text[0] == "=":
        return None
    return None if _holds(text, {"Cc", "Cf", "Cs", "Zl", "Zp"}) else text


def _holds(text: str, categories: set[str]) -> bool:
    """Tell whether a character is of these Unicode categories, none of which can be printed."""
    return not text.isprintable() and any(unicodedata.category(c) in categories for c in text)


def _boolean(text: str) -> bool | None:
    return {
        "true": True,
        "1": True,
        "1.0": True,
        "yes": True,
        "false": False,
        "0": False,
        "0.0": False,
        "no": False,
    }.get(text.lower())


# Python reads 1_000 as a thousand, which nobody means in a table.
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# The year comes first: 03/04/2024 could be two days, and 12:30 no day at all.
_ISO = re.compile(
    r"(?P<year>\d{4})(?P<sep>[-/]?)(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})"
    r"(?:(?:T| +)(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if np.isfinite(value) else None


def _time(text: str) -> pd.Timestamp | None:
    match = _ISO.fullmatch(text)
    if match is None or (not match["sep"] and min(len(match["month"]), len(match["day"])) < 2):
        return None
    parts = [int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")]
    try:
        value = pd.Timestamp(datetime(*parts)).as_unit("ns")  # type: ignore[arg-type]
        value += pd.Timedelta(int((match["fraction"] or "0").ljust(9, "0")), "ns")
        zone = match["zone"]
        if zone and zone != "Z":
            ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            value -= ahead if zone[0] == "+" else -ahead
    except (ValueError, OverflowError):  # no such day, or one that nanoseconds do not reach
        return None
    return value


def _has_offset(text: str) -> bool:
    match = _ISO.fullmatch(text)
    return match is not None and match["zone"] is not None


class Kind(NamedTuple):
    """How a column's text is read, what it should look like, and the pandas type it gets."""

    parse: Callable[[str], Any]
    expected: str
    dtype: str


TEXT = Kind(_text, "text, no error of a spreadsheet and no control character", "string")
IDENTIFIER = Kind(_identifier, "an identifier as text (no 123.0, 1.2E+15, #N/A, =formula or invisible character)",
                  "string")  # fmt: skip
NUMBER = Kind(_number, "a number", "float64")
FLAG = Kind(_boolean, "true or false (also 1/0, yes/no)", "boolean")
TIME = Kind(_time, "a time such as 2024-03-01T09:30:00 (ISO 8601)", "datetime64[ns]")


def parse_column(column: pd.Series, kind: Kind) -> tuple[pd.Series, list[tuple[int, str]]]:
    if kind is NUMBER and pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.astype("float64")
        return numbers, [(int(i), str(numbers[i])) for i in numbers.index[np.isinf(numbers)]]
    if kind is FLAG and pd.api.types.is_bool_dtype(column):
        return column.astype("boolean"), []
    if kind is TIME and pd.api.types.is_datetime64_any_dtype(column):
        return _instants(column)
    text = column.astype("string").str.strip()
    text = text.mask(text == "")
    cells = text.to_numpy(dtype=object, na_value=cast(Any, None))
    distinct = {value: kind.parse(value) for value in set(cells) - {None}}  # pandas' own ends a text at a NUL
    values = [None if cell is None else distinct[cell] for cell in cells]
    bad = [(i, cell) for i, cell in enumerate(cells) if cell is not None and values[i] is None]
    return pd.Series(values, index=column.index, dtype=object).astype(cast(Any, kind.dtype)), bad


def _instants(column: pd.Series) -> tuple[pd.Series, list[tuple[int, str]]]:
    """Bring times of a Parquet file to the form that times in text get: UTC where they have an offset."""
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    beyond = ((column < pd.Timestamp.min) | (column > pd.Timestamp.max)).fillna(False)
    bad = [(int(i), str(column[i])) for i in column.index[beyond]]
    return column.mask(beyond).astype(cast(Any, TIME.dtype)), bad


def clock_faults(raw: pd.DataFrame, kinds: Mapping[str, Kind], source: str) -> list[str]:
    """Refuse times with an offset from UTC beside times without one: their order would be off by hours."""
    ways: dict[bool, str] = {}
    for name in [c for c in raw.columns if kinds.get(c) is TIME]:
        if pd.api.types.is_datetime64_any_dtype(raw[name]):
            found = {raw[name].dt.tz is not None} if raw[name].notna().any() else set()
        else:
            texts = raw[name].astype("string").str.strip().dropna().unique()
            found = {_has_offset(str(t)) for t in texts if t != ""}
        ways |= {zoned: str(name) for zoned in found}
    if len(ways) < 2:
        return []
    return [f"{source}: some times have an offset from UTC (column {ways[True]}) and some have none "
            f"(column {ways[False]}); write all of them one way"]  # fmt: skip


# What pandas calls the cells of a column that one of our kinds can be read from.
_PLAIN = frozenset({"string", "integer", "floating", "mixed-integer-float", "decimal", "boolean", "datetime64",
                    "datetime", "date", "categorical", "empty"})  # fmt: skip


def nested_faults(raw: pd.DataFrame, kinds: Mapping[str, Kind], source: str) -> list[str]:
    """Refuse lists, bytes and mixtures, which Parquet can hold: their text is not what they mean."""
    found = {str(c): pd.api.types.infer_dtype(raw[c], skipna=True) for c in raw.columns if c in kinds}
    return [f"{source}: column {c} holds {what}; expected {kinds[c].expected}"
            for c, what in found.items() if what not in _PLAIN]  # fmt: skip
