"""Cohorts, prepared ECGs and networks that cells share: made once, kept, and never half-made."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import numpy as np
import pytest

pytest.importorskip("torch")

from ccta_lib.errors import ParameterError
from ccta_lib.schema import VESSELS
from ccta_lib.study import workspace as module
from ccta_lib.study.workspace import Workspace


@pytest.fixture(scope="module")
def fit(workspace):
    return workspace.fit(1)


def names(data, column):
    return set(data.table[column])


def test_a_seeds_test_ecgs_share_no_identifier_with_any_cohort(workspace):
    cohort, test = workspace.cohort(1), workspace.test(1)
    for column in ("patient_id", "exam_id", "ecg_id"):
        assert not names(cohort, column) & names(test, column)
    assert set(test.table["cohort"]) == {"internal"}
    assert test.truth["ecg_id"].tolist() == test.table["ecg_id"].tolist() == test.ids
    # Other people, not the same ones under other names.
    shared = min(len(cohort.table), len(test.table))
    assert not np.allclose(cohort.truth["ideal_lad"][:shared], test.truth["ideal_lad"][:shared])
    assert not np.allclose(cohort.store.signals(cohort.ids[:1]), test.store.signals(test.ids[:1]), atol=0.05)


def test_cohorts_are_of_the_size_asked_for_and_differ_between_seeds(workspace, tiny):
    first, second, small = workspace.cohort(1), workspace.cohort(2), workspace.cohort(1, patients=30)
    assert (first.table["patient_id"].nunique(), len(first.table)) == (tiny.patients, tiny.ecgs)
    assert (small.table["patient_id"].nunique(), len(small.table)) == (30, 60)
    assert first.key != second.key
    assert workspace.cohort(1).key == first.key


def test_a_smaller_draw_of_patients_is_part_of_a_larger_one(workspace):
    data = workspace.cohort(1)
    few, more = data.patients(10, seed=3), data.patients(20, seed=3)
    assert len(names(few, "patient_id")) == 10
    assert names(few, "patient_id") < names(more, "patient_id")
    assert names(data.patients(10, seed=4), "patient_id") != names(few, "patient_id")
    with pytest.raises(ParameterError, match="41 patients were asked for, and there are 40"):
        data.patients(41, seed=3)


def test_the_split_keeps_patients_apart_and_covers_the_cohort(fit):
    patients = fit.data.table["patient_id"].to_numpy()
    parts = [set(patients[rows]) for rows in (fit.train, fit.inner, fit.outer)]
    assert all(parts)
    assert len(set.union(*parts)) == sum(map(len, parts))
    rows = np.concatenate([fit.train, fit.inner, fit.outer])
    assert sorted(rows) == list(range(len(patients)))


def test_one_split_is_fold_0_of_the_books_own_training(fit, workspace, tmp_path):
    from ccta_lib.training.run import make_plan
    from ccta_lib.training.settings import TrainingSettings

    plan = make_plan(fit.data.table, fit.data.store, tmp_path, TrainingSettings(), seed=1)
    for part in ("train", "inner", "outer"):
        np.testing.assert_array_equal(getattr(plan.jobs[0], part), getattr(fit, part))


def test_equal_settings_share_a_network_and_others_do_not(workspace, fit, monkeypatch):
    def refused(job):
        raise AssertionError(f"{job.folder}: trained again")

    monkeypatch.setattr(module, "train_alone", refused)
    assert workspace.fit(1).folder == fit.folder
    assert workspace.fit(1, init="nano", pcgrad="features").folder == fit.folder  # the defaults, said aloud
    for other in (
        {"init": "scratch"},
        {"pcgrad": "none"},
        {"fold": 1},
        {"shuffle_labels": True},
        {"epochs": 2},
    ):
        with pytest.raises(AssertionError, match="trained again"):
            workspace.fit(1, **other)
    with pytest.raises(AssertionError, match="trained again"):
        workspace.fit(2)


def test_an_unknown_setting_is_named_before_anything_is_trained(workspace):
    with pytest.raises(ParameterError, match="training of seed 1: epoch is unknown; known are"):
        workspace.fit(1, epoch=3)


def test_predictions_are_of_the_data_in_its_order_and_kept(fit, workspace, monkeypatch):
    test = workspace.test(1)
    table = fit.predict(test)
    assert table["ecg_id"].tolist() == test.ids
    columns = [v.prob_column for v in VESSELS]
    assert ((table[columns] > 0) & (table[columns] < 1)).all().all()
    np.testing.assert_array_equal(table[[f"y_{v.lower()}" for v in VESSELS]], test.targets)
    monkeypatch.setattr(module, "score", None)
    assert fit.predict(test).equals(table)


def test_features_lead_to_the_same_probabilities_through_the_head(fit, workspace):
    import torch

    test = workspace.test(1).take(np.arange(20))
    features = fit.features(test)
    with torch.no_grad():
        logits = fit.model().dense(torch.from_numpy(features)).double().numpy()
    expected = fit.predict(test)[[v.prob_column for v in VESSELS]].to_numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-5)


def test_shuffled_labels_stay_with_patients_and_keep_how_many_are_ill(workspace):
    data = workspace.cohort(1)
    mixed = module._exchanged(data, 1)
    patient = data.table["patient_id"].to_numpy()
    assert not np.array_equal(mixed, data.targets)
    for p in np.unique(patient):
        assert len(np.unique(mixed[patient == p], axis=0)) == 1
    first = np.unique(patient, return_index=True)[1]
    assert sorted(map(tuple, mixed[first])) == sorted(map(tuple, data.targets[first]))


def test_two_cells_that_want_one_network_train_it_once(tiny, tmp_path, monkeypatch):
    """Threads stand for processes: each takes the file lock through a file of its own."""
    trained, train = [], module.train_alone

    def slowly(job):
        trained.append(job.key)
        sleep(0.3)
        return train(job)

    monkeypatch.setattr(module, "train_alone", slowly)
    with ThreadPoolExecutor(2) as pool:
        fits = list(pool.map(lambda _: Workspace(tmp_path, tiny).fit(1), range(2)))
    assert len(trained) == 1
    assert fits[0].folder == fits[1].folder
    assert fits[0].weights().is_file()


def test_bytes_do_not_depend_on_where_or_in_which_order_things_are_made(fit, workspace, tiny, tmp_path):
    other = Workspace(tmp_path, tiny)
    other.test(1)
    again = other.fit(1)
    assert again.weights().read_bytes() == fit.weights().read_bytes()
    assert again.predict(other.test(1)).equals(fit.predict(workspace.test(1)))


def test_a_passing_workspace_goes_when_its_cell_is_done_and_stays_when_it_fails(workspace):
    with workspace.passing("one") as own:
        own.folder.mkdir(parents=True)
    assert not own.folder.exists()
    with pytest.raises(ParameterError), workspace.passing("two") as own:
        own.cohort(1).patients(41, seed=1)
    assert own.folder.exists()
