"""Decision curve analysis (Results, decision curves; Figures 7 and A1).

A row is positive when p >= threshold. Curves over many thresholds cost one sort and one cumulative sum, which is
also how the patient bootstrap of 500 curves stays cheap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation import bootstrap
from ccta_lib.evaluation.checks import binary, codes, level_z, probability, same_length, vector
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.survival import check_survival

STRATEGIES = ("model", "all", "none")


def _thresholds(values: Any) -> np.ndarray:
    cut = vector(np.atleast_1d(np.asarray(values, dtype=float)), "thresholds")
    bad = cut[(cut < 0) | (cut >= 1)]
    if bad.size:
        raise InputError(f"thresholds: expected probabilities in [0, 1), found {bad[0]:g}")
    return cut


def _curves(cut: np.ndarray, model: np.ndarray, treat_all: np.ndarray, harm: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "threshold": np.tile(cut, 3),
            "strategy": np.repeat(STRATEGIES, cut.size),
            "net_benefit": np.r_[model - harm, treat_all, np.zeros(cut.size)],
        }
    )


def net_benefit(y: Any, p: Any, thresholds: Any, *, harm: float = 0.0) -> pd.DataFrame:
    """Return the net benefit of treating by the model, all, and none.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) probabilities
    thresholds : (k,) in [0, 1)
    harm : harm of applying the model itself, in units of true positives

    Returns
    -------
    DataFrame
        threshold, strategy (model, all, none), net_benefit = tp/n - fp/n t/(1-t) - harm of the model.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a probability or threshold is out of range.

    References
    ----------
    Vickers and Elkin, Med Decis Making 2006.
    """
    positive, prob, cut = binary(y), probability(p), _thresholds(thresholds)
    n = same_length(y=positive, p=prob)
    counts = _Counts(positive, prob, np.arange(n), cut)
    tp, fp, cases, total = counts(np.ones((1, n), dtype=np.int32))
    odds = cut / (1 - cut)
    rate = cases[0] / total[0]
    return _curves(cut, tp[0] / n - fp[0] / n * odds, rate - (1 - rate) * odds, harm)


class _Counts:
    """True and false positives at each threshold under any resampling of the groups."""

    def __init__(self, y: np.ndarray, p: np.ndarray, code: np.ndarray, cut: np.ndarray) -> None:
        order = np.argsort(-p, kind="stable")
        self._code, self._y = code[order], y[order]
        self._above = np.searchsorted(-p[order], -cut, side="right")

    def __call__(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return tp and fp, (b, k), cases and rows, (b,), of replicates given as counts, (b, groups)."""
        weight = counts.take(self._code, axis=1)
        size = (len(weight), weight.shape[1] + 1)
        called, cases = np.zeros(size, np.int32), np.zeros(size, np.int32)
        np.cumsum(weight, axis=1, out=called[:, 1:])
        np.cumsum(weight * self._y, axis=1, out=cases[:, 1:])
        tp = cases.take(self._above, axis=1).astype(float)
        return (
            tp,
            called.take(self._above, axis=1) - tp,
            cases[:, -1].astype(float),
            called[:, -1].astype(float),
        )


