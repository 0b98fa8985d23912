"""Curves of a training run: one line per vessel, a thin line per fold behind it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ccta_lib.plots.style import COLOURS, LINES, NEUTRAL
from ccta_lib.schema import Vessel


def vessel_curves(long: pd.DataFrame, *, ylabel: str, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw a quantity by epoch: the mean over folds per vessel, single folds thin.

    Parameters
    ----------
    long : fold, epoch (from 0), vessel, value
    ylabel, title : of the axes
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    for name, part in long.groupby("vessel", sort=False):
        vessel = Vessel(str(name))
        for _, fold in part.groupby("fold"):
            ax.plot(fold["epoch"] + 1, fold["value"], color=COLOURS[vessel], linewidth=0.5, alpha=0.35)
        mean = part.groupby("epoch")["value"].mean()
        ax.plot(
            mean.index + 1,
            mean,
            color=COLOURS[vessel],
            linestyle=LINES[vessel],
            marker=".",
            label=str(vessel),
        )
    return _finish(ax, ylabel, title)


def fold_curves(
    log: pd.DataFrame, column: str, *, ylabel: str, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw one column of the log by epoch: the mean over folds, single folds thin."""
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    for _, fold in log.groupby("fold"):
        ax.plot(fold["epoch"] + 1, fold[column], color=NEUTRAL, linewidth=0.5, alpha=0.5)
    mean = log.groupby("epoch")[column].mean()
    ax.plot(mean.index + 1, mean, color="black", marker=".", label="mean of folds")
    return _finish(ax, ylabel, title)


def _finish(ax: Axes, ylabel: str, title: str) -> Axes:
    ax.set(xlabel="Epoch", ylabel=ylabel, title=title)
    if not ax.lines:  # few patients: no fold has both outcomes of any artery
        ax.text(0.5, 0.5, "cannot be estimated", ha="center", va="center", transform=ax.transAxes)
        return ax
    ax.set_xlim(0.5, max(float(np.asarray(line.get_xdata())[-1]) for line in ax.lines) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    ax.legend()
    return ax
