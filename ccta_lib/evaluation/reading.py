"""How well text and rows of exports were read: counts of agreement, abstention and error, with Wilson intervals."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ccta_lib.evaluation.rates import wilson
from ccta_lib.schema import VESSELS


def grade_agreement(
    readings: pd.DataFrame, *, by: Sequence[str] = ("split", "language"), level: float = 0.95
) -> pd.DataFrame:
    """Compare grades read from reports with what a careful reader could know.

    Parameters
    ----------
    readings : DataFrame
        Columns of `by`; per vessel `grade_<vessel>` (missing: the text does not say) and `read_<vessel>`
        (missing: abstained).
    by : sequence of str
    level : float
        Of Wilson's intervals. Each report is another patient's, so they are independent.

    Returns
    -------
    DataFrame
        Columns of `by`, vessel, metric, estimate, low, high, n, k (cases of n), method. Of the grades that the
        text tells: *agreement*, read exactly (an abstention is not agreement), *abstention*, and *wrong*, read as
        another grade. Of those it does not tell: *invented*, a grade read all the same.
    """
    rows = []
    for key, part in readings.groupby(list(by), sort=False):
        for v in VESSELS:
            told, read = part[v.grade_column].astype("string"), part[f"read_{v.lower()}"].astype("string")
            known, given = told.notna(), read.notna()
            same = (told == read).fillna(False)
            cases = {"agreement": (known, same), "abstention": (known, known & ~given),
                     "wrong": (known, known & given & ~same), "invented": (~known, ~known & given)}  # fmt: skip
            for metric, (of, case) in cases.items():
                n, k = int(of.sum()), int(case.sum())
                low, high = wilson(k, n, level=level)
                rows.append({**dict(zip(by, key, strict=True)), "vessel": str(v), "metric": metric,
                             "estimate": k / n if n else float("nan"), "low": float(low), "high": float(high),
                             "n": n, "k": k, "method": "Wilson"})  # fmt: skip
    return pd.DataFrame(rows)


def confusion(answers: pd.DataFrame, *, by: Sequence[str] = ("subject", "language")) -> pd.DataFrame:
    """Count what was told against what was read.

    Parameters
    ----------
    answers : DataFrame
        Columns of `by`, `told`, `read`.
    by : sequence of str

    Returns
    -------
    DataFrame
        Columns of `by`, told, n, `agreement`, and one column per answer read.
    """
    rows = []
    words = sorted(set(answers["told"]) | set(answers["read"]), key=_ORDER.index)
    for key, part in answers.groupby([*by, "told"], sort=False):
        counts = {w: int((part["read"] == w).sum()) for w in words}
        told = key[-1]
        rows.append({**dict(zip([*by, "told"], key, strict=True)), "n": len(part),
                     "agreement": counts[told] / len(part), **{f"read {w}": c for w, c in counts.items()}})  # fmt: skip
    table = pd.DataFrame(rows)
    order = table["told"].map(_ORDER.index)
    first = table[list(by)].apply(tuple, axis=1)
    rank = first.map({k: i for i, k in enumerate(dict.fromkeys(first))})
    return table.iloc[pd.DataFrame({"a": rank, "b": order}).sort_values(["a", "b"]).index].reset_index(
        drop=True
    )


_ORDER = ["yes", "no", "unknown", "pci", "cabg", "none"]


def decision_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Count per planted trouble how many rows met the decision they should have.

    Parameters
    ----------
    rows : DataFrame
        trouble, `expected` and `found` reason; empty is kept.

    Returns
    -------
    DataFrame
        trouble, n, as_expected, expected, and `otherwise`: what else happened, with counts. Troubles that missed
        stand first.
    """
    table = []
    for (trouble, expected), part in rows.groupby(["trouble", "expected"], sort=True):
        other = part.loc[part["found"] != expected, "found"].value_counts().sort_index()
        table.append({
            "trouble": trouble, "n": len(part), "as_expected": int((part["found"] == expected).sum()),
            "expected": expected or "kept",
            "otherwise": "; ".join(f"{n} {reason or 'kept'}" for reason, n in other.items()),
        })  # fmt: skip
    frame = pd.DataFrame(table, columns=["trouble", "n", "as_expected", "expected", "otherwise"])
    return frame.sort_values("otherwise", key=lambda s: s == "", kind="stable").reset_index(drop=True)


