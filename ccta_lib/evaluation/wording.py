"""Numbers as text, the same in figures and in tables."""

from __future__ import annotations

import numpy as np
import pandas as pd


def p_text(p: float) -> str:
    """Write a p-value: `< 0.001`, else three decimals; a dash where there is none."""
    if np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def interval_text(estimate: float, low: float, high: float, *, digits: int = 2) -> str:
    """Write an estimate with its limits; without limits the estimate alone."""
    if np.isnan(estimate):
        return "not estimable"
    limits = "" if np.isnan(low) and np.isnan(high) else f" [{_limit(low, digits)}, {_limit(high, digits)}]"
    return f"{estimate:z.{digits}f}{limits}"


def _limit(value: float, digits: int) -> str:
    return "–" if np.isnan(value) else f"{value:z.{digits}f}"


def compact(rows: pd.DataFrame) -> pd.Series:
    """Write estimate and limits of each row with three figures: rates near 0.1 and counts near 1,000 in one table."""

    def figures(value: float) -> int:
        return 2 if value == 0 else int(np.clip(2 - np.floor(np.log10(abs(value))), 0, 3))

    texts = []
    for estimate, low, high in rows[["estimate", "low", "high"]].astype(float).to_numpy():
        digits = 0 if np.isnan(estimate) else figures(estimate)
        texts.append(interval_text(estimate, low, high, digits=digits))
    return pd.Series(texts, index=rows.index, dtype="str")


def across(rows: pd.DataFrame, *, by: list[str], columns: str) -> pd.DataFrame:
    """Set estimates as text: `by` down, the values of `columns` across; `compact` numbers in the cells."""
    text = rows.assign(text=compact(rows)).drop_duplicates([*by, columns])
    keys = text[by].drop_duplicates()
    wide = text.pivot_table(index=by, columns=columns, values="text", aggfunc=lambda t: t.iloc[0])
    order = list(dict.fromkeys(text[columns]))
    return keys.merge(wide[order].fillna("–").reset_index(), how="left", on=by)
