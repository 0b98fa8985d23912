"""Predictions: out of fold for the internal cohort, the mean of the folds' networks elsewhere (contract 2)."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from ccta_lib.cohort.store import WaveformStore
from ccta_lib.files import read_json
from ccta_lib.model.checkpoint import load_network
from ccta_lib.schema import VESSELS, write_table
from ccta_lib.training.loop import RECORD, score
from ccta_lib.training.run import FOLDS, TrainingRun, kept_rows, weights_of
from ccta_lib.training.workers import Progress, TimeLeft, check_workers, enter_worker

PREDICTIONS, BY_FOLD = "predictions.parquet", "predictions_by_fold.parquet"
# Fixed: the last bits of a convolution may depend on the batch, and bytes must not depend on the workers.
CHUNK = 256


@dataclass(frozen=True)
class _Chunk:
    start: int
    ecg_ids: list[str]
    wanted: np.ndarray
    weights: list[Path]
    store: WaveformStore


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
    workers : processes at a time, one torch thread each
    progress : called with (done, total, note) in ECGs

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
    probability = expit(_logits(table, store, weights, wanted, workers, progress))
    for k in range(len(weights)):
        record = read_json(run.folder / "folds" / f"fold{k}" / RECORD)
        probability[:, k, [str(v) in record["untrained_vessels"] for v in VESSELS]] = np.nan
    columns = [v.prob_column for v in VESSELS]
    predictions = table.drop(columns=["waveform", "fold", *columns], errors="ignore")
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
    table: pd.DataFrame,
    store: WaveformStore,
    weights: list[Path],
    wanted: np.ndarray,
    workers: int,
    progress: Progress | None,
) -> np.ndarray:
    """Return logits (n, folds, tasks); NaN where a fold's network is not wanted."""
    ids = table["ecg_id"].astype(str).tolist()
    chunks = [
        _Chunk(i, ids[i : i + CHUNK], wanted[i : i + CHUNK], weights, store)
        for i in range(0, len(ids), CHUNK)
    ]
    out = np.full((len(ids), len(weights), len(VESSELS)), np.nan)
    bar, done = TimeLeft(progress, len(ids)), 0
    bar(0, "predicting")
    with ProcessPoolExecutor(
        min(workers, len(chunks)), get_context("spawn"), initializer=enter_worker, initargs=(os.getpid(),)
    ) as pool:
        for future in as_completed([pool.submit(_score_chunk, c) for c in chunks]):
            start, logits = future.result()
            out[start : start + len(logits)] = logits
            done += len(logits)
            bar(done, "predicting")
    return out


def _score_chunk(chunk: _Chunk) -> tuple[int, np.ndarray]:
    out = np.full((*chunk.wanted.shape, len(VESSELS)), np.nan)
    prepared: dict[str, np.ndarray] = {}
    for k, path in enumerate(chunk.weights):
        rows = np.flatnonzero(chunk.wanted[:, k])
        if not rows.size:
            continue
        model, report = load_network(path)
        assert report.contract is not None  # save_weights always states it
        form = report.contract.to_json()
        if form not in prepared:
            prepared[form] = report.contract.prepare(chunk.store.signals(chunk.ecg_ids))
        out[rows, k] = score(model, prepared[form], rows)
    return chunk.start, out
