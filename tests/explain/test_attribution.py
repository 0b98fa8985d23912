"""Attributions on networks whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("captum")

from ccta_lib.errors import InputError  # noqa: E402
from ccta_lib.explain.attribution import (  # noqa: E402
    grad_cam,
    integrated_gradients,
    occlusion,
    steps_of_stage,
)
from ccta_lib.model.net1d import Net1D, Net1DConfig  # noqa: E402

SMALL = Net1DConfig(base_filters=16, filter_list=(16, 32), m_blocks_list=(1, 1))


class Line(torch.nn.Module):
    """Logits that are weighted sums of the input."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.weight = torch.from_numpy(weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nls,kls->nk", x, self.weight)


def ecgs(n: int = 6, samples: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x, baseline = (rng.normal(size=(n, 12, samples)).astype(np.float32) for _ in range(2))
    return x, baseline, rng.integers(0, 4, n)


def small_net() -> Net1D:
    torch.manual_seed(0)
    return Net1D(SMALL).eval().requires_grad_(False)


def test_integrated_gradients_of_a_line_are_weight_times_step() -> None:
    """The gradient is the same everywhere, so each sample's attribution is exact: w (x - baseline)."""
    x, baseline, target = ecgs()
    weight = np.random.default_rng(4).normal(size=(4, 12, 200)).astype(np.float32)
    found = integrated_gradients(Line(weight), x, baseline, target, steps=3)
    np.testing.assert_allclose(found.attributions, weight[target] * (x - baseline), atol=1e-5)
    np.testing.assert_allclose(found.gap, 0, atol=1e-3)


def test_integrated_gradients_of_a_product_by_hand() -> None:
    """f = a b from (0, 0) to (2, 3): each gets half of 6, which neither gradient at the end says."""

    class Product(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x[:, 0, 0] * x[:, 1, 0])[:, None]

    x = np.array([[[2.0], [3.0]]], dtype=np.float32)
    found = integrated_gradients(Product(), x, np.zeros_like(x), np.array([0]), steps=2)
    np.testing.assert_allclose(found.attributions[0, :, 0], [3.0, 3.0], rtol=1e-6)


def test_completeness_on_net1d() -> None:
    """Attributions add up to the change of the logit, the better the more steps."""
    x, baseline, target = ecgs(n=4)
    model = small_net()
    coarse, fine = (integrated_gradients(model, x, baseline, target, steps=s) for s in (4, 64))
    with torch.no_grad():
        logits = (model(torch.from_numpy(x)) - model(torch.from_numpy(baseline))).numpy()
    np.testing.assert_allclose(fine.change, logits[np.arange(4), target], atol=1e-6)
    assert np.abs(fine.gap).max() < 0.02 * np.abs(fine.change).max()
    assert np.abs(fine.gap).max() < np.abs(coarse.gap).max()


def test_batches_change_nothing() -> None:
    x, baseline, target = ecgs(n=5)
    model, bins = small_net(), np.random.default_rng(1).integers(0, 3, (5, 200))
    for whole, parts in (
        (integrated_gradients(model, x, baseline, target, batch=b).attributions for b in (5, 2)),
        (occlusion(model, x, baseline, bins, target, n_bins=3, batch=b) for b in (5, 2)),
        (grad_cam(model, x, target, stage=1, batch=b) for b in (5, 2)),
    ):
        np.testing.assert_allclose(whole, parts, atol=1e-5)


def test_occlusion_finds_the_only_lead_and_wave_a_network_looks_at() -> None:
    """A network that sums lead 4 in wave 2, and nothing else; waves lie elsewhere in each ECG."""
    x, baseline, target = ecgs()
    bins = np.random.default_rng(5).integers(0, 3, (6, 200))
    bins[:, :100] = np.where(bins[:, :100] == 2, 0, bins[:, :100])
    weight = np.zeros((4, 12, 200), dtype=np.float32)
    weight[:, 4, 100:] = 1.0
    found = occlusion(Line(weight), x, baseline, bins, target, n_bins=3)
    by_hand = np.zeros_like(found)
    for i in range(6):
        for k in range(3):
            inside = (bins[i] == k) & (np.arange(200) >= 100)
            by_hand[i, 4, k] = (x - baseline)[i, 4, inside].sum()
    np.testing.assert_allclose(found, by_hand, atol=1e-4)


def test_occlusion_of_an_absent_wave_is_nothing() -> None:
    x, baseline, target = ecgs(n=2)
    found = occlusion(small_net(), x, baseline, np.zeros((2, 200), int), target, n_bins=2)
    assert (found[:, :, 1] == 0).all()
    assert (found[:, :, 0] != 0).any()


def test_grad_cam_of_the_last_stage_by_hand() -> None:
    """The head is linear on the mean over time, so each channel weighs with its head weight over the steps."""
    x, _, target = ecgs(n=3, samples=256)
    model = small_net()
    kept: list[torch.Tensor] = []
    handle = model.stage_list[-1].register_forward_hook(lambda _m, _i, out: kept.append(out))
    model(torch.from_numpy(x))
    handle.remove()
    stage = kept[0].detach().numpy()
    assert stage.shape[1] == steps_of_stage(model, 2, 256) == 32
    weight = model.dense.weight.detach().numpy()[target]
    by_hand = np.maximum(np.einsum("ntc,nc->nt", stage, weight) / stage.shape[1], 0)
    found = grad_cam(model, x, target, stage=2)
    assert found.shape == (3, 256)
    # Steps of eight samples; interpolation passes halfway between the middle samples of a step.
    middle = found[:, 3::8] / 2 + found[:, 4::8] / 2
    np.testing.assert_allclose(middle[:, 1:-1], by_hand[:, 1:-1], atol=0.15 * by_hand.max())
    assert np.corrcoef(middle.ravel(), by_hand.ravel())[0, 1] > 0.98


def test_the_network_is_left_as_it_was() -> None:
    x, _, target = ecgs(n=2)
    model = small_net()
    before = model(torch.from_numpy(x)).numpy()
    grad_cam(model, x, target, stage=1)
    assert not model.stage_list[0]._forward_hooks
    np.testing.assert_array_equal(before, model(torch.from_numpy(x)).numpy())


def test_wrong_input_is_named() -> None:
    x, baseline, target = ecgs()
    with pytest.raises(InputError, match="give as many"):
        integrated_gradients(small_net(), x, baseline[:2], target)
    with pytest.raises(InputError, match="one wave per ECG and sample"):
        occlusion(small_net(), x, baseline, np.zeros((6, 3), int), target, n_bins=2)
    with pytest.raises(InputError, match="stages 1 to 2"):
        grad_cam(small_net(), x, target, stage=3)
