"""The table of ESC 2019 against cells published elsewhere, and what it must not say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.errors import InputError
from ccta_lib.evaluation.pretest import ESC_2019, pretest_probability, pretest_table

# Age, sex, symptom, percent, as another implementation of the guideline's Table 5 gives them (R package
# pretestcad 1.1.0, calculate_esc_2019_ptp), at the ends of the bands.
PUBLISHED = [
    (30, "M", "typical", 3), (39, "F", "typical", 5), (40, "M", "typical", 22), (49, "F", "typical", 10),
    (50, "M", "typical", 32), (59, "F", "typical", 13), (60, "M", "typical", 44), (69, "F", "typical", 16),
    (70, "M", "typical", 52), (88, "F", "typical", 27),
    (39, "M", "atypical", 4), (30, "F", "atypical", 3), (49, "M", "atypical", 10), (40, "F", "atypical", 6),
    (59, "M", "atypical", 17), (50, "F", "atypical", 6), (69, "M", "atypical", 26), (60, "F", "atypical", 11),
    (91, "M", "atypical", 34), (70, "F", "atypical", 19),
    (35, "M", "nonanginal", 1), (35, "F", "nonanginal", 1), (45, "M", "nonanginal", 3), (45, "F", "nonanginal", 2),
    (55, "M", "nonanginal", 11), (55, "F", "nonanginal", 3), (65, "M", "nonanginal", 22), (65, "F", "nonanginal", 6),
    (75, "M", "nonanginal", 24), (75, "F", "nonanginal", 10),
    (35, "M", "dyspnoea", 0), (35, "F", "dyspnoea", 3), (45, "M", "dyspnoea", 12), (45, "F", "dyspnoea", 3),
    (55, "M", "dyspnoea", 20), (55, "F", "dyspnoea", 9), (65, "M", "dyspnoea", 27), (65, "F", "dyspnoea", 14),
    (75, "M", "dyspnoea", 32), (75, "F", "dyspnoea", 12),
]  # fmt: skip


def people(*rows: tuple[float | None, str | None, str | None]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["age", "sex", "symptom"])
    return table.astype({"age": "float64", "sex": "string", "symptom": "string"})


@pytest.mark.parametrize(("age", "sex", "symptom", "percent"), PUBLISHED)
def test_every_published_cell(age: float, sex: str, symptom: str, percent: float) -> None:
    assert pretest_probability(people((age, sex, symptom))).iloc[0] == pytest.approx(percent / 100)


def test_silent_where_the_table_is() -> None:
    nobody = people(
        (29.9, "M", "typical"), (60, "M", "none"), (60, "F", None), (None, "F", "typical"), (60, None, "typical")
    )  # fmt: skip
    assert pretest_probability(nobody).isna().all()
    with pytest.raises(InputError, match=r"symptom: the pre-test probability needs this column"):
        pretest_probability(nobody.drop(columns="symptom"))


def test_rows_keep_their_place() -> None:
    table = people((65, "F", "dyspnoea"), (52, "M", "typical")).set_axis([7, 3])
    found = pretest_probability(table)
    assert found.to_dict() == {7: 0.14, 3: 0.32}
    shown = pretest_table().set_index("age")
    assert shown.loc["60 to 69", "dyspnoea, women"] == 14
    assert shown.loc["70 and over", "typical, men"] == 52
    assert shown.shape == (5, 8)


@given(st.floats(30, 110), st.sampled_from(["M", "F"]), st.sampled_from(list(ESC_2019)))
def test_a_day_within_a_band_changes_nothing(age: float, sex: str, symptom: str) -> None:
    low = np.floor(min(age, 79) / 10) * 10
    a, b = pretest_probability(people((age, sex, symptom), (low, sex, symptom)))
    assert a == b
