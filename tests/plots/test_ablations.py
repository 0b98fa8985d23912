"""Figures of the study of ingredients: every row drawn where its numbers lie."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.plots.ablations import ablation_forest, cost_ratios, differences, weight_marks


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "ingredient": ["a", "a", "b", "b"],
            "label": ["one", "two", "three", "four"],
            "arm": ["one", "two", "three", "four"],
            "against": ["reference"] * 4,
            "estimate": [0.01, -0.03, 0.0, np.nan],
            "low": [0.005, -0.04, -0.02, np.nan],
            "high": [0.015, -0.02, 0.02, np.nan],
            "verdict": ["suggested", "shown", "not shown", "not estimable"],
        }
    )


def test_differences_lie_where_they_are(rows):
    ax = differences(rows)
    points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "s"]
    assert points == [0.01, -0.03, 0.0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["one", "two", "three", "four"]
    places = ax.get_yticks()
    assert places[1] - places[0] == 1 < places[2] - places[1]
    plt.close(ax.figure)


def test_single_seeds_lie_by_their_comparison(rows):
    seeds = pd.DataFrame({"label": ["two", "two"], "estimate": [-0.05, -0.01]})
    ax = differences(rows, seeds)
    (ticks,) = [line for line in ax.lines if line.get_marker() == "|"]
    assert list(ticks.get_xdata()) == [-0.05, -0.01]
    assert set(ticks.get_ydata()) == {ax.get_yticks()[1] + 0.3}
    plt.close(ax.figure)


def test_cost_axis_holds_every_ratio(rows):
    priced = rows.assign(
        ratio=[0.5, 3.0, 1.0, np.nan],
        low_ratio=[0.01, 2.9, np.nan, np.nan],
        high_ratio=[90.0, 3.1, np.nan, np.nan],
    )
    ax = cost_ratios(priced)
    low, high = ax.get_xlim()
    assert low < 0.5
    assert 3.0 < high < 90
    plt.close(ax.figure)


def test_forest_has_both_panels_and_a_legend(rows):
    figure = ablation_forest(rows.assign(ratio=1.0, low_ratio=np.nan, high_ratio=np.nan))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Paired difference", "Cost of training"]
    assert len(figure.legends[0].get_texts()) == 4
    plt.close(figure)


def test_weights_stand_beside_their_optimum():
    ends = pd.DataFrame(
        {
            "arm": ["x"] * 2,
            "vessel": ["RCA", "LM"],
            "relative_weight": [1.0, 1.1],
            "relative_optimum": [0.8, 1.2],
        }
    )
    figure = weight_marks(ends, titles={"x": "as published"})
    marks = {line.get_marker(): [] for line in figure.axes[0].lines}
    for line in figure.axes[0].lines:
        marks[line.get_marker()].append(float(np.asarray(line.get_ydata())[0]))
    assert marks["o"] == [1.0, 1.1]
    assert marks["_"] == [0.8, 1.2]
    plt.close(figure)
