"""What cells share: virtual cohorts, prepared ECGs and trained networks, each made once, on first use, and kept.

Every artefact lies in a folder named by the hash of all it depends on, and is made under a file lock: of two cells
that want the same, the second waits and then uses it. A killed process leaves nothing half-made that another would use.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import expit

from ccta_lib.book.provenance import code_hash, versions
from ccta_lib.cohort.store import WaveformStore
from ccta_lib.errors import ParameterError
from ccta_lib.files import locked, read_json, sha256_json
from ccta_lib.model.checkpoint import load_network
from ccta_lib.model.contract import NANO_CONTRACT, InputContract
from ccta_lib.model.net1d import Net1D
from ccta_lib.schema import VESSELS, read_cohort, write_table
from ccta_lib.simulate import CohortSizes, simulate_cohort
from ccta_lib.study.size import StudySize
from ccta_lib.training.folds import inner_set, label_matrix, patient_folds
from ccta_lib.training.job import FoldJob, derive_seed
from ccta_lib.training.loop import RECORD, WEIGHTS
from ccta_lib.training.network import build_network
from ccta_lib.training.prepared import FEATURE_BATCH, prepare_features, prepare_signals
from ccta_lib.training.scoring import score
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.watching import one_thread, train_alone

TEST = 7_000_003  # sets the stream of test cohorts apart from that of cohorts, whose seeds are small numbers
SHUFFLE = 7_000_033
CODE = ("simulate", "model", "training", "cohort", "schema.py")


@dataclass(frozen=True)
class Data:
    """ECGs with everything known of them.

    Attributes
    ----------
    table : cohort table (contract 1)
    store : waveforms of all its rows
    truth : what was planted (contract 2, `truth.parquet`), one row per ECG, in the table's order
    """

    table: pd.DataFrame
    store: WaveformStore
    truth: pd.DataFrame

    @cached_property
    def ids(self) -> list[str]:
        """ECG ids in the table's order."""
        return [str(i) for i in self.table["ecg_id"]]

    @cached_property
    def targets(self) -> np.ndarray:
        """Labels, float64 (n, 4), NaN unknown."""
        return label_matrix(self.table)

    @cached_property
    def key(self) -> str:
        """Hash of waveforms, patients and labels."""
        patients = self.table["patient_id"].astype(str).tolist()
        return sha256_json([self.store.key, self.ids, patients, np.nan_to_num(self.targets, nan=-1).tolist()])

    def take(self, rows: np.ndarray) -> Data:
        """Return some rows (numbers or a mask)."""
        rows = np.arange(len(self.table))[rows]
        return Data(
            self.table.iloc[rows].reset_index(drop=True),
            self.store,
            self.truth.iloc[rows].reset_index(drop=True),
        )

    def patients(self, number: int, *, seed: int) -> Data:
        """Return the ECGs of so many patients drawn at random; a smaller number's are among a larger one's.

        Raises
        ------
        ParameterError
            If there are not so many.
        """
        names = self.table["patient_id"].drop_duplicates().to_numpy()
        if not 1 <= number <= len(names):
            raise ParameterError(f"{number} patients were asked for, and there are {len(names)}")
        chosen = np.random.default_rng([seed, len(names)]).permutation(names)[:number]
        return self.take(self.table["patient_id"].isin(chosen).to_numpy())


