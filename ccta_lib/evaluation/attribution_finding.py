"""The finding of the study of attributions in one sentence, put together from its tables."""

# ruff: noqa: E501 (sentences)
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ccta_lib.evaluation.attribution_names import AMPLITUDE, GROUPS, NETWORK, WHOLE, spoken
from ccta_lib.evaluation.attribution_reading import (
    ALL,
    FAILS,
    FAMILY,
    NOT_ESTIMABLE,
    PASSES,
    UNDECIDED,
    against_trivial,
    change_summary,
    sanity_over_seeds,
)
from ccta_lib.evaluation.attribution_scores import POINTING

_CALLED = {
    AMPLITUDE: "the size of the ECG itself",
    GROUPS: "the plain difference of group means, which never saw the network",
}
_SANITY = (
    (FAILS, "{} failed the check with random weights"),
    (PASSES, "{} passed it"),
    (UNDECIDED, "it did not decide about {}"),
    (NOT_ESTIMABLE, "it has no interval for {}"),
)


def finding(scores: pd.DataFrame, sanity: pd.DataFrame, counterfactual: pd.DataFrame) -> str:
    """Say which methods beat maps that never see a network, which fail their sanity check, and what removal does.

    Parameters
    ----------
    scores, sanity, counterfactual : tables of the study
    """
    compared, checks = against_trivial(scores), sanity_over_seeds(sanity)
    n = int(compared["n_seeds"].max())
    parts = [_beaten(compared, name, called) for name, called in _CALLED.items()]
    pointed = against_trivial(scores, metric=POINTING, trivial=[AMPLITUDE])
    told = _beaten(pointed, AMPLITUDE, _CALLED[AMPLITUDE], verb="pointed {} to what was planted")
    parts += [f"scored by where the largest value lies instead, {told}"]
    parts += [_sane(checks[checks["check"] == WHOLE]), _response(change_summary(counterfactual))]
    return f"In this simulator, over {n} virtual cohort{'s' * (n != 1)}, {'; '.join(parts)}."


def _beaten(
    compared: pd.DataFrame, trivial: str, called: str, *, verb: str = "agreed {} with what was planted"
) -> str:
    rows = compared[compared["trivial"] == trivial]
    if rows["p_value"].isna().all():
        return f"no method can be told apart from {called} ({rows['note'].iloc[0]})"
    shown = rows["p_holm"] < FAMILY
    better, worse, rest = (
        rows[shown & (rows["estimate"] > 0)],
        rows[shown & (rows["estimate"] < 0)],
        rows[~shown],
    )
    told = []
    for some, word in ((better, "better"), (worse, "worse")):
        if len(some) == len(rows) > 1:
            told.append(f"all {len(rows)} methods {verb.format(word)} than {called} ({_held_to(rows)})")
        elif len(some):
            told.append(f"{_named(some)} {word}" if told else
                        f"{_named(some)} {verb.format(word)} than {called}")  # fmt: skip
    if len(rest):
        told.append(f"for {_named(rest)} no difference {'' if told else f'from {called} '}was shown")
    return ", ".join(told)


def _named(rows: pd.DataFrame) -> str:
    """List methods with their score; the other map's is said once for all methods scored on the same grid."""
    groups = []
    for against, part in rows.groupby("value_trivial", sort=False):
        names = [f"{spoken(r['method'])} {r['value']:.2f}" for _, r in part.iterrows()]
        groups.append(f"{_listed(names)} (against {against:.2f})")
    return " and ".join(groups)


def _held_to(rows: pd.DataFrame) -> str:
    first = rows.drop_duplicates("grid")
    parts = [
        f"at most {rows.loc[rows['grid'] == r['grid'], 'value'].max():.2f} against {r['value_trivial']:.2f} by {r['grid']}"
        for _, r in first.iterrows()
    ]
    return _listed(parts)


def _sane(checks: pd.DataFrame) -> str:
    mine = checks[checks["method"].isin(NETWORK)]
    told = []
    if FAILS not in set(mine["verdict"]):
        told.append("no method was shown to fail the check with random weights")
    for verdict, words in _SANITY:
        some = mine[mine["verdict"] == verdict]
        if len(some):
            names = [f"{spoken(r['method'])} ({r['estimate']:.2f})" for _, r in some.iterrows()]
            told.append(words.format(_listed(names)))
    return ", ".join(told) + " (in brackets: how much of the ranking of a map's sizes stayed)"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _response(summary: pd.DataFrame) -> str:
    arteries = summary[(summary["measure"] == "own minus cross") & (summary["vessel"] != ALL)]
    rows = summary[summary["vessel"] == ALL].set_index("measure")
    slope, own = rows.loc["slope"], rows.loc["own minus cross"]
    if np.isnan(slope["estimate"]):
        return "and how the network answers to a removed stenosis could not be measured"
    limits = "" if np.isnan(slope["low"]) else f" [{slope['low']:.2f}, {slope['high']:.2f}]"
    text = f"and with a stenosis removed the network's log odds moved {slope['estimate']:.2f}{limits} times as far as the ideal observer's"
    if np.isnan(own["low"]):
        return text
    side = (
        "more than"
        if own["low"] > 0
        else "less than"
        if own["high"] < 0
        else "not shown to move more or less than"
    )
    text += f", those of the narrowed artery {side} those of the other arteries"
    alone = arteries.loc[~((arteries["low"] > 0) if own["low"] > 0 else (arteries["high"] < 0)), "vessel"]
    if own["low"] > 0 or own["high"] < 0:
        text += (
            f" (over all of them; for {_listed(list(alone))} alone not shown)"
            if len(alone)
            else " (each of them)"
        )
    return text


def adjustment_sentence(summary: pd.DataFrame) -> str:
    """Say for which arteries and waves adjusting brought group means nearer to what was planted.

    Parameters
    ----------
    summary : as `group_error_summary` returns it
    """
    parts = []
    for waves, rows in summary.groupby("waves", sort=False):
        told = []
        for some, word in (
            (rows[rows["high"] < 0], "nearer to what was planted for {}"),
            (rows[rows["low"] > 0], "farther from it for {}"),
            (rows[~((rows["high"] < 0) | (rows["low"] > 0))], "not shown to be nearer or farther for {}"),
        ):
            if len(some):
                told.append(word.format(_listed(list(some["vessel"]))))
        parts.append(f"in {waves}, adjusted means are {', '.join(told)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
