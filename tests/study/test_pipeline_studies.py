"""Learning curves, optimism and coverage: a cell's numbers, computed again another way."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

pytest.importorskip("torch")

from ccta_lib.schema import VESSELS
from ccta_lib.study import coverage, learning_curves, optimism

PROBABILITIES = [v.prob_column for v in VESSELS]


def auc(y, score):
    known = ~np.isnan(y)
    return roc_auc_score(y[known], score[known]) if len(np.unique(y[known])) == 2 else np.nan


def test_a_point_of_the_curve_is_what_scikit_learn_says(workspace, tiny):
    size = tiny.model_copy(
        update={"learning_curves": tiny.learning_curves.model_copy(update={"patients": [40, 30]})}
    )
    cell = next(c for c in learning_curves.cells(size) if c.settings == {"patients": 40, "init": "nano"})
    table = learning_curves.run(cell, workspace)["learning_curves"].set_index("vessel")
    fit, test = (
        workspace.fit(cell.seed),
        workspace.test(cell.seed),
    )  # the study's own cohort: the same network
    scores = fit.predict(test)[PROBABILITIES].to_numpy()
    expected = [auc(test.targets[:, i], scores[:, i]) for i in range(4)]
    np.testing.assert_allclose(table.loc[list(VESSELS), "auc"], expected)
    assert table["auc"]["macro"] == pytest.approx(np.nanmean(expected))
    ideal = [
        auc(test.targets[:, i], test.truth[f"ideal_{v.lower()}"].to_numpy()) for i, v in enumerate(VESSELS)
    ]
    np.testing.assert_allclose(table.loc[list(VESSELS), "ideal"], ideal)
    row = table.loc["RCA"]
    assert (row["patients"], row["ecgs"], row["n_test"]) == (40, 80, len(test.table))
    assert row["trained_ecgs"] == len(fit.train) < 80
    assert row["steps"] == -(-len(fit.train) // 64) * tiny.epochs
    assert row["n_pos"] == np.nansum(test.targets[:, 0])


def test_both_starts_of_a_seed_share_all_but_the_start(tiny):
    listed = learning_curves.cells(tiny)
    assert len({(c.seed, c.settings["patients"]) for c in listed}) * 2 == len(listed)


@pytest.fixture(scope="module")
def one_cohort(workspace, tiny):
    own = {"cohorts": 2, "patients": 40, "exams": 44, "ecgs": 80, "fresh_ecgs": 100, "n_boot": 20}
    size = tiny.model_copy(update={"optimism": tiny.optimism.model_copy(update=own)})
    cell = optimism.cells(size)[1]
    return cell, optimism.run(cell, workspace), workspace


def test_reported_and_true_auc_are_of_five_networks_that_never_saw_the_patient(one_cohort):
    from ccta_lib.simulate import CohortSizes

    cell, tables, workspace = one_cohort
    data = workspace.simulate(CohortSizes(40, 44, 80, 0, 0), seed=cell.seed)
    fresh = workspace.test(optimism.FRESH, ecgs=100)
    fits = [workspace.fit(cell.seed, data=data, fold=k) for k in range(5)]
    assert sorted(np.concatenate([f.outer for f in fits])) == list(range(80))
    patients = data.table["patient_id"].to_numpy()
    assert all(not set(patients[f.outer]) & set(patients[np.r_[f.train, f.inner]]) for f in fits)
    assert not set(patients) & set(fresh.table["patient_id"])
    nested = tables["optimism"].query("rule == 'nested'").set_index("vessel")
    pooled = np.full((80, 4), np.nan)
    for f in fits:
        pooled[f.outer] = f.predict(data)[PROBABILITIES].to_numpy()[f.outer]
    true = [
        [auc(fresh.targets[:, i], f.predict(fresh)[p].to_numpy()) for i, p in enumerate(PROBABILITIES)]
        for f in fits
    ]
    for i, v in enumerate(VESSELS):
        assert nested["reported_pooled"][str(v)] == pytest.approx(auc(data.targets[:, i], pooled[:, i]))
        folds = [auc(data.targets[f.outer, i], pooled[f.outer, i]) for f in fits]
        assert nested["reported_folds"][str(v)] == pytest.approx(np.nanmean(folds))
        assert nested["truth"][str(v)] == pytest.approx(np.mean(true, axis=0)[i], nan_ok=True)


def test_the_macro_auc_is_the_logs_own_and_the_papers_way_is_never_lower(one_cohort):
    _, tables, _ = one_cohort
    log, table = tables["optimism_log"], tables["optimism"].set_index(["rule", "vessel"])
    for rule in ("nested", "paper"):
        chosen = log.loc[log[f"chosen_{rule}"], "macro_outer"]
        assert table["reported_folds"][rule, "macro"] == pytest.approx(chosen.mean())
    assert table["reported_folds"]["paper", "macro"] >= table["reported_folds"]["nested", "macro"] - 1e-12
    assert log["fold"].tolist() == [0, 1, 2, 3, 4]  # one epoch each


def test_the_pipelines_intervals_are_judged_against_the_true_auc(one_cohort):
    _, tables, workspace = one_cohort
    rows, nested = (
        tables["optimism_intervals"],
        tables["optimism"].query("rule == 'nested'").set_index("vessel"),
    )
    assert len(rows) == 16
    for row in rows.to_dict("records"):
        truth = nested["truth"][row["vessel"]]
        assert row["truth"] == pytest.approx(truth, nan_ok=True)
        inside = row["low"] <= truth <= row["high"]
        assert (row["place"] == "inside") == inside
    assert not (workspace.folder / "passing").exists() or not list((workspace.folder / "passing").iterdir())


def test_batches_of_score_sets_are_drawn_once_each_and_again_alike(tiny):
    listed = coverage.cells(tiny)
    batches, settings = tiny.coverage.batches, tiny.coverage.settings
    assert len(listed) == batches * len(settings)
    assert sum(c.settings["sets"] for c in listed if c.arm == "LM-like") == tiny.coverage.sets
    first, second = (coverage.run(c, None)["coverage"] for c in listed[:2])
    pd.testing.assert_frame_equal(coverage.run(listed[0], None)["coverage"], first)
    assert not np.allclose(first["sd"], second["sd"])
    assert (first[["inside", "below", "above"]].sum(axis=1) == first["intervals"]).all()
    assert set(first["prevalence"]) == {0.17}
