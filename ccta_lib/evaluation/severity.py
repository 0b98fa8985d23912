"""Does the probability rise with the grade? (Results, severity; Figure 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import codes, level_z, same_length, vector
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.results import NAN, Trend
from ccta_lib.evaluation.tables import NO_LABEL, Slice, slices, tidy
from ccta_lib.schema import VESSELS, Grade

# The paper's codes: severe stenosis and occlusion share a step.
GRADE_CODES = {"normal": 0, "mild": 1, "moderate": 2, "severe": 3, "occluded": 3}
ALL_GRADES, BELOW_SEVERE = "all grades", "normal-mild-moderate"
RANGES = {ALL_GRADES: tuple(GRADE_CODES), BELOW_SEVERE: ("normal", "mild", "moderate")}
RHO, EFFECT = "Spearman rho", "P(higher in the higher grade)"


@dataclass(frozen=True)
class Ordered:
    """Jonckheere-Terpstra test of an ordered alternative.

    Attributes
    ----------
    effect : P(p higher in the higher of two different grades), ties one half, with low, high
    statistic, z, p_value : the test, two-sided
    n : rows
    """

    effect: float
    low: float
    high: float
    statistic: float
    z: float
    p_value: float
    n: int
    note: str = ""


def grade_codes(grade: Any) -> np.ndarray:
    """Return the paper's codes 0-3 for grade names; numbers pass through, (n,) float64."""
    values = pd.Series(grade)
    if pd.api.types.is_numeric_dtype(values):
        return vector(values, "grade")
    named = {str(g): float(GRADE_CODES[g]) for g in Grade}
    unknown = sorted({str(v) for v in values if str(v) not in named})
    if unknown:
        raise InputError(f"grade: found {', '.join(unknown)}; use {', '.join(named)}, mask unknown ones")
    return values.astype(str).map(named).to_numpy(dtype=float)


def spearman_trend(grade: Any, p: Any, *, groups: Any = None) -> Trend:
    """Correlate ranks of grade and probability.

    Parameters
    ----------
    grade : (n,) grade names or ordered numbers
    p : (n,) any finite scores
    groups : (n,) patient of each row; None = one patient per row (t approximation, as scipy and R's exact = FALSE)
        With repeated patients the variance is that of the influence function summed within patients.

    Returns
    -------
    Trend
        NaN with a note for fewer than 3 rows or when either variable is constant.

    Raises
    ------
    InputError
        If lengths differ, or a value is missing or not finite.
    """
    x, y = grade_codes(grade), vector(p, "p")
    n = same_length(grade=x, p=y)
    code, labels = codes(groups, n=n)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        which = "all grades are equal" if np.ptp(x) == 0 else "all scores are equal"
        return Trend(NAN, NAN, n, which)
    zx, zy = (rankdata(v) - (n + 1) / 2 for v in (x, y))
    zx, zy = zx / zx.std(), zy / zy.std()
    rho = float(np.clip(np.mean(zx * zy), -1, 1))
    if n < 3 or labels.size < 3:
        return Trend(rho, NAN, n, "fewer than 3 patients: no test")
    if labels.size == n:
        if 1 - rho**2 < 1e-14:
            return Trend(rho, 0.0, n)
        statistic = abs(rho) * np.sqrt((n - 2) / (1 - rho**2))
        return Trend(rho, float(2 * student.sf(statistic, n - 2)), n)
    influence = np.bincount(code, zx * zy - rho * (zx**2 + zy**2) / 2)
    se = np.sqrt(labels.size / (labels.size - 1) * (influence @ influence)) / n
    if se < 1e-12:
        return Trend(rho, 0.0, n)
    return Trend(rho, float(2 * norm.sf(abs(rho) / se)), n)


def jonckheere_terpstra(grade: Any, p: Any, *, groups: Any = None, level: float = 0.95) -> Ordered:
    """Test whether probabilities rise from grade to grade.

    Parameters
    ----------
    grade, p : as `spearman_trend`
    groups : (n,) patient of each row; None = one patient per row
        With one row per patient the null variance corrected for ties in both variables; with repeated patients
        the Wald test of the effect against one half.
    level : of the interval of the effect, normal with the infinitesimal-jackknife variance, clipped to [0, 1]

    References
    ----------
    Hollander and Wolfe, Nonparametric Statistical Methods, section 6.2.
    """
    quantile = level_z(level)
    x, y = grade_codes(grade), vector(p, "p")
    n = same_length(grade=x, p=y)
    code, labels = codes(groups, n=n)
    if np.ptp(x) == 0:
        return Ordered(NAN, NAN, NAN, NAN, NAN, NAN, n, "only one grade: nothing to compare")
    concordant, pairs = _pairs(x, y)
    total = pairs.sum() / 2
    statistic = float(concordant.sum() / 2)
    effect = statistic / total
    influence = np.bincount(code, (concordant - effect * pairs) / total)
    se = float(np.sqrt(influence @ influence))
    low, high = max(effect - quantile * se, 0.0), min(effect + quantile * se, 1.0)
    note = ""
    if labels.size < n:
        z = (effect - 0.5) / se if se > 0 else NAN
    else:
        variance = _null_variance(np.unique(x, return_counts=True)[1], np.unique(y, return_counts=True)[1])
        z = (statistic - total / 2) / np.sqrt(variance) if variance > 0 else NAN
    if not np.isfinite(z):
        note = "no variance: no test"
    if effect in (0.0, 1.0):
        low, high, note = NAN, NAN, f"effect is exactly {effect:g}: no interval"
    return Ordered(effect, low, high, statistic, float(z), float(2 * norm.sf(abs(z))), n, note)


