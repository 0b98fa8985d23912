"""A 12-lead ECG on paper grid, as a cardiologist reads it: 25 mm/s, 10 mm/mV."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ccta_lib.plots.thinning import thinned
from ccta_lib.schema import LEADS

GRID = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM = "II"
COLUMN_SECONDS = 2.5
ROW_MILLIVOLT = 3.0
TOLERANCE_MV = 0.015  # a seventh of a small square, less than the width of the line


def ecg_paper(
    signal: np.ndarray, sampling_hz: float = 500, *, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw three rows of four leads and a rhythm strip of lead II.

    Parameters
    ----------
    signal : (12, samples) millivolt, leads as `ccta_lib.schema.LEADS`, at least 10 s
    sampling_hz : samples per second
    title : above the paper
    ax : axes to draw in; its aspect is set so that 1 mV is as high as 0.4 s is wide
    """
    ax = ax or plt.subplots(figsize=(7.2, 4.3))[1]
    seconds, rows = COLUMN_SECONDS * len(GRID[0]), len(GRID) + 1
    _grid(ax, seconds, rows * ROW_MILLIVOLT)
    for r, leads in enumerate((*GRID, (RHYTHM,))):
        base = (rows - r - 0.5) * ROW_MILLIVOLT
        for c, lead in enumerate(leads):
            start = round(c * COLUMN_SECONDS * sampling_hz)
            stop = round((seconds if len(leads) == 1 else (c + 1) * COLUMN_SECONDS) * sampling_hz)
            trace = signal[LEADS.index(lead), start:stop]
            time = (start + np.arange(trace.size)) / sampling_hz
            line = thinned(time, base + np.clip(trace, -ROW_MILLIVOLT, ROW_MILLIVOLT), TOLERANCE_MV)
            ax.plot(*line.T, color="black", linewidth=0.6)
            ax.text(start / sampling_hz + 0.06, base + 0.9, lead, fontsize=7, fontweight="bold")
    ax.set(xlim=(0, seconds), ylim=(0, rows * ROW_MILLIVOLT), title=title)
    ax.set_aspect(0.4)
    ax.set_xlabel("25 mm/s, 10 mm/mV: a small square is 0.04 s by 0.1 mV", fontsize=7)
    ax.set(xticks=[], yticks=[])
    return ax


def _grid(ax: Axes, seconds: float, millivolts: float) -> None:
    """Draw small and large squares as two collections: thousands of single lines would bloat the SVG."""
    ax.grid(visible=False)
    for x_step, y_step, colour, width in ((0.04, 0.1, "#F6D5D5", 0.3), (0.2, 0.5, "#E9A8A8", 0.6)):
        xs, ys = np.arange(0, seconds + 1e-9, x_step), np.arange(0, millivolts + 1e-9, y_step)
        lines = [np.array([(x, 0), (x, millivolts)]) for x in xs]
        lines += [np.array([(0, y), (seconds, y)]) for y in ys]
        ax.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=0))


def ecg_figure(signal: np.ndarray, sampling_hz: float = 500, *, title: str = "") -> Figure:
    """Return a figure of one ECG on paper grid; see `ecg_paper`."""
    figure, ax = plt.subplots(figsize=(7.2, 4.3))
    ecg_paper(signal, sampling_hz, title=title, ax=ax)
    return figure
