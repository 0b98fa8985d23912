"""What a fold tells while it trains (TensorBoard's scalars), and of the machine it was trained on."""

from __future__ import annotations

import math
import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ccta_lib.schema import VESSELS
from ccta_lib.training.job import FoldJob
from ccta_lib.training.ranks import Ranks

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from ccta_lib.training.state import FoldState
    from ccta_lib.training.step import StepResult

ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc")
NAMES = [v.lower() for v in VESSELS]


class Board:
    """Writes scalars for TensorBoard; without a writer it does nothing, and it never touches what is trained.

    Parameters
    ----------
    writer : TensorBoard's, or None
    """

    def __init__(self, writer: SummaryWriter | None = None) -> None:
        self._writer = writer

    def step(self, step: int, result: StepResult, *, rate: float, ecgs_per_second: float) -> None:
        """Write what an optimiser step saw."""
        if self._writer is None:
            return
        values = {f"step/loss_{n}": x for n, x in zip(NAMES, result.losses.tolist(), strict=True)}
        values |= {"step/learning_rate": rate, "step/ecgs_per_second": ecgs_per_second}
        if result.conflict is not None:
            values |= {
                "step/conflict_share": result.conflict.share,
                "step/mean_cosine": result.conflict.mean_cosine,
            }
        self._write(values, step)

    def epoch(self, row: dict[str, Any]) -> None:
        """Write an epoch's row of the log: losses, sigma, weights, conflicts, AUC on the inner and the outer set."""
        if self._writer is None:
            return
        values = {f"epoch/{k}": v for k, v in row.items() if k not in {"fold", "epoch", "step"}}
        values |= {f"epoch/sigma_{n}": math.exp(row[f"log_variance_{n}"] / 2) for n in NAMES}
        self._write(values, row["step"] - 1)  # its last step, counted from 0 as steps are
        self._writer.flush()

    def _write(self, values: dict[str, float], step: int) -> None:
        assert self._writer is not None
        for name, value in values.items():
            if not math.isnan(value):  # a vessel without labels has no loss
                self._writer.add_scalar(name, value, step)


@contextmanager
def open_board(job: FoldJob | None, *, step: int) -> Iterator[Board]:
    """Yield the board of a fold; steps from `step` on that a killed run has written are hidden.

    Nothing is written for no job, when the job names no folder or its settings say so, or without TensorBoard.
    """
    if job is None or job.board is None or not job.settings.tensorboard or not find_spec("tensorboard"):
        yield Board()
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(job.board), purge_step=step or None) as writer:
        yield Board(writer)


def place(ranks: Ranks) -> dict[str, Any]:
    """Return where this process computes: device, processor, processes per batch, threads and allocator."""
    device = ranks.device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "processor": platform.processor() or platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "world_size": ranks.size,
        "threads": torch.get_num_threads(),
        "allocator": allocator(),
    }


def cost(state: FoldState) -> dict[str, Any]:
    """Return what a fold took: seconds over all its continuations, the peak memory of this process, and where.

    `step_cpu_seconds` are the processor's, of the optimiser steps alone: a busy machine lengthens the others.
    """
    found = {
        "places": state.places,
        "seconds": round(sum(state.seconds), 2),
        "step_cpu_seconds": round(state.step_cpu_seconds, 3),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    if state.log_variance.is_cuda:
        found["peak_device_mib"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return found


def allocator() -> str:
    """Return the memory allocator this process runs on: one that was preloaded, or the system's."""
    maps = Path("/proc/self/maps")
    text = maps.read_text() if maps.is_file() else os.environ.get("LD_PRELOAD", "")
    return next((name for name in ALLOCATORS if f"lib{name}" in text), "system")
