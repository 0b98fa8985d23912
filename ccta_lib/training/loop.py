"""Fine-tuning one fold: the epochs, the choice among them, and what is written so that a killed run goes on.

Everything random in an epoch comes from generators seeded by (seed, fold, epoch). A checkpoint after each
epoch therefore suffices to continue bit for bit: nothing of a generator's state has to be kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccta_lib.errors import ParameterError
from ccta_lib.files import atomic_path, read_json, write_json
from ccta_lib.model.checkpoint import save_weights
from ccta_lib.model.net1d import Net1D
from ccta_lib.schema import VESSELS
from ccta_lib.training.augmentation import augment, augmentation_strength
from ccta_lib.training.network import build_network
from ccta_lib.training.schedule import rate_factor
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.step import TrainingStep

MIN_PER_CLASS = 5
SCORING_BATCH = 256
CHECKPOINT, RECORD = "checkpoint.pt", "record.json"
WEIGHTS = {"nested": "nested.safetensors", "paper": "paper.safetensors"}
Tick = Callable[[int], None]


@dataclass(frozen=True)
class FoldJob:
    """One fold to train.

    Attributes
    ----------
    fold : its number
    folder : where checkpoint, weights and record go
    key : hash of everything the result depends on; a checkpoint of another key is not continued
    signals : `.npy` file of prepared ECGs, float32 (rows, leads, samples), read as a memory map
    targets : labels, float64 (rows, 4), NaN unknown
    train, inner, outer : row numbers into `signals` and `targets`
    settings : of the run
    seed : of the run
    """

    fold: int
    folder: Path
    key: str
    signals: Path
    targets: np.ndarray = field(repr=False)
    train: np.ndarray = field(repr=False)
    inner: np.ndarray = field(repr=False)
    outer: np.ndarray = field(repr=False)
    settings: TrainingSettings
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch."""
        return math.ceil(len(self.train) / self.settings.batch_size)


def derive_seed(*parts: int) -> int:
    """Return a seed that depends on all parts and shares no stream with another choice of them."""
    return int(np.random.SeedSequence(list(parts)).generate_state(1, np.uint64)[0] >> np.uint64(1))


@torch.no_grad()
def score(
    model: Net1D, signals: np.ndarray, rows: np.ndarray | None = None, *, batch: int = SCORING_BATCH
) -> np.ndarray:
    """Return logits in evaluation mode.

    Parameters
    ----------
    model : the network
    signals : float32 array or memory map, shape (n, leads, samples)
        Prepared ECGs; read batch by batch.
    rows : int array, shape (k,), optional
        Which of them; all by default.
    batch : ECGs at a time

    Returns
    -------
    float64 array, shape (k, tasks)
    """
    model.eval()
    rows = np.arange(len(signals)) if rows is None else rows
    parts = [
        model(torch.from_numpy(signals[rows[i : i + batch]])).double().numpy()
        for i in range(0, len(rows), batch)
    ]
    return np.concatenate(parts) if parts else np.empty((0, model.config.n_classes))


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


