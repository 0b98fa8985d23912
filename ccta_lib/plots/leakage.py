"""What features give away, and what a planted shortcut does."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ccta_lib.plots.style import COLOURS, MARKERS, NEUTRAL, SERIES
from ccta_lib.schema import VESSELS

TESTS = ("as in training", "no shortcut", "reversed")


def probe_points(table: pd.DataFrame, *, title: str, xlabel: str, ax: Axes | None = None) -> Axes:
    """Draw what probes find: a row per quantity, a mark per network, with interval; chance as a tick.

    Parameters
    ----------
    table : features, quantity, estimate, low, high, chance; one metric, one probe
    title, xlabel : of the axes
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.6, 2.6))[1]
    quantities, networks = (list(dict.fromkeys(table[c])) for c in ("quantity", "features"))
    step = 0.8 / max(len(networks), 1)
    for k, network in enumerate(networks):
        rows = table[table["features"] == network]
        y = np.array([quantities.index(q) for q in rows["quantity"]]) + (k - (len(networks) - 1) / 2) * step
        colour = SERIES[k % len(SERIES)]
        ax.hlines(y, rows["low"], rows["high"], color=colour, linewidth=1)
        ax.plot(rows["estimate"], y, MARKERS[k % len(MARKERS)], color=colour, markersize=4, label=network)
    for place, quantity in enumerate(quantities):
        chance = table.loc[table["quantity"] == quantity, "chance"].iloc[0]
        ax.vlines(chance, place - 0.45, place + 0.45, color=NEUTRAL, linewidth=1, linestyle=":")
    ax.set_yticks(range(len(quantities)), quantities)
    ax.set_ylim(len(quantities) - 0.5, -0.5)
    ax.set(title=title, xlabel=xlabel)
    return ax


def shortcut_curves(table: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw AUC by strength of the shortcut in training, a line for each way it stands in the test.

    Parameters
    ----------
    table : odds, test, estimate, low, high; of one vessel, metric AUC
    title : of the axes
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.6, 2.6))[1]
    odds = sorted(table["odds"].unique())
    for k, test in enumerate(TESTS):
        rows = table[table["test"] == test].sort_values("odds")
        x = np.array([odds.index(o) for o in rows["odds"]]) + (k - 1) * 0.08
        ax.vlines(x, rows["low"], rows["high"], color=SERIES[k], linewidth=1)
        ax.plot(x, rows["estimate"], f"{MARKERS[k]}-", color=SERIES[k], markersize=4, label=test)
    ax.set_xticks(range(len(odds)), [f"{o:g}" for o in odds])
    ax.set(xlabel="Odds ratio of device and disease", ylabel="AUC", title=title)
    ax.set_xlim(-0.5, len(odds) - 0.5)
    ax.legend(title="In the test", title_fontsize=8)
    return ax


def same_ecg_shift(table: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw by how much the noisy device moves the log odds of the very same ECGs, by strength of the shortcut.

    Parameters
    ----------
    table : odds, vessel, estimate, low, high
    title : of the axes
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.6, 2.6))[1]
    odds = sorted(table["odds"].unique())
    for k, vessel in enumerate(VESSELS):
        rows = table[table["vessel"] == str(vessel)].sort_values("odds")
        x = np.array([odds.index(o) for o in rows["odds"]]) + (k - 1.5) * 0.08
        colour = COLOURS[vessel]
        ax.vlines(x, rows["low"], rows["high"], color=colour, linewidth=1)
        ax.plot(x, rows["estimate"], f"{MARKERS[k]}-", color=colour, markersize=4, label=str(vessel))
    ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    ax.set_xticks(range(len(odds)), [f"{o:g}" for o in odds])
    ax.set_xlim(-0.5, len(odds) - 0.5)
    ax.set(xlabel="Odds ratio of device and disease", ylabel="Change of log odds", title=title)
    ax.legend()
    return ax