def account_balance(account: pd.DataFrame) -> pd.DataFrame:
    """Count the rows of each input by what became of them.

    Parameters
    ----------
    account : DataFrame
        account.parquet, with `hospital`.

    Returns
    -------
    DataFrame
        hospital, input, rows, kept, excluded, part (files that belong to another), unaccounted (rows with an
        unknown status, a left-out row without a reason, a kept one with, a row named twice): 0.
    """
    rows = []
    for (hospital, name), part in account.groupby(["hospital", "input"], sort=False):
        status, reason = part["status"], part["reason"].fillna("")
        fine = ((status == "kept") & (reason == "")) | (status.isin(["excluded", "part"]) & (reason != ""))
        rows.append({"hospital": hospital, "input": name, "rows": len(part),
                     **{s: int((status == s).sum()) for s in ("kept", "excluded", "part")},
                     "unaccounted": int((~fine | part["row"].duplicated()).sum())})  # fmt: skip
    return pd.DataFrame(rows)


def misses_by_style(readings: pd.DataFrame) -> pd.DataFrame:
    """Count the reports of each style of which at least one grade was read wrongly, left out or invented.

    Parameters
    ----------
    readings : DataFrame
        As for `grade_agreement`, with `style`.

    Returns
    -------
    DataFrame
        split, language, style, reports, wrong, abstained, invented (vessels); styles without a miss are left out.
    """
    counted = readings[["split", "language", "style"]].assign(reports=1, wrong=0, abstained=0, invented=0)
    for v in VESSELS:
        told, read = readings[v.grade_column].astype("string"), readings[f"read_{v.lower()}"].astype("string")
        counted["wrong"] += (told.notna() & read.notna() & (told != read).fillna(False)).astype(int)
        counted["abstained"] += (told.notna() & read.isna()).astype(int)
        counted["invented"] += (told.isna() & read.notna()).astype(int)
    table = counted.groupby(["split", "language", "style"], sort=False).sum().reset_index()
    missed = table[["wrong", "abstained", "invented"]].sum(axis=1)
    order = missed.sort_values(ascending=False, kind="stable").index
    return table.loc[order][missed.loc[order] > 0].reset_index(drop=True)


def finding(blind: pd.DataFrame, recordings: pd.DataFrame, account: pd.DataFrame) -> str:
    """Say in one sentence what the tables of blind scores, decisions and account show.

    Parameters
    ----------
    blind : DataFrame
        From `grade_agreement`: the scores on unseen wording, by split in the order scored.
    recordings : DataFrame
        With `expected` and `found`, as for `decision_table`.
    account : DataFrame
        As for `account_balance`.
    """
    told = [_blind_score(part) for _, part in blind.groupby("split", sort=False)]
    met = int((recordings["found"] == recordings["expected"]).sum())
    lost = int(account_balance(account)["unaccounted"].sum())
    balance = (
        "every row of every input is accounted for" if not lost else f"{lost} rows are not accounted for"
    )
    scores = "; changed since, on another such wording, ".join(told)
    return (
        f"On wording that their authors had not seen, the rules read {scores}; "
        f"{met} of {len(recordings)} ECG files meet the decision planted for them; and {balance}."
    )


def _blind_score(score: pd.DataFrame) -> str:
    right, silent = (score[score["metric"] == m] for m in ("agreement", "abstention"))
    worst = right.loc[right["estimate"].idxmin()]
    fewest = f"{worst['vessel']}, {_LANGUAGE[str(worst['language'])]}, {worst['estimate']:.1%}"
    exact = f"{right['k'].sum() / right['n'].sum():.1%} of {right['n'].sum():,} grades exactly"
    return f"{exact} (fewest: {fewest}) and left at most {silent['estimate'].max():.1%} open for a vessel"


_LANGUAGE = {"zh": "Chinese", "en": "English"}
