"""What one fold is trained on, and the seeds of everything random in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccta_lib.training.settings import TrainingSettings


@dataclass(frozen=True)
class FoldJob:
    """One fold to train.

    Attributes
    ----------
    fold : its number
    folder : where checkpoint, weights and record go
    key : hash of everything the result depends on; a checkpoint of another key is refused
    signals : `.npy` file of prepared ECGs, float32 (rows, leads, samples), or, where only the head is trained, of
        their features (rows, width); read as a memory map
    targets : labels, float64 (rows, 4), NaN unknown
    train, inner, outer : row numbers into `signals` and `targets`
    settings : of the run
    seed : of the run
    board : folder for TensorBoard's scalars; None = none are written
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
    board: Path | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch."""
        return math.ceil(len(self.train) / self.settings.batch_size)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole fold."""
        return self.settings.epochs * self.steps_per_epoch


def derive_seed(*parts: int) -> int:
    """Return a seed that depends on all parts and shares no stream with another choice of them."""
    return int(np.random.SeedSequence(list(parts)).generate_state(1, np.uint64)[0] >> np.uint64(1))
