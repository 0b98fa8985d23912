"""Figures of learning curves, optimism and coverage: what is drawn is what the table says."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.plots.learning_curves import auc_by_patients, gain_by_patients, vessel_ceilings
from ccta_lib.plots.optimism import bias_by_vessel, coverage_dots, reported_minus_true


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def single():
    rng = np.random.default_rng(0)
    rows = [(i, n, s, rng.uniform(0.6, 0.7)) for i in ("nano", "scratch") for n in (75, 300) for s in (1, 2)]
    return pd.DataFrame(rows, columns=["init", "patients", "seed", "auc"])


def drawn(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


def test_curves_pass_through_the_means_and_stop_at_the_ceiling(single):
    curves = single.groupby(["init", "patients"])["auc"].mean().reset_index(name="estimate")
    curves = curves.assign(low=curves["estimate"] - 0.02, high=curves["estimate"] + 0.02, ideal=0.75)
    ax = auc_by_patients(curves, single)
    for init, marker in (("nano", "o"), ("scratch", "s")):
        (line,) = drawn(ax, marker)
        np.testing.assert_allclose(line.get_ydata(), curves[curves["init"] == init]["estimate"])
    assert any(
        np.allclose(line.get_ydata(), 0.75) for line in ax.lines if line.get_label() == "ideal observer"
    )
    assert (
        len([line for line in ax.lines if line.get_linewidth() == 0.5]) == 4
    )  # a thin line per start and seed


def test_differences_are_of_the_same_seed(single):
    gains = pd.DataFrame({"patients": [75, 300], "estimate": [0.01, 0.02], "low": [0, 0], "high": [0.1, 0.1]})
    (points,) = drawn(gain_by_patients(gains, single.sample(frac=1, random_state=1)), ".")
    wide = single.set_index(["patients", "seed", "init"])["auc"]
    expected = [wide[n, s, "nano"] - wide[n, s, "scratch"] for n in (75, 300) for s in (1, 2)]
    np.testing.assert_allclose(points.get_ydata(), expected)


def test_what_is_left_of_the_lead_is_1_at_chance_and_0_at_the_ceiling():
    curves = pd.DataFrame(
        {"vessel": "RCA", "patients": [75, 300, 1200], "estimate": [0.5, 0.6, 0.7], "ideal": 0.7}
    )
    (line,) = drawn(vessel_ceilings(curves), ".")
    np.testing.assert_allclose(line.get_ydata(), [1, 0.5, 0], atol=1e-12)


def test_each_cohort_is_a_line_from_nested_to_the_papers_way():
    table = pd.DataFrame({"seed": [1, 2, 1, 2], "rule": ["paper", "paper", "nested", "nested"],
                          "reported_folds": [0.72, 0.71, 0.70, 0.69], "truth": [0.7, 0.7, 0.69, 0.7]})  # fmt: skip
    summary = pd.DataFrame(
        {"rule": ["nested", "paper"], "estimate": [0.0, 0.015], "low": -0.01, "high": 0.03}
    )
    ax = reported_minus_true(table, summary)
    lines = drawn(ax, ".")
    np.testing.assert_allclose([line.get_ydata() for line in lines], [[0.01, 0.02], [-0.01, 0.01]])
    diamonds = sorted(float(line.get_ydata()[0]) for line in drawn(ax, "D"))
    assert diamonds == [0.0, 0.015]


def test_biases_stand_at_their_vessel():
    summary = pd.DataFrame({"vessel": ["RCA", "RCA", "LM"], "rule": ["nested", "paper", "nested"],
                            "estimate": [0.1, 0.2, 0.3], "low": 0.0, "high": 0.4})  # fmt: skip
    ax = bias_by_vessel(summary)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["RCA", "LM"]
    np.testing.assert_allclose(drawn(ax, "o")[0].get_xdata(), [-0.12, 0.88])
    np.testing.assert_allclose(drawn(ax, "s")[0].get_ydata(), [0.2])


def test_coverage_has_a_mark_per_method_and_setting():
    table = pd.DataFrame([(a, m, 0.9, 0.88, 0.92) for a in ("x", "y", "z") for m in ("one", "two")],
                         columns=["arm", "method", "estimate", "low", "high"])  # fmt: skip
    (ax,) = coverage_dots(table).axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["x", "y", "z"]
    points = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in points] == [3, 3]
    assert any(np.allclose(line.get_xdata(), 0.95) for line in ax.lines)
