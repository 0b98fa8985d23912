"""The figure of mean beats carries the numbers of its table."""

from __future__ import annotations

import io

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.plots.beats import (
    BAND,
    BAND_TOLERANCE,
    TOLERANCE,
    beat_grid,
    beat_lines,
    planted_leads,
    thinned,
)
from ccta_lib.schema import LEADS

MS = np.arange(-248, 649, 4)
GROUPS = ("high", "low")


def beats(vessels: tuple[str, ...] = ("RCA", "LAD"), groups: tuple[str, ...] = GROUPS) -> pd.DataFrame:
    rows = []
    for v, vessel in enumerate(vessels):
        for g, group in enumerate(groups):
            for k, lead in enumerate(LEADS):
                mean = (k + 1) * np.exp(-0.5 * (MS / 20) ** 2) + (0.3 + 0.2 * g + 0.1 * v) * np.exp(
                    -0.5 * ((MS - 280) / 40) ** 2
                )
                p = np.where((MS > 200) & (MS < 320), 0.01, np.where(MS > 500, 0.2, np.nan))
                rows.append(pd.DataFrame({"vessel": vessel, "group": group, "lead": lead, "ms": MS, "mean": mean,
                                          "sd": 0.2 + 0.001 * MS**2 / 400, "n": 40 + g, "p_value": p}))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def contrasts(**change: object) -> pd.DataFrame:
    return pd.DataFrame(
        [{"vessel": v, "n_first": 40, "n_second": 41, "note": "", **change} for v in ("RCA", "LAD")]
    )


def test_lines_bands_and_bars_are_those_of_the_table() -> None:
    rows = beats().query("vessel == 'LAD' and lead == 'V3'")
    height = float(rows["mean"].max() - rows["mean"].min())
    ax = beat_lines(rows, GROUPS, height=height)
    lines = {line.get_label(): line for line in ax.get_lines() if line.get_label() in GROUPS}
    for group, line in lines.items():
        x, y = line.get_data()
        part = rows[rows["group"] == group]
        np.testing.assert_allclose(np.interp(MS, x, y), part["mean"], atol=TOLERANCE * height)
        assert len(x) < len(MS)
    assert lines["high"].get_linestyle() != lines["low"].get_linestyle()
    outline = next(p.get_xy() for p in ax.patches if len(p.get_xy()) > 10)
    top = (rows.loc[rows["group"] == "high", "mean"] + BAND * rows.loc[rows["group"] == "high", "sd"]).max()
    assert outline[:, 1].max() == pytest.approx(top, abs=BAND_TOLERANCE * height)
    bars = [line.get_xdata() for line in ax.get_lines() if line.get_gid() == "differs"]
    assert [list(b) for b in bars] == [[204, 316]]  # p = .01; the run of p = .2 has none
    plt.close("all")


def test_a_panel_for_each_vessel_and_lead_with_its_counts() -> None:
    figure = beat_grid(beats(), contrasts(), GROUPS, unit="z-score")
    # Saved twice, as a chapter does: matplotlib once moved everything after the first time.
    with mpl.rc_context({"figure.constrained_layout.use": True, "savefig.bbox": "tight"}):
        for _ in range(2):
            figure.savefig(io.BytesIO(), format="svg")
    figure.canvas.draw()
    assert figure.axes[0].get_position().y1 == pytest.approx(0.92)
    assert len(figure.axes) == 24
    assert [ax.get_title() for ax in figure.axes[:2]] == ["RCA\nhigh 40, low 41", "LAD\nhigh 40, low 41"]
    assert [figure.axes[2 * k].get_ylabel() for k in range(12)] == list(LEADS)
    said = [t.get_text() for t in figure.axes[0].texts]
    assert said == ["P", "QRS", "ST-T"]
    assert {t.get_text() for t in figure.texts} == {"Time from R (ms)", "Mean beat (z-score)"}
    texts = [
        t.get_window_extent()
        for t in [*figure.texts, *figure.legends[0].get_texts(), *[a.title for a in figure.axes[:2]]]
    ]
    assert not any(a.overlaps(b) for i, a in enumerate(texts) for b in texts[:i])
    plt.close(figure)


def test_what_is_not_estimable_is_written() -> None:
    figure = beat_grid(
        beats(groups=("low",)),
        contrasts(note="not estimable: no patient in group high"),
        GROUPS,
        unit="z-score",
    )
    assert "not estimable:\nno patient in group high" in [
        t.get_text() for ax in figure.axes for t in ax.texts
    ]
    plt.close(figure)
    empty = beats().iloc[:0].drop(columns="p_value")
    figure = beat_grid(empty, contrasts(note="not estimable: no score"), GROUPS, unit="z-score")
    figure.canvas.draw()
    plt.close(figure)


def test_planted_and_found_are_drawn_lead_by_lead() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame([(v, w, lead) for v in ("RCA", "LM") for w in ("q", "st", "t") for lead in LEADS],
                         columns=["vessel", "wave", "lead"])  # fmt: skip
    table[["planted", "found"]] = rng.normal(size=(len(table), 2))
    figure = planted_leads(table)
    ax = figure.axes[3]  # second row, second column
    drawn = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    part = table.query("vessel == 'LM' and wave == 't'")
    np.testing.assert_array_equal(drawn["planted"], part["planted"])
    np.testing.assert_array_equal(drawn["found in the mean beats"], part["found"])
    assert [t.get_text() for t in ax.get_xticklabels()] == list(LEADS)
    plt.close(figure)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=60), st.floats(0.01, 2))
def test_thinning_moves_no_point_by_more_than_the_tolerance(values: list[float], tolerance: float) -> None:
    x, y = np.arange(len(values), dtype=float), np.array(values)
    points = thinned(x, y, tolerance)
    assert np.abs(np.interp(x, points[:, 0], points[:, 1]) - y).max() <= tolerance + 1e-12
    assert points[0].tolist() == [x[0], y[0]]
    assert points[-1].tolist() == [x[-1], y[-1]]
