"""Curves by epoch, also where there is nothing to draw."""

from __future__ import annotations

import pandas as pd

from ccta_lib.plots.training import vessel_curves


def test_curves_reach_the_last_epoch() -> None:
    long = pd.DataFrame(
        {"fold": [0, 0, 1, 1], "epoch": [0, 1, 0, 1], "vessel": "LAD", "value": [0.5, 0.6, 0.7, 0.8]}
    )
    ax = vessel_curves(long, ylabel="AUC")
    assert ax.lines[-1].get_ydata().tolist() == [0.6, 0.7]
    assert ax.get_xlim() == (0.5, 2.5)


def test_a_cohort_too_small_for_any_auc_is_said_to_be() -> None:
    empty = pd.DataFrame({"fold": [], "epoch": [], "vessel": [], "value": []})
    ax = vessel_curves(empty, ylabel="AUC")
    assert [t.get_text() for t in ax.texts] == ["cannot be estimated"]
