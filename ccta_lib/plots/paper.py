"""The paper beside a run: numbers with intervals, Table 1 on a diagonal, claims as a grid."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ccta_lib.plots.style import HIGH_RISK, LOW_RISK, MARKERS, NEUTRAL, SERIES, WIDTH
from ccta_lib.schema import VESSELS

# Colour, hatch and word, so that a verdict is read without colour.
VERDICTS: dict[str, dict[str, Any]] = {
    "held": {"facecolor": LOW_RISK, "text": "held", "colour": "white"},
    "undecided": {"facecolor": "#F2F2F2", "text": "undecided", "colour": "#444444"},
    "reversed": {"facecolor": HIGH_RISK, "text": "reversed", "colour": "white"},
}


def beside_paper(rows: pd.DataFrame, *, xlabel: str, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw this run's estimate with its interval, the paper's value and the ceiling, one line each.

    Parameters
    ----------
    rows : name, estimate, low, high, paper, ceiling; NaN is left out, a missing estimate is said
    xlabel, title : of the axes
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(WIDTH, 0.8 + 0.22 * len(rows)), layout="constrained")[1]
    y = np.arange(len(rows))
    estimate, low, high = (rows[c].to_numpy(float) for c in ("estimate", "low", "high"))
    bounded = ~np.isnan(low) & ~np.isnan(estimate)
    ax.hlines(y[bounded], low[bounded], high[bounded], color=SERIES[1], linewidth=1.4)
    ax.plot(estimate, y, linestyle="", marker="o", color=SERIES[1], markersize=5, label="this run")
    ax.plot(rows["paper"], y, linestyle="", marker="D", color=SERIES[2], markerfacecolor="white", markersize=5,
            label="paper")  # fmt: skip
    if rows["ceiling"].notna().any():
        ax.plot(rows["ceiling"], y, linestyle="", marker="|", color="black", markersize=10, label="ceiling")
    for place in y[np.isnan(estimate)]:
        x = rows["paper"].iloc[place]
        if np.isfinite(x):
            ax.annotate("not estimable", (x, place), xytext=(7, 0), textcoords="offset points", fontsize=6.5,
                        va="center", color=NEUTRAL)  # fmt: skip
    ax.set_yticks(y, rows["name"])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set(xlabel=xlabel, title=title)
    ax.grid(visible=False, axis="y")
    return ax


def beside_paper_panels(rows: pd.DataFrame, *, panels: dict[str, str]) -> Figure:
    """Draw `beside_paper` for several quantities, one below the other.

    Parameters
    ----------
    rows : with `quantity`
    panels : quantity -> label of its axis
    """
    parts = {q: rows[rows["quantity"] == q] for q in panels}
    heights = [0.8 + 0.22 * len(p) for p in parts.values()]
    figure, axes = plt.subplots(len(parts), 1, figsize=(WIDTH, sum(heights)), squeeze=False, layout="constrained",
                                height_ratios=heights)  # fmt: skip
    handles: dict[str, Any] = {}
    for ax, (quantity, part) in zip(axes.flat, parts.items(), strict=True):
        beside_paper(part, xlabel=panels[quantity], ax=ax)
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3)
    return figure


def table1_diagonal(rows: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw each percentage of Table 1: the paper's across, this run's with its interval up, one mark per cohort.

    Parameters
    ----------
    rows : cohort, paper, estimate, low, high, of quantity "percent"
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(4.6, 4.2), layout="constrained")[1]
    ax.plot([0, 100], [0, 100], color=NEUTRAL, linewidth=0.8, linestyle=":")
    shown = rows[rows["estimate"].notna()]
    for i, (cohort, part) in enumerate(shown.groupby("cohort", sort=False)):
        ax.vlines(part["paper"], part["low"], part["high"], color=SERIES[i + 1], linewidth=1.0)
        ax.plot(part["paper"], part["estimate"], linestyle="", marker=MARKERS[i], color=SERIES[i + 1], markersize=4,
                markerfacecolor="white", label=f"{cohort} ({part['n'].iloc[0]:,} ECGs)")  # fmt: skip
    ax.set(xlim=(-2, 102), ylim=(-2, 102), xlabel="Paper (%)", ylabel="This run (%)")
    ax.set_aspect("equal")
    if len(shown):
        ax.legend(loc="upper left")
    return ax


def claim_grid(claims: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the verdict of each claim for each artery, as a word on a coloured tile.

    Parameters
    ----------
    claims : claim, vessel, verdict, estimate, targeted; a claim without data has vessel ""
    ax : axes to draw in
    """
    names = list(dict.fromkeys(claims["claim"]))
    vessels = [str(v) for v in VESSELS]
    ax = ax or plt.subplots(figsize=(WIDTH, 0.8 + 0.235 * len(names)), layout="constrained")[1]
    for row in claims.to_dict("records"):
        y = names.index(row["claim"])
        if row["vessel"] not in vessels:
            ax.text(0.5, y, row["note"], va="center", fontsize=7, color=NEUTRAL)
            continue
        x, style = vessels.index(row["vessel"]), VERDICTS[row["verdict"]]
        ax.add_patch(
            Rectangle(
                (x + 0.03, y - 0.44),
                0.94,
                0.88,
                facecolor=style["facecolor"],
                edgecolor="white",
                linewidth=0.5,
            )
        )
        number = "" if np.isnan(row["estimate"]) else f"  {round(row['estimate'], 2) + 0.0:.2f}"
        ax.text(
            x + 0.5, y, style["text"] + number, ha="center", va="center", fontsize=7, color=style["colour"]
        )
    targeted = claims.drop_duplicates("claim").set_index("claim")["targeted"]
    ax.set_yticks(range(len(names)), [f"{n} *" if targeted[n] else n for n in names], fontsize=8)
    ax.set_xticks(np.arange(len(vessels)) + 0.5, vessels)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set(xlim=(0, len(vessels)), ylim=(len(names) - 0.4, -0.6))
    ax.grid(visible=False)
    for side in ("bottom", "left"):
        ax.spines[side].set_visible(False)
    if targeted.any():
        star = Line2D(
            [], [], linestyle="", label="* near by construction: the simulation was tuned to these values"
        )
        ax.legend(handles=[star], loc="upper center", bbox_to_anchor=(0.5, -0.01))
    return ax
