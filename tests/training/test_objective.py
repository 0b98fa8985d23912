"""Losses, uncertainty weights and PCGrad against hand computation and the published algorithm written plainly."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccta_lib.errors import ParameterError
from ccta_lib.training import objective
from ccta_lib.training.objective import (
    assign_gradient,
    combine,
    compare,
    conflicts,
    gram,
    pcgrad,
    pcgrad_coefficients,
    pull_back,
    uncertainty_weighted,
    vessel_losses,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def plain_pcgrad(gradients, seed):
    """Algorithm 1 of Yu et al. 2020 on vectors, with the order our generator draws."""
    draws = generator(seed)
    norms = [float(g @ g) for g in gradients]
    active = [t for t, n in enumerate(norms) if n > 0]
    total = np.zeros(gradients.shape[1])
    for i in active:
        g = gradients[i].copy()
        others = [t for t in active if t != i]
        for j in torch.randperm(len(others), generator=draws).tolist():
            other = gradients[others[j]]
            if g @ other < 0:
                g -= (g @ other) / (other @ other) * other
        total += g
    return total


matrices = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 8)), elements=st.floats(-3, 3, width=16)
)


@settings(deadline=None)
@given(matrices, st.integers(0, 1000))
def test_pcgrad_is_the_published_algorithm(gradients, seed):
    ours = pcgrad(torch.from_numpy(gradients), generator=generator(seed)).numpy()
    np.testing.assert_allclose(ours, plain_pcgrad(gradients, seed), atol=1e-9)


def test_pcgrad_by_hand():
    # (1, 0) and (-1, 1): each loses its part along the other; (.5, .5) + (0, 1).
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    assert torch.allclose(pcgrad(gradients, generator=generator()), torch.tensor([0.5, 1.5]))


@settings(deadline=None)
@given(hnp.arrays(np.float64, (2, 6), elements=st.floats(-3, 3, width=16)))
def test_two_tasks_no_longer_conflict(gradients):
    g = torch.from_numpy(gradients)
    projected = pcgrad_coefficients(g @ g.T, generator=generator()) @ g
    assert (projected @ g.T).diagonal(offset=0).min() > -1e-9
    assert projected[0] @ g[1] > -1e-9
    assert projected[1] @ g[0] > -1e-9


@settings(deadline=None)
@given(hnp.arrays(np.float64, (4, 6), elements=st.floats(0, 3, width=16)), st.floats(0.01, 100))
def test_without_conflict_pcgrad_is_the_sum_and_it_is_homogeneous(gradients, factor):
    g = torch.from_numpy(gradients)
    assert torch.allclose(pcgrad(g, generator=generator()), g.sum(0))
    g[0] -= 2
    assert torch.allclose(
        pcgrad(factor * g, generator=generator(1)), factor * pcgrad(g, generator=generator(1))
    )


def test_zero_gradient_is_skipped():
    g = torch.tensor([[1.0, 2.0], [0.0, 0.0], [-1.0, 1.0]])
    both = pcgrad(g[[0, 2]], generator=generator())
    assert torch.allclose(pcgrad(g, generator=generator()), both)
    assert conflicts(g @ g.T).pairs == 1
    assert torch.equal(pcgrad(torch.zeros(3, 4), generator=generator()), torch.zeros(4))


def test_conflicts_counts_pairs():
    g = torch.tensor([[1.0, 0.0], [-1.0, 1.0], [0.0, 1.0]])
    found = conflicts(g @ g.T)
    assert (found.pairs, found.share) == (3, pytest.approx(1 / 3))
    assert found.mean_cosine == pytest.approx((-np.sqrt(0.5) + 0 + np.sqrt(0.5)) / 3)


def test_pcgrad_refuses_what_it_cannot_use():
    with pytest.raises(ParameterError, match="shape"):
        pcgrad(torch.ones(3), generator=generator())
    with pytest.raises(ParameterError, match="NaN"):
        pcgrad(torch.tensor([[torch.nan, 1.0]]), generator=generator())


def test_masked_losses_by_hand():
    logits = torch.tensor([[0.0, 2.0, 1.0], [1.0, -1.0, 5.0]], requires_grad=True)
    targets = torch.tensor([[1.0, torch.nan, torch.nan], [0.0, 1.0, torch.nan]])
    losses = vessel_losses(logits, targets)
    expected = [(np.log(2) + np.log1p(np.exp(1))) / 2, np.log1p(np.exp(1))]
    np.testing.assert_allclose(losses[:2].detach(), expected, rtol=1e-6)
    assert losses[2].isnan()
    losses.nansum().backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0, 1] == 0
    assert (logits.grad[:, 2] == 0).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 7), st.integers(0, 10_000))
def test_parts_of_a_batch_add_up(cut, seed):
    rng = np.random.default_rng(seed)
    targets = torch.from_numpy(rng.choice([0.0, 1.0, np.nan], (8, 4)))
    logits = torch.from_numpy(rng.normal(size=(8, 4)))
    labelled = (~targets.isnan()).sum(0)
    whole = vessel_losses(logits, targets)
    parts = vessel_losses(logits[:cut], targets[:cut], labelled) + vessel_losses(
        logits[cut:], targets[cut:], labelled
    )
    assert torch.allclose(whole, parts, equal_nan=True)


def test_uncertainty_forms_by_hand():
    losses = torch.tensor([0.4, 0.1], dtype=torch.float64)
    log_sigma = torch.tensor([0.3, -0.2], dtype=torch.float64)
    sigma = log_sigma.exp()
    paper = losses / (2 * sigma**2) + sigma.log()
    assert torch.allclose(uncertainty_weighted(losses, log_sigma), paper)
    assert torch.allclose(uncertainty_weighted(losses, log_sigma, form="published code"), 2 * paper)
    with pytest.raises(ParameterError, match="form"):
        uncertainty_weighted(losses, log_sigma, form="mine")


@pytest.mark.parametrize("form", ["paper", "published code"])
def test_uncertainty_optimum_is_one_over_loss(form):
    losses = torch.tensor([0.5, 0.2, 0.05])
    log_variance = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_variance], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        total = uncertainty_weighted(losses, log_variance / 2, form=form).sum()
        total.backward()
        return total

    optimizer.step(closure)
    np.testing.assert_allclose(log_variance.detach().exp(), losses, rtol=1e-2)


def test_task_without_labels_adds_nothing():
    losses = torch.tensor([0.4, torch.nan], requires_grad=True)
    log_sigma = torch.tensor([0.3, 5.0], requires_grad=True)
    terms = uncertainty_weighted(losses, log_sigma)
    terms.sum().backward()
    assert terms[1] == 0
    assert log_sigma.grad[1] == 0
    assert torch.isfinite(losses.grad).all()


def test_pull_back_and_assign():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    x, parameters = torch.randn(5, 3), list(net.parameters())
    cotangents = torch.randn(3, 5, 2)
    rows = torch.full((3, 26), torch.nan)
    pull_back(net(x), cotangents, parameters, into=rows)
    (net(x) * cotangents[1]).sum().backward()
    expected = torch.cat([p.grad.reshape(-1) for p in parameters])
    assert torch.allclose(rows[1], expected)
    assign_gradient(rows[0], parameters)
    assert torch.equal(torch.cat([p.grad.reshape(-1) for p in parameters]), rows[0])
    once = rows.clone()
    pull_back(net(x), cotangents, parameters, into=rows, add=True)
    assert torch.allclose(rows, 2 * once)


@settings(deadline=None)
@given(matrices, st.integers(1, 9))
def test_gram_and_combination_chunk_by_chunk(gradients, chunk):
    rows, factors = torch.from_numpy(gradients.copy()), torch.linspace(-1, 2, len(gradients))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "CHUNK", chunk)
        np.testing.assert_allclose(gram(rows), gradients @ gradients.T, atol=1e-9)
        combine(rows, factors)
    np.testing.assert_allclose(rows[0], factors.double().numpy() @ gradients, atol=1e-9)
    np.testing.assert_array_equal(rows[1:], gradients[1:])


def test_comparison_of_equal_combinations():
    g = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    factors = torch.tensor([1.0, 2.0])
    same = compare(g @ g.T, g @ g.T, factors, 3 * factors)
    assert same.exact == same.features == pytest.approx((-np.sqrt(0.5),))
    assert (same.update_cosine, same.update_ratio) == (pytest.approx(1), pytest.approx(3))
    nothing = compare(torch.zeros(2, 2), torch.zeros(2, 2), factors, factors)
    assert np.isnan([*nothing.exact, nothing.update_cosine, nothing.update_ratio]).all()


def test_shapes_that_differ_are_named():
    with pytest.raises(ParameterError) as caught:
        vessel_losses(torch.zeros(3, 4), torch.zeros(3, 2))
    assert str(caught.value) == "vessel_losses: logits (3, 4) and targets (3, 2) differ in shape"
    with pytest.raises(ParameterError) as caught:
        uncertainty_weighted(torch.zeros(4), torch.zeros(3))
    assert str(caught.value) == "uncertainty_weighted: losses (4,) and log_sigma (3,) differ"
    with pytest.raises(ParameterError) as caught:
        uncertainty_weighted(torch.zeros(4), torch.zeros(4), form="folklore")
    assert str(caught.value) == (
        "uncertainty_weighted: form is 'folklore'; expected one of paper, published code"
    )
    with pytest.raises(ParameterError) as caught:
        pcgrad(torch.zeros(5), generator=generator())
    assert str(caught.value) == "pcgrad: gradients have shape (5,); expected (tasks, parameters)"
    with pytest.raises(ParameterError) as caught:
        pcgrad(torch.tensor([[1.0, torch.nan]]), generator=generator())
    assert str(caught.value) == "pcgrad: a gradient is NaN or infinite; lower the learning rate"


def test_one_gradient_has_no_pair_to_conflict_with():
    for only in (torch.diag(torch.tensor([2.0, 0.0, 0.0])), torch.zeros(3, 3), torch.ones(1, 1)):
        found = conflicts(only)
        assert found.pairs == 0
        assert np.isnan([found.share, found.mean_cosine]).all()


def test_a_comparison_with_an_update_of_zero_has_no_cosine():
    towards = torch.eye(2, dtype=torch.float64)
    found = compare(towards, towards, torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.0]))
    assert np.isnan([found.update_cosine, found.update_ratio]).all()
    found = compare(towards, towards, torch.tensor([0.0, 0.0]), torch.tensor([1.0, 1.0]))
    assert np.isnan([found.update_cosine, found.update_ratio]).all()
    # (1, 1) against (2, 0): cosine 1 / sqrt 2, norms sqrt 2 and 2.
    found = compare(towards, 4 * towards, torch.tensor([1.0, 1.0]), torch.tensor([2.0, 0.0]))
    assert found.update_cosine == pytest.approx(0.5**0.5)
    assert found.update_ratio == pytest.approx(2**0.5)
    assert (found.exact, found.features) == ((0.0,), (0.0,))
