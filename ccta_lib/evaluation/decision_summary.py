"""The decision chapter's tables in the shape they are read and drawn in; every number comes from the tables given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ccta_lib.evaluation.decision import net_benefit
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.risk import ABOVE, AT_POPULATION, BELOW
from ccta_lib.evaluation.tables import slices
from ccta_lib.schema import VESSELS, Vessel

HERE, POPULATION = "in this cohort", "at population prevalence"


def threshold_context(decisions: pd.DataFrame) -> pd.DataFrame:
    """Set each risk threshold beside the prevalence: below it, treating everybody already has a benefit.

    Parameters
    ----------
    decisions : from `decision_table`

    Returns
    -------
    DataFrame
        vessel, cohort, unit, threshold, prevalence, ratio (threshold / prevalence), treat_all (net benefit of
        treating all at the threshold), n, n_pos, data_kind.
    """
    rows = decisions[decisions["metric"] == "net benefit of treating all"]
    prevalence = rows["n_pos"] / rows["n"]
    keys = rows[["vessel", "cohort", "unit", "threshold"]]
    out = keys.assign(
        prevalence=prevalence,
        ratio=rows["threshold"] / prevalence.replace(0, NAN),
        treat_all=rows["estimate"],
    )
    return out.join(rows[["n", "n_pos", "data_kind"]]).reset_index(drop=True)


def context_sentence(context: pd.DataFrame, *, cohort: str) -> str:
    """Say for which vessels of a cohort the threshold lies below the prevalence."""
    rows = context[context["cohort"] == cohort]
    if not len(rows):
        return f"There is no {cohort} cohort with known grades."
    below = rows[rows["threshold"] < rows["prevalence"]]
    said = ", ".join(
        f"{v} ({t:.1%} against {p:.1%})"
        for v, t, p in zip(below["vessel"], below["threshold"], below["prevalence"], strict=True)
    )
    if not said:
        return f"In the {cohort} cohort no threshold lies below the prevalence of its artery."
    return (
        f"In the {cohort} cohort the threshold lies below the prevalence for {said}. There, sending *everybody* to "
        "CCTA beats sending nobody, and the model must beat that."
    )


def useful_range(curves: pd.DataFrame) -> pd.DataFrame:
    """Say at which thresholds the band of D(t) = model - better default lies above 0, and where below.

    Parameters
    ----------
    curves : from `decision_curves` or `decision_survival_curves`

    Returns
    -------
    DataFrame
        vessel, cohort, n, share_above and share_below (of the thresholds with a band: band above 0, below 0),
        first and last threshold with the band above 0 (NaN if none), n_thresholds.
    """
    rows = []
    for (vessel, cohort), part in curves.groupby(["vessel", "cohort"], sort=False):
        banded = part[part["low"].notna()]
        above, below = banded["low"] > 0, banded["high"] < 0
        where = banded.loc[above, "threshold"]
        rows.append(
            {
                "vessel": vessel,
                "cohort": cohort,
                "n": part["n"].iloc[0],
                "share_above": above.mean() if len(banded) else NAN,
                "share_below": below.mean() if len(banded) else NAN,
                "first": where.min() if len(where) else NAN,
                "last": where.max() if len(where) else NAN,
                "n_thresholds": len(banded),
            }
        )
    return pd.DataFrame(rows)


def risk_group_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Arrange `risk_group_table` by place and group, for the figure of observed risks.

    Parameters
    ----------
    table : from `risk_group_table`, one cohort and unit

    Returns
    -------
    DataFrame
        vessel, cohort, place (`HERE`, `POPULATION`), group ("above", "below"), estimate, low, high, n_group,
        n_pos_group, note, data_kind.
    """
    parts = []
    for group, metric in (("above", ABOVE), ("below", BELOW)):
        for place, suffix in ((HERE, ""), (POPULATION, f" {AT_POPULATION}")):
            rows = table[table["metric"] == metric + suffix]
            parts.append(
                rows.assign(
                    place=place, group=group, n_group=rows[f"n_{group}"], n_pos_group=rows[f"n_pos_{group}"]
                )
            )
    columns = ["vessel", "cohort", "place", "group", "estimate", "low", "high"]
    out = pd.concat(parts, ignore_index=True)
    places = {HERE: 0, POPULATION: 1}
    out = out.sort_values("place", key=lambda c: c.map(places), kind="stable")
    return out[[*columns, "n_group", "n_pos_group", "note", "data_kind"]].reset_index(drop=True)


def ideal_decision(
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    unit: str = "ecg",
    vessels: Sequence[str] = VESSELS,
) -> pd.DataFrame:
    """Add the net benefit of the simulator's ideal observer to decision curves, column `ideal`.

    Parameters
    ----------
    predictions : contract 2
    truth : the simulator's truth with ideal_rca, ideal_lm, ideal_lad, ideal_lcx; without them `ideal` is NaN
    curves : from `decision_curves` at `unit`
    """
    ideal = with_ideal(predictions, truth)
    out = curves.assign(ideal=NAN)
    if ideal is None or not len(curves):
        return out
    for part in slices(ideal, units=[unit], vessels=vessels):
        here = ((out["vessel"] == part.vessel) & (out["cohort"] == part.cohort)).to_numpy()
        if here.any() and len(part.y):
            cut = out.loc[here, "threshold"].to_numpy(float)
            found = net_benefit(part.y, part.p, cut)
            out.loc[here, "ideal"] = found.loc[found["strategy"] == "model", "net_benefit"].to_numpy()
    return out


def with_ideal(predictions: pd.DataFrame, truth: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return the prediction table with the ideal observer's probabilities in place of the model's.

    None when the truth holds none. An ECG the observer did not score keeps an empty probability.
    """
    columns: Mapping[str, str] = {f"ideal_{v.lower()}": Vessel(v).prob_column for v in VESSELS}
    if truth is None or not set(columns) <= set(truth.columns):
        return None
    scored = truth.set_index("ecg_id")[list(columns)].rename(columns=dict(columns))
    ids = predictions["ecg_id"].astype(str).to_numpy()
    ideal = scored.reindex(ids).to_numpy(dtype=float)
    out = predictions.copy()
    for i, name in enumerate(scored.columns):
        out[name] = np.clip(ideal[:, i], 0, 1)
    return out
