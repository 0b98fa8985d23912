"""What the study of attributions says: seeds put together, differences from trivial maps, verdicts of checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from ccta_lib.errors import InputError
from ccta_lib.evaluation.attribution_names import (
    AMPLITUDE,
    BY_WAVE,
    CELLS,
    GROUPS,
    NETWORK,
    TIME_ONLY,
)
from ccta_lib.evaluation.attribution_scores import RANKS
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.seeds import mean_over_seeds, paired_over_seeds, rows_by_seed
from ccta_lib.schema import VESSELS

ALL = "all"
HALF = 0.5
"""Similarity of a map to that of a network that cannot know, above which it is said to hardly change."""
FAILS, PASSES, UNDECIDED, NOT_ESTIMABLE = "fails", "passes", "undecided", "not estimable"
FAMILY = 0.05


def seed_means(
    table: pd.DataFrame, by: Sequence[str], columns: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Average columns over seeds within groups.

    Parameters
    ----------
    table : one row per seed and group
    by : columns that name a group
    columns : what to average; the first gives estimate, low, high, n_seeds and note, each other one a mean under its
        own name with `_low` and `_high`

    Returns
    -------
    DataFrame
        One row per group, in order of first appearance; limits by t over seeds.

    Raises
    ------
    InputError
        If a column is absent or a group has two rows of one seed.
    """
    missing = [c for c in (*by, *columns, "seed") if c not in table]
    if missing:
        raise InputError(
            f"table: found no column {', '.join(missing)}; give a table of the study of attributions"
        )
    rows = []
    for key, part in table.groupby(list(by), sort=False):
        if part["seed"].duplicated().any():
            raise InputError(f"table: {key}: seed {part['seed'].iloc[0]} is there more than once")
        row: dict[str, Any] = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        for i, column in enumerate(columns):
            values = part[column].dropna().to_numpy(dtype=float)
            if values.size:
                m = mean_over_seeds(values, level=level)
                found = {"estimate": m.estimate, "low": m.low, "high": m.high}
                note = m.note
            else:
                found, note = {"estimate": NAN, "low": NAN, "high": NAN}, "no seed has a value"
            if i == 0:
                row |= found | {"n_seeds": int(values.size), "note": note}
            else:
                row |= {
                    column: found["estimate"],
                    f"{column}_low": found["low"],
                    f"{column}_high": found["high"],
                }
        rows.append(row)
    return pd.DataFrame(rows)


