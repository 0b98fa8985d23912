"""The sentences of the study of ingredients, put together from its tables: no more than the intervals allow."""

# ruff: noqa: E501 (sentences)
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.ablations import ALPHA, EQUAL, FAST, MACRO, OWN_RATE, PUBLISHED, REFERENCE
from ccta_lib.evaluation.seeds import detectable_difference
from ccta_lib.evaluation.wording import p_text

SHOWN, SUGGESTED, NOT_SHOWN, UNDEFINED = "shown", "suggested", "not shown", "not estimable"
NEARLY_INERT = 1.05
"""Weights whose largest is less than 5 % above their smallest."""
WORDS = {
    1: "one",
    2: "two",
    3: "three",
    4: "four",
    5: "five",
    6: "six",
    7: "seven",
    8: "eight",
    9: "nine",
    10: "ten",
}
ARMS = {
    OWN_RATE: "With sigma at a rate of 0.01",
    FAST: "With sigma at a rate of 0.1",
    EQUAL: "With fixed equal weights",
}
SAME_WORK = (OWN_RATE, FAST, "strength constant", "strength 1 to 0", "z-score over all leads")
"""Arms whose steps are made of the same operations as the reference's."""
METRICS = {"slope": "slope", "intercept": "intercept", "o_e": "O:E"}


def verdicts(differences: pd.DataFrame) -> pd.Series:
    """Return what the interval and the corrected p-value of each row allow: "shown", "suggested", "not shown".

    Shown: p after Holm's correction below .05. Suggested: the interval leaves zero out, and the correction takes that
    back. A row without a corrected p-value is in no family, and is "suggested" at most.
    """
    out = pd.Series(NOT_SHOWN, index=differences.index)
    out[(differences["low"] > 0) | (differences["high"] < 0)] = SUGGESTED
    out[differences["p_holm"] < ALPHA] = SHOWN
    out[differences["low"].isna()] = UNDEFINED
    return out


def ingredient_sentences(differences: pd.DataFrame) -> pd.DataFrame:
    """Say of each ingredient what its macro-AUC differences allow.

    Parameters
    ----------
    differences : as `ablation_differences` returns them

    Returns
    -------
    DataFrame
        ingredient, sentence
    """
    macro = _macro(differences)
    rows = []
    for ingredient, part in macro.groupby("ingredient", sort=False):
        pieces = []
        for verdict in (SHOWN, SUGGESTED, NOT_SHOWN, UNDEFINED):
            some = part[part["verdict"] == verdict]
            if len(some):
                pieces.append(_PIECE[verdict](some))
        text = "; ".join(pieces)
        rows.append((ingredient, f"{text[0].upper()}{text[1:]}."))
    return pd.DataFrame(rows, columns=["ingredient", "sentence"])


