"""Calibration figures carry points, curves and bands as given, and say what lies outside."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from ccta_lib.plots.calibration import (
    calibration_panel,
    calibration_panels,
    ideal_panels,
    recalibration_marks,
)
from ccta_lib.plots.style import HIGH_RISK

POINTS = pd.DataFrame({"vessel": "LM", "mean_p": [0.005, 0.05, 0.5], "observed": [0.0, 0.1, 0.6],
                       "risk": ["low", "high", "high"]})  # fmt: skip
CURVE = pd.DataFrame(
    {
        "vessel": "LM",
        "p": [0.005, 0.05, 0.5],
        "observed": [0.01, 0.09, 0.55],
        "low_95": [np.nan, 0.05, 0.4],
        "high_95": [np.nan, 0.15, 0.7],
        "low_99": [np.nan, 0.03, 0.3],
        "high_99": [np.nan, 0.2, 0.8],
    }
)


def test_risk_groups_differ_in_marker_and_filling_not_only_in_colour() -> None:
    ax = calibration_panel(POINTS, CURVE, threshold=0.01, title="LM")
    high, low = (next(line for line in ax.lines if line.get_marker() == m) for m in ("o", "s"))
    assert high.get_xdata().tolist() == [0.05, 0.5]
    assert high.get_ydata().tolist() == [0.1, 0.6]
    assert low.get_xdata().tolist() == [0.005]
    assert to_rgba(high.get_markerfacecolor()) == to_rgba(HIGH_RISK)
    assert low.get_markerfacecolor() == "white"
    curve = next(line for line in ax.lines if list(line.get_ydata()) == CURVE["observed"].tolist())
    assert curve.get_xdata().tolist() == CURVE["p"].tolist()
    assert any(list(line.get_xdata()) == [0.01, 0.01] for line in ax.lines)
    plt.close(ax.figure)


def test_bands_end_where_they_are_undefined() -> None:
    ax = calibration_panel(POINTS, CURVE)
    wide, narrow = (band.get_paths()[0].vertices for band in ax.collections)
    for vertices, level in ((wide, "99"), (narrow, "95")):
        assert vertices[:, 0].min() == 0.05
        assert vertices[:, 1].min() == CURVE[f"low_{level}"].min()
        assert vertices[:, 1].max() == CURVE[f"high_{level}"].max()
    plt.close(ax.figure)


def test_groups_beyond_a_cut_axis_are_counted() -> None:
    ax = calibration_panel(POINTS, CURVE, end=0.35)
    assert [t.get_text() for t in ax.texts] == ["1 of 3 groups lie beyond the axes"]
    assert ax.get_xlim()[1] == pytest.approx(0.35, rel=0.03)
    plt.close(ax.figure)


def test_a_vessel_without_points_keeps_its_panel_and_says_why() -> None:
    titles = pd.Series({"RCA": "RCA: 0 of 0 positive", "LM": "LM: 3 of 60 positive"})
    figure = calibration_panels(
        POINTS, CURVE, titles, robust=CURVE, thresholds={"LM": 0.01}, ends={"LM": 0.35}
    )
    rca, lm = figure.axes
    assert "not estimable" in rca.texts[0].get_text()
    assert lm.get_title(loc="left") == "LM: 3 of 60 positive"
    assert any("as published" in t.get_text() for t in figure.legends[0].get_texts())
    plt.close(figure)


def test_recalibration_marks_are_the_estimates_with_their_intervals() -> None:
    forms = (("as predicted", 1.5), ("intercept", 1.1))
    cells = [(v, m, f, e) for m in ("slope", "skill") for f, e in forms for v in ("RCA", "LM")]
    rows = pd.DataFrame(cells, columns=["vessel", "metric", "recalibration", "estimate"])
    rows["low"], rows["high"] = rows["estimate"] - 0.1, rows["estimate"] + 0.2
    rows.loc[rows["vessel"] == "LM", ["estimate", "low", "high"]] = np.nan
    figure = recalibration_marks(rows, targets={"slope": 1.0, "skill": 0.0})
    bars = {c.get_label(): c for c in figure.axes[0].containers}
    assert bars["as predicted"].lines[0].get_xdata()[0] == 1.5
    assert np.isnan(bars["as predicted"].lines[0].get_xdata()[1])
    assert np.allclose(bars["intercept"].lines[2][0].get_segments()[0][:, 0], [1.0, 1.3])
    assert [(t.get_text(), t.get_position()[1]) for t in figure.axes[0].texts] == [("not estimable", 1)]
    markers = [c.lines[0].get_marker() for c in bars.values()]
    assert len(set(markers)) == len(markers)
    plt.close(figure)


def test_planted_risk_and_observed_share_are_both_drawn() -> None:
    groups = POINTS.assign(ideal=[0.01, 0.06, 0.52])
    figure = ideal_panels(groups, ends={"LM": 0.35})
    marks = {
        line.get_marker(): line.get_ydata().tolist()
        for line in figure.axes[0].lines
        if line.get_marker() in ("o", "D")
    }
    assert marks == {"o": POINTS["observed"].tolist(), "D": [0.01, 0.06, 0.52]}
    assert figure.axes[0].get_xlim() == (0, 0.35)
    plt.close(figure)


def test_a_long_curve_loses_vertices_but_not_its_ends() -> None:
    p = np.linspace(0, 1, 500)
    curve = pd.DataFrame(
        {"p": p, "observed": p**2} | {f"{e}_{n}": p for e in ("low", "high") for n in (95, 99)}
    )
    ax = calibration_panel(POINTS, curve)
    line = next(line for line in ax.lines if len(line.get_xdata()) > 3)
    x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    assert len(x) == 120
    assert (x[0], x[-1]) == (0, 1)
    assert np.array_equal(y, x**2)
    plt.close(ax.figure)


def test_a_vector_file_does_not_grow_with_the_number_of_groups(tmp_path) -> None:
    def size(groups: int) -> int:
        at = np.linspace(0.01, 0.99, groups)
        points = pd.DataFrame({"vessel": "LM", "mean_p": at, "observed": at**2, "risk": "high", "ideal": at})
        for i, figure in enumerate((calibration_panel(points, CURVE).figure, ideal_panels(points))):
            figure.savefig(tmp_path / f"{groups}_{i}.svg")
            plt.close(figure)
        return sum(path.stat().st_size for path in tmp_path.glob(f"{groups}_*.svg"))

    assert size(20_000) < 300_000 < 20_000 * (size(400) - size(200)) / 200
