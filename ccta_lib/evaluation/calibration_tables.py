"""Calibration tables: Figure 5, Brier against the base rate, recalibration, and the thresholds of Table A2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.calibration import (
    GROUP_SIZE,
    calibration_curve,
    calibration_groups,
    calibration_summary,
    logistic_calibration,
)
from ccta_lib.evaluation.checks import codes, level_z
from ccta_lib.evaluation.rates import RATES, operating_points
from ccta_lib.evaluation.recalibration import FORMS, locally_updated_predictions, recalibrated_predictions
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.tables import NO_LABEL, Slice, data_kind, slices, tidy
from ccta_lib.schema import VESSELS

RISK_THRESHOLDS: Mapping[str, float] = {"RCA": 0.15, "LM": 0.01, "LAD": 0.15, "LCX": 0.15}
NAMES = {
    "brier": "Brier score",
    "brier_null": "Brier score of the base rate",
    "skill": "Brier skill against the base rate",
    "o_e": "observed / expected",
    "citl": "calibration in the large",
    "intercept": "calibration intercept",
    "slope": "calibration slope",
    "ici": "ICI",
    "e50": "E50",
    "e90": "E90",
    "emax": "Emax",
}
AS_PREDICTED = "as predicted"
LOCAL = "local update"


def calibration_table(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    level: float = 0.95,
    recalibration: str = AS_PREDICTED,
) -> pd.DataFrame:
    """Return the calibration summary of each vessel, cohort and unit with patient-robust intervals.

    Parameters
    ----------
    predictions : contract 2
    units, cohorts, vessels : what to report
    level : of the intervals
    recalibration : value of the column of that name

    Returns
    -------
    DataFrame
        Contract 3 with the metrics `NAMES`. Intervals: patient-robust normal ones (O:E on the log scale);
        ICI, E50, E90 and Emax have none, because resampling inflates an absolute error.
    """
    z = level_z(level)
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        rows += [r | {"recalibration": recalibration} for r in _summary_rows(part, z)]
    return tidy(rows)


def _summary_rows(part: Slice, z: float) -> Iterator[dict[str, Any]]:
    if not len(part.y):
        yield from (part.row(name, note=NO_LABEL) for name in NAMES.values())
        return
    summary = calibration_summary(part.y, part.p)
    note = summary.attrs["note"]
    code, _ = codes(part.patients, n=len(part.y))
    y, p = part.y.astype(float), part.p
    rate = y.mean()
    square = (p - y) ** 2
    spread = {"brier": _clustered_se(square, code)}
    estimate = summary.to_dict()
    null = estimate["brier_null"]
    estimate["skill"] = 1 - estimate["brier"] / null if null else NAN
    if null:
        change = square / null - estimate["brier"] * (1 - 2 * rate) * y / null**2
        spread["skill"] = _clustered_se(change, code)
    if rate and p.mean():
        spread["o_e"] = _clustered_se(y / rate - p / p.mean(), code)
    inside = (p > 0) & (p < 1)
    citl, line, _ = logistic_calibration(part.y[inside], p[inside])
    if len(np.unique(code[inside])) > 1:
        _, renumbered = np.unique(code[inside], return_inverse=True)
        if citl is not None:
            spread["citl"] = float(np.sqrt(citl.robust_covariance(renumbered)[0, 0]))
        if line is not None:
            sd = np.sqrt(np.diag(line.robust_covariance(renumbered)))
            spread |= {"intercept": float(sd[0]), "slope": float(sd[1])}
    left_out = f"{int(summary['n_boundary'])} rows at 0 or 1 left out" if summary["n_boundary"] else ""
    for key, name in NAMES.items():
        value, se = float(estimate[key]), spread.get(key, NAN)
        wide = z * se
        low, high = (
            (value * np.exp(-wide), value * np.exp(wide)) if key == "o_e" else (value - wide, value + wide)
        )
        method = (
            "patient-robust" if np.isfinite(se) else "LOWESS" if key in ("ici", "e50", "e90", "emax") else ""
        )
        why = left_out if key in ("citl", "intercept", "slope") else ""
        if not np.isfinite(value):
            why = "; ".join(filter(None, [note or "undefined: only one class", why]))
        yield part.row(name, value, low, high, method=method, note=why)


def _clustered_se(contribution: np.ndarray, code: np.ndarray) -> float:
    """Return the standard error of a mean of per-row contributions whose rows share patients."""
    patients = int(code.max()) + 1
    if patients < 2:
        return NAN
    summed = np.bincount(code, contribution - contribution.mean())
    return float(np.sqrt(patients / (patients - 1) * (summed @ summed)) / len(code))


def recalibration_table(
    predictions: pd.DataFrame,
    *,
    by_fold: pd.DataFrame | None = None,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    seed: int = 0,
) -> pd.DataFrame:
    """Return `calibration_table` as predicted, after each form of recalibration, and after local updating.

    A single model's calibration outside the internal cohort stands beside the ensemble's when `by_fold` is given
    (column `recalibration` = "single model k").
    """
    keys: dict[str, Any] = {"units": list(units), "cohorts": cohorts, "vessels": vessels}
    tables = [calibration_table(predictions, **keys)]
    for form in FORMS:
        changed = recalibrated_predictions(predictions, form=form, by_fold=by_fold)
        tables.append(calibration_table(changed, **keys, recalibration=form))
    local = locally_updated_predictions(predictions, seed=seed)
    if len(local):
        kept = None if cohorts is None else [c for c in cohorts if c != "internal"]
        tables.append(calibration_table(local, **(keys | {"cohorts": kept}), recalibration=LOCAL))
    if by_fold is not None:
        base = predictions.drop(columns=[v.prob_column for v in VESSELS if v.prob_column in predictions])
        for k, one in by_fold.groupby("fold_model"):
            single = base.merge(one.drop(columns="fold_model"), on="ecg_id")
            tables.append(calibration_table(single, **keys, recalibration=f"single model {k}"))
    return pd.concat([t for t in tables if len(t)], ignore_index=True)


def calibration_points(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float] = RISK_THRESHOLDS,
    unit: str = "ecg",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    size: int = GROUP_SIZE,
) -> pd.DataFrame:
    """Return the grouped points of Figure 5, `calibration_groups` with keys and `risk` high or low."""
    tables = []
    for part in slices(predictions, units=[unit], cohorts=cohorts, vessels=vessels):
        if len(part.y):
            points = calibration_groups(part.y, part.p, ids=part.table["ecg_id"], size=size)
            high = points["mean_p"] >= thresholds[part.vessel]
            tables.append(_keyed(points.assign(risk=np.where(high, "high", "low")), part))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def calibration_bands(
    predictions: pd.DataFrame,
    *,
    unit: str = "ecg",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    size: int = GROUP_SIZE,
    frac: float = 0.6,
    it: int = 0,
    levels: Sequence[float] = (0.95, 0.99),
    n_boot: int = 500,
    seed: int = 0,
    progress: Callable[..., None] | None = None,
) -> pd.DataFrame:
    """Return the smoothed curves and bootstrap bands of Figure 5, `calibration_curve` with keys."""
    parts = list(slices(predictions, units=[unit], cohorts=cohorts, vessels=vessels))
    tables = []
    for i, part in enumerate(parts):
        if progress:
            progress(i, len(parts), f"{part.vessel}, {part.cohort}")
        if len(part.y):
            curve = calibration_curve(
                part.y,
                part.p,
                groups=part.patients,
                ids=part.table["ecg_id"],
                size=size,
                frac=frac,
                it=it,
                levels=levels,
                n_boot=n_boot,
                seed=seed,
            )
            tables.append(_keyed(curve, part))
    if progress:
        progress(len(parts), len(parts), "calibration")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _keyed(table: pd.DataFrame, part: Slice) -> pd.DataFrame:
    return table.assign(
        vessel=part.vessel, cohort=part.cohort, unit=part.unit, data_kind=data_kind(part.table)
    )


def threshold_table(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float] = RISK_THRESHOLDS,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return Table A2: counts, sensitivity, specificity, PPV and NPV at each vessel's risk threshold.

    One row per rate; columns threshold, tp, fp, fn, tn repeat the counts. Intervals are Wilson's on the
    effective number of patients. NPV must be read against what no model would give, 1 - prevalence, which is
    the row "npv without a model".
    """
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        cut = thresholds[part.vessel]
        if not len(part.y):
            rows += [part.row(rate, note=NO_LABEL, threshold=cut) for rate in RATES]
            continue
        point = operating_points(part.y, part.p, cut, groups=part.patients, level=level).iloc[0]
        rows += part.rate_rows(point, threshold=cut)
        counts: dict[str, Any] = {"threshold": cut} | {k: int(point[k]) for k in ("tp", "fp", "fn", "tn")}
        rows.append(part.row("npv without a model", 1 - part.y.mean(), method="1 - prevalence", **counts))
    return tidy(rows)
