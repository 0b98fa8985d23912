"""ROC curves (Figures 1 and 2) and AUCs side by side."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ccta_lib.plots.style import COLOURS, LINES, MARKERS, NEUTRAL, SERIES, WIDTH
from ccta_lib.plots.thinning import thinned
from ccta_lib.schema import VESSELS, Vessel

TOLERANCE = 0.002  # of an axis: less than the width of the line


def roc_curves(curves: pd.DataFrame, aucs: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw one curve per vessel, named in the legend with its AUC and interval.

    Parameters
    ----------
    curves : vessel, sensitivity, specificity; rows of a curve in order
    aucs : one row per vessel: vessel, estimate, low, high, n_pos, n; a vessel without a curve is still listed
    title : of the panel
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 3.4))[1]
    ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=":")
    row: Any
    for row in aucs.itertuples():
        vessel = Vessel(row.vessel)
        curve = curves[curves["vessel"] == vessel]
        if np.isnan(row.estimate):
            label = f"{vessel} not estimable ({row.n_pos}/{row.n})"
        elif np.isnan(row.low):
            label = f"{vessel} {row.estimate:.2f} ({row.n_pos}/{row.n})"
        else:
            label = f"{vessel} {row.estimate:.2f} [{row.low:.2f}, {row.high:.2f}] ({row.n_pos}/{row.n})"
        ax.plot(*_staircase(curve), color=COLOURS[vessel], linestyle=LINES[vessel], label=label)
    ax.set(
        xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel="1 − specificity", ylabel="Sensitivity", title=title
    )
    ax.set_aspect("equal")
    ax.legend(
        loc="lower right",
        title="AUC [95 % CI] (positive/all)",
        fontsize=7,
        title_fontsize=7,
        frameon=True,
        framealpha=0.85,
        edgecolor="none",
        alignment="right",
        borderpad=0.2,
    )
    return ax


def _staircase(curve: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of a curve without the steps too small to see.

    Seen along the diagonal a staircase never turns back, so it can be thinned as a function.
    """
    x, y = 1 - curve["specificity"].to_numpy(), curve["sensitivity"].to_numpy()
    if not len(x):
        return x, y
    along, across = thinned(y + x, y - x, TOLERANCE).T
    return (along - across) / 2, (along + across) / 2


def roc_panels(curves: pd.DataFrame, aucs: pd.DataFrame, *, by: str = "panel") -> Figure:
    """Draw a row of ROC panels.

    Parameters
    ----------
    curves, aucs : as for `roc_curves`, with `cohort`, `subgroup` or `unit` to tell panels apart
    by : "panel" = one per cohort and subgroup, "unit" = one per level
    """
    names = (lambda t: _panel_name(t["cohort"], t["subgroup"])) if by == "panel" else lambda t: t["unit"]
    panel_of_auc, panel_of_curve = names(aucs), names(curves)
    order = list(dict.fromkeys(panel_of_auc))
    columns = min(len(order), 2)
    figure, axes = plt.subplots(-(-len(order) // columns), columns, squeeze=False, layout="constrained",
                                figsize=(WIDTH, 3.6 * -(-len(order) // columns)))  # fmt: skip
    for ax, name in zip(axes.flat, order, strict=False):
        roc_curves(
            curves[panel_of_curve == name],
            aucs[panel_of_auc == name],
            title=name[0].upper() + name[1:],
            ax=ax,
        )
    for ax in axes.flat[len(order) :]:
        ax.set_axis_off()
    return figure


def _panel_name(cohort: pd.Series, subgroup: pd.Series) -> pd.Series:
    names = cohort.astype(str).replace("followup", "follow-up")
    return names.where(subgroup == "all", names + ", " + subgroup.astype(str))


def auc_intervals(
    rows: pd.DataFrame, *, by: list[str], reference: str = "", ax: Axes | None = None, chance: float = 0.5
) -> Axes:
    """Draw AUCs with intervals: one group of marks per vessel, one mark per combination of `by`.

    Parameters
    ----------
    rows : vessel, estimate, low, high and the columns `by`; a missing interval leaves the point alone
    by : columns that tell the marks of a vessel apart, in the order of first appearance
    reference : column with a value drawn as a hollow mark on the same line; empty = none
    ax : axes to draw in
    chance : AUC at which a line is drawn
    """
    ax = ax or plt.subplots(figsize=(WIDTH, 4))[1]
    name = rows[by].astype(str).agg(", ".join, axis=1).str.replace(", all", "")
    order = list(dict.fromkeys(name))
    vessels = [v for v in VESSELS if v in set(rows["vessel"])]
    step = 0.8 / max(len(order), 1)
    for i, label in enumerate(order):
        part = rows[name == label].set_index("vessel").reindex(vessels)
        y = np.arange(len(vessels)) + (i - (len(order) - 1) / 2) * step
        error = np.vstack([part["estimate"] - part["low"], part["high"] - part["estimate"]])
        style: dict[str, Any] = {"marker": MARKERS[i], "color": SERIES[i], "markersize": 5}
        ax.errorbar(part["estimate"], y, xerr=np.nan_to_num(error), fmt="none", color=SERIES[i], elinewidth=1.2,
                    capsize=2)  # fmt: skip
        ax.plot(part["estimate"], y, linestyle="", label=label, **style)
        if reference:
            hollow = f"{label}, {reference}" if part[reference].notna().any() else None
            ax.plot(part[reference], y, linestyle="", markerfacecolor="white", label=hollow, **style)
    ax.axvline(chance, color=NEUTRAL, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(vessels)), [str(v) for v in vessels])
    ax.invert_yaxis()
    ax.set_xlabel("AUC")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax
