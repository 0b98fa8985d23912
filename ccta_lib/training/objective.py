"""The multi-task objective: masked vessel losses, uncertainty weights (equation 1), PCGrad (equation 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ccta_lib.errors import ParameterError

FORMS = ("paper", "published code")
CHUNK = 1 << 16  # values per row at a time: a handful of rows stay in the processor's cache


def vessel_losses(logits: Tensor, targets: Tensor, labelled: Tensor | None = None) -> Tensor:
    """Return the binary cross-entropy of each vessel over its labelled rows.

    Parameters
    ----------
    logits : Tensor, shape (n, tasks)
    targets : Tensor, shape (n, tasks)
        1, 0, or NaN where the label is unknown.
    labelled : Tensor, shape (tasks,), optional
        Labelled rows in the whole batch, when `logits` is only a part of it (accumulation, several
        devices): the parts' losses then add up to the whole batch's.

    Returns
    -------
    Tensor, shape (tasks,)
        NaN for a vessel without a labelled row in the whole batch.
    """
    if logits.shape != targets.shape:
        raise ParameterError(
            f"vessel_losses: logits {tuple(logits.shape)} and targets {tuple(targets.shape)} differ in shape"
        )
    known = ~targets.isnan()
    # The logit of an unlabelled row is masked before the loss: NaN x 0 would poison its gradient.
    each = functional.binary_cross_entropy_with_logits(
        logits.masked_fill(~known, 0.0), targets.nan_to_num(), reduction="none"
    )
    count = known.sum(0) if labelled is None else labelled
    total = (each * known).sum(0)
    return torch.where(count > 0, total / count.clamp(min=1), torch.full_like(total, torch.nan))


def uncertainty_weighted(losses: Tensor, log_sigma: Tensor, *, form: str = "paper") -> Tensor:
    """Weight each task's loss by its learned uncertainty (Methods, equation 1).

    Parameters
    ----------
    losses : Tensor, shape (tasks,)
        NaN for a task without a labelled row: it adds neither loss nor log sigma.
    log_sigma : Tensor, shape (tasks,)
    form : "paper": L / (2 sigma^2) + log sigma; "published code": L / sigma^2 + log sigma^2, twice as much

    Returns
    -------
    Tensor, shape (tasks,)
        The terms of the objective; their sum is the objective.

    Raises
    ------
    ParameterError
        If `form` is unknown or the shapes differ.
    """
    if form not in FORMS:
        raise ParameterError(f"uncertainty_weighted: form is {form!r}; expected one of {', '.join(FORMS)}")
    if losses.shape != log_sigma.shape:
        raise ParameterError(
            f"uncertainty_weighted: losses {tuple(losses.shape)} and log_sigma {tuple(log_sigma.shape)} differ"
        )
    present = ~losses.isnan()
    terms = 0.5 * torch.exp(-2 * log_sigma) * losses.where(present, losses.new_zeros(())) + log_sigma
    if form == "published code":
        terms = 2 * terms
    return terms.where(present, terms.new_zeros(()))


def pull_back(
    outputs: Tensor, cotangents: Tensor, parameters: Sequence[Tensor], *, into: Tensor, add: bool = False
) -> None:
    """Pull cotangents at `outputs` back to all parameters, one row per cotangent.

    Parameters
    ----------
    outputs : Tensor that depends on the parameters; its graph is used up
    cotangents : Tensor, shape (k, *outputs.shape)
    parameters : tensors the outputs depend on
    into : Tensor, shape (k, number of values of all parameters), written to
    add : whether to add to what is there
    """
    sizes = [p.numel() for p in parameters]
    for i, (row, cotangent) in enumerate(zip(into, cotangents, strict=True)):
        gradients = torch.autograd.grad(
            outputs, parameters, cotangent, retain_graph=i + 1 < len(cotangents), materialize_grads=True
        )
        for part, gradient in zip(row.split(sizes), gradients, strict=True):
            if add:
                part.add_(gradient.reshape(-1))
            else:
                part.copy_(gradient.reshape(-1))


def assign_gradient(gradient: Tensor, parameters: Sequence[Tensor]) -> None:
    """Let the parameters' `.grad` be views of a flat gradient, in the order of `pull_back`."""
    offset = 0
    for parameter in parameters:
        parameter.grad = gradient[offset : offset + parameter.numel()].view_as(parameter)
        offset += parameter.numel()


def gram(rows: Tensor) -> Tensor:
    """Return the dot products of rows, (k, n) to float64 (k, k), added up chunk by chunk."""
    out = rows.new_zeros((len(rows), len(rows)), dtype=torch.float64)
    for chunk in rows.split(CHUNK, dim=1):
        out += (chunk @ chunk.T).double()
    return out


def combine(rows: Tensor, coefficients: Tensor) -> None:
    """Replace the first of (k, n) rows by the combination sum_t coefficients[t] rows[t], chunk by chunk."""
    factors = coefficients.to(rows)
    for chunk in rows.split(CHUNK, dim=1):
        chunk[0] = factors @ chunk


