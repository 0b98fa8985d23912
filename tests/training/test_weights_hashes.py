"""Weights are used only while they are those that were recorded: in their card, or by the folds of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("torch")

from ccta_lib import model
from ccta_lib.errors import WeightsError
from ccta_lib.files import read_json, sha256_file, write_json
from ccta_lib.training.network import build_network
from ccta_lib.training.run import TrainingRun, weights_hashes
from ccta_lib.training.settings import TrainingSettings


@pytest.fixture
def run(tmp_path: Path) -> TrainingRun:
    for k in range(2):
        folder = tmp_path / "folds" / f"fold{k}"
        folder.mkdir(parents=True)
        hashes = {}
        for rule in ("nested", "paper"):
            shutil.copy(model.NANO, folder / f"{rule}.safetensors")
            hashes[rule] = sha256_file(folder / f"{rule}.safetensors")
        write_json({"weights_sha256": hashes}, folder / "record.json")
    return TrainingRun(tmp_path, pd.DataFrame(), {"folds": [{}, {}], "settings": {"selection": "nested"}})


def test_recorded_weights_are_taken(run: TrainingRun) -> None:
    assert weights_hashes(run) == [sha256_file(model.NANO)] * 2


@pytest.mark.parametrize("rule", ["nested", "paper"])
def test_weights_that_changed_after_the_training_are_refused(run: TrainingRun, rule: str) -> None:
    path = run.folder / "folds" / "fold1" / f"{rule}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"fold1.*not the weights that this training recorded") as caught:
        weights_hashes(run, rule)
    assert len(caught.value.faults) == 1
    other = {"nested": "paper", "paper": "nested"}[rule]
    assert weights_hashes(run, other)


def test_weights_without_a_record_are_refused(run: TrainingRun) -> None:
    path = run.folder / "folds" / "fold0" / "record.json"
    write_json({k: v for k, v in read_json(path).items() if k != "weights_sha256"}, path)
    with pytest.raises(WeightsError, match=r"records no hash of it; delete .*fold0 and train again"):
        weights_hashes(run)


def test_the_shipped_weights_are_those_of_their_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_network(TrainingSettings(), seed=0)
    for name in ("nano.safetensors", "nano.md"):
        shutil.copy(model.NANO.with_name(name), tmp_path / name)
    monkeypatch.setattr(model, "NANO", tmp_path / "nano.safetensors")
    build_network(TrainingSettings(), seed=0)
    data = bytearray((tmp_path / "nano.safetensors").read_bytes())
    data[-4] ^= 1
    (tmp_path / "nano.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match=r"not the weights of its card nano\.md"):
        build_network(TrainingSettings(), seed=0)
