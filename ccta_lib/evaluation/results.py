"""Small frozen results. Undefined numbers are NaN and `note` says why in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class Interval:
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


@dataclass(frozen=True)
class Difference:
    """A paired difference with its interval and two-sided normal test."""

    estimate: float
    low: float
    high: float
    z: float
    p_value: float
    note: str = ""


@dataclass(frozen=True)
class Test:
    """A chi-squared test."""

    statistic: float
    df: int
    p_value: float
    note: str = ""

    __test__ = False  # the name is the contract's; pytest must not collect it


@dataclass(frozen=True)
class Trend:
    """A rank correlation and its two-sided p-value."""

    rho: float
    p_value: float
    n: int
    note: str = ""
