"""Cells of the study of ingredients: one thing changed in each, and tables that hold what they say."""

import numpy as np
import pytest

pytest.importorskip("torch")

from sklearn.metrics import roc_auc_score

from ccta_lib.evaluation.ablations import CONTRASTS, REFERENCE
from ccta_lib.files import sha256_file
from ccta_lib.schema import VESSELS
from ccta_lib.study import ablations
from ccta_lib.study.ablations import STAGES, TRAININGS, WEIGHED, cells, pretrained, run
from ccta_lib.training.schedule import rate_factor
from ccta_lib.training.settings import TrainingSettings


def cell_of(tiny, arm, seed=1):
    (cell,) = [c for c in cells(tiny) if (c.arm, c.seed) == (arm, seed)]
    return cell


def test_every_comparison_has_its_arms_and_every_arm_a_comparison(tiny):
    arms = {c.arm for c in cells(tiny)}
    assert arms == {c.arm for c in CONTRASTS} | {c.against for c in CONTRASTS}
    assert len(cells(tiny)) == len(arms) * len(tiny.seeds)
    assert set(WEIGHED) <= arms


@pytest.mark.parametrize("contrast", [c for c in CONTRASTS if c.arm in TRAININGS and c.against in TRAININGS])
def test_two_arms_differ_in_one_setting(contrast):
    a, b = (TrainingSettings.from_dict(TRAININGS[n]).decisive() for n in (contrast.arm, contrast.against))
    if contrast.ingredient == "PCGrad":
        b |= {"pcgrad": "features"}  # what `Workspace.fit` puts in place of the paper's "exact"
    assert len([n for n in a if a[n] != b[n]]) == 1


def test_the_reference_is_the_papers_recipe(workspace):
    settings = workspace.fit(1).record["settings"]
    paper = TrainingSettings().model_dump(mode="json")
    study = {"pcgrad": "features", "epochs": 1, "learning_rate": 0.002, "device": "cpu", "tensorboard": False}
    assert settings == paper | study
    assert paper["uncertainty"] == "published code"
    assert paper["sigma_learning_rate"] == "paper"


@pytest.fixture(scope="module")
def tables(workspace, tiny):
    return {
        arm: run(cell_of(tiny, arm), workspace) for arm in (REFERENCE, "no blank", "z-score over all leads")
    }


def test_aucs_are_those_of_the_test_patients(tables, workspace):
    table = tables[REFERENCE]["ablations"].set_index("vessel")
    test = workspace.test(1)
    predicted = workspace.fit(1).predict(test)
    for v in VESSELS:
        y = test.table[v.grade_column].isin(["severe", "occluded"])
        assert table["auc"][str(v)] == pytest.approx(roc_auc_score(y, predicted[v.prob_column]))
        assert (table["n"][str(v)], table["n_pos"][str(v)]) == (len(y), y.sum())
    assert table["auc"]["macro"] == pytest.approx(table["auc"].iloc[:4].mean())


def test_arms_share_split_and_test_patients_and_differ_otherwise(tables, workspace):
    blank = workspace.fit(1, **TRAININGS["no blank"])
    reference = workspace.fit(1)
    np.testing.assert_array_equal(blank.train, reference.train)
    assert tables["no blank"]["ablations"]["n"].tolist() == tables[REFERENCE]["ablations"]["n"].tolist()
    assert tables["no blank"]["ablations"]["auc"].tolist() != tables[REFERENCE]["ablations"]["auc"].tolist()
    assert set(tables["no blank"]) == {"ablations", "ablations_cost"}
    over_all = workspace.fit(1, **TRAININGS["z-score over all leads"])
    assert over_all.contract.normalisation == "per_recording"
    assert reference.contract.normalisation == "per_lead"


def test_cost_counts_what_went_through_the_network(tables, workspace):
    (row,) = tables[REFERENCE]["ablations_cost"].to_dict("records")
    assert row["ecg_passes"] == 2 * len(workspace.fit(1).train)
    assert row["step_cpu_seconds"] > 0
    assert row["steps"] == 1
    assert row["pretraining_passes"] == 0


def test_weights_and_calibration_of_the_published_setting(tables, workspace):
    fit = workspace.fit(1)
    weights = tables[REFERENCE]["ablations_weights"]
    np.testing.assert_allclose(weights["weight"], np.exp(-weights["log_variance"]))
    assert weights["path"].iloc[0] == pytest.approx(0.002 * sum(rate_factor(i, 1) for i in range(1)))
    assert weights["loss"].tolist() == [fit.log[f"loss_{v.lower()}"].iloc[-1] for v in VESSELS]
    calibration = tables[REFERENCE]["ablations_calibration"]
    predicted = fit.predict(workspace.test(1))
    ratio = predicted["y_lad"].mean() / predicted["prob_lad"].mean()
    mine = calibration[(calibration["vessel"] == "LAD") & (calibration["metric"] == "o_e")]
    assert mine["value"].item() == pytest.approx(ratio)


def test_calibration_with_one_class_is_undefined_and_says_why():
    targets, probability = np.zeros((20, 4)), np.linspace(0.01, 0.6, 80).reshape(20, 4)
    table = ablations._calibration(targets, probability)
    slope = table[table["metric"] == "slope"]
    assert slope["value"].isna().all()
    assert slope["note"].str.contains("only one class").all()
    assert (table.loc[table["metric"] == "o_e", "value"] == 0).all()


@pytest.mark.slow
def test_stages_are_pretrained_once_and_shared(workspace, tiny, monkeypatch):
    calls, make = [], ablations.pretrain

    def counting(out, **options):
        calls.append(options["stages"])
        return make(out, **options)

    monkeypatch.setattr(ablations, "pretrain", counting)
    paths = {arm: pretrained(workspace, stages) for arm, stages in STAGES.items()}
    again = {arm: pretrained(workspace, stages) for arm, stages in STAGES.items()}
    assert paths == again
    assert calls == [("findings", "infarction"), ("infarction",)]
    assert paths["findings alone"].parent == paths["both stages"].parent
    assert len({sha256_file(p) for p in paths.values()}) == 3
    found = run(cell_of(tiny, "both stages"), workspace)
    assert found["ablations_cost"]["pretraining_passes"].item() == 400 + 100
    assert found["ablations"]["auc"].notna().all()
