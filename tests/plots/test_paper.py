"""The paper's figure page draws its tables: values, verdicts in words, the diagonal."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from ccta_lib.plots.paper import beside_paper, beside_paper_panels, claim_grid, table1_diagonal

ROWS = pd.DataFrame({
    "quantity": ["AUC", "AUC", "Brier score"], "name": ["RCA", "LM", "RCA"], "estimate": [0.75, np.nan, 0.12],
    "low": [0.72, np.nan, 0.1], "high": [0.78, np.nan, 0.14],
    "paper": [0.744, 0.706, 0.13], "ceiling": [0.77, np.nan, np.nan],
})  # fmt: skip


def test_values_stand_beside_the_paper() -> None:
    ax = beside_paper(ROWS, xlabel="AUC")
    drawn = {str(line.get_label()): line for line in ax.lines}
    np.testing.assert_allclose(drawn["this run"].get_xdata(), ROWS["estimate"])
    np.testing.assert_allclose(drawn["paper"].get_xdata(), ROWS["paper"])
    np.testing.assert_allclose(drawn["ceiling"].get_xdata(), ROWS["ceiling"])
    assert [t.get_text() for t in ax.texts] == ["not estimable"]
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose([s[:, 0] for s in segments], [[0.72, 0.78], [0.1, 0.14]])
    plt.close(ax.figure)


def test_panels_share_one_legend() -> None:
    figure = beside_paper_panels(ROWS, panels={"AUC": "AUC", "Brier score": "Brier score"})
    assert [ax.get_xlabel() for ax in figure.axes] == ["AUC", "Brier score"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["this run", "paper", "ceiling"]
    plt.close(figure)


def test_verdicts_are_words_as_well_as_colours() -> None:
    claims = pd.DataFrame({
        "claim": ["younger better"] * 3 + ["separate"], "vessel": ["RCA", "LM", "LCX", ""],
        "verdict": ["held", "undecided", "reversed", "undecided"], "estimate": [0.06, -0.001, -0.2, np.nan],
        "targeted": [True, True, True, False], "note": ["", "", "", "no data"],
    })  # fmt: skip
    ax = claim_grid(claims)
    said = [t.get_text() for t in ax.texts]
    assert said == ["held  0.06", "undecided  0.00", "reversed  -0.20", "no data"]
    tiles = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert len({tuple(t.get_facecolor()) for t in tiles}) == 3
    assert [t.get_text() for t in ax.get_yticklabels()] == ["younger better *", "separate"]
    plt.close(ax.figure)


def test_unknown_cells_are_not_drawn_as_zero() -> None:
    rows = pd.DataFrame({
        "cohort": ["internal", "internal", "external"], "paper": [42.3, 31.0, 51.8], "estimate": [42.0, np.nan, np.nan],
        "low": [40.0, np.nan, np.nan], "high": [44.0, np.nan, np.nan], "n": [1200, 1200, 0],
    })  # fmt: skip
    ax = table1_diagonal(rows)
    drawn = [line for line in ax.lines if line.get_label() == "internal (1,200 ECGs)"]
    assert [list(line.get_xdata()) for line in drawn] == [[42.3]]
    assert not any(str(line.get_label()).startswith("external") for line in ax.lines)
    plt.close(ax.figure)
