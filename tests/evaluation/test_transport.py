"""Harm beside detection, and a sentence for each outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation.transport import (
    condition_table,
    display_conditions,
    prevalence_table,
    transport_finding,
)

SEEDS = (1, 2, 3, 4)
SPREAD = (-0.01, 0.01, -0.005, 0.005)


def tables(conditions, seeds=SEEDS):
    """Tables of a study: {what: (change of AUC, excluded, flagged of 10 ECGs)}."""
    found, checks = [], []
    for seed, chance in zip(seeds, SPREAD, strict=False):
        for what, (change, excluded, flagged) in {"as recorded": (0.0, 0, 0), **conditions}.items():
            keys = {"kind": "k", "dose": 1.0, "what": what, "seed": seed}
            moved = change + (0 if what == "as recorded" else chance)
            for vessel in ("RCA", "LM", "LAD", "LCX"):
                wild = 5.0 if vessel == "LM" else 0.0  # LM is no part of the macro mean
                values = {
                    "AUC": 0.7 + moved,
                    "AUC change": moved + wild,
                    "slope": 0.9,
                    "citl": 0.0,
                    "o_e": 1.1,
                }
                found += [
                    {**keys, "vessel": vessel, "metric": m, "estimate": e, "n": 100, "n_pos": 20}
                    for m, e in values.items()
                ]
            said = {"reason": "flat lead" if excluded else "", "flags": "einthoven" if flagged else ""}
            counts = {"n": 10, "excluded": excluded, "flagged": flagged, "silent": 10 - excluded - flagged}
            checks.append({**keys, **counts, **said})
    return pd.DataFrame(found), pd.DataFrame(checks)


def prevalences(auc_span=0.0):
    rows = []
    for seed, chance in zip(SEEDS, SPREAD, strict=True):
        for vessel in ("RCA", "LM", "LAD", "LCX"):
            for k, target in enumerate((0.1, 0.5)):
                step = np.log(target / (1 - target)) - np.log(0.25)
                keys = {"vessel": vessel, "prevalence": target, "trained": 0.2, "tested": 0.2, "seed": seed}
                plain, known = {**keys, "correction": "none"}, {**keys, "correction": "known prevalence"}
                rows += [{**plain, "metric": "AUC", "estimate": 0.7 + auc_span * k + chance},
                         {**plain, "metric": "citl", "estimate": step + 0.1 + chance},
                         {**known, "metric": "citl", "estimate": 0.1 + chance}]  # fmt: skip
    return pd.DataFrame(rows)


def test_verdict_and_harm():
    table = condition_table(*tables({
        "caught": (-0.3, 10, 0), "flagged": (-0.3, 2, 8), "partly": (-0.3, 4, 0), "silent": (-0.1, 0, 0),
        "harmless": (0.0, 0, 0), "small": (-0.015, 0, 0),
    })).set_index("what")  # fmt: skip
    assert table["verdict"].to_dict() == {"as recorded": "silent", "caught": "caught", "flagged": "flagged",
                                          "partly": "partly caught", "silent": "silent", "harmless": "silent",
                                          "small": "silent"}  # fmt: skip
    assert table["harm"].to_dict() == {"as recorded": False, "caught": True, "flagged": True, "partly": True,
                                       "silent": True, "harmless": False, "small": False}  # fmt: skip
    assert table.loc["silent", "estimate"] == pytest.approx(-0.1)
    assert table.loc["flagged", ["reason", "flags"]].tolist() == ["flat lead", "einthoven"]
    assert table.loc["caught", "checked"] == 40
    assert table.loc["silent", ["auc", "slope", "o_e"]].tolist() == pytest.approx([0.6, 0.9, 1.1])
    shown = display_conditions(table.reset_index())
    assert "as recorded" not in set(shown["disturbance"])
    assert "1 more in part, but 1 passed" in transport_finding(
        table.reset_index(), prevalence_table(prevalences())
    )
    found, checks = (
        t.replace({"kind": {"k": "exchanged electrodes"}}) for t in tables({"V1 and V2": (0.0, 0, 0)})
    )
    assert "V1 and V2 exchanged" in set(condition_table(found, checks)["name"])
    assert shown.set_index("disturbance").loc["silent", "verdict"] == "silent, harmful"


def test_the_finding_names_the_worst_that_pass_in_silence():
    many = {f"fault {i}": (-0.05 - 0.01 * i, 0, 0) for i in range(8)}
    table = condition_table(*tables({"stopped": (-0.4, 10, 0), **many}))
    text = transport_finding(table, prevalence_table(prevalences()))
    assert (
        "caught or flagged 1 of 9 disturbances, but 8 passed in silence and cost macro AUC (fault 7 -0.12;"
        in text
    )
    assert "fault 2 -0.07 and 2 more)" in text
    assert "stopped" not in text
    assert "AUC of a vessel stayed within 0.000 while" in text
    assert "moved by up to 2.2 log odds, by 0.0 once the prior was corrected" in text
    assert text.endswith("property of this simulator.")


def test_the_finding_where_nothing_harmful_passes_and_where_nothing_can_be_said():
    text = transport_finding(
        condition_table(*tables({"stopped": (-0.4, 10, 0)})), prevalence_table(prevalences(0.1))
    )
    assert "1 of 1 disturbances, and none that passed in silence was shown to cost macro AUC" in text
    assert "moved by up to 0.100" in text
    one = condition_table(*tables({"silent": (-0.4, 0, 0)}, seeds=SEEDS[:1]))
    assert "cannot be said" in transport_finding(one, prevalence_table(prevalences()))


def test_too_short_to_be_scored_is_no_harm_and_no_number():
    found, checks = tables({"5 s": (-0.4, 10, 0)})
    found.loc[found["what"] == "5 s", "estimate"] = np.nan
    table = condition_table(found, checks)
    row = table[table["what"] == "5 s"].iloc[0]
    assert np.isnan(row["estimate"])
    assert not row["harm"]
    assert row["verdict"] == "caught"
    assert display_conditions(table)["change of macro AUC"].tolist() == ["cannot be scored"]


def test_the_expected_step_of_calibration_is_that_of_the_prior_odds():
    table = prevalence_table(prevalences()).query(
        "correction == 'none' and metric == 'citl' and vessel == 'RCA'"
    )
    np.testing.assert_allclose(table["expected"], table["estimate"], atol=1e-9)
