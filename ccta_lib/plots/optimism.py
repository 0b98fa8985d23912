"""Figures of optimism and coverage: reported minus true AUC, and how often intervals contain the truth."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ccta_lib.plots.style import HIGH_RISK, LOW_RISK, MARKERS, NEUTRAL, SERIES, WIDTH, legend_below

RULES = {"nested": "nested", "paper": "paper's way"}


def reported_minus_true(table: pd.DataFrame, summary: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw reported minus true macro AUC of each cohort under both rules, joined, with the means.

    Parameters
    ----------
    table : seed, rule, reported_folds, truth; the macro AUC
    summary : rule, estimate, low, high
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 3.0))[1]
    bias = {
        r: t.set_index("seed")["reported_folds"] - t.set_index("seed")["truth"]
        for r, t in table.groupby("rule")
    }
    for seed in bias["nested"].index:
        ax.plot([0, 1], [bias["nested"][seed], bias["paper"][seed]], color=NEUTRAL, linewidth=0.6, marker=".",
                markersize=4, alpha=0.7)  # fmt: skip
    for place, rule, shift in ((0, "nested", -0.12), (1, "paper", 0.12)):
        row = summary[summary["rule"] == rule].iloc[0]
        ax.plot(place + shift, row["estimate"], marker="D", color="black", markersize=5)
        ax.vlines(place + shift, row["low"], row["high"], color="black", linewidth=1.4)
    ax.axhline(0, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
    ax.set_xticks([0, 1], list(RULES.values()))
    ax.set_xlim(-0.4, 1.4)
    ax.set(ylabel="Macro AUC, reported minus true")
    return ax


def bias_by_vessel(summary: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw mean reported minus true AUC per vessel under both rules.

    Parameters
    ----------
    summary : vessel, rule, estimate, low, high
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 3.0))[1]
    vessels = list(dict.fromkeys(summary["vessel"]))
    for shift, (rule, label), colour, marker in zip(
        (-0.12, 0.12), RULES.items(), (LOW_RISK, HIGH_RISK), ("o", "s"), strict=True
    ):
        part = summary[summary["rule"] == rule]
        x = np.array([vessels.index(v) for v in part["vessel"]]) + shift
        ax.plot(x, part["estimate"], linestyle="", marker=marker, color=colour, markersize=4.5, label=label)
        ax.vlines(x, part["low"], part["high"], color=colour, linewidth=1.2)
    ax.axhline(0, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
    ax.set_xticks(range(len(vessels)), vessels)
    ax.set(ylabel="AUC, reported minus true")
    ax.legend(fontsize=7)
    return ax


def coverage_dots(table: pd.DataFrame, *, level: float = 0.95) -> Figure:
    """Draw coverage with its Monte-Carlo interval, settings down, one mark per method.

    Parameters
    ----------
    table : arm, method, estimate, low, high
    level : what was promised, drawn as a line
    """
    settings, methods = list(dict.fromkeys(table["arm"])), list(dict.fromkeys(table["method"]))
    figure, ax = plt.subplots(figsize=(WIDTH, 0.55 * len(settings) + 1.3))
    marks = []
    for i, method in enumerate(methods):
        part = table[table["method"] == method]
        y = np.array([settings.index(a) for a in part["arm"]]) + 0.16 * (i - (len(methods) - 1) / 2)
        colour = SERIES[1 + i]
        ax.hlines(y, part["low"], part["high"], color=colour, linewidth=1.3)
        ax.plot(part["estimate"], y, linestyle="", marker=MARKERS[i], color=colour, markersize=4.5)
        marks.append(Line2D([], [], color=colour, marker=MARKERS[i], markersize=4.5, label=method))
    ax.axvline(level, color="black", linewidth=0.9, linestyle="--", zorder=0)
    ax.set_yticks(range(len(settings)), settings, fontsize=8)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("Share of intervals that contain the true AUC")
    legend_below(figure, marks, ncols=min(4, len(marks)))
    return figure
