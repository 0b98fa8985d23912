"""Predictions: out of fold for the internal cohort, the mean of the folds' networks elsewhere (contract 2)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from ccta_lib.cohort.store import WaveformStore
from ccta_lib.files import atomic_path, new_array, read_json, sha256_json
from ccta_lib.model.checkpoint import load_network
from ccta_lib.model.contract import InputContract
from ccta_lib.model.net1d import Net1D
from ccta_lib.parallel import as_finished, check_workers
from ccta_lib.progress import TimeLeft
from ccta_lib.schema import N_FOLDS, VESSELS, carried, write_table
from ccta_lib.training.loop import RECORD
from ccta_lib.training.ranks import choose_device
from ccta_lib.training.run import FOLDS, TrainingRun, kept_rows, weights_hashes, weights_of
from ccta_lib.training.scoring import score
from ccta_lib.training.watching import one_thread

Progress = Callable[..., None]
PREDICTIONS, BY_FOLD = "predictions.parquet", "predictions_by_fold.parquet"
# Fixed: the last bits of a convolution may depend on the batch, and bytes must not depend on the workers.
CHUNK = 256


def predict(
    cohort: pd.DataFrame,
    store: WaveformStore,
    run: TrainingRun | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    selection: str | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Predict every ECG the store kept, labelled or not, and write both prediction tables.

    Parameters
    ----------
    cohort : cohort table (contract 1)
    store : its waveforms
    run : the training run
    out : folder for predictions.parquet and predictions_by_fold.parquet; the run's by default
    selection : which epoch's weights: "nested" or "paper"; the run's setting by default
    workers : processes at a time, one torch thread each; a cluster (`ccta_lib.parallel.cluster`) brings its own number
    progress : called with (done, total, note) in ECGs; a killed call goes on after the pieces it had scored

    Returns
    -------
    DataFrame (contract 2)
        An internal ECG of a patient trained on gets its fold's number and the network that never saw the
        patient; every other ECG the mean of the folds' probabilities. A vessel without a labelled
        training row is NaN.
    """
    check_workers(workers)
    run = run if isinstance(run, TrainingRun) else TrainingRun.open(run)
    folder = Path(out) if out is not None else run.folder
    table = kept_rows(cohort, store)
    fold = _known_fold(table, run)
    weights = weights_of(run, selection)
    wanted = np.where(np.isnan(fold)[:, None], True, fold[:, None] == np.arange(len(weights)))
    ids = table["ecg_id"].astype(str).tolist()
    key = sha256_json([weights_hashes(run, selection), store.key, ids, np.packbits(wanted).tolist()])[:16]
    partial = PartialLogits(folder, key, (*wanted.shape, len(VESSELS)))
    probability = expit(_logits(ids, store.path, weights, wanted, partial, workers, progress))
    for k in range(len(weights)):
        record = read_json(run.folder / "folds" / f"fold{k}" / RECORD)
        probability[:, k, [str(v) in record["untrained_vessels"] for v in VESSELS]] = np.nan
    columns = [v.prob_column for v in VESSELS]
    predictions = carried(table).drop(columns=["fold", *columns], errors="ignore")
    predictions["fold"] = pd.array(fold, dtype="Float64").astype("Int64")
    predictions[columns] = _mean_over_folds(probability)
    ensemble = np.isnan(fold)
    by_fold = pd.concat(
        [
            pd.DataFrame(probability[ensemble, k], columns=columns).assign(
                ecg_id=table.loc[ensemble, "ecg_id"].to_numpy(), fold_model=k
            )
            for k in range(len(weights))
        ],
        ignore_index=True,
    )[["ecg_id", "fold_model", *columns]]
    write_table(by_fold, folder / BY_FOLD)
    write_table(predictions, folder / PREDICTIONS)
    partial.remove()
    return predictions


def _known_fold(table: pd.DataFrame, run: TrainingRun) -> np.ndarray:
    """Return the fold of each internal ECG's patient as float, NaN where the run never met the patient."""
    folds = pd.read_parquet(run.folder / "folds" / FOLDS)
    by_patient = (
        folds.astype({"patient_id": str}).drop_duplicates("patient_id").set_index("patient_id")["fold"]
    )
    fold = table["patient_id"].astype(str).map(by_patient).to_numpy(dtype=float)
    if "cohort" in table:
        fold[(table["cohort"].fillna("internal") != "internal").to_numpy()] = np.nan
    return fold


