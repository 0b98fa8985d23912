"""Figures of the learning curves: AUC against patients, and what pretraining adds at each size."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ccta_lib.plots.style import COLOURS, HIGH_RISK, LINES, LOW_RISK, NEUTRAL
from ccta_lib.schema import Vessel

LOOKS = {
    "nano": (LOW_RISK, "-", "o", "pretrained"),
    "scratch": (HIGH_RISK, (0, (5, 1.5)), "s", "from scratch"),
}


def auc_by_patients(
    curves: pd.DataFrame, single: pd.DataFrame, *, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw mean AUC by size with intervals, single seeds thin, and the ideal observer's AUC.

    Parameters
    ----------
    curves : init, patients, estimate, low, high, ideal; of one vessel
    single : init, patients, seed, auc; of the same vessel
    title : of the axes
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    for shift, (init, part) in zip((0.975, 1.025), curves.groupby("init"), strict=False):
        colour, line, marker, label = LOOKS[str(init)]
        for _, seed in single[single["init"] == init].groupby("seed"):
            seed = seed.sort_values("patients")
            ax.plot(seed["patients"], seed["auc"], color=colour, linewidth=0.5, alpha=0.35)
        x = part["patients"].to_numpy() * shift
        ax.plot(x, part["estimate"], color=colour, linestyle=line, marker=marker, markersize=4, label=label)
        ax.vlines(x, part["low"], part["high"], color=colour, linewidth=1.0)
    ax.axhline(
        float(curves["ideal"].mean()), color="black", linewidth=1.0, linestyle=":", label="ideal observer"
    )
    ax.axhline(0.5, color=NEUTRAL, linewidth=0.6)
    ax.set(ylabel="AUC", title=title)
    _patient_axis(ax, curves["patients"])
    # The lines of .5 and of the ideal observer pass under the legend, not through its words.
    ax.legend(fontsize=7, loc="lower right", framealpha=1.0)
    return ax


def gain_by_patients(
    gains: pd.DataFrame, single: pd.DataFrame, *, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw the paired difference by size with its interval, and each seed's.

    Parameters
    ----------
    gains : patients, estimate, low, high; of one vessel
    single : init, patients, seed, auc; of the same vessel
    title : of the axes
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    wide = {init: part.set_index(["patients", "seed"])["auc"] for init, part in single.groupby("init")}
    difference = (wide["nano"] - wide["scratch"]).reset_index(name="difference")
    ax.plot(
        difference["patients"],
        difference["difference"],
        linestyle="",
        marker=".",
        color=NEUTRAL,
        markersize=4,
    )
    x = gains["patients"] * 1.06
    ax.plot(x, gains["estimate"], color="black", marker="D", markersize=4, linewidth=1.0)
    ax.vlines(x, gains["low"], gains["high"], color="black", linewidth=1.2)
    ax.axhline(0, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
    ax.set(ylabel="AUC, pretrained minus scratch", title=title)
    _patient_axis(ax, gains["patients"])
    return ax


def vessel_ceilings(curves: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw what is left of the ideal observer's lead over chance, per vessel: 0 = reached, 1 = chance.

    Parameters
    ----------
    curves : vessel, patients, estimate, ideal; of one start
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.8))[1]
    for name, part in curves.groupby("vessel", sort=False):
        left = (part["ideal"] - part["estimate"]) / (part["ideal"] - 0.5)
        vessel = Vessel(str(name))
        ax.plot(part["patients"], left, color=COLOURS[vessel], linestyle=LINES[vessel], marker=".",
                label=str(name))  # fmt: skip
    ax.axhline(0, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
    ax.set(ylabel="Share of the ideal observer's\nadvantage not reached")
    _patient_axis(ax, curves["patients"])
    ax.legend(fontsize=7)
    return ax


def _patient_axis(ax: Axes, patients: pd.Series) -> None:
    sizes = np.unique(patients.to_numpy())
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{s:,}" for s in sizes], fontsize=7, rotation=30 if len(sizes) > 4 else 0)
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Patients in the cohort (log scale)")
    ax.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
