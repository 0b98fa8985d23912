"""Boxes, steps and planted curves show the numbers they were given."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ccta_lib.plots.severity import grade_boxes, grade_panels, percent_curves, step_marks

GRADES = ["normal", "mild", "moderate", "severe"]


def boxes(vessel: str = "RCA", cohort: str = "internal", *, top: float = 0.8) -> pd.DataFrame:
    middle = np.linspace(0.1, top - 0.2, 4)
    table = pd.DataFrame({"vessel": vessel, "cohort": cohort, "grade": GRADES, "n": [1269, 157, 0, 97]})
    for name, shift in {"q05": -0.1, "q25": -0.05, "median": 0, "q75": 0.05, "q95": 0.2}.items():
        table[name] = np.where(table["n"] > 0, middle + shift, np.nan)
    return table


def test_boxes_stand_at_their_quartiles_with_counts_and_an_empty_place() -> None:
    table = boxes()
    ax = grade_boxes(table)
    drawn = table[table["n"] > 0]
    extents = [p.get_path().get_extents() for p in ax.patches]
    assert np.allclose([(e.y0, e.y1) for e in extents], drawn[["q25", "q75"]])
    assert np.allclose([(e.x0 + e.x1) / 2 for e in extents], [0, 1, 3])
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        "normal\n1,269",
        "mild\n157",
        "mod.\n0",
        "severe\n97",
    ]
    assert ax.get_ylim()[1] > table["q95"].max()
    plt.close(ax.figure)


def test_panels_of_a_vessel_share_an_axis_that_no_whisker_leaves() -> None:
    table = pd.concat(
        [boxes(), boxes(cohort="followup", top=1.0), boxes("LM", top=0.3), boxes("LM", "followup", top=0.4)]
    )
    figure = grade_panels(table)
    rca, lm, rca_later, lm_later = figure.axes
    assert rca.get_ylim() == rca_later.get_ylim()
    assert lm.get_ylim() == lm_later.get_ylim()
    assert rca.get_ylim()[1] > 1.0 > lm.get_ylim()[1]
    assert rca_later.get_ylabel().startswith("Follow-up")
    plt.close(figure)


def test_a_vessel_without_grades_says_so() -> None:
    table = boxes().assign(n=0)
    ax = grade_boxes(table)
    assert "not estimable" in ax.texts[0].get_text()
    assert not ax.patches
    plt.close(ax.figure)


def test_step_marks_are_the_estimates_and_missing_ones_are_named() -> None:
    table = pd.DataFrame({"vessel": ["RCA", "LM"] * 2, "step": ["a"] * 2 + ["b"] * 2})
    table["estimate"], table["low"] = [0.6, 0.7, 0.55, np.nan], [0.5, 0.6, 0.4, np.nan]
    table["high"] = [0.7, 0.8, 0.7, np.nan]
    ax = step_marks(table)
    bars = {c.get_label(): c for c in ax.containers}
    assert np.allclose(np.asarray(bars["b"].lines[0].get_ydata(), float), [0.55, np.nan], equal_nan=True)
    segments = bars["a"].lines[2][0].get_segments()
    assert np.allclose([s[:, 1] for s in segments], [[0.5, 0.7], [0.6, 0.8]])
    assert [t.get_text().strip() for t in ax.texts] == ["not estimable"]
    plt.close(ax.figure)


def test_planted_curves_are_the_medians() -> None:
    bins = pd.DataFrame({"vessel": "LAD", "percent": [5.0, 45.0, 80.0], "n": 10, "q25": [0.1, 0.2, 0.3],
                         "median": [0.2, 0.3, 0.5], "q75": [0.3, 0.4, 0.7]})  # fmt: skip
    figure = percent_curves(bins, planted_from=40)
    curve = figure.axes[0].lines[-1]
    assert curve.get_xdata().tolist() == [5, 45, 80]
    assert curve.get_ydata().tolist() == [0.2, 0.3, 0.5]
    span = figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
    assert np.allclose([span.x0, span.x1], [0, 40])
    plt.close(figure)
