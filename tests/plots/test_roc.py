"""ROC figures carry the table's numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation import roc_points
from ccta_lib.plots.roc import TOLERANCE, auc_intervals, roc_curves, roc_panels
from ccta_lib.plots.style import apply_style

AUCS = pd.DataFrame(
    {
        "vessel": ["RCA", "LM"],
        "cohort": "internal",
        "subgroup": ["all", "all"],
        "estimate": [0.75, np.nan],
        "low": [0.6, np.nan],
        "high": [0.9, np.nan],
        "n": [4, 4],
        "n_pos": [2, 0],
        "paper": [0.744, 0.706],
    }
)
CURVE = roc_points([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8]).assign(
    vessel="RCA", cohort="internal", subgroup="all"
)


@pytest.fixture(autouse=True)
def close_figures():
    apply_style()
    yield
    plt.close("all")


def test_curve_and_legend_are_the_tables() -> None:
    ax = roc_curves(CURVE, AUCS)
    _, curve, empty = ax.lines
    # Points inside a straight run are left out; the corners of the staircase stand.
    drawn = np.column_stack([curve.get_xdata(), curve.get_ydata()])
    np.testing.assert_allclose(drawn, [[0, 0], [0, 1], [1, 1]], atol=1e-12)
    assert len(empty.get_xdata()) == 0
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert texts == ["RCA 0.75 [0.60, 0.90] (2/4)", "LM not estimable (0/4)"]


def test_thousands_of_points_are_thinned_unseen() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(5000) < 0.2
    whole = roc_points(y, rng.normal(y * 1.0)).assign(vessel="RCA", cohort="internal", subgroup="all")
    line = roc_curves(whole, AUCS).lines[1]
    x, height = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert x.size < 0.2 * len(whole)
    # Seen along the diagonal nothing moves by more than the tolerance.
    along, across = (
        whole["sensitivity"] + 1 - whole["specificity"],
        whole["sensitivity"] - 1 + whole["specificity"],
    )
    assert np.abs(np.interp(along, height + x, height - x) - across).max() <= TOLERANCE + 1e-12


def test_vessels_differ_without_colour() -> None:
    ax = roc_curves(CURVE, AUCS)
    assert ax.lines[1].get_linestyle() != ax.lines[2].get_linestyle()


def test_one_panel_per_cohort_and_subgroup() -> None:
    both = pd.concat([AUCS, AUCS.assign(subgroup="normal ECG")])
    figure = roc_panels(CURVE, both)
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == ["Internal", "Internal, normal ECG"]


def test_intervals_and_the_papers_value() -> None:
    ax = auc_intervals(AUCS, by=["cohort", "subgroup"], reference="paper")
    points = {line.get_label(): line for line in ax.lines}
    assert points["internal"].get_xdata()[0] == 0.75
    np.testing.assert_array_equal(points["internal, paper"].get_xdata(), [0.744, 0.706])
    (bar,) = [c for c in ax.collections if len(c.get_segments()) == 2]
    np.testing.assert_allclose(bar.get_segments()[0][:, 0], [0.6, 0.9])
