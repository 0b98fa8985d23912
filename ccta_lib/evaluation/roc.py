"""Points of the ROC curve (Figure 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.bootstrap import ratio
from ccta_lib.evaluation.checks import binary, same_length, vector
from ccta_lib.evaluation.tables import slices
from ccta_lib.schema import VESSELS

STEPS = 5_000
"""Parts that an axis of a long curve is divided into; a page is a thousand pixels wide."""


def roc_points(y: Any, p: Any) -> pd.DataFrame:
    """Return every point of the empirical ROC curve; a row is positive when p >= threshold.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) any finite scores

    Returns
    -------
    DataFrame
        threshold (inf, then each distinct score downwards), tp, fp, fn, tn, sensitivity, specificity; a rate
        is NaN when its class is missing.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a score is not finite.
    """
    positive, score = binary(y), vector(p, "p")
    same_length(y=positive, p=score)
    thresholds, place = np.unique(-score, return_inverse=True)
    tp = np.r_[0, np.cumsum(np.bincount(place[positive], minlength=thresholds.size))]
    fp = np.r_[0, np.cumsum(np.bincount(place[~positive], minlength=thresholds.size))]
    fn, tn = tp[-1] - tp, fp[-1] - fp
    return pd.DataFrame(
        {
            "threshold": np.r_[np.inf, -thresholds],
            "tp": tp,
            "fp": fp,
            "fn": fn,
            "tn": tn,
            "sensitivity": ratio(tp, tp + fn),
            "specificity": ratio(tn, tn + fp),
        }
    )


def sparse(curve: pd.DataFrame, steps: int = STEPS) -> pd.DataFrame:
    """Leave out points of a long curve that lie within 1 / `steps` of one that stays, in both rates.

    Of a curve of up to `steps` points all stay; of a longer one at most 2 `steps` + 2, the ends among them.

    Parameters
    ----------
    curve : `roc_points` of both classes
    steps : number of parts that an axis is divided into
    """
    if len(curve) <= steps:
        return curve
    # Both rates rise along the curve, so where their sum moved less than a step, neither moved more.
    part = np.floor((curve["sensitivity"] + 1 - curve["specificity"]).to_numpy() * steps)
    kept = np.r_[True, np.diff(part) > 0]
    kept[-1] = True
    return curve.iloc[np.flatnonzero(kept)]


def roc_table(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
) -> pd.DataFrame:
    """Return the ROC curves of each vessel, cohort and unit (Figure 1), `roc_points` with their keys.

    Slices with one class only have no curve and are left out. Curves of more than `STEPS` points are `sparse`.
    """
    curves = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        if part.y.any() and not part.y.all():
            keys = {
                "vessel": part.vessel,
                "cohort": part.cohort,
                "unit": part.unit,
                "data_kind": part.data_kind,
            }
            curves.append(sparse(roc_points(part.y, part.p)).assign(**keys))
    if not curves:
        return roc_points([0, 1], [0, 1]).iloc[:0].assign(vessel="", cohort="", unit="", data_kind="")
    return pd.concat(curves, ignore_index=True)
