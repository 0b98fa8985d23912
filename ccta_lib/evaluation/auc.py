"""Area under the ROC curve: estimate, interval, comparison (Results, discrimination; Figure 1).

Variances are DeLong's (1988) from placement values; with patients as groups they are Obuchowski's (1997),
the same formula with sums over patients in place of rows. Own code, because among the libraries one gives
p = 0 for a model against itself, one leaves [0, 1] and one computes in single precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import chi2, norm, rankdata

from ccta_lib.errors import InputError
from ccta_lib.evaluation import bootstrap
from ccta_lib.evaluation.checks import binary, codes, level_z, one_of, same_length, vector
from ccta_lib.evaluation.results import NAN, Difference, Interval, Test

ONE_CLASS = "only one class: AUC undefined"
BOUNDARY = "AUC is exactly {:g}: no interval, because its variance estimate is 0"
FEW = "fewer than 2 positive or 2 negative patients: no variance"
CONSTANT = "all scores are equal"


def auc(y: np.ndarray, p: np.ndarray) -> float:
    """Return the Mann-Whitney estimate of AUC, ties one half; NaN when a class is missing.

    Parameters
    ----------
    y : (n,) bool labels
    p : (n,) scores
    """
    m, n = int(y.sum()), int((~y).sum())
    if not m or not n:
        return NAN
    return float((rankdata(p)[y].sum() - m * (m + 1) / 2) / (m * n))


def _placements(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return DeLong's placement values of the positives, (m,), and of the negatives, (n,)."""
    rank, m, n = rankdata(p), int(y.sum()), int((~y).sum())
    return (rank[y] - rankdata(p[y])) / n, 1 - (rank[~y] - rankdata(p[~y])) / m


class _Influence:
    """Per-patient sums of placement values about their expectation, for one score."""

    def __init__(self, y: np.ndarray, p: np.ndarray, code: np.ndarray, n_groups: int) -> None:
        self.auc = auc(y, p)
        v10, v01 = _placements(y, p)
        self.m, self.n = v10.size, v01.size
        self.positive = np.bincount(code[y], v10 - self.auc, minlength=n_groups)
        self.negative = np.bincount(code[~y], v01 - self.auc, minlength=n_groups)
        self.i10 = np.unique(code[y]).size
        self.i01 = np.unique(code[~y]).size

    @property
    def total(self) -> np.ndarray:
        """(groups,) contribution of each patient to the estimate."""
        return self.positive / self.m + self.negative / self.n

    def covariance(self, other: _Influence, n_groups: int) -> float:
        """Return Obuchowski's covariance of two AUCs on the same rows; DeLong's if a row is a patient."""
        s10 = self.i10 / (self.i10 - 1) * (self.positive @ other.positive) / self.m**2
        s01 = self.i01 / (self.i01 - 1) * (self.negative @ other.negative) / self.n**2
        cross = self.positive @ other.negative + self.negative @ other.positive
        s11 = n_groups / (n_groups - 1) * cross / (self.m * self.n)
        return float(s10 + s01 + s11)


def _not_estimable(y: np.ndarray, code: np.ndarray) -> str:
    if y.all() or not y.any():
        return ONE_CLASS
    if np.unique(code[y]).size < 2 or np.unique(code[~y]).size < 2:
        return FEW
    return ""


def auc_interval(
    y: Any,
    p: Any,
    *,
    groups: Any = None,
    method: str = "delong",
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int | np.random.Generator = 0,
    resamples: Any = None,
) -> Interval:
    """Estimate AUC with an interval.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) any finite scores
    groups : (n,) patient of each row; None = one patient per row
    method : "delong" or "bootstrap"
        DeLong with `groups` is Obuchowski's clustered variance; limits are clipped to [0, 1]. The bootstrap
        resamples patients; percentile limits, quantile type 7.
    level : confidence level
    n_boot : number of resamples
    seed : int or numpy Generator
    resamples : (B, n) row numbers or, with `groups`, (B, draws) group ids, used instead of drawing
        A group drawn twice enters twice.

    Returns
    -------
    Interval
        Limits are NaN, with a note, when a class is missing, AUC is exactly 0 or 1, fewer than 2 patients are
        positive or negative, or over 5 % of the resamples hold one class only.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a score is not finite.

    References
    ----------
    DeLong et al., Biometrics 1988; Obuchowski, Biometrics 1997.
    """
    one_of(method, ("delong", "bootstrap"), "method")
    z = level_z(level)
    positive, score = binary(y), vector(p, "p")
    n = same_length(y=positive, p=score)
    code, labels = codes(groups, n=n)
    name = _method_name(method, clustered=groups is not None)
    estimate = auc(positive, score)

    def result(low: float = NAN, high: float = NAN, se: float = NAN, note: str = "") -> Interval:
        return Interval(estimate, low, high, se, n, int(positive.sum()), labels.size, name, note)

    note = _not_estimable(positive, code)
    if note:
        return result(note=note)
    if estimate in (0.0, 1.0):
        return result(note=BOUNDARY.format(estimate))
    constant = CONSTANT if np.ptp(score) == 0 else ""
    if method == "delong":
        part = _Influence(positive, score, code, labels.size)
        se = max(part.covariance(part, labels.size), 0.0) ** 0.5
        return result(max(estimate - z * se, 0.0), min(estimate + z * se, 1.0), se, constant)
    ranked = bootstrap.RankedAuc(positive, score, code)
    if resamples is None:
        chunks = bootstrap.resample_counts(labels.size, n_boot, np.random.default_rng(seed))
    else:
        chunks = bootstrap.given_counts(resamples, labels, by_row=groups is None)
    low, high, se, note = bootstrap.percentile_interval(bootstrap.over_chunks(ranked, chunks), level)
    return result(low, high, se, note or constant)