def train_fold(job: FoldJob, *, tick: Tick | None = None) -> dict[str, Any]:
    """Train one fold, from its checkpoint where there is one, and return its record.

    Parameters
    ----------
    job : what to train on and where to write
    tick : called with the number of finished steps after each

    Returns
    -------
    dict
        The content of `record.json`: settings, rows, input contract, chosen epochs, the log and times.

    Raises
    ------
    ParameterError
        If the loss stops being finite.
    """
    record_path = job.folder / RECORD
    if record_path.is_file() and read_json(record_path)["key"] == job.key:
        return read_json(record_path)
    job.folder.mkdir(parents=True, exist_ok=True)
    state = _State.start(job)
    signals = np.load(job.signals, mmap_mode="r")
    macro_vessels = _macro_vessels(job)
    for epoch in range(state.epoch, job.settings.epochs):
        started = time.perf_counter()
        row = _train_epoch(state, job, signals, epoch, tick)
        aucs = {
            part: vessel_aucs(job.targets[rows], score(state.model, signals, rows))
            for part, rows in (("inner", job.inner), ("outer", job.outer))
        }
        for part, values in aucs.items():
            row |= {f"auc_{part}_{v.lower()}": float(a) for v, a in zip(VESSELS, values, strict=True)}
            chosen = values[macro_vessels[part]]
            row[f"macro_{part}"] = float(chosen.mean()) if chosen.size else math.nan
        state.seconds.append(time.perf_counter() - started)
        state.log.append(row)
        for rule, part in (("nested", "inner"), ("paper", "outer")):
            if best_epoch([r[f"macro_{part}"] for r in state.log]) == epoch:
                save_weights(
                    state.model,
                    job.folder / WEIGHTS[rule],
                    contract=state.contract,
                    tasks=tuple(VESSELS),
                    fold=job.fold,
                    epoch=epoch,
                    selection=rule,
                )
        state.epoch = epoch + 1
        state.save(job)
    record = _record(state, job, macro_vessels)
    write_json(record, record_path)
    (job.folder / CHECKPOINT).unlink(missing_ok=True)
    return record


def _macro_vessels(job: FoldJob) -> dict[str, np.ndarray]:
    """Return which vessels the macro-AUC averages: fixed for all epochs, by what the inner set can estimate."""
    inner = eligible_vessels(job.targets[job.inner])
    if not inner.any():
        inner = eligible_vessels(job.targets[job.inner], 1)
    both = inner & eligible_vessels(job.targets[job.outer], 1)
    return {"inner": inner, "outer": both}


@dataclass
class _State:
    """What a checkpoint holds, alive."""

    model: Net1D
    contract: Any
    report: Any
    log_variance: Tensor
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def start(cls, job: FoldJob) -> _State:
        settings = job.settings
        model, contract, report = build_network(
            settings, seed=derive_seed(job.seed, job.fold), targets=job.targets[job.train]
        )
        # log sigma^2 is what the published code learns; equation 1's log sigma is half of it.
        log_variance = torch.zeros(len(VESSELS), requires_grad=True)
        own = settings.sigma_learning_rate
        sigma_rate, sigma_decay = (
            (settings.learning_rate, settings.weight_decay) if own == "paper" else (float(own), 0.0)
        )
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": [p for p in model.parameters() if p.requires_grad],
                    "peak": settings.learning_rate,
                    "weight_decay": settings.weight_decay,
                },
                {"params": [log_variance], "peak": sigma_rate, "weight_decay": sigma_decay},
            ],
            fused=True,
        )
        state = cls(model, contract, report, log_variance, optimizer)
        path = job.folder / CHECKPOINT
        if path.is_file():
            saved = torch.load(path, map_location="cpu", weights_only=True)
            if saved["key"] == job.key:
                state.epoch, state.log, state.seconds = saved["epoch"], saved["log"], saved["seconds"]
                model.load_state_dict(saved["model"])
                optimizer.load_state_dict(saved["optimizer"])
                with torch.no_grad():
                    log_variance.copy_(saved["log_variance"])
        return state

    def save(self, job: FoldJob) -> None:
        content = {
            "key": job.key,
            "epoch": self.epoch,
            "log": self.log,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "log_variance": self.log_variance.detach(),
        }
        with atomic_path(job.folder / CHECKPOINT) as temporary:
            torch.save(content, temporary)