def net_benefit_difference(
    y: Any,
    p: Any,
    thresholds: Any,
    *,
    groups: Any = None,
    level: float = 0.95,
    n_boot: int = 500,
    seed: int | np.random.Generator = 0,
    harm: float = 0.0,
) -> pd.DataFrame:
    """Compare the model with the better default: D(t) = model - max(all, none), with a patient-bootstrap band.

    The maximum is taken anew in each replicate.

    Parameters
    ----------
    y, p, thresholds, harm : as `net_benefit`
    groups : (n,) patient of each row; None = one patient per row
    level : confidence level of the pointwise percentile band
    n_boot, seed : of the bootstrap

    Returns
    -------
    DataFrame
        threshold, model, treat_all, estimate (D), low, high, and avoided, avoided_low, avoided_high: net
        interventions avoided per 100 compared with treating all, (model - all) (1-t)/t; NaN at t = 0.
    """
    level_z(level)
    positive, prob, cut = binary(y), probability(p), _thresholds(thresholds)
    n = same_length(y=positive, p=prob)
    code, labels = codes(groups, n=n)
    counter = _Counts(positive, prob, code, cut)

    def curves(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tp, fp, cases, total = counter(counts)
        odds = cut / (1 - cut)
        rate = (cases / total)[:, None]
        return (tp - fp * odds) / total[:, None] - harm, rate - (1 - rate) * odds

    model, treat_all = curves(np.ones((1, labels.size), dtype=np.int32))
    chunks = bootstrap.resample_counts(labels.size, n_boot, np.random.default_rng(seed))
    drawn = [curves(c) for c in chunks]
    return difference_table(cut, (model[0], treat_all[0]), drawn, level)


def difference_table(
    cut: np.ndarray,
    whole: tuple[np.ndarray, np.ndarray],
    drawn: list[tuple[np.ndarray, np.ndarray]],
    level: float,
) -> pd.DataFrame:
    """Return D(t) and interventions avoided with percentile bands; see `net_benefit_difference`.

    Parameters
    ----------
    cut : (k,) thresholds
    whole : net benefit of the model and of treating all, each (k,)
    drawn : the same of replicates, each (b, k)
    """
    model, treat_all = whole
    models, alls = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    per_100 = 100 * np.divide(1 - cut, cut, out=np.full(cut.shape, NAN), where=cut > 0)
    low, high = _band(models - np.maximum(alls, 0), level)
    avoided_low, avoided_high = _band((models - alls) * per_100, level)
    return pd.DataFrame(
        {
            "threshold": cut,
            "model": model,
            "treat_all": treat_all,
            "estimate": model - np.maximum(treat_all, 0),
            "low": low,
            "high": high,
            "avoided": (model - treat_all) * per_100,
            "avoided_low": avoided_low,
            "avoided_high": avoided_high,
        }
    )


def _band(replicates: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return pointwise percentile limits, NaN where over 5 % of the replicates are undefined, each (k,)."""
    limits = np.full((2, replicates.shape[1]), NAN)
    usable = np.isfinite(replicates).mean(axis=0) >= 1 - bootstrap.MAX_DROPPED
    if usable.any():
        limits[:, usable] = np.nanquantile(replicates[:, usable], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return limits[0], limits[1]


def net_benefit_survival(
    time: Any, event: Any, p: Any, thresholds: Any, *, horizon: float, groups: Any = None
) -> pd.DataFrame:
    """Return net benefit when the outcome is an event by the horizon and follow-up is censored.

    Parameters
    ----------
    time, event, groups : as `kaplan_meier`; one row per patient
    p : (n,) risk of the event by the horizon. A stenosis probability is not one: map it first (`crossfit_risk`)
    thresholds : (k,) in [0, 1)
    horizon : in the units of `time`

    Returns
    -------
    DataFrame
        threshold, strategy, net_benefit = (1-S) pi - S pi t/(1-t), with pi the share above t and S their
        Kaplan-Meier survival at the horizon. NaN where nobody above t is followed to the horizon, 0 where nobody
        is above t.

    Raises
    ------
    InputError
        As `kaplan_meier` and `net_benefit`, or if the horizon is not positive.

    References
    ----------
    Vickers et al., BMC Med Inform Decis Mak 2008.
    """
    t, e, _ = check_survival(time, event, groups=groups)
    prob, cut = probability(p), _thresholds(thresholds)
    same_length(time=t, p=prob)
    if not np.isfinite(horizon) or horizon <= 0:
        raise InputError(f"horizon: expected a positive time, found {horizon}")
    model, treat_all = survival_curves(t, e, prob, cut, horizon)
    out = _curves(cut, model, treat_all, 0.0)
    lost = np.isnan(model).any() or np.isnan(treat_all).any()
    out.attrs["note"] = "NaN where nobody above the threshold is followed to the horizon" if lost else ""
    return out


def survival_curves(
    time: np.ndarray, event: np.ndarray, p: np.ndarray, cut: np.ndarray, horizon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return net benefit of the model and of treating all at each threshold, each (k,).

    Parameters
    ----------
    time, event, p : (n,) checked values
    cut : (k,) thresholds
    """
    order = np.argsort(time, kind="stable")
    t, e, prob = time[order], event[order], p[order]
    odds = cut / (1 - cut)

    def benefit(above: np.ndarray) -> np.ndarray:
        share = above.mean(axis=1)
        s = _survival_at(above, t, e, horizon)
        return np.where(share > 0, (1 - s) * share - s * share * odds, 0.0)

    model = benefit(prob >= cut[:, None])
    everyone = _survival_at(np.ones((1, t.size), dtype=bool), t, e, horizon)[0]
    return model, (1 - everyone) - everyone * odds


def _survival_at(above: np.ndarray, t: np.ndarray, e: np.ndarray, horizon: float) -> np.ndarray:
    """Return Kaplan-Meier survival at the horizon in each subset, NaN where nobody is followed so long, (k,).

    Parameters
    ----------
    above : (k, n) bool, membership in order of time
    t, e : (n,) times in order, events
    """
    followed = above[:, np.searchsorted(t, horizon, side="left") :].any(axis=1)
    within = np.searchsorted(t, horizon, side="right")
    first = np.flatnonzero(np.r_[True, np.diff(t[:within]) > 0]) if within else np.zeros(0, int)
    first = first[np.add.reduceat(e[:within], first) > 0] if first.size else first
    if not first.size:
        return np.where(followed, 1.0, NAN)
    risk = above[:, ::-1].cumsum(axis=1, dtype=np.int32)[:, ::-1].take(first, axis=1)
    died = (above[:, :within] & e[:within]).cumsum(axis=1, dtype=np.int32)
    last = np.searchsorted(t, t[first], side="right") - 1
    total = died.take(last, axis=1)
    at = np.diff(total, axis=1, prepend=0)
    return np.where(followed, np.prod(1 - at / np.maximum(risk, 1), axis=1), NAN)
