"""A head on features computed once is the head on the signals, over all folds and through the predictions."""

import numpy as np
import pytest
import torch

from ccta_lib.errors import ParameterError
from ccta_lib.model.checkpoint import load_network
from ccta_lib.model.net1d import NANO_CONFIG
from ccta_lib.schema import VESSELS
from ccta_lib.training import TrainingSettings, predict, train
from ccta_lib.training.folds import label_matrix
from ccta_lib.training.network import build_network
from ccta_lib.training.prepared import prepare_features, prepare_signals
from ccta_lib.training.scoring import score, vessel_aucs

HEAD = TrainingSettings(
    trainable="head", augmentation=False, epochs=8, batch_size=16, learning_rate=0.05, n_folds=2
)


@pytest.fixture(scope="module")
def probe(cohort_and_store, tmp_path_factory):
    return train(*cohort_and_store, tmp_path_factory.mktemp("probe"), HEAD, seed=3, workers=1)


def test_features_are_those_of_the_network(cohort_and_store, tmp_path):
    _, store = cohort_and_store
    ids = store.index["ecg_id"][store.index["row"].notna()].tolist()[:40]
    model, contract, _ = build_network(HEAD, seed=9)
    features = np.load(prepare_features(store, ids, HEAD, tmp_path / "f.npy"))
    signals = np.load(prepare_signals(store, ids, contract, tmp_path / "x.npy"))
    assert features.shape == (40, NANO_CONFIG.filter_list[-1])
    np.testing.assert_allclose(score(model, features), score(model, signals), atol=1e-5)


def test_only_the_head_was_trained(probe):
    start, _, _ = build_network(HEAD, seed=1)
    for k in range(2):
        model, _ = load_network(probe.folder / "folds" / f"fold{k}" / "nested.safetensors")
        for (name, a), (_, b) in zip(start.state_dict().items(), model.state_dict().items(), strict=True):
            assert torch.equal(a, b) == (not name.startswith("dense.")), name
    assert probe.record["parameters"] == 64 * 4 + 4
    assert probe.log["conflict_share"].isna().all()


def test_the_probe_finds_the_planted_disease(probe, cohort_and_store):
    predictions = predict(*cohort_and_store, probe, workers=1)
    internal = predictions[predictions["cohort"] == "internal"]
    scores = internal[[v.prob_column for v in VESSELS]].to_numpy()
    assert vessel_aucs(label_matrix(internal), scores)[0] > 0.7


def test_a_trunk_with_too_few_stages_is_refused(cohort_and_store, tmp_path):
    with pytest.raises(ParameterError, match="the network has 5 stages"):
        train(*cohort_and_store, tmp_path, TrainingSettings(trainable=9), seed=1)
