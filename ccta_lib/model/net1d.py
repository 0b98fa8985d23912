"""Net1D, the residual 1-D convolutional network of ECGFounder and of the paper (Methods, model architecture).

The names of modules and parameters are those of the published checkpoints, so that these load key by key.
Padding is SAME with the smaller half on the left, for convolutions and for the pooled shortcut alike.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ccta_lib.errors import ParameterError
from ccta_lib.model.convolution import max_pool, same_convolution

PUBLISHED_DROPOUT = 0.5
HEAD = "dense"
# Eight times the widest published network, and four times the deepest.
_MOST, _MOST_STAGES, _MOST_BLOCKS = 8192, 32, 128


@dataclass(frozen=True, kw_only=True)
class Net1DConfig:
    """Shape of a Net1D; the defaults are the published 12-lead ECGFounder (30.7 M parameters), four tasks.

    Parameters
    ----------
    in_channels : leads
    base_filters : channels after the first convolution
    ratio : bottleneck width over block width
    filter_list, m_blocks_list : channels and residual blocks of each stage
    kernel_size, stride : of the grouped convolution; the first block of a stage takes the stride
    groups_width : channels per group
    n_classes : outputs of the head
    use_bn : whether BatchNorm is applied; its parameters exist in either case, as in the published checkpoints
    dropout : probability inside the blocks; the published script applies .5, ECGFounder's fine-tuning 0

    Raises
    ------
    ParameterError
        If the lists differ in length or a width is not a multiple of `groups_width`.
    """

    in_channels: int = 12
    base_filters: int = 64
    ratio: float = 1
    filter_list: tuple[int, ...] = (64, 160, 160, 400, 400, 1024, 1024)
    m_blocks_list: tuple[int, ...] = (2, 2, 2, 3, 3, 4, 4)
    kernel_size: int = 16
    stride: int = 2
    groups_width: int = 16
    n_classes: int = 4
    use_bn: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "filter_list", tuple(self.filter_list))
        object.__setattr__(self, "m_blocks_list", tuple(self.m_blocks_list))
        faults = self._impossible()
        if faults:
            raise ParameterError(*faults)
        if len(self.filter_list) != len(self.m_blocks_list) or not self.filter_list:
            faults.append(
                f"Net1DConfig: filter_list has {len(self.filter_list)} stages and m_blocks_list "
                f"{len(self.m_blocks_list)}; give one entry of each per stage"
            )
        faults += [
            f"Net1DConfig: {width} filters with ratio {self.ratio:g} are no multiple of groups_width "
            f"{self.groups_width}; choose a multiple"
            for width in self.filter_list
            if int(width * self.ratio) < 1 or int(width * self.ratio) % self.groups_width
        ]
        if not 0 <= self.dropout < 1:
            faults.append(f"Net1DConfig: dropout is {self.dropout}; expected 0 to below 1")
        if faults:
            raise ParameterError(*faults)

    def _impossible(self) -> list[str]:
        """Say what is no number, or makes a network that no memory holds: a file may state anything."""
        names = ("in_channels", "base_filters", "kernel_size", "stride", "groups_width", "n_classes")
        numbers = {name: getattr(self, name) for name in names}
        numbers |= {f"filter_list[{i}]": n for i, n in enumerate(self.filter_list)}
        numbers |= {f"m_blocks_list[{i}]": n for i, n in enumerate(self.m_blocks_list)}
        faults = [f"Net1DConfig: {name} is {n!r}; expected a whole number from 1 to {_MOST}"
                  for name, n in numbers.items() if not isinstance(n, int) or not 1 <= n <= _MOST]  # fmt: skip
        if len(self.filter_list) > _MOST_STAGES or (not faults and sum(self.m_blocks_list) > _MOST_BLOCKS):
            faults.append(f"Net1DConfig: more than {_MOST_STAGES} stages or {_MOST_BLOCKS} blocks")
        for name in ("ratio", "dropout"):
            if not isinstance(getattr(self, name), int | float) or not abs(getattr(self, name)) < _MOST:
                faults.append(f"Net1DConfig: {name} is {getattr(self, name)!r}; expected a number")
        if not isinstance(self.use_bn, bool):
            faults.append(f"Net1DConfig: use_bn is {self.use_bn!r}; expected true or false")
        return faults

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


class SameConv1d(nn.Module):
    """Convolution with SAME padding, left = total // 2 (Net1D's own, not PyTorch's `padding="same"`).

    Samples lie before channels, (n, samples, channels): see `ccta_lib.model.convolution`. Parameters keep their
    published names and shapes.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
    ):
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, stride=stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, samples, in_channels) to (n, ceil(samples / stride), out_channels)."""
        conv = self.conv
        assert conv.bias is not None  # Net1D's convolutions all have one
        return same_convolution(x, conv.weight, conv.bias, stride=conv.stride[0], groups=conv.groups)


def _pool_same(x: Tensor, kernel: int) -> Tensor:
    """Max-pool the shortcut (n, samples, channels) with zeros to ceil(samples / kernel), left = (kernel - 1) // 2."""
    if kernel == 1:
        return x
    # For kernel 2 and even length the padded zero would start a window that is never completed.
    if not (kernel == 2 and x.shape[1] % 2 == 0):
        x = functional.pad(x, (0, 0, (kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2))
    return max_pool(x, kernel)


class Block(nn.Module):
    """Pre-activation bottleneck with squeeze-and-excitation; the shortcut is pooled and zero-padded."""

    def __init__(
        self, in_channels: int, out_channels: int, config: Net1DConfig, *, stride: int, first: bool
    ) -> None:
        super().__init__()
        middle = int(out_channels * config.ratio)
        self.stride, self.first, self.use_bn, self.dropout = stride, first, config.use_bn, config.dropout
        self.bn1 = nn.BatchNorm1d(in_channels)
        self.conv1 = SameConv1d(in_channels, middle, 1)
        self.bn2 = nn.BatchNorm1d(middle)
        self.conv2 = SameConv1d(
            middle, middle, config.kernel_size, stride=stride, groups=middle // config.groups_width
        )
        self.bn3 = nn.BatchNorm1d(middle)
        self.conv3 = SameConv1d(middle, out_channels, 1)
        self.se_fc1 = nn.Linear(out_channels, out_channels // 2)
        self.se_fc2 = nn.Linear(out_channels // 2, out_channels)

    def _activate(self, x: Tensor, norm: nn.Module, *, own: bool = True) -> Tensor:
        if self.use_bn:
            x, own = norm(x.flatten(0, 1)).view_as(x), True
        # Where nothing is kept for a gradient, nothing else needs what the convolution made.
        x = functional.silu(x, inplace=own and not torch.is_grad_enabled())
        return functional.dropout(x, self.dropout, self.training) if self.dropout else x

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, samples, in_channels) to (n, ceil(samples / stride), out_channels)."""
        out = self.conv1(x if self.first else self._activate(x, self.bn1, own=False))
        out = self.conv2(self._activate(out, self.bn2))
        out = self.conv3(self._activate(out, self.bn3))
        gate = torch.sigmoid(self.se_fc2(functional.silu(self.se_fc1(out.mean(1)))))
        shortcut = _pool_same(x, self.stride)
        grown = out.shape[2] - x.shape[2]
        if grown:
            shortcut = functional.pad(shortcut, (grown // 2, grown - grown // 2))
        return torch.addcmul(shortcut, out, gate[:, None])


class Stage(nn.Module):
    """Residual blocks of one width; with `checkpointing`, a block's inside is computed again for its gradient."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.checkpointing = False
        self.block_list = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, samples, in_channels) to (n, ceil(samples / stride), out_channels)."""
        for block in self.block_list:
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return x


class Net1D(nn.Module):
    """The network: one strided convolution, stages of residual blocks, mean over time, a linear head.

    Parameters
    ----------
    config : shape of the network
    """

    def __init__(self, config: Net1DConfig) -> None:
        super().__init__()
        self.config = config
        self.first_conv = SameConv1d(config.in_channels, config.base_filters, config.kernel_size, stride=2)
        self.first_bn = nn.BatchNorm1d(config.base_filters)
        stages, width = [], config.base_filters
        for i, (filters, n_blocks) in enumerate(zip(config.filter_list, config.m_blocks_list, strict=True)):
            blocks = []
            for j in range(n_blocks):
                stride = config.stride if j == 0 else 1
                blocks.append(Block(width, filters, config, stride=stride, first=i == j == 0))
                width = filters
            stages.append(Stage(blocks))
        self.stage_list = nn.ModuleList(stages)
        self.dense = nn.Linear(width, config.n_classes)
        if not config.use_bn:
            # They only travel along in the state dict: no gradient, no weight decay, no optimiser state.
            for module in self.modules():
                if isinstance(module, nn.BatchNorm1d):
                    module.requires_grad_(False)

    def features(self, x: Tensor) -> Tensor:
        """Return what the head sees: (n, leads, samples) -> (n, width)."""
        x = self.first_conv(x.transpose(1, 2).contiguous())
        if self.config.use_bn:
            x = self.first_bn(x.flatten(0, 1)).view_as(x)
        x = functional.silu(x, inplace=not torch.is_grad_enabled())
        for stage in self.stage_list:
            x = stage(x)
        return x.mean(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits: (n, leads, samples) -> (n, n_classes)."""
        return self.dense(self.features(x))

    def train(self, mode: bool = True) -> Net1D:
        """Set the mode; a frozen stage stays in evaluation: it drops no units and its statistics stand still."""
        super().train(mode)
        for layer in ([self.first_conv, self.first_bn], *([stage] for stage in self.stage_list)):
            if not any(p.requires_grad for module in layer for p in module.parameters()):
                for module in layer:
                    module.eval()
        return self

    @property
    def checkpointing(self) -> bool:
        """Whether blocks keep only their input for the backward pass: less memory, the same gradients."""
        return self.stage_list[0].checkpointing  # type: ignore[return-value]

    @checkpointing.setter
    def checkpointing(self, value: bool) -> None:
        for stage in self.stage_list:
            stage.checkpointing = value  # type: ignore[assignment]

    def trunk_parameters(self) -> list[nn.Parameter]:
        """Return the trained parameters that all tasks share: everything but the head."""
        return [
            p for name, p in self.named_parameters() if p.requires_grad and not name.startswith(f"{HEAD}.")
        ]


NANO_CONFIG = Net1DConfig(
    base_filters=16, filter_list=(16, 32, 32, 64, 64), m_blocks_list=(1, 1, 1, 1, 1), kernel_size=16, stride=2
)
ARCHITECTURES = {"nano": NANO_CONFIG, "ecgfounder": Net1DConfig()}
