"""Agreement between readers and auditors, vessel by vessel: exact agreement and Cohen's kappa, with intervals."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from ccta_lib.cohort.audit.sheet import UNKNOWN, AuditSheet
from ccta_lib.schema import POSITIVE_GRADES, VESSELS, Grade

AUDITED = "auditors"
EXACT, KAPPA, WEIGHTED, SEVERE = "exact agreement", "kappa", "quadratic kappa", "kappa, severe or not"
_CATEGORIES = [*map(str, Grade), UNKNOWN]
_SQUARES = np.subtract.outer(np.arange(len(Grade)), np.arange(len(Grade))).astype(float) ** 2
_SEVERE = np.array([[g not in POSITIVE_GRADES, g in POSITIVE_GRADES] for g in Grade], dtype=float)


def cohen_kappa(table: np.ndarray, *, disagreement: np.ndarray | None = None) -> float:
    """Cohen's kappa of a square table of (weighted) counts: 1 - observed / expected disagreement.

    Parameters
    ----------
    table : (k, k) non-negative counts, one rater down, the other across
    disagreement : (k, k) cost of each pair; None = 1 off the diagonal

    Returns
    -------
    float
        NaN when chance alone already agrees completely (both raters use one and the same category), or when
        nothing was counted.
    """
    cost = 1.0 - np.eye(len(table)) if disagreement is None else disagreement
    total = table.sum()
    if total == 0:
        return float("nan")
    share = table / total
    expected = float((np.outer(share.sum(axis=1), share.sum(axis=0)) * cost).sum())
    return float("nan") if expected == 0 else 1.0 - float((share * cost).sum()) / expected


def agreement_table(
    sheet: AuditSheet, *, level: float = 0.95, n_boot: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return how far readers and auditors agree, per vessel.

    Each row is weighted by how many (report, vessel) pairs of the whole it stands for, so that a sample of the agreed
    reports is not drowned by the disputed ones. Intervals: percentile bootstrap over reports.

    Parameters
    ----------
    sheet : filled sheet
    level : coverage
    n_boot, seed : of the bootstrap

    Returns
    -------
    DataFrame
        vessel, first, second, metric, estimate, low, high, n (reports that both have answered), note. `unknown`
        is a category of its own in exact agreement and kappa; quadratic kappa and severe-or-not leave it out.
    """
    raters = {name: sheet.rows[name] for name in sheet.readers}
    for name in ("auditor_1", "auditor_2"):
        if sheet.rows[name].notna().any():
            raters[name] = sheet.rows[name]
    raters[AUDITED] = sheet.consensus
    if "auditor_2" not in raters:
        raters.pop("auditor_1", None)  # the only auditor is the consensus
    rng = np.random.default_rng(seed)
    rows = []
    for first, second in combinations(raters, 2):
        if second == AUDITED and first.startswith("auditor_"):
            continue  # an auditor agrees with a consensus made of his own answers
        for vessel in VESSELS:
            pair = pd.DataFrame({"a": raters[first], "b": raters[second], "weight": sheet.rows["weight"]})
            pair = pair[sheet.rows["vessel"] == str(vessel)].dropna()
            known = pair[(pair["a"] != UNKNOWN) & (pair["b"] != UNKNOWN)]
            for metric, part in ((EXACT, pair), (KAPPA, pair), (WEIGHTED, known), (SEVERE, known)):
                row = {"vessel": str(vessel), "first": first, "second": second, "metric": metric}
                rows.append(row | _interval(metric, part, level=level, n_boot=n_boot, rng=rng))
    return pd.DataFrame(rows)


def _measure(metric: str, table: np.ndarray) -> float:
    """Return one measure of a table of weighted counts over `_CATEGORIES`."""
    graded = table[:-1, :-1]
    if metric == EXACT:
        return float(np.trace(table) / table.sum()) if table.sum() else float("nan")
    if metric == KAPPA:
        return cohen_kappa(table)
    if metric == WEIGHTED:
        return cohen_kappa(graded, disagreement=_SQUARES)
    return cohen_kappa(_SEVERE.T @ graded @ _SEVERE)


def _interval(
    metric: str, pair: pd.DataFrame, *, level: float, n_boot: int, rng: np.random.Generator
) -> dict[str, object]:
    k, n = len(_CATEGORIES), len(pair)
    place = {c: i for i, c in enumerate(_CATEGORIES)}
    cell = pair["a"].map(place).to_numpy(dtype=int) * k + pair["b"].map(place).to_numpy(dtype=int)
    weight = pair["weight"].to_numpy(dtype=float)

    def value(times: np.ndarray) -> float:
        return _measure(metric, np.bincount(cell, weights=weight * times, minlength=k * k).reshape(k, k))

    estimate, low, high, note = value(np.ones(n)), float("nan"), float("nan"), ""
    if np.isnan(estimate):
        note = "nobody has answered" if not n else "both use one and the same category"
    else:
        # A vessel has one row per report, so drawing rows is drawing reports.
        draws = np.array([value(times) for times in rng.multinomial(n, np.full(n, 1 / n), size=n_boot)])
        kept = draws[~np.isnan(draws)]
        if kept.size < 0.95 * n_boot:
            note = f"{n_boot - kept.size} of {n_boot} resamples had one category only; no interval"
        else:
            low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return {"estimate": estimate, "low": low, "high": high, "n": n, "note": note}
