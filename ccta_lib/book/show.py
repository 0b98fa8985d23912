"""How numbers are set in the book's tables."""

from __future__ import annotations

import numpy as np
import pandas as pd


def interval(rows: pd.DataFrame, *, digits: int = 3) -> pd.Series:
    """Set estimate and limits of each row as one text, `0.712 [0.690, 0.734]`; undefined parts are left out."""

    def text(estimate: float, low: float, high: float) -> str:
        if np.isnan(estimate):
            return "not estimable"
        limits = "" if np.isnan(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
        return f"{estimate:.{digits}f}{limits}"

    values = [text(*r) for r in rows[["estimate", "low", "high"]].astype(float).itertuples(index=False)]
    return pd.Series(values, index=rows.index, dtype="str")


def pivot_intervals(rows: pd.DataFrame, *, rows_by: list[str], columns: str, digits: int = 3) -> pd.DataFrame:
    """Set tidy estimates as a table: `rows_by` down, the values of `columns` across, intervals in the cells."""
    text = rows.assign(text=interval(rows, digits=digits))
    order = list(dict.fromkeys(text[columns]))
    keys = pd.Series(text[rows_by].itertuples(index=False, name=None), index=text.index)
    cells = dict(zip(zip(keys, text[columns], strict=True), text["text"], strict=True))
    wide = [[*key, *(cells.get((key, c), "–") for c in order)] for key in dict.fromkeys(keys)]
    return pd.DataFrame(wide, columns=[*rows_by, *order])


def flat_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Turn row and column hierarchies into plain columns, naming a repeated row group only once."""
    flat = table.copy()
    if isinstance(flat.columns, pd.MultiIndex):
        flat.columns = pd.Index([", ".join(str(p) for p in c if p) for c in flat.columns])
    flat = flat.reset_index()
    first = flat.columns[0]
    return flat.assign(**{first: flat[first].mask(flat[first].duplicated(), "")})
