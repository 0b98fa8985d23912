"""What known disease and history say about infarction: the yardstick for the risk groups of Figure 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.cox import cox_hazard_ratio
from ccta_lib.evaluation.followup import followup_patients
from ccta_lib.evaluation.infarction import HORIZON, MIN_EVENTS
from ccta_lib.evaluation.results import NAN
from ccta_lib.schema import VESSELS, labels

PRIOR_MI, AGE = "prior MI", "age, per decade"


def severe(vessel: str) -> str:
    """Return the name of the term for a severe stenosis or occlusion of a vessel."""
    return f"severe {vessel}"


def infarction_factors(
    predictions: pd.DataFrame,
    *,
    planted: Mapping[str, float] | None = None,
    origin: str = "ccta",
    horizon: float = HORIZON,
    cohort: str = "followup",
    level: float = 0.95,
) -> pd.DataFrame:
    """Fit one Cox model of infarction on the CCTA's severe vessels, prior MI and age; predictions do not enter.

    Parameters
    ----------
    predictions : contract 2; factors whose column is absent are left out
    planted : hazard ratio the simulator used, by term; None for real patients
    origin, horizon, cohort : as `infarction_table`
    level : confidence level

    Returns
    -------
    DataFrame
        term, cohort, origin, estimate (hazard ratio), low, high, planted (NaN if unknown), with_factor (patients),
        events_with_factor, n, n_pos (events), note, data_kind. Patients with an unknown factor are left out.

    Raises
    ------
    TableError
        As `followup_patients`.
    """
    patients = followup_patients(predictions, origin=origin, cohort=cohort, horizon=horizon)
    details = predictions.set_index("ecg_id").loc[patients["ecg_id"]]
    factors = pd.DataFrame(index=patients.index)
    for vessel in VESSELS:
        if vessel.grade_column in details:
            factors[severe(vessel)] = labels(details[vessel.grade_column])
    factors[PRIOR_MI] = patients["prior_mi"].astype("Float64").to_numpy(dtype=float, na_value=NAN)
    if "age" in details:
        factors[AGE] = details["age"].to_numpy(dtype=float, na_value=NAN) / 10
    factors = factors.loc[:, factors.notna().any()]
    known = factors.notna().all(axis=1).to_numpy()
    kept, x = patients.loc[known].reset_index(drop=True), factors.loc[known].reset_index(drop=True)
    event = kept["event"].to_numpy(bool)
    entry = kept["entry"].to_numpy(float) if origin == "ecg" else None
    base: dict[str, Any] = {"cohort": cohort, "origin": origin, "n": len(kept), "n_pos": int(event.sum())}
    if not len(kept) or not x.shape[1]:
        columns = ["term", "estimate", "low", "high", "planted", "with_factor", "events_with_factor", "note"]
        return pd.DataFrame(columns=[*columns, *base, "data_kind"])
    fitted = cox_hazard_ratio(kept["time"], event, x, entry=entry, level=level)
    binary = x.columns != AGE
    few = "" if event.sum() >= MIN_EVENTS else f"not interpreted: {int(event.sum())} events in all"
    return pd.DataFrame(
        {
            "term": fitted["term"],
            "estimate": fitted["hazard_ratio"],
            "low": fitted["low"],
            "high": fitted["high"],
            "planted": [(planted or {}).get(t, NAN) for t in fitted["term"]],
            "with_factor": np.where(binary, x.sum().to_numpy(), NAN),
            "events_with_factor": np.where(binary, x[event].sum().to_numpy(), NAN),
            "note": ["; ".join(filter(None, [n, few])) for n in fitted["note"]],
        }
    ).assign(**base, data_kind=patients.attrs["data_kind"])
