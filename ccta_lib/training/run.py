"""Fine-tuning all folds: from a cohort table and its waveforms to five networks and a log."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.cohort.store import WaveformStore
from ccta_lib.errors import InputError, ParameterError, TableError, WeightsError
from ccta_lib.files import locked, read_json, sha256_file, sha256_json, write_json
from ccta_lib.model.contract import InputContract
from ccta_lib.parallel import as_finished, check_workers
from ccta_lib.schema import VESSELS, write_table
from ccta_lib.training.folds import inner_set, label_matrix, patient_folds
from ccta_lib.training.job import FoldJob, derive_seed
from ccta_lib.training.loop import RECORD, train_fold
from ccta_lib.training.network import build_network, weights_path
from ccta_lib.training.prepared import prepare_features, prepare_signals
from ccta_lib.training.ranks import Ranks, choose_device
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.watching import one_thread, reporter, train_alone, watch_folds

FOLDS, LOG, RUN_RECORD, PLAN = "folds.parquet", "training.parquet", "training.json", "plan.json"
Progress = Callable[..., None]


@dataclass(frozen=True)
class TrainingRun:
    """What `train` leaves behind.

    Attributes
    ----------
    folder : the run directory: training.parquet, training.json, folds/
    log : one row per fold and epoch, with `chosen_nested` and `chosen_paper`
    record : settings, key, versions, rows, chosen epochs, optimism, times
    """

    folder: Path
    log: pd.DataFrame
    record: dict[str, Any]

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> TrainingRun:
        """Open a finished run.

        Raises
        ------
        InputError
            If the folder holds no finished training.
        """
        path = Path(folder)
        if not (path / RUN_RECORD).is_file():
            raise InputError(f"{path}: holds no finished training ({RUN_RECORD} is missing); train first (ccta train "
                             "without --fold puts folds together that were trained one by one)")  # fmt: skip
        return cls(path, pd.read_parquet(path / LOG), read_json(path / RUN_RECORD))


def kept_rows(cohort: pd.DataFrame, store: WaveformStore) -> pd.DataFrame:
    """Return the rows whose ECG the store kept.

    Raises
    ------
    TableError
        If an ECG of the table is unknown to the store.
    """
    kept = store.index.set_index("ecg_id")["row"].notna()
    ids = cohort["ecg_id"].astype(str)
    unknown = ids[~ids.isin(kept.index)]
    if len(unknown):
        raise TableError(
            f"{store.path}: knows nothing of {len(unknown)} ECGs of the table, the first in row "
            f"{unknown.index[0] + 1}; build the store from this table"
        )
    return cohort[ids.map(kept).to_numpy(dtype=bool)].reset_index(drop=True)


def train(
    cohort: pd.DataFrame,
    store: WaveformStore,
    out: str | os.PathLike[str],
    settings: TrainingSettings | None = None,
    *,
    seed: int,
    workers: int = 2,
    progress: Progress | None = None,
) -> TrainingRun:
    """Fine-tune one network per fold on the internal cohort (Methods, training strategy).

    Parameters
    ----------
    cohort : cohort table (contract 1), as `read_cohort` returns it
    store : its waveforms; ECGs the store excluded are left out
    out : run directory; a run killed there is continued, a finished one with equal inputs is returned
    settings : defaults are the paper's
    seed : of everything random
    workers : folds at a time, one torch thread each; a cluster (`ccta_lib.parallel.cluster`) brings its own number
    progress : called with (done, total, note); steps done over all folds

    Returns
    -------
    TrainingRun

    Raises
    ------
    TableError
        If no internal ECG has a label, or a patient is both internal and elsewhere.
    WeightsError, ParameterError
        If the pretrained weights or the settings do not fit.
    InputError
        If the folder holds an unfinished run of other inputs.
    """
    check_workers(workers)
    plan = make_plan(cohort, store, out, settings or TrainingSettings(), seed=seed)
    if plan.finished:
        return TrainingRun.open(plan.folder)
    plan.prepare(store, progress, workers=workers)
    records: dict[int, dict[str, Any]] = {}
    with watch_folds(plan.jobs, progress):
        for k, record in as_finished(train_alone, [(job,) for job in plan.jobs], workers=workers):
            records[k] = record
    return plan.finish([records[k] for k in sorted(records)])


def train_shared(
    cohort: pd.DataFrame,
    store: WaveformStore,
    out: str | os.PathLike[str],
    settings: TrainingSettings | None = None,
    *,
    seed: int,
    folds: Sequence[int] | None = None,
    ranks: Ranks | None = None,
    progress: Progress | None = None,
) -> None:
    """Fine-tune some folds one after another, each shared by the processes torchrun started (`open_ranks`).

    `train` on the same inputs then finds these folds done. Several calls may train different folds of one run
    directory at the same time; processes on several machines need it on a file system they share.

    Parameters
    ----------
    cohort, store, out, settings, seed, progress : as in `train`
    folds : their numbers; all by default
    ranks : this process among them; alone by default

    Raises
    ------
    ParameterError
        If there is no such fold; and as in `train`.
    CctaError
        If another of the processes ended.
    """
    plan = make_plan(cohort, store, out, settings or TrainingSettings(), seed=seed)
    ranks = ranks or Ranks(device=choose_device(plan.settings.device))
    wanted = range(len(plan.jobs)) if folds is None else folds
    unknown = sorted(set(wanted) - set(range(len(plan.jobs))))
    if unknown:
        raise ParameterError(f"--fold: found {unknown[0]}; expected 0 to {len(plan.jobs) - 1}")
    if ranks.share(plan.finished):
        return
    if ranks.first:
        with locked(plan.folds_folder / "prepare.lock"):  # other folds may start at the same moment
            plan.prepare(store, progress)
    ranks.wait()
    with one_thread():
        for k in wanted:
            train_fold(
                plan.jobs[k], tick=reporter(plan.jobs[k], progress if ranks.first else None), ranks=ranks
            )


@dataclass(frozen=True)
class Plan:
    """All folds of a run before they are trained.

    Attributes
    ----------
    folder : run directory
    key, inputs : hash of everything the result depends on, and its parts by name
    """

    folder: Path
    key: str
    inputs: dict[str, Any]
    settings: TrainingSettings
    seed: int
    table: pd.DataFrame
    targets: np.ndarray
    fold: np.ndarray
    contract: InputContract
    weights: str | None
    jobs: list[FoldJob]

    @property
    def folds_folder(self) -> Path:
        """Where the folds are trained."""
        return self.folder / "folds"

    @property
    def finished(self) -> bool:
        """Whether the run directory holds this run, finished."""
        path = self.folder / RUN_RECORD
        return path.is_file() and read_json(path)["key"] == self.key

    def prepare(self, store: WaveformStore, progress: Progress | None, *, workers: int = 1) -> None:
        """Write the folds' table and the prepared ECGs, or their features where only the head is trained.

        Raises
        ------
        InputError
            If the folder holds an unfinished run of other inputs.
        """
        self._refuse_others()
        for job in self.jobs:
            record = job.folder / RECORD
            if record.is_file() and read_json(record)["key"] != self.key:
                record.unlink()
        (self.folder / RUN_RECORD).unlink(missing_ok=True)
        write_table(self.table[["ecg_id", "patient_id"]].assign(fold=self.fold), self.folds_folder / FOLDS)
        ids = self.table["ecg_id"].astype(str).tolist()
        path = self.jobs[0].signals
        if self.settings.trainable == "head":
            prepare_features(store, ids, self.settings, path, workers=workers, progress=progress)
        else:
            prepare_signals(store, ids, self.contract, path, progress=progress)
        write_json({"key": self.key, "inputs": self.inputs}, self.folds_folder / PLAN)

    def _refuse_others(self) -> None:
        path = self.folds_folder / PLAN
        if not path.is_file() or (self.folder / RUN_RECORD).is_file():
            return  # nothing begun, or a finished run, which a new one may replace
        begun = read_json(path)
        if begun["key"] == self.key:
            return
        before, now = begun["inputs"], self.inputs
        names = [n for n in sorted({*before, *now}) if before.get(n) != now.get(n)]
        changes = "; ".join(f"{n} was {_short(before.get(n))}, is {_short(now.get(n))}" for n in names)
        raise InputError(
            f"{self.folds_folder}: holds an unfinished run of other inputs ({changes}); go on with those, choose "
            "another --out, or delete that folder to train anew"
        )

    def finish(self, records: list[dict[str, Any]]) -> TrainingRun:
        """Write log and record of the run from its folds' records."""
        log = _log(records)
        write_table(log, self.folder / LOG)
        record = _record(records, self.table, self.targets, self.settings, self.seed, self.key, self.weights)
        write_json(record, self.folder / RUN_RECORD)
        self.jobs[0].signals.unlink(missing_ok=True)
        return TrainingRun(self.folder, log, record)


