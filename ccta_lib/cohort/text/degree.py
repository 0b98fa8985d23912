"""From the number and the word that a report gives a stenosis to one grade, with how sure that is.

The boundaries themselves are in `ccta_lib.schema.Grade.from_percent`; here is what a range, a bound, or a word
beside a number means.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ccta_lib.schema import GRADE_BOUNDARIES, Grade

ABSTAIN_BELOW = 0.5  # a reading less sure than this is an abstention
_RANKS = list(Grade)
RANK = {grade: i for i, grade in enumerate(_RANKS)}  # Grade.rank counts anew each time
_BAND_STARTS = frozenset({0.0, 1.0, 25.0, 26.0, 50.0, 51.0, 70.0, 71.0})
_HAN = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}


class Degree(NamedTuple):
    """A grade read from words and numbers; `percent` is the number, the upper one of a range."""

    grade: Grade | None
    percent: float | None
    confidence: float


class Interval(NamedTuple):
    """Percent as written: one number (low = high), a range, or a bound."""

    low: float
    high: float
    bound: str  # "" the number itself, "<" at most or less than, ">" at least or more than, "=" up to


def han_number(text: str) -> float:
    """Return a number below 101 written in Chinese characters, as in 百分之七十五.

    >>> han_number("七十五"), han_number("十"), han_number("百")
    (75.0, 10.0, 100.0)
    """
    if text.startswith(("百", "一百")):
        return 100.0
    tens, ten, ones = text.rpartition("十")
    return float((_HAN.get(tens, 1) * 10 if ten else 0) + _HAN.get(ones, 0))


def of_interval(interval: Interval) -> Degree:
    """Grade percentages without a word beside them.

    One number is graded by the boundaries, a range by its upper end. A range that runs from one boundary to the
    next (25-50, 50-70, 70-99 %) names the grade between them. "Less than 50 %" is the grade just below; "more than
    50 %" leaves open whether the stenosis is severe and is not read.
    """
    low, high, bound = interval
    if high > 100:
        return Degree(None, None, 0.0)
    if bound == "<":
        grade = Grade.from_percent(max(high - 0.001, 0))
        confidence = {Grade.NORMAL: 0.9, Grade.MILD: 0.7, Grade.MODERATE: 0.55}.get(grade, 0.3)
        return Degree(grade, None, confidence)
    if bound == ">":
        grade = Grade.from_percent(low)
        return Degree(grade, low, {Grade.SEVERE: 0.85, Grade.OCCLUDED: 0.9}.get(grade, 0.35))
    top = Grade.from_percent(high)
    if bound == "=":
        return Degree(top, high, 0.75)
    if low == high:
        return Degree(top, high, 0.95)
    if high in GRADE_BOUNDARIES and (low in _BAND_STARTS or high == GRADE_BOUNDARIES[-1]):
        return Degree(Grade.from_percent(high - 0.001), high, 0.85)
    return Degree(top, high, 0.95 if Grade.from_percent(low) == top else 0.65)


@lru_cache(maxsize=4096)
def combine(words: tuple[Grade, Grade] | None, interval: Interval | None) -> Degree:
    """Grade one stenosis that has a word, a percentage, or both.

    A word and a range or bound that allow each other: the word. A word one grade beside the number: the number,
    less sure. Two or more grades apart: not read. "Mild to moderate" is moderate, less sure.

    Parameters
    ----------
    words : (Grade, Grade) or None
        Lower and upper grade of the word; the same twice for a plain word.
    interval : Interval or None
    """
    if interval is None or interval.high > 100:
        if words is None:
            return Degree(None, None, 0.0)
        return Degree(words[1], None, 0.9 if words[0] == words[1] else 0.65)
    alone = of_interval(interval)
    if words is None or alone.grade is None:
        return alone
    low, high = _allowed(interval)
    word_low, word_high = (g.rank for g in words)
    if low <= word_high <= high:
        certain = low == high or (interval.bound == "" and alone.grade == words[1])
        return Degree(words[1], alone.percent, 0.98 if certain else 0.8)
    if word_low <= high and low <= word_high:
        return Degree(_RANKS[min(high, word_high)], alone.percent, 0.7)
    apart = low - word_high if low > word_high else word_low - high
    if apart == 1 and interval.bound in ("", "="):
        return Degree(alone.grade, alone.percent, 0.6)
    return Degree(alone.grade, alone.percent, 0.3)


def _allowed(interval: Interval) -> tuple[int, int]:
    """Ranks of the lowest and highest grade that the percentages allow."""
    if interval.bound == "<":
        return 0, Grade.from_percent(max(interval.high - 0.001, 0)).rank
    if interval.bound == ">":
        return Grade.from_percent(interval.low).rank, len(_RANKS) - 1
    top = of_interval(interval).grade
    assert top is not None
    return min(Grade.from_percent(interval.low).rank, top.rank), top.rank
