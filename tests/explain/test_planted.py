"""The whole way on simulated patients: what the simulator planted is found, and nothing where nothing was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort import WaveformStore
from ccta_lib.explain import (
    PatientBeats,
    cluster_table,
    contrast_table,
    make_beats,
    patient_beats,
    planted_agreement,
    planted_table,
    wave_counts,
)
from ccta_lib.explain.summary import display_clusters, display_contrasts, wave_at
from ccta_lib.schema import LEADS, VESSELS, read_cohort
from ccta_lib.simulate import CohortSizes, simulate_cohort

SEED = 1009


def patients_of(folder: Path, *, null: bool) -> PatientBeats:
    path = simulate_cohort(folder, sizes=CohortSizes(600, 600, 600, 0, 0), seed=SEED, null=null)
    table = read_cohort(path)
    rng = np.random.default_rng(0)
    predictions = table.assign(**{v.prob_column: rng.random(len(table)) for v in VESSELS})
    truth = pd.read_parquet(folder / "truth.parquet")
    return patient_beats(predictions, WaveformStore.open(folder / "waveforms"), truth=truth)


@pytest.fixture(scope="module")
def diseased(tmp_path_factory: pytest.TempPathFactory) -> PatientBeats:
    return patients_of(tmp_path_factory.mktemp("diseased"), null=False)


@pytest.fixture(scope="module")
def millivolt(diseased: PatientBeats) -> pd.DataFrame:
    return make_beats(diseased, scale="millivolt", n_permutations=500)


def test_planted_displacements_are_found_lead_by_lead(diseased: PatientBeats) -> None:
    planted = planted_table(diseased)
    assert len(planted) == 4 * 3 * 12
    agreement = planted_agreement(planted).set_index(["vessel", "wave"])
    for vessel in ("RCA", "LAD", "LCX"):
        for wave in ("ST", "T"):
            row = agreement.loc[(vessel, wave)]
            assert row["correlation"] > 0.85
            # The T wave is averaged over 80 ms around its usual place, so less than its peak is seen.
            assert 0.4 < row["found"] / row["planted"] < 1.8


def test_clusters_by_label_lie_where_disease_was_planted(
    diseased: PatientBeats, millivolt: pd.DataFrame
) -> None:
    table = contrast_table(millivolt).set_index(["vessel", "contrast"])
    planted = planted_table(diseased).set_index(["vessel", "wave", "lead"])["planted"].sort_index()
    clusters = cluster_table(millivolt)
    found = clusters[(clusters["contrast"] == "label") & (clusters["p_value"] < 0.05)]
    for vessel in ("RCA", "LAD", "LCX"):
        assert table.loc[(vessel, "label"), "p_holm"] < 0.05
        t = planted[vessel, "t"]
        assert t.abs().idxmax() in set(
            found.loc[(found["vessel"] == vessel) & (found["wave"].isin(["ST", "T"])), "lead"]
        )
    waves = found[found["wave"].isin(["ST", "T"])]
    assert len(waves) >= 0.9 * len(found)  # disease moved ST and T, and hardly anything else
    signs = [np.sign(planted[c.vessel, "t", c.lead]) == np.sign(c.difference) for c in waves.itertuples()
             if abs(planted[c.vessel, "t", c.lead]) > 0.02]  # fmt: skip
    assert len(signs) > 10
    assert np.mean(signs) > 0.95


def test_scores_that_know_nothing_give_no_cluster(millivolt: pd.DataFrame) -> None:
    table = contrast_table(millivolt)
    assert (table.loc[table["contrast"] == "score", "p_holm"] > 0.05).all()


def test_standardising_moves_a_change_of_t_into_the_pause(
    diseased: PatientBeats, millivolt: pd.DataFrame
) -> None:
    counts = wave_counts({"z-score": make_beats(diseased, n_permutations=500), "millivolt": millivolt})
    silent = counts.assign(silent=counts["P"] + counts["TP"]).groupby("beats")["silent"].sum()
    assert silent["z-score"] > 4 * max(silent["millivolt"], 1)


def test_without_disease_there_is_nothing(tmp_path: Path) -> None:
    patients = patients_of(tmp_path, null=True)
    beats = make_beats(patients, scale="millivolt", vessels=["RCA", "LAD", "LCX"], n_permutations=300)
    assert (contrast_table(beats, vessels=["RCA", "LAD", "LCX"])["p_holm"] > 0.05).all()
    assert (planted_table(patients)["planted"].fillna(0) == 0).all()
    assert planted_agreement(planted_table(patients)).empty


def test_a_table_of_the_contracts_columns_alone_is_enough(millivolt: pd.DataFrame) -> None:
    bare = millivolt[["vessel", "group", "lead", "ms", "mean", "sd", "n"]]
    table = contrast_table(bare)
    assert table["p_value"].isna().all()
    assert table["note"].str.contains("group means only").all()
    full = contrast_table(millivolt)
    pd.testing.assert_frame_equal(table[["n_first", "n_second"]], full[["n_first", "n_second"]])
    assert cluster_table(bare).empty
    assert len(wave_counts({"bare": bare})) == 0


def test_what_cannot_be_compared_is_said(millivolt: pd.DataFrame) -> None:
    lad = (millivolt["vessel"] == "LAD") & (millivolt["group"] == "positive")
    rca = (millivolt["vessel"] == "RCA") & millivolt["group"].isin(["positive", "negative"])
    table = contrast_table(millivolt[~lad & ~rca]).set_index(["vessel", "contrast"])
    assert table.loc[("LAD", "label"), "note"] == "not estimable: no patient in group positive"
    assert table.loc[("RCA", "label"), "note"] == "not estimable: no known grade"
    assert np.isnan(table.loc[("RCA", "label"), "p_holm"])
    few = millivolt.assign(n=millivolt["n"].where(millivolt["group"] != "high", 9))
    assert contrast_table(few)["note"].str.contains("under 10").sum() == 4


def test_cluster_rows_agree_with_the_cells(millivolt: pd.DataFrame) -> None:
    clusters = cluster_table(millivolt)
    for c in clusters.sample(20, random_state=1).itertuples():
        group = "high" if c.contrast == "score" else "positive"
        chosen = (millivolt[["vessel", "lead", "group"]] == [c.vessel, c.lead, group]).all(axis=1)
        line = millivolt[chosen]
        cells = line[line["ms"].between(c.from_ms, c.to_ms)]
        assert (cells["p_value"] == c.p_value).all()
        assert (cells["statistic"].abs() > 3).all()
        assert cells["statistic"].abs().max() == abs(c.statistic)
    assert (
        clusters["p_value"].groupby([clusters["vessel"], clusters["contrast"]]).is_monotonic_increasing.all()
    )
    assert set(clusters["lead"]) <= set(LEADS)


def test_shown_tables_say_what_the_tables_hold(millivolt: pd.DataFrame) -> None:
    table, clusters = contrast_table(millivolt), cluster_table(millivolt)
    shown = display_contrasts(table)
    assert shown["groups"].tolist() == ["high / low", "positive / negative"] * 4
    row, text = table.iloc[5], shown.iloc[5]
    assert text["patients"] == f"{row['n_first']} / {row['n_second']}"
    assert int(text["leads"]) == len(row["leads"].split()) > 0
    assert text["clearest"] == f"{row['lead']}, {row['wave']}"
    listed = display_clusters(clusters, unit="mV")
    assert listed.groupby(["vessel", "groups"]).size().max() == 3
    assert (listed["p"] < 0.05).all()
    assert listed.iloc[0]["ms from R"] == "{:.0f} to {:.0f}".format(
        *clusters.loc[listed.index[0], ["from_ms", "to_ms"]]
    )
    bare = millivolt[["vessel", "group", "lead", "ms", "mean", "sd", "n"]]
    assert (display_contrasts(contrast_table(bare))["clearest"] == "").all()
    assert display_clusters(cluster_table(bare), unit="mV").empty


def test_waves_by_time() -> None:
    assert [wave_at(ms) for ms in (-240, -220, -61, 0, 60, 180, 419, 420)] == [
        "TP",
        "P",
        "P",
        "QRS",
        "ST",
        "T",
        "T",
        "TP",
    ]
