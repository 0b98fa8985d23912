"""Decision tables: curves (Figure 7), operating points (Figure A1, Table A3), survival decision curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation import bootstrap
from ccta_lib.evaluation.crossfit import crossfit_risk
from ccta_lib.evaluation.decision import difference_table, net_benefit_difference, survival_curves
from ccta_lib.evaluation.followup import followup_patients
from ccta_lib.evaluation.rates import RATES, operating_points
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.tables import COLUMNS, NO_LABEL, Slice, chosen_vessels, slices, tidy
from ccta_lib.schema import VESSELS, Vessel

# First and last threshold of each vessel's curves, and the specificity that ends its opportunistic range.
RANGES: Mapping[str, tuple[float, float]] = {
    "RCA": (0.01, 0.60),
    "LM": (0.001, 0.10),
    "LAD": (0.01, 0.60),
    "LCX": (0.01, 0.60),
}
TARGET_SPECIFICITY: Mapping[str, float] = {"RCA": 0.95, "LM": 0.87, "LAD": 0.95, "LCX": 0.95}
SURVIVAL_RANGE = (0.01, 0.20)
CURVE_POINTS, OPERATING_POINTS, OPPORTUNISTIC_POINTS = 300, 200, 6


def _keys(part: Slice) -> dict[str, Any]:
    return {
        "vessel": part.vessel,
        "cohort": part.cohort,
        "unit": part.unit,
        "n": len(part.y),
        "n_pos": int(part.y.sum()),
        "n_patients": part.n_patients,
        "data_kind": part.data_kind,
    }


def decision_curves(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    points: int = CURVE_POINTS,
    n_boot: int = 500,
    seed: int = 0,
    level: float = 0.95,
    progress: Callable[..., None] | None = None,
) -> pd.DataFrame:
    """Return the decision curves with the patient-bootstrap band of the difference to the better default.

    Returns
    -------
    DataFrame
        vessel, cohort, unit, n, n_pos, n_patients, data_kind and the columns of `net_benefit_difference`.
    """
    parts = list(slices(predictions, units=units, cohorts=cohorts, vessels=vessels))
    tables = []
    for i, part in enumerate(parts):
        if progress:
            progress(i, len(parts), f"{part.vessel}, {part.cohort}")
        if len(part.y):
            cut = np.linspace(*ranges[part.vessel], points)
            table = net_benefit_difference(
                part.y, part.p, cut, groups=part.patients, level=level, n_boot=n_boot, seed=seed
            )
            tables.append(table.assign(**_keys(part)))
    if progress:
        progress(len(parts), len(parts), "decision curves")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def decision_table(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    n_boot: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return net benefit at each vessel's risk threshold in contract 3.

    Metrics: "net benefit", "net benefit of treating all", "difference to the better default", "net interventions
    avoided per 100"; the last two with patient-bootstrap intervals.
    """
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        cut = thresholds[part.vessel]
        if not len(part.y):
            rows.append(part.row("net benefit", note=NO_LABEL, threshold=cut))
            continue
        d = net_benefit_difference(
            part.y, part.p, [cut], groups=part.patients, level=level, n_boot=n_boot, seed=seed
        ).iloc[0]
        boot = "patient bootstrap"
        rows += [
            part.row("net benefit", d["model"], threshold=cut),
            part.row("net benefit of treating all", d["treat_all"], threshold=cut),
            part.row(
                "difference to the better default",
                d["estimate"],
                d["low"],
                d["high"],
                method=boot,
                threshold=cut,
            ),
            part.row(
                "net interventions avoided per 100",
                d["avoided"],
                d["avoided_low"],
                d["avoided_high"],
                method=boot,
                threshold=cut,
            ),
        ]
    return tidy(rows)


