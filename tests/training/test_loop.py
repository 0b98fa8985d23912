"""One fold: it learns, it repeats bit for bit, it continues after a kill, and it chooses epochs as defined."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from ccta_lib.errors import InputError, ParameterError
from ccta_lib.files import read_json
from ccta_lib.model.contract import NANO_CONTRACT
from ccta_lib.training import step
from ccta_lib.training.job import FoldJob, derive_seed
from ccta_lib.training.loop import train_fold
from ccta_lib.training.network import build_network
from ccta_lib.training.scoring import best_epoch, eligible_vessels, score, vessel_aucs
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.state import CHECKPOINT

SETTINGS = TrainingSettings(init="scratch", epochs=3, batch_size=8, learning_rate=3e-3)


@pytest.fixture(scope="module")
def job(fold_job, tmp_path_factory) -> FoldJob:
    return fold_job(tmp_path_factory.mktemp("fold"), fold=1, settings=SETTINGS)


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.glob("*.safetensors")}


def result(record):
    return json.dumps(
        {k: v for k, v in record.items() if k not in {"seconds_per_epoch", "cost"}}, sort_keys=True
    )


@pytest.fixture(scope="module")
def reference(job):
    return train_fold(job)


def test_it_learns_what_is_there(job, reference):
    log = reference["log"]
    assert log[-1]["loss_rca"] < 0.8 * log[0]["loss_rca"]
    assert log[-1]["auc_outer_rca"] > 0.9
    assert np.isnan(log[-1]["loss_lm"])
    assert np.isnan(log[-1]["auc_outer_lm"])


def test_record_says_what_happened(job, reference):
    assert reference["untrained_vessels"] == ["LM", "LCX"]
    assert reference["rows"] == {"train": 36, "inner": 8, "outer": 12}
    assert reference["positives"]["train"]["RCA"] == (job.targets[job.train, 0] == 1).sum()
    assert [r["epoch"] for r in reference["log"]] == [0, 1, 2]
    assert reference["contract"] == NANO_CONTRACT.as_dict()
    assert reference["cost"]["step_cpu_seconds"] > 0
    assert not (job.folder / CHECKPOINT).exists()


def test_finished_fold_is_not_trained_again(job, reference):
    calls = []
    assert result(train_fold(job, tick=calls.append)) == result(reference)
    assert not calls


class KilledError(Exception):
    pass


@pytest.mark.parametrize("at", [2, 5, 7, 13, 15])
def test_continues_bit_for_bit(job, reference, tmp_path, at):
    interrupted = replace(job, folder=tmp_path / "fold1")

    def stop(step):
        if step == at:
            raise KilledError

    with pytest.raises(KilledError):
        train_fold(interrupted, tick=stop)
    steps = []
    record = train_fold(interrupted, tick=steps.append)
    assert steps[0] == (at - 1) // 5 * 5 + 1
    assert result(record) == result(reference)
    assert files(interrupted.folder) == files(job.folder)


def test_other_inputs_are_not_continued(job, tmp_path):
    first = replace(job, folder=tmp_path / "fold1")

    def stop(step):
        if step == 7:
            raise KilledError

    with pytest.raises(KilledError):
        train_fold(first, tick=stop)
    with pytest.raises(InputError, match=r"checkpoint\.pt: belongs to training with other settings.*delete"):
        train_fold(replace(first, key="other"))


@pytest.mark.parametrize(
    "change",
    [
        {"pcgrad": "none"},
        {"pcgrad": "features"},
        {"uncertainty": "equal"},
        {"uncertainty": "paper", "sigma_learning_rate": 1e-2},
        {"augmentation": False},
        {"augmentation": ("shift", "amplitude", "noise")},
        {"batch": "augmented"},
        {"dropout": 0.2},
        {"head_bias": "random"},
    ],
)
def test_each_ingredient_can_be_left_out_and_matters(job, reference, tmp_path, change):
    changed = SETTINGS.model_copy(update={**change, "epochs": 1})
    record = train_fold(replace(job, folder=tmp_path, settings=changed))
    row = record["log"][0]
    assert np.isfinite([row["loss_rca"], row["macro_outer"]]).all()
    base = train_fold(replace(job, folder=tmp_path / "b", settings=SETTINGS.model_copy(update={"epochs": 1})))
    assert row["loss_rca"] != base["log"][0]["loss_rca"]
    if change.get("pcgrad") == "none":
        assert np.isnan(row["conflict_share"])
    if change.get("uncertainty") == "equal":
        assert row["weight_rca"] == 1
        assert row["log_variance_rca"] == 0


def seen_by(monkeypatch, job, folder, **change):
    """Train an epoch; return what entered each step: ECGs and labels."""
    seen, call = [], step.TrainingStep.__call__

    def watching(self, x, y, *, generator):
        seen.append((x.clone(), y.clone()))
        return call(self, x, y, generator=generator)

    with monkeypatch.context() as patch:
        patch.setattr(step.TrainingStep, "__call__", watching)
        train_fold(replace(job, folder=folder, settings=SETTINGS.model_copy(update={**change, "epochs": 1})))
    return seen


def same(a, b):
    return torch.equal(a.nan_to_num(-1), b.nan_to_num(-1))


def test_what_a_batch_holds(job, monkeypatch, tmp_path):
    """Whatever is left out, the ECGs come in the same order, and what is not left out is drawn the same."""
    ways = {
        "both": {"pcgrad": "none"},
        "augmented": {"pcgrad": "none", "batch": "augmented"},
        "originals": {"pcgrad": "none", "augmentation": False},
        "no blank": {"pcgrad": "none", "augmentation": ("shift", "amplitude", "noise")},
        "constant": {"pcgrad": "none", "augmentation_schedule": "constant"},
        "exact": {"pcgrad": "exact"},
        "features": {"pcgrad": "features"},
    }
    seen = {name: seen_by(monkeypatch, job, tmp_path / name, **change) for name, change in ways.items()}
    for i, (x, y) in enumerate(seen["both"]):
        n = len(x) // 2
        assert torch.equal(seen["augmented"][i][0], x[n:])
        assert same(seen["augmented"][i][1], y[n:])
        assert torch.equal(seen["originals"][i][0], x[:n])
        assert same(seen["originals"][i][1], y[:n])
        bare, shown = seen["no blank"][i][0], x
        blank = shown != bare
        assert torch.equal(bare[:n], shown[:n])
        assert (shown[blank] == 0).all()
        assert torch.equal(seen["constant"][i][0], x)  # in the first epoch both have strength 1
        # The two projections draw the same orders, and so meet the same copies.
        assert torch.equal(seen["exact"][i][0], seen["features"][i][0])
    assert any((a[0] != b[0]).any() for a, b in zip(seen["both"], seen["no blank"], strict=True))


def test_a_copy_that_differs_in_nothing_changes_nothing():
    """Why leaving all transforms out is the same as a batch of originals alone: the mean of twins is one's own."""
    x = torch.randn(9, 12, 200, generator=torch.Generator().manual_seed(1))
    y = (torch.rand(9, 4, generator=torch.Generator().manual_seed(2)) < 0.4).float()
    found = []
    for pair in ((x, y), (torch.cat([x, x]), torch.cat([y, y]))):
        model, _, _ = build_network(SETTINGS, seed=1)
        log_variance = torch.zeros(4, requires_grad=True)
        optimizer = torch.optim.SGD([*model.parameters(), log_variance], lr=0.05)
        take = step.TrainingStep(model, log_variance, optimizer, SETTINGS)
        for _ in range(3):
            take(*pair, generator=torch.Generator().manual_seed(3))
        found.append(torch.cat([p.detach().reshape(-1) for p in (*model.parameters(), log_variance)]))
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)
    assert not torch.equal(
        found[0][:50], build_network(SETTINGS, seed=1)[0].first_conv.conv.weight.reshape(-1)[:50]
    )


