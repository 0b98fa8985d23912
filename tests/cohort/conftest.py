"""Small recordings written for the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ccta_lib.schema import LEADS


def _tones(hz: float = 500, seconds: float = 10, seed: int = 0) -> np.ndarray:
    """12 leads of a few sinusoids below 40 Hz, millivolt, that obey Einthoven's and Goldberger's relations."""
    generator = np.random.default_rng(seed)
    t = np.arange(round(hz * seconds)) / hz
    frequency = generator.uniform(1, 40, (8, 3, 1))
    phase = generator.uniform(0, 2 * np.pi, (8, 3, 1))
    free = (generator.uniform(0.1, 0.4, (8, 3, 1)) * np.sin(2 * np.pi * frequency * t + phase)).sum(axis=1)
    one, two = free[:2]
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.stack([*limb, *free[2:]])


@pytest.fixture(scope="session")
def tones() -> Callable[..., np.ndarray]:
    """Return the function that makes a 12-lead signal."""
    return _tones


Writer = Callable[..., Path]


@pytest.fixture
def write_wfdb(tmp_path: Path) -> Writer:
    """Return a function that writes a WFDB record and returns its path without suffix."""

    def write(name: str, signal: np.ndarray, *, hz: float = 500, leads: Sequence[str] = LEADS,
              units: Sequence[str] | None = None, folder: Path = tmp_path, **more: object) -> Path:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        n = len(leads)
        wfdb.wrsamp(name, fs=hz, units=list(units or ["mV"] * n), sig_name=list(leads), p_signal=signal.T,
                    fmt=["16"] * n, adc_gain=[1000.0] * n, baseline=[0] * n, write_dir=str(folder), **more)  # fmt: skip
        return folder / name

    return write