@dataclass(frozen=True)
class Fit:
    """A trained network on one patient-grouped split.

    Attributes
    ----------
    folder : weights and record
    workspace : where its predictions are kept
    data : what it was trained on
    train, inner, outer : row numbers of `data`: trained on, used to choose the epoch, set aside
    """

    folder: Path
    workspace: Workspace
    data: Data
    train: np.ndarray
    inner: np.ndarray
    outer: np.ndarray

    @cached_property
    def record(self) -> dict[str, Any]:
        """The fold's record: settings, rows, chosen epochs, cost, log."""
        return dict(read_json(self.folder / RECORD))

    @property
    def seconds(self) -> float:
        """Seconds of training and scoring epochs, as measured when it was trained."""
        return float(sum(self.record["seconds_per_epoch"]))

    @cached_property
    def log(self) -> pd.DataFrame:
        """One row per epoch, with `chosen_nested` and `chosen_paper`."""
        log = pd.DataFrame(self.record["log"])
        for rule, epoch in sorted(self.record["chosen_epoch"].items()):
            log[f"chosen_{rule}"] = log["epoch"] == epoch
        return log

    @cached_property
    def contract(self) -> InputContract:
        """Return what the network expects as input."""
        return InputContract.from_dict(self.record["contract"])

    def weights(self, rule: str = "nested") -> Path:
        """Return the weights of the epoch chosen by a rule: "nested" or "paper"."""
        return self.folder / WEIGHTS[rule]

    def model(self, rule: str = "nested") -> Net1D:
        """Load the network in evaluation mode."""
        model, _ = load_network(self.weights(rule))
        return model.eval()

    def predict(self, data: Data, *, rule: str = "nested") -> pd.DataFrame:
        """Score ECGs; kept, so that other cells need not score them again.

        Returns
        -------
        DataFrame
            ecg_id, patient_id, exam_id, y_rca ... y_lcx (1, 0, NaN), prob_rca ... prob_lcx in [0, 1], NaN for a
            vessel without a labelled training row.
        """
        path = self.folder / f"predicted-{rule}-{data.key[:16]}.parquet"
        with locked(path.with_suffix(".lock")):
            if not path.is_file():
                write_table(self._predict(data, rule), path)
        return pd.read_parquet(path)

    def _predict(self, data: Data, rule: str) -> pd.DataFrame:
        signals = np.load(self.workspace.prepared(data, contract=self.contract), mmap_mode="r")
        with one_thread():
            probability = expit(score(self.model(rule), signals))
        probability[:, [str(v) in self.record["untrained_vessels"] for v in VESSELS]] = np.nan
        out = data.table[["ecg_id", "patient_id", "exam_id"]].copy()
        out[[f"y_{v.lower()}" for v in VESSELS]] = data.targets
        out[[v.prob_column for v in VESSELS]] = probability
        return out

    @torch.no_grad()
    def features(self, data: Data, *, rule: str = "nested") -> np.ndarray:
        """Return what the head sees: float32 (n, width)."""
        signals = np.load(self.workspace.prepared(data, contract=self.contract), mmap_mode="r")
        model = self.model(rule)
        with one_thread():
            parts = [
                model.features(torch.from_numpy(signals[i : i + FEATURE_BATCH].copy()))
                for i in range(0, len(signals), FEATURE_BATCH)
            ]
        return torch.cat(parts).numpy()