def _train_epoch(
    state: _State, job: FoldJob, signals: np.ndarray, epoch: int, tick: Tick | None
) -> dict[str, Any]:
    settings = job.settings
    generator = torch.Generator().manual_seed(derive_seed(job.seed, job.fold, epoch))
    strength = augmentation_strength(epoch, settings.epochs) if settings.augmentation else 0.0
    order = job.train[torch.randperm(len(job.train), generator=generator).numpy()]
    total_steps = settings.epochs * job.steps_per_epoch
    losses = np.zeros(len(VESSELS))
    labelled = np.zeros(len(VESSELS))
    pairs, conflict_sum, cosine_sum, factor = 0, 0.0, 0.0, 0.0
    state.model.train()
    step_of = TrainingStep(state.model, state.log_variance, state.optimizer, settings)
    for i in range(job.steps_per_epoch):
        step = epoch * job.steps_per_epoch + i
        factor = rate_factor(
            step,
            total_steps,
            warmup_fraction=settings.warmup_fraction,
            final_fraction=settings.final_rate_fraction,
        )
        for group in state.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        # Sorted: the memory map is read front to back; the order inside a batch means nothing.
        rows = np.sort(order[i * settings.batch_size : (i + 1) * settings.batch_size])
        x, y = torch.from_numpy(signals[rows]), torch.from_numpy(job.targets[rows]).float()
        if settings.augmentation:
            x, y = torch.cat([x, augment(x, strength, generator=generator)]), torch.cat([y, y])
        batch_losses, count, conflict = step_of(x, y, generator=generator)
        known = count.numpy()
        losses += np.where(known > 0, batch_losses.numpy(), 0.0) * known
        labelled += known
        if conflict is not None and conflict.pairs:
            pairs += conflict.pairs
            conflict_sum += conflict.share * conflict.pairs
            cosine_sum += conflict.mean_cosine * conflict.pairs
        if tick is not None:
            tick(step + 1)
    mean = np.divide(losses, labelled, out=np.full(len(VESSELS), np.nan), where=labelled > 0)
    if not np.isfinite(mean[labelled > 0]).all():
        raise ParameterError(
            f"fold {job.fold}, epoch {epoch}: the loss is not finite; "
            f"learning_rate is {settings.learning_rate:g}, choose a lower one"
        )
    variance = state.log_variance.detach().double().numpy()
    weight = np.ones(len(VESSELS)) if settings.uncertainty == "equal" else np.exp(-variance)
    names = [v.lower() for v in VESSELS]
    return {
        "fold": job.fold,
        "epoch": epoch,
        "step": (epoch + 1) * job.steps_per_epoch,
        "learning_rate": settings.learning_rate * factor,
        "augmentation_strength": strength,
        **{f"loss_{n}": float(x) for n, x in zip(names, mean, strict=True)},
        **{f"log_variance_{n}": float(x) for n, x in zip(names, variance, strict=True)},
        **{f"weight_{n}": float(x) for n, x in zip(names, weight, strict=True)},
        "conflict_share": conflict_sum / pairs if pairs else math.nan,
        "mean_cosine": cosine_sum / pairs if pairs else math.nan,
    }


def _record(state: _State, job: FoldJob, macro_vessels: dict[str, np.ndarray]) -> dict[str, Any]:
    log = state.log
    chosen = {
        "nested": best_epoch([r["macro_inner"] for r in log]),
        "paper": best_epoch([r["macro_outer"] for r in log]),
    }
    targets = {"train": job.train, "inner": job.inner, "outer": job.outer}
    trained = ~np.isnan(job.targets[job.train]).all(axis=0)
    return {
        "key": job.key,
        "fold": job.fold,
        "seed": job.seed,
        "settings": job.settings.model_dump(),
        "parameters": sum(p.numel() for p in state.model.parameters() if p.requires_grad),
        "contract": state.contract.as_dict(),
        "init": None
        if state.report is None
        else {
            "sha256": state.report.sha256,
            "loaded": len(state.report.loaded),
            "replaced": list(state.report.replaced),
            "note": state.report.note,
        },
        "rows": {part: len(rows) for part, rows in targets.items()},
        "positives": {
            part: {str(v): int(n) for v, n in zip(VESSELS, (job.targets[rows] == 1).sum(0), strict=True)}
            for part, rows in targets.items()
        },
        "macro_vessels": {
            p: [str(v) for v, k in zip(VESSELS, m, strict=True) if k] for p, m in macro_vessels.items()
        },
        "untrained_vessels": [str(v) for v, k in zip(VESSELS, trained, strict=True) if not k],
        "chosen_epoch": chosen,
        "outer_macro": {rule: log[epoch]["macro_outer"] for rule, epoch in chosen.items()},
        "log": log,
        "seconds_per_epoch": state.seconds,
    }
