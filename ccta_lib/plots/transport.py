"""What disturbances cost, by dose and beside what the checks do; what another prevalence moves."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ccta_lib.plots.style import HIGH_RISK, LOW_RISK, MARKERS, NEUTRAL, SERIES

LOOKS = {"caught": ("o", LOW_RISK), "flagged": ("D", "#009E73"), "partly caught": ("s", "#8C510A"),
         "silent": ("X", HIGH_RISK)}  # fmt: skip


def harm_forest(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the change of macro AUC under each disturbance, worst first, by what the checks do about it.

    Parameters
    ----------
    table : name, estimate, low, high, verdict; disturbances that cannot be scored are drawn as text
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(7.2, 7.5))[1]
    rows = table.sort_values("estimate", na_position="last")
    for place, row in enumerate(rows.to_dict("records")):
        marker, colour = LOOKS[row["verdict"]]
        if np.isnan(row["estimate"]):
            ax.text(-0.004, place, "cannot be scored", fontsize=7, va="center", ha="right", color=colour)
            continue
        ax.hlines(place, row["low"], row["high"], color=colour, linewidth=1)
        ax.plot(row["estimate"], place, marker, color=colour, markersize=5)
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    ax.set_yticks(range(len(rows)), rows["name"], fontsize=7)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("Change of macro AUC, had nothing been checked")
    marks = [
        Line2D([], [], linestyle="none", marker=m, color=c, label=name) for name, (m, c) in LOOKS.items()
    ]
    ax.legend(handles=marks, title="The input checks", loc="lower left", title_fontsize=8)
    return ax


def dose_curves(
    table: pd.DataFrame, kinds: Sequence[str], column: str, *, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Draw a quantity by dose on a doubling scale, a line per kind of disturbance; undisturbed at the left.

    Parameters
    ----------
    table : kind, dose, the column; its row of kind "none" is the undisturbed one
    kinds : which to draw; their doses are in millivolt
    column, ylabel : what is drawn
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.6, 2.6))[1]
    home = float(table.loc[table["kind"] == "none", column].iloc[0])
    doses = sorted(table.loc[table["kind"].isin(kinds), "dose"].unique())
    zero = np.log2(doses[0]) - 1  # where a doubling scale has no place for it
    for k, kind in enumerate(kinds):
        rows = table[table["kind"] == kind].sort_values("dose")
        x = [zero, *np.log2(rows["dose"])]
        ax.plot(x, [home, *rows[column]], f"{MARKERS[k]}-", color=SERIES[k], markersize=4, label=kind)
    told: list[float] = []
    for dose in doses:
        if not told or np.log2(dose / told[-1]) >= 0.9:
            told.append(dose)
    ax.set_xticks([zero, *np.log2(told)], ["0", *(f"{d:g}" for d in told)], fontsize=7)
    ax.set(xlabel="Dose, millivolt", ylabel=ylabel)
    ax.legend()
    return ax


def prevalence_curves(table: pd.DataFrame, metric: str, *, ylabel: str, ax: Axes | None = None) -> Axes:
    """Draw a quantity of one vessel by prevalence, a line per correction, with intervals over seeds.

    Parameters
    ----------
    table : prevalence, correction, metric, estimate, low, high; of one vessel
    metric, ylabel : what is drawn
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.6, 2.6))[1]
    part = table[table["metric"] == metric]
    for k, (correction, rows) in enumerate(part.groupby("correction", sort=False)):
        rows = rows.sort_values("prevalence")
        ax.vlines(rows["prevalence"], rows["low"], rows["high"], color=SERIES[k], linewidth=1)
        label = {"none": "as it is"}.get(str(correction), f"prior corrected, {correction}")
        ax.plot(
            rows["prevalence"], rows["estimate"], f"{MARKERS[k]}-", color=SERIES[k], markersize=4, label=label
        )
    if metric == "citl":
        ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    ax.set(xlabel="Prevalence", ylabel=ylabel)
    if len(part["correction"].unique()) > 1:  # one line needs no name, and its legend lay on an interval
        ax.legend(fontsize=7)
    return ax
