"""Fine-tuning one fold: the epochs, the choice among them, and what is written so that a killed run goes on.

Several processes may share each batch (`Ranks`): everything random is drawn for the whole batch by each of them, so
an ECG meets the same augmentation whatever their number, and what they compute is summed before it is used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccta_lib.errors import CctaError, ParameterError
from ccta_lib.files import read_json, sha256_file, write_json
from ccta_lib.model.checkpoint import save_weights
from ccta_lib.model.net1d import Net1D
from ccta_lib.schema import VESSELS
from ccta_lib.training.augmentation import augment, augmentation_strength
from ccta_lib.training.job import FoldJob, derive_seed
from ccta_lib.training.ranks import Ranks, choose_device
from ccta_lib.training.schedule import rate_factor
from ccta_lib.training.scoring import best_epoch, eligible_vessels, score, to_device, vessel_aucs
from ccta_lib.training.state import CHECKPOINT, EpochSums, FoldState
from ccta_lib.training.step import TrainingStep
from ccta_lib.training.tracking import Board, cost, open_board, place

RECORD = "record.json"
WEIGHTS = {"nested": "nested.safetensors", "paper": "paper.safetensors"}
Tick = Callable[[int], None]


def train_fold(job: FoldJob, *, tick: Tick | None = None, ranks: Ranks | None = None) -> dict[str, Any]:
    """Train one fold, from its checkpoint where there is one, and return its record.

    Parameters
    ----------
    job : what to train on and where to write
    tick : called with the number of finished steps after each
    ranks : processes that share each batch; only the first of them writes

    Returns
    -------
    dict
        The content of `record.json`: settings, rows, input contract, chosen epochs, the log, and the cost:
        seconds, memory, and on what.

    Raises
    ------
    InputError
        If the folder holds a checkpoint of other inputs.
    ParameterError
        If the loss stops being finite, or several processes share a network whose rows depend on each other.
    """
    ranks = ranks or Ranks(device=choose_device(job.settings.device))
    record_path = job.folder / RECORD
    # The first process decides for all: another machine may see a file later.
    found = ranks.share(read_json(record_path) if record_path.is_file() else None)
    if found is not None and found["key"] == job.key:
        if ranks.first:
            (job.folder / CHECKPOINT).unlink(missing_ok=True)  # of a process killed right after its record
        return found
    job.folder.mkdir(parents=True, exist_ok=True)
    devices = [ranks.device] if ranks.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):  # dropout draws from the process's own generator
        torch.manual_seed(derive_seed(job.seed, job.fold, 0, 1))
        record = _train(job, tick, ranks)
    if ranks.first:
        # Whoever predicts with these weights checks that they are still those that the log tells of.
        record["weights_sha256"] = {rule: sha256_file(job.folder / name) for rule, name in WEIGHTS.items()}
        write_json(record, record_path)
        (job.folder / CHECKPOINT).unlink(missing_ok=True)
    ranks.wait()
    return record


def _train(job: FoldJob, tick: Tick | None, ranks: Ranks) -> dict[str, Any]:
    if ranks.first:
        for left in job.folder.glob(".*.partial.*"):  # of a process killed while it wrote
            left.unlink()
    state = FoldState.start(job, ranks.device)
    if ranks.size > 1:
        _check_shareable(state.model)
        if ranks.share((state.epoch, state.step)) != (state.epoch, state.step):
            raise CctaError(
                f"{job.folder / CHECKPOINT}: process {ranks.rank} sees another checkpoint than the first process; "
                "the run directory must lie on a file system all machines share, run the same command again"
            )
    if place(ranks) not in state.places:
        state.places.append(place(ranks))
    signals = np.load(job.signals, mmap_mode="r")
    if signals.ndim == 3:
        state.contract.check(signals, source=str(job.signals))
    macro_vessels = _macro_vessels(job)
    with open_board(
        job if ranks.first else None, step=state.epoch * job.steps_per_epoch + state.step
    ) as board:
        for epoch in range(state.epoch, job.settings.epochs):
            row = _train_epoch(state, job, signals, ranks, tick, board)
            started = time.perf_counter()
            for part, rows in (("inner", job.inner), ("outer", job.outer)):
                values = vessel_aucs(job.targets[rows], score(state.model, signals, rows, ranks=ranks))
                row |= {f"auc_{part}_{v.lower()}": float(a) for v, a in zip(VESSELS, values, strict=True)}
                chosen = values[macro_vessels[part]]
                row[f"macro_{part}"] = float(chosen.mean()) if chosen.size else math.nan
            state.seconds.append(state.sums.seconds + time.perf_counter() - started)
            state.log.append(row)
            board.epoch(row)
            state.epoch, state.step, state.sums = epoch + 1, 0, EpochSums()
            if ranks.first:
                _keep_best(state, job, epoch)
                state.save(job)
    return _record(state, job, macro_vessels) | {"cost": cost(state)}


def _check_shareable(model: Net1D) -> None:
    """Refuse what makes a row's gradient depend on the rows beside it, or on which process has it."""
    faults = []
    if model.config.use_bn:
        faults.append(
            "BatchNorm is applied (its input contract says so), and its statistics would be those of a part of the "
            "batch; train with one process, or with weights whose contract does not apply it"
        )
    if model.config.dropout:
        faults.append(
            f"dropout is {model.config.dropout:g}, and each process would drop other units; set dropout to 0, "
            "or train with one process"
        )
    if faults:
        raise ParameterError(*(f"several processes share a batch, but {fault}" for fault in faults))


