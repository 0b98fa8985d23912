"""The step against autograd and PCGrad written plainly; every way to take it gives the same update."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ccta_lib.model.net1d import Net1D, Net1DConfig
from ccta_lib.training import objective
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.step import TrainingStep, one_process
from ccta_lib.training.trainable import build_optimizer, freeze

CONFIG = Net1DConfig(
    in_channels=3, base_filters=8, filter_list=(8, 16), m_blocks_list=(1, 2), kernel_size=6, groups_width=4
)


def network(dtype=torch.float64, trainable="all", seed=0):
    torch.manual_seed(seed)
    model = Net1D(CONFIG).to(dtype)
    freeze(model, trainable)
    return model.train()


def batch(n=12, dtype=torch.float64, seed=1):
    rng = np.random.default_rng(seed)
    y = rng.choice([0.0, 1.0, np.nan], (n, 4), p=[0.5, 0.3, 0.2])
    y[:, 1] = np.where(np.arange(n) < 2, [0.0, 1.0] * (n // 2), np.nan)  # few labels, all in the first part
    return torch.from_numpy(rng.normal(size=(n, 3, 50))).to(dtype), torch.from_numpy(y).to(dtype)


def taken(model, x, y, *, log_variance=None, steps=1, order=4, reduce=one_process, **settings):
    """Take steps on a copy; return the copy, what it weighs with, and the last result."""
    model = copy.deepcopy(model)
    settings = TrainingSettings(init="scratch", learning_rate=1e-2, **settings)
    start = [0.3, -0.2, 0.1, 0.0] if log_variance is None else log_variance
    log_variance = torch.tensor(start, dtype=y.dtype, requires_grad=True)
    optimizer = build_optimizer(model, log_variance, settings)
    step = TrainingStep(model, log_variance, optimizer, settings, reduce=reduce)
    for group in step.optimizer.param_groups:
        group["lr"] = group["peak"]
    generator = torch.Generator().manual_seed(order)
    for _ in range(steps):
        result = step(x, y, generator=generator)
    return model, log_variance, result


def task_gradients(model, x, y, weights):
    losses = objective.vessel_losses(model(x), y)
    trunk = model.trunk_parameters()
    rows = [
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(weight * loss, trunk, retain_graph=True)])
        for weight, loss in zip(weights, losses, strict=True)
    ]
    return torch.stack(rows)


def trunk_gradient(model):
    return torch.cat([p.grad.reshape(-1) for p in model.trunk_parameters()])


WEIGHTS = torch.exp(-torch.tensor([0.3, -0.2, 0.1, 0.0], dtype=torch.float64))


def test_exact_is_pcgrad_of_the_task_gradients():
    model, (x, y) = network(), batch()
    after, _, result = taken(model, x, y)
    expected = objective.pcgrad(
        task_gradients(model, x, y, WEIGHTS), generator=torch.Generator().manual_seed(4)
    )
    assert torch.allclose(trunk_gradient(after), expected, atol=1e-12)
    assert result.conflict.pairs == 6
    assert result.labelled.tolist() == (~y.isnan()).sum(0).tolist()


def test_features_is_pcgrad_at_the_features_pulled_back():
    model, (x, y) = network(), batch()
    features = model.features(x)
    cut = features.detach().requires_grad_()
    losses = objective.vessel_losses(model.dense(cut), y) * WEIGHTS
    above = [torch.autograd.grad(loss, cut, retain_graph=True)[0].reshape(-1) for loss in losses]
    projected = objective.pcgrad(torch.stack(above), generator=torch.Generator().manual_seed(4))
    expected = torch.autograd.grad(features, model.trunk_parameters(), projected.view_as(features))
    after, _, _ = taken(model, x, y, pcgrad="features")
    assert torch.allclose(trunk_gradient(after), torch.cat([g.reshape(-1) for g in expected]), atol=1e-12)


def test_none_is_the_plain_sum_and_the_head_is_always_plain():
    model, (x, y) = network(), batch()
    loss = (objective.vessel_losses(model(x), y) * WEIGHTS).sum()
    trunk, head = model.trunk_parameters(), list(model.dense.parameters())
    expected = torch.autograd.grad(loss, [*trunk, *head])
    plain, _, result = taken(model, x, y, pcgrad="none")
    assert torch.allclose(
        trunk_gradient(plain), torch.cat([g.reshape(-1) for g in expected[: len(trunk)]]), atol=1e-12
    )
    assert result.conflict is None
    for mode in ("exact", "features", "none"):
        after, _, _ = taken(model, x, y, pcgrad=mode)
        for parameter, gradient in zip(after.dense.parameters(), expected[len(trunk) :], strict=True):
            assert torch.allclose(parameter.grad, gradient, atol=1e-12)


@pytest.mark.parametrize("mode", ["exact", "features", "none"])
@pytest.mark.parametrize("size", [1, 5, 6, 12, 100])
def test_accumulation_changes_nothing(mode, size):
    model, (x, y) = network(), batch()
    whole, variance, result = taken(model, x, y, pcgrad=mode, steps=3)
    parts, part_variance, part_result = taken(model, x, y, pcgrad=mode, steps=3, micro_batch=size)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6, rtol=0)
    assert torch.allclose(trunk_gradient(whole), trunk_gradient(parts), atol=1e-6, rtol=0)
    assert torch.allclose(variance, part_variance, atol=1e-6, rtol=0)
    assert torch.allclose(result.losses, part_result.losses, atol=1e-6, equal_nan=True)
    assert result.conflict == pytest.approx(part_result.conflict, abs=1e-6)


@pytest.mark.parametrize("mode", ["exact", "features"])
def test_checkpointing_gives_the_same_bits(mode):
    model, (x, y) = network(torch.float32), batch(dtype=torch.float32)
    plain, _, _ = taken(model, x, y, pcgrad=mode, steps=2)
    kept, _, _ = taken(model, x, y, pcgrad=mode, steps=2, checkpointing=True)
    assert kept.checkpointing
    assert torch.equal(trunk_gradient(plain), trunk_gradient(kept))
    for a, b in zip(plain.parameters(), kept.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.05), ("fp16", 0.01)])
@pytest.mark.parametrize("mode", ["exact", "features", "none"])
def test_mixed_precision_is_close_to_full(mode, precision, tolerance):
    model, (x, y) = network(torch.float32), batch(dtype=torch.float32)
    full, _, expected = taken(model, x, y, pcgrad=mode)
    mixed, variance, result = taken(model, x, y, pcgrad=mode, precision=precision)
    a, b = trunk_gradient(full), trunk_gradient(mixed)  # the optimiser has divided the scale out again
    assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 1 - tolerance
    assert b.norm() == pytest.approx(a.norm().item(), rel=tolerance)
    assert not torch.equal(a, b)
    assert all(p.dtype == torch.float32 for p in mixed.parameters())
    np.testing.assert_allclose(result.losses, expected.losses, rtol=tolerance)
    assert variance.grad.isfinite().all()
    # A step of Adam is of the size of the learning rate.
    moved = (mixed.dense.weight - model.dense.weight).abs().max().item()
    assert moved == pytest.approx(1e-2, rel=0.05)


def test_a_float16_overflow_is_skipped_and_the_scale_halved():
    model, (x, y) = network(torch.float32), batch(dtype=torch.float32)
    settings = TrainingSettings(init="scratch", precision="fp16")
    log_variance = torch.zeros(4, requires_grad=True)
    step = TrainingStep(model, log_variance, build_optimizer(model, log_variance, settings), settings)
    before = [p.clone() for p in model.parameters()]
    step(x * 1e30, y, generator=torch.Generator())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert step.scaler.get_scale() == 32768.0


def test_comparison_comes_from_the_two_updates_themselves():
    model, (x, y) = network(), batch(seed=3)
    exact, _, result = taken(model, x, y)
    cheap, _, other = taken(model, x, y, pcgrad="features")
    a, b = trunk_gradient(exact), trunk_gradient(cheap)
    assert other.comparison is None
    assert result.comparison.update_cosine == pytest.approx(float(a @ b / a.norm() / b.norm()), abs=1e-9)
    assert result.comparison.update_ratio == pytest.approx(float(b.norm() / a.norm()), rel=1e-9)
    gradients = torch.nn.functional.normalize(task_gradients(model, x, y, WEIGHTS))
    cosines = (gradients @ gradients.T)[tuple(torch.triu_indices(4, 4, 1))]
    np.testing.assert_allclose(result.comparison.exact, cosines, atol=1e-9)


def test_a_task_without_labels_changes_nothing():
    model, (x, y) = network(), batch()
    y[:, 2] = torch.nan
    for mode in ("exact", "features"):
        after, variance, result = taken(model, x, y, pcgrad=mode)
        assert result.losses[2].isnan()
        assert result.conflict.pairs == 3
        assert variance[2].item() == pytest.approx(0.1, abs=1e-4)  # weight decay only
        assert all(p.grad.isfinite().all() for p in after.parameters() if p.requires_grad)
        assert (after.dense.weight.grad[2] == 0).all()


@pytest.mark.parametrize("trainable", [1, 2, "head"])
@pytest.mark.parametrize("mode", ["exact", "features", "none"])
def test_only_what_is_trainable_moves(trainable, mode):
    model, (x, y) = network(trainable=trainable), batch()
    after, _, result = taken(model, x, y, pcgrad=mode, micro_batch=5)
    moved = {
        name.split(".block")[0].split(".conv")[0].split(".weight")[0].split(".bias")[0]
        for (name, a), (_, b) in zip(model.named_parameters(), after.named_parameters(), strict=True)
        if not torch.equal(a, b)
    }
    stages = {1: {"stage_list.1"}, 2: {"stage_list.0", "stage_list.1"}, "head": set()}[trainable]
    assert moved == {"dense"} | stages
    assert (result.conflict is None) == (mode == "none" or trainable == "head")


def test_head_on_features_is_the_head_on_signals():
    model, (x, y) = network(trainable="head"), batch()
    on_signals, _, _ = taken(model, x, y, steps=3)
    with torch.no_grad():
        features = model.features(x)
    on_features, _, _ = taken(model, features, y, steps=3)
    assert torch.allclose(on_signals.dense.weight, on_features.dense.weight, atol=1e-12)


class Together:
    """Sums over two threads that take a step side by side, in the place of two processes."""

    def __init__(self):
        self.barrier, self.values = threading.Barrier(2, timeout=30), [None, None]

    def of(self, rank):
        def reduce(value):
            self.values[rank] = value.clone()
            self.barrier.wait()
            total = self.values[0] + self.values[1]
            self.barrier.wait()
            return total

        return reduce


@pytest.mark.parametrize("mode", ["exact", "features", "none"])
@pytest.mark.parametrize("cut", [3, 7])
def test_two_processes_take_the_step_of_one(mode, cut):
    model, (x, y) = network(), batch()
    whole, variance, result = taken(model, x, y, pcgrad=mode)
    together = Together()
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(taken, model, x[part], y[part], pcgrad=mode, reduce=together.of(rank), micro_batch=4)
            for rank, part in enumerate((slice(cut), slice(cut, None)))
        ]
        shares = [f.result() for f in futures]
    for mine, own_variance, own_result in shares:
        for a, b in zip(whole.parameters(), mine.parameters(), strict=True):
            assert torch.allclose(a, b, atol=1e-9)
        assert torch.allclose(own_variance, variance, atol=1e-12)
        assert torch.allclose(own_result.losses, result.losses, equal_nan=True)
        assert own_result.conflict == pytest.approx(result.conflict)
    for a, b in zip(shares[0][0].parameters(), shares[1][0].parameters(), strict=True):
        assert torch.equal(a, b)
