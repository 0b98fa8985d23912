"""The rows of Figure 3: each subgroup beside the paper's value and what an ideal observer reaches there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ccta_lib.evaluation.factors import FACTORS
from ccta_lib.evaluation.planted import ideal_predictions
from ccta_lib.evaluation.subgroups import subgroup_table
from ccta_lib.schema import VESSELS

_KEYS = ["vessel", "factor", "subgroup"]
# Which rows of the forest the paper's text prints, by its own name of the subgroup.
_PRINTED = {"all": ("all", "all"), "normal ECG": ("normal ECG", "yes")}


def forest_rows(
    predictions: pd.DataFrame,
    *,
    cohort: str = "internal",
    unit: str = "ecg",
    vessels: Iterable[str] = VESSELS,
    factors: Iterable[str] = tuple(FACTORS),
    level: float = 0.95,
    paper: pd.DataFrame | None = None,
    truth: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return `subgroup_table` of one cohort with the columns paper and ceiling, NaN where there is none.

    Parameters
    ----------
    predictions : contract 2
    cohort, unit, vessels, factors, level : what to report
    paper : cohort, subgroup, vessel, value (see `ccta_lib.paper.paper_values`); ECG level only
    truth : contract 2's truth table; None = not simulated
    """
    chosen = {"units": [unit], "cohorts": [cohort], "vessels": list(vessels), "factors": list(factors)}
    rows = subgroup_table(predictions, **chosen, level=level)  # type: ignore[arg-type]
    ideal = ideal_predictions(predictions, truth)
    if ideal is None:
        rows["ceiling"] = np.nan
    else:
        limits = subgroup_table(ideal, **chosen)[[*_KEYS, "estimate"]]  # type: ignore[arg-type]
        rows = rows.merge(limits.rename(columns={"estimate": "ceiling"}), on=_KEYS, how="left")
    if paper is None or unit != "ecg":
        return rows.assign(paper=np.nan)
    printed = paper[(paper["cohort"] == cohort) & paper["subgroup"].isin(list(_PRINTED))]
    places = pd.DataFrame([_PRINTED[s] for s in printed["subgroup"]], columns=_KEYS[1:], index=printed.index)
    printed = printed[["vessel", "value"]].join(places).rename(columns={"value": "paper"})
    return rows.merge(printed, on=_KEYS, how="left")
