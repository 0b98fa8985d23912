"""Data of the threshold page: counts, not patients, at a grid of thresholds.

A page that recomputed everything from scores would carry every patient's score and outcome. This one carries
cumulative counts per threshold, which is all that its figures show.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation import RISK_THRESHOLDS, auc_interval, kaplan_meier, operating_points, roc_points
from ccta_lib.evaluation.followup import followup_patients, high_risk
from ccta_lib.evaluation.infarction import HORIZON
from ccta_lib.evaluation.rates import RATES
from ccta_lib.evaluation.tables import Slice, slices
from ccta_lib.schema import VESSELS, Vessel

# Fine where left main lives, coarser where nobody is.
GRID = np.round(
    np.r_[0.001, 0.0025:0.05:0.0025, 0.05:0.3:0.01, 0.3:0.6:0.02, 0.6:0.96:0.05], 4
)  # fmt: skip
DAYS = 10.0  # between readings of a Kaplan-Meier curve
TABLE_TIMES = 5  # readings of the numbers at risk
CURVE_STEPS = 400  # resolution of a drawn ROC curve per axis; finer than a screen shows
COHORTS = ("internal", "external")


def threshold_data(predictions: pd.DataFrame, *, horizon: float = HORIZON) -> dict[str, Any]:
    """Collect what the page needs at each threshold of the grid.

    Parameters
    ----------
    predictions : contract 2
    horizon : days after which follow-up is cut off

    Returns
    -------
    dict of plain numbers and lists
        `horizon`; `vessels`: name -> `default` threshold, `grid`, `cohorts` (name -> n, patients, n_pos, auc, tp, fp,
        interval of each rate, roc) and `followup` (per threshold the low and the high group, or absent).
    """
    parts = {(p.vessel, p.cohort): p for p in slices(predictions, units=["ecg"]) if p.cohort in COHORTS}
    followed = _followed(predictions, horizon)
    vessels = {}
    for vessel in VESSELS:
        grid = _grid(predictions, vessel)
        cohorts = {
            c: _operating(parts[vessel, c], grid) for c in COHORTS if _has_both(parts.get((vessel, c)))
        }
        if not cohorts:
            continue
        vessels[str(vessel)] = {"default": RISK_THRESHOLDS[vessel], "grid": grid.tolist(), "cohorts": cohorts}
        if followed is not None:
            vessels[str(vessel)]["followup"] = [_split(followed, vessel, t, horizon) for t in grid]
    return {"horizon": horizon, "times": _times(horizon).tolist(), "vessels": vessels}


def _has_both(part: Slice | None) -> bool:
    """Tell whether a slice has positive and negative rows and every one a probability."""
    return part is not None and bool(part.y.any() and not part.y.all() and np.isfinite(part.p).all())


def _grid(predictions: pd.DataFrame, vessel: Vessel) -> np.ndarray:
    """Return the thresholds up to the first above every probability, the usual one among them."""
    highest = predictions[vessel.prob_column].max() if vessel.prob_column in predictions else np.nan
    grid = np.union1d(GRID, RISK_THRESHOLDS[vessel])
    usual = np.searchsorted(grid, RISK_THRESHOLDS[vessel])
    last = np.searchsorted(grid, highest, side="right") if np.isfinite(highest) else usual
    return grid[: max(int(last), int(usual)) + 1]


def _operating(part: Slice, grid: np.ndarray) -> dict[str, Any]:
    points = operating_points(part.y, part.p, grid, groups=part.patients)
    out: dict[str, Any] = {
        "n": len(part.y), "patients": part.n_patients, "n_pos": int(part.y.sum()),
        "auc": round(auc_interval(part.y, part.p).estimate, 6),
        "tp": points["tp"].tolist(), "fp": points["fp"].tolist(),
    }  # fmt: skip
    for rate in RATES:
        out[rate] = [
            [_number(low), _number(high)] for low, high in points[[f"{rate}_low", f"{rate}_high"]].to_numpy()
        ]
    curve = roc_points(part.y, part.p)
    place = np.rint(
        np.column_stack([1 - curve["specificity"], curve["sensitivity"]]) * CURVE_STEPS
    ).astype(int)  # fmt: skip
    out["roc"] = np.unique(place, axis=0).tolist()
    return out


def _followed(predictions: pd.DataFrame, horizon: float) -> pd.DataFrame | None:
    if (
        not {"followup_days", "mi_event", "cohort"} <= set(predictions)
        or not (predictions["cohort"] == "followup").any()
    ):
        return None
    patients = followup_patients(predictions, origin="ccta", horizon=horizon)
    return patients if len(patients) else None


def _times(horizon: float) -> np.ndarray:
    return np.linspace(0, horizon, TABLE_TIMES)


def _split(
    patients: pd.DataFrame, vessel: Vessel, threshold: float, horizon: float
) -> list[dict[str, Any] | None]:
    """Return the incidence of infarction below and at or above a threshold; None for an empty group."""
    known, high = high_risk(patients, vessel, {vessel: threshold})
    return [_incidence(known.loc[members], horizon) for members in (~high, high)]


def _incidence(patients: pd.DataFrame, horizon: float) -> dict[str, Any] | None:
    if patients.empty:
        return None
    days = np.unique(np.r_[np.arange(0.0, horizon, DAYS), _times(horizon)])
    curve = kaplan_meier(patients["time"], patients["event"], times=days)
    moved = curve["events"].gt(0) | curve.index.isin([0])
    at = curve.set_index("time").loc[_times(horizon), "at_risk"]
    end = curve.iloc[-1]
    steps = np.column_stack([curve.loc[moved, "time"], np.round(1 - curve.loc[moved, "survival"], 6)])
    return {
        "n": len(patients), "events": int(patients["event"].sum()), "steps": steps.tolist(),
        "at_risk": at.astype(int).tolist(), "end": _number(1 - end["survival"]),
        "low": _number(1 - end["high"]), "high": _number(1 - end["low"]),
    }  # fmt: skip


def _number(value: float) -> float | None:
    """Round for the page; JSON has no NaN."""
    return round(float(value), 8) if np.isfinite(value) else None


def threshold_table(data: dict[str, Any]) -> pd.DataFrame:
    """Return the counts behind the page, one row per vessel, cohort and threshold.

    Returns
    -------
    DataFrame
        vessel, cohort, threshold, tp, fp, fn, tn, sensitivity, specificity, ppv, npv, net_benefit,
        net_benefit_all; rates without a denominator are NaN.
    """
    rows = []
    for vessel, of_vessel in data["vessels"].items():
        grid = np.array(of_vessel["grid"])
        for cohort, c in of_vessel["cohorts"].items():
            tp, fp = np.array(c["tp"], dtype=float), np.array(c["fp"], dtype=float)
            fn, tn = c["n_pos"] - tp, c["n"] - c["n_pos"] - fp
            share, odds = c["n_pos"] / c["n"], grid / (1 - grid)
            with np.errstate(invalid="ignore"):
                rates = {"sensitivity": tp / (tp + fn), "specificity": tn / (tn + fp), "ppv": tp / (tp + fp),
                         "npv": tn / (tn + fn)}  # fmt: skip
            rows.append(pd.DataFrame({
                "vessel": vessel, "cohort": cohort, "threshold": grid, "tp": tp.astype(int), "fp": fp.astype(int),
                "fn": fn.astype(int), "tn": tn.astype(int), **rates, "net_benefit": (tp - fp * odds) / c["n"],
                "net_benefit_all": share - (1 - share) * odds,
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
