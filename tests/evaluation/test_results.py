"""Results read well: as a sentence when printed, as a table in a notebook; text from outside cannot break the table."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from ccta_lib.evaluation import Difference, Interval, Test, Trend

NAN = math.nan
RESULTS = {
    "0.712 [0.690, 0.734]; 795 of 4620 positive, 2323 patients, DeLong": Interval(
        0.7121, 0.69, 0.734, 0.011, 4620, 795, 2323, "DeLong"
    ),
    "not estimable; 0 of 3 positive, 3 patients, DeLong (no positives)": Interval(
        NAN, NAN, NAN, NAN, 3, 0, 3, "DeLong", "no positives"
    ),
    "1.000; 2 of 4 positive, 4 patients, DeLong (<perfect> & undefined)": Interval(
        1.0, NAN, NAN, NAN, 4, 2, 4, "DeLong", "<perfect> & undefined"
    ),
    "-0.010 [-0.030, 0.010], p = 0.327": Difference(-0.01, -0.03, 0.01, -0.98, 0.327),
    "chi-squared 15.13 on 1 df, p < 0.001": Test(15.13, 1, 0.0001),
    "rho 0.371, p undefined, n = 5 (n under 10)": Trend(0.371, NAN, 5, "n under 10"),
}


@pytest.mark.parametrize("text", RESULTS)
def test_printed_as_a_sentence_and_shown_as_a_table(text: str) -> None:
    result = RESULTS[text]
    assert str(result) == text
    table = ElementTree.fromstring(result._repr_html_())
    assert table.find("caption").text == text
    rows = {row[0].text: row[1].text for row in table.find("tbody")}
    shown = {k for k, v in vars(result).items() if v != ""}
    assert set(rows) == shown
    for name in shown:
        value = getattr(result, name)
        if isinstance(value, float):
            assert (
                rows[name] == "undefined"
                if math.isnan(value)
                else float(rows[name]) == pytest.approx(value, rel=1e-3)
            )
