"""One optimiser step: task losses, task gradients, their projection, the update (Methods, equations 1 and 2).

The network is cut at its feature vector. Above the cut each task's gradient is cheap: `cotangents[t]` is the
gradient of task t's weighted loss at the features of the batch, (n, width). Below it each pull of a cotangent through
the trunk is one backward pass. The rows of the head belong to one task each, nothing of them is shared, and their
gradient is the plain one in every mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ccta_lib.model.net1d import Net1D
from ccta_lib.training import objective
from ccta_lib.training.settings import TrainingSettings

Reduce = Callable[[Tensor], Tensor]


class StepResult(NamedTuple):
    """What one step saw.

    Attributes
    ----------
    losses : float64 (tasks,), of the whole batch on all processes; NaN for a task without a labelled row
    labelled : int64 (tasks,), rows behind each loss
    conflict : how the tasks' gradients lay to each other; None where no two gradients were compared
    """

    losses: Tensor
    labelled: Tensor
    conflict: objective.Conflicts | None


def one_process(value: Tensor) -> Tensor:
    """Return the sum over one process: the value itself."""
    return value


class TrainingStep:
    """Takes optimiser steps on a network.

    Parameters
    ----------
    model : the network, in the mode (training or evaluation) it is to be used in
    log_variance : leaf Tensor, shape (tasks,), log sigma^2 of equation 1
    optimizer : of the network's trained parameters and `log_variance`
    settings : uncertainty and pcgrad are used
    reduce : sums a tensor over all processes that share the batch and returns the sum. It sees labelled rows,
        losses, the head's gradient, and each task's gradient *before* it is projected, so that every process projects
        the same gradients.
    """

    def __init__(
        self,
        model: Net1D,
        log_variance: Tensor,
        optimizer: torch.optim.Optimizer,
        settings: TrainingSettings,
        *,
        reduce: Reduce = one_process,
    ) -> None:
        self.model, self.log_variance, self.optimizer = model, log_variance, optimizer
        self.settings, self.reduce = settings, reduce
        self.trunk = model.trunk_parameters()
        self.head = list(model.dense.parameters())

    def __call__(self, x: Tensor, y: Tensor, *, generator: torch.Generator) -> StepResult:
        """Take one step on a batch, or on this process's share of it.

        Parameters
        ----------
        x : Tensor, shape (n, leads, samples)
        y : Tensor, shape (n, tasks); 1, 0 or NaN
        generator : draws the order of the projections; in the same state on every process
        """
        labelled = self.reduce((~y.isnan()).sum(0))
        features = self.model.features(x)
        losses, head_gradient, cotangents = self._at_features(features, y, labelled)
        losses = self.reduce(losses)
        for parameter, gradient in zip(self.head, head_gradient, strict=True):
            parameter.grad = self.reduce(gradient)
        conflict = None
        if self.settings.pcgrad:
            gradients = self.reduce(objective.pull_back(features, cotangents, self.trunk))
            gram = gradients @ gradients.T
            conflict = objective.conflicts(gram)
            coefficients = objective.pcgrad_coefficients(gram, generator=generator)
            objective.assign_gradient(coefficients.sum(0).to(gradients) @ gradients, self.trunk)
        else:
            objective.assign_gradient(
                self.reduce(objective.pull_back(features, cotangents, self.trunk)[0]), self.trunk
            )
        self._weigh(losses)
        self.optimizer.step()
        return StepResult(losses.double(), labelled, conflict)

    def _at_features(
        self, features: Tensor, y: Tensor, labelled: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return this part's losses (tasks,), the head's gradient, and the cotangents.

        One cotangent per task (tasks, n, width), or that of their sum (1, n, width) where none is projected.
        """
        cut = features.detach().requires_grad_()
        losses = objective.vessel_losses(self.model.dense(cut), y, labelled)
        if self.settings.uncertainty == "equal":
            terms = losses.nan_to_num()
        else:
            terms = objective.uncertainty_weighted(
                losses, self.log_variance.detach() / 2, form=self.settings.uncertainty
            )
        head = list(torch.autograd.grad(terms.sum(), self.head, retain_graph=True))
        apart = list(terms) if self.settings.pcgrad else [terms.sum()]
        cotangents = [torch.autograd.grad(term, cut, retain_graph=True)[0] for term in apart]
        return losses.detach(), head, torch.stack(cotangents)

    def _weigh(self, losses: Tensor) -> None:
        """Set the gradient of log sigma^2 from the losses of the whole batch."""
        if self.settings.uncertainty == "equal":
            return
        terms = objective.uncertainty_weighted(losses, self.log_variance / 2, form=self.settings.uncertainty)
        (self.log_variance.grad,) = torch.autograd.grad(terms.sum(), [self.log_variance])
