"""The ECG on paper grid: true to scale."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from ccta_lib.plots.ecg import GRID, ROW_MILLIVOLT, TOLERANCE_MV, ecg_figure
from ccta_lib.schema import LEADS


def test_every_lead_is_drawn_where_it_stands_and_to_scale() -> None:
    signal = np.arange(12)[:, None] * 0.1 + np.zeros((12, 5000))
    (ax,) = ecg_figure(signal).axes
    names = [t.get_text() for t in ax.texts]
    assert names == [*GRID[0], *GRID[1], *GRID[2], "II"]
    for line, name in zip(ax.lines, names, strict=True):
        row = len(GRID) if line is ax.lines[-1] else next(i for i, g in enumerate(GRID) if name in g)
        base = (len(GRID) + 0.5 - row) * ROW_MILLIVOLT
        np.testing.assert_allclose(line.get_ydata() - base, 0.1 * LEADS.index(name))
    assert ax.get_aspect() == 0.4  # 1 mV is as high as 0.4 s is wide: 10 mm
    assert ax.lines[-1].get_xdata()[-1] > 9.9
    plt.close("all")


def test_a_noisy_ecg_stays_small_and_true() -> None:
    rng = np.random.default_rng(0)
    signal = 0.03 * rng.normal(size=(12, 5000))
    (ax,) = ecg_figure(signal).axes
    rhythm = ax.lines[-1]
    x, y = np.asarray(rhythm.get_xdata()), np.asarray(rhythm.get_ydata()) - 0.5 * ROW_MILLIVOLT
    assert x.size < 4000
    assert np.abs(np.interp(np.arange(5000) / 500, x, y) - signal[1]).max() <= TOLERANCE_MV + 1e-9
    plt.close("all")
