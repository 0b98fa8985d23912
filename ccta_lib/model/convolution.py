"""Convolution and pooling along time, samples before channels, with the gradients written for the CPU.

In the layout (n, samples, channels) the CPU library computes a grouped convolution and its gradient to the input near
the machine's matrix-multiply peak, but its gradient to the weight at a sixth of it. That one is a matrix product here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

# Outputs that share one window in the weight's gradient. One is im2col: all copying. Many multiply what is thrown
# away: (block - 1) * stride + kernel taps for kernel useful ones. Four was best or near it for every layer.
BLOCK = 4


def same_padding(samples: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return SAME padding before and after, the smaller half first (Net1D's own, not PyTorch's)."""
    total = max(0, (-(-samples // stride) - 1) * stride + kernel - samples)
    return total // 2, total - total // 2


def same_convolution(x: Tensor, weight: Tensor, bias: Tensor, *, stride: int = 1, groups: int = 1) -> Tensor:
    """Convolve along time with SAME padding.

    Parameters
    ----------
    x : Tensor, shape (n, samples, in_channels)
    weight : Tensor, shape (out_channels, in_channels // groups, kernel)
    bias : Tensor, shape (out_channels,)
    stride, groups : as in `torch.nn.Conv1d`

    Returns
    -------
    Tensor, shape (n, ceil(samples / stride), out_channels)
    """
    if weight.shape[2] == stride == groups == 1:
        return functional.linear(x, weight.squeeze(2), bias)
    ours = x.device.type == "cpu" and torch.is_grad_enabled() and weight.requires_grad
    if ours and not torch.is_autocast_enabled("cpu"):
        return _SameConvolution.apply(x, weight, bias, stride, groups)
    return _convolve(x, weight, bias, stride, groups)


def _planes(x: Tensor) -> Tensor:
    """View (n, samples, channels) as the library's images in channels-last memory: (n, channels, 1, samples)."""
    return x.unsqueeze(1).permute(0, 3, 1, 2)


def _even(x: Tensor, weight: Tensor, stride: int) -> tuple[Tensor, Tensor, int]:
    """Return what to convolve with equal padding on both sides, and that padding."""
    left, right = same_padding(x.shape[1], weight.shape[2], stride)
    if left == right:
        return x, weight, left
    if stride == 1:
        # One zero tap more makes both sides equal, and nothing has to be copied but the weight.
        return x, functional.pad(weight, (1, 0)), right
    return functional.pad(x, (0, 0, left, right)), weight, 0


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int, groups: int) -> Tensor:
    x, weight, padding = _even(x, weight, stride)
    out = functional.conv2d(
        _planes(x), weight.unsqueeze(2), bias, stride=(1, stride), padding=(0, padding), groups=groups
    )
    return out.permute(0, 2, 3, 1).squeeze(1)


class _SameConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, groups: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.groups = stride, groups
        return _convolve(x, weight, bias, stride, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        to_x = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_x = _input_gradient(gradient, x, weight, ctx.stride, ctx.groups)
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(gradient, x, weight.shape[2], ctx.stride, ctx.groups)
        if ctx.needs_input_grad[2]:
            to_bias = gradient.sum((0, 1))
        return to_x, to_weight, to_bias, None, None


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, groups: int) -> Tensor:
    padded, weight, padding = _even(x, weight, stride)
    to_padded, _, _ = torch.ops.aten.convolution_backward(
        _planes(gradient), _planes(padded), weight.unsqueeze(2), None, [1, stride], [0, padding], [1, 1], False,
        [0, 0], groups, [True, False, False],
    )  # fmt: skip
    to_padded = to_padded.permute(0, 2, 3, 1).squeeze(1)
    if padded is x:
        return to_padded
    left = same_padding(x.shape[1], weight.shape[2], stride)[0]
    return to_padded[:, left : left + x.shape[1]]


def _weight_gradient(gradient: Tensor, x: Tensor, kernel: int, stride: int, groups: int) -> Tensor:
    """Return sum over n, t of gradient[n, t, o] x[n, t stride + k - left, i], as (out, in // groups, kernel).

    Outputs are taken in blocks of b. A block and the stretch of input it sees, each flattened, are rows of two
    matrices; their product holds every (output in the block, tap of the stretch) pair, and the pairs a fixed kernel
    tap apart add up to the gradient.
    """
    n, outputs, out_channels = gradient.shape
    block = min(BLOCK, outputs)
    blocks = -(-outputs // block)
    stretch = (block - 1) * stride + kernel
    gradient = functional.pad(gradient, (0, 0, 0, blocks * block - outputs))
    left = same_padding(x.shape[1], kernel, stride)[0]
    length = (blocks * block - 1) * stride + kernel
    x = functional.pad(x, (0, 0, left, length - left - x.shape[1]))
    channels = x.shape[2]
    inner, outer = channels // groups, out_channels // groups
    rows = gradient.view(n, blocks, block, groups, outer).permute(3, 0, 1, 2, 4)
    windows = x.as_strided(
        (groups, n, blocks, stretch, inner),
        (inner, length * channels, block * stride * channels, channels, 1),
    )
    product = torch.bmm(
        rows.reshape(groups, n * blocks, block * outer).transpose(1, 2),
        windows.reshape(groups, n * blocks, stretch * inner),
    ).view(groups, block, outer, stretch, inner)
    by_group, by_output, by_out, by_tap, _ = product.stride()
    taps = product.as_strided(
        (block, groups, outer, kernel, inner), (by_output + stride * by_tap, by_group, by_out, by_tap, 1)
    ).sum(0)
    return taps.transpose(2, 3).reshape(out_channels, inner, kernel)


def max_pool(x: Tensor, kernel: int) -> Tensor:
    """Max-pool time without overlap: (n, samples, channels) to (n, samples // kernel, channels)."""
    windows = x[:, : x.shape[1] // kernel * kernel].unflatten(1, (-1, kernel))
    if kernel == 2:
        larger: Tensor = _LargerOfTwo.apply(windows)
        return larger
    return windows.amax(2)


class _LargerOfTwo(torch.autograd.Function):
    """Maximum over an axis of two; the gradient of equals goes to the first, as in PyTorch's pooling."""

    @staticmethod
    def forward(ctx: Any, pairs: Tensor) -> Tensor:
        first, second = pairs.unbind(2)
        if pairs.requires_grad:
            ctx.save_for_backward(first >= second)
        return torch.maximum(first, second)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (first,) = ctx.saved_tensors
        to_first = gradient * first
        return torch.stack([to_first, gradient - to_first], dim=2)