def _mean_over_folds(probability: np.ndarray) -> np.ndarray:
    """Average (n, folds, tasks) over the folds that have a value; NaN where none has."""
    known = ~np.isnan(probability)
    count = known.sum(axis=1)
    total = np.where(known, probability, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _logits(
    ids: list[str],
    store: Path,
    weights: list[Path],
    wanted: np.ndarray,
    partial: PartialLogits,
    workers: int,
    progress: Progress | None,
) -> np.ndarray:
    """Return logits (n, folds, tasks); NaN where a fold's network is not wanted."""
    pieces = [
        (i, ids[i : i + CHUNK], wanted[i : i + CHUNK], weights, store)
        for i in range(0, len(ids), CHUNK)
        if not partial.has(i // CHUNK)
    ]
    done = len(ids) - sum(len(p[1]) for p in pieces)
    bar = TimeLeft(progress, len(ids))
    bar(done, "predicting")
    for _, (start, logits) in as_finished(_score_chunk, pieces, workers=workers):
        partial.put(start // CHUNK, logits)
        done += len(logits)
        bar(done, "predicting")
    return partial.values


class PartialLogits:
    """Logits that fill up piece by piece in two files; what a killed process has scored is not scored again.

    Parameters
    ----------
    folder : where the files lie
    key : hash of networks and ECGs; files of another key are removed
    shape : (n, folds, tasks)
    """

    def __init__(self, folder: Path, key: str, shape: tuple[int, int, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / f".predicting-{key}-{part}.npy" for part in ("logits", "done")]
        for other in set(folder.glob(".predicting-*.npy")) - set(self._paths):
            other.unlink()
        self.values = self._map(self._paths[0], shape, np.float64, np.nan)
        self._done = self._map(self._paths[1], (-(-shape[0] // CHUNK),), np.uint8, 0)

    @staticmethod
    def _map(path: Path, shape: tuple[int, ...], dtype: type, empty: float) -> np.memmap[Any, Any]:
        if not path.is_file():
            with atomic_path(path) as temporary:
                new = new_array(temporary, dtype=dtype, shape=shape)
                new[:] = empty
                new.flush()
        mapped: np.memmap[Any, Any] = np.load(path, mmap_mode="r+")
        return mapped

    def has(self, piece: int) -> bool:
        """Whether a piece is there."""
        return bool(self._done[piece])

    def put(self, piece: int, logits: np.ndarray) -> None:
        """Take a piece in: first its values, down to the disk, then the mark that says they are there."""
        self.values[piece * CHUNK : piece * CHUNK + len(logits)] = logits
        self.values.flush()
        self._done[piece] = 1

    def remove(self) -> None:
        """Delete the files."""
        for path in self._paths:
            path.unlink(missing_ok=True)


def _score_chunk(
    start: int, ecg_ids: list[str], wanted: np.ndarray, weights: list[Path], store: Path
) -> tuple[int, np.ndarray]:
    out = np.full((*wanted.shape, len(VESSELS)), np.nan)
    prepared: dict[str, np.ndarray] = {}
    with one_thread():
        for k, path in enumerate(weights):
            rows = np.flatnonzero(wanted[:, k])
            if not rows.size:
                continue
            model, contract = _network(path, path.stat().st_mtime_ns)
            form = contract.to_json()
            if form not in prepared:
                prepared[form] = contract.prepare(_store(store).signals(ecg_ids))
            out[rows, k] = score(model, prepared[form], rows)
    return start, out


@lru_cache(maxsize=N_FOLDS)
def _network(path: Path, changed: int) -> tuple[Net1D, InputContract]:
    """Return a network on its device; a worker keeps those of a run from piece to piece."""
    model, report = load_network(path)
    assert report.contract is not None  # save_weights always states it
    return model.to(choose_device("auto")), report.contract


@lru_cache(maxsize=1)
def _store(path: Path) -> WaveformStore:
    return WaveformStore.open(path)
