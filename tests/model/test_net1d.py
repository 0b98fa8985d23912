"""Net1D against the published network's outputs, and against a plain NumPy forward that shares nothing with it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ccta_lib.errors import ParameterError
from ccta_lib.model import Net1D, Net1DConfig
from ccta_lib.model.net1d import NANO_CONFIG

TINY = {
    "in_channels": 3,
    "base_filters": 8,
    "filter_list": (8, 12),
    "m_blocks_list": (1, 2),
    "kernel_size": 6,
    "groups_width": 4,
    "n_classes": 2,
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def conv_same(x, weight, bias, stride, groups):
    """SAME convolution by its definition, one output sample at a time."""
    n, _, samples = x.shape
    out_channels, group_width, kernel = weight.shape
    length = -(-samples // stride)
    total = max(0, (length - 1) * stride + kernel - samples)
    padded = np.pad(x, ((0, 0), (0, 0), (total // 2, total - total // 2)))
    out = np.zeros((n, out_channels, length))
    per_group = out_channels // groups
    for o in range(out_channels):
        channels = slice(o // per_group * group_width, (o // per_group + 1) * group_width)
        for t in range(length):
            window = padded[:, channels, t * stride : t * stride + kernel]
            out[:, o, t] = (window * weight[o]).sum((1, 2)) + bias[o]
    return out


def pool_same(x, kernel):
    padded = np.pad(x, ((0, 0), (0, 0), ((kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2)))
    length = padded.shape[-1] // kernel
    return padded[..., : length * kernel].reshape(*x.shape[:2], length, kernel).max(-1)


def forward(state, x, config):
    """Evaluate Net1D in float64 from a state dict of arrays."""

    def norm(x, name):
        if not config.use_bn:
            return x
        s = {k: state[f"{name}.{k}"][:, None] for k in ("weight", "bias", "running_mean", "running_var")}
        return (x - s["running_mean"]) / np.sqrt(s["running_var"] + 1e-5) * s["weight"] + s["bias"]

    def swish(x):
        return x * sigmoid(x)

    def conv(x, name, stride=1, groups=1):
        return conv_same(x, state[f"{name}.conv.weight"], state[f"{name}.conv.bias"], stride, groups)

    x = swish(norm(conv(x, "first_conv", 2), "first_bn"))
    for i, blocks in enumerate(config.m_blocks_list):
        for j in range(blocks):
            name, stride = f"stage_list.{i}.block_list.{j}", config.stride if j == 0 else 1
            middle = config.filter_list[i]
            out = x if i == j == 0 else swish(norm(x, f"{name}.bn1"))
            out = conv(out, f"{name}.conv1")
            out = conv(
                swish(norm(out, f"{name}.bn2")), f"{name}.conv2", stride, middle // config.groups_width
            )
            out = conv(swish(norm(out, f"{name}.bn3")), f"{name}.conv3")
            squeezed = (
                swish(out.mean(-1) @ state[f"{name}.se_fc1.weight"].T + state[f"{name}.se_fc1.bias"])
                @ state[f"{name}.se_fc2.weight"].T
                + state[f"{name}.se_fc2.bias"]
            )
            shortcut = pool_same(x, stride) if j == 0 else x
            grown = out.shape[1] - x.shape[1]
            shortcut = np.pad(shortcut, ((0, 0), (grown // 2, grown - grown // 2), (0, 0)))
            x = shortcut + out * sigmoid(squeezed)[..., None]
    return x.mean(-1) @ state["dense.weight"].T + state["dense.bias"]


@pytest.mark.parametrize("use_bn", [False, True])
@pytest.mark.parametrize("samples", [64, 61, 7])
@pytest.mark.parametrize("stride", [2, 3])
def test_forward_equals_its_definition(use_bn, samples, stride):
    torch.manual_seed(samples)
    config = Net1DConfig(**TINY, use_bn=use_bn, stride=stride)
    model = Net1D(config).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.2)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    for name, parameter in model.named_parameters():
        if "bn" in name:
            parameter.data.normal_(mean=1.0, std=0.3)
    x = torch.randn(2, 3, samples)
    state = {k: v.double().numpy() for k, v in model.state_dict().items()}
    with torch.no_grad():
        np.testing.assert_allclose(model(x).numpy(), forward(state, x.double().numpy(), config), atol=1e-5)


def test_batchnorm_in_training_mode_uses_the_batch():
    torch.manual_seed(0)
    model = Net1D(Net1DConfig(**TINY, use_bn=True))
    x = torch.randn(4, 3, 50)
    trained = model.train()(x)
    repeated = model(torch.cat([x, x]))[:4]
    assert torch.allclose(trained, repeated, atol=1e-5)
    assert not torch.allclose(trained, model.eval()(x), atol=1e-3)


@pytest.mark.parametrize("bn", [0, 1])
@pytest.mark.parametrize("samples", [1000, 999])
def test_published_golden_outputs(reference_data: Path, bn, samples):
    folder = reference_data / "net1d"
    config = json.loads((folder / "small_config.json").read_text())["config"]
    golden = load_file(folder / f"small_bn{bn}_T{samples}.safetensors")
    model = Net1D(Net1DConfig(**config, use_bn=bool(bn)))
    model.load_state_dict(
        {k.removeprefix("weight/"): v for k, v in golden.items() if k.startswith("weight/")}
    )
    with torch.no_grad():
        assert torch.allclose(model.eval()(golden["input"]), golden["output_eval"], atol=1e-5, rtol=0)
        assert torch.allclose(model.train()(golden["input"]), golden["output_train"], atol=1e-5, rtol=0)


def test_full_network_has_the_published_keys(reference_data: Path):
    published = json.loads((reference_data / "net1d" / "ecgfounder_keys.json").read_text())
    with torch.device("meta"):
        model = Net1D(Net1DConfig(**published["config"]))
    assert {k: list(v.shape) for k, v in model.state_dict().items()} == published["state_dict"]


def test_default_is_the_published_size():
    with torch.device("meta"):
        model = Net1D(Net1DConfig())
    assert len(model.state_dict()) == 509
    assert sum(p.numel() for p in model.parameters()) == 30_669_364


def test_features_feed_the_head():
    torch.manual_seed(1)
    model = Net1D(Net1DConfig(**TINY)).eval()
    x = torch.randn(3, 3, 40)
    features = model.features(x)
    assert features.shape == (3, 12)
    assert torch.equal(model.dense(features), model(x))


def test_batchnorm_that_is_not_applied_is_not_trained():
    model = Net1D(Net1DConfig(**TINY))
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, _ in model.named_parameters() if "bn" in name}
    assert all(p.requires_grad for p in Net1D(Net1DConfig(**TINY, use_bn=True)).parameters())
    head = {id(p) for p in model.dense.parameters()}
    assert not head & {id(p) for p in model.trunk_parameters()}


def test_dropout_acts_in_training_only():
    torch.manual_seed(2)
    model = Net1D(Net1DConfig(**TINY, dropout=0.5))
    x = torch.randn(2, 3, 40)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


def test_nano_is_small():
    model = Net1D(NANO_CONFIG)
    assert 50_000 < sum(p.numel() for p in model.parameters() if p.requires_grad) <= 400_000
    assert model(torch.zeros(1, 12, 1000)).shape == (1, 4)


def test_every_fault_of_a_configuration_is_named():
    with pytest.raises(ParameterError) as caught:
        Net1DConfig(filter_list=(20, 32), m_blocks_list=(1,), dropout=1.0)
    assert len(caught.value.faults) == 3
    assert "20 filters" in caught.value.faults[1]
