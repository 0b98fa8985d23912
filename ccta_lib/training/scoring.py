"""Logits of many ECGs, the AUC of each vessel, and the choice of the epoch."""

from __future__ import annotations

import numpy as np
import torch

from ccta_lib.model.net1d import Net1D
from ccta_lib.training.ranks import Ranks

MIN_PER_CLASS = 5
SCORING_BATCH = 256


@torch.no_grad()
def score(
    model: Net1D,
    signals: np.ndarray,
    rows: np.ndarray | None = None,
    *,
    batch: int = SCORING_BATCH,
    ranks: Ranks | None = None,
) -> np.ndarray:
    """Return logits in evaluation mode, computed where the model lies.

    Parameters
    ----------
    model : the network
    signals : float32 array or memory map, shape (n, leads, samples), or (n, width)
        Prepared ECGs, or their features; read batch by batch.
    rows : int array, shape (k,), optional
        Which of them; all by default.
    batch : ECGs at a time
    ranks : processes that share the work batch by batch, so that their number changes no bit; each gets all logits

    Returns
    -------
    float64 array, shape (k, tasks)
    """
    model.eval()
    ranks = ranks or Ranks()
    device = model.dense.weight.device
    rows = np.arange(len(signals)) if rows is None else rows
    logits = model.dense if signals.ndim == 2 else model
    out = np.zeros((len(rows), model.config.n_classes))
    for i in range(ranks.rank * batch, len(rows), ranks.size * batch):
        x = torch.from_numpy(signals[rows[i : i + batch]])
        out[i : i + batch] = logits(to_device(x, device)).double().cpu().numpy()
    return ranks.sum_array(out)


def to_device(x: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Move a batch to the device; to a GPU from pinned memory, so that the copy runs beside the computation."""
    return x if device.type == "cpu" else x.pin_memory().to(device, non_blocking=True)


def vessel_aucs(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the AUC of each vessel over its labelled rows; NaN where one class is absent.

    By mean ranks (Mann-Whitney), in NumPy alone: each worker process would wait a second for scikit-learn.
    """
    out = np.full(targets.shape[1], np.nan)
    for v, (y, s) in enumerate(zip(targets.T, scores.T, strict=True)):
        known = ~np.isnan(y)
        positive = y[known] == 1
        n_pos, n_neg = positive.sum(), (~positive).sum()
        if n_pos and n_neg:
            _, place, count = np.unique(s[known], return_inverse=True, return_counts=True)
            mean_rank = np.cumsum(count) - (count - 1) / 2
            out[v] = (mean_rank[place[positive]].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg)
    return out


def eligible_vessels(targets: np.ndarray, minimum: int = MIN_PER_CLASS) -> np.ndarray:
    """Return which vessels have at least `minimum` positive and negative rows: bool (4,)."""
    return ((targets == 1).sum(0) >= minimum) & ((targets == 0).sum(0) >= minimum)


def best_epoch(macro: list[float]) -> int:
    """Return the epoch of the highest score, the earliest of equals; the last when none is estimable."""
    scores = np.array(macro)
    return len(scores) - 1 if np.isnan(scores).all() else int(np.nanargmax(scores))
