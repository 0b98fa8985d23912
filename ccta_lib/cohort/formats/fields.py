"""Text of exports to values: numbers, dates, times, sexes. What cannot be meant becomes None or one clear error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Literal

import numpy as np

from ccta_lib.errors import WaveformError

Sex = Literal["F", "M"]
_SEXES: dict[str, Sex] = {
    **dict.fromkeys(["f", "female", "w", "woman", "femme", "weiblich", "女"], "F"),
    **dict.fromkeys(["m", "male", "man", "homme", "männlich", "maennlich", "男"], "M"),
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO_DATE = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})")
_US_DATE = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_NAMED_DATE = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3})[A-Za-z]*[- ](\d{4})")
_CLOCK = re.compile(r"(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*([AaPp][Mm])?")
_MOST = 2.0**32  # no converter of an ECG has more bits
_COMPACT = re.compile(r"(\d{8})(\d{2})(\d{2})?(\d{2})?(?:\.(\d{1,6})\d*)?(?:[+-]\d{4}|Z)?")
_PER_YEAR = {"y": 1.0, "a": 1.0, "m": 12.0, "w": 365.25 / 7, "d": 365.25, "h": 365.25 * 24}


def clean(text: object) -> str | None:
    """Return text that says something, or None: exports fill empty fields with '---', 'X' or blanks."""
    value = " ".join(str(text).split()) if text is not None else ""
    return value if any(c.isalnum() for c in value) and value.lower() not in {"x", "unknown", "n/a"} else None


def number(path: Path, what: str, text: str | None, *, low: float, high: float) -> float:
    """Return a number within limits; a decimal comma is a point ('4,88' of Dutch and German machines).

    Raises
    ------
    WaveformError
        If it is absent, no number, or outside.
    """
    if text is None:
        raise WaveformError(f"{path}: {what} is missing; without it the recording cannot be read")
    try:
        value = float(re.sub(r"^([+-]?\d+),(\d{1,2})$", r"\1.\2", _plain(text.strip())))
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise WaveformError(
            f"{path}: {what} is {text.strip()[:40]!r}; expected a number from {low:g} to {high:g}"
        )
    return value


def _plain(text: str) -> str:
    """Refuse 1_000, which Python reads as a thousand and no machine writes."""
    if "_" in text:
        raise ValueError(f"{text[:40]!r} is no number")
    return text


def whole(path: Path, what: str, text: str | None, *, low: int, high: int) -> int:
    """Return a whole number within limits; see `number`."""
    value = number(path, what, text, low=low, high=high)
    if value != int(value):
        raise WaveformError(f"{path}: {what} is {value:g}; expected a whole number")
    return int(value)


def samples(path: Path, what: str, text: str | None, separator: str | None = None) -> np.ndarray:
    """Return a list of numbers written as text (float64); one trailing separator is forgiven.

    Raises
    ------
    WaveformError
        If there is none, or something in it is no finite number.
    """
    parts = (text or "").strip().rstrip(separator or " ").split(separator)
    try:
        values = np.array(parts if "_" not in (text or "") else list(map(_plain, parts)), dtype=np.float64)
    except ValueError as error:
        raise WaveformError(
            f"{path}: {what} holds something that is no number ({error}); export it again"
        ) from error
    if not values.size or not (np.abs(values) <= _MOST).all():
        raise WaveformError(f"{path}: {what} is empty, not finite or beyond 32 bits; export it again")
    return values


def sex_of(text: object) -> Sex | None:
    """Return F, M, or None for anything else (unknown, other, not said).

    >>> sex_of("Female"), sex_of("MALE"), sex_of("UN")
    ('F', 'M', None)
    """
    return _SEXES.get((clean(text) or "").lower())


def years(value: str | None, unit: str | None = "years") -> float | None:
    """Return an age in years, or None where it is not said.

    >>> years("18", "MONTHS"), years("61", None), years("", "YEARS")
    (1.5, 61.0, None)
    """
    try:
        amount = float((value or "").strip())
    except ValueError:
        return None
    per_year = _PER_YEAR.get((unit or "years").strip().lower()[:1])
    return amount / per_year if per_year and 0 <= amount < 1e5 else None


def date_of(text: str | None, *, day_first: bool = False) -> date | None:
    """Return a date, or None if it is none: year-month-day, day-MON-year, and the American month-day-year.

    Parameters
    ----------
    day_first : bool
        Whether `05-04-2020` is the fifth of April. Where the other order alone makes a date, that is taken.

    >>> date_of("04-05-2020"), date_of("25-12-2020"), date_of("19530508")
    (datetime.date(2020, 4, 5), datetime.date(2020, 12, 25), datetime.date(1953, 5, 8))
    """
    value = (text or "").strip()
    if match := _ISO_DATE.fullmatch(value):
        return _date(match[1], match[2], match[3])
    if match := _US_DATE.fullmatch(value):
        first, second = (match[2], match[1]) if day_first else (match[1], match[2])
        return _date(match[3], first, second) or _date(match[3], second, first)
    match = _NAMED_DATE.fullmatch(value)
    if match and match[2].lower() in _MONTHS:
        return _date(match[3], str(_MONTHS.index(match[2].lower()) + 1), match[1])
    return None


def is_day_first(dates: Iterable[str | None]) -> bool:
    """Tell whether one of the dates of a file can only be day-month-year, which then holds for all of them."""
    matches = [_US_DATE.fullmatch((d or "").strip()) for d in dates]
    return any(m is not None and int(m[1]) > 12 >= int(m[2]) for m in matches)


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def clock_of(text: str | None) -> clock | None:
    """Return a time of day, or None if it is none: 14:43, 14:43:09.5, 144309, 2:43 PM."""
    match = _CLOCK.fullmatch((text or "").strip())
    if match is None:
        return None
    hour = int(match[1])
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match[5].lower() == "pm")
    try:
        return clock(hour, int(match[2]), int(match[3] or 0), int((match[4] or "").ljust(6, "0")))
    except ValueError:
        return None


def moment(
    path: Path, what: str, day: str | None, hour: str | None, *, day_first: bool = False
) -> datetime | None:
    """Return date and time of day as one, on the clock of the place; None where the file does not say.

    Raises
    ------
    WaveformError
        If it says something that is no date or time: linking by a guess would pair the wrong examination.
    """
    if day is None or not any(c in "123456789" for c in day):
        return None
    found = date_of(day, day_first=day_first)
    at = clock_of(hour) if clean(hour) else clock()
    if found is None or at is None:
        raise WaveformError(
            f"{path}: {what} is {day!r} {hour or ''!r}; expected a date and a time of day, or none"
        )
    return datetime.combine(found, at)


def compact_moment(path: Path, what: str, text: str | None) -> datetime | None:
    """Return a time as HL7 and DICOM write it, 20200131143005.250+0100; an offset from UTC is left off."""
    if text is None or not any(c in "123456789" for c in text):
        return None
    match = _COMPACT.fullmatch(text.strip())
    if match is None:
        return moment(path, what, text.strip()[:8], None)
    hour = f"{match[2]}{match[3] or '00'}{match[4] or '00'}" + (f".{match[5]}" if match[5] else "")
    return moment(path, what, match[1], hour)
