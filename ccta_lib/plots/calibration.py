"""Calibration curves (Figure 5), what recalibration changes, and calibration against the planted risk."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ccta_lib.plots.style import (
    COLOURS,
    HIGH_RISK,
    LOW_RISK,
    MARKERS,
    MOST_MARKS,
    NEUTRAL,
    SERIES,
    WIDTH,
    legend_below,
)
from ccta_lib.schema import VESSELS, Vessel

_BANDS = (("99", "#D9D9D9"), ("95", "#B5B5B5"))
_RISKS = {"high": (HIGH_RISK, "o", HIGH_RISK), "low": (LOW_RISK, "s", "white")}


def calibration_panel(
    points: pd.DataFrame,
    curve: pd.DataFrame,
    *,
    robust: pd.DataFrame | None = None,
    threshold: float | None = None,
    end: float = 1.0,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw observed against predicted risk: groups of patients, smoothed curve, bands.

    Parameters
    ----------
    points : mean_p, observed, risk ("high" or "low"; filled circles and hollow squares)
    curve : p, observed, low_95, high_95, low_99, high_99; NaN where a band is undefined
    robust : p, observed of a second curve, drawn thin
    threshold : risk at which groups are divided, drawn as a line
    end : upper end of both axes; groups beyond it are counted in the panel
    title : of the panel
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 3.4))[1]
    curve, robust = _thinned(curve), None if robust is None else _thinned(robust)
    for level, shade in _BANDS:
        ax.fill_between(curve["p"], curve[f"low_{level}"], curve[f"high_{level}"], color=shade, linewidth=0)
    ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=":")
    if threshold is not None:
        ax.axvline(threshold, color=HIGH_RISK, linewidth=0.8, linestyle=(0, (4, 2)))
    for risk, (colour, marker, face) in _RISKS.items():
        part = points[points["risk"] == risk]
        ax.plot(part["mean_p"], part["observed"], linestyle="", marker=marker, markersize=3.2, color=colour,
                markerfacecolor=face, markeredgewidth=0.7, rasterized=len(part) > MOST_MARKS)  # fmt: skip
    ax.plot(curve["p"], curve["observed"], color="black")
    if robust is not None:
        ax.plot(robust["p"], robust["observed"], color="black", linewidth=0.9, linestyle=(0, (2, 1)))
    margin = 0.015 * end
    ax.set(xlim=(-margin, end + margin), ylim=(-margin, end + margin))
    beyond = int(((points["mean_p"] > end + margin) | (points["observed"] > end + margin)).sum())
    if beyond:
        ax.text(0.98, 0.07, f"{beyond} of {len(points)} groups lie beyond the axes", transform=ax.transAxes,
                ha="right", fontsize=6.5, color=NEUTRAL)  # fmt: skip
    ax.set_title(title, loc="left", fontsize=7.5)
    ax.set(xlabel="Predicted probability", ylabel="Observed share")
    ax.set_aspect("equal")
    return ax


def _thinned(curve: pd.DataFrame, *, most: int = 120) -> pd.DataFrame:
    """Keep at most so many vertices, both ends among them: more cannot be seen and make the file heavy."""
    kept = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), most)).round().astype(int))
    return curve.iloc[kept]


def calibration_panels(
    points: pd.DataFrame,
    curves: pd.DataFrame,
    titles: pd.Series,
    *,
    robust: pd.DataFrame | None = None,
    thresholds: dict[str, float] | None = None,
    ends: dict[str, float] | None = None,
) -> Figure:
    """Draw a panel per vessel of `titles`, two abreast; a vessel without points says so.

    Parameters
    ----------
    points, curves, robust : as `calibration_panel`, with `vessel`
    titles : text by vessel
    thresholds, ends : by vessel
    """
    vessels = [v for v in VESSELS if v in titles.index]
    columns = min(len(vessels), 2)
    lines = -(-len(vessels) // columns)
    figure, axes = plt.subplots(lines, columns, squeeze=False, figsize=(WIDTH, 3.75 * lines + 0.4))
    for ax, vessel in zip(axes.flat, vessels, strict=False):
        mine = points[points["vessel"] == vessel] if len(points) else points
        if not len(mine):
            ax.text(
                0.5, 0.5, "no known grade: not estimable", transform=ax.transAxes, ha="center", color=NEUTRAL
            )
            ax.set_title(titles[vessel], loc="left", fontsize=7.5)
            ax.set(xticks=[], yticks=[])
            continue
        thin = robust[robust["vessel"] == vessel] if robust is not None else None
        threshold, end = (thresholds or {}).get(vessel), (ends or {}).get(vessel, 1.0)
        curve = curves[curves["vessel"] == vessel]
        calibration_panel(mine, curve, robust=thin, threshold=threshold, end=end, title=titles[vessel], ax=ax)
    for ax in axes.flat[len(vessels) :]:
        ax.set_axis_off()
    _legend(figure, robust is not None)
    return figure


def _legend(figure: Figure, robust: bool) -> None:
    names = {"high": "group at or above the risk threshold", "low": "group below it"}
    marks: list[Line2D | Patch] = [
        Line2D([], [], linestyle="", marker=m, color=c, markerfacecolor=f, markersize=4, label=names[r])
        for r, (c, m, f) in _RISKS.items()
    ]
    marks.append(Line2D([], [], color="black", label="LOWESS"))
    if robust:
        thin = Line2D([], [], color="black", linewidth=0.9, linestyle=(0, (2, 1)))
        thin.set_label("LOWESS, robust iterations (as published)")
        marks.append(thin)
    marks += [Patch(color=shade, label=f"{level} % band") for level, shade in reversed(_BANDS)]
    marks.append(Line2D([], [], color=NEUTRAL, linewidth=0.8, linestyle=":", label="perfect agreement"))
    legend_below(figure, marks, ncols=4)


def recalibration_marks(
    rows: pd.DataFrame,
    *,
    targets: dict[str, float],
    limits: dict[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw one panel per metric: per vessel a mark with its interval for each form of recalibration.

    Parameters
    ----------
    rows : vessel, metric, recalibration, estimate, low, high
    targets : metrics to draw and the value of perfect calibration, drawn as a line
    limits : ends of the axes by metric; a mark beyond them is drawn as an arrow at the edge
    """
    vessels = [v for v in VESSELS if v in set(rows["vessel"])]
    forms = list(dict.fromkeys(rows["recalibration"]))
    figure, axes = plt.subplots(
        1, len(targets), squeeze=False, sharey=True, figsize=(WIDTH, 0.75 * len(vessels) + 1)
    )
    for ax, (metric, target) in zip(axes.flat, targets.items(), strict=True):
        ends = (limits or {}).get(metric)
        for i, form in enumerate(forms):
            part = rows[(rows["metric"] == metric) & (rows["recalibration"] == form)]
            part = part.drop_duplicates("vessel").set_index("vessel").reindex([str(v) for v in vessels])
            y = np.arange(len(vessels)) + (i - (len(forms) - 1) / 2) * 0.8 / len(forms)
            error = np.vstack([part["estimate"] - part["low"], part["high"] - part["estimate"]])
            ax.errorbar(part["estimate"], y, xerr=np.nan_to_num(error), linestyle="", marker=MARKERS[i],
                        color=SERIES[i], markersize=4, elinewidth=1, label=form)  # fmt: skip
            if ends:
                for value, place in zip(part["estimate"], y, strict=True):
                    if value < ends[0] or value > ends[1]:
                        ax.plot(np.clip(value, *ends), place, marker=4 if value < ends[0] else 5, color=SERIES[i],
                                markersize=5, clip_on=False)  # fmt: skip
        for place, vessel in enumerate(vessels):
            if rows[(rows["metric"] == metric) & (rows["vessel"] == vessel)]["estimate"].isna().all():
                ax.text(0.5, place, "not estimable", transform=ax.get_yaxis_transform(), ha="center", va="center",
                        fontsize=7, color=NEUTRAL)  # fmt: skip
        ax.axvline(target, color=NEUTRAL, linewidth=0.8, linestyle=":")
        ax.set_xlabel(metric[0].upper() + metric[1:])
        if ends:
            ax.set_xlim(*ends)
        ax.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(range(len(vessels)), [str(v) for v in vessels])
    axes[0, 0].invert_yaxis()
    legend_below(figure, axes[0, 0].get_legend_handles_labels()[0], ncols=len(forms))
    return figure


