"""What the simulator planted, laid beside what the network says; simulated patients only.

Two truths exist per ECG: the percent stenosis that was drawn before any reader saw it, and the score of an
ideal observer, who sees the ECG without any of the recording's noise and knows how it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.calibration import GROUP_SIZE, calibration_groups
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.severity import RHO, spearman_trend
from ccta_lib.evaluation.tables import Slice, slices, tidy
from ccta_lib.schema import VESSELS, Vessel

NETWORK, IDEAL = "network", "ideal observer"


def ideal_predictions(predictions: pd.DataFrame, truth: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return the prediction table with the ideal observer's probabilities in place of the network's.

    Parameters
    ----------
    predictions : contract 2
    truth : ecg_id, ideal_rca, ... ; None = there is no truth

    Returns
    -------
    DataFrame or None
        None where no ideal score exists (other data than simulated, or other settings than the frozen ones).
    """
    columns = {f"ideal_{v.lower()}": v.prob_column for v in VESSELS}
    if truth is None or not set(columns) <= set(truth.columns) or truth[list(columns)].isna().all(axis=None):
        return None
    scores = truth.set_index("ecg_id")[list(columns)].rename(columns=columns).reindex(predictions["ecg_id"])
    # A vessel that the network does not score stays unscored, so that both are judged on the same rows.
    usable = [c for c in columns.values() if c in predictions]
    kept = predictions[usable].notna().to_numpy()
    return predictions.assign(
        **scores[usable].reset_index(drop=True).where(kept).set_index(predictions.index)
    )


def percent_slices(
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    unit: str = "patient",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
) -> list[tuple[Slice, np.ndarray]]:
    """Return the labelled rows of each vessel and cohort with their planted percent stenosis, (n,)."""
    of_ecg = truth.set_index("ecg_id")
    found = []
    for part in slices(predictions, units=[unit], cohorts=cohorts, vessels=vessels):
        percent = of_ecg[f"percent_{part.vessel.lower()}"].reindex(part.table["ecg_id"]).to_numpy(dtype=float)
        found.append((part.where(np.isfinite(percent)), percent[np.isfinite(percent)]))
    return found


def percent_table(
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    planted_from: float,
    unit: str = "patient",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
) -> pd.DataFrame:
    """Return Spearman's correlation of the probability with the planted percent stenosis.

    Parameters
    ----------
    predictions : contract 2
    truth : ecg_id, percent_rca, ...
    planted_from : percent stenosis below which a vessel leaves no trace in the ECG
    unit, cohorts, vessels : what to report

    Returns
    -------
    DataFrame
        Contract 3, metric `RHO`, columns range ("all", and below and from `planted_from`) and p_value.
    """
    rows: list[dict[str, Any]] = []
    for part, percent in percent_slices(predictions, truth, unit=unit, cohorts=cohorts, vessels=vessels):
        ranges = {
            "all": np.isfinite(percent),
            f"under {planted_from:g} %: nothing planted": percent < planted_from,
            f"{planted_from:g} % and over": percent >= planted_from,
        }
        for name, rows_in in ranges.items():
            inside = part.where(rows_in)
            if not len(inside.y):
                rows.append(inside.row(RHO, note="no row in this range", range=name, p_value=NAN))
                continue
            trend = spearman_trend(percent[rows_in], inside.p, groups=inside.patients)
            rows.append(inside.row(RHO, trend.rho, note=trend.note, range=name, p_value=trend.p_value))
    return tidy(rows)


def percent_bins(
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    width: float = 10.0,
    unit: str = "patient",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
) -> pd.DataFrame:
    """Return the quartiles of the probability in steps of planted percent stenosis.

    Returns
    -------
    DataFrame
        vessel, cohort, unit, from, to (percent; 100 belongs to the last), n, percent (mean), q25, median, q75,
        data_kind; a step without rows is left out.
    """
    rows: list[dict[str, Any]] = []
    for part, percent in percent_slices(predictions, truth, unit=unit, cohorts=cohorts, vessels=vessels):
        step = np.minimum(np.floor(percent / width), np.ceil(100 / width) - 1)
        for k in np.unique(step):
            p = part.p[step == k]
            low, middle, high = np.quantile(p, [0.25, 0.5, 0.75])
            keys = {"vessel": part.vessel, "cohort": part.cohort, "unit": part.unit}
            edges = {"from": k * width, "to": min((k + 1) * width, 100.0), "n": p.size}
            numbers = {"percent": percent[step == k].mean(), "q25": low, "median": middle, "q75": high}
            rows.append(keys | edges | numbers | {"data_kind": part.data_kind})
    return pd.DataFrame(rows)


def ideal_calibration(
    predictions: pd.DataFrame,
    ideal: pd.DataFrame,
    *,
    size: int = GROUP_SIZE,
    cohorts: Sequence[str] | None = ("internal",),
    vessels: Iterable[str] = VESSELS,
) -> pd.DataFrame:
    """Return calibration groups with the mean risk that the ideal observer gives them.

    The ideal observer's risk is the chance behind the label, so the groups lose the coin tosses of single
    patients. It was fitted to internal patients and says nothing about the risk elsewhere.

    Returns
    -------
    DataFrame
        The columns of `calibration_groups`, then ideal (mean risk), vessel, cohort, unit, data_kind.
    """
    tables = []
    for part in slices(predictions, cohorts=cohorts, vessels=vessels):
        column = Vessel(part.vessel).prob_column
        risk = ideal.set_index("ecg_id")[column].reindex(part.table["ecg_id"]).to_numpy(dtype=float)
        inside = part.where(np.isfinite(risk))
        if not len(inside.y):
            continue
        groups = calibration_groups(inside.y, inside.p, ids=inside.table["ecg_id"], size=size)
        order = np.lexsort((inside.table["ecg_id"].astype(str).to_numpy(), inside.p))
        start = np.r_[0, groups["n"].cumsum().to_numpy()[:-1]]
        mean = np.add.reduceat(risk[np.isfinite(risk)][order], start) / groups["n"].to_numpy()
        keys = {"vessel": part.vessel, "cohort": part.cohort, "unit": part.unit, "data_kind": part.data_kind}
        tables.append(groups.assign(ideal=mean, **keys))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
