"""How one cell of an export becomes a value: identifiers, times, numbers and words, with a spreadsheet's habits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple

from ccta_lib.cohort.exports.identity import tidy

# Excel counts days from here (its 1900 was a leap year); 20000-80000 is 1954 to 2119.
EXCEL_EPOCH = datetime(1899, 12, 30)
_SERIALS = (20_000, 80_000)
_YEARS = (1850, 2150)
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_END_OF_DAY = timedelta(hours=23, minutes=59, seconds=59)

_TIME = re.compile(
    r"(?P<year>\d{4})(?P<sep>[-/.年]?)(?P<month>\d{1,2})(?:[-/.月]?)(?P<day>\d{1,2})日?"
    r"(?:[T ]*(?P<hour>\d{1,2})(?:[:时點点]?(?P<minute>\d{1,2})(?:[:分]?(?P<second>\d{1,2})(?:[.,]\d+)?秒?)?分?)"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)


class Moment(NamedTuple):
    """A time as it stands in a cell; `whole_day` where the cell holds a date alone."""

    time: datetime
    whole_day: bool

    @property
    def latest(self) -> datetime:
        """The time; for a date alone the end of that day."""
        return self.time + _END_OF_DAY if self.whole_day else self.time


def is_empty(cell: Any) -> bool:
    """Tell whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def identifier(cell: Any) -> str | None:
    """Read an identifier; "" for an empty cell, None for one that cannot be one.

    A spreadsheet turns 4711 into 4711.0; a decimal fraction, a date or a rounded number such as 1.23E+15 is
    no identifier any more.
    """
    if is_empty(cell):
        return ""
    if isinstance(cell, bool | datetime | date):
        return None
    if isinstance(cell, float):
        # Above 2**53 a spreadsheet has rounded the last digits away.
        return str(int(cell)) if cell.is_integer() and 0 <= cell < 2**53 else None
    text = tidy(str(cell))
    if re.fullmatch(r"\d+\.0+", text):
        return text.partition(".")[0]
    if re.fullmatch(r"\d(?:\.\d+)?E\+\d+", text) or text.startswith("#"):
        return None
    return text


def number(cell: Any) -> float | None:
    """Read a number such as 63, "63", "63岁" or "63 years"; None for anything else."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        return float(cell)
    match = re.fullmatch(r"([-+]?\d+(?:[.,]\d+)?)\s*(?:岁|周岁|y|yr|yrs|years?)?", plain(cell), re.IGNORECASE)
    return float(match[1].replace(",", ".")) if match else None


def word(cell: Any, known: Mapping[str, str]) -> str | None:
    """Read one of a few words, keys of `known` in lower case; None for anything else."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return known.get(plain(cell).casefold())


def plain(cell: Any) -> str:
    """Return a cell as text without surrounding space and with full-width characters made plain."""
    return unicodedata.normalize("NFKC", str(cell)).strip()


def moment(cell: Any, *, pattern: str | None = None, epoch: datetime = EXCEL_EPOCH,
           zone: tzinfo | None = None) -> Moment | None:  # fmt: skip
    """Read a time, or None.

    Parameters
    ----------
    cell : object
        A date or time of a spreadsheet, its serial number (in days), or text that begins with the year:
        ISO 8601, 2024/3/1 8:05, 20240301080500, 2024年3月1日. 03/04/2024 could be two days: it needs `pattern`.
    pattern : str, optional
        A `strptime` format.
    epoch : datetime
        Day 0 of serial numbers.
    zone : tzinfo, optional
        Where the hospital is. A time with an offset is brought to this zone; without it, its own clock counts.
    """
    if isinstance(cell, datetime):
        whole = cell.tzinfo is None and cell.time() == datetime.min.time()
        return _checked(local(cell, zone), whole_day=whole)
    if isinstance(cell, date):
        return _checked(datetime(cell.year, cell.month, cell.day), whole_day=True)
    if isinstance(cell, bool) or cell is None:
        return None
    text = plain(f"{cell:.10g}" if isinstance(cell, float) else cell)
    if pattern is not None and not isinstance(cell, int | float):
        return _by_pattern(text, pattern, zone)
    if re.fullmatch(r"\d{5}(?:\.\d+)?", text) and _SERIALS[0] <= float(text) < _SERIALS[1]:
        return _from_serial(float(text), epoch)
    if pattern is not None:
        return _by_pattern(text, pattern, zone)
    match = _TIME.fullmatch(text)
    return _from_match(match, zone) if match else None


def local(time: datetime, zone: tzinfo | None) -> datetime:
    """Return a time without offset: in `zone`, or without it by the clock that was recorded."""
    if time.tzinfo is None:
        return time
    return (time if zone is None else time.astimezone(zone)).replace(tzinfo=None)


def _by_pattern(text: str, pattern: str, zone: tzinfo | None) -> Moment | None:
    try:
        time = datetime.strptime(text, pattern)
    except ValueError:
        return None
    return _checked(local(time, zone), whole_day=not re.search("%[HIcXs]", pattern))


def _from_serial(value: float, epoch: datetime) -> Moment | None:
    # A day's fraction is stored in binary: round to the second it came from.
    time = epoch + timedelta(seconds=round(value * 86_400))
    return _checked(time, whole_day=float(value).is_integer())


def _from_match(match: re.Match[str], zone: tzinfo | None) -> Moment | None:
    part = match.groupdict()
    # Without separators every part has its two digits: 2024111 could be two days.
    if not part["sep"] and any(len(v) < 2 for k, v in part.items() if v and k not in ("sep", "zone")):
        return None
    year, month, day, hour, minute, second = (int(part[name] or 0) for name in _PARTS)
    try:
        time = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    if part["zone"]:
        time = local(time.replace(tzinfo=_offset(part["zone"])), zone)
    return _checked(time, whole_day=part["hour"] is None)


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _checked(time: datetime, *, whole_day: bool) -> Moment | None:
    if not _YEARS[0] <= time.year <= _YEARS[1]:
        return None
    return Moment(time.replace(microsecond=0), whole_day)
