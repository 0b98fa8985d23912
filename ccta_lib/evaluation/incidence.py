"""Incidence of infarction over time by risk group: the curves, bars and numbers at risk of Figure 6."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.competing import aalen_johansen
from ccta_lib.evaluation.followup import followup_patients, high_risk, targets
from ccta_lib.evaluation.infarction import HORIZON
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.survival import kaplan_meier
from ccta_lib.schema import VESSELS

WINDOWS = (30.0, 100.0, 200.0, 300.0)
CAUSE_SPECIFIC, COMPETING = "1 - Kaplan-Meier (cause-specific)", "Aalen-Johansen"
GROUPS = ("low", "high")


def _each_group(
    predictions: pd.DataFrame,
    thresholds: Mapping[str, float],
    vessels: Iterable[str],
    any_vessel: bool,
    origin: str,
    horizon: float | None,
    cohort: str,
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, np.ndarray | None]]:
    followed = followup_patients(predictions, origin=origin, cohort=cohort, horizon=horizon)
    for vessel in targets(vessels, any_vessel):
        patients, high = high_risk(followed, vessel, thresholds)
        for group, members in zip(GROUPS, (~high, high), strict=True):
            inside = patients.loc[members].reset_index(drop=True)
            keys = {
                "vessel": vessel,
                "cohort": cohort,
                "origin": origin,
                "group": group,
                "threshold": thresholds.get(vessel, NAN),
                "n": len(inside),
                "n_events": int(inside["event"].sum()),
                "data_kind": followed.attrs["data_kind"],
            }
            yield keys, inside, inside["entry"].to_numpy(float) if origin == "ecg" else None


def infarction_curves(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    vessels: Sequence[str] = VESSELS,
    any_vessel: bool = True,
    origin: str = "ccta",
    horizon: float = HORIZON,
    cohort: str = "followup",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the cumulative incidence curves of Figure 6 from day 0 to the horizon.

    Returns
    -------
    DataFrame
        vessel, cohort, origin, group (low, high), threshold, n, n_events, kind (`CAUSE_SPECIFIC` or `COMPETING`),
        time, at_risk, events, incidence, low, high, data_kind. Empty groups have no rows.
    """
    tables = []
    for keys, inside, entry in _each_group(
        predictions, thresholds, vessels, any_vessel, origin, horizon, cohort
    ):
        if len(inside):
            grid = np.unique(np.r_[0.0, inside["time"], horizon])
            tables += [t.assign(**keys) for t in _incidence(inside, entry, grid, level)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _incidence(
    inside: pd.DataFrame, entry: np.ndarray | None, times: np.ndarray, level: float
) -> list[pd.DataFrame]:
    time = inside["time"].to_numpy(float)
    km = kaplan_meier(time, inside["event"], entry=entry, times=times, level=level)
    specific = pd.DataFrame(
        {
            "kind": CAUSE_SPECIFIC,
            "time": km["time"],
            "at_risk": km["at_risk"],
            "events": km["events"],
            "incidence": 1 - km["survival"],
            "low": 1 - km["high"],
            "high": 1 - km["low"],
        }
    )
    competing = aalen_johansen(time, inside["cause"], entry=entry, times=times, level=level)
    competing.insert(0, "kind", COMPETING)
    return [specific, competing]


def infarction_bars(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    vessels: Sequence[str] = VESSELS,
    any_vessel: bool = True,
    windows: Sequence[float] = WINDOWS,
    origin: str = "ccta",
    cohort: str = "followup",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the risk bars: incidence at each window with its interval, both kinds.

    Returns
    -------
    DataFrame
        As `infarction_curves`, one row per window; `note` says when the interval is undefined or nobody is
        followed so long (incidence NaN).
    """
    tables = []
    at = np.sort(np.asarray(windows, dtype=float))
    for keys, inside, entry in _each_group(
        predictions, thresholds, vessels, any_vessel, origin, None, cohort
    ):
        if not len(inside):
            nothing = {"kind": CAUSE_SPECIFIC, "time": at, "at_risk": 0, "events": 0, "incidence": NAN}
            tables.append(
                pd.DataFrame(nothing | {"low": NAN, "high": NAN, "note": "no patient"}).assign(**keys)
            )
            continue
        for table in _incidence(inside, entry, at, level):
            lost = (table["time"] > inside["time"].max()).to_numpy()
            note = np.where(table["low"].isna(), "no event so far: no interval", "")
            table["note"] = np.where(lost, "nobody followed so long", note)
            table.loc[lost, ["incidence", "low", "high"]] = NAN
            tables.append(table.assign(**keys))
    return pd.concat(tables, ignore_index=True)


def infarction_at_risk(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    vessels: Sequence[str] = VESSELS,
    any_vessel: bool = True,
    times: Sequence[float] = (0, 100, 200, 300, 400, 500, 600, 700),
    origin: str = "ccta",
    cohort: str = "followup",
) -> pd.DataFrame:
    """Return the numbers below the curves: at risk at each time, and events up to it.

    Returns
    -------
    DataFrame
        vessel, cohort, origin, group, threshold, n, n_events, time, at_risk, cumulative_events, data_kind.
    """
    tables = []
    at = np.sort(np.asarray(times, dtype=float))
    for keys, inside, entry in _each_group(
        predictions, thresholds, vessels, any_vessel, origin, float(at[-1]), cohort
    ):
        table = pd.DataFrame({"time": at, "at_risk": 0, "cumulative_events": 0})
        if len(inside):
            km = kaplan_meier(inside["time"], inside["event"], entry=entry, times=at)
            table["at_risk"], table["cumulative_events"] = km["at_risk"], km["events"].cumsum()
        tables.append(table.assign(**keys))
    return pd.concat(tables, ignore_index=True)
