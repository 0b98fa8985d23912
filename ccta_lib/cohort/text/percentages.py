"""Percentages and shares of the lumen as they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ccta_lib.cohort.text.degree import Interval, han_number
from ccta_lib.cohort.text.lexer import Token
from ccta_lib.cohort.text.words import HAN_NUMBER, NUMBER

_SHARE = re.compile(
    r"two[- ]thirds|three[- ]quarters|half|third|quarter|半|(?<!\d)(?P<part>[1-4])/(?P<whole>[2-5])$|"
    r"(?P<han_whole>[三四五])分之(?P<han_part>[一二三四])$|(?P<tenths>[一二三四五六七八九1-9])成$"
)
_TENS = {"twe": 2, "thi": 3, "for": 4, "fif": 5, "six": 6, "sev": 7, "eig": 8, "nin": 9}
_SHARES = {
    "half": 0.5,
    "半": 0.5,
    "two thirds": 2 / 3,
    "three quarters": 0.75,
    "third": 1 / 3,
    "quarter": 0.25,
}


def interval(tokens: Sequence[Token], i: int) -> Interval:
    """Read the percentage at place `i` with the words of bounding beside it."""
    low, high = tokens[i].value
    before = i - 1
    while before >= 0 and tokens[before].kind in ("approx", "paren"):
        before -= 1
    bound = ""
    if before >= 0 and tokens[before].kind == "bound" and tokens[i].start - tokens[before].end <= 16:
        bound = tokens[before].value
    elif i + 1 < len(tokens) and tokens[i + 1].kind == "suffix" and tokens[i + 1].start - tokens[i].end <= 1:
        bound = tokens[i + 1].value
    return Interval(low, high, bound if low == high else "")


def bounded(tokens: Sequence[Token]) -> Interval | None:
    for i, token in enumerate(tokens):
        if token.kind in ("comma", "stop", "but"):
            return None
        if token.kind == "pct":
            return interval(tokens, i)
    return None


def read_percent(text: str) -> tuple[float, float]:
    """Return low and high of a percentage as written: "50-69%", "百分之七十"."""
    share = _SHARE.search(text)
    if share is not None:
        percent = round(100 * _share(share), 1)
        return percent, percent
    if text[:3] in _TENS:
        percent = 10.0 * _TENS[text[:3]] + (5.0 if "five" in text else 0.0)
        return percent, percent
    if text.startswith("百分之"):
        ends = [han_number(n) for n in HAN_NUMBER.findall(text.replace("百分之", " "))]
    else:
        ends = [float(n) for n in NUMBER.findall(text)]
    return min(ends), max(ends)


def _share(found: re.Match[str]) -> float:
    if found["part"]:
        return float(found["part"]) / float(found["whole"])
    if found["tenths"]:
        return (int(found["tenths"]) if found["tenths"].isdigit() else han_number(found["tenths"])) / 10
    if found["han_part"]:
        return han_number(found["han_part"]) / han_number(found["han_whole"])
    return _SHARES[found[0].replace("-", " ")]