def comparisons(differences: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """Put the macro-AUC differences and their costs side by side, with what the intervals allow.

    Parameters
    ----------
    differences, costs : as `ablation_differences` and `cost_ratios` return them

    Returns
    -------
    DataFrame
        The macro rows of `differences`, with verdict, ratio, low_ratio, high_ratio (of processor time) and passes.
    """
    named = costs.rename(columns={"low": "low_ratio", "high": "high_ratio"})
    return _macro(differences).merge(
        named[["arm", "against", "ratio", "low_ratio", "high_ratio", "passes"]],
        on=["arm", "against"],
        how="left",
    )


def finding(differences: pd.DataFrame) -> str:
    """Say in one sentence what the study showed, what it did not, and how small a difference it could have shown."""
    macro = _macro(differences)
    n, seeds = len(macro), int(macro["n_seeds"].max())
    shown, suggested, rest = (macro[macro["verdict"] == v] for v in (SHOWN, SUGGESTED, NOT_SHOWN))
    head = f"In this simulator, over {count(seeds)} virtual cohort{'s' if seeds != 1 else ''}, "
    if (macro["verdict"] == UNDEFINED).all():
        return f"{head}nothing can be said of any of the {n} comparisons: {macro['note'].iloc[0]}."
    if len(shown):
        told = f"{count(len(shown))} of {n} comparisons showed a difference in macro-AUC after Holm's correction: {_listed(shown)}"
    else:
        told = f"none of {n} comparisons showed a difference in macro-AUC after Holm's correction"
    parts = [head + told]
    if len(suggested):
        parts.append(
            f"{count(len(suggested))}{' more' if len(shown) else ''} {'has an interval' if len(suggested) == 1 else 'have intervals'} without zero that the correction "
            f"takes back ({_listed(suggested)})"
        )
    undefined = int((macro["verdict"] == UNDEFINED).sum())
    if undefined:
        parts.append(f"{count(undefined)} cannot be estimated")
    if len(rest):
        parts.append(
            f"for the other {len(rest)} no difference was shown, which is not the same as none: {_could(rest, n)}"
        )
    return "; ".join(parts) + "."


def _could(rows: pd.DataFrame, tests: int) -> str:
    found = rows.set_index("label")["detectable"]
    first = [
        detectable_difference(sd, int(n), level=1 - ALPHA / tests)
        for sd, n in rows[["sd", "n_seeds"]].to_numpy(float)
    ]
    return (
        f"{count(int(rows['n_seeds'].max()))} seeds find a true difference of {found.median():.2g} in 80 of 100 such studies (median comparison; "
        f"from {found.min():.2g} for {found.idxmin()} to {found.max():.2g} for {found.idxmax()}), before correction, and one of "
        f"{np.nanmedian(first):.2g} (median) as the first of {tests} under Holm's"
    )


def spread_sentence(table: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Say how much accuracy itself differs between seeds, and how much the paired differences do.

    Parameters
    ----------
    table : arm, seed, vessel (with "macro"), auc
    differences : as `ablation_differences` returns them
    """
    mine = table[table["arm"] == REFERENCE]
    macro, left = (mine[mine["vessel"] == v].set_index("seed")["auc"] for v in (MACRO, "LM"))
    paired = _macro(differences)
    near = paired["against"] == REFERENCE
    same, other = paired.loc[near, "sd"].median(), paired.loc[~near, "sd"].median()
    return (
        f"The reference's macro-AUC lies between {macro.min():.3f} and {macro.max():.3f} from seed to seed, that of LM between {left.min():.3f} "
        f"(seed {left.idxmin()}) and {left.max():.3f}. A difference from the reference, paired, has a standard deviation over seeds of {same:.4f} "
        f"(median comparison) in place of the reference's own {macro.std():.4f}; where what is compared starts from other weights it has {other:.4f}."
    )


def demand_sentence(differences: pd.DataFrame) -> str:
    """Say what so few seeds and so many comparisons ask of a difference before it counts as shown."""
    macro = _macro(differences)
    k, n = len(macro), int(macro["n_seeds"].max())
    sign = min(1.0, 2 * 0.5**n)
    if n < 2:
        return "One seed shows no difference at all: nothing says what another one would have brought."
    times = float(stats.t.isf(ALPHA / k / 2, n - 1))
    return (
        f"{count(n).capitalize()} seeds and {k} comparisons ask much: the least p-value must be below {ALPHA / k:.2g}, which takes a mean difference "
        f"of {times:.1f} standard errors. One that has the same sign in every seed has p = {sign:.2g} in a sign test, so that whatever is shown rests on "
        "the $t$ distribution too: on differences that are about normal."
    )


def inertness_sentence(spread: pd.DataFrame, ends: pd.DataFrame) -> str:
    """Say how far the published weights moved and how far apart they came.

    Parameters
    ----------
    spread, ends : as `weight_spread` and `weight_ends` return them
    """
    row = _one(spread, PUBLISHED)
    mine = ends[ends["arm"] == PUBLISHED]
    text = (
        f"As published, log σ² ends between {mine['low_log_variance'].min():.3f} and {mine['high_log_variance'].max():.3f} in all arteries and "
        f"cohorts, about as far as its learning rates add up to ({row['path']:.3f}); the largest weight of a run is at most "
        f"{100 * (row['high_spread'] - 1):.2g} % above its smallest, where weights of 1/loss would differ {row['optimum']:.1f}-fold: "
    )
    if row["high_spread"] < NEARLY_INERT:
        text += "as a weighting of arteries against each other it is nearly inert"
    else:
        text += "it does weigh arteries differently"
    moved = [
        f"{_one(spread, arm)['spread']:.2f}-fold at a rate of {rate} (1/loss: {_one(spread, arm)['optimum']:.1f}-fold)"
        for arm, rate in ((OWN_RATE, "0.01"), (FAST, "0.1"))
    ]
    return f"{text}. With a rate of its own the weights of a run come to differ: {' and '.join(moved)} on average."


def calibration_sentences(differences: pd.DataFrame) -> pd.DataFrame:
    """Say what each other setting does to a vessel's calibration, against the published one (`calibration_differences`).

    Returns
    -------
    DataFrame
        arm, sentence
    """
    rows = differences.assign(verdict=verdicts(differences))
    told = {SUGGESTED: "an interval without zero, untested", NOT_SHOWN: "no difference shown"}
    out = []
    for arm, name in ARMS.items():
        texts = []
        for row in rows[rows["arm"] == arm].to_dict("records"):
            metric = METRICS[row["metric"]]
            if np.isnan(row["low"]):
                texts.append(f"{metric} not estimable ({row['note']})")
                continue
            texts.append(
                f"{metric} {row['mean']:.2f} in place of {row['mean_against']:.2f} ({_amount(row, 2)}; {told[row['verdict']]})"
            )
        out.append((arm, f"{name}, {differences['vessel'].iloc[0]} has {', '.join(texts)}."))
    return pd.DataFrame(out, columns=["arm", "sentence"])


def cost_sentence(ratios: pd.DataFrame) -> str:
    """Say what PCGrad's variants cost, from `cost_ratios` of pairs against "no PCGrad"."""
    texts = []
    for arm, name in (
        ("exact PCGrad", "with exact PCGrad"),
        (REFERENCE, "with conflicts taken at the feature vector"),
    ):
        row = ratios[(ratios["arm"] == arm) & (ratios["against"] == "no PCGrad")]
        if len(row) != 1:
            raise InputError(f"cost: no ratio of {arm!r} to 'no PCGrad'; give that pair to cost_ratios")
        ratio, low, high = row[["ratio", "low", "high"]].iloc[0]
        limits = "" if np.isnan(low) else f" [{low:.2f}, {high:.2f}]"
        texts.append(f"{ratio:.2f} times{limits} {name}")
    return f"The optimiser steps of a training cost the processor {' and '.join(texts)} what they cost without projection."


def clock_sentence(ratios: pd.DataFrame) -> str:
    """Say how far processor times can be trusted: by arms that compute what the reference computes.

    Parameters
    ----------
    ratios : as `cost_ratios` returns them for all comparisons
    """
    same = ratios[ratios["arm"].isin(SAME_WORK) & (ratios["against"] == REFERENCE)]
    if same.empty:
        raise InputError(
            f"cost: no ratio of {', '.join(SAME_WORK)} to the reference; give those pairs to cost_ratios"
        )
    text = (
        f"The clock can be trusted so far: {len(same)} arms that compute just what the reference computes took {same['ratio'].min():.2f} to "
        f"{same['ratio'].max():.2f} times as long as it, on a machine that did other things, too"
    )
    if same["ratio"].max() < 1:
        text += "; all took less, so the reference's own time is too long, and no ratio to it or of it within that range shows a cost"
    elif same["ratio"].min() > 1:
        text += "; all took more, so the reference's own time is too short, and no ratio to it or of it within that range shows a gain"
    return f"{text}."


def count(n: int) -> str:
    """Return a small number as a word."""
    return WORDS.get(n, str(n))


def _macro(differences: pd.DataFrame) -> pd.DataFrame:
    macro = differences[differences["vessel"] == MACRO]
    return macro.assign(verdict=verdicts(macro))


def _one(table: pd.DataFrame, arm: str) -> pd.Series:
    rows = table[table["arm"] == arm]
    if len(rows) != 1:
        raise InputError(f"weights: {len(rows)} rows of arm {arm!r}; expected one")
    return rows.iloc[0]


def _amount(row: Mapping[Any, Any], digits: int | None = None) -> str:
    """Set a difference with its limits; four decimals where three would leave nothing of it."""
    estimate, low, high = (float(row[k]) for k in ("estimate", "low", "high"))
    if digits is None:
        digits = 4 if max(abs(low), abs(high)) < 0.01 else 3
    return f"{estimate:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def _listed(rows: pd.DataFrame) -> str:
    return ", ".join(f"{r['label']} {_amount(r)}" for r in rows.to_dict("records"))


def _adjusted(row: Mapping[Any, Any]) -> str:
    p = p_text(row["p_holm"])
    return f"p {p if p.startswith('<') else f'= {p}'} after correction"


def _difference_shown(rows: pd.DataFrame) -> str:
    texts = [
        f"{r['label']} {'raised' if r['estimate'] > 0 else 'lowered'} macro-AUC ({_amount(r)}; {_adjusted(r)})"
        for r in rows.to_dict("records")
    ]
    return "; ".join(texts)


def _difference_suggested(rows: pd.DataFrame) -> str:
    texts = [f"{r['label']} ({_amount(r)}; {_adjusted(r)})" for r in rows.to_dict("records")]
    return f"an interval without zero, which the correction takes back, for {', '.join(texts)}"


def _no_difference(rows: pd.DataFrame) -> str:
    texts = [f"{r['label']} ({_amount(r)})" for r in rows.to_dict("records")]
    low, high = rows["detectable"].min(), rows["detectable"].max()
    could = f"{high:.2g}" if len(rows) == 1 else f"{low:.2g} to {high:.2g}"
    room = rows[["low", "high"]].abs().to_numpy().max()
    return (
        f"no difference was shown for {', '.join(texts)}; the interval{'s leave' if len(rows) > 1 else ' leaves'} room for one of at "
        f"most {room:.2g}, and a true one of {could} would have been found in 80 of 100 such studies, before correction"
    )


def _not_estimable(rows: pd.DataFrame) -> str:
    names = ", ".join(str(r["label"]) for r in rows.to_dict("records"))
    return f"not estimable: {names} ({rows['note'].iloc[0]})"


_PIECE: dict[str, Callable[[pd.DataFrame], str]] = {
    SHOWN: _difference_shown,
    SUGGESTED: _difference_suggested,
    NOT_SHOWN: _no_difference,
    UNDEFINED: _not_estimable,
}
