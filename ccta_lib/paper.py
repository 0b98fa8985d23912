"""What the paper reports, as data, so that every page can put it beside its own numbers."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd


def paper_values(place: str | None = None) -> pd.DataFrame:
    """Return the numbers printed in the paper's text.

    Parameters
    ----------
    place : keep only this place, for example "Figure 1"; None = all

    Returns
    -------
    DataFrame
        place, quantity, cohort, subgroup, vessel, value (as printed), reported (text where it is no number)
    """
    table = pd.read_csv(
        str(files("ccta_lib") / "paper.csv"), keep_default_na=False, na_values={"value": [""]}
    )
    return table if place is None else table[table["place"] == place].reset_index(drop=True)
