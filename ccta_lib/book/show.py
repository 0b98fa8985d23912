"""How numbers are set in the book's tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.evaluation.wording import interval_text


def interval(rows: pd.DataFrame, *, digits: int = 3) -> pd.Series:
    """Set estimate and limits of each row as one text, `0.712 [0.690, 0.734]`; undefined parts are left out."""
    limits = rows[["estimate", "low", "high"]].astype(float).itertuples(index=False)
    values = [interval_text(*one, digits=digits) for one in limits]
    return pd.Series(values, index=rows.index, dtype="str")


def pivot_intervals(rows: pd.DataFrame, *, rows_by: list[str], columns: str, digits: int = 3) -> pd.DataFrame:
    """Set tidy estimates as a table: `rows_by` down, the values of `columns` across, intervals in the cells."""
    return pivot_text(rows, interval(rows, digits=digits), rows_by=rows_by, columns=columns)


def pivot_text(rows: pd.DataFrame, text: pd.Series, *, rows_by: list[str], columns: str) -> pd.DataFrame:
    """Set a text per row as a table: `rows_by` down, the values of `columns` across; a cell keeps its first."""
    order = list(dict.fromkeys(rows[columns]))
    keys = list(rows[rows_by].itertuples(index=False, name=None))
    cells: dict[object, str] = {}
    for key, column, entry in zip(keys, rows[columns], text, strict=True):
        cells.setdefault((key, column), entry)
    wide = [[*key, *(cells.get((key, c), "–") for c in order)] for key in dict.fromkeys(keys)]
    return pd.DataFrame(wide, columns=[*rows_by, *order])


def estimates(rows: pd.DataFrame, *, digits: int = 3) -> pd.Series:
    """Set the estimate of each row alone, without its interval."""
    return interval(rows.assign(low=np.nan, high=np.nan), digits=digits)


def p_values(p: pd.Series) -> pd.Series:
    """Set p-values with three decimals, the smallest as `<0.001`."""
    text = [
        "not estimable" if np.isnan(v) else "<0.001" if v < 0.001 else f"{v:.3f}" for v in p.astype(float)
    ]
    return pd.Series(text, index=p.index, dtype="str")


def flat_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Turn row and column hierarchies into plain columns, naming a repeated row group only once."""
    flat = table.copy()
    if isinstance(flat.columns, pd.MultiIndex):
        flat.columns = pd.Index([", ".join(str(p) for p in c if p) for c in flat.columns])
    flat = flat.reset_index()
    first = flat.columns[0]
    return flat.assign(**{first: flat[first].mask(flat[first].duplicated(), "")})


def p_pairs(rows: pd.DataFrame) -> pd.Series:
    """Set p_value and, in brackets, p_holm of each row; a test that was not made says so alone."""
    both = p_values(rows["p_value"]) + " (" + p_values(rows["p_holm"]) + ")"
    return both.where(rows["p_value"].notna(), "not estimable")