def make_plan(
    cohort: pd.DataFrame,
    store: WaveformStore,
    out: str | os.PathLike[str],
    settings: TrainingSettings,
    *,
    seed: int,
) -> Plan:
    """Assign patients to folds and say what each fold is trained on; nothing is written."""
    table, targets, fold = _assign(cohort, store, settings, seed)
    model, contract, report = build_network(settings, seed=0)
    weights = None if report is None else report.sha256
    inputs = {
        **{f"settings.{name}": value for name, value in settings.decisive().items()},
        **{f"versions.{name}": value for name, value in _versions().items()},
        "seed": seed,
        "table": _table_key(table, targets, fold),
        "store": store.key,
        "config": model.config.as_dict(),
        "contract": contract.as_dict(),
        "weights": weights,
    }
    key, folder = sha256_json(inputs), Path(out)
    ids = table["ecg_id"].astype(str).tolist()
    seen = [store.key, ids, contract.as_dict(), *([weights] if settings.trainable == "head" else [])]
    signals = folder / "folds" / f"prepared-{sha256_json(seen)[:16]}.npy"
    jobs = [
        _job(k, folder, key, signals, targets, fold, table, settings, seed) for k in range(settings.n_folds)
    ]
    return Plan(folder, key, inputs, settings, seed, table, targets, fold, contract, weights, jobs)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def _assign(
    cohort: pd.DataFrame, store: WaveformStore, settings: TrainingSettings, seed: int
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    internal = cohort["cohort"].fillna("internal") == "internal" if "cohort" in cohort else None
    if internal is not None:
        both = sorted(set(cohort.loc[internal, "patient_id"]) & set(cohort.loc[~internal, "patient_id"]))
        if both:
            first = int(np.flatnonzero(cohort["patient_id"].isin(both))[0])
            raise TableError(
                f"{len(both)} patients are internal and also in another cohort, the first of them in row {first + 1}; "
                "predictions on the other cohort would be of patients trained on, remove one of the two"
            )
        cohort = cohort[internal]
    table = kept_rows(cohort, store)
    targets = label_matrix(table)
    if np.isnan(targets).all():
        raise TableError(
            "no internal ECG has a grade for any vessel; training needs at least one of "
            + ", ".join(v.grade_column for v in VESSELS)
        )
    fold = patient_folds(table, settings.n_folds, seed=seed).to_numpy(dtype=int)
    return table, targets, fold


def _job(
    k: int,
    folder: Path,
    key: str,
    signals: Path,
    targets: np.ndarray,
    fold: np.ndarray,
    table: pd.DataFrame,
    settings: TrainingSettings,
    seed: int,
) -> FoldJob:
    labelled = ~np.isnan(targets).all(axis=1)
    rest = np.flatnonzero((fold != k) & labelled)
    groups = table["patient_id"].astype(str).to_numpy()[rest]
    inner = inner_set(targets[rest], groups, settings.inner_fraction, seed=derive_seed(seed, k) % 2**32)
    return FoldJob(
        fold=k,
        folder=folder / "folds" / f"fold{k}",
        key=key,
        signals=signals,
        targets=targets,
        train=rest[~inner],
        inner=rest[inner],
        outer=np.flatnonzero((fold == k) & labelled),
        settings=settings,
        seed=seed,
        board=folder / "tensorboard" / f"fold{k}",
    )


def _table_key(table: pd.DataFrame, targets: np.ndarray, fold: np.ndarray) -> str:
    return sha256_json(
        [
            table["ecg_id"].astype(str).tolist(),
            table["patient_id"].astype(str).tolist(),
            np.nan_to_num(targets, nan=-1).tolist(),
            fold.tolist(),
        ]
    )


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("ccta-lib", "torch", "numpy", "scipy", "scikit-learn")}