def decision_survival_curves(
    predictions: pd.DataFrame,
    *,
    vessels: Iterable[str] = VESSELS,
    horizon: float = 700.0,
    bounds: tuple[float, float] = SURVIVAL_RANGE,
    points: int = 96,
    n_folds: int = 10,
    origin: str = "ccta",
    cohort: str = "followup",
    n_boot: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return survival decision curves on the cross-fitted risk of infarction by the horizon.

    The band draws patients and keeps their cross-fitted risks: it shows sampling of patients, not of models.

    Returns
    -------
    DataFrame
        vessel, cohort, horizon, origin, n, n_events, data_kind, note and the columns of `net_benefit_difference`.
        A vessel whose risk cannot be fitted has one row with a note.

    Raises
    ------
    TableError
        As `followup_patients`.
    """
    patients = followup_patients(predictions, origin=origin, cohort=cohort)
    cut = np.linspace(*bounds, points)
    tables = []
    for vessel in chosen_vessels(vessels):
        column = Vessel(vessel).prob_column
        kept = patients.loc[patients[column].notna()] if column in patients else patients.iloc[:0]
        keys: dict[str, Any] = {
            "vessel": vessel,
            "cohort": cohort,
            "horizon": horizon,
            "origin": origin,
            "n": len(kept),
        }
        keys |= {"n_events": int(kept["event"].sum()), "data_kind": patients.attrs["data_kind"], "note": ""}
        time, event = kept["time"].to_numpy(float), kept["event"].to_numpy(bool)
        risk = np.full(len(kept), NAN)
        if len(kept):
            p = kept[column].to_numpy(float)
            risk = crossfit_risk(time, event, p, horizon=horizon, n_folds=n_folds, seed=seed)
        if not len(kept) or np.isnan(risk).any():
            tables.append(pd.DataFrame([keys | {"note": "infarct risk not estimable: too few events"}]))
            continue
        table = _survival_difference(time, event, risk, cut, horizon, n_boot, seed, level)
        tables.append(table.assign(**keys))
    return pd.concat(tables, ignore_index=True)


def _survival_difference(
    time: np.ndarray,
    event: np.ndarray,
    risk: np.ndarray,
    cut: np.ndarray,
    horizon: float,
    n_boot: int,
    seed: int,
    level: float,
) -> pd.DataFrame:
    drawn = []
    for counts in bootstrap.resample_counts(len(time), n_boot, np.random.default_rng(seed)):
        models, alls = [], []
        for times in counts:
            rows = np.repeat(np.arange(len(time)), times)
            model, treat_all = survival_curves(time[rows], event[rows], risk[rows], cut, horizon)
            models.append(model)
            alls.append(treat_all)
        drawn.append((np.array(models), np.array(alls)))
    return difference_table(cut, survival_curves(time, event, risk, cut, horizon), drawn, level)


def operating_curves(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    points: int = OPERATING_POINTS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return sensitivity and specificity over thresholds (Figure A1), `operating_points` with keys."""
    tables = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        if len(part.y):
            cut = np.linspace(*ranges[part.vessel], points)
            table = operating_points(part.y, part.p, cut, groups=part.patients, level=level)
            tables.append(table.assign(**_keys(part)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def opportunistic_thresholds(
    y: Any, p: Any, *, base: float, bounds: tuple[float, float], target: float, points: int = OPERATING_POINTS
) -> tuple[np.ndarray, str]:
    """Return six thresholds from the base to the first on the grid whose specificity reaches the target.

    Parameters
    ----------
    y, p : (n,) labels and probabilities
    base : the vessel's risk threshold
    bounds : first and last threshold of the grid
    target : specificity that ends the range

    Returns
    -------
    thresholds, note
        The base alone, with a note, when no threshold of the grid at or above it reaches the target.
    """
    grid = np.linspace(*bounds, points)
    negatives = np.sort(np.asarray(p, dtype=float)[~np.asarray(y, dtype=bool)])
    if not negatives.size:
        return np.array([base]), "no negative row: specificity undefined"
    specificity = np.searchsorted(negatives, grid, side="left") / negatives.size
    reached = grid[(specificity >= target) & (grid >= base)]
    if not reached.size:
        return np.array([base]), f"specificity {target:g} is not reached up to a threshold of {bounds[1]:g}"
    return np.linspace(base, reached[0], OPPORTUNISTIC_POINTS), ""


def opportunistic_table(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    targets: Mapping[str, float] = TARGET_SPECIFICITY,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return Table A3: rates at the opportunistic thresholds, contract 3 with threshold, point and counts.

    The thresholds are found on the same rows whose rates are shown, so the last specificity is optimistic.
    """
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        base = thresholds[part.vessel]
        if not len(part.y):
            rows += [part.row(rate, note=NO_LABEL, threshold=base, point=1) for rate in RATES]
            continue
        found, note = opportunistic_thresholds(
            part.y, part.p, base=base, bounds=ranges[part.vessel], target=targets[part.vessel]
        )
        table = operating_points(part.y, part.p, found, groups=part.patients, level=level)
        for number, point in enumerate(table.to_dict("records"), start=1):
            rows += part.rate_rows(point, note=note, threshold=point["threshold"], point=number)
    out = tidy(rows)
    return out[[*COLUMNS, *[c for c in out if c not in COLUMNS]]]
