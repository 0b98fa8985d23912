"""One row per followed patient: time origin, delayed entry and competing events (DEFINITIONS, time to infarction)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from ccta_lib.errors import TableError
from ccta_lib.evaluation.checks import one_of
from ccta_lib.evaluation.tables import cohort_column, data_kind
from ccta_lib.schema import VESSELS

ORIGINS = ("ccta", "ecg", "paper")
CAUSES: Mapping[str, int] = {"end": 0, "mi": 1, "death": 2, "revascularisation": 3}
DAY = 86_400.0
MAX_SHOWN = 20
ANY = "any"


def followup_patients(
    predictions: pd.DataFrame, *, origin: str = "ccta", cohort: str = "followup", horizon: float | None = None
) -> pd.DataFrame:
    """Return one row per patient, the ECG nearest the CCTA, with times ready for survival analysis.

    Parameters
    ----------
    predictions : contract 2 with followup_days and mi_event
    origin : "ccta", "ecg" or "paper"
        *ccta*: time from the CCTA (landmark), because enrolment needs a later CCTA. *ecg*: time from the ECG with
        delayed entry at the CCTA. *paper*: time from the ECG as if everybody had been at risk from then on.
    cohort : which rows
    horizon : days after which follow-up is cut off; None = all of it

    Returns
    -------
    DataFrame
        patient_id, ecg_id, time, entry (days), event (bool), cause (0 end, 1 MI, 2 death, 3 revascularisation),
        prob_*, prior_mi. `attrs`: excluded, the number of patients left out by reason; data_kind; origin.

    Raises
    ------
    TableError
        Naming ecg_id and row of every impossible time (negative, or ending before the CCTA), and of every row
        whose mi_event and end_reason contradict each other.
    """
    one_of(origin, ORIGINS, "origin")
    rows = predictions.loc[(cohort_column(predictions) == cohort).to_numpy()]
    excluded: dict[str, int] = {}
    columns = ["patient_id", "ecg_id", *[v.prob_column for v in VESSELS if v.prob_column in predictions]]
    if not {"followup_days", "mi_event"} <= set(rows.columns):
        raise TableError(
            "predictions: columns followup_days and mi_event are missing; no follow-up to analyse"
        )
    gap = _gap_days(rows)
    _stop_on_impossible(rows, gap)
    order = np.lexsort((np.arange(len(rows)), np.where(np.isfinite(gap), gap, np.inf)))
    nearest = rows.iloc[order].assign(_gap=gap[order]).drop_duplicates("patient_id").sort_index()
    event = nearest["mi_event"].astype("boolean")
    keep = np.ones(len(nearest), dtype=bool)
    gap = nearest["_gap"].to_numpy(dtype=float)
    days = nearest["followup_days"].to_numpy(dtype=float, na_value=np.nan)
    reasons = {"MI status unknown": event.isna().to_numpy(), "follow-up time unknown": np.isnan(days)}
    if origin != "paper":
        reasons["time of ECG or CCTA unknown"] = np.isnan(gap)
    if origin == "ecg":
        reasons["no time at risk after the CCTA"] = days <= gap
    for reason, wrong in reasons.items():
        if (keep & wrong).any():
            excluded[reason] = int((keep & wrong).sum())
        keep &= ~wrong
    out = nearest.loc[keep, columns].reset_index(drop=True)
    out["time"] = days[keep] - (gap[keep] if origin == "ccta" else 0.0)
    out["entry"] = gap[keep] if origin == "ecg" else -np.inf
    out["event"] = event[keep].astype(bool).to_numpy()
    out["cause"] = _cause(nearest.loc[keep], out["event"].to_numpy())
    prior = nearest["prior_mi"] if "prior_mi" in nearest else pd.Series(pd.NA, index=nearest.index)
    out["prior_mi"] = prior.astype("boolean")[keep].array
    if horizon is not None:
        out = _cut_off(out, horizon, excluded)
    out.attrs = {"excluded": excluded, "data_kind": data_kind(rows), "origin": origin}
    return out


def _cut_off(table: pd.DataFrame, horizon: float, excluded: dict[str, int]) -> pd.DataFrame:
    late = (table["entry"] >= horizon).to_numpy()
    if late.any():
        excluded["CCTA after the horizon"] = int(late.sum())
        table = table.loc[~late].reset_index(drop=True)
    beyond = table["time"] > horizon
    table["event"] &= ~beyond
    table["cause"] = table["cause"].where(~beyond, 0)
    table["time"] = table["time"].clip(upper=horizon)
    return table


def _gap_days(rows: pd.DataFrame) -> np.ndarray:
    """Return days from ECG to CCTA, NaN where unknown, (n,)."""
    if not {"ecg_time", "ccta_time"} <= set(rows.columns):
        return np.full(len(rows), np.nan)
    ccta, ecg = (pd.to_datetime(rows[c], format="ISO8601") for c in ("ccta_time", "ecg_time"))
    return ((ccta - ecg).dt.total_seconds() / DAY).to_numpy(dtype=float)


def _stop_on_impossible(rows: pd.DataFrame, gap: np.ndarray) -> None:
    days = rows["followup_days"].to_numpy(dtype=float, na_value=np.nan)
    event = rows["mi_event"].astype("boolean")
    reason = rows["end_reason"].astype("string") if "end_reason" in rows else pd.Series(pd.NA, rows.index)
    says_mi = reason.eq("mi").fillna(False).to_numpy()
    other = (reason.notna() & reason.ne("mi").fillna(False)).to_numpy()
    happened, not_happened = event.fillna(False).to_numpy(bool), (~event).fillna(False).to_numpy(bool)
    checks = [
        (days < 0, lambda i: f"column followup_days: found {days[i]:g}; time cannot be negative"),
        (
            days < gap,
            lambda i: (
                f"column followup_days: follow-up ends {gap[i] - days[i]:.3g} days before the CCTA; "
                "correct followup_days, ecg_time or ccta_time"
            ),
        ),
        (happened & other, lambda i: f"column end_reason: found {reason.iloc[i]!r} with mi_event true"),
        (not_happened & says_mi, lambda i: "column end_reason: found 'mi' with mi_event false"),
    ]
    faults = []
    for wrong, describe in checks:
        for i in np.flatnonzero(wrong):
            faults.append(f"row {int(i) + 1} of the cohort (ecg_id {rows['ecg_id'].iloc[i]}), {describe(i)}")
    if len(faults) > MAX_SHOWN:
        faults = [*faults[:MAX_SHOWN], f"{len(faults) - MAX_SHOWN} more of these"]
    if faults:
        raise TableError(*faults)


def _cause(rows: pd.DataFrame, event: np.ndarray) -> np.ndarray:
    if "end_reason" not in rows:
        return event.astype(int)
    found = rows["end_reason"].astype("string").map(dict(CAUSES)).fillna(0).to_numpy(dtype=int)
    return np.where(event, 1, np.where(found == 1, 0, found))


def high_risk(
    patients: pd.DataFrame, vessel: str, thresholds: Mapping[str, float]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Tell who is at or above the risk threshold of a vessel, or with "any" of one of the vessels.

    Parameters
    ----------
    patients : (n,) table with prob_*
    vessel : name of a vessel, or "any"
    thresholds : risk threshold of each vessel

    Returns
    -------
    patients, high
        The m patients whose group can be told, because unknown is never "low", and whether each is high, (m,)
        bool. With "any" one probability above its threshold is enough; low needs all that anybody has.
    """
    names = [v for v in VESSELS if v.prob_column in patients and vessel in (str(v), ANY)]
    if vessel == ANY:
        names = [v for v in names if patients[v.prob_column].notna().any()]
    if not names:
        return patients.iloc[:0].reset_index(drop=True), np.zeros(0, dtype=bool)
    p = patients[[v.prob_column for v in names]].to_numpy(dtype=float)
    above = np.any(p >= np.array([thresholds[v] for v in names]), axis=1)
    known = above | ~np.isnan(p).any(axis=1)
    return patients.loc[known].reset_index(drop=True), above[known]


def targets(vessels: Iterable[str], any_vessel: bool) -> list[str]:
    """Return the names of vessels, and "any" if asked for."""
    return [*(str(v) for v in vessels), *([ANY] if any_vessel else [])]
