"""What repeated runs say: means and paired differences over seeds, with t intervals, and what so few could show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import vector
from ccta_lib.evaluation.results import NAN, Readable

POWER = 0.8


@dataclass(frozen=True)
class SeedMean(Readable):
    """A mean over seeds.

    Attributes
    ----------
    estimate, low, high : mean and its t interval
    sd : standard deviation over seeds, n - 1 in the denominator
    n : seeds
    p_value : two-sided t test of mean 0
    detectable : the true mean that a test of this level, with so many seeds and this sd, finds in 80 of 100 studies
    note : empty, or why something is undefined
    """

    estimate: float
    low: float
    high: float
    sd: float
    n: int
    p_value: float
    detectable: float
    note: str = ""

    def __str__(self) -> str:
        limits = "" if np.isnan(self.low) else f" [{self.low:.4f}, {self.high:.4f}]"
        return f"{self.estimate:.4f}{limits}, {self.n} seeds" + (f" ({self.note})" if self.note else "")


def mean_over_seeds(values: Any, *, level: float = 0.95) -> SeedMean:
    """Estimate a mean from one value per seed, as if the seeds' values were normal.

    Parameters
    ----------
    values : (n,) one number per seed; of paired arms, their differences
    level : confidence level

    Returns
    -------
    SeedMean
        Limits, p-value and detectable difference NaN with a note for one seed, or where nothing varies.

    Raises
    ------
    InputError
        If there is no value, one is not finite, or the level lies outside (0, 1).
    """
    x = vector(values, "values")
    if not x.size:
        raise InputError("values: none; give one per seed")
    if not 0 < level < 1:
        raise InputError(f"level: found {level}; expected above 0, below 1")
    n, mean = int(x.size), float(x.mean())
    if n < 2:
        return SeedMean(mean, NAN, NAN, NAN, n, NAN, NAN, "one seed: no interval")
    sd = float(x.std(ddof=1))
    # Equal up to rounding: a difference of two AUCs on the same rows.
    if sd <= 1e-12:
        return SeedMean(mean, NAN, NAN, sd, n, NAN, NAN, "the seeds do not differ: no interval")
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * sd / n**0.5
    p_value = float(2 * stats.t.sf(abs(mean) / (sd / n**0.5), n - 1))
    found = detectable_difference(sd, n, level=level)
    return SeedMean(mean, mean - half, mean + half, sd, n, p_value, found)


def paired_over_seeds(a: Any, b: Any, *, level: float = 0.95) -> SeedMean:
    """Estimate the mean of a - b, where each pair shares a seed.

    Parameters
    ----------
    a, b : (n,) one number per seed, in the same order of seeds
    level : confidence level

    Raises
    ------
    InputError
        If lengths differ, and as `mean_over_seeds`.
    """
    first, second = vector(a, "a"), vector(b, "b")
    if first.size != second.size:
        raise InputError(f"a and b: {first.size} and {second.size} seeds; a pair shares its seed")
    return mean_over_seeds(first - second, level=level)


def detectable_difference(sd: float, n: int, *, level: float = 0.95, power: float = POWER) -> float:
    """Return the smallest true difference that a paired t test finds with the given power.

    Parameters
    ----------
    sd : standard deviation of the differences over seeds
    n : seeds
    level : 1 - level is the test's two-sided error of the first kind
    power : share of studies of this size that find it
    """
    if n < 2 or not np.isfinite(sd) or sd <= 0:
        return NAN
    critical = stats.t.ppf((1 + level) / 2, n - 1)

    def missing(shift: float) -> float:
        # Finding it with the wrong sign has next to no probability at any power worth asking for.
        return float(stats.nct.sf(critical, n - 1, shift)) - power

    return sd * float(optimize.brentq(missing, 0.0, 2 * critical + 5)) / n**0.5


def rows_by_seed(values: Sequence[Any], seeds: Sequence[int], wanted: Sequence[int]) -> np.ndarray:
    """Return values in the order of the wanted seeds.

    Raises
    ------
    InputError
        If a seed is missing, or there twice.
    """
    given = list(seeds)
    if len(set(given)) < len(given) or not set(wanted) <= set(given):
        raise InputError(f"seeds: found {sorted(given)}; expected each of {sorted(wanted)} once")
    place = {seed: i for i, seed in enumerate(given)}
    return np.array([values[place[s]] for s in wanted], dtype=float)
