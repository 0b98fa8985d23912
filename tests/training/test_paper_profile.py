"""The profile `paper` on a cohort of a few: the published checkpoint's form loads, trains, goes on and comes back."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from ccta_lib.files import read_json
from ccta_lib.model import Net1D, Net1DConfig, load_network
from ccta_lib.model.contract import ECGFOUNDER_CONTRACT, PAPER_CONTRACT
from ccta_lib.schema import read_predictions
from ccta_lib.training import TrainingSettings, train

TINY = {"internal_patients": 20, "internal_exams": 20, "internal_ecgs": 20, "external": 2, "followup": 2}

COMMAND = """
import sys
from pathlib import Path
from ccta_lib import profile as profiles
real, checkpoint, out = profiles.load_profile, sys.argv[1], sys.argv[2]
def tiny(name):
    profile = real(name)
    training = profile.training | {"init": checkpoint, "epochs": 1, "batch_size": 4, "n_folds": 2}
    return profile.model_copy(update={"simulation": profiles.Simulation(**TINY), "training": training})
profiles.load_profile = tiny
from ccta_lib.cli import main
if __name__ == "__main__":
    sys.argv = ["ccta", "train", "--profile", "paper", "--out", out, "--workers", "1"]
    main()
""".replace("TINY", repr(TINY))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """The two published forms with random values: 150 findings, and 2 outputs from several GPUs."""
    folder = tmp_path_factory.mktemp("published")
    paths = {}
    for name, classes, prefix in (("findings", 150, ""), ("infarction", 2, "module.")):
        torch.manual_seed(classes)
        state = Net1D(Net1DConfig(n_classes=classes)).state_dict()
        paths[name] = folder / f"{name}.pth"
        torch.save({"state_dict": {prefix + k: v for k, v in state.items()}, "epoch": 3}, paths[name])
    return paths


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "named", "contract"),
    [("findings", None, ECGFOUNDER_CONTRACT), ("infarction", "paper", PAPER_CONTRACT)],
)
def test_published_form_trains_saves_and_comes_back(
    cohort_and_store, tmp_path, checkpoints, stage, named, contract
):
    cohort, store = cohort_and_store
    few = cohort[cohort["cohort"] == "internal"].iloc[:24]
    settings = TrainingSettings(
        init=str(checkpoints[stage]), architecture="ecgfounder", input_contract=named, epochs=1, batch_size=8,
        n_folds=2, pcgrad="features", micro_batch=8, checkpointing=True, layer_decay=0.8,
    )  # fmt: skip
    run = train(few, store, tmp_path, settings, seed=1, workers=1)
    assert run.record["contract"] == contract.as_dict()
    assert np.isfinite(run.log["loss_rca"]).all()
    model, report = load_network(tmp_path / "folds" / "fold0" / "nested.safetensors")
    assert report.contract == contract
    assert model.config == Net1DConfig()
    # Warm-up begins at 0 and AdamW moves each weight by about the rate: trained, and near where it started.
    start = torch.load(checkpoints[stage], weights_only=True)["state_dict"]
    for key in ("first_conv.conv.weight", "stage_list.6.block_list.3.conv3.conv.weight"):
        moved = (model.state_dict()[key] - start.get(key, start.get(f"module.{key}"))).abs().max()
        assert 0 < moved < 1e-3
    assert torch.equal(model.first_bn.running_var, torch.ones(64))


@pytest.mark.slow
def test_paper_profile_starts_survives_a_kill_and_predicts(tmp_path, checkpoints):
    command = [sys.executable, "-c", COMMAND, str(checkpoints["findings"])]
    outs = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, str(outs[0])], check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen([*command, str(outs[1])], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (outs[1] / "folds" / "fold0" / "record.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run([*command, str(outs[1])], check=True, stdout=subprocess.DEVNULL)
    for k in range(2):
        a, b = (out / "folds" / f"fold{k}" / "nested.safetensors" for out in outs)
        assert a.read_bytes() == b.read_bytes()
    table = read_predictions(outs[0] / "predictions.parquet")
    assert len(table) == 24
    assert table["prob_rca"].between(0, 1).all()
    assert read_json(outs[0] / "training.json")["contract"] == PAPER_CONTRACT.as_dict()
