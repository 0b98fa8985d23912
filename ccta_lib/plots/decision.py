"""Decision curves (Figure 7), sensitivity and specificity over thresholds (Figure A1), risk groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from ccta_lib.plots.style import HIGH_RISK, LOW_RISK, NEUTRAL, SERIES, WIDTH

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))


def decision_curve(
    curve: pd.DataFrame, *, threshold: float | None = None, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw net benefit of treating by the model, all and none.

    Parameters
    ----------
    curve : threshold, model, treat_all, and optionally ideal (an ideal observer's net benefit); in order
    threshold : risk threshold at which a line stands
    title : of the panel
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    x = curve["threshold"]
    ax.plot(x, curve["treat_all"], color=NEUTRAL, linestyle=DASHES[1], linewidth=1.1, label="treat all")
    ax.axhline(0, color="black", linewidth=0.9, linestyle=DASHES[2], label="treat none")
    if "ideal" in curve and curve["ideal"].notna().any():
        ax.plot(x, curve["ideal"], color=LOW_RISK, linestyle=DASHES[3], linewidth=1.0, label="ideal observer")
    ax.plot(x, curve["model"], color=HIGH_RISK, label="model")
    if threshold is not None:
        ax.axvline(threshold, color=NEUTRAL, linewidth=0.8, linestyle=":")
    shown = curve[[c for c in ("model", "treat_all", "ideal") if c in curve]].to_numpy(float)
    top = max(np.nanmax(shown), 0.01)
    bottom = min(-0.25 * top, 1.1 * np.nanmin(curve["model"]))
    ax.set(title=title, xlabel="Threshold probability", xlim=(x.min(), x.max()), ylim=(bottom, 1.08 * top))
    return ax


def difference_curve(
    curves: pd.DataFrame,
    *,
    series: str,
    threshold: float | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the difference to the better default with its band, one line per value of `series`.

    Parameters
    ----------
    curves : threshold, estimate, low, high and the column `series`
    series : column that tells the lines apart
    threshold : risk threshold at which a line stands
    title : of the panel
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    for i, (value, part) in enumerate(curves.groupby(series, sort=False)):
        ax.fill_between(
            part["threshold"], part["low"], part["high"], color=SERIES[i], alpha=0.15, linewidth=0
        )
        ax.plot(part["threshold"], part["estimate"], color=SERIES[i], linestyle=DASHES[i], label=str(value))
    ax.axhline(0, color="black", linewidth=0.9, linestyle=DASHES[2])
    if threshold is not None:
        ax.axvline(threshold, color=NEUTRAL, linewidth=0.8, linestyle=":")
    ax.set(title=title, xlabel="Threshold probability")
    ax.set_xlim(curves["threshold"].min(), curves["threshold"].max())
    return ax


def vessel_panels(
    curves: pd.DataFrame, draw: Any, *, ylabel: str, thresholds: Mapping[str, float] | None = None,
    events: str = "n_pos", notes: Mapping[str, str] | None = None, **options: Any,
) -> Figure:  # fmt: skip
    """Draw one panel per vessel, two in a row, the legend of the first below all.

    Parameters
    ----------
    curves : with vessel, n and the column `events`, which stand in the title
    draw : function of (rows, threshold=, title=, ax=)
    ylabel : of the left panels
    thresholds : risk threshold of each vessel
    events : column that counts positives or events
    notes : vessel -> why it has no curve; its panel says so
    options : passed on to `draw`
    """
    vessels = list(dict.fromkeys([*curves.get("vessel", []), *(notes or {})]))
    n_rows = max(-(-len(vessels) // 2), 1)
    figure, axes = plt.subplots(n_rows, 2, figsize=(WIDTH, 2.6 * n_rows), squeeze=False, layout="constrained")
    handles: dict[str, Any] = {}
    for ax, vessel in zip(axes.flat, vessels, strict=False):
        rows = curves[curves["vessel"] == vessel] if len(curves) else curves
        if not len(rows):
            ax.set(title=vessel, xticks=[], yticks=[])
            ax.text(
                0.5, 0.5, (notes or {})[vessel], transform=ax.transAxes, ha="center", va="center", wrap=True
            )
            continue
        counts = rows.drop_duplicates(["cohort", events, "n"])
        told = ", ".join(f"{e}/{n}" for e, n in zip(counts[events], counts["n"], strict=True))
        draw(rows, threshold=(thresholds or {}).get(vessel), title=f"{vessel} ({told})", ax=ax, **options)
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel)
    for ax in axes.flat[len(vessels) :]:
        ax.set_axis_off()
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
    return figure


def operating_curve(
    curve: pd.DataFrame, *, points: pd.DataFrame | None = None, threshold: float | None = None, title: str = "",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw sensitivity and specificity over thresholds with bands; marks where opportunistic points lie.

    Parameters
    ----------
    curve : vessel, threshold, sensitivity, specificity, each with _low, _high; one cohort
    points : vessel, metric, estimate, threshold of the opportunistic points
    threshold : risk threshold at which a line stands
    title : of the panel
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    styles = {"sensitivity": (HIGH_RISK, "-", "o"), "specificity": (LOW_RISK, DASHES[1], "s")}
    for rate, (colour, line, marker) in styles.items():
        ax.fill_between(
            curve["threshold"],
            curve[f"{rate}_low"],
            curve[f"{rate}_high"],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
        ax.plot(curve["threshold"], curve[rate], color=colour, linestyle=line, label=rate)
        if points is not None:
            at = points[(points["vessel"] == curve["vessel"].iloc[0]) & (points["metric"] == rate)]
            ax.plot(at["threshold"], at["estimate"], linestyle="", marker=marker, color=colour, markersize=4.5,
                    markerfacecolor="white", label=f"opportunistic, {rate}")  # fmt: skip
    if threshold is not None:
        ax.axvline(threshold, color=NEUTRAL, linewidth=0.8, linestyle=":")
    ax.set(title=title, xlabel="Threshold probability", ylim=(-0.02, 1.02))
    ax.set_xlim(curve["threshold"].min(), curve["threshold"].max())
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return ax


def risk_group_figure(rows: pd.DataFrame, thresholds: Mapping[str, float]) -> Figure:
    """Draw the observed risk above and below each vessel's threshold: here, and at population prevalence.

    Parameters
    ----------
    rows : vessel, place (one panel each), group ("above", "below"), estimate, low, high, n_group, n_pos_group
    thresholds : drawn as a bar across each vessel's line
    """
    places = list(dict.fromkeys(rows["place"]))
    vessels = list(dict.fromkeys(rows["vessel"]))
    figure, axes = plt.subplots(1, len(places), figsize=(WIDTH, 0.9 + 0.55 * len(vessels)), squeeze=False, sharey=True,
                                layout="constrained")  # fmt: skip
    for ax, place in zip(axes.flat, places, strict=True):
        for side, group, colour, marker in ((-0.17, "above", HIGH_RISK, "o"), (0.17, "below", LOW_RISK, "s")):
            part = (
                rows[(rows["place"] == place) & (rows["group"] == group)].set_index("vessel").reindex(vessels)
            )
            y = np.arange(len(vessels)) + side
            floor = 2e-5
            value = part["estimate"].to_numpy(float)
            x = np.where(value > 0, value, floor)
            x = np.where(np.isnan(value), np.nan, x)
            low, high = (part[c].to_numpy(float) for c in ("low", "high"))
            bounded = ~np.isnan(low) & ~np.isnan(x)
            ax.hlines(y[bounded], np.maximum(low[bounded], floor), high[bounded], color=colour, linewidth=1.2)
            ax.plot(x, y, linestyle="", marker=marker, color=colour, markersize=5, label=f"{group} the threshold",
                    markerfacecolor=colour if group == "above" else "white")  # fmt: skip
            for place_y, v, cases, people in zip(y, value, part["n_pos_group"], part["n_group"], strict=True):
                if np.isnan(v):
                    ax.text(floor, place_y, "not estimable", fontsize=6.5, va="center", color=NEUTRAL)
                elif place == places[0]:
                    ax.text(
                        1.5, place_y, f"{cases:.0f}/{people:.0f}", fontsize=6.5, va="center", clip_on=False
                    )
        for i, vessel in enumerate(vessels):
            ax.vlines(thresholds[vessel], i - 0.35, i + 0.35, color="black", linewidth=1.0, linestyle=":",
                      label="risk threshold" if i == 0 else None)  # fmt: skip
        ax.set(xscale="log", xlim=(1.5e-5, 1.2), title=place, xlabel="Observed risk (log scale)")
        ax.xaxis.set_major_locator(FixedLocator([1e-4, 1e-3, 1e-2, 1e-1, 1.0]))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
        ax.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(range(len(vessels)), vessels)
    axes[0, 0].set_ylim(len(vessels) - 0.5, -0.5)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure
