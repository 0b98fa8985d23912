"""Estimates under several settings, one panel per group of estimates."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ccta_lib.plots.style import COLOURS, MARKERS, WIDTH, legend_below
from ccta_lib.schema import VESSELS

MOST_PANELS = 6
_SPREAD = 0.12  # between vessels at one setting, in settings


def sweep_panels(rows: pd.DataFrame, settings: Sequence[str], *, keys: Sequence[str]) -> Figure | None:
    """Draw the first groups of estimates that are given per vessel.

    Parameters
    ----------
    rows : as `ccta_lib.book.compare.side_by_side` returns them
    settings : names of the settings, in the order to draw
    keys : columns that tell the rows apart; one panel per combination, apart from the vessel

    Returns
    -------
    Figure or None
        None if no row belongs to a vessel.
    """
    if "vessel" not in rows:
        return None
    rows = rows[rows["vessel"].isin([str(v) for v in VESSELS])]
    keys = [k for k in keys if k != "vessel"] or ["table"]
    if rows.empty:
        return None
    groups = list(rows.groupby(keys, sort=False, dropna=False))[:MOST_PANELS]
    columns = min(2, len(groups))
    lines = -(-len(groups) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(WIDTH, 0.6 + 2.1 * lines), squeeze=False, sharex=True
    )
    for ax, (_, part) in zip(axes.flat, groups, strict=False):
        named = {k: "" if pd.isna(v) else str(v) for k, v in zip(keys, part[keys].iloc[0], strict=True)}
        sweep_panel(part, settings, title=", ".join(v for k, v in named.items() if v and k != "table"), ax=ax)
    for ax in list(axes.flat)[len(groups) :]:
        ax.set_visible(False)
    handles = [plt.Line2D([], [], color=COLOURS[v], marker=m, linestyle="none", label=str(v))
               for v, m in zip(VESSELS, MARKERS, strict=False)]  # fmt: skip
    legend_below(figure, handles)
    return figure


def sweep_panel(
    rows: pd.DataFrame, settings: Sequence[str], *, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw one group: an estimate with its interval per vessel and setting, beside each other."""
    axes = ax if ax is not None else plt.subplots()[1]
    for order, (vessel, marker) in enumerate(zip(VESSELS, MARKERS, strict=False)):
        for row in rows[rows["vessel"] == str(vessel)].to_dict("records"):
            x = np.arange(len(settings)) + (order - 1.5) * _SPREAD
            estimate, low, high = (
                np.array([row[f"{s}: {v}"] for s in settings], dtype=float)
                for v in ("estimate", "low", "high")
            )
            axes.vlines(x, low, high, color=COLOURS[vessel], linewidth=1)
            axes.plot(x, estimate, marker, color=COLOURS[vessel], markersize=4)
    axes.set_xticks(range(len(settings)), [s.replace(", ", "\n") for s in settings], fontsize=7)
    axes.set_xlim(-0.5, len(settings) - 0.5)
    axes.set_title(title, fontsize=8)
    return axes