class Workspace:
    """Folder of shared artefacts of studies of one size.

    Parameters
    ----------
    folder : created if absent; may be deleted when the studies are done, everything in it can be made again
    size : of the studies
    """

    def __init__(self, folder: Path, size: StudySize) -> None:
        self.folder, self.size = Path(folder), size

    @contextmanager
    def passing(self, name: str) -> Iterator[Workspace]:
        """Yield a workspace inside this one that is deleted when the block succeeds: for large things one cell needs.

        After a kill or an error it stays, and the same cell goes on with it.
        """
        folder = self.folder / "passing" / name
        yield Workspace(folder, self.size)
        shutil.rmtree(folder, ignore_errors=True)

    def simulate(self, sizes: CohortSizes, *, seed: int, prefix: str = "", **options: Any) -> Data:
        """Make a virtual cohort, or find the one made before.

        Parameters
        ----------
        sizes, seed : as in `simulate_cohort`
        prefix : put before every ECG, examination and patient id
        options : further keywords of `simulate_cohort` (settings, null)
        """
        key = sha256_json([sizes, seed, prefix, repr(sorted(options.items())), code_hash("simulate", "schema.py"),
                           versions()])  # fmt: skip
        folder = self.folder / "cohorts" / key[:16]
        with locked(folder.with_suffix(".lock")):
            simulate_cohort(folder, sizes=sizes, seed=seed, prefix=prefix, **options)
        table = read_cohort(folder / "cohort.parquet")
        truth = pd.read_parquet(folder / "truth.parquet")
        return Data(table, WaveformStore.open(folder / "waveforms"), truth)

    def cohort(self, seed: int, *, patients: int | None = None) -> Data:
        """Return the virtual cohort of a seed: internal only, of the study's size, or of so many patients."""
        size = self.size
        sizes = CohortSizes(size.patients, size.exams, size.ecgs, 0, 0)
        if patients is not None and patients != size.patients:
            share = patients / size.patients
            sizes = CohortSizes(patients, round(size.exams * share), round(size.ecgs * share), 0, 0)
        return self.simulate(sizes, seed=seed)

    def test(self, seed: int, *, ecgs: int | None = None) -> Data:
        """Return fresh ECGs of the same distribution as `cohort(seed)`, of patients that are in no cohort."""
        sizes = CohortSizes.scaled(self.size.test_ecgs if ecgs is None else ecgs, 0, 0)
        return self.simulate(sizes, seed=derive_seed(TEST, seed), prefix="T")

    def prepared(self, data: Data, *, contract: InputContract = NANO_CONTRACT) -> Path:
        """Return the `.npy` of what a network with this contract sees of ECGs: float32 (n, leads, samples)."""
        key = sha256_json([data.store.key, data.ids, contract.as_dict(), code_hash("model/contract.py")])
        path = self.folder / "prepared" / f"{key[:16]}.npy"
        with locked(path.with_suffix(".lock")):
            return prepare_signals(data.store, data.ids, contract, path)

    def fit(
        self,
        seed: int,
        *,
        data: Data | None = None,
        fold: int = 0,
        shuffle_labels: bool = False,
        **training: Any,
    ) -> Fit:
        """Train a network on one patient-grouped split, or find the one trained before with equal settings.

        Parameters
        ----------
        seed : of split and network; also of the cohort where no data are given
        data : `cohort(seed)` by default
        fold : which of the five folds of patients is set aside; of the rest, a share chooses the epoch
        shuffle_labels : give each patient the labels of another, drawn at random (a sanity check)
        training : `TrainingSettings` by name, in place of: nano, feature-level PCGrad, the size's epochs and
            learning rate, nested selection

        Raises
        ------
        ParameterError
            If a setting is unknown or does not go with the others.
        """
        given = {"epochs": self.size.epochs, "learning_rate": self.size.learning_rate, "pcgrad": "features",
                 "device": "cpu", "tensorboard": False} | training  # fmt: skip
        settings = TrainingSettings.from_dict(given, source=f"study, training of seed {seed}")
        data = self.cohort(seed) if data is None else data
        targets = _exchanged(data, seed) if shuffle_labels else data.targets
        model, contract, report = build_network(settings, seed=0)
        key = sha256_json([
            data.key, seed, fold, shuffle_labels, settings.decisive(), model.config.as_dict(), contract.as_dict(),
            None if report is None else report.sha256, code_hash(*CODE), versions(),
        ])  # fmt: skip
        folder = self.folder / "fits" / key[:16]
        train, inner, outer = split(data, targets, settings, seed=seed, fold=fold)
        with locked(folder.with_suffix(".lock")):
            if not (folder / RECORD).is_file():
                train_alone(FoldJob(
                    fold=fold, folder=folder, key=key, signals=self._inputs(data, settings, contract),
                    targets=targets, train=train, inner=inner, outer=outer, settings=settings, seed=seed,
                ))  # fmt: skip
        return Fit(folder, self, data, train, inner, outer)

    def _inputs(self, data: Data, settings: TrainingSettings, contract: InputContract) -> Path:
        if settings.trainable != "head":
            return self.prepared(data, contract=contract)
        key = sha256_json([data.store.key, data.ids, settings.init, contract.as_dict(), code_hash("model")])
        path = self.folder / "prepared" / f"features-{key[:16]}.npy"
        with locked(path.with_suffix(".lock")):
            return prepare_features(data.store, data.ids, settings, path)


def split(
    data: Data, targets: np.ndarray, settings: TrainingSettings, *, seed: int, fold: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, to choose the epoch on, and to set aside, as `ccta_lib.training.train` does."""
    folds = patient_folds(data.table, settings.n_folds, seed=seed).to_numpy(dtype=int)
    labelled = ~np.isnan(targets).all(axis=1)
    rest = np.flatnonzero((folds != fold) & labelled)
    groups = data.table["patient_id"].astype(str).to_numpy()[rest]
    inner = inner_set(targets[rest], groups, settings.inner_fraction, seed=derive_seed(seed, fold) % 2**32)
    return rest[~inner], rest[inner], np.flatnonzero((folds == fold) & labelled)


def _exchanged(data: Data, seed: int) -> np.ndarray:
    """Return labels of which each patient has those of another's first ECG: (n, 4)."""
    patient, first = np.unique(data.table["patient_id"].astype(str).to_numpy(), return_index=True)
    of = np.searchsorted(patient, data.table["patient_id"].astype(str).to_numpy())
    order = np.random.default_rng([SHUFFLE, seed]).permutation(len(patient))
    return data.targets[first[order]][of]
