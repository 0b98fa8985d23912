"""What the subgroup tables say, in sentences that are computed from them."""

from __future__ import annotations

import pandas as pd

from ccta_lib.evaluation.factors import UNKNOWN


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def coverage_sentence(rows: pd.DataFrame) -> str:
    """Say how many subgroups can be estimated and interpreted, and which factors are unknown altogether.

    Parameters
    ----------
    rows : as `subgroup_table`
    """
    subgroups = rows[(rows["factor"] != "all") & (rows["subgroup"] != UNKNOWN)]
    known, few = subgroups["estimate"].notna(), subgroups["warning"] != ""
    text = (
        f"Of {len(subgroups)} combinations of artery and subgroup {int(known.sum())} can be estimated, and "
        f"{int((known & ~few).sum())} rest on at least 10 positive patients."
    )
    sizes = subgroups.groupby("factor", sort=False)["n"].max()
    empty = [str(name) for name, size in sizes.items() if size == 0]
    if empty:
        text += f" Not known for any patient here: {_list(empty)}."
    unlabelled = rows[(rows["factor"] == "all") & (rows["n"] == 0)]["vessel"].astype(str).tolist()
    if unlabelled:
        text += f" Without a known grade, so not estimable at all: {_list(unlabelled)}."
    return text


def differences_sentence(tests: pd.DataFrame, differences: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Say how many tests were made, how many survive Holm's correction, and how wide the intervals are.

    Parameters
    ----------
    tests : as `subgroup_tests`
    differences : as `subgroup_differences`
    alpha : level of significance
    """
    parts = []
    for question, family in tests.groupby("question", sort=False):
        made, raw, kept = (
            family["p_value"].notna(),
            family["p_value"] < alpha,
            family[family["p_holm"] < alpha],
        )
        text = (
            f"*{question}*: {int(made.sum())} of {len(family)} tests could be made, {int(raw.sum())} with p under "
            f"{alpha:g}, {len(kept)} after Holm's correction"
        )
        names = [f"{v}, {f}" for v, f in zip(kept["vessel"], kept["factor"], strict=True)]
        parts.append(text + (f" ({'; '.join(names)})" if names else ""))
    width = (differences["high"] - differences["low"]).dropna() / 2
    if len(width):
        parts.append(f"half the median width of an interval of a difference is {width.median():.2f}")
    return "; ".join(parts) + "."


def specificity_sentence(own: pd.DataFrame) -> str:
    """Say in how many pairs of arteries the own score beats the other one.

    Parameters
    ----------
    own : rows "own minus cross" of `vessel_specificity`
    """
    known = own.dropna(subset=["low"])
    if not len(known):
        return "No pair of arteries can be compared here."
    better, worse = int((known["low"] > 0).sum()), int((known["high"] < 0).sum())
    text = (
        f"In {better} of {len(known)} pairs that can be compared the artery's own score is better with an "
        "interval above 0"
    )
    return text + (
        f", in {worse} it is worse with an interval below 0." if worse else ", in none it is worse."
    )
