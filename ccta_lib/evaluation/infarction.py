"""Time to infarction by risk group (Results; Figure 6): curves, bars, tests, and when not to interpret them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.cox import cox_hazard_ratio, proportional_hazards_test
from ccta_lib.evaluation.followup import ANY, ORIGINS, followup_patients, high_risk
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.survival import aalen_johansen, kaplan_meier, logrank
from ccta_lib.evaluation.tables import COLUMNS
from ccta_lib.schema import VESSELS

HORIZON = 700.0
WINDOWS = (30.0, 100.0, 200.0, 300.0)
MIN_PATIENTS, MIN_EVENTS = 10, 10
CAUSE_SPECIFIC, COMPETING = "1 - Kaplan-Meier (cause-specific)", "Aalen-Johansen"
PRIMARY, NO_PRIOR_MI = "primary", "prior MI excluded"
GROUPS = ("low", "high")


def _targets(vessels: Iterable[str], any_vessel: bool) -> list[str]:
    return [*(str(v) for v in vessels), *([ANY] if any_vessel else [])]


def _withheld(high: np.ndarray, event: np.ndarray) -> str:
    """Say why a comparison must not be interpreted; empty when it may be."""
    small = min(int(high.sum()), int((~high).sum()))
    reasons = []
    if small < MIN_PATIENTS:
        reasons.append(f"{small} patients in the smaller group")
    if event.sum() < MIN_EVENTS:
        reasons.append(f"{int(event.sum())} events in all")
    return f"not interpreted: {', '.join(reasons)}" if reasons else ""


def infarction_table(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    vessels: Sequence[str] = VESSELS,
    any_vessel: bool = True,
    origins: Sequence[str] = ORIGINS,
    horizon: float = HORIZON,
    cohort: str = "followup",
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare high and low risk groups: log-rank, hazard ratio, proportional hazards; each time origin.

    Parameters
    ----------
    predictions : contract 2
    thresholds : risk threshold of each vessel
    vessels : names of vessels; they form the Holm family
    any_vessel : add the group above any threshold, outside the family
    origins : of `followup_patients`
    horizon : days

    Returns
    -------
    DataFrame
        Contract 3 with metric "hazard ratio" (estimate, low, high), "log-rank" and "proportional hazards"
        (estimate = chi-squared); columns origin, analysis ("primary" or "prior MI excluded"), n_high, n_low,
        events_high, events_low, p_value, p_holm (log-rank of the vessels, one family per origin and analysis),
        interpret (bool) and excluded (counts by reason, in words).

    Raises
    ------
    TableError
        As `followup_patients`.
    """
    rows: list[dict[str, Any]] = []
    for origin in origins:
        everybody = followup_patients(predictions, origin=origin, cohort=cohort, horizon=horizon)
        # Unknown is never "no": only people known to be free of it stay in the sensitivity analysis.
        free = (~everybody["prior_mi"]).fillna(False).to_numpy(bool)
        for analysis, kept in ((PRIMARY, np.ones(len(everybody), bool)), (NO_PRIOR_MI, free)):
            patients = everybody.loc[kept].reset_index(drop=True)
            keys = {
                "origin": origin,
                "analysis": analysis,
                "excluded": _in_words(everybody.attrs["excluded"]),
            }
            for vessel in _targets(vessels, any_vessel):
                high = high_risk(patients, vessel, thresholds)
                base = _base(vessel, cohort, patients, everybody.attrs["data_kind"])
                rows += [base | keys | r for r in _comparison(patients, high, origin == "ecg", level)]
    out = pd.DataFrame(rows)
    ordered = [*COLUMNS, *[c for c in out if c not in COLUMNS]]
    out = out[ordered]
    family = (out["metric"] == "log-rank") & (out["vessel"] != ANY)
    adjusted = out[family].groupby(["origin", "analysis"], sort=False)["p_value"]
    out["p_holm"] = adjusted.transform(lambda p: holm(p.to_numpy()))
    return out


def _base(vessel: str, cohort: str, patients: pd.DataFrame, kind: str) -> dict[str, Any]:
    n, events = len(patients), int(patients["event"].sum())
    return {
        "vessel": vessel,
        "cohort": cohort,
        "unit": "patient",
        "n": n,
        "n_pos": events,
        "n_patients": n,
        "data_kind": kind,
    }


def _in_words(excluded: Mapping[str, int]) -> str:
    return "; ".join(f"{reason}: {n}" for reason, n in excluded.items())


def _comparison(
    patients: pd.DataFrame, high: np.ndarray, delayed: bool, level: float
) -> Iterator[dict[str, Any]]:
    time, event = patients["time"].to_numpy(float), patients["event"].to_numpy(bool)
    entry = patients["entry"].to_numpy(float) if delayed else None
    withheld = _withheld(high, event)
    counts: dict[str, Any] = {
        "n_high": int(high.sum()),
        "n_low": int((~high).sum()),
        "events_high": int(event[high].sum()),
        "events_low": int(event[~high].sum()),
        "interpret": not withheld,
    }
    if not len(patients):
        for metric in ("log-rank", "hazard ratio", "proportional hazards"):
            yield _line(metric, note="nobody is followed", **counts)
        return
    covariate = pd.DataFrame({"high": high.astype(float)})
    test = logrank(time, event, high, entry=entry)
    yield _line(
        "log-rank",
        test.statistic,
        method="log-rank chi-squared",
        p_value=test.p_value,
        note=_join(test.note, withheld),
        **counts,
    )
    ratio = cox_hazard_ratio(time, event, covariate, entry=entry, level=level).iloc[0]
    yield _line(
        "hazard ratio",
        ratio["hazard_ratio"],
        ratio["low"],
        ratio["high"],
        method="Cox, Efron ties",
        p_value=ratio["p_value"],
        note=_join(ratio["note"], withheld),
        **counts,
    )
    zph = proportional_hazards_test(time, event, covariate, entry=entry).iloc[0]
    yield _line(
        "proportional hazards",
        zph["statistic"],
        method="score test, Kaplan-Meier time",
        p_value=zph["p_value"],
        note=_join(zph["note"], withheld),
        **counts,
    )


def _line(
    metric: str, estimate: float = NAN, low: float = NAN, high: float = NAN, *, method: str = "", **more: Any
) -> dict[str, Any]:
    row = {"metric": metric, "estimate": estimate, "low": low, "high": high, "method": method, "note": ""}
    return row | {"p_value": NAN} | more


def _join(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _each_group(
    predictions: pd.DataFrame,
    thresholds: Mapping[str, float],
    vessels: Iterable[str],
    any_vessel: bool,
    origin: str,
    horizon: float | None,
    cohort: str,
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, np.ndarray | None]]:
    patients = followup_patients(predictions, origin=origin, cohort=cohort, horizon=horizon)
    for vessel in _targets(vessels, any_vessel):
        high = high_risk(patients, vessel, thresholds)
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
                "data_kind": patients.attrs["data_kind"],
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
