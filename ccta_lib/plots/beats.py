"""Mean beats of two groups, four vessels by twelve leads (Figure 8), and what was planted beside what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ccta_lib.plots.style import HIGH_RISK, LOW_RISK, NEUTRAL, WIDTH
from ccta_lib.plots.thinning import thinned
from ccta_lib.schema import LEADS, VESSELS

MARKED_WAVES: Mapping[str, tuple[float, float]] = {"P": (-220, -60), "QRS": (-60, 60), "ST-T": (60, 420)}
SHADES = {"P": "#F3F3F3", "QRS": "#E4E4E4", "ST-T": "#F3F3F3"}
STYLES: tuple[dict[str, Any], dict[str, Any]] = (
    {"color": HIGH_RISK, "linestyle": "-"}, {"color": LOW_RISK, "linestyle": (0, (3, 1.2))},
)  # fmt: skip
# Fixed places: laying out 48 panels anew for every file takes longer than drawing them. An engine that does nothing
# stands in for none, because after saving matplotlib would replace none by the style's default.
FIXED = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True)
BAND = 0.5  # standard deviations drawn on either side of the mean
# What thinning may move a line or the edge of a band, in heights of a panel; keeps the file small.
TOLERANCE, BAND_TOLERANCE = 0.012, 0.03


def beat_lines(
    rows: pd.DataFrame, groups: Sequence[str], *, height: float, level: float = 0.95, ax: Axes | None = None
) -> Axes:
    """Draw one lead of one vessel: each group's mean, half a standard deviation around it, a bar where they differ.

    Parameters
    ----------
    rows : ms, group, mean, sd and, if compared, p_value; one vessel and lead
    groups : the two groups; the first is drawn solid, the second dashed
    height : height of the panel in units of the beats, by which lines are thinned
    level : clusters with p below 1 - level get a bar
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 2.4))[1]
    for wave, (low, high) in MARKED_WAVES.items():
        ax.axvspan(low, high, color=SHADES[wave], linewidth=0, zorder=0)
    for group, style in zip(groups, STYLES, strict=True):
        part = rows[rows["group"] == group]
        if part.empty:
            continue
        ms, mean, sd = (part[c].to_numpy(dtype=float) for c in ("ms", "mean", "sd"))
        if np.isfinite(sd).any():
            upper, lower = (thinned(ms, mean + side * BAND * sd, BAND_TOLERANCE * height) for side in (1, -1))
            outline = np.vstack([upper, lower[::-1]])
            ax.fill(*outline.T, color=style["color"], alpha=0.18, linewidth=0)
        ax.plot(*thinned(ms, mean, TOLERANCE * height).T, linewidth=0.9, label=group, **style)
    if "p_value" in rows:
        first = rows[rows["group"] == groups[0]]
        for start, stop in _runs(first["ms"].to_numpy(), (first["p_value"] < 1 - level).to_numpy()):
            ax.plot([start, stop], [0.03, 0.03], transform=ax.get_xaxis_transform(), color="black", linewidth=2.2,
                    solid_capstyle="butt", gid="differs")  # fmt: skip
    ax.set_xlim(rows["ms"].min(), rows["ms"].max())
    return ax


