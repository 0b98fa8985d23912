"""Probability by grade (Figure 4), the steps between grades, and probability by planted stenosis."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ccta_lib.plots.style import COLOURS, LINES, MARKERS, NEUTRAL, SERIES, WIDTH
from ccta_lib.schema import GRADE_BOUNDARIES, VESSELS, Vessel


def grade_boxes(
    boxes: pd.DataFrame, *, title: str = "", top: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a box per grade: quartiles and median, whiskers from the 5th to the 95th percentile, n below.

    Parameters
    ----------
    boxes : one vessel's vessel, grade, n, q05, q25, median, q75, q95, in order of grade
        A grade without rows keeps its place, empty.
    title : of the panel
    top : end of the axis; None = above the highest whisker
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(1.8, 2.6))[1]
    vessel = Vessel(boxes["vessel"].iloc[0])
    places = np.arange(len(boxes))
    drawn = boxes["n"].to_numpy() > 0
    stats = [
        {"whislo": b.q05, "q1": b.q25, "med": b.median, "q3": b.q75, "whishi": b.q95}
        for b in boxes[drawn].itertuples()
    ]
    if stats:
        ax.bxp(stats, positions=places[drawn], widths=0.6, showfliers=False, patch_artist=True,
               boxprops={"facecolor": COLOURS[vessel] + "40", "edgecolor": COLOURS[vessel]},
               medianprops={"color": "black", "linewidth": 1.6}, whiskerprops={"color": COLOURS[vessel]},
               capprops={"color": COLOURS[vessel]})  # fmt: skip
    else:
        ax.text(0.5, 0.5, "no known grade:\nnot estimable", transform=ax.transAxes, ha="center", va="center",
                fontsize=8, color=NEUTRAL)  # fmt: skip
    names = boxes["grade"].replace("moderate", "mod.")
    ax.set_xticks(places, [f"{g}\n{n:,}" for g, n in zip(names, boxes["n"], strict=True)], fontsize=6.5)
    ax.set(xlim=(-0.6, len(boxes) - 0.4), title=title or str(vessel))
    highest = boxes["q95"].max() if top is None else top
    ax.set_ylim(0, 1.05 * highest if np.isfinite(highest) and highest > 0 else 1)
    ax.tick_params(axis="y", labelsize=7)
    ax.tick_params(axis="x", length=0)
    ax.grid(visible=False, axis="x")
    return ax


def grade_panels(boxes: pd.DataFrame) -> Figure:
    """Draw the boxes of every vessel (across) and cohort (down); a vessel's panels share their axis."""
    vessels = [v for v in VESSELS if v in set(boxes["vessel"])]
    cohorts = list(dict.fromkeys(boxes["cohort"]))
    tops = boxes.groupby("vessel")["q95"].max()
    figure, axes = plt.subplots(len(cohorts), len(vessels), squeeze=False,
                                figsize=(WIDTH, 2.2 * len(cohorts) + 0.2))  # fmt: skip
    for line, cohort in zip(axes, cohorts, strict=True):
        for ax, vessel in zip(line, vessels, strict=True):
            part = boxes[(boxes["cohort"] == cohort) & (boxes["vessel"] == vessel)]
            grade_boxes(part, title=str(vessel) if cohort == cohorts[0] else " ", top=tops[vessel], ax=ax)
        name = str(cohort).replace("followup", "follow-up").capitalize()
        line[0].set_ylabel(f"{name}\nprobability of severe stenosis", fontsize=7.5)
    return figure


def step_marks(steps: pd.DataFrame, *, by: str = "step", ax: Axes | None = None) -> Axes:
    """Draw, for each vessel, the chance that the higher of two grades has the higher probability.

    Parameters
    ----------
    steps : vessel, estimate, low, high and the column `by`
    by : column that tells the marks of a vessel apart, in the order of first appearance
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(WIDTH, 3.2))[1]
    vessels = [v for v in VESSELS if v in set(steps["vessel"])]
    names = list(dict.fromkeys(steps[by]))
    for i, name in enumerate(names):
        part = steps[steps[by] == name].set_index("vessel").reindex([str(v) for v in vessels])
        x = np.arange(len(vessels)) + (i - (len(names) - 1) / 2) * 0.7 / len(names)
        error = np.vstack([part["estimate"] - part["low"], part["high"] - part["estimate"]])
        ax.errorbar(x, part["estimate"], yerr=np.nan_to_num(error), linestyle="", marker=MARKERS[i], color=SERIES[i],
                    markersize=5, elinewidth=1.2, capsize=2, label=name)  # fmt: skip
        for place, value in zip(x, part["estimate"], strict=True):
            if np.isnan(value):
                ax.text(place, 0.5, " not estimable", rotation=90, fontsize=6.5, ha="center", va="bottom",
                        color=NEUTRAL)  # fmt: skip
    ax.axhline(0.5, color=NEUTRAL, linewidth=0.8, linestyle=":")
    ax.set_xticks(range(len(vessels)), [str(v) for v in vessels])
    ax.set_xlim(-0.5, len(vessels) - 0.5)
    ax.set_ylabel("P(higher probability\nin the higher grade)")
    ax.grid(visible=False, axis="x")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


def percent_curves(bins: pd.DataFrame, *, planted_from: float) -> Figure:
    """Draw the quartiles of the probability by planted percent stenosis, one panel per vessel.

    Parameters
    ----------
    bins : vessel, percent, q25, median, q75, n
    planted_from : percent stenosis below which nothing was planted, shaded
    """
    vessels = [v for v in VESSELS if v in set(bins["vessel"])]
    figure, axes = plt.subplots(1, len(vessels), squeeze=False, figsize=(WIDTH, 2.4))
    for ax, vessel in zip(axes.flat, vessels, strict=True):
        part = bins[bins["vessel"] == vessel]
        ax.axvspan(0, planted_from, color="#EEEEEE", linewidth=0, zorder=0)
        for boundary in GRADE_BOUNDARIES:
            ax.axvline(boundary, color=NEUTRAL, linewidth=0.6, linestyle=":")
        ax.fill_between(
            part["percent"], part["q25"], part["q75"], color=COLOURS[vessel], alpha=0.25, linewidth=0
        )
        ax.plot(part["percent"], part["median"], color=COLOURS[vessel], linestyle=LINES[vessel], marker=".")
        ax.set(xlim=(0, 100), title=str(vessel), xlabel="Planted stenosis, %")
        ax.set_ylim(bottom=0)
        ax.tick_params(labelsize=7)
        ax.grid(visible=False, axis="x")
    axes[0, 0].set_ylabel("Probability of severe stenosis")
    return figure
