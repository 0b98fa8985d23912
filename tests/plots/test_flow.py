"""The flow diagram says every number of its table, and nothing runs out of its box."""

from __future__ import annotations

import itertools

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from ccta_lib.cohort.flow import COLUMNS, GRADE, START, WAVEFORM
from ccta_lib.plots.flow import flow_diagram

REASONS = [
    "flat lead",
    "implausible amplitude",
    "missing samples",
    "unreadable recording",
    "duplicate recording",
]


def flow(*cohorts: str, n_reasons: int) -> pd.DataFrame:
    rows = []
    for name in cohorts:
        left = 4713
        rows.append((START, name, left, 2700, 2401, 0, ""))
        for i, reason in enumerate(REASONS[:n_reasons]):
            left -= 11 + i
            rows.append((WAVEFORM, name, left, 2650, 2380, 11 + i, reason))
        rows.append((WAVEFORM, name, left, 2650, 2380, 0, ""))
        rows.append((GRADE, name, left - 25, 1, 1, 25, "no known stenosis grade"))
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.mark.parametrize(("cohorts", "n_reasons"), [(("internal",), 1), (("internal", "external", "followup"), 5),
                                                    (("internal", "external"), 0)])  # fmt: skip
def test_every_number_is_shown_inside_the_figure(cohorts: tuple[str, ...], n_reasons: int) -> None:
    table = flow(*cohorts, n_reasons=n_reasons)
    ax = flow_diagram(table)
    figure = ax.figure
    figure.canvas.draw()
    said = " ".join(text.get_text().replace("\n   ", " ") for text in ax.texts)
    assert said.count("4,713 ECGs") == len(cohorts) * (1 if n_reasons else 2)
    for reason in REASONS[:n_reasons]:
        assert said.count(reason) == len(cohorts)
    assert said.count("25 no known stenosis grade") == len(cohorts)
    assert "1 CCTA, 1 patient" in said
    boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, Rectangle)]
    assert len(boxes) == 3 * len(cohorts)
    texts = [t.get_window_extent() for t in ax.texts if t.get_text()]
    assert all(figure.bbox.x0 <= t.x0 and t.x1 <= figure.bbox.x1 for t in texts)
    for text in texts:
        for box in (b for b in boxes if b.overlaps(text)):  # text in a box lies wholly in it
            assert box.x0 <= text.x0
            assert text.x1 <= box.x1
            assert box.y0 <= text.y0
            assert text.y1 <= box.y1
    assert not any(a.overlaps(b) for a, b in itertools.combinations(texts, 2))
    plt.close(figure)


def test_it_draws_into_given_axes() -> None:
    figure, ax = plt.subplots()
    assert flow_diagram(flow("internal", n_reasons=2), ax=ax) is ax
    plt.close(figure)