def beat_grid(
    beats: pd.DataFrame, contrasts: pd.DataFrame, groups: tuple[str, str], *, unit: str, level: float = 0.95
) -> Figure:
    """Draw vessels across and leads down.

    Parameters
    ----------
    beats : vessel, group, lead, ms, mean, sd and, if compared, p_value
    contrasts : one row per vessel: vessel, n_first, n_second (patients), note; a vessel with an empty group is
        written as such
    groups : names of the two groups
    unit : of the beats, for the axis
    level : see `beat_lines`
    """
    vessels, mine = list(contrasts["vessel"]), beats[beats["group"].isin(groups)]
    figure, axes = plt.subplots(len(LEADS), max(len(vessels), 1), sharex=True, sharey="row", squeeze=False,
                                figsize=(WIDTH, 9.2), layout=FIXED)  # fmt: skip
    figure.subplots_adjust(left=0.1, right=0.995, bottom=0.055, top=0.92, wspace=0.06, hspace=0.06)
    for column, row in zip(axes.T, contrasts.to_dict("records"), strict=False):
        counts = f"{groups[0]} {row['n_first']}, {groups[1]} {row['n_second']}"
        column[0].set_title(f"{row['vessel']}\n{counts}", fontsize=8, pad=10)
        if str(row["note"]).startswith("not estimable"):
            middle, white = column[len(LEADS) // 2], {"facecolor": "white", "linewidth": 0, "pad": 1}
            middle.text(0.5, 0.5, str(row["note"]).replace(": ", ":\n"), transform=middle.transAxes, ha="center",
                        va="center", fontsize=7, color=NEUTRAL, bbox=white)  # fmt: skip
    for line, lead in zip(axes, LEADS, strict=True):
        of_lead = mine[mine["lead"] == lead]
        half = BAND * of_lead["sd"].fillna(0)
        low, high = (of_lead["mean"] - half).min(), (of_lead["mean"] + half).max()
        height = float(high - low) if len(of_lead) and high > low else 1.0
        line[0].set_ylabel(lead, rotation=0, ha="right", va="center", fontweight="bold")
        for ax, vessel in zip(line, vessels, strict=False):
            part = of_lead[of_lead["vessel"] == vessel]
            ax.grid(visible=False)
            ax.tick_params(labelsize=6.5, length=2, left=ax is line[0], bottom=lead == LEADS[-1])
            ax.spines[["left", "bottom"]].set_visible(False)
            ax.locator_params(axis="y", nbins=3)
            if len(part):
                # Fewer columns are wider, and show more detail.
                beat_lines(part, groups, height=height * len(vessels) / len(VESSELS), level=level, ax=ax)
        if len(of_lead):
            # Room below for the bars.
            line[0].set_ylim(low - 0.12 * height, high + 0.04 * height)
    for ax in axes[0]:
        for wave, (first, last) in MARKED_WAVES.items():
            ax.text((first + last) / 2, 1.02, wave, transform=ax.get_xaxis_transform(), ha="center", va="bottom",
                    fontsize=6, color="#444444")  # fmt: skip
    axes[-1, 0].set_xticks([-200, 0, 200, 400, 600])
    figure.text(0.55, 0.015, "Time from R (ms)", ha="center", fontsize=8)
    figure.text(0.005, 0.5, f"Mean beat ({unit})", rotation=90, va="center", fontsize=8)
    figure.legend(
        handles=_legend(groups, level), loc="upper center", bbox_to_anchor=(0.55, 1.0), ncols=4, fontsize=7
    )
    return figure


def _legend(groups: Sequence[str], level: float) -> list[Any]:
    lines = [Line2D([], [], linewidth=1.2, label=g, **s) for g, s in zip(groups, STYLES, strict=True)]
    band = Patch(color=NEUTRAL, alpha=0.25, linewidth=0, label=f"± {BAND} sd of patients")
    bar = Line2D(
        [], [], color="black", linewidth=2.2, label=f"matched groups differ, cluster p < {1 - level:.2g}"
    )
    return [*lines, band, bar]


def planted_leads(planted: pd.DataFrame, *, waves: Sequence[str] = ("st", "t")) -> Figure:
    """Draw, per vessel and wave, the displacement planted and the one found, lead by lead.

    Parameters
    ----------
    planted : vessel, wave, lead, planted, found (mV)
    waves : rows of the figure
    """
    vessels = list(dict.fromkeys(planted["vessel"]))
    figure, axes = plt.subplots(len(waves), len(vessels), figsize=(WIDTH, 1.9 * len(waves)), sharex=True, sharey="row",
                                squeeze=False, layout="constrained")  # fmt: skip
    for line, wave in zip(axes, waves, strict=True):
        for ax, vessel in zip(line, vessels, strict=True):
            part = planted[(planted["vessel"] == vessel) & (planted["wave"] == wave)]
            ax.axhline(0, color=NEUTRAL, linewidth=0.6)
            ax.plot(part["lead"], part["planted"], color="black", linestyle="-", marker="o", markersize=3.5,
                    linewidth=1, label="planted")  # fmt: skip
            ax.plot(part["lead"], part["found"], color=HIGH_RISK, linestyle=(0, (3, 1.2)), marker="D",
                    markerfacecolor="white", markersize=3.5, linewidth=1, label="found in the mean beats")  # fmt: skip
            ax.tick_params(axis="x", rotation=90, labelsize=6.5)
            ax.tick_params(axis="y", labelsize=7)
        line[0].set_ylabel(f"{wave.upper()} (mV)")
    for ax, vessel in zip(axes[0], vessels, strict=True):
        ax.set_title(vessel)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _runs(ms: np.ndarray, inside: np.ndarray) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.r_[False, inside, False].astype(int)))
    return [(float(ms[a]), float(ms[b - 1])) for a, b in edges.reshape(-1, 2)]