def _pairs(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per row its concordant pairs (ties in y one half) and its pairs of different x, each (n,)."""
    concordant, pairs = np.zeros(len(x)), np.zeros(len(x))
    grades = np.unique(x)
    for i, low in enumerate(grades):
        for high in grades[i + 1 :]:
            a, b = x == low, x == high
            both = np.concatenate([y[a], y[b]])
            rank = rankdata(both)
            concordant[a] += b.sum() - (rank[: a.sum()] - rankdata(y[a]))
            concordant[b] += rank[a.sum() :] - rankdata(y[b])
            pairs[a] += b.sum()
            pairs[b] += a.sum()
    return concordant, pairs


def _null_variance(size: np.ndarray, ties: np.ndarray) -> float:
    """Return the variance of the Jonckheere-Terpstra statistic given group sizes and tie counts."""
    n = float(size.sum())
    m, t = size.astype(float), ties.astype(float)

    def cubic(k: np.ndarray | float) -> Any:
        return k * (k - 1) * (2 * k + 5)

    variance = (cubic(n) - cubic(m).sum() - cubic(t).sum()) / 72
    if n > 2:
        third = (m * (m - 1) * (m - 2)).sum() * (t * (t - 1) * (t - 2)).sum()
        variance += third / (36 * n * (n - 1) * (n - 2))
    return float(variance + (m * (m - 1)).sum() * (t * (t - 1)).sum() / (8 * n * (n - 1)))


def severity_table(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("patient",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the trend of probability over grades for each vessel, over all grades and below severe alone.

    Only the range below severe shows a gradient: severe against the rest was the training target.

    Returns
    -------
    DataFrame
        Contract 3 with metrics `RHO` and `EFFECT`, and the columns range, p_value, p_holm (one family of the
        vessels within cohort, unit, range and metric; not estimable counts as p = 1).
    """
    z = level_z(level)
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        for name, grades in RANGES.items():
            kept = part.where(np.isin(part.grade, grades))
            rows += _trend_rows(kept, name, z, level)
    out = tidy(rows)
    family = ["cohort", "unit", "range", "metric"]
    if len(out):
        out["p_holm"] = out.groupby(family, sort=False)["p_value"].transform(lambda p: holm(p.to_numpy()))
    return out


def _trend_rows(part: Slice, name: str, z: float, level: float) -> list[dict[str, Any]]:
    if not len(part.y):
        return [part.row(m, note=NO_LABEL, range=name, p_value=NAN) for m in (RHO, EFFECT)]
    trend = spearman_trend(part.grade, part.p, groups=part.patients)
    ordered = jonckheere_terpstra(part.grade, part.p, groups=part.patients, level=level)
    low = high = NAN
    method = "t approximation"
    if np.isfinite(trend.rho) and trend.n > 3 and abs(trend.rho) < 1 and part.n_patients == trend.n:
        # Bonett and Wright 2000: Fisher's z with the variance that fits ranks.
        half = z * np.sqrt((1 + trend.rho**2 / 2) / (trend.n - 3))
        low, high = np.tanh(np.arctanh(trend.rho) + np.array([-half, half]))
        method = "t approximation; Bonett-Wright interval"
    elif part.n_patients < trend.n:
        method = "patient-clustered"
    test = "Jonckheere-Terpstra" if part.n_patients == trend.n else "Wald, patient-clustered"
    return [
        part.row(
            RHO, trend.rho, low, high, method=method, note=trend.note, range=name, p_value=trend.p_value
        ),
        part.row(
            EFFECT,
            ordered.effect,
            ordered.low,
            ordered.high,
            method=test,
            note=ordered.note,
            range=name,
            p_value=ordered.p_value,
        ),
    ]


def severity_points(
    predictions: pd.DataFrame,
    *,
    unit: str = "patient",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
) -> pd.DataFrame:
    """Return the values behind the box plots of Figure 4: vessel, cohort, unit, grade, code, p, data_kind."""
    tables = []
    for part in slices(predictions, units=[unit], cohorts=cohorts, vessels=vessels):
        if len(part.y):
            points = pd.DataFrame({"grade": part.grade, "code": grade_codes(part.grade), "p": part.p})
            keys = {"vessel": part.vessel, "cohort": part.cohort, "unit": unit}
            tables.append(points.assign(**keys, data_kind=part.data_kind))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
