"""Several models side by side: AUC with differences, and decision curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ccta_lib.plots.style import COLOURS, NEUTRAL, SERIES, WIDTH, legend_below
from ccta_lib.schema import VESSELS, Vessel

# Thin and unbroken, since dashes tell the models apart.
DEFAULTS = {"all": {"color": "0.6", "linestyle": "-", "linewidth": 0.8},
            "none": {"color": "0.2", "linestyle": "-", "linewidth": 0.5}}  # fmt: skip
LINE_STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))


def model_dots(rows: pd.DataFrame, order: Sequence[str], *, zero: float | None = None, ax: Axes) -> Axes:
    """Draw one estimate with its interval per model, from top to bottom.

    Parameters
    ----------
    rows : of one vessel: model, vessel, estimate, low, high
    order : models, top first; one without an estimate keeps its empty row
    zero : where a difference is nothing; draws a line there
    ax : axes to draw in
    """
    found = rows.set_index("model").reindex(list(order))
    place = np.arange(len(order))
    vessel = rows["vessel"].iloc[0] if len(rows) else ""
    colour = COLOURS[Vessel(vessel)] if vessel in set(VESSELS) else "black"
    ax.hlines(place, found["low"], found["high"], color=colour, linewidth=1.2)
    ax.plot(found["estimate"], place, linestyle="", marker="s", markersize=3.5, color=colour)
    if zero is not None:
        ax.axvline(zero, color=NEUTRAL, linewidth=0.8, linestyle=":")
    ax.set(ylim=(len(order) - 0.4, -0.6))
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    return ax


def model_forest(
    auc: pd.DataFrame, differences: pd.DataFrame, names: Mapping[str, str], *, reference: str
) -> Figure:
    """Draw AUC above and the difference from one model below, a column per vessel and the macro mean.

    Parameters
    ----------
    auc, differences : model, vessel, estimate, low, high
    names : models in order, and what they are called
    reference : the model that the others are compared with
    """
    vessels = list(dict.fromkeys(auc["vessel"]))
    models = [m for m in names if m in set(auc["model"])]
    height = 0.2 * len(models) + 0.5
    figure, axes = plt.subplots(2, len(vessels), squeeze=False, figsize=(WIDTH, 2 * height + 0.3), sharey=True,
                                sharex="row")  # fmt: skip
    for j, vessel in enumerate(vessels):
        model_dots(auc[auc["vessel"] == vessel], models, zero=0.5, ax=axes[0, j])
        model_dots(differences[differences["vessel"] == vessel], models, zero=0.0, ax=axes[1, j])
        colour = COLOURS[Vessel(vessel)] if vessel in set(VESSELS) else "black"
        axes[0, j].set_title(vessel, loc="left", fontweight="bold", color=colour)
        axes[0, j].set_xlabel("AUC", fontsize=8)
        axes[1, j].set_xlabel("difference", fontsize=8)
    _bound(axes[0], auc, low_end=0.3, high_end=1.0)
    _bound(axes[1], differences, low_end=-0.3, high_end=0.3)
    for row in axes:
        row[0].set_yticks(range(len(models)), [names[m] for m in models], fontsize=7)
    axes[1, 0].set_title(f"minus {names[reference]}", loc="left", fontsize=8, color=NEUTRAL)
    return figure


def _bound(axes: np.ndarray, rows: pd.DataFrame, *, low_end: float, high_end: float) -> None:
    """Keep intervals of tiny samples from squeezing the rest: they run out of the panel."""
    low = np.nanmin([rows["low"].min(), rows["estimate"].min()])
    high = np.nanmax([rows["high"].max(), rows["estimate"].max()])
    margin = 0.05 * (high - low)
    axes[0].set_xlim(max(low - margin, low_end), min(high + margin, high_end))


def benefit_panels(curves: pd.DataFrame, names: Mapping[str, str], thresholds: Mapping[str, float]) -> Figure:
    """Draw decision curves of several models, a panel per vessel.

    Parameters
    ----------
    curves : vessel, model (with "all" and "none"), threshold, net_benefit
    names : models to draw, in order, and what they are called
    thresholds : drawn as an upright line, by vessel
    """
    vessels = list(dict.fromkeys(curves["vessel"]))
    columns = min(len(vessels), 2)
    lines = -(-len(vessels) // columns)
    figure, axes = plt.subplots(lines, columns, squeeze=False, figsize=(WIDTH, 2.5 * lines + 0.4))
    looks = {m: {"color": SERIES[i % len(SERIES)], "linestyle": LINE_STYLES[i % len(LINE_STYLES)],
                 "linewidth": 1.3}
             for i, m in enumerate(names)} | DEFAULTS  # fmt: skip
    for ax, vessel in zip(axes.flat, vessels, strict=False):
        mine = curves[curves["vessel"] == vessel]
        for model, look in looks.items():
            line = mine[mine["model"] == model]
            ax.plot(line["threshold"], line["net_benefit"], **look)
        top = mine.loc[mine["model"] != "all", "net_benefit"].max()
        if vessel in thresholds:
            ax.axvline(thresholds[vessel], color=NEUTRAL, linewidth=0.8, linestyle=":")
            # Ten times the threshold: what is asked of a rare artery lies below a tenth.
            ax.set_xlim(0.0, min(10 * thresholds[vessel], mine["threshold"].max()))
        low_end = -0.25 * max(top, 1e-3)
        ax.set(
            ylim=(low_end, 1.1 * max(top, 1e-3)), xlabel="threshold probability", ylabel="net benefit per ECG"
        )
        ax.set_title(vessel, loc="left", fontweight="bold")
    for ax in axes.flat[len(vessels) :]:
        ax.set_axis_off()
    marks = [Line2D([], [], label=names.get(m, f"treat {m}"), **look) for m, look in looks.items()]
    legend_below(figure, marks, ncols=3)
    return figure
