"""Whether two runs have come to the same numbers: every cell of every table, to the byte or within a tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ccta_lib.book.chapter import INPUTS
from ccta_lib.errors import InputError


def table_paths(run_dir: Path) -> list[str]:
    """Return the tables of a run, relative to it: those of its chapters, and those it hands to chapters.

    Raises
    ------
    InputError
        If there is none.
    """
    side = [name for name in INPUTS.values() if (run_dir / name).is_file()]
    made = (p.relative_to(run_dir).as_posix() for p in (run_dir / "tables").rglob("[!.]*.csv"))
    found = sorted({*side, *made})
    if not found:
        raise InputError(f"{run_dir}: holds no table; give a run directory made by `ccta book`")
    return found


def table_differences(a: Path, b: Path, *, within: float) -> tuple[int, list[str]]:
    """Compare all tables of two runs.

    Parameters
    ----------
    a, b : run directories
    within : largest difference between two numbers that are taken for the same; 0 = CSV files byte for byte

    Returns
    -------
    int, list of str
        How many tables both have, and one line per fault: a table only one has, or the first cell of each column
        that differs.

    Raises
    ------
    InputError
        If one of them holds no table.
    """
    ours, theirs = (table_paths(run) for run in (a, b))
    both = [name for name in ours if name in set(theirs)]
    faults = [f"{name}: only in {run}" for run, one, other in ((a, ours, theirs), (b, theirs, ours))
              for name in one if name not in set(other)]  # fmt: skip
    for name in both:
        if (a / name).read_bytes() == (b / name).read_bytes():
            continue
        told = _differing_cells(_read(a / name), _read(b / name), within)
        if not told and within == 0 and name.endswith(".csv"):
            told = ["the same cells are written differently"]
        faults += [f"{name}: {one}" for one in told]
    return len(both), faults


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, float_precision="round_trip") if path.suffix == ".csv" else pd.read_parquet(path)


def _differing_cells(a: pd.DataFrame, b: pd.DataFrame, within: float) -> list[str]:
    if list(a.columns) != list(b.columns):
        return [f"columns {', '.join(map(str, set(a) ^ set(b))) or 'in another order'}"]
    if len(a) != len(b):
        return [f"{len(a)} rows against {len(b)}"]
    told = []
    for column in a:
        one, other = a[column], b[column]
        if all(pd.api.types.is_numeric_dtype(c) and not pd.api.types.is_bool_dtype(c) for c in (one, other)):
            x, y = one.to_numpy(dtype=float, na_value=np.nan), other.to_numpy(dtype=float, na_value=np.nan)
            with np.errstate(invalid="ignore"):  # the difference of two infinities
                far = ~((x == y) | (np.isnan(x) & np.isnan(y)) | (np.abs(x - y) <= within))
        else:
            x, y = (c.astype("string").fillna("").to_numpy(dtype=object) for c in (one, other))
            far = x != y
        if far.any():
            row = int(np.argmax(far))
            told.append(
                f"row {row + 1}, column {column}: {x[row]!s} against {y[row]!s} ({int(far.sum())} cells)"
            )
    return told