def _log(records: list[dict[str, Any]]) -> pd.DataFrame:
    frames = []
    for record in records:
        frame = pd.DataFrame(record["log"])
        for rule, epoch in record["chosen_epoch"].items():
            frame[f"chosen_{rule}"] = frame["epoch"] == epoch
        frames.append(frame)
    log = pd.concat(frames, ignore_index=True)
    # A fold that a killed run had finished comes from JSON with its keys sorted: the order is settled here.
    first = ["fold", "epoch", "step", "learning_rate"]
    return log[[*first, *sorted(set(log.columns) - set(first))]]


def _record(
    records: list[dict[str, Any]],
    table: pd.DataFrame,
    targets: np.ndarray,
    settings: TrainingSettings,
    seed: int,
    key: str,
    weights: str | None,
) -> dict[str, Any]:
    outer = pd.DataFrame([r["outer_macro"] for r in records])
    source = weights_path(settings)
    return {
        "key": key,
        "settings": settings.model_dump(),
        "seed": seed,
        "init": {"name": settings.init, "file": None if source is None else source.name, "sha256": weights},
        "contract": records[0]["contract"],
        "parameters": records[0]["parameters"],
        "versions": _versions(),
        "ecgs": len(table),
        "patients": int(table["patient_id"].nunique()),
        "never_labelled": [
            str(v) for v, none in zip(VESSELS, np.isnan(targets).all(axis=0), strict=True) if none
        ],
        "folds": [
            {k: r[k] for k in ("fold", "rows", "positives", "chosen_epoch", "outer_macro", "macro_vessels")}
            for r in records
        ],
        "macro_auc_nested": float(outer["nested"].mean()),
        "macro_auc_paper": float(outer["paper"].mean()),
        "optimism": float((outer["paper"] - outer["nested"]).mean()),
        "seconds_per_fold": [sum(r["seconds_per_epoch"]) for r in records],
        "cost": [{"fold": r["fold"], **r["cost"]} for r in records],
    }


def weights_of(run: TrainingRun, selection: str | None = None) -> list[Path]:
    """Return the weights file of each fold under a selection rule (default: the settings')."""
    rule = selection or run.record["settings"]["selection"]
    paths = [
        run.folder / "folds" / f"fold{k}" / f"{rule}.safetensors" for k in range(len(run.record["folds"]))
    ]
    missing = [p for p in paths if not p.is_file()]
    if missing:
        raise InputError(
            *(f"{p}: missing; train again, or choose selection nested or paper" for p in missing)
        )
    return paths


def weights_hashes(run: TrainingRun, selection: str | None = None) -> list[str]:
    """Return the SHA-256 of each fold's weights.

    Raises
    ------
    WeightsError
        If weights are not those that the training wrote and recorded.
    """
    found, faults = [], []
    for path in weights_of(run, selection):
        found.append(sha256_file(path))
        recorded = read_json(path.with_name(RECORD)).get("weights_sha256", {}).get(path.stem)
        if recorded != found[-1]:
            what = (
                "not the weights that this training recorded"
                if recorded
                else f"{RECORD} records no hash of it"
            )
            faults.append(f"{path}: {what}; delete {path.parent} and train again")
    if faults:
        raise WeightsError(*faults)
    return found
