"""The forest says every number of its table, level with its mark."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ccta_lib.plots.forest import forest, forest_limits, forest_panels, row_labels, specificity_grid

NAN = np.nan


def rows(vessel: str = "RCA", *, unknown: bool = True) -> pd.DataFrame:
    table = [
        ("all", "all", 0.75, 0.70, 0.80, 1200, 206, ""),
        ("age", "< 65 years", 0.81, 0.76, 0.86, 479, 61, ""),
        ("age", ">= 65 years", 0.71, 0.30, 1.00, 527, 9, "few"),
        ("age", "unknown", NAN, NAN, NAN, 194, 0, "few"),
        ("diabetes", "no", NAN, NAN, NAN, 0, 0, "few"),
        ("diabetes", "yes", NAN, NAN, NAN, 0, 0, "few"),
        ("diabetes", "unknown", 0.75, 0.70, 0.80, 1200, 206, ""),
        ("stenosis severity", "severe or occluded against mild", 0.77, NAN, NAN, 500, 206, ""),
    ]
    names = ["factor", "subgroup", "estimate", "low", "high", "n", "n_pos", "warning"]
    frame = pd.DataFrame(table, columns=names).assign(vessel=vessel, paper=NAN, ceiling=NAN)
    frame.loc[0, ["paper", "ceiling"]] = 0.744, 0.79
    return frame if unknown else frame[frame["subgroup"] != "unknown"].reset_index(drop=True)


def test_each_row_carries_its_numbers_counts_and_mark() -> None:
    table = rows()
    ax = forest(table, limits=(0.4, 1.0))
    ax.figure.canvas.draw()
    at = {}
    for text in ax.texts:
        at.setdefault(text.xy[1], []).append(text.get_text())
    places = sorted(at)
    assert len(places) == len(table)
    for y, row in zip(places, table.itertuples(), strict=True):
        assert f"{row.n_pos:,}/{row.n:,}" in at[y]
        expected = "not estimable" if np.isnan(row.estimate) else f"{row.estimate:.2f}"
        assert any(t.startswith(expected) for t in at[y])
        marks = [line for line in ax.lines if line.get_marker() == "s" and line.get_ydata()[0] == y]
        assert [line.get_xdata()[0] for line in marks] == ([] if np.isnan(row.estimate) else [row.estimate])
        if marks:
            assert (marks[0].get_markerfacecolor() == "white") == bool(row.warning)
    assert [t.get_text() for t in ax.get_yticklabels()] == row_labels(table)
    plt.close(ax.figure)


def test_an_interval_beyond_the_axis_is_cut_with_an_arrow_and_references_are_drawn() -> None:
    table = rows()
    ax = forest(table, limits=(0.4, 0.9))
    arrows = [(line.get_xdata()[0], line.get_marker()) for line in ax.lines if line.get_marker() in (4, 5)]
    assert arrows == [(0.4, 4), (0.9, 5)]
    drawn = {line.get_marker(): line.get_xdata()[0] for line in ax.lines if line.get_marker() in ("D", "|")}
    assert drawn == {"D": 0.744, "|": 0.79}
    plt.close(ax.figure)


def test_labels_name_a_factor_once_and_shorten_contrasts() -> None:
    labels = row_labels(rows())
    assert labels[:4] == ["All", "Age: < 65 years", "≥ 65 years", "unknown"]
    assert labels[-1] == "Grades: ≥ severe vs mild"


def test_limits_hold_every_row_that_may_be_interpreted() -> None:
    assert forest_limits(rows()) == (0.4, 0.9)
    assert forest_limits(rows().assign(warning="few")) == (0.0, 1.0)


@pytest.mark.parametrize("vessels", [["RCA"], ["RCA", "LM", "LAD", "LCX"]])
def test_panels_have_the_same_rows_and_a_wholly_unknown_factor_takes_one(vessels: list[str]) -> None:
    # The second vessel has no row for unknown levels, as an unlabelled vessel has.
    table = pd.concat([rows(v, unknown=v != "LM") for v in vessels])
    figure = forest_panels(table)
    panels = [ax for ax in figure.axes if ax.axison]
    assert len(panels) == len(vessels)
    named = [t.get_text() for t in panels[0].get_yticklabels()]
    assert named == [
        "All",
        "Age: < 65 years",
        "≥ 65 years",
        "unknown",
        "Diabetes: unknown",
        "Grades: ≥ severe vs mild",
    ]
    for ax in panels:
        assert np.array_equal(ax.get_yticks(), panels[0].get_yticks())
    said = [t.get_text() for t in figure.legends[0].get_texts()]
    assert said[0] == "this run"
    assert any("10 positive" in t for t in said)
    plt.close(figure)


def test_the_grid_writes_each_auc_in_its_cell() -> None:
    names = ["RCA", "LM"]
    table = pd.DataFrame(
        [("RCA", "RCA", 0.78, 0.75, 0.82), ("RCA", "LM", 0.63, 0.57, 0.68), ("LM", "RCA", NAN, NAN, NAN),
         ("LM", "LM", NAN, NAN, NAN)], columns=["vessel", "score", "estimate", "low", "high"])  # fmt: skip
    ax = specificity_grid(table, title="Network")
    cells = {t.get_position(): t.get_text() for t in ax.texts}
    assert cells == {
        (0, 0): "0.78\n0.75–0.82",
        (1, 0): "0.63\n0.57–0.68",
        (0, 1): "not\nestimable",
        (1, 1): "not\nestimable",
    }
    assert [t.get_text() for t in ax.get_xticklabels()] == names
    assert ax.images[0].get_array()[0].tolist() == [0.78, 0.63]
    plt.close(ax.figure)
