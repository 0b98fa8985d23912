"""Infarction over time by risk group (Figure 6): curves with numbers at risk, bars, hazard ratios."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, StrMethodFormatter

from ccta_lib.evaluation.wording import interval_text, p_text
from ccta_lib.plots.style import HIGH_RISK, LOW_RISK, MARKERS, NEUTRAL, SERIES, WIDTH

GROUP_STYLES: dict[str, dict[str, Any]] = {
    "high": {"color": HIGH_RISK, "linestyle": "-"},
    "low": {"color": LOW_RISK, "linestyle": (0, (4, 1.5))},
}
HATCHES = {"high": "", "low": "////"}
ANY_TITLE = {"any": "Any vessel"}


def incidence_curves(
    curves: pd.DataFrame, at_risk: pd.DataFrame, *, kind: str, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw the cumulative incidence of both risk groups, with the numbers at risk below.

    Parameters
    ----------
    curves : of one vessel: group (high, low), kind, time (days), events, incidence, low, high, n, n_events
    at_risk : of that vessel: group, time, at_risk, cumulative_events, n, n_events
    kind : estimator drawn as a thick step line with its band; any other is a thin dotted line
    title : of the panel
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.5, 3.0))[1]
    for group, style in GROUP_STYLES.items():
        for name, part in curves[curves["group"] == group].groupby("kind", sort=False):
            # Between events nothing moves: the steps alone keep the file small.
            steps = part[(part["events"] > 0) | part["time"].isin([part["time"].min(), part["time"].max()])]
            if name != kind:
                ax.step(steps["time"], steps["incidence"], where="post", color=style["color"], linewidth=0.9,
                        linestyle=(0, (1, 1)))  # fmt: skip
                continue
            ax.step(steps["time"], steps["incidence"], where="post", label=group, **style)
            ax.fill_between(steps["time"], steps["low"], steps["high"], step="post", color=style["color"],
                            alpha=0.13, linewidth=0)  # fmt: skip
    times = np.unique(at_risk["time"])
    ax.set(xlabel="Days", title=title, xlim=(0, times.max()), xticks=times)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _numbers_at_risk(ax, at_risk)
    return ax


def _numbers_at_risk(ax: Axes, at_risk: pd.DataFrame) -> None:
    """Write, per group and time, how many are at risk and in brackets the events so far."""
    below = ax.get_xaxis_transform()
    for line, (group, style) in enumerate(GROUP_STYLES.items()):
        y = -0.33 - 0.105 * line
        ax.text(-0.09, y, group, transform=ax.transAxes, ha="right", fontsize=7, color=style["color"])
        rows = at_risk[at_risk["group"] == group]
        for time, people, events in zip(
            rows["time"], rows["at_risk"], rows["cumulative_events"], strict=True
        ):
            ax.text(time, y, f"{people} ({events})", transform=below, ha="center", fontsize=7,
                    color=style["color"])  # fmt: skip


def incidence_panels(
    curves: pd.DataFrame, at_risk: pd.DataFrame, tests: pd.DataFrame, *, kind: str, other: str = ""
) -> Figure:
    """Draw one panel of `incidence_curves` per vessel, its tests in the title.

    Parameters
    ----------
    curves, at_risk : with `vessel`
    tests : vessel, metric ("hazard ratio", "log-rank"), estimate, low, high, p_value, p_holm, interpret, note
    kind, other : estimators drawn thick and thin, as named in the legend
    """
    vessels = list(dict.fromkeys(at_risk["vessel"]))
    n_rows = -(-(len(vessels) + 1) // 2)
    figure, axes = plt.subplots(
        n_rows, 2, figsize=(WIDTH, 2.75 * n_rows), squeeze=False, sharey=True, layout="constrained"
    )
    for ax, vessel in zip(axes.flat, vessels, strict=False):
        rows = at_risk[at_risk["vessel"] == vessel]
        threshold = rows["threshold"].iloc[0]
        name = ANY_TITLE.get(vessel, f"{vessel}, threshold {threshold:g}")
        title = f"{name}\n{_test_text(tests[tests['vessel'] == vessel])}"
        incidence_curves(curves[curves["vessel"] == vessel], rows, kind=kind, title=title, ax=ax)
        ax.title.set_fontsize(8)
    for ax in axes[:, 0]:
        ax.set_ylabel("Infarction")
    figure.get_layout_engine().set(h_pad=0.1)  # type: ignore[union-attr, call-arg]
    # A tiny group's band would press all curves flat; bands may leave the panel, curves may not.
    drawn = curves[curves["kind"] == kind] if len(curves) else pd.DataFrame({"incidence": [], "high": []})
    top = min(1.03 * drawn["high"].max(), 2.2 * drawn["incidence"].max())
    axes[0, 0].set_ylim(0, top if top > 0 else 0.1)
    for ax in axes.flat[len(vessels) :]:
        ax.set_axis_off()
    axes.flat[len(vessels)].legend(handles=_legend(kind, other), loc="center left", fontsize=8)
    return figure


def _test_text(tests: pd.DataFrame) -> str:
    by_metric: dict[Any, dict[Any, Any]] = tests.set_index("metric").to_dict("index")
    ratio, test = by_metric["hazard ratio"], by_metric["log-rank"]
    text = f"HR {interval_text(ratio['estimate'], ratio['low'], ratio['high'])}, log-rank p {p_text(test['p_value'])}"
    if not np.isnan(test["p_holm"]):
        text += f" (Holm {p_text(test['p_holm'])})"
    return text if test["interpret"] else f"{text}\n{test['note'].split('; ')[-1]}"


def _legend(kind: str, other: str) -> list[Any]:
    lines: list[Any] = [
        Line2D([], [], label=f"{group} risk, {kind}", **style) for group, style in GROUP_STYLES.items()
    ]
    lines.append(Patch(color=NEUTRAL, alpha=0.2, label="interval, pointwise"))
    if other:
        lines.append(Line2D([], [], color=NEUTRAL, linewidth=0.9, linestyle=(0, (1, 1)), label=other))
    lines.append(Line2D([], [], linestyle="", label="below: at risk (events so far)"))
    return lines


def incidence_bars(bars: pd.DataFrame) -> Figure:
    """Draw the incidence at a few days after the start as bars with intervals, and the events so far.

    Parameters
    ----------
    bars : vessel, group, time, incidence, low, high, events (since the previous row), n; one kind
    """
    vessels = list(dict.fromkeys(bars["vessel"]))
    n_rows = -(-(len(vessels) + 1) // 3)
    figure, axes = plt.subplots(
        n_rows, 3, figsize=(WIDTH, 2.3 * n_rows), squeeze=False, sharey=True, layout="constrained"
    )
    times = np.unique(bars["time"])
    for ax, vessel in zip(axes.flat, vessels, strict=False):
        for side, group in ((-0.2, "low"), (0.2, "high")):
            part = bars[(bars["vessel"] == vessel) & (bars["group"] == group)].sort_values("time")
            _bars(ax, part, side, group)
        ax.set_xticks(range(len(times)), [f"{t:g}" for t in times])
        ax.set(title=ANY_TITLE.get(vessel, vessel), xlabel="Days")
        ax.grid(visible=False, axis="x")
        ax.set_axisbelow(True)
    for ax in axes[:, 0]:
        ax.set_ylabel("Infarction")
    axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for ax in axes.flat[len(vessels) :]:
        ax.set_axis_off()
    handles = [
        Patch(facecolor=GROUP_STYLES[g]["color"], hatch=HATCHES[g], edgecolor="white", label=f"{g} risk")
        for g in ("low", "high")
    ]
    heading = "Above each bar:\nevents so far"
    axes.flat[len(vessels)].legend(
        handles=handles, loc="center left", title=heading, title_fontsize=8, alignment="left"
    )
    return figure


def _bars(ax: Axes, part: pd.DataFrame, side: float, group: str) -> None:
    x, height = np.arange(len(part)) + side, part["incidence"].to_numpy(float)
    ax.bar(
        x,
        height,
        0.36,
        color=GROUP_STYLES[group]["color"],
        hatch=HATCHES[group],
        edgecolor="white",
        linewidth=0,
    )
    low, high = (np.nan_to_num(part[c].to_numpy(float) - height) for c in ("low", "high"))
    drawn = ~np.isnan(height) & ((low != 0) | (high != 0))
    error = np.abs(np.array([low, high])[:, drawn])
    ax.errorbar(x[drawn], height[drawn], yerr=error, fmt="none", color="black", elinewidth=0.8, capsize=2)
    top = np.fmax(part["high"].to_numpy(float), np.nan_to_num(height))
    for place, y, events, value in zip(x, top, part["events"].cumsum(), height, strict=True):
        text = "n/a" if np.isnan(value) else str(events)
        ax.annotate(text, (place, y), xytext=(0, 1.5), textcoords="offset points", ha="center", fontsize=6.5)


def hazard_ratios(rows: pd.DataFrame, *, series: str, ax: Axes | None = None, reference: str = "") -> Axes:
    """Draw hazard ratios with intervals on a log axis: a group of marks per `name`, a mark per value of `series`.

    Parameters
    ----------
    rows : name, estimate, low, high, interpret, the column `series`; what must not be interpreted is hollow
    series : column that tells the marks of a name apart
    ax : axes to draw in
    reference : column with a value drawn as a cross; empty = none
    """
    names, values = list(dict.fromkeys(rows["name"])), list(dict.fromkeys(rows[series]))
    height = 1.3 + 0.15 * len(names) * max(len(values), 2)
    ax = ax or plt.subplots(figsize=(WIDTH, height), layout="constrained")[1]
    step = 0.8 / max(len(values), 1)
    for i, value in enumerate(values):
        part = rows[rows[series] == value].set_index("name").reindex(names)
        y = np.arange(len(names)) + (i - (len(values) - 1) / 2) * step
        colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
        known = part["estimate"].notna().to_numpy()
        bounded = known & part["low"].notna().to_numpy()
        ax.hlines(y[bounded], part["low"][bounded], part["high"][bounded], color=colour, linewidth=1.2)
        for filled in (True, False):
            shown = known & (part["interpret"].eq(True).to_numpy() == filled)
            ax.plot(part["estimate"][shown], y[shown], linestyle="", marker=marker, color=colour, markersize=5,
                    markerfacecolor=colour if filled else "white")  # fmt: skip
        ax.plot([], [], marker=marker, color=colour, linewidth=1.2, markersize=5, label=str(value))
        if reference:
            ax.plot(
                part[reference], y, linestyle="", marker="x", color="black", markersize=6, markeredgewidth=1.5
            )
        for place in y[~known]:
            ax.text(1.0, place, " not estimable", fontsize=7, va="center", color=NEUTRAL)
    if reference and rows[reference].notna().any():
        ax.plot(
            [],
            [],
            linestyle="",
            marker="x",
            color="black",
            markersize=6,
            markeredgewidth=1.5,
            label=reference,
        )
    ax.axvline(1, color=NEUTRAL, linewidth=0.8, linestyle=":")
    ax.set_xscale("log")
    ends = rows[["estimate", "low", "high"]].to_numpy(float)
    ends = ends[np.isfinite(ends) & (ends > 0)]
    low, high = (max(ends.min(), 0.05), min(ends.max(), 50.0)) if ends.size else (0.5, 2.0)
    ax.set_xlim(min(low, 0.8) / 1.1, max(high, 1.25) * 1.1)
    ax.xaxis.set_major_locator(FixedLocator([0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("Hazard ratio (log scale)")
    ax.grid(visible=False, axis="y")
    if len(values) > 1 or reference:
        figure = ax.figure
        figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return ax
