"""What can be read from a network's features: cross-fitted probes, patients kept apart, and who lies near whom."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import auc_interval
from ccta_lib.evaluation.checks import binary, codes, level_z, one_of, vector
from ccta_lib.evaluation.results import NAN, Interval

Probe = Literal["linear", "boosting"]
Target = Literal["binary", "number"]


def _features(features: Any, n: int | None = None) -> np.ndarray:
    x = np.asarray(features, dtype=float)
    if x.ndim != 2 or (n is not None and len(x) != n):
        raise InputError(
            f"features: found shape {x.shape}; expected ({n if n is not None else 'rows'}, width)"
        )
    if not np.isfinite(x).all():
        raise InputError("features: found NaN or infinity; leave such rows out before calling")
    return x


def crossfit_probe(
    features: Any,
    target: Any,
    *,
    groups: Any,
    kind: Target,
    probe: Probe = "linear",
    n_folds: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """Predict a quantity from features, each patient by a probe that never saw the patient.

    Parameters
    ----------
    features : (n, width)
    target : (n,) 0 or 1, or numbers
    groups : (n,) patient of each row
    kind : "binary" or "number"
    probe : "linear" = logistic or ridge regression on standardised features, penalty 1; "boosting" = gradient
        boosting of 80 trees of at most 8 leaves, which finds what is there but not linear
    n_folds : folds of patients
    seed : of the folds

    Returns
    -------
    (n,) float64
        Log odds for "binary", the quantity itself for "number".

    Raises
    ------
    InputError
        If shapes disagree, a value is not finite, or a class or the patients are too few for the folds.
    """
    one_of(kind, ("binary", "number"), "kind")
    one_of(probe, ("linear", "boosting"), "probe")
    y = binary(target, "target") if kind == "binary" else vector(target, "target")
    x = _features(features, len(y))
    code, labels = codes(groups, n=len(y))
    if kind == "binary":
        fewest = min(np.unique(code[y]).size, np.unique(code[~y]).size)
        splitter: Any = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    else:
        fewest, splitter = labels.size, GroupKFold(n_folds, shuffle=True, random_state=seed)
    if fewest < n_folds:
        raise InputError(
            f"target: {fewest} patients in the smallest class for {n_folds} folds; use fewer folds"
        )
    out = np.full(len(y), NAN)
    # Threads that wait for each other cost more than they bring, a hundredfold beside other programs.
    with threadpool_limits(1):
        for train, test in splitter.split(x, y, code):
            if kind == "binary" and np.unique(y[train]).size < 2:
                raise InputError("target: a fold's training patients are all of one class; use fewer folds")
            model = _model(kind, probe).fit(x[train], y[train])
            out[test] = model.decision_function(x[test]) if kind == "binary" else model.predict(x[test])
    return out


def _model(kind: Target, probe: Probe) -> Any:
    if probe == "linear":
        last = LogisticRegression(max_iter=2000) if kind == "binary" else Ridge()
        return make_pipeline(StandardScaler(), last)
    settings = {
        "max_iter": 80,
        "max_leaf_nodes": 8,
        "learning_rate": 0.1,
        "early_stopping": False,
        "random_state": 0,
    }
    boosting = HistGradientBoostingClassifier if kind == "binary" else HistGradientBoostingRegressor
    return boosting(**settings)


def probe_interval(
    target: Any, predicted: Any, *, groups: Any, kind: Target, level: float = 0.95
) -> Interval:
    """Score a probe's cross-fitted predictions: AUC of a binary quantity, R-squared of a number.

    R-squared is 1 - squared error / variance about the mean: 0 for a probe that knows nothing, below 0 for one that
    is worse. Its variance is the patient-clustered one of its influence function.

    Parameters
    ----------
    target, predicted : (n,)
    groups : (n,) patient of each row
    kind : "binary" or "number"
    level : confidence level

    Returns
    -------
    Interval
        NaN with a note where the quantity does not vary.
    """
    if kind == "binary":
        return auc_interval(target, predicted, groups=groups, level=level)
    y, p = vector(target, "target"), vector(predicted, "predicted")
    code, labels = codes(groups, n=len(y))
    error, spread = (y - p) ** 2, (y - y.mean()) ** 2
    method, n, patients = "R-squared, patient-clustered", len(y), labels.size
    if spread.mean() == 0 or patients < 2:
        return Interval(NAN, NAN, NAN, NAN, n, 0, patients, method, "the quantity does not vary")
    ratio = error.mean() / spread.mean()
    influence = np.bincount(code, (ratio * spread - error) / spread.mean(), minlength=patients) / n
    se = float(np.sqrt(patients / (patients - 1) * influence @ influence))
    estimate, z = 1 - ratio, level_z(level)
    return Interval(estimate, estimate - z * se, min(estimate + z * se, 1.0), se, n, 0, patients, method)


def identity_intervals(features: Any, patients: Any, *, level: float = 0.95) -> dict[str, Interval]:
    """Tell how far features give away who a patient is: Euclidean distance of standardised features.

    Parameters
    ----------
    features : (n, width)
    patients : (n,) patient of each ECG; those with one ECG are strangers to all
    level : confidence level

    Returns
    -------
    dict
        *verification*: probability that another ECG of the same patient lies nearer than a stranger's (ties one
        half); .5 is chance. *retrieval*: whether the nearest ECG of all is of the same patient (of equally near
        ones their share); its note gives what chance gives. Both are averaged over a patient's ECGs and then over
        patients. NaN with a note where no patient has two ECGs, or there is no stranger.

    Raises
    ------
    InputError
        If shapes disagree, or a feature is not finite.
    """
    x = _features(features)
    code, labels = codes(patients, "patients", n=len(x))
    size = np.bincount(code)
    query = np.flatnonzero((size[code] > 1) & (size[code] < len(x)))
    if not query.size:
        empty = Interval(
            NAN, NAN, NAN, NAN, 0, 0, labels.size, "", "no patient with two ECGs beside a stranger"
        )
        return {"verification": empty, "retrieval": empty}
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    nearer, found = np.empty(query.size), np.empty(query.size)
    square = (x**2).sum(axis=1)
    for place, i in enumerate(query):
        # Rounded, so that equal features tie whatever the order of the sum.
        distance = np.round(square + square[i] - 2 * (x @ x[i]), 9)
        same = code == code[i]
        same[i] = False
        mates, strangers = distance[same], np.sort(distance[code != code[i]])
        above = strangers.size - np.searchsorted(strangers, mates, side="right")
        tied = np.searchsorted(strangers, mates, side="right") - np.searchsorted(
            strangers, mates, side="left"
        )
        nearer[place] = np.mean((above + tied / 2) / strangers.size)
        best = min(mates.min(), strangers[0])
        # Among equally near ones the first is drawn at random: their share of mates.
        near_mates, near_strangers = (mates == best).sum(), (strangers == best).sum()
        found[place] = near_mates / (near_mates + near_strangers)
    of = np.unique(code[query], return_inverse=True)[1]
    chance = np.mean((size[code[query]] - 1) / (len(x) - 1))
    return {
        "verification": _mean_over_patients(nearer, of, level),
        "retrieval": _mean_over_patients(found, of, level, note=f"chance {chance:.4f}"),
    }


def _mean_over_patients(values: np.ndarray, code: np.ndarray, level: float, *, note: str = "") -> Interval:
    means = np.bincount(code, values) / np.bincount(code)
    n = means.size
    se = float(means.std(ddof=1) / np.sqrt(n)) if n > 1 else NAN
    z, estimate = level_z(level), float(means.mean())
    low, high = max(estimate - z * se, 0.0), min(estimate + z * se, 1.0)
    if n < 2:
        low = high = NAN
    return Interval(estimate, low, high, se, values.size, 0, n, "mean over patients", note)
