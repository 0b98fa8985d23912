"""Convolution and pooling along time against PyTorch's own, gradients included."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from ccta_lib.model.convolution import max_pool, same_convolution, same_padding


def plain(x, weight, bias, stride, groups):
    left, right = same_padding(x.shape[1], weight.shape[2], stride)
    padded = functional.pad(x.transpose(1, 2), (left, right))
    return functional.conv1d(padded, weight, bias, stride, groups=groups).transpose(1, 2)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 3),
    samples=st.integers(1, 30),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 3),
    groups=st.integers(1, 3),
    inner=st.integers(1, 3),
    outer=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_value_and_gradients_are_the_plain_convolutions(
    n, samples, kernel, stride, groups, inner, outer, seed
):
    torch.manual_seed(seed)
    shapes = (n, samples, groups * inner), (groups * outer, inner, kernel), (groups * outer,)
    tensors = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    ours = same_convolution(*tensors, stride=stride, groups=groups)
    expected = plain(*tensors, stride, groups)
    assert torch.allclose(ours, expected, atol=1e-12)
    cotangent = torch.randn_like(expected)
    for a, b in zip(
        torch.autograd.grad(ours, tensors, cotangent),
        torch.autograd.grad(expected, tensors, cotangent),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-11)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2)])
def test_only_the_wanted_gradients_are_computed(wanted):
    torch.manual_seed(1)
    tensors = [torch.randn(2, 20, 4), torch.randn(6, 2, 5), torch.randn(6)]
    for i in wanted:
        tensors[i].requires_grad_()
    ours = same_convolution(*tensors, stride=2, groups=2).square().sum()
    expected = plain(*tensors, 2, 2).square().sum()
    leaves = [tensors[i] for i in wanted]
    for a, b in zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(expected, leaves), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("kernel", [2, 3])
def test_pooling_and_its_gradient_with_ties(kernel):
    x = torch.randint(0, 3, (3, 11, 4)).double().requires_grad_()
    ours = max_pool(x, kernel)
    expected = functional.max_pool1d(x.transpose(1, 2), kernel).transpose(1, 2)
    assert torch.equal(ours, expected)
    cotangent = torch.rand_like(ours)
    (mine,) = torch.autograd.grad(ours, x, cotangent)
    (theirs,) = torch.autograd.grad(expected, x, cotangent)
    if kernel == 2:
        assert torch.equal(mine, theirs)
    else:  # shared among equals: another subgradient of the same maximum
        assert torch.allclose(mine.sum(1), theirs.sum(1))


def test_same_padding_by_hand():
    assert same_padding(1000, 16, 1) == (7, 8)
    assert same_padding(1000, 16, 2) == (7, 7)
    assert same_padding(999, 16, 2) == (7, 8)
    assert same_padding(5, 1, 2) == (0, 0)
