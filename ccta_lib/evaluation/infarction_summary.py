"""The tests of Figure 6 in the words and columns of a results page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.infarction import PRIMARY
from ccta_lib.evaluation.wording import interval_text, p_text

ORIGIN_WORDS = {
    "ccta": "the CCTA",
    "ecg": "the ECG, with entry at the CCTA",
    "paper": "the ECG, as in the paper",
}


def infarction_sentence(tests: pd.DataFrame | None, *, origin: str) -> str:
    """Say who was followed, how many had an infarction, and who was left out.

    Parameters
    ----------
    tests : from `infarction_table`, or None when the run follows nobody
    origin : time origin that is shown
    """
    if tests is None or not tests["n"].any():
        return (
            "This run follows nobody: without a follow-up cohort with `followup_days` and `mi_event`, time to "
            "infarction is not estimable."
        )
    rows = tests[(tests["origin"] == origin) & (tests["analysis"] == PRIMARY)]
    most = rows.loc[rows["n"].idxmax()]
    left_out = f" Left out: {most['excluded']}." if most["excluded"] else ""
    return (
        f"{most['n']} people are followed from {ORIGIN_WORDS[origin]}; {most['n_pos']} have an infarction within "
        f"the horizon.{left_out}"
    )


def infarction_reading(tests: pd.DataFrame, *, paper: pd.DataFrame | None = None) -> pd.DataFrame:
    """Arrange the three tests of each vessel in one row.

    Parameters
    ----------
    tests : of `infarction_table`, one origin and analysis
    paper : vessel, value, reported of the paper's log-rank tests

    Returns
    -------
    DataFrame of text
        vessel; high and low (infarctions/people); hazard ratio; log-rank p, Holm p, the paper's p; PH p (proportional
        hazards); reading.
    """
    printed: dict[str, str] = {}
    if paper is not None:
        for vessel, value, reported in zip(paper["vessel"], paper["value"], paper["reported"], strict=True):
            printed[vessel] = reported or p_text(value)
    rows = []
    for vessel, part in tests.groupby("vessel", sort=False):
        ratio, rank, zph = (
            next(r for r in part.to_dict("records") if r["metric"] == m)
            for m in ("hazard ratio", "log-rank", "proportional hazards")
        )
        rows.append(
            {
                "vessel": str(vessel),
                "high": f"{rank['events_high']}/{rank['n_high']}",
                "low": f"{rank['events_low']}/{rank['n_low']}",
                "hazard ratio": interval_text(ratio["estimate"], ratio["low"], ratio["high"]),
                "log-rank p": p_text(rank["p_value"]),
                "Holm p": p_text(rank["p_holm"]),
                "paper's p": printed.get(str(vessel), ""),
                "PH p": p_text(zph["p_value"]),
                "reading": _reading(ratio, rank),
            }
        )
    return pd.DataFrame(rows)


def _reading(ratio: Mapping[Any, Any], rank: Mapping[Any, Any]) -> str:
    if not rank["interpret"]:
        return str(rank["note"])
    if np.isnan(ratio["low"]):
        return str(ratio["note"])
    if ratio["low"] > 1:
        return "high risk comes sooner"
    return "low risk comes sooner" if ratio["high"] < 1 else "undecided"