def ideal_panels(groups: pd.DataFrame, *, ends: dict[str, float] | None = None) -> Figure:
    """Draw each group's observed share and its mean planted risk against its predicted probability.

    Parameters
    ----------
    groups : vessel, mean_p, observed, ideal
    ends : upper end of both axes by vessel
    """
    vessels = [v for v in VESSELS if v in set(groups["vessel"])]
    figure, axes = plt.subplots(1, len(vessels), squeeze=False, figsize=(WIDTH, 2.5))
    for ax, vessel in zip(axes.flat, vessels, strict=True):
        part = groups[groups["vessel"] == vessel]
        end, pixels = (ends or {}).get(vessel, 1.0), len(part) > MOST_MARKS
        ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=":")
        ax.plot(part["mean_p"], part["observed"], linestyle="", marker="o", markersize=3, color=NEUTRAL,
                markerfacecolor="white", markeredgewidth=0.6, label="observed share of labels",
                rasterized=pixels)  # fmt: skip
        ax.plot(part["mean_p"], part["ideal"], linestyle="", marker="D", markersize=2.6, color=COLOURS[Vessel(vessel)],
                label="mean risk by the ideal observer", rasterized=pixels)  # fmt: skip
        ax.set(xlim=(0, end), ylim=(0, end), title=str(vessel), xlabel="Predicted probability")
        ax.set_aspect("equal")
        ax.tick_params(labelsize=7)
    axes[0, 0].set_ylabel("Risk")
    marks = [Line2D([], [], linestyle="", marker="o", color=NEUTRAL, markerfacecolor="white", markersize=3.5,
                    label="observed share of labels"),
             Line2D([], [], linestyle="", marker="D", color="black", markersize=3.5,
                    label="mean risk by the ideal observer")]  # fmt: skip
    legend_below(figure, marks, ncols=2)
    return figure
