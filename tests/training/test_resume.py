"""A run killed at any moment goes on to the same bytes; a run of other inputs is not gone on with."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ccta_lib.errors import InputError
from ccta_lib.files import read_json, write_json
from ccta_lib.training import TrainingRun, TrainingSettings, predict, train, train_shared
from ccta_lib.training import inference as inference_module
from ccta_lib.training.inference import PartialLogits
from ccta_lib.training.run import PLAN

SCRIPT = Path(__file__).with_name("a_run.py")
OUTPUTS = ("training.parquet", "predictions.parquet", "predictions_by_fold.parquet")
SETTINGS = TrainingSettings(init="scratch", epochs=1, batch_size=16, n_folds=2, tensorboard=False)


def outputs(folder: Path) -> dict[str, bytes]:
    weights = [p.relative_to(folder).as_posix() for p in sorted(folder.glob("folds/*/*.safetensors"))]
    return {name: (folder / name).read_bytes() for name in (*OUTPUTS, *weights)}


@pytest.fixture(scope="module")
def inputs(cohort_and_store, tmp_path_factory) -> list[str]:
    cohort, store = cohort_and_store
    path = tmp_path_factory.mktemp("inputs") / "cohort.parquet"
    cohort.to_parquet(path)
    return [sys.executable, str(SCRIPT), str(path), str(store.path)]


@pytest.fixture(scope="module")
def untouched(inputs, tmp_path_factory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("untouched")
    subprocess.run([*inputs, str(out), "none"], check=True)
    return outputs(out)


@pytest.mark.slow
@pytest.mark.parametrize(
    "moments",
    [
        ["step 4"],
        ["step 13"],
        ["first checkpoint"],
        ["ninth checkpoint"],
        ["between folds"],
        ["piece"],
        ["piece unmarked"],
        ["step 4", "ninth checkpoint", "between folds", "first checkpoint", "piece unmarked"],
    ],
    ids=lambda moments: f"{len(moments)} {moments[0]}",
)
def test_killed_at_any_moment(inputs, untouched, tmp_path, moments):
    for moment in moments:
        killed = subprocess.run([*inputs, str(tmp_path), moment], check=False)
        assert killed.returncode == -9
        assert not (tmp_path / "predictions.parquet").exists()
    subprocess.run([*inputs, str(tmp_path), "none"], check=True)
    assert outputs(tmp_path) == untouched
    left = [
        p.name
        for p in tmp_path.rglob("*")
        if "partial" in p.name or p.suffix == ".pt" or "predicting" in p.name
    ]
    assert not left


class StoppedError(Exception):
    pass


def test_an_unfinished_run_of_other_inputs_is_refused(cohort_and_store, tmp_path):
    cohort, store = cohort_and_store
    train_shared(cohort, store, tmp_path, SETTINGS, seed=3, folds=[0])
    other = SETTINGS.model_copy(update={"learning_rate": 1e-3, "checkpoint_minutes": 3.0})
    with pytest.raises(
        InputError,
        match=r"folds: holds an unfinished run of other inputs \(settings.learning_rate was 3e-05, is 0.001\); go on",
    ):
        train(cohort, store, tmp_path, other, seed=3)
    with pytest.raises(InputError, match=r"\(seed was 3, is 4; table was"):
        train_shared(cohort, store, tmp_path, SETTINGS, seed=4, folds=[1])
    fewer = cohort[cohort["ecg_id"] != "e003"]
    with pytest.raises(InputError, match=r"\(table was \w{12}…, is \w{12}…\)"):
        train(fewer, store, tmp_path, SETTINGS, seed=3)
    plan = read_json(tmp_path / "folds" / PLAN)
    plan["inputs"]["versions.torch"], plan["key"] = "1.0", "x"
    write_json(plan, tmp_path / "folds" / PLAN)
    with pytest.raises(InputError, match=r"\(versions.torch was 1\.0, is "):
        train(cohort, store, tmp_path, SETTINGS, seed=3)


def test_settings_that_change_no_result_may_change(cohort_and_store, tmp_path):
    cohort, store = cohort_and_store
    train_shared(cohort, store, tmp_path, SETTINGS, seed=3, folds=[0])
    stamp = (tmp_path / "folds/fold0/record.json").stat().st_mtime_ns
    other = SETTINGS.model_copy(update={"checkpoint_minutes": 3.0, "device": "cpu"})
    run = train(cohort, store, tmp_path, other, seed=3, workers=1)
    assert (tmp_path / "folds/fold0/record.json").stat().st_mtime_ns == stamp
    # A finished run may be replaced; what it had trained is not taken for the new one's.
    again = train(cohort, store, tmp_path, SETTINGS, seed=4, workers=1)
    assert again.record["key"] != run.record["key"]
    assert {read_json(p)["key"] for p in tmp_path.glob("folds/*/record.json")} == {again.record["key"]}


def test_folds_trained_one_by_one_are_the_run(cohort_and_store, tmp_path):
    cohort, store = cohort_and_store
    for fold in (1, 0):
        train_shared(cohort, store, tmp_path / "apart", SETTINGS, seed=3, folds=[fold])
    assert not (tmp_path / "apart/training.json").exists()
    apart = train(cohort, store, tmp_path / "apart", SETTINGS, seed=3, workers=1)
    together = train(cohort, store, tmp_path / "together", SETTINGS, seed=3, workers=1)
    for name in ("training.parquet", "folds/fold0/nested.safetensors", "folds/fold1/paper.safetensors"):
        assert (apart.folder / name).read_bytes() == (together.folder / name).read_bytes()
    with pytest.raises(InputError, match="--fold: found 2; expected 0 to 1"):
        train_shared(cohort, store, tmp_path / "apart", SETTINGS, seed=3, folds=[2])


def test_what_was_scored_is_not_scored_again(cohort_and_store, tmp_path, monkeypatch):
    cohort, store = cohort_and_store
    monkeypatch.setattr(inference_module, "CHUNK", 16)
    run = train(cohort, store, tmp_path / "run", SETTINGS, seed=3, workers=1)
    predict(cohort, store, run, tmp_path / "whole", workers=1)
    put = PartialLogits.put
    scored = []

    def counting(self, piece, logits):
        scored.append(piece)
        if scored == [0, 1, 2]:
            raise StoppedError
        put(self, piece, logits)

    monkeypatch.setattr(PartialLogits, "put", counting)
    with pytest.raises(StoppedError):
        predict(cohort, store, run, tmp_path / "out", workers=1)
    seen = []
    predict(cohort, store, run, tmp_path / "out", workers=1, progress=lambda done, *_: seen.append(done))
    assert scored == [0, 1, 2, 2, 3, 4]
    assert seen[0] == 32
    assert seen == sorted(seen)
    for name in OUTPUTS[1:]:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "out").glob(".predicting*"))


def test_pieces_of_other_networks_are_forgotten(tmp_path):
    first = PartialLogits(tmp_path, "a", (300, 2, 4))
    first.put(1, np.zeros((44, 2, 4)))
    assert PartialLogits(tmp_path, "a", (300, 2, 4)).has(1)
    second = PartialLogits(tmp_path, "b", (300, 2, 4))
    assert not second.has(1)
    assert np.isnan(second.values).all()
    second.remove()
    assert not list(tmp_path.iterdir())


def test_cost_stands_in_the_records(cohort_and_store, tmp_path):
    cohort, store = cohort_and_store
    train(cohort, store, tmp_path, SETTINGS, seed=3, workers=1)
    record = TrainingRun.open(tmp_path).record
    assert [c["fold"] for c in record["cost"]] == [0, 1]
    for cost in record["cost"]:
        assert cost["seconds"] > 0
        assert cost["peak_mib"] > 100
        (place,) = cost["places"]
        assert place["world_size"] == place["threads"] == 1
        assert place["device"] == "cpu" or place["device"]
    json.dumps(record)
