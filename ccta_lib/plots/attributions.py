"""Attribution maps beside what was planted, their scores, sanity checks, and answers to a removed stenosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ccta_lib.plots.style import COLOURS, HIGH_RISK, LOW_RISK, MARKERS, NEUTRAL, SERIES, WIDTH, legend_below
from ccta_lib.schema import LEADS, Vessel

MAP_COLOURS = "RdBu_r"


def heat_map(
    values: np.ndarray, ms: np.ndarray, *, beat: np.ndarray | None = None, ax: Axes | None = None
) -> Axes:
    """Draw one map: leads down, time across, colour by value as a share of the map's largest.

    Parameters
    ----------
    values : (leads, times); one lead is drawn as one broad strip
    ms : (times,) evenly spaced, ms from R
    beat : (leads, times) mean beat, drawn as a thin line in each lead
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(1.7, 1.6))[1]
    largest = float(np.nanmax(np.abs(values))) or 1.0
    half = (ms[1] - ms[0]) / 2
    ax.imshow(values / largest, aspect="auto", cmap=MAP_COLOURS, vmin=-1, vmax=1, interpolation="nearest",
              extent=(ms[0] - half, ms[-1] + half, len(values), 0))  # fmt: skip
    if beat is not None and len(values) == len(beat):
        size = np.abs(beat).max() or 1.0
        for lead, line in enumerate(
            beat
        ):  # every second time: closer than this figure can show, and half the file
            ax.plot(ms[::2], lead + 0.5 - 0.9 * line[::2] / size, color="black", linewidth=0.35, alpha=0.7)
    ax.set_ylim(len(values), 0)
    ax.grid(visible=False)
    ax.tick_params(labelsize=6, length=2)
    return ax


def map_grid(
    maps: pd.DataFrame, cells: pd.DataFrame, methods: Sequence[str], *, beat: str,
    waves: Mapping[str, tuple[float, float]],
) -> Figure:  # fmt: skip
    """Draw methods down and vessels across.

    Parameters
    ----------
    maps : method, vessel, lead, ms, mean
    cells : method, vessel, lead, wave, mean, for a method that has no map in time: drawn as blocks
    methods : rows of the figure
    beat : name of the mean beat among the methods of `maps`; drawn into the first row, since once says where waves lie
    waves : windows of the waves, ms from R; their limits are marked in every panel
    """
    vessels = list(dict.fromkeys(maps["vessel"]))
    ms = np.sort(maps["ms"].unique())
    heights = [0.35 if set(maps.loc[maps["method"] == m, "lead"]) - set(LEADS) else 1.25 for m in methods]
    figure, axes = plt.subplots(len(methods), len(vessels), figsize=(WIDTH, sum(heights) + 0.6), sharex=True,
                                squeeze=False, height_ratios=heights, layout="constrained")  # fmt: skip
    limits = sorted({t for window in waves.values() for t in window})
    for line, method in zip(axes, methods, strict=True):
        for ax, vessel in zip(line, vessels, strict=True):
            values = _in_time(maps, cells, method, vessel, ms, waves)
            heat_map(
                values, ms, beat=_matrix(maps, beat, vessel, ms) if method == methods[0] else None, ax=ax
            )
            ax.vlines(limits, 0, len(values), colors="black", linewidth=0.4, linestyles=":", alpha=0.5)
            ax.set_yticks([])
        names = LEADS if len(values) > 1 else ["all leads"]
        line[0].set_yticks(np.arange(len(names)) + 0.5, names, fontsize=4.5)
        line[0].tick_params(axis="y", length=0)
        line[0].set_ylabel(_two_lines(method), fontsize=6.5, rotation=0, ha="right", va="center", labelpad=22)
    for ax, vessel in zip(axes[0], vessels, strict=True):
        ax.set_title(vessel)
    for ax in axes[-1]:
        ax.set_xticks([-200, 0, 200, 400])
        ax.set_xlabel("ms from R", fontsize=7.5)
    return figure


def _in_time(
    maps: pd.DataFrame, cells: pd.DataFrame, method: str, vessel: str, ms: np.ndarray,
    waves: Mapping[str, tuple[float, float]],
) -> np.ndarray:  # fmt: skip
    if (maps["method"] == method).any():
        return _matrix(maps, method, vessel, ms)
    mine = cells[(cells["method"] == method) & (cells["vessel"] == vessel)]
    blocks = mine.pivot_table(index="lead", columns="wave", values="mean", sort=False).reindex(list(LEADS))
    out = np.zeros((len(LEADS), ms.size))
    for wave, (low, high) in waves.items():
        inside = (ms >= low) & (ms < high)
        # A wave's value is spread over its length, so that colour means the same at each time as in the other maps.
        out[:, inside] = blocks[wave].to_numpy()[:, None] / max(int(inside.sum()), 1)
    return out


