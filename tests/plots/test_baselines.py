"""Figures of the comparison draw the tables' numbers, and survive what a tiny table holds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.plots.baselines import benefit_panels, model_dots, model_forest

NAMES = {"a": "first model", "b": "second model", "c": "third model"}


def rows() -> pd.DataFrame:
    parts = [
        pd.DataFrame({"model": list(NAMES), "vessel": v, "estimate": [0.6, 0.7, np.nan],
                      "low": [0.5, 0.62, np.nan], "high": [0.7, 0.9, np.nan]})
        for v in ("RCA", "LM", "macro")
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_dots_are_the_tables() -> None:
    _, ax = plt.subplots()
    one = rows()[rows()["vessel"] == "RCA"]
    model_dots(one.iloc[::-1], ["a", "b", "c"], zero=0.5, ax=ax)
    dots = ax.lines[0]
    np.testing.assert_array_equal(dots.get_xdata()[:2], [0.6, 0.7])
    np.testing.assert_array_equal(dots.get_ydata(), [0, 1, 2])
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose(segments[1], [[0.62, 1], [0.9, 1]])
    top, bottom = ax.get_ylim()[1], ax.get_ylim()[0]
    assert top < 0 < 2 < bottom  # the first model on top


def test_forest_has_a_column_per_vessel_and_names_the_models() -> None:
    difference = rows().assign(estimate=0.01, low=-0.02, high=0.04).query("model != 'a'")
    figure = model_forest(rows(), difference, NAMES, reference="a")
    assert len(figure.axes) == 6
    assert [ax.get_title(loc="left") for ax in figure.axes[:3]] == ["RCA", "LM", "macro"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(NAMES.values())
    assert figure.axes[3].get_title(loc="left") == "minus first model"
    assert np.isnan(figure.axes[3].lines[0].get_xdata()[0])
    figure.draw_without_rendering()


def test_wild_intervals_leave_the_panel_and_nothing_else() -> None:
    wild = rows().assign(low=-4.0, high=5.0)
    figure = model_forest(wild, wild, NAMES, reference="a")
    assert figure.axes[0].get_xlim() == (0.3, 1.0)
    assert figure.axes[3].get_xlim() == (-0.3, 0.3)


def test_benefit_curves_are_the_tables() -> None:
    grid = np.array([0.05, 0.1, 0.2, 0.3])
    parts = [
        pd.DataFrame({"vessel": v, "model": m, "threshold": grid, "net_benefit": height * (1 - grid)})
        for v in ("RCA", "LM") for m, height in (("a", 0.2), ("b", 0.1), ("all", 0.3), ("none", 0.0))
    ]  # fmt: skip
    figure = benefit_panels(pd.concat(parts), {"a": "first", "b": "second"}, {"RCA": 0.15, "LM": 0.01})
    first, second = figure.axes[:2]
    np.testing.assert_allclose(first.lines[0].get_ydata(), 0.2 * (1 - grid))
    np.testing.assert_allclose(first.lines[2].get_ydata(), 0.3 * (1 - grid))
    assert first.get_xlim() == (0.0, 0.3)
    assert second.get_xlim() == (0.0, pytest.approx(0.1))
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert labels == ["first", "second", "treat all", "treat none"]
    assert len({(line.get_color(), str(line.get_linestyle())) for line in first.lines[:4]}) == 4
