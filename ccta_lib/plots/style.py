"""One look for all figures: readable at column width, in grey, and by colour-blind readers."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from ccta_lib.schema import Vessel

# Okabe and Ito's palette; line styles tell the vessels apart without colour.
COLOURS = {Vessel.RCA: "#0072B2", Vessel.LM: "#D55E00", Vessel.LAD: "#009E73", Vessel.LCX: "#AA4499"}
LINES = {Vessel.RCA: "-", Vessel.LM: (0, (1, 1)), Vessel.LAD: (0, (5, 1.5)), Vessel.LCX: (0, (5, 1, 1, 1))}
HIGH_RISK, LOW_RISK, NEUTRAL = "#D55E00", "#0072B2", "#666666"
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
SERIES = ("#000000", "#0072B2", "#D55E00", "#009E73", "#AA4499", "#777777", "#8C510A")
WIDTH = 7.2  # inches: a text column of the book
MOST_MARKS = 1000  # of a kind in a panel; more are pixels, or a vector file would grow with the cohort


def apply_style() -> None:
    """Set matplotlib's defaults for the book; vector files keep text as text and carry no random ids.

    Whatever settings lie in the folder or home one works in are put back first: a figure depends on the book alone.
    """
    mpl.rcdefaults()
    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "savefig.dpi": 200,
            "savefig.bbox": "tight",
            "figure.constrained_layout.use": True,
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#E3E3E3",
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "legend.fontsize": 8,
            "lines.linewidth": 1.6,
            "svg.fonttype": "none",
            "path.simplify_threshold": 0.25,  # points: long curves would make megabytes of SVG
            "svg.hashsalt": "ccta",
            "pdf.fonttype": 42,
        }
    )
    plt.switch_backend("agg")


def legend_below(figure: Figure, handles: Sequence[Artist], *, ncols: int = 4) -> None:
    """Put one legend for all panels below them, and settle the layout: call it last.

    Saving with a tight box swaps the figure's own box, and a legend bound to that would slide onto the mark; so
    once room is made for it, it is bound to the figure's coordinates.
    """
    legend = figure.legend(handles=list(handles), loc="outside lower center", ncols=ncols, fontsize=7)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    legend.set_bbox_to_anchor((0, 0, 1, 1), transform=figure.transFigure)


def mark(figure: Figure, text: str) -> None:
    """Write the origin of the patients into the figure, where cropping a caption cannot remove it."""
    below = -0.15 / figure.get_figheight()  # inches under the figure, whatever its height
    figure.text(0.995, below, text, ha="right", va="top", fontsize=7, color="#555555", style="italic")
