"""All that a fold's training has reached, alive and as a checkpoint; a run killed at any moment goes on bit for bit.

A checkpoint holds the network, the optimiser, log sigma^2, the place in the run (epoch, and step within it: the
schedule and the order of the ECGs follow from them), the generators, the sums of the epoch so far, and the log.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccta_lib.errors import InputError, WeightsError
from ccta_lib.files import atomic_path
from ccta_lib.model.checkpoint import read_pickle
from ccta_lib.model.net1d import Net1D
from ccta_lib.schema import VESSELS
from ccta_lib.training.job import FoldJob, derive_seed
from ccta_lib.training.network import build_network
from ccta_lib.training.objective import Comparison
from ccta_lib.training.ranks import CPU
from ccta_lib.training.step import StepResult, gradient_scaler
from ccta_lib.training.trainable import build_optimizer

CHECKPOINT = "checkpoint.pt"
PAIRS = tuple(f"{a.lower()}_{b.lower()}" for a, b in combinations(VESSELS, 2))
"""Pairs of vessels in the order of `objective.pair_cosines`."""


@dataclass
class EpochSums:
    """Sums over the steps of an epoch, from which its row in the log is made."""

    losses: list[float] = field(default_factory=lambda: [0.0] * len(VESSELS))
    labelled: list[float] = field(default_factory=lambda: [0.0] * len(VESSELS))
    pairs: int = 0
    conflicts: float = 0.0
    cosine: float = 0.0
    pair_counts: list[float] = field(default_factory=lambda: [0.0] * len(PAIRS))
    pair_conflicts: list[float] = field(default_factory=lambda: [0.0] * len(PAIRS))
    feature_conflicts: list[float] = field(default_factory=lambda: [0.0] * len(PAIRS))
    agreements: float = 0.0
    compared: int = 0
    update_cosine: float = 0.0
    update_ratio: float = 0.0
    seconds: float = 0.0

    def add(self, result: StepResult) -> None:
        """Count one step."""
        known = result.labelled.cpu().numpy()
        losses = np.where(known > 0, result.losses.cpu().numpy(), 0.0)
        self.losses = (np.array(self.losses) + losses * known).tolist()
        self.labelled = (np.array(self.labelled) + known).tolist()
        conflict = result.conflict
        if conflict is not None and conflict.pairs:
            self.pairs += conflict.pairs
            self.conflicts += conflict.share * conflict.pairs
            self.cosine += conflict.mean_cosine * conflict.pairs
        if result.comparison is not None:
            self._compare(result.comparison)

    def _compare(self, found: Comparison) -> None:
        exact, features = np.array(found.exact), np.array(found.features)
        self.pair_counts = (np.array(self.pair_counts) + ~np.isnan(exact)).tolist()
        self.pair_conflicts = (np.array(self.pair_conflicts) + (exact < 0)).tolist()
        self.feature_conflicts = (np.array(self.feature_conflicts) + (features < 0)).tolist()
        self.agreements += float(((exact < 0) == (features < 0))[~np.isnan(exact)].sum())
        if not math.isnan(found.update_cosine):
            self.compared += 1
            self.update_cosine += found.update_cosine
            self.update_ratio += found.update_ratio

    @property
    def comparison(self) -> dict[str, float]:
        """Exact PCGrad beside the feature-level one, as columns of the log; NaN where nothing was compared.

        Share of steps in which a pair of vessels conflicted, by either kind of gradient; share of pairs about which the
        two agree; mean cosine and ratio of norms of the two updates of the trunk.
        """
        counts = np.array(self.pair_counts)
        shares = {
            name: np.divide(values, counts, out=np.full(len(PAIRS), np.nan), where=counts > 0)
            for name, values in (
                ("conflict", self.pair_conflicts),
                ("feature_conflict", self.feature_conflicts),
            )
        }
        total, compared = counts.sum(), self.compared
        return {
            **{f"{n}_{p}": float(x) for n, xs in shares.items() for p, x in zip(PAIRS, xs, strict=True)},
            "feature_agreement": float(self.agreements / total) if total else math.nan,
            "update_cosine": self.update_cosine / compared if compared else math.nan,
            "update_ratio": self.update_ratio / compared if compared else math.nan,
        }

    @property
    def mean_losses(self) -> np.ndarray:
        """Mean loss of each vessel over its labelled rows; NaN where there were none."""
        labelled = np.array(self.labelled)
        return np.divide(self.losses, labelled, out=np.full(len(VESSELS), np.nan), where=labelled > 0)

    @property
    def conflict_share(self) -> float:
        """Share of compared pairs of task gradients that were in conflict."""
        return self.conflicts / self.pairs if self.pairs else math.nan

    @property
    def mean_cosine(self) -> float:
        """Mean cosine of the compared pairs."""
        return self.cosine / self.pairs if self.pairs else math.nan


@dataclass
class FoldState:
    """What a checkpoint holds, alive; `FoldState.start` makes it, from the checkpoint where there is one."""

    model: Net1D
    contract: Any
    report: Any
    log_variance: Tensor
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    generator: torch.Generator
    epoch: int = 0
    step: int = 0
    sums: EpochSums = field(default_factory=EpochSums)
    log: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    step_cpu_seconds: float = 0.0
    places: list[dict[str, Any]] = field(default_factory=list)
    saved_at: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, job: FoldJob, device: torch.device = CPU) -> FoldState:
        """Build the network and its optimiser, and take over the checkpoint where there is one.

        Raises
        ------
        InputError
            If the checkpoint belongs to other inputs.
        """
        settings = job.settings
        model, contract, report = build_network(
            settings, seed=derive_seed(job.seed, job.fold), targets=job.targets[job.train]
        )
        model.to(device)
        # log sigma^2 is what the published code learns; equation 1's log sigma is half of it.
        log_variance = torch.zeros(len(VESSELS), requires_grad=True, device=device)
        optimizer = build_optimizer(model, log_variance, settings)
        scaler = gradient_scaler(settings, device)
        state = cls(model, contract, report, log_variance, optimizer, scaler, torch.Generator())
        path = job.folder / CHECKPOINT
        if path.is_file():
            saved = _read(path)
            if saved["key"] != job.key:
                raise InputError(
                    f"{path}: belongs to training with other settings, data or versions; continue it with those, "
                    f"or delete {job.folder} to train this fold anew"
                )
            state._take(saved)
        return state

    def _take(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        with torch.no_grad():
            self.log_variance.copy_(saved["log_variance"])
        self.generator.set_state(saved["generator"])
        torch.set_rng_state(saved["dropout_generator"])
        if "cuda_generator" in saved and self.log_variance.is_cuda:
            torch.cuda.set_rng_state(saved["cuda_generator"])
        self.epoch, self.step, self.sums = saved["epoch"], saved["step"], EpochSums(**saved["sums"])
        self.log, self.seconds, self.places = saved["log"], saved["seconds"], saved["places"]
        self.step_cpu_seconds = saved["step_cpu_seconds"]

    def save(self, job: FoldJob) -> None:
        """Write the checkpoint beside the old one and move it into place."""
        content = {
            "key": job.key,
            "epoch": self.epoch,
            "step": self.step,
            "sums": asdict(self.sums),
            "log": self.log,
            "seconds": self.seconds,
            "step_cpu_seconds": self.step_cpu_seconds,
            "places": self.places,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "log_variance": self.log_variance.detach(),
            "generator": self.generator.get_state(),
            "dropout_generator": torch.get_rng_state(),
        }
        if self.log_variance.is_cuda:
            content["cuda_generator"] = torch.cuda.get_rng_state()
        with atomic_path(job.folder / CHECKPOINT) as temporary:
            torch.save(content, temporary)
        self.saved_at = time.monotonic()

    def save_when_due(self, job: FoldJob) -> None:
        """Write the checkpoint if the last one is older than the setting allows."""
        if time.monotonic() - self.saved_at >= 60 * job.settings.checkpoint_minutes:
            self.save(job)


def _read(path: Path) -> dict[str, Any]:
    try:
        saved = read_pickle(path)
    except WeightsError as error:
        raise InputError(
            f"{path}: is no whole checkpoint; delete it, and this fold is trained anew"
        ) from error
    if not isinstance(saved, dict) or "key" not in saved:
        raise InputError(
            f"{path}: is no checkpoint of this program; delete it, and this fold is trained anew"
        )
    return saved