def test_own_sigma_rate_moves_the_weights_and_the_paper_rate_hardly(job, tmp_path):
    own = SETTINGS.model_copy(update={"sigma_learning_rate": 0.2, "learning_rate": 3e-5})
    paper = SETTINGS.model_copy(update={"learning_rate": 3e-5})
    moved = train_fold(replace(job, folder=tmp_path / "own", settings=own))["log"][-1]
    still = train_fold(replace(job, folder=tmp_path / "paper", settings=paper))["log"][-1]
    assert moved["log_variance_rca"] < -0.3
    assert -0.001 < still["log_variance_rca"] < 0
    assert moved["log_variance_lm"] == 0  # never labelled: neither loss nor log sigma


def test_loss_that_explodes_is_named(job, tmp_path):
    np.save(tmp_path / "x.npy", np.sign(np.load(job.signals)) * np.float32(3e38))
    with pytest.raises(
        ParameterError, match=r"fold 1, epoch 0: the loss is not finite; learning_rate is 0\.003"
    ):
        train_fold(replace(job, folder=tmp_path, signals=tmp_path / "x.npy"))


def test_scoring_does_not_depend_on_rows_beside(job):
    model, _, _ = build_network(SETTINGS, seed=1)
    signals = np.load(job.signals, mmap_mode="r")
    together = score(model, signals, batch=16)
    np.testing.assert_allclose(score(model, signals, np.array([5, 3])), together[[5, 3]], atol=1e-6)
    assert score(model, signals[:0]).shape == (0, 4)


