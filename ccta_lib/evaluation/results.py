"""Small frozen results. Undefined numbers are NaN and `note` says why in plain words."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, fields
from typing import Any

NAN = math.nan


class Readable:
    """Results that print as a sentence, and show as a small table in a notebook."""

    def __str__(self) -> str:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'>{f.name}</th><td>{html.escape(_shown(getattr(self, f.name)))}</td></tr>"
            for f in fields(self)  # type: ignore[arg-type]
            if getattr(self, f.name) != ""
        )
        return f"<table><caption>{html.escape(str(self))}</caption><tbody>{rows}</tbody></table>"


def _shown(value: Any) -> str:
    """Set a number with four significant digits; counts, text and what is undefined as they are."""
    if not isinstance(value, float):
        return str(value)
    return "undefined" if math.isnan(value) else f"{value:.4g}"


def _with_limits(estimate: float, low: float, high: float) -> str:
    if math.isnan(estimate):
        return "not estimable"
    return f"{estimate:.3f}" + ("" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]")


def _p(value: float) -> str:
    return "p undefined" if math.isnan(value) else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _noted(text: str, note: str) -> str:
    return f"{text} ({note})" if note else text


@dataclass(frozen=True)
class Interval(Readable):
    """An estimate with its confidence interval.

    Attributes
    ----------
    estimate, low, high, se : float
        On the scale of the estimate; NaN where undefined.
    n, n_pos, n_groups : int
        Rows, positive rows, patients.
    method : str
        How the interval was made.
    note : str
        Empty, or why something is undefined.
    """

    estimate: float
    low: float
    high: float
    se: float
    n: int
    n_pos: int
    n_groups: int
    method: str
    note: str = ""

    def __str__(self) -> str:
        counts = f"{self.n_pos} of {self.n} positive, {self.n_groups} patients, {self.method}"
        return _noted(f"{_with_limits(self.estimate, self.low, self.high)}; {counts}", self.note)


@dataclass(frozen=True)
class Difference(Readable):
    """A paired difference with its interval and two-sided normal test."""

    estimate: float
    low: float
    high: float
    z: float
    p_value: float
    note: str = ""

    def __str__(self) -> str:
        return _noted(f"{_with_limits(self.estimate, self.low, self.high)}, {_p(self.p_value)}", self.note)


@dataclass(frozen=True)
class Test(Readable):
    """A chi-squared test."""

    statistic: float
    df: int
    p_value: float
    note: str = ""

    def __str__(self) -> str:
        return _noted(
            f"chi-squared {_shown(float(self.statistic))} on {self.df} df, {_p(self.p_value)}", self.note
        )

    __test__ = False  # the name is the contract's; pytest must not collect it


@dataclass(frozen=True)
class Trend(Readable):
    """A rank correlation and its two-sided p-value."""

    rho: float
    p_value: float
    n: int
    note: str = ""

    def __str__(self) -> str:
        return _noted(f"rho {_shown(float(self.rho))}, {_p(self.p_value)}, n = {self.n}", self.note)
