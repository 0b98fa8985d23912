"""Calibration in words: titles of the panels, and sentences computed from the tables."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ccta_lib.evaluation.calibration_tables import NAMES

NO_MODEL = "npv without a model"
PREDICTIVE = ["PPV", "NPV", "NPV without a model"]
SHORT = {
    NAMES["brier"]: "Brier",
    NAMES["brier_null"]: "Brier, base rate",
    NAMES["skill"]: "Brier skill",
    NAMES["o_e"]: "O:E",
    NAMES["citl"]: "in the large",
    NAMES["intercept"]: "intercept",
    NAMES["slope"]: "slope",
}


def panel_titles(
    summary: pd.DataFrame, *, vessels: Iterable[str], paper: pd.Series | None = None
) -> pd.Series:
    """Return a title of two lines per vessel: counts, then Brier score and slope.

    Parameters
    ----------
    summary : as `calibration_table`, one cohort and unit
    vessels : vessels to title
    paper : the paper's Brier score by vessel
    """
    titles = {}
    for vessel in map(str, vessels):
        mine = summary[summary["vessel"] == vessel].set_index("metric")
        brier = mine.loc[NAMES["brier"]]
        first = f"{vessel}: {int(brier['n_pos']):,} of {int(brier['n']):,} positive"
        if not np.isfinite(brier["estimate"]):
            titles[vessel] = first
            continue
        printed = "" if paper is None or vessel not in paper else f", paper {paper[vessel]:.3f}"
        null, slope = mine.loc[NAMES["brier_null"], "estimate"], mine.loc[NAMES["slope"]]
        text = "slope not estimable"
        if np.isfinite(slope["estimate"]):
            text = f"slope {slope['estimate']:.2f} [{slope['low']:.2f}, {slope['high']:.2f}]"
        titles[vessel] = (
            f"{first}; {text}\nBrier {brier['estimate']:.3f} (base rate alone {null:.3f}{printed})"
        )
    return pd.Series(titles, dtype=object)


def skill_sentence(summary: pd.DataFrame, *, cohort: str) -> str:
    """Say by how much the Brier score improves on the base rate in each vessel.

    Parameters
    ----------
    summary : as `calibration_table`
    cohort : cohort to speak of
    """
    skill = summary[(summary["cohort"] == cohort) & (summary["metric"] == NAMES["skill"])].dropna(
        subset=["estimate"]
    )
    if not len(skill):
        return f"No artery of the {cohort} patients has a Brier score to judge."
    shares = ", ".join(
        f"{v} {_percent(e)}" + ("" if np.isnan(low) else f" [{_percent(low)}, {_percent(high)}]")
        for v, e, low, high in skill[["vessel", "estimate", "low", "high"]].itertuples(index=False)
    )
    return f"Against giving everybody the prevalence, the Brier score of the {cohort} patients improves by: {shares}."


def _percent(share: float) -> str:
    text = f"{share:.0%}"
    return "0%" if text == "-0%" else text


def miscalibrated(table: pd.DataFrame) -> pd.DataFrame:
    """Count the vessels whose slope or O:E differs from 1 by its interval, for each form of recalibration.

    Parameters
    ----------
    table : as `recalibration_table`

    Returns
    -------
    DataFrame
        cohort, recalibration, metric, n_off, n (vessels with an interval), data_kind.
    """
    rows = table[table["metric"].isin([NAMES["slope"], NAMES["o_e"]])].dropna(subset=["low"])
    off = ((rows["low"] > 1) | (rows["high"] < 1)).rename("n_off")
    keys = [rows[c] for c in ("cohort", "recalibration", "metric", "data_kind")]
    counts = off.groupby(keys, sort=False).agg(["sum", "size"]).reset_index()
    counts = counts.rename(columns={"sum": "n_off", "size": "n"})
    return counts[["cohort", "recalibration", "metric", "n_off", "n", "data_kind"]]


def npv_sentence(rates: pd.DataFrame, *, vessel: str = "LM", cohort: str = "internal") -> str:
    """Say what a high negative predictive value is worth beside the one that no model has.

    Parameters
    ----------
    rates : as `threshold_table`
    vessel, cohort : what to speak of
    """
    mine = rates[(rates["vessel"] == vessel) & (rates["cohort"] == cohort)]
    found = dict(zip(mine["metric"], mine["estimate"].astype(float), strict=True))
    without, npv = found.get(NO_MODEL, np.nan), found.get("npv", np.nan)
    if not np.isfinite(without):
        return f"The {vessel} of {cohort} patients has no known grade here."
    threshold = float(mine["threshold"].iloc[0])
    said = "cannot be computed, because nobody lies below" if not np.isfinite(npv) else f"is {npv:.1%}"
    return (
        f"{vessel}, {cohort}: at {threshold:.0%} the negative predictive value {said}; calling everybody negative, "
        f"without any model, reaches {without:.1%}."
    )


def threshold_frame(rates: pd.DataFrame, text: pd.Series) -> pd.DataFrame:
    """Set Table A2 as people read it: a row per cohort and vessel, counts, then rates.

    Parameters
    ----------
    rates : as `threshold_table`
    text : the estimate of each row, set as text
    """
    rows = []
    names = dict(zip(("ppv", "npv", NO_MODEL), PREDICTIVE, strict=True))
    for _, part in rates.groupby(["cohort", "vessel"], sort=False):
        first = part.iloc[0]
        counts = {
            k.upper(): "–" if pd.isna(first[k]) else f"{first[k]:.0f}" for k in ("tp", "fp", "fn", "tn")
        }
        cells = {names.get(m, m): t for m, t in zip(part["metric"], text[part.index], strict=True)}
        keys = {
            "cohort": first["cohort"],
            "artery": first["vessel"],
            "threshold": f"{first['threshold']:.0%}",
        }
        rows.append(keys | counts | cells)
    return pd.DataFrame(rows)
