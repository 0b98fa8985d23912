"""Tables of repeated runs: one row per seed in, one row per quantity out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.seeds import mean_over_seeds

MACRO = "macro"
COMMON = ("RCA", "LAD", "LCX")
"""The vessels of a macro mean where LM has but a dozen positive patients per seed."""


def over_seeds(table: pd.DataFrame, by: Sequence[str], *, value: str = "estimate") -> pd.DataFrame:
    """Average a quantity over seeds, with t intervals.

    Parameters
    ----------
    table : columns seed, those of `by`, and the value
    by : columns that tell quantities apart
    value : column to average

    Returns
    -------
    DataFrame
        `by`, estimate, low, high, sd, n (seeds with a value), note; in the order of first appearance. Seeds without a
        value are left out and told of in the note.

    Raises
    ------
    InputError
        If a seed has two rows of one quantity.
    """
    rows = []
    for key, part in table.groupby(list(by), sort=False, dropna=False):
        if part["seed"].duplicated().any():
            raise InputError(
                f"table: seed {part.loc[part['seed'].duplicated(), 'seed'].iloc[0]} has several rows of {key}"
            )
        values = part[value].astype(float).dropna()
        if values.empty:
            rows.append((*key, NAN, NAN, NAN, NAN, 0, "in no seed estimable"))
            continue
        m = mean_over_seeds(values.to_numpy())
        left_out = f"not estimable in {len(part) - len(values)} of {len(part)} seeds"
        note = "; ".join(filter(None, [m.note, left_out if len(values) < len(part) else ""]))
        rows.append((*key, m.estimate, m.low, m.high, m.sd, m.n, note))
    return pd.DataFrame(rows, columns=[*by, "estimate", "low", "high", "sd", "n", "note"])


def with_macro(
    table: pd.DataFrame, by: Sequence[str], *, value: str = "estimate", vessels: Sequence[str] | None = None
) -> pd.DataFrame:
    """Add rows of vessel "macro": within each seed the unweighted mean over vessels.

    Parameters
    ----------
    table : columns seed, vessel, those of `by`, and the value
    by : columns that tell quantities apart, without vessel
    value : column to average
    vessels : of the mean; None = those with a value in every row, so that all seeds average the same ones

    Returns
    -------
    DataFrame
        The table with the added rows; a quantity of which a wanted vessel has no value is NaN in that seed.
    """
    complete = table.groupby("vessel")[value].apply(lambda x: bool(x.notna().all()))
    chosen = [v for v in complete.index if complete[v]] if vessels is None else list(vessels)
    part = table[table["vessel"].isin(chosen)]
    keys = ["seed", *by]
    mean = (
        part.groupby(keys, sort=False, dropna=False)[value].agg(lambda x: x.mean(skipna=False)).reset_index()
    )
    return pd.concat([table, mean.assign(vessel=MACRO)], ignore_index=True)


def clause(row: pd.Series, words: Mapping[str, str], *, digits: int = 3) -> str:
    """Word one estimate by what its interval allows, with the numbers in brackets.

    Parameters
    ----------
    row : estimate, low, high, n (seeds)
    words : "up", "down" and "none" for an interval above zero, below it and across it; "unknown" for none
    digits : decimals
    """
    if np.isnan(row["low"]):
        return words["unknown"]
    said = words["up" if row["low"] > 0 else "down" if row["high"] < 0 else "none"]
    low, high = f"{row['low']:+.{digits}f}", f"{row['high']:+.{digits}f}"
    return f"{said} ({row['estimate']:+.{digits}f}, 95 % interval {low} to {high}, {row['n']:.0f} seeds)"
