"""What of a network is trained, and how fast each stage of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ccta_lib.errors import ParameterError
from ccta_lib.model.net1d import Net1D
from ccta_lib.training.settings import TrainingSettings


def layers(model: Net1D) -> list[list[nn.Module]]:
    """Return the modules of a network from the head down: head, last stage, ..., first stage, first convolution."""
    return [
        [model.dense],
        *([stage] for stage in reversed(model.stage_list)),
        [model.first_conv, model.first_bn],
    ]


def freeze(model: Net1D, trainable: str | int) -> None:
    """Stop the training of everything but the head and, of the trunk, "all", its last stages, or nothing ("head").

    Raises
    ------
    ParameterError
        If the network has fewer stages.
    """
    if trainable == "all":
        return
    kept = 0 if trainable == "head" else int(trainable)
    if kept > len(model.stage_list):
        raise ParameterError(
            f"trainable is {kept}; the network has {len(model.stage_list)} stages, choose that many at most, or all"
        )
    for layer in layers(model)[1 + kept :]:
        for module in layer:
            module.requires_grad_(False)


def parameter_groups(model: Net1D, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Return the trained parameters by learning rate, as an optimiser takes them, each group with its "peak".

    The head has `learning_rate`; each stage below it `layer_decay` times the rate of the one above.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for depth, layer in enumerate(layers(model)):
        trained = [p for module in layer for p in module.parameters() if p.requires_grad]
        if trained:
            groups.setdefault(settings.learning_rate * settings.layer_decay**depth, []).extend(trained)
    return [
        {"params": parameters, "peak": rate, "weight_decay": settings.weight_decay}
        for rate, parameters in groups.items()
    ]


def build_optimizer(model: Net1D, log_variance: Tensor, settings: TrainingSettings) -> torch.optim.AdamW:
    """Return AdamW over what is trained, and over log sigma^2 at the network's rate and decay or at its own rate."""
    own = settings.sigma_learning_rate
    rate, decay = (settings.learning_rate, settings.weight_decay) if own == "paper" else (float(own), 0.0)
    return torch.optim.AdamW(
        [
            *parameter_groups(model, settings),
            {"params": [log_variance], "peak": rate, "weight_decay": decay},
        ],
        fused=True,
    )
