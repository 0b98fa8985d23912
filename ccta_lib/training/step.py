"""One optimiser step: task losses, task gradients, their projection, the update (Methods, equations 1 and 2).

The network is cut at its feature vector. Above the cut everything is cheap: the *cotangent* of task t,
H_t = d(weighted loss of t) / d(features of the batch), has shape (n, width). Below it, each pull of a cotangent through
the trunk costs one backward pass; the pull J is linear, so that task t's gradient on the trunk is G_t = J H_t.

- `exact` pulls every H_t, takes the Gram matrix of the G_t, and applies PCGrad's coefficients C to them:
  sum_s sum_t C_st G_t.
- `features` takes the Gram matrix of the H_t instead: PCGrad of the gradients at the feature vector. By linearity
  sum_s sum_t C_st J H_t = J (sum_s sum_t C_st H_t), which is one pull. It equals `exact` where J keeps angles.
- `none` pulls sum_t H_t.

Rows of the head belong to one task each; nothing of them is shared, and their gradient is the plain one in every mode.
A batch may go through in parts (`micro_batch`). Losses divide by the labelled rows of the whole batch and gradients
and Gram matrices add up over parts before anything is projected, so that the result is the whole batch's.
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
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class StepResult(NamedTuple):
    """What one step saw.

    Attributes
    ----------
    losses : float64 (tasks,), of the whole batch on all processes; NaN for a task without a labelled row
    labelled : int64 (tasks,), rows behind each loss
    conflict : how the tasks' gradients lay to each other, where PCGrad looked; None where nothing was compared
    comparison : exact PCGrad beside the feature-level one; None unless exact
    """

    losses: Tensor
    labelled: Tensor
    conflict: objective.Conflicts | None
    comparison: objective.Comparison | None


def one_process(value: Tensor) -> Tensor:
    """Return the sum over one process: the value itself."""
    return value


def gradient_scaler(settings: TrainingSettings, device: torch.device) -> torch.amp.GradScaler:
    """Return the scaler that keeps float16 gradients from vanishing; it does nothing in other precisions."""
    return torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")


class TrainingStep:
    """Takes optimiser steps on a network.

    Parameters
    ----------
    model : the network, in the mode (training or evaluation) it is to be used in
    log_variance : leaf Tensor, shape (tasks,), log sigma^2 of equation 1
    optimizer : of the network's trained parameters and `log_variance`
    settings : uncertainty, pcgrad, micro_batch, precision, checkpointing and trainable are used
    reduce : sums a tensor over all processes that share the batch and returns the sum. It sees labelled rows,
        losses, the head's gradient, and each task's gradient (or its Gram matrix at the features) *before* anything
        is projected, so that every process projects the same gradients.
    scaler : for float16; its state belongs into a checkpoint
    """

    def __init__(
        self,
        model: Net1D,
        log_variance: Tensor,
        optimizer: torch.optim.Optimizer,
        settings: TrainingSettings,
        *,
        reduce: Reduce = one_process,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        self.model, self.log_variance, self.optimizer = model, log_variance, optimizer
        self.settings, self.reduce = settings, reduce
        self.trunk = model.trunk_parameters()
        self.head = list(model.dense.parameters())
        self.scaler = scaler or gradient_scaler(settings, log_variance.device)
        self.mode = settings.pcgrad if self.trunk else "none"
        model.checkpointing = settings.checkpointing
        rows = 0 if not self.trunk else len(log_variance) if self.mode == "exact" else 1
        # Kept from step to step: half a gigabyte at full size, whose pages the system would hand out anew each time.
        self.rows = log_variance.new_empty(
            rows, sum(p.numel() for p in self.trunk), dtype=self.head[0].dtype, requires_grad=False
        )

    def __call__(self, x: Tensor, y: Tensor, *, generator: torch.Generator) -> StepResult:
        """Take one step on a batch, or on this process's share of it.

        Parameters
        ----------
        x : Tensor, shape (n, leads, samples), or (n, width) where only the head is trained
        y : Tensor, shape (n, tasks); 1, 0 or NaN
        generator : draws the order of the projections; in the same state on every process
        """
        labelled = self.reduce((~y.isnan()).sum(0))
        size = self.settings.micro_batch or max(1, len(x))
        parts = list(zip(x.split(size), y.split(size), strict=True))
        losses, head = torch.zeros_like(self.log_variance.detach()), None
        gram = torch.zeros(len(losses), len(losses), dtype=torch.float64, device=losses.device)
        cotangents: list[Tensor] = []
        features = x
        for i, (signals, targets) in enumerate(parts):
            # Coefficients from the features need the whole batch first: only the last part keeps its graph.
            keep = bool(self.trunk) and (self.mode != "features" or i + 1 == len(parts))
            features = self._features(signals, keep)
            part_losses, part_head, part_cotangents = self._at_features(features, targets, labelled)
            losses += part_losses
            head = part_head if head is None else [a + b for a, b in zip(head, part_head, strict=True)]
            if self.mode != "none":
                gram += objective.gram(part_cotangents.flatten(1))
            if self.mode == "features":
                cotangents.append(part_cotangents)
            elif keep:
                objective.pull_back(features, part_cotangents, self.trunk, into=self.rows, add=i > 0)
        losses = self.reduce(losses)
        assert head is not None  # split() yields one part even of an empty batch
        for parameter, gradient in zip(self.head, head, strict=True):
            parameter.grad = self.reduce(gradient)
        conflict = comparison = None
        if self.mode == "exact":
            conflict, comparison = self._project_exact(gram, generator)
        elif self.mode == "features":
            conflict = self._project_features(parts, features, cotangents, self.reduce(gram), generator)
        elif self.trunk:
            self.rows = self.reduce(self.rows)
        if self.trunk:
            objective.assign_gradient(self.rows[0], self.trunk)
        self._weigh(losses)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return StepResult(losses.double(), labelled, conflict, comparison)

    def _features(self, signals: Tensor, keep: bool) -> Tensor:
        """Return the features of a part in full precision, with their graph or without."""
        if signals.ndim == 2:
            return signals
        dtype = PRECISIONS[self.settings.precision]
        with (
            torch.set_grad_enabled(keep),
            torch.autocast(signals.device.type, dtype=dtype, enabled=dtype is not None),
        ):
            return self.model.features(signals).to(self.log_variance.dtype)

    def _at_features(
        self, features: Tensor, targets: Tensor, labelled: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return a part's losses (tasks,), the head's gradient, and the cotangents.

        One cotangent per task (tasks, n, width), or that of their sum (1, n, width) where nothing is projected. Head
        and cotangents carry the scaler's factor.
        """
        cut = features.detach().requires_grad_()
        losses = objective.vessel_losses(self.model.dense(cut), targets, labelled)
        if self.settings.uncertainty == "equal":
            terms = losses.nan_to_num()
        else:
            terms = objective.uncertainty_weighted(
                losses, self.log_variance.detach() / 2, form=self.settings.uncertainty
            )
        terms = self.scaler.scale(terms)
        head = list(torch.autograd.grad(terms.sum(), self.head, retain_graph=True))
        apart = [terms.sum()] if self.mode == "none" else list(terms)
        cotangents = [torch.autograd.grad(term, cut, retain_graph=True)[0] for term in apart]
        return losses.detach(), head, torch.stack(cotangents)

    def _project_exact(
        self, at_features: Tensor, generator: torch.Generator
    ) -> tuple[objective.Conflicts, objective.Comparison]:
        """Leave PCGrad of the task gradients in the first row, and say what the features would have led to."""
        self.rows = self.reduce(self.rows)
        gram, at_features = objective.gram(self.rows), self.reduce(at_features)
        same_order = torch.Generator(generator.device)
        same_order.set_state(generator.get_state())
        exact = objective.pcgrad_coefficients(gram, generator=generator).sum(0)
        cheap = objective.pcgrad_coefficients(at_features, generator=same_order).sum(0)
        objective.combine(self.rows, exact)
        return objective.conflicts(gram), objective.compare(gram, at_features, exact, cheap)

    def _project_features(
        self,
        parts: list[tuple[Tensor, Tensor]],
        features: Tensor,
        cotangents: list[Tensor],
        gram: Tensor,
        generator: torch.Generator,
    ) -> objective.Conflicts:
        """Leave the pull of PCGrad's combination of the cotangents in the only row.

        The last part's graph is still alive; the parts before it go through the trunk once more.
        """
        coefficients = objective.pcgrad_coefficients(gram, generator=generator).sum(0)
        for i in reversed(range(len(parts))):
            if i + 1 < len(parts):
                features = self._features(parts[i][0], True)
            combined = torch.einsum("t,tnw->nw", coefficients.to(cotangents[i]), cotangents[i])
            objective.pull_back(features, combined[None], self.trunk, into=self.rows, add=i + 1 < len(parts))
        self.rows = self.reduce(self.rows)
        return objective.conflicts(gram)

    def _weigh(self, losses: Tensor) -> None:
        """Set the gradient of log sigma^2 from the losses of the whole batch."""
        if self.settings.uncertainty == "equal":
            return
        terms = objective.uncertainty_weighted(losses, self.log_variance / 2, form=self.settings.uncertainty)
        (self.log_variance.grad,) = torch.autograd.grad(self.scaler.scale(terms.sum()), [self.log_variance])