class Conflicts(NamedTuple):
    """How task gradients lie to each other: pairs compared, share in conflict, mean cosine (NaN if no pair)."""

    pairs: int
    share: float
    mean_cosine: float


def pair_cosines(gram: Tensor) -> Tensor:
    """Return the cosine of each pair of tasks from their Gram matrix: float64 (pairs,).

    Pairs in the order (0, 1), (0, 2), ..., (1, 2), ...; NaN where a gradient of the pair is zero (no labels).
    """
    gram = gram.double().cpu()
    norm = gram.diagonal().clamp(min=0).sqrt()
    first, second = torch.triu_indices(len(gram), len(gram), offset=1)
    scale = norm[first] * norm[second]
    return torch.where(scale > 0, gram[first, second] / scale, torch.nan)


def conflicts(gram: Tensor) -> Conflicts:
    """Summarise a Gram matrix of task gradients, shape (tasks, tasks); zero gradients are left out."""
    cosine = pair_cosines(gram)
    cosine = cosine[~cosine.isnan()]
    if not len(cosine):
        return Conflicts(0, float("nan"), float("nan"))
    return Conflicts(len(cosine), (cosine < 0).double().mean().item(), cosine.mean().item())


class Comparison(NamedTuple):
    """Exact PCGrad beside the one that takes conflicts at the feature vector, on the same batch in the same order.

    Attributes
    ----------
    exact, features : cosine of each pair of task gradients, on the trunk's parameters and at the features
        (see `pair_cosines`)
    update_cosine : of the two projected gradients of the trunk
    update_ratio : norm of the feature-level one over that of the exact one
    """

    exact: tuple[float, ...]
    features: tuple[float, ...]
    update_cosine: float
    update_ratio: float


def compare(gram: Tensor, at_features: Tensor, exact: Tensor, features: Tensor) -> Comparison:
    """Compare two combinations of the same task gradients; all follows from their Gram matrix.

    Parameters
    ----------
    gram, at_features : Tensor, shape (tasks, tasks)
        Dot products of the tasks' gradients on the trunk, and at the feature vector.
    exact, features : Tensor, shape (tasks,)
        The factors with which either variant adds the trunk's gradients up.
    """
    gram, exact, features = gram.double().cpu(), exact.double(), features.double()
    a, b, both = exact @ gram @ exact, features @ gram @ features, exact @ gram @ features
    known = bool(a > 0) and bool(b > 0)
    return Comparison(
        tuple(pair_cosines(gram).tolist()),
        tuple(pair_cosines(at_features).tolist()),
        float(both / (a * b).sqrt()) if known else float("nan"),
        float((b / a).sqrt()) if known else float("nan"),
    )


def pcgrad_coefficients(gram: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return what PCGrad does as a matrix: projected gradients = coefficients @ gradients.

    Each task's gradient is projected onto the normal plane of every other task's *original* gradient it
    conflicts with, in random order (Yu et al. 2020, algorithm 1; Methods, equation 2). The running
    gradient stays a combination of the originals, so that all products follow from their Gram matrix.

    Parameters
    ----------
    gram : Tensor, shape (tasks, tasks)
        Dot products of the original gradients.
    generator : draws the order; a zero gradient (a task without labels) neither projects nor is projected

    Returns
    -------
    Tensor of float64, shape (tasks, tasks)
    """
    products = gram.detach().double().cpu().tolist()
    tasks = len(products)
    active = [t for t in range(tasks) if products[t][t] > 0]
    coefficients = torch.eye(tasks, dtype=torch.float64)
    for task in active:
        others = [t for t in active if t != task]
        order = torch.randperm(len(others), generator=generator, device=generator.device).tolist()
        mine = [float(t == task) for t in range(tasks)]
        for other in (others[i] for i in order):
            dot = sum(c * products[t][other] for t, c in enumerate(mine))
            if dot < 0:
                mine[other] -= dot / products[other][other]
        coefficients[task] = torch.tensor(mine, dtype=torch.float64)
    return coefficients


def pcgrad(gradients: Tensor, *, generator: torch.Generator) -> Tensor:
    """Project conflicting task gradients and return their sum (PCGrad; Methods, equation 2).

    Parameters
    ----------
    gradients : Tensor, shape (tasks, parameters)
    generator : draws the order of projections

    Returns
    -------
    Tensor, shape (parameters,)

    Raises
    ------
    ParameterError
        If `gradients` is no matrix or not finite.
    """
    if gradients.ndim != 2:
        raise ParameterError(
            f"pcgrad: gradients have shape {tuple(gradients.shape)}; expected (tasks, parameters)"
        )
    products = gram(gradients)
    if not torch.isfinite(products).all():
        raise ParameterError("pcgrad: a gradient is NaN or infinite; lower the learning rate")
    coefficients = pcgrad_coefficients(products, generator=generator)
    return coefficients.sum(0).to(gradients) @ gradients