def _matrix(maps: pd.DataFrame, method: str, vessel: str, ms: np.ndarray) -> np.ndarray:
    mine = maps[(maps["method"] == method) & (maps["vessel"] == vessel)]
    wide = mine.pivot_table(index="lead", columns="ms", values="mean", sort=False)
    order = [lead for lead in LEADS if lead in wide.index] or list(wide.index)
    return wide.reindex(index=order, columns=ms).to_numpy(dtype=float)


def _two_lines(text: str) -> str:
    words = text.split()
    half = (len(words) + 1) // 2
    return text if len(words) < 2 else " ".join(words[:half]) + "\n" + " ".join(words[half:])


def score_panel(
    rows: pd.DataFrame, *, title: str = "", trivial: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    """Draw one score per method with its interval; a tick marks what chance reaches.

    Parameters
    ----------
    rows : method, estimate, low, high, chance; drawn from top to bottom
    title : of the panel
    trivial : methods drawn hollow, because they never see a network
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.6, 2.4))[1]
    for y, row in enumerate(rows.to_dict("records")):
        hollow = row["method"] in trivial
        colour = NEUTRAL if hollow else HIGH_RISK
        ax.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.4)
        ax.plot(row["estimate"], y, MARKERS[1] if hollow else MARKERS[0], color=colour, markersize=5,
                markerfacecolor="white" if hollow else colour)  # fmt: skip
        ax.plot([row["chance"]] * 2, [y - 0.3, y + 0.3], color="black", linewidth=1)
    ax.set_yticks(range(len(rows)), rows["method"], fontsize=7)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    # An interval over few seeds may leave the range a score can have.
    ax.set_xlim(-0.5, 1.05)
    ax.set_title(title, fontsize=8.5)
    ax.tick_params(axis="x", labelsize=7)
    return ax


def score_figure(
    panels: Mapping[str, pd.DataFrame],
    *,
    trivial: Sequence[str] = (),
    xlabels: Mapping[str, str] | None = None,
) -> Figure:
    """Draw several scores side by side: title -> rows of `score_panel`, the same methods in each.

    `xlabels` says by title what a panel's axis is.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 0.24 * max(map(len, panels.values())) + 0.9),
                                squeeze=False, layout="constrained")  # fmt: skip
    names = next(iter(panels.values()))["method"].tolist()
    for ax, (title, rows) in zip(axes[0], panels.items(), strict=True):
        empty = {"estimate": np.nan, "low": np.nan, "high": np.nan, "chance": np.nan}
        full = rows.set_index("method").reindex(names).fillna(empty).reset_index()
        score_panel(full, title=title, trivial=trivial, ax=ax)
        ax.set_xlabel((xlabels or {}).get(title, ""), fontsize=7.5)
        ax.tick_params(axis="y", labelleft=ax is axes[0][0])
    return figure