def _keep_best(state: FoldState, job: FoldJob, epoch: int) -> None:
    """Write the weights of an epoch that is the best so far under a rule."""
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


def _macro_vessels(job: FoldJob) -> dict[str, np.ndarray]:
    """Return which vessels the macro-AUC averages: fixed for all epochs, by what the inner set can estimate."""
    inner = eligible_vessels(job.targets[job.inner])
    if not inner.any():
        inner = eligible_vessels(job.targets[job.inner], 1)
    both = inner & eligible_vessels(job.targets[job.outer], 1)
    return {"inner": inner, "outer": both}


def _train_epoch(
    state: FoldState, job: FoldJob, signals: np.ndarray, ranks: Ranks, tick: Tick | None, board: Board
) -> dict[str, Any]:
    """Take the steps of an epoch that are still to be taken, and return its row of the log."""
    settings, epoch = job.settings, state.epoch
    strength = 0.0
    if settings.augmentation:
        strength = augmentation_strength(epoch, settings.epochs, schedule=settings.augmentation_schedule)
    order, drawn = _shuffled(job, epoch)
    if state.step == 0:
        state.generator.set_state(drawn)
    state.model.train()
    take = TrainingStep(
        state.model,
        state.log_variance,
        state.optimizer,
        settings,
        reduce=ranks.reduce,
        scaler=state.scaler,
    )
    for i in range(state.step, job.steps_per_epoch):
        started, worked = time.perf_counter(), time.process_time()
        step = epoch * job.steps_per_epoch + i
        factor = _rate(job, step)
        for group in state.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        # Sorted: the memory map is read front to back; the order inside a batch means nothing.
        rows = np.sort(order[i * settings.batch_size : (i + 1) * settings.batch_size])
        x, y = _batch(job, signals, rows, strength, state.generator, ranks)
        result = take(x, y, generator=state.generator)
        state.sums.add(result)
        state.step = i + 1
        seconds = time.perf_counter() - started
        state.sums.seconds += seconds
        state.step_cpu_seconds += time.process_time() - worked
        board.step(step, result, rate=settings.learning_rate * factor, ecgs_per_second=len(rows) / seconds)
        if ranks.first:
            state.save_when_due(job)
        if tick is not None:
            tick(step + 1)
    return _epoch_row(state, job, strength)


def _shuffled(job: FoldJob, epoch: int) -> tuple[np.ndarray, Tensor]:
    """Return the training rows in the order of an epoch, and the generator's state after drawing it."""
    generator = torch.Generator().manual_seed(derive_seed(job.seed, job.fold, epoch))
    order = torch.randperm(len(job.train), generator=generator).numpy()
    return job.train[order], generator.get_state()


def _rate(job: FoldJob, step: int) -> float:
    return rate_factor(
        step,
        job.total_steps,
        warmup_fraction=job.settings.warmup_fraction,
        final_fraction=job.settings.final_rate_fraction,
    )


def _batch(
    job: FoldJob,
    signals: np.ndarray,
    rows: np.ndarray,
    strength: float,
    generator: torch.Generator,
    ranks: Ranks,
) -> tuple[Tensor, Tensor]:
    """Return this process's part of a batch on its device: ECGs, their augmented copies or both, and labels."""
    part = ranks.part(len(rows))
    x = torch.from_numpy(signals[rows[part]])
    y = torch.from_numpy(job.targets[rows[part]]).float()
    settings = job.settings
    if settings.augmentation:
        copy = augment(
            x,
            strength,
            generator=generator,
            transforms=settings.transforms,
            part=part,
            whole=len(rows),
        )
        both = settings.batch == "both"
        x, y = (torch.cat([x, copy]), torch.cat([y, y])) if both else (copy, y)
    return to_device(x, ranks.device), to_device(y, ranks.device)


def _epoch_row(state: FoldState, job: FoldJob, strength: float) -> dict[str, Any]:
    settings, epoch, mean = job.settings, state.epoch, state.sums.mean_losses
    if not np.isfinite(mean[np.array(state.sums.labelled) > 0]).all():
        raise ParameterError(
            f"fold {job.fold}, epoch {epoch}: the loss is not finite; "
            f"learning_rate is {settings.learning_rate:g}, choose a lower one"
        )
    variance = state.log_variance.detach().cpu().double().numpy()
    weight = np.ones(len(VESSELS)) if settings.uncertainty == "equal" else np.exp(-variance)
    names = [v.lower() for v in VESSELS]
    return {
        "fold": job.fold,
        "epoch": epoch,
        "step": (epoch + 1) * job.steps_per_epoch,
        "learning_rate": settings.learning_rate * _rate(job, (epoch + 1) * job.steps_per_epoch - 1),
        "augmentation_strength": strength,
        **{f"loss_{n}": float(x) for n, x in zip(names, mean, strict=True)},
        **{f"log_variance_{n}": float(x) for n, x in zip(names, variance, strict=True)},
        **{f"weight_{n}": float(x) for n, x in zip(names, weight, strict=True)},
        "conflict_share": state.sums.conflict_share,
        "mean_cosine": state.sums.mean_cosine,
        **state.sums.comparison,
    }


def _record(state: FoldState, job: FoldJob, macro_vessels: dict[str, np.ndarray]) -> dict[str, Any]:
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
