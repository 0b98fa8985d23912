"""One recording in two file formats: equal samples but for the rounding of the formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

# Formats keep steps of up to 5 microvolt, and a lead computed from two rounded ones is off by up to twice half of it
# in each file. Two different recordings of one heart never stay so close for ten seconds.
ROUNDING_MICROVOLT = 12
_LEAD = 1  # looked at first, alone


def join_formats(rows: pd.DataFrame, store: Path) -> pd.DataFrame:
    """Give recordings of one patient that differ by rounding alone the same `content`.

    Parameters
    ----------
    rows : DataFrame
        row (from 1), patient, reason, content, of every recording.
    store : path
        Waveform store whose signal i belongs to row i + 1.

    Returns
    -------
    DataFrame
        The rows, with the `content` of the first recording in each of its copies.
    """
    usable = rows[(rows["reason"] == "") & (rows["patient"] != 0)]
    several = usable[usable["patient"].duplicated(keep=False)].drop_duplicates(["patient", "content"])
    if several.empty:
        return rows
    signals = np.load(store / "signals.npy", mmap_mode="r")
    same: dict[int, int] = {}
    for _, group in several.groupby("patient", sort=False):
        first: list[tuple[int, int]] = []
        for row, content in zip(group["row"].astype(int), group["content"].astype(int), strict=True):
            copy_of = next((c for r, c in first if _alike(signals, r - 1, row - 1)), None)
            if copy_of is None:
                first.append((row, content))
            else:
                same[content] = copy_of
    return rows.assign(content=rows["content"].replace(same)) if same else rows


def _alike(signals: np.ndarray, a: int, b: int) -> bool:
    """Tell whether two recordings, int16 microvolt (12, 5000), differ by rounding alone."""

    def near(x: np.ndarray, y: np.ndarray) -> bool:
        return bool(np.abs(x.astype(np.int32) - y).max() <= ROUNDING_MICROVOLT)

    return near(signals[a, _LEAD], signals[b, _LEAD]) and near(signals[a], signals[b])
