"""Forest plot of subgroups (Figure 3) and the table of each score against each label."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ccta_lib.plots.style import COLOURS, NEUTRAL, WIDTH, legend_below
from ccta_lib.schema import VESSELS, Vessel

# A contrast's name is a sentence; beside a forest there is room for a formula.
_SHORT = {
    "severe or occluded": "≥ severe",
    "severe only": "severe",
    "occluded only": "occluded",
    "not severe": "< severe",
    " against ": " vs ",
    "<= ": "≤ ",
    ">= ": "≥ ",
}
_GAP = 0.45  # of a row, between factors
_TEXT, _COUNTS = 4, 112  # points right of the axes: where the numbers begin, and where the counts end
_REFERENCES: dict[str, dict[str, Any]] = {
    "paper": {"marker": "D", "markerfacecolor": "white", "color": "black"},
    "ceiling": {"marker": "|", "markersize": 8, "markeredgewidth": 1.6, "color": "black"},
}
_REFERENCE_NAMES = {"paper": "the paper's value", "ceiling": "ideal observer (simulated patients)"}


def row_labels(rows: pd.DataFrame) -> list[str]:
    """Return one short label per row; a factor is named at its first row only."""
    labels, previous = [], None
    for factor, subgroup in rows[["factor", "subgroup"]].itertuples(index=False):
        text = subgroup
        for long, short in _SHORT.items():
            text = text.replace(long, short)
        if factor == "all":
            text = "All"
        elif factor != previous:
            name = "grades" if factor == "stenosis severity" else factor
            text = f"{name[0].upper()}{name[1:]}: {text}"
        labels.append(text)
        previous = factor
    return labels


def forest(
    rows: pd.DataFrame,
    *,
    title: str = "",
    limits: tuple[float, float] | None = None,
    named: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw one vessel's AUC in each subgroup, with the numbers and counts beside each row.

    Parameters
    ----------
    rows : one vessel's factor, subgroup, estimate, low, high, n, n_pos, warning, in order
        Optional columns paper and ceiling are drawn as marks. A row with a warning is hollow and grey; a row
        without an estimate says so.
    title : of the panel
    limits : AUCs at the ends of the axis; an interval that goes on is cut with an arrow head
    named : label the rows
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.6, 4.2))[1]
    vessel = Vessel(rows["vessel"].iloc[0])
    new = rows["factor"].ne(rows["factor"].shift()).to_numpy()
    y = np.arange(len(rows)) + _GAP * np.cumsum(new)
    low_end, high_end = limits or (0.0, 1.0)
    whole = rows[rows["factor"] == "all"]
    if len(whole) and np.isfinite(whole["estimate"].iloc[0]):
        ax.axvline(whole["estimate"].iloc[0], color=COLOURS[vessel], linewidth=0.8, linestyle="--", zorder=0)
    for place, row in zip(y, rows.to_dict("records"), strict=True):
        _row(ax, place, row, COLOURS[vessel], (low_end, high_end))
    for name, style in _REFERENCES.items():
        if name in rows:
            inside = rows[name].between(low_end, high_end)
            ax.plot(rows[name].where(inside), y, linestyle="", **({"markersize": 3.5} | style), zorder=4)
    ax.axvline(0.5, color=NEUTRAL, linewidth=0.8, linestyle=":")
    ax.set_yticks(y, row_labels(rows) if named else [""] * len(rows), fontsize=7)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.set(xlim=(low_end, high_end), ylim=(y[-1] + 0.8, y[0] - 0.8))
    ax.set_xlabel("AUC", fontsize=8)
    ax.set_title(title or str(vessel), loc="left", fontweight="bold", color=COLOURS[vessel])
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    return ax


def _row(ax: Axes, y: float, row: dict[Any, Any], colour: str, limits: tuple[float, float]) -> None:
    counts = f"{row['n_pos']:,}/{row['n']:,}"
    _beside(ax, y, counts, _COUNTS, ha="right")
    estimate, low, high = row["estimate"], row["low"], row["high"]
    known = np.isfinite(estimate)
    text = "not estimable" if not known else f"{estimate:.2f}"
    if known and np.isfinite(low):
        text += f" [{low:.2f}, {high:.2f}]"
    few = bool(row["warning"])
    muted = NEUTRAL if few or not known else "black"
    _beside(ax, y, text, _TEXT, color=muted)
    if not known:
        return
    colour = NEUTRAL if few else colour
    if np.isfinite(low):
        ends = np.clip([low, high], *limits)
        ax.plot(ends, [y, y], color=colour, linewidth=1.1, solid_capstyle="butt")
        for end, value, marker in ((limits[0], low, 4), (limits[1], high, 5)):  # caret left, caret right
            if (value < end) if marker == 4 else (value > end):
                ax.plot(end, y, marker=marker, color=colour, markersize=4, clip_on=False)
    if limits[0] <= estimate <= limits[1]:
        ax.plot(
            estimate, y, marker="s", color=colour, markersize=4, markerfacecolor="white" if few else colour
        )


def _beside(ax: Axes, y: float, text: str, points: float, **style: Any) -> None:
    """Write right of the axes, at a distance that does not depend on their width."""
    ax.annotate(text, (1, y), (points, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
                fontsize=6.5, annotation_clip=False, **style)  # fmt: skip


def forest_limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return axis ends that hold every interval of rows without a warning, in steps of a tenth."""
    kept = rows[rows["warning"] == ""]
    low, high = kept["low"].min(), kept["high"].max()
    if not np.isfinite(low):
        return 0.0, 1.0
    return min(np.floor(low * 10) / 10, 0.4), min(np.ceil(high * 10) / 10, 1.0)


