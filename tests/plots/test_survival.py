"""Figure 6 carries the numbers of its tables: steps, counts at risk, bars, hazard ratios."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation.incidence import CAUSE_SPECIFIC, COMPETING
from ccta_lib.plots.survival import hazard_ratios, incidence_bars, incidence_curves, incidence_panels


def curves(vessel: str = "RCA") -> pd.DataFrame:
    rows = []
    for group, scale in (("low", 0.5), ("high", 1.0)):
        for kind in (CAUSE_SPECIFIC, COMPETING):
            for time, events, value in (
                (0, 0, 0.0),
                (50, 1, 0.02),
                (80, 0, 0.02),
                (300, 2, 0.06),
                (700, 0, 0.06),
            ):
                rows.append(
                    (vessel, group, kind, time, events, value * scale, value / 2 * scale, value * 2 * scale)
                )
    return pd.DataFrame(
        rows, columns=["vessel", "group", "kind", "time", "events", "incidence", "low", "high"]
    )


def at_risk(vessel: str = "RCA") -> pd.DataFrame:
    rows = [
        (vessel, g, t, n - int(t) // 10, int(t) // 100, 0.15)
        for g, n in (("low", 171), ("high", 229))
        for t in (0, 350, 700)
    ]
    return pd.DataFrame(
        rows, columns=["vessel", "group", "time", "at_risk", "cumulative_events", "threshold"]
    )


def comparisons(vessel: str, *, interpret: bool = True) -> pd.DataFrame:
    note = "" if interpret else "not interpreted: 4 events in all"
    rows = [("hazard ratio", 2.5, 1.25, 5.0, 0.01, np.nan), ("log-rank", 6.0, np.nan, np.nan, 0.0123, 0.0492)]
    table = pd.DataFrame(rows, columns=["metric", "estimate", "low", "high", "p_value", "p_holm"])
    return table.assign(vessel=vessel, interpret=interpret, note=note)


def test_steps_are_the_incidence_and_counts_stand_below() -> None:
    ax = incidence_curves(curves(), at_risk(), kind=CAUSE_SPECIFIC, title="RCA")
    drawn = {str(line.get_label()): line for line in ax.lines}
    np.testing.assert_allclose(drawn["high"].get_ydata(), [0, 0.02, 0.06, 0.06])  # no step without an event
    np.testing.assert_allclose(drawn["low"].get_ydata(), [0, 0.01, 0.03, 0.03])
    assert drawn["high"].get_linestyle() != drawn["low"].get_linestyle()
    said = [t.get_text() for t in ax.texts]
    assert {"229 (0)", "194 (3)", "159 (7)", "171 (0)", "high", "low"} <= set(said)
    plt.close(ax.figure)


def test_counts_do_not_overlap_one_another() -> None:
    figure = incidence_panels(curves(), at_risk(), comparisons("RCA"), kind=CAUSE_SPECIFIC, other=COMPETING)
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    plt.close(figure)


def test_tests_stand_in_the_title_and_refusal_is_said() -> None:
    both = pd.concat([curves("RCA"), curves("any")])
    rows = pd.concat([at_risk("RCA"), at_risk("any")])
    tests = pd.concat([comparisons("RCA"), comparisons("any", interpret=False)])
    figure = incidence_panels(both, rows, tests, kind=CAUSE_SPECIFIC, other=COMPETING)
    titles = [ax.get_title() for ax in figure.axes]
    assert "HR 2.50 [1.25, 5.00], log-rank p 0.012 (Holm 0.049)" in titles[0]
    assert titles[1].startswith("Any vessel")
    assert "not interpreted: 4 events in all" in titles[1]
    plt.close(figure)


def test_bars_have_heights_intervals_and_events() -> None:
    bars = pd.DataFrame({
        "vessel": "LM", "group": ["low", "low", "high", "high"], "time": [30.0, 300.0] * 2,
        "incidence": [0.0, 0.02, 0.04, np.nan], "low": [np.nan, 0.01, 0.02, np.nan],
        "high": [np.nan, 0.05, 0.09, np.nan], "events": [0, 2, 3, 0], "n": 40,
    })  # fmt: skip
    figure = incidence_bars(bars)
    ax = figure.axes[0]
    heights = [p.get_height() for p in ax.patches]
    np.testing.assert_allclose(heights, [0.0, 0.02, 0.04, np.nan])
    assert [t.get_text() for t in ax.texts] == ["0", "2", "3", "n/a"]
    segments = np.concatenate([c.get_segments() for c in ax.collections])
    assert {(round(s[0, 1], 4), round(s[1, 1], 4)) for s in segments} == {(0.01, 0.05), (0.02, 0.09)}
    plt.close(figure)


@pytest.mark.parametrize("series", [1, 3])
def test_hazard_ratios_are_drawn_once_each(series: int) -> None:
    rows = pd.DataFrame({
        "name": np.repeat(["RCA", "LM"], series), "way": [f"way {i}" for i in range(series)] * 2,
        "estimate": [2.0] * series + [np.nan] * series, "low": [1.1] * series + [np.nan] * series,
        "high": [4.0] * series + [np.nan] * series, "interpret": [i != 1 for i in range(series)] * 2,
        "planted": 1.8,
    })  # fmt: skip
    ax = hazard_ratios(rows, series="way", reference="planted")
    points = [
        line for line in ax.lines if line.get_marker() in "osD" and len(np.atleast_1d(line.get_xdata())) == 1
    ]
    assert sorted(float(np.atleast_1d(p.get_xdata())[0]) for p in points) == [2.0] * series
    hollow = [p for p in points if p.get_markerfacecolor() == "white"]
    assert len(hollow) == (1 if series > 1 else 0)
    assert sum("not estimable" in t.get_text() for t in ax.texts) == series
    assert ax.get_xscale() == "log"
    plt.close(ax.figure)
