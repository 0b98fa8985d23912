"""Pretraining stage by stage: one stage alone is what two stages begin with."""

import pytest

from ccta_lib.errors import ParameterError
from ccta_lib.model.checkpoint import read_weights
from ccta_lib.simulate import PRETRAINING_TASKS
from ccta_lib.training import pretrain

SMALL = {"n": 400, "epochs": 1, "seed": 3, "workers": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    ways = {"both": {}, "findings": {"stages": ("findings",)}, "infarction": {"stages": ("infarction",)}}
    return {
        name: pretrain(tmp_path_factory.mktemp(name), **SMALL, **stages).parent
        for name, stages in ways.items()
    }


def test_the_first_stage_alone_is_what_the_second_starts_from(made):
    between = made["both"] / "nano-findings.safetensors"
    assert between.read_bytes() == (made["findings"] / "nano.safetensors").read_bytes()
    assert read_weights(between)[1]["tasks"] == list(PRETRAINING_TASKS["findings"])


def test_one_stage_leaves_one_file_and_says_so(made):
    for name in ("findings", "infarction"):
        assert sorted(p.name for p in made[name].iterdir()) == ["nano.md", "nano.safetensors"]
        card = (made[name] / "nano.md").read_text()
        assert "One stage of the two:" in card
        assert f"1. {name}: 400 simulated ECGs, 1 epochs" in card
    assert "As in the paper, two stages:" in (made["both"] / "nano.md").read_text()


def test_the_second_stage_alone_has_its_own_task_and_the_first_ones_size(made):
    state, metadata = read_weights(made["infarction"] / "nano.safetensors")
    assert metadata["tasks"] == list(PRETRAINING_TASKS["infarction"])
    assert state["dense.weight"].shape[0] == 2
    assert (
        (made["infarction"] / "nano.safetensors").read_bytes()
        != (made["both"] / "nano.safetensors").read_bytes()
    )  # fmt: skip


@pytest.mark.parametrize("stages", [(), ("finding",), ("findings", "findings")])
def test_wrong_stages(stages, tmp_path):
    with pytest.raises(ParameterError, match="expected findings or infarction, or both"):
        pretrain(tmp_path, **SMALL, stages=stages)