def forest_panels(rows: pd.DataFrame) -> Figure:
    """Draw a forest per vessel, two abreast, on one axis.

    Parameters
    ----------
    rows : as `forest`, of several vessels
    """
    vessels = [v for v in VESSELS if v in set(rows["vessel"])]
    shown = _aligned(rows)
    columns = min(len(vessels), 2)
    lines = -(-len(vessels) // columns)
    height = 0.15 * shown.groupby("vessel").size().max() + 1.0
    figure, axes = plt.subplots(lines, columns, squeeze=False, figsize=(WIDTH, lines * height + 0.4))
    limits = forest_limits(shown)
    for i, (ax, vessel) in enumerate(zip(axes.flat, vessels, strict=False)):
        forest(shown[shown["vessel"] == vessel], limits=limits, named=i % columns == 0, ax=ax)
        top = ax.get_ylim()[1]
        _beside(ax, top, "AUC [interval]", _TEXT, color=NEUTRAL)
        _beside(ax, top, "positive/all", _COUNTS, ha="right", color=NEUTRAL)
    for ax in axes.flat[len(vessels) :]:
        ax.set_axis_off()
    _legend(figure, shown)
    return figure


def _aligned(rows: pd.DataFrame) -> pd.DataFrame:
    """Give every vessel the same rows; a factor that nobody knows keeps its row "unknown" only."""
    keys = ["factor", "subgroup"]
    sizes = rows.groupby(keys, sort=False)["n"].sum().reset_index()
    known = sizes[sizes["subgroup"] != "unknown"].groupby("factor")["n"].sum()
    kept = sizes[(sizes["factor"].map(known).fillna(0) > 0) | (sizes["subgroup"] == "unknown")]
    # "unknown" may first appear with a later vessel, out of its factor's place.
    place = {name: i for i, name in enumerate(dict.fromkeys(rows["factor"]))}
    kept = kept.sort_values("factor", key=lambda f: f.map(place), kind="stable")[keys]
    parts = []
    for vessel, part in rows.groupby("vessel", sort=False):
        full = kept.merge(part, on=keys, how="left").assign(vessel=vessel)
        parts.append(full.fillna({"n": 0, "n_pos": 0, "warning": ""}).astype({"n": int, "n_pos": int}))
    return pd.concat(parts, ignore_index=True)


def _legend(figure: Figure, rows: pd.DataFrame) -> None:
    marks = [Line2D([], [], color="black", marker="s", markersize=4, label="this run")]
    if (rows["warning"] != "").any():
        hollow = Line2D([], [], color=NEUTRAL, marker="s", markersize=4, markerfacecolor="white")
        hollow.set_label("under 10 positive patients: do not interpret")
        marks.append(hollow)
    for name, style in _REFERENCES.items():
        if name in rows and rows[name].notna().any():
            look = {"markersize": 3.5} | style
            marks.append(Line2D([], [], linestyle="", label=_REFERENCE_NAMES[name], **look))
    legend_below(figure, marks, ncols=4)


def specificity_grid(rows: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw AUC of each vessel's score (across) against each vessel's label (down); the own score is framed.

    Parameters
    ----------
    rows : vessel (of the label), score, estimate, low, high
    title : of the panel
    ax : axes to draw in
    """
    ax = ax or plt.subplots(figsize=(3.4, 3.2))[1]
    names = [str(v) for v in VESSELS if v in set(rows["vessel"])]
    cells = {(r["vessel"], r["score"]): r for r in rows.to_dict("records")}
    values = np.array([[cells[label, score]["estimate"] for score in names] for label in names], dtype=float)
    # Shades stop at a mid grey-blue, so that black figures stay readable in every cell.
    ax.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0.45, vmax=1.15, aspect="auto")
    for i, label in enumerate(names):
        for j, score in enumerate(names):
            cell = cells[label, score]
            known = np.isfinite(cell["estimate"])
            text = f"{cell['estimate']:.2f}" if known else "not\nestimable"
            if known and np.isfinite(cell["low"]):
                text += f"\n{cell['low']:.2f}–{cell['high']:.2f}"
            ax.text(j, i, text, ha="center", va="center", fontsize=7, color="black" if known else NEUTRAL)
        ax.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.6))
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="Score of", ylabel="Severe or occluded in", title=title)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax
