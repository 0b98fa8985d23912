"""How numbers are set in tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.book.show import flat_columns, interval, pivot_intervals

ROWS = pd.DataFrame(
    {
        "vessel": ["LM", "LM", "RCA"],
        "unit": ["exam", "ecg", "ecg"],
        "estimate": [0.71234, np.nan, 0.5],
        "low": [0.65, np.nan, np.nan],
        "high": [0.8, np.nan, np.nan],
    }
)


def test_undefined_parts_are_left_out() -> None:
    assert interval(ROWS).tolist() == ["0.712 [0.650, 0.800]", "not estimable", "0.500"]
    assert interval(ROWS, digits=1).iloc[0] == "0.7 [0.7, 0.8]"
    nothing = pd.DataFrame({"estimate": [-0.0001], "low": [-0.0004], "high": [-0.0]})
    assert interval(nothing).tolist() == ["0.000 [0.000, 0.000]"]  # a zero has no sign


def test_pivot_keeps_the_order_of_appearance_and_marks_what_is_not_there() -> None:
    wide = pivot_intervals(ROWS, rows_by=["vessel"], columns="unit")
    assert wide.columns.tolist() == ["vessel", "exam", "ecg"]
    assert wide.to_numpy().tolist() == [
        ["LM", "0.712 [0.650, 0.800]", "not estimable"],
        ["RCA", "–", "0.500"],
    ]


def test_flat_columns_name_a_group_once() -> None:
    index = pd.MultiIndex.from_tuples(
        [("Sex", "Male"), ("Sex", "Female"), ("Age", "<65")], names=["what", "level"]
    )
    columns = pd.MultiIndex.from_tuples([("internal", "this run"), ("internal", "paper")])
    flat = flat_columns(pd.DataFrame([[1, 2], [3, 4], [5, 6]], index=index, columns=columns))
    assert flat.columns.tolist() == ["what", "level", "internal, this run", "internal, paper"]
    assert flat["what"].tolist() == ["Sex", "", "Age"]
