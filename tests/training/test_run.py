"""All folds and the predictions, end to end on a small cohort."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from ccta_lib.errors import InputError, TableError
from ccta_lib.files import read_json
from ccta_lib.schema import VESSELS, read_predictions
from ccta_lib.training import TrainingRun, TrainingSettings, predict, train
from ccta_lib.training.folds import label_matrix, patient_folds
from ccta_lib.training.run import _log
from ccta_lib.training.scoring import vessel_aucs

SETTINGS = TrainingSettings(init="scratch", epochs=2, batch_size=8, learning_rate=3e-3, n_folds=3)
COLUMNS = [v.prob_column for v in VESSELS]


@pytest.fixture(scope="module")
def run(cohort_and_store, tmp_path_factory):
    cohort, store = cohort_and_store
    reports = []
    trained = train(
        cohort, store, tmp_path_factory.mktemp("run"), SETTINGS, seed=3,
        progress=lambda done, total, note="": reports.append((done, total, note)),
    )  # fmt: skip
    return trained, reports


@pytest.fixture(scope="module")
def predictions(run, cohort_and_store):
    return predict(*cohort_and_store, run[0])


def test_log_and_record(run):
    trained, _ = run
    assert len(trained.log) == 3 * 2
    assert (trained.log.groupby("fold")["chosen_nested"].sum() == 1).all()
    assert trained.record["never_labelled"] == ["LM", "LCX"]
    assert trained.record["optimism"] >= 0
    assert trained.record["ecgs"] == 59
    assert not list(trained.folder.glob("folds/prepared*"))
    reopened = TrainingRun.open(trained.folder)
    pd.testing.assert_frame_equal(reopened.log, trained.log)


def test_progress_says_how_long(run):
    _, reports = run
    training = [r for r in reports if "left" in r[2]]
    assert training
    assert all(0 <= done <= total for done, total, _ in reports)
    done = [d for d, _, _ in training]
    assert done == sorted(done)
    assert training[-1][0] == training[-1][1]


def test_predictions_keep_the_contract(predictions, run, cohort_and_store):
    cohort, _ = cohort_and_store
    table = read_predictions(run[0].folder / "predictions.parquet")
    assert table["ecg_id"].tolist() == [i for i in cohort["ecg_id"] if i != "e007"]
    assert table[["prob_lm", "prob_lcx"]].isna().all().all()
    assert table[["prob_rca", "prob_lad"]].notna().all().all()
    internal = table["cohort"] == "internal"
    expected = patient_folds(table, 3, seed=3)
    assert (table.loc[internal, "fold"] == expected[internal]).all()
    assert table.loc[~internal, "fold"].isna().all()
    assert "waveform" not in table


def test_predictions_separate_the_planted_disease(predictions):
    internal = predictions[predictions["cohort"] == "internal"]
    assert vessel_aucs(label_matrix(internal), internal[COLUMNS].to_numpy())[0] > 0.8


def test_outside_the_mean_of_the_folds(predictions, run):
    by_fold = pd.read_parquet(run[0].folder / "predictions_by_fold.parquet")
    external = predictions[predictions["cohort"] == "external"].set_index("ecg_id")
    assert set(by_fold["ecg_id"]) == set(external.index)
    assert sorted(by_fold["fold_model"].unique()) == [0, 1, 2]
    mean = by_fold.groupby("ecg_id")[["prob_rca", "prob_lad"]].mean()
    np.testing.assert_allclose(mean, external.loc[mean.index, ["prob_rca", "prob_lad"]], rtol=1e-12)


def test_other_cohort_and_other_selection(run, cohort_and_store, tmp_path, predictions):
    cohort, store = cohort_and_store
    outside = cohort[cohort["cohort"] == "external"].drop(
        columns=["cohort", "grade_rca", "grade_lm", "grade_lad"]
    )
    again = predict(outside, store, run[0].folder, tmp_path, workers=1)
    expected = predictions.set_index("ecg_id").loc[again["ecg_id"], COLUMNS]
    np.testing.assert_allclose(again[COLUMNS], expected, atol=1e-6)
    assert again["fold"].isna().all()
    other = predict(outside, store, run[0].folder, tmp_path, selection="paper", workers=1)
    assert other["prob_rca"].between(0, 1).all()
    with pytest.raises(InputError, match=r"best\.safetensors: missing"):
        predict(outside, store, run[0].folder, tmp_path, selection="best")


def test_same_seed_same_bytes_for_any_workers(run, cohort_and_store, tmp_path, predictions):
    cohort, store = cohort_and_store
    again = train(cohort, store, tmp_path, SETTINGS, seed=3, workers=1)
    predict(cohort, store, again, workers=1)
    for name in ("training.parquet", "predictions.parquet", "predictions_by_fold.parquet"):
        assert (tmp_path / name).read_bytes() == (run[0].folder / name).read_bytes()


def test_finished_run_is_returned_at_once(run, cohort_and_store):
    before = (run[0].folder / "training.json").stat().st_mtime_ns
    train(*cohort_and_store, run[0].folder, SETTINGS, seed=3)
    assert (run[0].folder / "training.json").stat().st_mtime_ns == before


def test_refusals(cohort_and_store, tmp_path):
    cohort, store = cohort_and_store
    bare = cohort.drop(columns=["grade_rca", "grade_lm", "grade_lad"])
    with pytest.raises(TableError, match="no internal ECG has a grade"):
        train(bare, store, tmp_path, SETTINGS, seed=1)
    both = cohort.copy()
    both.loc[len(both) - 1, "patient_id"] = "p000"
    with pytest.raises(TableError, match="the first of them in row 1"):
        train(both, store, tmp_path, SETTINGS, seed=1)
    with pytest.raises(TableError, match="knows nothing of 1 ECGs of the table, the first in row"):
        train(cohort.assign(ecg_id=["new", *cohort["ecg_id"][1:]]), store, tmp_path, SETTINGS, seed=1)
    with pytest.raises(InputError, match="no finished training"):
        predict(cohort, store, tmp_path)
    with pytest.raises(InputError, match="workers is 0"):
        train(cohort, store, tmp_path, SETTINGS, seed=1, workers=0)


def test_the_log_does_not_tell_which_folds_were_resumed(run):
    records = [read_json(run[0].folder / "folds" / f"fold{k}" / "record.json") for k in range(3)]
    turned = [r | {"log": [dict(reversed(row.items())) for row in r["log"]]} for r in records]
    pd.testing.assert_frame_equal(_log(turned), run[0].log)
    pd.testing.assert_frame_equal(_log([turned[0], *records[1:]]), run[0].log)


KILL = """
import sys
from ccta_lib.cohort.store import WaveformStore
from ccta_lib.schema import read_cohort
from ccta_lib.training import TrainingSettings, train
if __name__ == "__main__":
    train(read_cohort(sys.argv[1]), WaveformStore.open(sys.argv[2]), sys.argv[3],
          TrainingSettings(init="scratch", epochs=2, batch_size=8, learning_rate=3e-3, n_folds=3),
          seed=3)
"""


@pytest.mark.slow
def test_sigkill_of_the_whole_run(run, cohort_and_store, tmp_path):
    cohort, store = cohort_and_store
    cohort.to_parquet(tmp_path / "cohort.parquet")
    (tmp_path / "go.py").write_text(KILL)
    out = tmp_path / "out"
    command = [
        sys.executable,
        str(tmp_path / "go.py"),
        str(tmp_path / "cohort.parquet"),
        str(store.path),
        str(out),
    ]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while not list(out.glob("folds/fold1/checkpoint.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)  # the orphans see within half a second that their parent is gone
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    time.sleep(2)
    assert stamps == {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    finished = {p: p.stat().st_mtime_ns for p in out.glob("folds/fold*/record.json")}
    assert len(finished) < 3
    subprocess.run(command, check=True)
    assert all(p.stat().st_mtime_ns == t for p, t in finished.items())
    assert (out / "training.parquet").read_bytes() == (run[0].folder / "training.parquet").read_bytes()
    for mine in run[0].folder.glob("folds/fold*/*.safetensors"):
        assert (out / mine.relative_to(run[0].folder)).read_bytes() == mine.read_bytes()
    assert read_json(out / "training.json")["key"] == run[0].record["key"]
