"""NumPy arrays and archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ccta_lib.cohort.recording import Ecg
from ccta_lib.files import atomic_path


def write_npy(path: Path, ecg: Ecg) -> None:
    """Write the samples, float32 millivolt."""
    with atomic_path(path, durable=False) as temporary:
        np.save(temporary, ecg.signal)


def write_npz(path: Path, ecg: Ecg) -> None:
    """Write samples, rate, leads, unit, and what is known of whom and when as text."""
    content: dict[str, Any] = {
        "signal": ecg.signal,
        "sampling_hz": ecg.sampling_hz,
        "leads": np.array(ecg.leads),
        "unit": "mV",
    }
    for name in ("patient_id", "patient_name", "age", "sex", "recording_id"):
        if getattr(ecg, name) is not None:
            content[name] = str(getattr(ecg, name))
    for name in ("time", "birth_date"):
        if getattr(ecg, name) is not None:
            content[name] = getattr(ecg, name).isoformat()
    if ecg.statements:
        content["statements"] = np.array(ecg.statements)
    with atomic_path(path, durable=False) as temporary:
        np.savez_compressed(temporary, **content)
