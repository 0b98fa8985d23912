"""Weights load strictly, refuse what does not fit, and travel with their configuration and contract."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from ccta_lib.errors import WeightsError
from ccta_lib.model import NANO, Net1D, Net1DConfig, load_network, load_pretrained, save_weights
from ccta_lib.model.checkpoint import published_form
from ccta_lib.model.contract import ECGFOUNDER_CONTRACT, NANO_CONTRACT, PAPER_CONTRACT

CONFIG = Net1DConfig(base_filters=16, filter_list=(16,), m_blocks_list=(1,), n_classes=2)


def network(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    return Net1D(config)


def same_trunk(a, b):
    return all(
        torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items() if not k.startswith("dense")
    )


@pytest.mark.parametrize("wrap", ["state_dict", "model_state_dict", "model", None])
def test_published_pickle_form(tmp_path, wrap):
    source, target = network(seed=1), network(seed=2)
    head = target.dense.weight.clone()
    state = source.state_dict()
    torch.save({wrap: state, "epoch": 3} if wrap else state, tmp_path / "w.pth")
    report = load_pretrained(target, tmp_path / "w.pth")
    assert same_trunk(source, target)
    assert torch.equal(target.dense.weight, head)
    assert report.replaced == ("dense.weight", "dense.bias")
    assert set(report.loaded) | set(report.replaced) == set(state)
    assert report.contract is None


@pytest.mark.parametrize("classes", [150, 1, 2, None])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_either_stage_loads_with_whatever_head_and_prefix(tmp_path, classes, suffix):
    """150 outputs: the published findings; 1 or 2: the infarction stage; none: a trunk alone."""
    source, target = (
        network(Net1DConfig(**{**CONFIG.as_dict(), "n_classes": classes or 7}), seed=1),
        network(),
    )
    state = {
        f"module.{k}": v for k, v in source.state_dict().items() if classes or not k.startswith("dense.")
    }
    path = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": state, "epoch": 9, "best": 0.8}, path)
    else:
        save_file(state, path)
    report = load_pretrained(target, path)
    assert same_trunk(source, target)
    assert len(report.loaded) == len(state) - (2 if classes else 0)


def test_a_prefix_on_some_keys_only_is_a_fault(tmp_path):
    state = network().state_dict()
    state["module.first_conv.conv.bias"] = state.pop("first_conv.conv.bias")
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"module\.first_conv\.conv\.bias is unknown"):
        load_pretrained(network(), tmp_path / "w.pth")


def test_head_kept_or_replaced(tmp_path):
    source = network(seed=1)
    save_weights(source, tmp_path / "w.safetensors", contract=NANO_CONTRACT, tasks=("a", "b"))
    wide = network(Net1DConfig(base_filters=16, filter_list=(16,), m_blocks_list=(1,), n_classes=5), seed=2)
    load_pretrained(wide, tmp_path / "w.safetensors", head="replace")
    assert same_trunk(source, wide)
    with pytest.raises(
        WeightsError, match=r"dense.weight has shape \(2, 16\); the network expects \(5, 16\)"
    ):
        load_pretrained(wide, tmp_path / "w.safetensors", head="keep")
    with pytest.raises(WeightsError, match="head is"):
        load_pretrained(wide, tmp_path / "w.safetensors", head="drop")


def test_file_describes_its_network(tmp_path):
    source = network(seed=4)
    save_weights(
        source, tmp_path / "w.safetensors", contract=NANO_CONTRACT, tasks=("a", "b"), data_kind="simulated"
    )
    model, report = load_network(tmp_path / "w.safetensors")
    x = torch.randn(2, 12, 100)
    assert torch.equal(model(x), source(x))
    assert (report.contract, report.tasks) == (NANO_CONTRACT, ("a", "b"))


def test_equal_weights_equal_bytes(tmp_path):
    for name in "ab":
        save_weights(
            network(seed=1), tmp_path / name, contract=NANO_CONTRACT, tasks=("a", "b"), x=1, y=[2], z="3"
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_misfit_is_named_and_nothing_is_changed(tmp_path):
    state = network(seed=1).state_dict()
    state["extra"] = torch.zeros(1)
    state["first_conv.conv.bias"] = torch.zeros(3)
    state["stage_list.0.block_list.0.conv1.conv.bias"][0] = torch.nan
    del state["first_bn.running_mean"]
    torch.save({"state_dict": state}, tmp_path / "w.pth")
    model = network(seed=2)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_pretrained(model, tmp_path / "w.pth")
    text = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 4
    for part in ("extra is unknown", "first_bn.running_mean is missing", "shape (3,)", "holds NaN"):
        assert part in text
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


class Malicious:
    def __reduce__(self):
        return (open, ("owned", "w"))


def test_pickle_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"x": Malicious()}}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="tensors only"):
        load_pretrained(network(), tmp_path / "evil.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", pickle.dumps([1, 2])])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files(tmp_path, content, suffix):
    (tmp_path / f"w{suffix}").write_bytes(content)
    with pytest.raises(WeightsError):
        load_pretrained(network(), tmp_path / f"w{suffix}")


def test_absent_file(tmp_path):
    with pytest.raises(WeightsError, match="no such weights file"):
        load_pretrained(network(), tmp_path / "none.pth")


def test_contract_mismatch_is_refused(tmp_path):
    save_weights(network(), tmp_path / "w.safetensors", contract=NANO_CONTRACT, tasks=("a", "b"))
    with pytest.raises(WeightsError, match="sampling_hz: 100, 500"):
        load_pretrained(network(), tmp_path / "w.safetensors", contract=PAPER_CONTRACT)
    applied = Net1DConfig(**{**CONFIG.as_dict(), "use_bn": True})
    with pytest.raises(WeightsError, match="BatchNorm not applied"):
        load_pretrained(network(applied), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="BatchNorm"):
        save_weights(network(applied), tmp_path / "x.safetensors", contract=NANO_CONTRACT, tasks=("a", "b"))
    with pytest.raises(WeightsError, match="1 task names for 2 outputs"):
        save_weights(network(), tmp_path / "x.safetensors", contract=NANO_CONTRACT, tasks=("a",))


def test_contract_given_for_a_file_without(tmp_path):
    save_file(network().state_dict(), str(tmp_path / "w.safetensors"))
    assert load_pretrained(network(), tmp_path / "w.safetensors").contract is None
    report = load_pretrained(network(), tmp_path / "w.safetensors", contract=PAPER_CONTRACT)
    assert report.contract == PAPER_CONTRACT


def test_published_form_is_recognised_by_its_shape():
    with torch.device("meta"):
        assert published_form(Net1D(Net1DConfig(n_classes=150)).state_dict())
        assert not published_form(network(CONFIG).state_dict())


@pytest.mark.slow
def test_full_published_checkpoint_loads(tmp_path):
    source = network(Net1DConfig(n_classes=150), seed=1)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "ecgfounder.pth")
    target = network(Net1DConfig(), seed=2)
    report = load_pretrained(target, tmp_path / "ecgfounder.pth")
    assert len(report.loaded) == 507
    assert same_trunk(source, target)
    assert report.contract == ECGFOUNDER_CONTRACT


@pytest.mark.skipif(not NANO.is_file(), reason="weights not made yet")
def test_shipped_weights():
    model, report = load_network(NANO)
    assert NANO.stat().st_size <= 2_000_000
    assert report.contract is not None
    assert not report.contract.batchnorm_applied
    assert model.config.in_channels == 12
    card = NANO.with_suffix(".md").read_text(encoding="utf-8")
    assert "Its output on a person is meaningless" in card
    assert "Not for clinical use." in card
    assert report.sha256 in card
