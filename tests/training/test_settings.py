"""Settings: the paper's defaults, and every fault of a profile named in one go."""

import pytest
import torch

from ccta_lib.errors import ParameterError, WeightsError
from ccta_lib.model.contract import NANO_CONTRACT
from ccta_lib.training.network import build_network
from ccta_lib.training.settings import TRANSFORMS, TrainingSettings
from ccta_lib.training.trainable import freeze, parameter_groups


def test_defaults_are_the_papers():
    s = TrainingSettings()
    assert (s.epochs, s.batch_size, s.learning_rate, s.weight_decay) == (100, 64, 3e-5, 5e-4)
    assert (s.warmup_fraction, s.final_rate_fraction, s.n_folds, s.inner_fraction) == (0.1, 0.01, 5, 0.15)
    assert (s.pcgrad, s.trainable, s.layer_decay, s.precision) == ("exact", "all", 1, "fp32")
    assert s.augmentation is True
    assert (s.augmentation_schedule, s.batch, s.normalisation) == ("paper", "both", "contract")
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


def test_augmentations_that_mean_the_same_are_the_same():
    named = TrainingSettings.from_dict({"augmentation": ["blank", "shift"]})
    assert named == TrainingSettings(augmentation=("shift", "blank"))
    assert named.transforms == ("shift", "blank")
    assert named.decisive()["augmentation"] == ["shift", "blank"]  # as JSON gives it back
    assert TrainingSettings(augmentation=TRANSFORMS[::-1]) == TrainingSettings()
    assert TrainingSettings().transforms == TRANSFORMS
    assert TrainingSettings(augmentation=False).transforms == ()
    assert TrainingSettings.from_dict({"augmentation": "false"}).augmentation is False


@pytest.mark.parametrize("values", [{"sigma_learning_rate": 2.0}, {"sigma_learning_rate": "fast"}, [1]])
def test_wrong_values(values):
    with pytest.raises(ParameterError):
        TrainingSettings.from_dict(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trainable": 0}, "trainable is 0; expected all, head, or how many last stages"),
        ({"trainable": True}, "trainable is True; expected all, head"),
        ({"trainable": "top"}, "trainable is 'top'; expected all, head"),
        ({"pcgrad": False}, "pcgrad is False; input should be 'exact', 'features' or 'none'"),
        ({"layer_decay": 1.5}, "layer_decay is 1.5"),
        ({"micro_batch": 0}, "micro_batch is 0"),
        (
            {"augmentation": ["shift", "flip"]},
            "expected some of shift, amplitude, noise, blank; false for none",
        ),
        ({"augmentation": []}, "augmentation is []; expected some of shift"),
        (
            {"augmentation": "shift"},
            "augmentation is 'shift'; expected true, false, or some of shift, amplitude",
        ),
        ({"augmentation_schedule": "linear"}, "augmentation_schedule is 'linear'; input should be 'paper'"),
        ({"batch": "augmented", "augmentation": False}, "leaves the batch empty"),
        ({"normalisation": "global"}, "normalisation is 'global'; input should be 'contract', 'per_lead'"),
        ({"precision": "half"}, "precision is 'half'; input should be 'fp32', 'bf16' or 'fp16'"),
        ({"trainable": "head"}, "features computed once cannot be augmented; set augmentation to false"),
        ({"trainable": "head", "augmentation": False, "init": "scratch"}, "give pretrained weights"),
        ({"trainable": "head", "augmentation": False, "dropout": 0.1}, "acts in the trunk only"),
    ],
)
def test_wrong_values_get_one_clear_line(values, message):
    with pytest.raises(ParameterError) as caught:
        TrainingSettings.from_dict(values, source="p.yaml")
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith("p.yaml: ")
    assert message in caught.value.faults[0]


def test_parts_that_do_not_go_together_stop_the_network():
    with pytest.raises(ParameterError, match="cannot be augmented"):
        build_network(TrainingSettings(trainable="head"), seed=1)
    with pytest.raises(ParameterError, match="the network has 5 stages"):
        build_network(TrainingSettings(trainable=6), seed=1)


@pytest.mark.parametrize(("trainable", "stages"), [("all", 5), (2, 2), ("head", 0)])
def test_what_is_trained_and_how_fast(trainable, stages):
    settings = TrainingSettings(
        trainable=trainable, layer_decay=0.5, learning_rate=0.01, augmentation=trainable != "head"
    )
    model, _, _ = build_network(settings, seed=1)
    rates = {p: g["peak"] for g in parameter_groups(model, settings) for p in g["params"]}
    assert set(rates) == {p for p in model.parameters() if p.requires_grad}
    assert rates[model.dense.weight] == 0.01
    for k, stage in enumerate(reversed(model.stage_list)):
        kernel = stage.block_list[0].conv2.conv.weight
        assert rates.get(kernel) == (0.01 * 0.5 ** (k + 1) if k < stages else None)
    assert rates.get(model.first_conv.conv.weight) == (0.01 * 0.5**6 if trainable == "all" else None)


def test_one_rate_is_one_group():
    settings = TrainingSettings()
    model, _, _ = build_network(settings, seed=1)
    assert len(parameter_groups(model, settings)) == 1


def test_a_frozen_stage_stays_in_evaluation():
    from dataclasses import replace

    from ccta_lib.model.net1d import NANO_CONFIG, Net1D

    model = Net1D(replace(NANO_CONFIG, use_bn=True, dropout=0.5))
    freeze(model, 1)
    model.train()
    assert [stage.training for stage in model.stage_list] == [False] * 4 + [True]
    assert not model.stage_list[0].block_list[0].bn1.training
    assert not model.first_bn.training
    assert model.stage_list[4].block_list[0].bn1.training
    assert model.dense.training


def test_settings_cannot_change():
    with pytest.raises(ValueError, match="frozen"):
        TrainingSettings().epochs = 3  # type: ignore[misc]


def test_scratch_network():
    model, contract, report = build_network(TrainingSettings(init="scratch"), seed=1)
    assert contract == NANO_CONTRACT
    assert report is None
    assert model.config.n_classes == 4


def test_weights_without_contract_need_one(tmp_path):
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


@pytest.mark.parametrize("init", ["nano", "scratch"])
def test_normalisation_of_its_own(init):
    own = TrainingSettings(init=init, normalisation="per_recording")
    model, contract, _ = build_network(own, seed=1)
    same, plain, _ = build_network(TrainingSettings(init=init), seed=1)
    assert contract.differences(plain) == ["normalisation: per_recording, per_lead"]
    assert torch.equal(model.first_conv.conv.weight, same.first_conv.conv.weight)


def test_absent_weights():
    with pytest.raises(WeightsError, match="no such weights file"):
        build_network(TrainingSettings(init="nowhere.pth"), seed=1)
