"""Write a virtual cohort: table, waveforms, truth.

Every ECG has random numbers of its own, keyed by seed, cohort and position, so neither the number of
workers nor an interruption changes a byte.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ccta_lib.cohort.store import StoreWriter
from ccta_lib.cohort.waveforms import is_whole
from ccta_lib.errors import ParameterError
from ccta_lib.files import read_json, sha256_file, sha256_json, write_json
from ccta_lib.in_use import holds
from ccta_lib.parallel import in_order
from ccta_lib.schema import LEADS, VESSELS, write_table
from ccta_lib.simulate.observer import ceiling_for, ideal_scores
from ccta_lib.simulate.patients import COHORT_CODES, Cohort, CohortSizes, draw_cohort, ecg_normal
from ccta_lib.simulate.reading import looks_normal
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings
from ccta_lib.simulate.synthesis import synthesise
from ccta_lib.simulate.waves import PLANTED_WAVES, Waves, draw_waves

FORMAT = 1
"""Raised whenever the same settings would draw other waveforms."""
TABLE_FORMAT = 2
"""Raised whenever the tables change and the waveforms do not: those of an older folder are then kept."""
BLOCK = 64
"""ECGs whose waves are drawn together; a constant of the format, since it decides which numbers they get."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to draw any block of a simulated cohort again."""

    sizes: CohortSizes
    seed: int
    settings: Settings

    def blocks(self) -> list[tuple[str, int, int, int]]:
        """Cohort, block number, first and one past the last ECG within the cohort."""
        sizes = (("internal", self.sizes.internal_ecgs), ("external", self.sizes.external),
                 ("followup", self.sizes.followup))  # fmt: skip
        return [
            (name, start // BLOCK, start, min(start + BLOCK, n))
            for name, n in sizes for start in range(0, n, BLOCK)
        ]  # fmt: skip


@lru_cache(maxsize=3)
def _cohort(job: Job, name: str) -> Cohort:
    return draw_cohort(name, job.sizes, seed=job.seed, settings=job.settings)  # type: ignore[arg-type]


def block_waves(cohort: Cohort, block: int, *, seed: int, settings: Settings) -> tuple[Waves, np.ndarray]:
    """Draw the waves of one block of a cohort, and what the ECG reader says of each (True = normal)."""
    rows = np.arange(block * BLOCK, min((block + 1) * BLOCK, len(cohort.table)))
    rng = np.random.default_rng([seed, COHORT_CODES[cohort.name], 2, block])
    waves = draw_waves(cohort.hearts.take(rows), settings, rng)
    return waves, ecg_normal(looks_normal(waves), settings, rng)


def block_signals(job: Job, name: str, block: int) -> np.ndarray:
    """Samples of one block, int16 microvolt (k, 12, 5000); runs in a worker process."""
    cohort = _cohort(job, name)
    waves, _ = block_waves(cohort, block, seed=job.seed, settings=job.settings)
    code = COHORT_CODES[cohort.name]
    with threadpool_limits(1):
        return np.stack([
            synthesise(waves, i, job.settings, np.random.default_rng([job.seed, code, 3, block * BLOCK + i]),
                       noise=cohort.margins.noise)
            for i in range(len(waves))
        ])  # fmt: skip


@holds("out")
def simulate_cohort(
    out: str | os.PathLike[str],
    *,
    sizes: CohortSizes,
    seed: int,
    settings: Settings = DEFAULT_SETTINGS,
    null: bool = False,
    prefix: str = "",
    workers: int = 1,
    progress: Callable[..., None] | None = None,
) -> Path:
    """Simulate internal, external and follow-up cohorts and write them to a folder.

    Parameters
    ----------
    out : path
        Folder for cohort.parquet (contract 1), waveforms/ (store), truth.parquet, ceiling.csv and
        simulation.json. A finished folder with the same inputs is left as it is, an interrupted one resumed.
    sizes : CohortSizes
    seed : int
    settings : Settings
    null : bool
        Switch off every trace of ischaemia and infarct: the confounding floor.
    prefix : str
        Put before every ECG, examination and patient id, so that two simulations share no identifier.
    workers : int
        Processes that make waveforms.
    progress : callable, optional
        `progress(done, total, note)` in ECGs.

    Returns
    -------
    pathlib.Path
        cohort.parquet.

    Raises
    ------
    ParameterError
        If seed or workers are out of range.
    InputError
        If the folder holds a store of other inputs.
    """
    faults = []
    if not isinstance(seed, int) or seed < 0:
        faults.append(f"seed: found {seed!r}; give a whole number of at least 0")
    if not isinstance(workers, int) or workers < 1:
        faults.append(f"workers: found {workers!r}; give a whole number of at least 1")
    if faults:
        raise ParameterError(*faults)
    folder = Path(out)
    job = Job(sizes, seed, settings.without_disease() if null else settings)
    values = dataclasses.asdict(job) | {"settings": job.settings.of_waves()}
    named = {"prefix": prefix} if prefix else {}
    waves_key = sha256_json({"format": FORMAT, "job": values, "null": null} | named)
    symptom = dataclasses.asdict(job.settings.symptom)
    key = sha256_json({"table": TABLE_FORMAT, "waves": waves_key, "symptom": symptom})
    record = folder / "simulation.json"
    if _is_finished(folder, record, key):
        return folder / "cohort.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    table, truth = tables(job, null=null)
    for frame in (table, truth):
        for column in {"ecg_id", "exam_id", "patient_id"} & set(frame.columns):
            frame[column] = prefix + frame[column]
    store = StoreWriter(folder / "waveforms", list(table["ecg_id"]), key=waves_key)
    _write_waveforms(job, store, workers, progress)
    store.finish()
    write_table(truth, folder / "truth.parquet")
    write_table(ceiling_for(job.settings, list(table["cohort"].unique())), folder / "ceiling.csv")
    write_table(table, folder / "cohort.parquet")
    files = ("cohort.parquet", "truth.parquet", "ceiling.csv", "waveforms/signals.npy")
    write_json(
        {"key": key, "format": FORMAT, "seed": seed, "null": null, "data_kind": "simulated",
         "sizes": dataclasses.asdict(sizes), "settings": dataclasses.asdict(job.settings),
         "sha256": {name: sha256_file(folder / name) for name in files}},
        record,
    )  # fmt: skip
    return folder / "cohort.parquet"


def _is_finished(folder: Path, record: Path, key: str) -> bool:
    """Tell whether the folder holds this simulation, with its tables as they were written and a whole store."""
    known = read_json(record) if record.is_file() else {}
    if known.get("key") != key:
        return False
    tables = [
        (folder / name, digest) for name, digest in known["sha256"].items() if not name.endswith(".npy")
    ]
    same = all(path.is_file() and sha256_file(path) == digest for path, digest in tables)
    return same and is_whole(folder / "waveforms")


def _write_waveforms(
    job: Job, store: StoreWriter, workers: int, progress: Callable[..., None] | None
) -> None:
    first = {"internal": 0, "external": job.sizes.internal_ecgs,
             "followup": job.sizes.internal_ecgs + job.sizes.external}  # fmt: skip
    total = job.sizes.total
    pending = np.zeros(total, dtype=bool)
    pending[np.asarray(store.pending, dtype=int)] = True
    todo = [b for b in job.blocks() if pending[first[b[0]] + b[2] : first[b[0]] + b[3]].any()]
    done = total - int(pending.sum())
    arguments = [(job, name, block) for name, block, _, _ in todo]
    made = in_order(block_signals, arguments, workers=min(workers, max(1, len(todo) // 2)))
    for (name, _, start, stop), signals in zip(todo, made, strict=True):
        rows = np.arange(first[name] + start, first[name] + stop)
        wanted = pending[rows]
        store.write(rows[wanted], signals[wanted].astype(np.float32) / np.float32(1000.0))
        done += int(wanted.sum())
        if progress is not None:
            progress(done, total, f"simulating {name} ECGs")


def tables(job: Job, *, null: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make cohort table and truth table of a simulation, without waveforms."""
    cohorts, truths = [], []
    for name in COHORT_CODES:
        if not any(b[0] == name for b in job.blocks()):
            continue
        cohort = _cohort(job, name)
        table, truth = cohort.table.copy(), []
        normal = np.zeros(len(table), dtype=bool)
        for block in range(-(-len(table) // BLOCK)):
            waves, reads = block_waves(cohort, block, seed=job.seed, settings=job.settings)
            rows = slice(block * BLOCK, block * BLOCK + len(waves))
            normal[rows] = reads
            truth.append(_truth(cohort, rows, waves, ideal_scores(waves, job.settings)))
        table["ecg_normal"] = pd.array(normal, dtype="boolean")
        cohorts.append(table)
        truths.append(pd.concat(truth, ignore_index=True))
    table, truth_table = pd.concat(cohorts, ignore_index=True), pd.concat(truths, ignore_index=True)
    table["data_kind"] = "simulated"
    table["waveform"] = [f"waveforms/signals.npy#{row}" for row in range(len(table))]
    order = ["ecg_id", "patient_id", "exam_id", "site", "cohort", "waveform", "sampling_hz", "ecg_time",
             "ccta_time", "age", "sex", "diabetes", "hypertension", "prior_mi", "ecg_normal",
             *[v.grade_column for v in VESSELS], "symptom", "followup_days", "mi_event", "end_reason",
             "data_kind"]  # fmt: skip
    return table[order], truth_table


def _truth(cohort: Cohort, rows: slice, waves: Waves, ideal: np.ndarray) -> pd.DataFrame:
    """Say what was planted in each ECG: contract 2, truth.parquet."""
    hearts = cohort.hearts.take(np.arange(rows.start, rows.stop))
    columns: dict[str, np.ndarray] = {"ecg_id": cohort.table["ecg_id"].to_numpy()[rows]}
    for v, vessel in enumerate(VESSELS):
        columns[f"percent_{vessel.lower()}"] = cohort.percent[rows, v]
    for v, vessel in enumerate(VESSELS):
        columns[f"visible_{vessel.lower()}"] = hearts.visible[:, v]
    for v, vessel in enumerate(VESSELS):
        columns[f"ideal_{vessel.lower()}"] = ideal[:, v]
    names = np.array([*map(str, VESSELS), None], dtype=object)
    territory = np.array(
        ["RCA", "RCA and right ventricle", "LAD proximal", "LAD mid", "LCX", None], dtype=object
    )
    columns |= {
        "burden": waves.burden,
        "infarct_size": hearts.infarct,
        "infarct_vessel": names[np.where(hearts.infarct > 0, hearts.infarct_vessel, 4)],
        "injury": territory[waves.injury],
        "lvh": hearts.lvh,
        "nonspecific_t_mv": hearts.nonspecific,
        "af": waves.af, "rbbb": waves.rbbb, "lbbb": waves.lbbb, "pvc": waves.n_pvc, "pac": waves.n_pac,
    }  # fmt: skip
    for w, wave in enumerate(PLANTED_WAVES):
        for lead, name in enumerate(LEADS):
            columns[f"planted_{wave.lower()}_{name.lower()}_mv"] = waves.planted[:, lead, w]
    return pd.DataFrame(columns)
