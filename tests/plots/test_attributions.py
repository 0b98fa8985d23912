"""Figures of attributions draw what they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.plots.attributions import (
    change_figure,
    group_figure,
    heat_map,
    map_grid,
    sanity_figure,
    score_figure,
)
from ccta_lib.schema import LEADS

MS = np.arange(-250, 650, 50)
WAVES = {"P": (-220, -60), "QRS": (-60, 60), "ST": (60, 180), "T": (180, 420)}


@pytest.fixture(autouse=True)
def _close() -> object:
    yield
    plt.close("all")


def maps_of(method: str, leads: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([
        {"method": method, "vessel": v, "lead": lead, "ms": t, "mean": float(i + t / 1000)}
        for v in ("RCA", "LAD") for i, lead in enumerate(leads) for t in MS
    ])  # fmt: skip


def test_a_map_is_scaled_to_its_largest() -> None:
    values = np.array([[0.0, 2.0], [-4.0, 1.0]])
    drawn = np.asarray(heat_map(values, np.array([0, 10])).images[0].get_array())
    np.testing.assert_allclose(drawn, values / 4)
    assert heat_map(np.zeros((2, 2)), np.array([0, 10])).images[0].get_array().max() == 0


def test_methods_without_leads_or_times_are_drawn_as_strips_and_blocks() -> None:
    maps = pd.concat([maps_of("planted", LEADS), maps_of("beat", LEADS), maps_of("cam", ("all",))])
    cells = pd.DataFrame([
        {"method": "occlusion", "vessel": v, "lead": lead, "wave": w, "mean": 8.0 if (lead, w) == ("V2", "T") else 0.0}
        for v in ("RCA", "LAD") for lead in LEADS for w in (*WAVES, "TP")
    ])  # fmt: skip
    figure = map_grid(maps, cells, ["planted", "occlusion", "cam"], beat="beat", waves=WAVES)
    panels = figure.axes
    assert len(panels) == 6
    blocks = np.asarray(panels[2].images[0].get_array())
    lit = np.argwhere(blocks > 0)
    assert set(lit[:, 0]) == {LEADS.index("V2")}
    assert set(MS[lit[:, 1]]) == {200, 250, 300, 350, 400}
    assert np.asarray(panels[4].images[0].get_array()).shape == (1, MS.size)
    assert [len(ax.lines) for ax in panels] == [12, 12, 0, 0, 0, 0]  # the beat stands in the first row
    for ax in panels:
        (marks,) = ax.collections
        assert [segment[0][0] for segment in marks.get_segments()] == [-220, -60, 60, 180, 420]


def test_scores_keep_a_place_for_a_method_that_has_none() -> None:
    rows = pd.DataFrame(
        {"method": ["a", "b"], "estimate": [0.3, 0.5], "low": [0.2, 0.4], "high": [0.4, 0.6], "chance": 0.1}
    )
    figure = score_figure({"one": rows, "two": rows[:1]}, trivial=["b"])
    labels = [[t.get_text() for t in ax.get_yticklabels()] for ax in figure.axes]
    assert labels[0] == ["a", "b"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_sanity_draws_the_cascade_and_both_ends() -> None:
    checks = pd.DataFrame([
        {"check": c, "method": m, "estimate": 0.6, "low": 0.5, "high": 0.7, "signed": 0.0}
        for m, of in (("x", ("head", "stage 1", "whole", "shuffled")), ("y", ("whole", "shuffled"))) for c in of
    ])  # fmt: skip
    figure = sanity_figure(checks, ["head", "stage 1", "whole"], whole="whole", shuffled="shuffled", half=0.5)
    left, right = figure.axes
    assert [t.get_text() for t in left.get_xticklabels()] == ["head", "stage 1", "whole"]
    assert [t.get_text() for t in right.get_yticklabels()] == ["x", "y"]
    assert "values with their sign" in [t.get_text() for t in figure.legends[0].get_texts()]


def test_changes_and_groups_draw_every_vessel() -> None:
    moved = pd.DataFrame(
        {"vessel": ["RCA", "RCA", "LM"], "ideal": [0.1, 1.0, 0.5], "network": [0.1, 0.3, 0.2]}
    )
    figure = change_figure(moved, {"RCA": 0.4, "LM": 0.5})
    assert [ax.get_title() for ax in figure.axes] == ["RCA: slope 0.40", "LM: slope 0.50"]
    groups = pd.DataFrame([
        {"vessel": v, "lead": lead, "ms": t, "plain": 0.01, "adjusted": 0.02, "adjusted_low": 0.0,
         "adjusted_high": 0.03, "planted": 0.015}
        for v in ("RCA", "LM") for lead in ("II", "V2") for t in MS
    ])  # fmt: skip
    figure = group_figure(groups, ["II", "V2"])
    assert len(figure.axes) == 4
    adjusted = next(
        line for line in figure.axes[0].lines if line.get_label() == "adjusted for age, sex and rate"
    )
    np.testing.assert_allclose(adjusted.get_ydata(), 20.0)