def sanity_figure(
    checks: pd.DataFrame, cascade: Sequence[str], *, whole: str, shuffled: str, half: float
) -> Figure:
    """Draw how alike maps stay: as the network is drawn anew from the head down, and at the ends for all methods.

    Parameters
    ----------
    checks : check, method, estimate, low, high (similarity of sizes), signed
    cascade : checks in order, from the head down
    whole, shuffled : the checks that all methods meet
    half : line above which a map hardly changes
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.0), layout="constrained",
                                         gridspec_kw={"width_ratios": [1.15, 1]})  # fmt: skip
    steps = [c for c in cascade if (checks["check"] == c).any()]
    several = checks.groupby("method", sort=False)["check"].nunique()
    for (method, colour), marker in zip(
        zip(several[several > 2].index, SERIES, strict=False), MARKERS, strict=False
    ):
        part = checks[checks["method"] == method].set_index("check").reindex(steps)
        at = np.arange(len(steps))
        left.fill_between(at, part["low"], part["high"], color=colour, alpha=0.15, linewidth=0)
        left.plot(
            at, part["estimate"], marker=marker, markersize=4, color=colour, linewidth=1.2, label=method
        )
        left.plot(at, part["signed"], marker=marker, markersize=3, color=colour, linewidth=0.9, linestyle=(0, (2, 1.5)),
                  markerfacecolor="white")  # fmt: skip
    left.set_xticks(range(len(steps)), steps, rotation=35, ha="right", fontsize=6.5)
    left.set_xlabel("drawn anew, from the head down to", fontsize=7.5)
    left.set_ylabel("similarity to the trained network's map", fontsize=7.5)
    methods = list(dict.fromkeys(checks.loc[checks["check"] == whole, "method"]))
    for shift, check, marker, colour in ((-0.14, whole, "o", HIGH_RISK), (0.14, shuffled, "D", LOW_RISK)):
        part = checks[checks["check"] == check].set_index("method").reindex(methods)
        places = np.arange(len(methods)) + shift
        right.hlines(places, part["low"], part["high"], color=colour, linewidth=1.3)
        right.plot(part["estimate"], places, marker, color=colour, markersize=4, label=check)
    right.set_yticks(range(len(methods)), [_two_lines(m) for m in methods], fontsize=6.5)
    right.set_ylim(len(methods) - 0.5, -0.5)
    right.set_xlabel("similarity to the trained network's map", fontsize=7.5)
    left.axhline(half, color=NEUTRAL, linewidth=0.8, linestyle=":")
    right.axvline(half, color=NEUTRAL, linewidth=0.8, linestyle=":")
    for ax in (left, right):
        ax.tick_params(axis="both", labelsize=6.5)
    lines, checks_drawn = (ax.get_legend_handles_labels()[0] for ax in (left, right))
    signed = Line2D(
        [], [], color=NEUTRAL, linewidth=0.9, linestyle=(0, (2, 1.5)), label="values with their sign"
    )
    legend_below(figure, [*lines, signed, *checks_drawn], ncols=3)
    return figure


def change_figure(changes: pd.DataFrame, slopes: Mapping[str, float]) -> Figure:
    """Draw the network's change of log odds against the ideal observer's, one panel per vessel.

    Parameters
    ----------
    changes : vessel, ideal, network
    slopes : vessel -> slope of the line through zero
    """
    vessels = list(dict.fromkeys(changes["vessel"]))
    figure, axes = plt.subplots(1, len(vessels), figsize=(WIDTH, 2.3), sharex=True, sharey=True, squeeze=False,
                                layout="constrained")  # fmt: skip
    ends = np.array([min(0.0, float(changes["ideal"].min())), float(changes["ideal"].max())])
    for ax, vessel in zip(axes[0], vessels, strict=True):
        part = changes[changes["vessel"] == vessel]
        ax.plot(ends, ends, color=NEUTRAL, linewidth=0.8, linestyle=(0, (4, 2)))
        ax.scatter(part["ideal"], part["network"], s=6, color=COLOURS[Vessel(vessel)], alpha=0.5, linewidth=0)
        ax.plot(ends, slopes[vessel] * ends, color="black", linewidth=1.2)
        ax.set_title(f"{vessel}: slope {slopes[vessel]:.2f}", fontsize=8.5)
        ax.tick_params(labelsize=7)
    axes[0][0].set_ylabel("fall by the network", fontsize=8)
    figure.supxlabel("fall of the log odds by the ideal observer", fontsize=8)
    return figure


def group_figure(groups: pd.DataFrame, leads: Sequence[str]) -> Figure:
    """Draw the difference of group means, plain and adjusted, with the adjusted band, and what was planted.

    Parameters
    ----------
    groups : vessel, lead, ms, plain, adjusted, adjusted_low, adjusted_high, planted (mV)
    leads : rows of the figure
    """
    vessels = list(dict.fromkeys(groups["vessel"]))
    figure, axes = plt.subplots(len(leads), len(vessels), figsize=(WIDTH, 1.2 * len(leads) + 0.7), sharex=True,
                                sharey=True, squeeze=False, layout="constrained")  # fmt: skip
    for line, lead in zip(axes, leads, strict=True):
        for ax, vessel in zip(line, vessels, strict=True):
            part = groups[(groups["vessel"] == vessel) & (groups["lead"] == lead)]
            ax.axhline(0, color=NEUTRAL, linewidth=0.5)
            low, high = (1000 * part[f"adjusted_{side}"] for side in ("low", "high"))
            band = ax.fill_between(part["ms"], low, high, color=HIGH_RISK, alpha=0.2, linewidth=0,
                                   label="95 % band of the adjusted")  # fmt: skip
            lines = [
                ax.plot(
                    part["ms"], 1000 * part[name], color=colour, linestyle=style, linewidth=width, label=label
                )[0]
                for name, label, colour, style, width in (
                    ("plain", "difference of group means", LOW_RISK, (0, (3, 1.2)), 1.0),
                    ("adjusted", "adjusted for age, sex and rate", HIGH_RISK, "-", 1.0),
                    ("planted", "planted, all disease", "black", "-", 1.3),
                )
            ]
            ax.tick_params(labelsize=6.5)
        line[0].set_ylabel(f"{lead} (µV)", fontsize=7.5)
    for ax, vessel in zip(axes[0], vessels, strict=True):
        ax.set_title(vessel)
    for ax in axes[-1]:
        ax.set_xlabel("ms from R", fontsize=7.5)
    legend_below(figure, [*lines, band])
    return figure