def test_head_starts_at_the_prevalence():
    targets = np.array([[1, np.nan, 0, 0]] * 10 + [[0, np.nan, 0, 1]] * 30, float)
    model, _, _ = build_network(SETTINGS, seed=1, targets=targets)
    bias = model.dense.bias.detach().numpy()
    assert bias[0] == pytest.approx(np.log(10.5 / 30.5))
    assert bias[1] == 0
    assert bias[2] == pytest.approx(np.log(0.5 / 40.5))


def test_choice_of_the_epoch():
    assert best_epoch([0.5, 0.7, 0.7, 0.6]) == 1
    assert best_epoch([float("nan"), 0.4, 0.3]) == 1
    assert best_epoch([float("nan")] * 3) == 2
    targets = np.array([[1, 1]] * 5 + [[0, np.nan]] * 5, float)
    assert eligible_vessels(targets).tolist() == [True, False]


def test_aucs_skip_unknown_labels():
    targets = np.array([[1, 1], [0, np.nan], [np.nan, 1], [0, 1]])
    scores = np.array([[0.9, 1], [0.2, 2], [-5, 3], [0.95, 4.0]])
    np.testing.assert_array_equal(vessel_aucs(targets, scores), [0.5, np.nan])


@settings(deadline=None)
@given(hnp.arrays(np.int8, (30, 2), elements=st.integers(0, 6)), st.integers(0, 1000))
def test_aucs_equal_scikit_learn(scores, seed):
    targets = np.random.default_rng(seed).choice([0.0, 1.0], (30, 2))
    targets[:2] = [[0, 0], [1, 1]]
    expected = [roc_auc_score(targets[:, v], scores[:, v]) for v in range(2)]
    np.testing.assert_allclose(vessel_aucs(targets, scores), expected, atol=1e-12)


def test_seeds_differ():
    seeds = {derive_seed(s, f, e) for s in range(10) for f in range(5) for e in range(20)}
    assert len(seeds) == 1000
    assert derive_seed(1, 0, 2) != derive_seed(1, 2)


KILL = """
import pickle, sys, torch
torch.set_num_threads(1)
from ccta_lib.training.loop import train_fold
with open(sys.argv[1], "rb") as stream:
    job = pickle.load(stream)
train_fold(job, tick=lambda step: print(step, flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 4, 6, 10, 14])
def test_sigkill(job, reference, tmp_path, at):
    import pickle

    (tmp_path / "job.pkl").write_bytes(pickle.dumps(replace(job, folder=tmp_path / "fold1")))
    command = [sys.executable, "-c", KILL, str(tmp_path / "job.pkl")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == at:
            time.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=True).returncode == 0
    assert result(read_json(tmp_path / "fold1" / "record.json")) == result(reference)
    assert files(tmp_path / "fold1") == files(job.folder)
