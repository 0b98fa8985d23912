"""Flow of exclusions: one column of boxes per cohort, what was left out beside the arrow."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from ccta_lib.plots.style import NEUTRAL, WIDTH

TITLES = {"internal": "Internal", "external": "External", "followup": "Follow-up"}
# In text lines: boxes and gaps are as high as the text they hold, so nothing overlaps at any number of reasons.
_PADDING, _GAP = 0.8, 1.4
_INCHES_PER_LINE = 0.165
# Across, in columns of a third of the text width: the middle of a box, and half its width.
_MIDDLE, _HALF = 0.36, 0.345


def flow_diagram(flow: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the flow of ECGs from the cohort table to the analysis.

    Parameters
    ----------
    flow : DataFrame
        From `ccta_lib.cohort.flow.flow_table`.
    ax : Axes, optional
        Without it a figure a third of the text width per cohort, and as high as its text needs.

    Returns
    -------
    Axes
    """
    columns = {name: _boxes(part) for name, part in flow.groupby("cohort", sort=False)}
    # Steps stand at the same height in all cohorts, so a gap is as high as its longest list of reasons.
    n_steps = max(len(boxes) for boxes in columns.values())
    heights = [max(len(c[i][0]) for c in columns.values() if i < len(c)) + _PADDING for i in range(n_steps)]
    gaps = [max(len(c[i][1]) for c in columns.values() if i < len(c)) + _GAP for i in range(1, n_steps)]
    total = sum(heights) + sum(gaps) + 1.6
    if ax is None:
        _, ax = plt.subplots(
            figsize=(WIDTH / 3 * len(columns), total * _INCHES_PER_LINE), layout="constrained"
        )
    ax.set(xlim=(0, len(columns)), ylim=(-total, 0.1))
    ax.axis("off")
    for left, (name, boxes) in enumerate(columns.items()):
        title = TITLES.get(str(name), str(name))
        ax.text(left + _MIDDLE, -0.1, title, ha="center", va="top", weight="bold", fontsize=9)
        top = 1.4
        for step, (lines, reasons) in enumerate(boxes):
            if step:
                _arrow(ax, left + _MIDDLE, top, top + gaps[step - 1], reasons)
                top += gaps[step - 1]
            _box(ax, left + _MIDDLE, top, heights[step], lines)
            top += heights[step]
    return ax


def _boxes(part: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """(lines in the box, lines beside the arrow into it) of each step of one cohort."""
    boxes = []
    for step, rows in part.groupby("step", sort=False):
        last = rows.iloc[-1]
        counts = [
            f"{_number(last['n_ecgs'])} ECG{_s(last['n_ecgs'])}",
            f"{_number(last['n_exams'])} CCTA{_s(last['n_exams'])}, "
            f"{_number(last['n_patients'])} patient{_s(last['n_patients'])}",
        ]
        out = rows[rows["excluded"] > 0]
        beside = [f"{_number(n)} {reason}" for n, reason in zip(out["excluded"], out["reason"], strict=True)]
        wrapped = [line for text in beside for line in textwrap.wrap(text, 22, subsequent_indent="   ")]
        boxes.append(
            ([*textwrap.wrap(str(step), 25), *counts], ["ECGs excluded:", *wrapped] if wrapped else [])
        )
    return boxes


def _box(ax: Axes, x: float, top: float, height: float, lines: list[str]) -> None:
    ax.add_patch(plt.Rectangle((x - _HALF, -top - height), 2 * _HALF, height, facecolor="white", edgecolor="black",
                               linewidth=0.8))  # fmt: skip
    ax.text(x, -top - height / 2, "\n".join(lines), ha="center", va="center", fontsize=7.5, linespacing=1.25)


def _arrow(ax: Axes, x: float, top: float, bottom: float, reasons: list[str]) -> None:
    ax.annotate("", (x, -bottom), (x, -top), arrowprops={"arrowstyle": "-|>", "color": "black", "linewidth": 0.8,
                                                        "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    if reasons:
        middle = -(top + bottom) / 2
        ax.plot([x, x + 0.05], [middle, middle], color=NEUTRAL, linewidth=0.8)
        ax.text(x + 0.07, middle, "\n".join(reasons), ha="left", va="center", fontsize=7, linespacing=1.25)


def _number(value: float) -> str:
    return f"{int(value):,}"


def _s(value: float) -> str:
    return "" if int(value) == 1 else "s"
