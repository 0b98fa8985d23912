"""Settings: the paper's defaults, and every fault of a profile named in one go."""

import pytest

from ccta_lib.errors import ParameterError, WeightsError
from ccta_lib.model.contract import NANO_CONTRACT
from ccta_lib.training.network import build_network
from ccta_lib.training.settings import TrainingSettings


def test_defaults_are_the_papers():
    s = TrainingSettings()
    assert (s.epochs, s.batch_size, s.learning_rate, s.weight_decay) == (100, 64, 3e-5, 5e-4)
    assert (s.warmup_fraction, s.final_rate_fraction, s.n_folds, s.inner_fraction) == (0.1, 0.01, 5, 0.15)
    assert s.pcgrad
    assert s.augmentation
    assert s.sigma_learning_rate == "paper"


def test_profile_values_are_read():
    s = TrainingSettings.from_dict({"learning_rate": "1e-3", "epochs": 6, "sigma_learning_rate": 0.01})
    assert s.learning_rate == 1e-3
    assert s.sigma_learning_rate == 0.01


def test_every_fault_is_named():
    with pytest.raises(ParameterError) as caught:
        TrainingSettings.from_dict(
            {"learning_rat": 1, "epochs": "many", "batch_size": 1, "uncertainty": "none"}, source="demo.yaml"
        )
    lines = caught.value.faults
    assert len(lines) == 4
    assert all(line.startswith("demo.yaml: ") for line in lines)
    assert any("learning_rat is unknown; known are init" in line for line in lines)
    assert any("epochs is 'many'" in line for line in lines)


@pytest.mark.parametrize("values", [{"sigma_learning_rate": 2.0}, {"sigma_learning_rate": "fast"}, [1]])
def test_wrong_values(values):
    with pytest.raises(ParameterError):
        TrainingSettings.from_dict(values)


def test_settings_cannot_change():
    with pytest.raises(ValueError, match="frozen"):
        TrainingSettings().epochs = 3  # type: ignore[misc]


def test_scratch_network():
    model, contract, report = build_network(TrainingSettings(init="scratch"), seed=1)
    assert contract == NANO_CONTRACT
    assert report is None
    assert model.config.n_classes == 4


def test_weights_without_contract_need_one(tmp_path):
    import torch

    model, _, _ = build_network(TrainingSettings(init="scratch"), seed=1)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "w.pth")
    bare = TrainingSettings(init=str(tmp_path / "w.pth"))
    with pytest.raises(WeightsError, match="set input_contract"):
        build_network(bare, seed=1)
    named = bare.model_copy(update={"input_contract": "nano"})
    loaded, contract, report = build_network(named, seed=2)
    assert contract == NANO_CONTRACT
    assert report is not None
    assert torch.equal(loaded.first_conv.conv.weight, model.first_conv.conv.weight)
    assert not torch.equal(loaded.dense.weight, model.dense.weight)


def test_absent_weights():
    with pytest.raises(WeightsError, match="no such weights file"):
        build_network(TrainingSettings(init="nowhere.pth"), seed=1)