def scores_over_seeds(scores: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Average scores over seeds.

    Returns
    -------
    DataFrame
        method, vessel, grid, metric, estimate, low, high, n_seeds, note, chance, elsewhere (means), and seeds_above:
        in how many seeds the pointing game beats permuted cells at p < .05.
    """
    by = ["method", "vessel", "grid", "metric"]
    table = seed_means(scores, by, ["estimate"], level=level)
    rest = scores.assign(above=scores["p_value"] < FAMILY).groupby(by, sort=False)
    more = rest[["chance", "elsewhere"]].mean().join(rest["above"].sum().rename("seeds_above")).reset_index()
    return table.merge(more, on=by, how="left", sort=False)


def finest(method: str) -> str:
    """Return the finest grid a method has."""
    return BY_WAVE if method in TIME_ONLY else CELLS


def against_trivial(
    scores: pd.DataFrame,
    *,
    metric: str = RANKS,
    trivial: Sequence[str] = (AMPLITUDE, GROUPS),
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare each method with maps that never see a network, on the finest grid it has, paired over seeds.

    Returns
    -------
    DataFrame
        method, trivial, grid, metric, value and value_trivial (means), estimate, low, high (of the difference),
        p_value, p_holm (over all rows; not estimable counts as 1), n_seeds, note.
    """
    rows = []
    part = scores[(scores["vessel"] == ALL) & (scores["metric"] == metric)]
    seeds = sorted(int(s) for s in part["seed"].unique())

    def values(method: str, grid: str) -> np.ndarray:
        mine = part[(part["method"] == method) & (part["grid"] == grid)]
        return rows_by_seed(mine["estimate"].tolist(), mine["seed"].astype(int).tolist(), seeds)

    for method in [m for m in NETWORK if (part["method"] == m).any()]:
        for other in trivial:
            a, b = (values(m, finest(method)) for m in (method, other))
            d = paired_over_seeds(a, b, level=level)
            rows.append({
                "method": method, "trivial": other, "grid": finest(method), "metric": metric, "value": a.mean(),
                "value_trivial": b.mean(), "estimate": d.estimate, "low": d.low, "high": d.high,
                "p_value": d.p_value, "n_seeds": d.n, "note": d.note,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(p_holm=pd.Series(holm(table["p_value"])).where(table["p_value"].notna()))


def sanity_over_seeds(sanity: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Average the sanity checks over seeds and give each a verdict.

    Returns
    -------
    DataFrame
        check, method, estimate, low, high (similarity of sizes), n_seeds, note, signed and gain with limits, agreement,
        agreement_other, verdict. *fails*: the whole interval of the similarity lies above one half, so the map hardly
        depends on what the network knows. *passes*: it lies below, and where the check can only remove knowledge the
        trained network's map agrees better with the truth (gain above 0). Else *undecided*.
    """
    columns = ["similarity", "signed", "gain", "agreement", "agreement_other"]
    table = seed_means(sanity, ["check", "method"], columns, level=level)
    # A map that ignores the weights is the same for every network: nothing varies, and no interval is needed.
    same = table["estimate"] > 1 - 1e-9
    verdict = pd.Series(UNDECIDED, index=table.index)
    verdict[table["low"].isna()] = NOT_ESTIMABLE
    verdict[(table["high"] < HALF) & (table["gain_low"] > 0)] = PASSES
    verdict[(table["low"] > HALF) | same] = FAILS
    return table.assign(verdict=verdict)


def changes(counterfactual: pd.DataFrame) -> pd.DataFrame:
    """Return for each pair how far removing the stenosis lowers the log odds, by the network and by the ideal observer.

    Returns
    -------
    DataFrame
        seed, patient_id, vessel, planted_mv, network, ideal, and cross: the mean fall of the other three vessels'
        logits.
    """
    table = counterfactual[["seed", "patient_id", "vessel", "planted_mv"]].copy()
    fall = {
        str(v): counterfactual[f"logit_{v.lower()}"] - counterfactual[f"logit_{v.lower()}_without"]
        for v in VESSELS
    }
    total = sum(fall.values())
    table["network"] = np.select([table["vessel"] == v for v in fall], list(fall.values()), NAN)
    table["ideal"] = counterfactual["ideal_logit"] - counterfactual["ideal_logit_without"]
    table["cross"] = (total - table["network"]) / (len(fall) - 1)
    return table


def change_summary(counterfactual: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Summarise the network's response to a removed stenosis against the ideal observer's, over seeds.

    Returns
    -------
    DataFrame
        vessel (and all), measure, estimate, low, high, n_seeds, note. Measures: *network* and *ideal* (mean fall of the
        log odds), *slope* (network on ideal through zero: 1 would be a network that responds as it should), *rank*
        (Spearman over pairs), *own minus cross* (its own vessel's logit falls more than the others').
    """
    table, rows = changes(counterfactual), []
    for vessel in [*dict.fromkeys(table["vessel"]), ALL]:
        for seed, part in table[(table["vessel"] == vessel) | (vessel == ALL)].groupby("seed"):
            known = part[["network", "ideal"]].notna().all(axis=1)
            x, y = part.loc[known, "ideal"], part.loc[known, "network"]
            enough = len(x) > 2 and x.std() > 0 and y.std() > 0
            values = {
                "network": part["network"].mean(), "ideal": x.mean(),
                "slope": float((x * y).sum() / (x * x).sum()) if enough else NAN,
                "rank": float(spearmanr(x, y).statistic) if enough else NAN,
                "own minus cross": (part["network"] - part["cross"]).mean(),
            }  # fmt: skip
            rows += [{"vessel": vessel, "measure": m, "seed": seed, "value": v} for m, v in values.items()]
    return seed_means(pd.DataFrame(rows), ["vessel", "measure"], ["value"], level=level)


def specificity(counterfactual: pd.DataFrame) -> pd.DataFrame:
    """Return the mean fall of each vessel's logit when each vessel's stenosis is removed, over all pairs and seeds.

    Returns
    -------
    DataFrame
        removed, then one column per scored vessel, and n.
    """
    rows = []
    for vessel, part in counterfactual.groupby("vessel", sort=False):
        fall = {
            str(v): (part[f"logit_{v.lower()}"] - part[f"logit_{v.lower()}_without"]).mean() for v in VESSELS
        }
        rows.append({"removed": vessel, **fall, "n": len(part)})
    return pd.DataFrame(rows)


def group_error_summary(errors: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Average over seeds how far plain and adjusted group means are from what was planted.

    Returns
    -------
    DataFrame
        vessel, waves, plain, adjusted, planted (root mean square, mV), estimate, low, high: the adjusted error minus
        the plain one, n_seeds, note.
    """
    keys = ["vessel", "waves", "seed"]
    wide = errors.pivot_table(index=keys, columns="means", values="error_mv", sort=False)
    size = errors.groupby(keys, sort=False)["planted_mv"].first()
    wide = wide.assign(planted=size, difference=wide["adjusted"] - wide["plain"]).reset_index()
    return seed_means(wide, ["vessel", "waves"], ["difference", "plain", "adjusted", "planted"], level=level)
