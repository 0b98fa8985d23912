"""What training reads, written once per ECG: what the network sees, or, for a head alone, what the head sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ccta_lib.cohort.store import WaveformStore
from ccta_lib.files import atomic_path, new_array
from ccta_lib.model.contract import InputContract
from ccta_lib.parallel import as_finished
from ccta_lib.training.network import build_network
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.watching import one_thread

PREPARE_BATCH = 128
# Fixed: the last bits of a convolution may depend on the batch, and bytes must not depend on the workers.
FEATURE_BATCH = 32
Progress = Callable[..., None]


def prepare_signals(
    store: WaveformStore,
    ecg_ids: Sequence[str],
    contract: InputContract,
    path: Path,
    *,
    progress: Progress | None = None,
) -> Path:
    """Write what the network sees as one `.npy` of float32, (n, leads, samples), in the order of `ecg_ids`."""
    if path.is_file():
        return path
    n = len(ecg_ids)
    with atomic_path(path) as temporary:
        out = new_array(temporary, dtype=np.float32, shape=(n, len(contract.leads), contract.samples))
        for i in range(0, n, PREPARE_BATCH):
            out[i : i + PREPARE_BATCH] = contract.prepare(store.signals(ecg_ids[i : i + PREPARE_BATCH]))
            if progress is not None:
                progress(min(i + PREPARE_BATCH, n), n, "preparing ECGs")
        out.flush()
    return path


def prepare_features(
    store: WaveformStore,
    ecg_ids: Sequence[str],
    settings: TrainingSettings,
    path: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write the features of a pretrained, untouched trunk as one `.npy` of float32, (n, width).

    Parameters
    ----------
    store, ecg_ids : the ECGs, in this order
    settings : name the weights
    path : file to write; one that exists is kept
    workers : processes at a time
    progress : called with (done, total, note)
    """
    if path.is_file():
        return path
    n = len(ecg_ids)
    chunks = [(store, list(ecg_ids[i : i + PREPARE_BATCH]), settings) for i in range(0, n, PREPARE_BATCH)]
    parts: list[np.ndarray] = [np.empty(0)] * len(chunks)
    done = 0
    for i, features in as_finished(trunk_features, chunks, workers=min(workers, len(chunks))):
        parts[i] = features
        done += len(features)
        if progress is not None:
            progress(done, n, "features of the pretrained network")
    with atomic_path(path) as temporary:
        np.save(temporary, np.concatenate(parts))
    return path


@torch.no_grad()
def trunk_features(store: WaveformStore, ecg_ids: list[str], settings: TrainingSettings) -> np.ndarray:
    """Return what the head of the network `settings` name would see: float32, shape (n, width)."""
    model, contract, _ = build_network(settings, seed=0)
    model.eval()
    x = torch.from_numpy(contract.prepare(store.signals(ecg_ids)))
    with one_thread():
        return torch.cat([model.features(part) for part in x.split(FEATURE_BATCH)]).numpy()
