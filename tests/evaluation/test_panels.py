"""Figure 1's panels: who is in them, and what stands beside each AUC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ccta_lib.evaluation.panels import interval_widths, panel_aucs, panel_curves, panels
from ccta_lib.paper import paper_values
from ccta_lib.schema import VESSELS, labels


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 600
    table = pd.DataFrame(
        {"patient_id": [f"p{i // 3}" for i in range(n)], "ecg_id": [f"e{i}" for i in range(n)]}
    )
    table["exam_id"] = table["patient_id"]
    table["cohort"] = np.repeat(["internal", "external"], n // 2)
    table["ecg_normal"] = pd.array(rng.choice([True, False, None], n), dtype="boolean")
    table["data_kind"] = "simulated"
    for v in VESSELS:
        severe = rng.random(n // 3).repeat(3) < 0.3
        table[v.grade_column] = np.where(severe, "severe", "mild")
        patient_effect = rng.normal(size=n // 3).repeat(3)
        table[v.prob_column] = 1 / (1 + np.exp(-(severe - 1.5 + patient_effect + 0.2 * rng.normal(size=n))))
    return table


def test_each_panel_is_the_auc_of_its_own_rows(predictions: pd.DataFrame) -> None:
    aucs = panel_aucs(predictions)
    assert aucs[["cohort", "subgroup"]].drop_duplicates().to_numpy().tolist() == [
        ["internal", "all"], ["external", "all"], ["internal", "normal ECG"]]  # fmt: skip
    normal = predictions[(predictions["cohort"] == "internal") & predictions["ecg_normal"].fillna(False)]
    for v in VESSELS:
        row = aucs[(aucs["subgroup"] == "normal ECG") & (aucs["vessel"] == v)].iloc[0]
        expected = roc_auc_score(labels(normal[v.grade_column]), normal[v.prob_column])
        assert row["estimate"] == pytest.approx(expected, abs=1e-12)
        assert row["n"] == len(normal)


def test_unknown_ecg_reading_is_not_normal(predictions: pd.DataFrame) -> None:
    rows = {(c, s): len(t) for c, s, t in panels(predictions)}
    assert rows["internal", "normal ECG"] == int((predictions["ecg_normal"][:300] == True).sum())  # noqa: E712
    assert ("internal", "normal ECG") not in {
        (c, s) for c, s, _ in panels(predictions.drop(columns="ecg_normal"))
    }


def test_paper_and_ceiling_stand_in_the_right_rows(predictions: pd.DataFrame) -> None:
    ceiling = pd.DataFrame(
        [("internal", v, "ecg", 0.8 + i / 100, 0.7 + i / 100, 0.55) for i, v in enumerate(VESSELS)],
        columns=["cohort", "vessel", "unit", "upper", "normal_ecg_upper", "null_floor"],
    )
    aucs = panel_aucs(predictions, paper=paper_values("Figure 1"), ceiling=ceiling)
    found = aucs.set_index(["cohort", "subgroup", "vessel"])[["paper", "ceiling", "floor"]]
    assert found.loc[("internal", "all", "LCX")].tolist() == [0.736, pytest.approx(0.83), 0.55]
    assert found.loc[("internal", "normal ECG", "RCA"), "ceiling"] == pytest.approx(0.7)
    assert found.loc[("external", "all", "LAD"), "paper"] == 0.700
    assert np.isnan(found.loc[("external", "all", "LAD"), "ceiling"])


def test_curves_belong_to_the_aucs(predictions: pd.DataFrame) -> None:
    curves, aucs = panel_curves(predictions), panel_aucs(predictions)
    for keys, curve in curves.groupby(["cohort", "subgroup", "vessel"]):
        area = np.trapezoid(curve["sensitivity"], 1 - curve["specificity"])
        row = aucs[(aucs[["cohort", "subgroup", "vessel"]] == list(keys)).all(axis=1)].iloc[0]
        assert area == pytest.approx(row["estimate"], abs=1e-12)


def test_forgetting_patients_makes_intervals_too_narrow(predictions: pd.DataFrame) -> None:
    # Three nearly equal ECGs per patient: the true width is about sqrt(3) of what counting ECGs gives.
    widths = interval_widths(predictions, vessels=["RCA"], n_boot=400).set_index("way")["ratio"]
    assert widths["ECG bootstrap (as published)"] == 1
    assert widths["DeLong, ECGs"] == pytest.approx(1, abs=0.1)
    assert widths["DeLong, patient clusters"] == pytest.approx(np.sqrt(3), rel=0.15)
    assert widths["patient bootstrap"] == pytest.approx(np.sqrt(3), rel=0.15)
