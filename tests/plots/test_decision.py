"""Decision figures draw their tables and nothing else."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ccta_lib.evaluation.decision_summary import HERE, POPULATION
from ccta_lib.plots.decision import (
    decision_curve,
    difference_curve,
    operating_curve,
    risk_group_figure,
    vessel_panels,
)

CUT = np.linspace(0.01, 0.6, 30)


def curve(vessel: str = "RCA", cohort: str = "internal") -> pd.DataFrame:
    return pd.DataFrame({
        "vessel": vessel, "cohort": cohort, "threshold": CUT, "model": 0.2 - 0.3 * CUT, "treat_all": 0.2 - CUT,
        "estimate": 0.1 * CUT, "low": -0.05, "high": 0.2 * CUT, "n": 900, "n_pos": 170,
    })  # fmt: skip


def test_curves_are_the_tables_and_differ_without_colour() -> None:
    ax = decision_curve(curve().assign(ideal=0.25), threshold=0.15)
    drawn = {str(line.get_label()): line for line in ax.lines}
    np.testing.assert_allclose(drawn["model"].get_ydata(), 0.2 - 0.3 * CUT)
    np.testing.assert_allclose(drawn["treat all"].get_ydata(), 0.2 - CUT)
    np.testing.assert_allclose(drawn["ideal observer"].get_ydata(), 0.25)
    styles = {
        str(drawn[k]._linestyle) + str(drawn[k].get_linestyle()) for k in ("treat all", "treat none", "model")
    }
    assert (
        len({drawn[k].get_linewidth() for k in ("treat all", "treat none", "model")}) == 3 or len(styles) == 3
    )
    assert any(np.allclose(line.get_xdata(), 0.15) for line in ax.lines)
    low, high = ax.get_ylim()
    assert low < 0 < 0.25 < high
    plt.close(ax.figure)


def test_no_ideal_observer_no_line() -> None:
    ax = decision_curve(curve().assign(ideal=np.nan))
    assert "ideal observer" not in {line.get_label() for line in ax.lines}
    plt.close(ax.figure)


def test_panels_hold_counts_and_say_what_is_missing() -> None:
    both = pd.concat([curve(), curve(cohort="external").assign(n=300, n_pos=80), curve("LAD")])
    figure = vessel_panels(both, difference_curve, ylabel="D", series="cohort", thresholds={"RCA": 0.15},
                           notes={"LM": "not estimable: no row"})  # fmt: skip
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:3] == ["RCA (170/900, 80/300)", "LAD (170/900)", "LM"]
    assert "not estimable: no row" in [t.get_text() for t in figure.axes[2].texts]
    lines = {str(line.get_label()): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["internal"].get_ydata(), 0.1 * CUT)
    assert {"internal", "external"} == {t.get_text() for t in figure.legends[0].get_texts()}
    plt.close(figure)


def test_every_vessel_missing_still_draws() -> None:
    figure = vessel_panels(
        pd.DataFrame(), decision_curve, ylabel="Net benefit", notes={"RCA": "none", "LM": "none"}
    )
    assert not figure.legends
    figure.canvas.draw()
    plt.close(figure)


def test_operating_points_lie_on_the_curve() -> None:
    rates = curve().assign(sensitivity=1 - CUT, specificity=CUT)
    for rate in ("sensitivity", "specificity"):
        rates[f"{rate}_low"], rates[f"{rate}_high"] = rates[rate] - 0.01, rates[rate] + 0.01
    points = pd.DataFrame(
        {"vessel": ["RCA", "LM"], "metric": "sensitivity", "threshold": [0.2, 0.3], "estimate": [0.8, 0.1]}
    )
    ax = operating_curve(rates, points=points, threshold=0.15)
    marks = next(line for line in ax.lines if line.get_label() == "opportunistic, sensitivity")
    assert (list(marks.get_xdata()), list(marks.get_ydata())) == ([0.2], [0.8])
    plt.close(ax.figure)


def test_risk_groups_show_counts_once_and_zero_at_the_edge() -> None:
    rows = pd.DataFrame([
        ("LM", place, group, value, 0.0, value + 0.02, people, cases)
        for place in (HERE, POPULATION)
        for group, value, people, cases in (("above", 0.06, 1048, 61), ("below", 0.0, 152, 0))
    ], columns=["vessel", "place", "group", "estimate", "low", "high", "n_group", "n_pos_group"])  # fmt: skip
    figure = risk_group_figure(rows, {"LM": 0.01})
    said = [t.get_text() for ax in figure.axes for t in ax.texts]
    assert sorted(said) == ["0/152", "61/1048"]
    x = [float(np.atleast_1d(line.get_xdata())[0]) for line in figure.axes[0].lines]
    assert x[0] == 0.06
    assert 0 < x[1] < 1e-4
    plt.close(figure)
