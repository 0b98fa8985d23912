"""Figures of leakage and transport: what is drawn is what the table says."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.plots.leakage import TESTS, probe_points, same_ecg_shift, shortcut_curves
from ccta_lib.plots.transport import LOOKS, dose_curves, harm_forest, prevalence_curves


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def limits(values):
    return {"estimate": values, "low": np.array(values) - 0.02, "high": np.array(values) + 0.02}


def test_probes_stand_at_their_quantity_and_chance_is_marked():
    table = pd.DataFrame({"features": ["a", "a", "b"], "quantity": ["sex", "site", "sex"], "chance": 0.5,
                          **limits([0.7, 0.6, 0.8])})  # fmt: skip
    ax = probe_points(table, title="t", xlabel="AUC")
    first, second = (line for line in ax.lines if line.get_label() in ("a", "b"))
    np.testing.assert_allclose(first.get_xdata(), [0.7, 0.6])
    np.testing.assert_allclose(np.round(first.get_ydata()), [0, 1])
    np.testing.assert_allclose(second.get_xdata(), [0.8])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["sex", "site"]
    assert sum(np.allclose([p.vertices[0, 0] for p in c.get_paths()], 0.5) for c in ax.collections) == 2


def test_shortcuts_have_a_line_for_each_way_of_testing():
    table = pd.DataFrame([(o, t) for o in (16.0, 1.0) for t in TESTS], columns=["odds", "test"])
    table = table.assign(**limits(np.linspace(0.6, 0.8, 6)))
    ax = shortcut_curves(table)
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    for test in TESTS:
        np.testing.assert_allclose(lines[test], table[table["test"] == test].sort_values("odds")["estimate"])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "16"]


def test_shifts_are_drawn_by_vessel():
    table = pd.DataFrame(
        [(o, v) for v in ("RCA", "LM", "LAD", "LCX") for o in (1.0, 4.0)], columns=["odds", "vessel"]
    )
    ax = same_ecg_shift(table.assign(**limits(np.arange(8) / 10)))
    assert {line.get_label() for line in ax.lines} >= {"RCA", "LM", "LAD", "LCX"}


def test_harm_is_ordered_and_what_cannot_be_scored_is_said():
    table = pd.DataFrame({"name": ["mild", "short", "bad"], "verdict": ["silent", "caught", "flagged"],
                          **limits([-0.01, np.nan, -0.2])})  # fmt: skip
    ax = harm_forest(table)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["bad", "mild", "short"]
    assert "cannot be scored" in {t.get_text() for t in ax.texts}
    points = [
        (float(line.get_xdata()[0]), line.get_marker()) for line in ax.lines if line.get_marker() != "None"
    ]
    assert points == [(-0.2, LOOKS["flagged"][0]), (-0.01, LOOKS["silent"][0])]


def test_doses_start_at_what_is_undisturbed():
    table = pd.DataFrame(
        {
            "kind": ["none", "muscle", "muscle", "wander"],
            "dose": [0, 0.2, 0.1, 0.3],
            "auc": [0.7, 0.5, 0.6, 0.4],
        }
    )
    ax = dose_curves(table, ["wander", "muscle"], "auc", ylabel="AUC")
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["muscle"], [0.7, 0.6, 0.5])
    np.testing.assert_allclose(lines["wander"], [0.7, 0.4])
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        "0",
        "0.1",
        "0.2",
    ]  # .3 is less than a doubling on
    (muscle,) = (line for line in ax.lines if line.get_label() == "muscle")
    np.testing.assert_allclose(np.diff(muscle.get_xdata()), [1, 1])


def test_prevalences_have_a_line_per_correction():
    rows = [(p, c, "citl") for c in ("none", "known prevalence") for p in (0.5, 0.1)]
    table = pd.DataFrame(rows, columns=["prevalence", "correction", "metric"])
    table = table.assign(**limits([1.0, -1.0, 0.1, 0.0]))
    ax = prevalence_curves(table, "citl", ylabel="y")
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["as it is"], [-1.0, 1.0])
    np.testing.assert_allclose(lines["prior corrected, known prevalence"], [0.0, 0.1])
