"""The processes that share the batches of one fold: one by itself, or several started by torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

from ccta_lib.errors import CctaError, ParameterError
from ccta_lib.parallel import started_by_torchrun

Value = TypeVar("Value")
CPU = torch.device("cpu")
WAIT_FOR_FIRST = timedelta(days=1)
"""How long the others wait while the first process prepares ECGs or writes; a dead one is noticed at once."""


@dataclass(frozen=True)
class Ranks:
    """A process among those that share a fold; alone, on the CPU, by default.

    Attributes
    ----------
    rank, size : number of this process, and how many there are
    device : where this process computes
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU
    _control: Any = None

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.rank == 0

    def part(self, n: int) -> slice:
        """Return this process's share of `n` items; the shares differ by one at most and may be empty."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def reduce(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes, the same bits in each; written into the tensor."""
        if self.size > 1:
            with self._contact():
                distributed.all_reduce(value)
        return value

    def sum_array(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of a float64 array over all processes; exact where only one of them is not 0."""
        if self.size == 1:
            return values
        return self.reduce(torch.from_numpy(values).to(self.device)).cpu().numpy()

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            with self._contact():
                distributed.barrier(self._control)

    def share(self, value: Value) -> Value:
        """Return the first process's value; the others' does not matter."""
        if self.size == 1:
            return value
        values = [value]
        with self._contact():
            distributed.broadcast_object_list(values, src=0, group=self._control)
        return values[0]

    @contextmanager
    def _contact(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise CctaError(
                f"process {self.rank} of {self.size}: another process of this fold has ended "
                f"({str(error).strip().splitlines()[0]}); run the same command again, it goes on from its "
                "last checkpoint"
            ) from error


def choose_device(name: str) -> torch.device:
    """Return the device of a setting: "cpu", "cuda", or "auto" for CUDA where there is one.

    Raises
    ------
    ParameterError
        If CUDA is asked for and PyTorch sees none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ParameterError(
            "device is 'cuda', but PyTorch sees no such device; set device to auto or cpu, or install PyTorch for CUDA"
        )
    if name == "cpu" or not available:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())


@contextmanager
def open_ranks(device: str) -> Iterator[Ranks]:
    """Join the processes torchrun started, over NCCL on GPUs and gloo on CPUs; alone without torchrun."""
    here = choose_device(device)
    if not started_by_torchrun():
        yield Ranks(device=here)
        return
    if here.type == "cuda":
        torch.cuda.set_device(here)
    distributed.init_process_group("nccl" if here.type == "cuda" else "gloo")
    try:
        control = distributed.new_group(backend="gloo", timeout=WAIT_FOR_FIRST)
        yield Ranks(distributed.get_rank(), distributed.get_world_size(), here, control)
    finally:
        distributed.destroy_process_group()