def _method_name(method: str, *, clustered: bool) -> str:
    if method == "bootstrap":
        return "patient bootstrap" if clustered else "bootstrap"
    return "DeLong, patient-clustered" if clustered else "DeLong"


def auc_difference(y: Any, p_a: Any, p_b: Any, *, groups: Any = None, level: float = 0.95) -> Difference:
    """Compare two scores on the same rows: AUC of `p_a` minus AUC of `p_b`.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p_a, p_b : (n,) any finite scores
    groups : (n,) patient of each row; None = one patient per row
    level : confidence level

    Returns
    -------
    Difference
        Normal test; limits clipped to [-1, 1]. Two scores that rank alike give 0 with p = 1.

    Raises
    ------
    InputError
        As `auc_interval`.
    """
    z_level = level_z(level)
    positive, a, b = binary(y), vector(p_a, "p_a"), vector(p_b, "p_b")
    n = same_length(y=positive, p_a=a, p_b=b)
    code, labels = codes(groups, n=n)
    auc_a, auc_b = auc(positive, a), auc(positive, b)
    estimate = auc_a - auc_b
    note = _not_estimable(positive, code)
    if note:
        return Difference(estimate, NAN, NAN, NAN, NAN, note)
    if np.array_equal(rankdata(a), rankdata(b)):
        return Difference(0.0, 0.0, 0.0, 0.0, 1.0, "the two scores rank every row alike")
    for value in (auc_a, auc_b):
        if value in (0.0, 1.0):
            return Difference(estimate, NAN, NAN, NAN, NAN, BOUNDARY.format(value))
    part_a = _Influence(positive, a, code, labels.size)
    part_b = _Influence(positive, b, code, labels.size)
    k = labels.size
    variance = part_a.covariance(part_a, k) + part_b.covariance(part_b, k) - 2 * part_a.covariance(part_b, k)
    if variance <= 1e-15:
        return Difference(estimate, NAN, NAN, NAN, NAN, "the difference has no variance: no test")
    se = variance**0.5
    z = estimate / se
    low, high = max(estimate - z_level * se, -1.0), min(estimate + z_level * se, 1.0)
    return Difference(estimate, low, high, z, float(2 * norm.sf(abs(z))))


def auc_difference_groups(y: Any, p: Any, stratum: Any, *, groups: Any = None) -> Test:
    """Test whether AUC is the same in all strata (subgroup question, DEFINITIONS "Subgroups").

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) any finite scores
    stratum : (n,) subgroup of each row; mask unknown ones before calling
    groups : (n,) patient of each row; a patient may lie in several strata
        None = independent rows: the unpaired DeLong test, for k strata Cochran's Q.

    Returns
    -------
    Test
        Wald chi-squared on (strata - 1) degrees of freedom; for two strata the square of the normal z.
        NaN with a note that names the stratum when one is not estimable.

    Raises
    ------
    InputError
        As `auc_interval`, and when a stratum is missing.
    """
    positive, score = binary(y), vector(p, "p")
    n = same_length(y=positive, p=score)
    code, labels = codes(groups, n=n)
    level, names = codes(stratum, "stratum", n=n)
    df = names.size - 1
    if df < 1:
        return Test(NAN, 0, NAN, "only one stratum: nothing to compare")
    parts = []
    for k, name in enumerate(names):
        rows = level == k
        note = _not_estimable(positive[rows], code[rows])
        value = NAN if note else auc(positive[rows], score[rows])
        if value in (0.0, 1.0):
            note = BOUNDARY.format(value)
        if note:
            return Test(NAN, df, NAN, f"stratum {name}: {note}")
        parts.append(_Influence(positive[rows], score[rows], code[rows], labels.size))
    if groups is None:
        covariance = np.diag([part.covariance(part, n) for part in parts])
    else:
        contribution = np.array([part.total for part in parts])
        covariance = labels.size / (labels.size - 1) * contribution @ contribution.T
    return wald_equal(np.array([part.auc for part in parts]), covariance)


def wald_equal(estimates: np.ndarray, covariance: np.ndarray) -> Test:
    """Test that k estimates are equal, given their (k, k) covariance.

    Raises
    ------
    InputError
        If the shapes do not fit.
    """
    k = len(estimates)
    if covariance.shape != (k, k):
        raise InputError(f"covariance: expected shape {(k, k)}, found {covariance.shape}")
    contrast = np.hstack([np.ones((k - 1, 1)), -np.eye(k - 1)])
    difference, spread = contrast @ estimates, contrast @ covariance @ contrast.T
    if np.linalg.matrix_rank(spread) < k - 1:
        return Test(NAN, k - 1, NAN, "the difference has no variance: no test")
    statistic = float(difference @ np.linalg.solve(spread, difference))
    return Test(statistic, k - 1, float(chi2.sf(statistic, k - 1)))
