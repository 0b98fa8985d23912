"""Figures of the study of ingredients: paired differences with their cost, and where the weights ended."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ccta_lib.plots.style import COLOURS, NEUTRAL, SERIES, WIDTH, legend_below
from ccta_lib.schema import Vessel

_GAP = 1.1


def ablation_forest(rows: pd.DataFrame, seeds: pd.DataFrame | None = None) -> Figure:
    """Draw the paired differences of macro-AUC, ingredient by ingredient, and what each arm costs.

    Parameters
    ----------
    rows : ingredient, label, estimate, low, high, verdict, ratio, low_ratio, high_ratio; one row per comparison
    seeds : label, estimate of single seeds, drawn as small marks
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(WIDTH, 0.2 * len(rows) + 0.18 * rows["ingredient"].nunique() + 1.0), sharey=True,
        width_ratios=[2.2, 1],
    )  # fmt: skip
    differences(rows, seeds, ax=axes[0])
    cost_ratios(rows, ax=axes[1])
    marks = [
        Line2D([], [], color="black", marker="s", markersize=4, label="shown after correction"),
        Line2D([], [], color=SERIES[1], marker="s", markersize=4, markerfacecolor="white",
               label="interval without zero, not after correction"),
        Line2D([], [], color=NEUTRAL, marker="s", markersize=4, markerfacecolor="white", label="no difference shown"),
        Line2D([], [], color=SERIES[5], marker="|", linestyle="", markersize=5, label="one seed"),
    ]  # fmt: skip
    legend_below(figure, marks, ncols=4)
    return figure


def differences(rows: pd.DataFrame, seeds: pd.DataFrame | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw differences with their intervals, grouped by ingredient.

    Parameters
    ----------
    rows : ingredient, label, estimate, low, high, verdict ("shown", "suggested", or something else)
    seeds : label, estimate of single seeds
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(5.0, 4.5))[1]
    y = _places(rows)
    ax.axvline(0, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
    looks = {"shown": ("black", "black"), "suggested": (SERIES[1], "white")}
    for place, row in zip(y, rows.to_dict("records"), strict=True):
        colour, face = looks.get(row["verdict"], (NEUTRAL, "white"))
        if np.isfinite(row["low"]):
            ax.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.2)
        if np.isfinite(row["estimate"]):
            ax.plot(row["estimate"], place, marker="s", color=colour, markersize=4.5, markerfacecolor=face)
    if seeds is not None:
        place_of = dict(zip(rows["label"], y, strict=True))
        ax.plot(seeds["estimate"], seeds["label"].map(place_of) + 0.3, linestyle="", marker="|", markersize=4,
                markeredgewidth=0.7, color=SERIES[5])  # fmt: skip
    _labels(ax, rows, y, named=True)
    ax.set_xlabel("Macro-AUC: arm minus what it is compared with", fontsize=8)
    ax.set_title("Paired difference", loc="left", fontsize=9)
    return ax


def cost_ratios(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw on a logarithmic axis how many times as long the processor works.

    Parameters
    ----------
    rows : ingredient, label, ratio, low_ratio, high_ratio
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(2.6, 4.5))[1]
    y = _places(rows)
    ax.axvline(1, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
    known = rows["ratio"].notna().to_numpy()
    ax.plot(rows["ratio"][known], y[known], linestyle="", marker="D", markersize=3.5, color="black")
    spread = (rows["low_ratio"].notna() & rows["ratio"].notna()).to_numpy()
    ax.hlines(y[spread], rows["low_ratio"][spread], rows["high_ratio"][spread], color="black", linewidth=0.9)
    ax.set_xscale("log")
    # The intervals of a busy machine may be wide: the axis holds the ratios, and as much of them as that leaves.
    least, most = float(rows["ratio"].min()), float(rows["ratio"].max())
    if np.isfinite(least):
        ax.set_xlim(min(least, 1.0) / 1.7, max(most, 1.0) * 1.7)
    ticks = [t for t in (0.25, 0.5, 1, 2, 4, 8) if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xticks([], minor=True)
    _labels(ax, rows, y, named=False)
    ax.set_xlabel("Ratio of processor time", fontsize=8)
    ax.set_title("Cost of training", loc="left", fontsize=9)
    return ax


def _places(rows: pd.DataFrame) -> np.ndarray:
    """Return a height per row, with a gap where an ingredient begins."""
    new = rows["ingredient"].ne(rows["ingredient"].shift()).to_numpy()
    return np.arange(len(rows)) + _GAP * np.cumsum(new)


def _labels(ax: Axes, rows: pd.DataFrame, y: np.ndarray, *, named: bool) -> None:
    ax.set_yticks(y, rows["label"].tolist(), fontsize=6.5)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_ylim(y[-1] + 0.8, y[0] - 1.3)
    new = rows["ingredient"].ne(rows["ingredient"].shift()).to_numpy()
    for place, name in zip(y[new], rows["ingredient"][new], strict=True):
        ax.axhline(place - 1.3, color="#DDDDDD", linewidth=0.6, zorder=0)
        if named:
            ax.annotate(name, (0, place - 0.75), xycoords=ax.get_yaxis_transform(), fontsize=6.5, va="center",
                        ha="right", xytext=(-4, 0), textcoords="offset points", fontweight="bold",
                        annotation_clip=False)  # fmt: skip
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)


def weight_marks(rows: pd.DataFrame, *, titles: dict[str, str]) -> Figure:
    """Draw where the uncertainty weights ended, one panel per setting, beside the optimum 1/loss.

    Parameters
    ----------
    rows : arm, vessel, relative_weight, relative_optimum
    titles : arms to draw, in order, and what their panels are called
    """
    figure, axes = plt.subplots(1, len(titles), figsize=(WIDTH, 2.4), sharey=True, squeeze=False)
    for ax, (arm, title) in zip(axes.flat, titles.items(), strict=True):
        mine = rows[rows["arm"] == arm].reset_index(drop=True)
        for i, row in mine.iterrows():
            colour = COLOURS[Vessel(row["vessel"])]
            ax.plot([i, i], [row["relative_optimum"], row["relative_weight"]], color=colour, linewidth=0.8,
                    linestyle=":")  # fmt: skip
            ax.plot(i, row["relative_weight"], marker="o", color=colour, markersize=5)
            ax.plot(i, row["relative_optimum"], marker="_", color=colour, markersize=11, markeredgewidth=1.6)
        ax.axhline(1, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
        ax.set_xticks(range(len(mine)), mine["vessel"].tolist(), fontsize=7)
        ax.set_xlim(-0.6, len(mine) - 0.4)
        ax.set_title(title, loc="left", fontsize=8)
    axes[0, 0].set_ylabel("Weight (mean 1)", fontsize=8)
    marks = [
        Line2D([], [], color=NEUTRAL, marker="o", linestyle="", markersize=5, label="where it ended"),
        Line2D([], [], color=NEUTRAL, marker="_", linestyle="", markersize=11, markeredgewidth=1.6, label="1/loss"),
    ]  # fmt: skip
    legend_below(figure, marks, ncols=2)
    return figure
