"""The cell of simpler models: the same ECGs for all, nobody scored by a model that met them, scores that come back."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.metrics import roc_auc_score

pytest.importorskip("torch")
pytest.importorskip("neurokit2")

from ccta_lib.evaluation.baseline_models import clinical_design, fit_linear
from ccta_lib.evaluation.baselines import ANY_MODELS, MODELS, SCALE, auc_rows, pool, score_sets, wide_scores
from ccta_lib.evaluation.pretest import pretest_probability
from ccta_lib.schema import VESSELS
from ccta_lib.study import baselines

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(workspace, tiny):
    size = tiny.model_copy(
        update={"baselines": tiny.baselines.model_copy(update={"imputations": 2, "probe_epochs": 1})}
    )
    workspace.size = size
    cell = baselines.cells(size)[0]
    return cell, baselines.run(cell, workspace)


def with_seed(tables, cell):
    return {name: table.assign(seed=cell.seed) for name, table in tables.items()}


def test_one_cell_per_seed(tiny):
    assert [c.seed for c in baselines.cells(tiny)] == [1, 2]


def test_scores_are_of_the_test_ecgs_in_order(made, workspace):
    cell, tables = made
    test, fit = workspace.test(cell.seed), workspace.fit(cell.seed)
    ecgs, scores = (with_seed(tables, cell)[f"baselines_{name}"] for name in ("ecgs", "scores"))
    wide = wide_scores(ecgs, scores)
    assert len(wide) == len(test.table)
    np.testing.assert_array_equal(wide[[f"y_{v.lower()}" for v in VESSELS]].astype(float), test.targets)
    predicted = fit.predict(test)
    for v in VESSELS:
        np.testing.assert_allclose(
            wide[f"finetuned_{v.lower()}"] / SCALE, predicted[v.prob_column].clip(1e-4, 1 - 1e-4), atol=6e-5
        )
    np.testing.assert_allclose(
        wide["pretest_any"] / SCALE, pretest_probability(test.table).clip(1e-4), atol=1e-9
    )
    assert wide.groupby("exam")["index_exam"].nunique().max() == 1
    assert wide.groupby("patient")["index_exam"].any().all()
    sets = score_sets(wide, MODELS)
    known = test.table["age"].notna().to_numpy()
    assert all(len(s.y) == known.sum() for s in sets)
    assert score_sets(wide, ANY_MODELS, targets=("any",), unit="patient")[0].unit == "patient"


def test_a_clinical_model_is_fitted_to_training_and_inner_patients_alone(made, workspace):
    cell, tables = made
    data, test, fit = workspace.cohort(cell.seed), workspace.test(cell.seed), workspace.fit(cell.seed)
    wide = wide_scores(*(with_seed(tables, cell)[f"baselines_{n}"] for n in ("ecgs", "scores")))
    x, y = clinical_design(data.table), data.targets[:, 2]
    rows = np.sort(np.concatenate([fit.train, fit.inner]))
    rows = rows[~np.isnan(x[rows]).any(axis=1)]
    assert not set(rows) & set(fit.outer)
    patients = data.table["patient_id"].astype(str).to_numpy(dtype=object)
    model = fit_linear(x[rows], y[rows], groups=patients[rows], seed=cell.seed)
    there = clinical_design(test.table)
    complete = ~np.isnan(there).any(axis=1)
    found = wide["clinical_lad"].to_numpy() / SCALE
    np.testing.assert_allclose(found[complete], model(there)[complete].clip(1e-4), atol=6e-5)
    assert np.isnan(found[~complete]).all()
    assert not set(data.table["patient_id"]) & set(test.table["patient_id"])
    log = tables["baselines_models"].set_index(["model", "target"])
    assert log.loc[("clinical", "lad"), "fitted_ecgs"] == len(rows)


def test_combinations_never_turn_a_score_round(made):
    cell, tables = made
    wide = wide_scores(*(with_seed(tables, cell)[f"baselines_{n}"] for n in ("ecgs", "scores")))
    known = wide["clinical_network_lad"].notna()
    both = logit(wide.loc[known, ["clinical_lad", "finetuned_lad"]].astype(float) / SCALE)
    combined = logit(wide.loc[known, "clinical_network_lad"].astype(float) / SCALE)
    # Higher by both is never lower by their combination; rounding to ten-thousandths may make it equal.
    order = both.sum(axis=1).argsort().to_numpy()
    low, high = both.iloc[order[:5]], both.iloc[order[-5:]]
    above = (high.to_numpy()[:, None] > low.to_numpy()).all(axis=2)
    difference = combined.iloc[order[-5:]].to_numpy()[:, None] - combined.iloc[order[:5]].to_numpy()
    assert (difference[above] > -0.05).all()


def test_tables_lead_to_results(made):
    cell, tables = made
    wide = wide_scores(*(with_seed(tables, cell)[f"baselines_{n}"] for n in ("ecgs", "scores")))
    sets = score_sets(wide, MODELS)
    pooled = pool(auc_rows(sets, references=("finetuned", "clinical")))
    assert set(pooled["model"]) == set(MODELS)
    one = next(s for s in sets if s.vessel == "LAD")
    row = pooled[
        (pooled["model"] == "ecg_linear") & (pooled["vessel"] == "LAD") & (pooled["reference"] == "")
    ]
    assert row["estimate"].iloc[0] == pytest.approx(roc_auc_score(one.y, one.p["ecg_linear"]))
    imputed = tables["baselines_imputed"]
    everyone = imputed[(imputed["model"] == "finetuned") & (imputed["reference"] == "")]
    assert (everyone["n"] == len(wide)).all()
    assert imputed.groupby(["model", "reference"]).size().eq(4).all()


def test_the_same_again(made, workspace):
    cell, tables = made
    again = baselines.run(cell, workspace)
    for name, table in tables.items():
        drop = ["seconds"] if "seconds" in table else []
        pd.testing.assert_frame_equal(table.drop(columns=drop), again[name].drop(columns=drop))
