"""Time to infarction by risk group (Results; Figure 6): the tests, and when not to interpret them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.cox import cox_hazard_ratio, proportional_hazards_test
from ccta_lib.evaluation.followup import ANY, ORIGINS, followup_patients, high_risk, targets
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.survival import logrank
from ccta_lib.evaluation.tables import COLUMNS
from ccta_lib.schema import VESSELS

HORIZON = 700.0
MIN_PATIENTS, MIN_EVENTS = 10, 10
PRIMARY, NO_PRIOR_MI = "primary", "prior MI excluded"


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
            analysed = everybody.loc[kept].reset_index(drop=True)
            for vessel in targets(vessels, any_vessel):
                patients, high = high_risk(analysed, vessel, thresholds)
                unknown = {"probability unknown": len(analysed) - len(patients)}
                excluded = everybody.attrs["excluded"] | {k: n for k, n in unknown.items() if n}
                keys = {"origin": origin, "analysis": analysis, "excluded": _in_words(excluded)}
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
            yield _line(metric, note="nobody with a known probability is followed", **counts)
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
