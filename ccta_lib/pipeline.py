"""From a profile and a cohort to a run directory, stage by stage; a stage whose key has not changed is kept.

cohort (simulated, or a table with its recordings) -> waveform store, flow -> five folds -> predictions
-> chapters -> pages
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd

from ccta_lib.book.chapter import INPUTS
from ccta_lib.book.locate import next_serial
from ccta_lib.book.provenance import RunRecord, code_hash, versions
from ccta_lib.book.render import render
from ccta_lib.book.runner import chapter_names, run_chapters
from ccta_lib.cohort import WaveformStore, build_store, flow_table
from ccta_lib.cohort.exports.account import continued
from ccta_lib.cohort.waveforms import is_whole
from ccta_lib.errors import InputError
from ccta_lib.files import atomic_path, locked, read_json, sha256_file, sha256_json
from ccta_lib.in_use import holds, in_use
from ccta_lib.profile import Profile
from ccta_lib.progress import Progress
from ccta_lib.schema import carried, read_cohort, read_predictions, write_table

SIDE_TABLES = ("predictions_by_fold", "truth", "training", "flow", "recordings", "ceiling", "beats")


def make_book(
    profile: Profile, run_dir: Path, *, cohort: Path | None = None, predictions: Path | None = None,
    edition: str = "full", workers: int = 2, progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Make or bring up to date the whole book of one run.

    Parameters
    ----------
    profile : sizes, training and chapter parameters
    run_dir : run directory; stages already done there with the same inputs are not repeated
    cohort : cohort table; None = the virtual cohort of the profile
    predictions : prediction table; when given, nothing is simulated or trained
    edition : "full", or "student" without solutions, in a folder of its own
    workers : processes at a time

    Returns
    -------
    Path
        `html/index.html` of the run, `html-student/index.html` for students.

    Raises
    ------
    InputError
        If both tables are given, one of them is wrong, or another command writes into the run directory.
    """
    report = progress or Progress()
    if cohort and predictions:
        raise InputError(
            "--cohort and --predictions: give one of them; a prediction table brings its cohort along"
        )
    names = chapter_names()
    with in_use(run_dir):
        if predictions:
            take_predictions(predictions, run_dir)
        else:
            table = prepare_cohort(profile, run_dir, cohort=cohort, workers=workers, progress=report)
            train_and_predict(profile, table, run_dir, workers=workers, progress=report)
        run_chapters(names, run_dir, profile.chapter_parameters(names), where=str(profile.path), workers=workers,
                     progress=report)  # fmt: skip
        return render(run_dir, edition=edition)


def take_predictions(path: Path, run_dir: Path) -> None:
    """Start a run from somebody's prediction table, with the side tables that lie beside it."""
    table = read_predictions(path)
    with in_use(run_dir):
        write_table(carried(table), run_dir / INPUTS["predictions"])
        for name in SIDE_TABLES:
            _copy_table(path.parent / INPUTS[name], run_dir / INPUTS[name])
        record, made_by = RunRecord(run_dir), path.parent / "run.json"
        if made_by.is_file():
            known = read_json(made_by)
            record.update(origin=_origin(known))
        record.update(serial=next_serial(run_dir))
        _describe(record, table, run_dir)


def prepare_cohort(
    profile: Profile,
    run_dir: Path,
    *,
    cohort: Path | None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Path:
    """Simulate the profile's virtual cohort, or read a cohort's recordings into a waveform store.

    Returns
    -------
    Path
        The cohort table; the store lies in `run_dir/cohort/waveforms`, the flow in `run_dir/flow.csv`.
    """
    report, record = progress or Progress(), RunRecord(run_dir)
    if cohort is None:
        table_path = _simulate(profile, run_dir, record, workers, report)
    else:
        table_path = cohort
        _read_recordings(cohort, run_dir, record, report)
    store = WaveformStore.open(run_dir / INPUTS["waveforms"])
    flow, built = flow_table(read_cohort(table_path), store), table_path.parent / "flow.csv"
    if cohort is not None and built.is_file():
        flow = continued(
            pd.read_csv(built), flow
        )  # a table built from exports: the diagram starts at the recordings
    write_table(flow, run_dir / INPUTS["flow"])
    write_table(store.index[["ecg_id", "reason", "flags", "source_hz"]], run_dir / INPUTS["recordings"])
    for name in ("truth", "ceiling"):
        _copy_table(table_path.parent / INPUTS[name], run_dir / INPUTS[name])
    record.update(profile=profile.name, seed=profile.seed, cohort_sha256=sha256_file(table_path))
    return table_path


def _simulate(profile: Profile, run_dir: Path, record: RunRecord, workers: int, report: Progress) -> Path:
    from ccta_lib.simulate import CohortSizes, simulate_cohort

    folder, sizes = run_dir / "cohort", profile.simulation.model_dump()
    table_path = folder / "cohort.parquet"
    key = sha256_json([sizes, profile.seed, code_hash("simulate", "schema.py"), versions()])
    outputs = [
        folder / name for name in ("cohort.parquet", "truth.parquet", "ceiling.csv", "simulation.json")
    ]
    if not (record.is_done("cohort", key, *outputs) and is_whole(run_dir / INPUTS["waveforms"])):
        if record.values.get("cohort_started") != key:
            shutil.rmtree(
                folder, ignore_errors=True
            )  # another cohort of ours; one killed half way is resumed
        record.update(cohort_started=key)
        with record.stage("cohort", key, outputs=outputs, seed=profile.seed, sizes=sizes), report.task(
            "Virtual cohort", total=sizes["internal_ecgs"] + sizes["external"] + sizes["followup"]
        ) as advance:  # fmt: skip
            simulate_cohort(
                folder, sizes=CohortSizes(**sizes), seed=profile.seed, workers=workers, progress=advance
            )
    return table_path


def _read_recordings(cohort: Path, run_dir: Path, record: RunRecord, report: Progress) -> None:
    """Build the waveform store of a cohort table; recordings are hashed each time, so a changed one is noticed."""
    table, store_dir, start = read_cohort(cohort), run_dir / INPUTS["waveforms"], time.perf_counter()
    if store_dir.is_symlink():
        store_dir.unlink()
    with report.task("Reading ECGs", total=len(table)) as advance:
        store = build_store(cohort, table, store_dir, progress=advance)
    if store.path.resolve() != store_dir.resolve():
        # A simulated cohort's own store, gigabytes at full size, is used where it lies.
        shutil.rmtree(store_dir, ignore_errors=True)
        store_dir.parent.mkdir(parents=True, exist_ok=True)
        store_dir.symlink_to(store.path.resolve(), target_is_directory=True)
    if not record.is_done("cohort", store.key):
        seconds = round(time.perf_counter() - start, 2)
        record.finish_stage(
            "cohort", store.key, table=cohort.name, sha256=sha256_file(cohort), seconds=seconds
        )


def train_and_predict(
    profile: Profile, table_path: Path, run_dir: Path, *, workers: int = 2, progress: Progress | None = None
) -> None:
    """Fine-tune five folds on the internal cohort and write the prediction table and its side tables.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    """
    from ccta_lib.training import TrainingSettings, predict, train
    from ccta_lib.training.run import RUN_RECORD

    report, record = progress or Progress(), RunRecord(run_dir)
    settings = TrainingSettings.from_dict(profile.training, source=str(profile.path))
    store = WaveformStore.open(run_dir / INPUTS["waveforms"])
    cohort = read_cohort(table_path)
    key = sha256_json([store.key, sha256_file(table_path), settings.decisive(), profile.seed,
                       code_hash("model", "training", "schema.py"), versions()])  # fmt: skip
    trained = [run_dir / INPUTS["training"], run_dir / RUN_RECORD]
    if not record.is_done("training", key, *trained):
        with record.stage(
            "training", key, outputs=trained, seed=profile.seed, settings=settings.model_dump()
        ) as details, report.task("Five folds", total=settings.n_folds * settings.epochs) as advance:  # fmt: skip
            run = train(
                cohort, store, run_dir, settings, seed=profile.seed, workers=workers, progress=advance
            )
            details["cost"] = run.record["cost"]
    outputs = [run_dir / INPUTS[n] for n in ("predictions", "predictions_by_fold")]
    if not record.is_done("prediction", key, *outputs):
        with record.stage("prediction", key, outputs=outputs), report.task(
            "Predictions", total=len(cohort)
        ) as advance:  # fmt: skip
            predict(cohort, store, run_dir, workers=workers, progress=advance)
        record.update(serial=next_serial(run_dir))
    _describe(record, read_predictions(run_dir / INPUTS["predictions"]), run_dir)


def train_folds(
    profile: Profile,
    run_dir: Path,
    *,
    cohort: Path | None = None,
    folds: list[int] | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> bool:
    """Prepare a run and train some of its folds, each shared by the processes torchrun started, if it did.

    Parameters
    ----------
    profile, run_dir, cohort, progress : as in `prepare_cohort`
    folds : which ones; all by default, none to prepare only. Other calls may train other folds at the same time
    workers : processes that prepare

    Returns
    -------
    bool
        Whether this process is the first of those that share the folds: the one to go on.
    """
    from ccta_lib.training import TrainingSettings, train_shared
    from ccta_lib.training.ranks import open_ranks

    settings = TrainingSettings.from_dict(profile.training, source=str(profile.path))
    with in_use(run_dir, shared=True), open_ranks(settings.device) as ranks:
        report = progress if progress and ranks.first else Progress()
        table_path = cohort or run_dir / "cohort" / "cohort.parquet"
        if ranks.first:
            with locked(run_dir / "prepare.lock"):  # several folds may be started at the same moment
                table_path = prepare_cohort(profile, run_dir, cohort=cohort, workers=workers, progress=report)
        ranks.wait()
        title = "Five folds" if folds is None else f"Fold {folds[0]}" if folds else "Preparing"
        with report.task(title, total=settings.epochs) as advance:
            train_shared(
                read_cohort(table_path),
                WaveformStore.open(run_dir / INPUTS["waveforms"]),
                run_dir,
                settings,
                seed=profile.seed,
                folds=folds,
                ranks=ranks,
                progress=advance,
            )
        return ranks.first


@holds("out")
def predict_cohort(
    cohort: Path, run_dir: Path, out: Path, *, workers: int = 2, progress: Progress | None = None
) -> Path:
    """Predict a cohort with the five networks of a finished run; returns the path of the prediction table."""
    from ccta_lib.training import predict

    report, record = progress or Progress(), RunRecord(out)
    _read_recordings(cohort, out, record, report)
    table = read_cohort(cohort)
    with report.task("Predictions", total=len(table)) as advance:
        predict(
            table,
            WaveformStore.open(out / INPUTS["waveforms"]),
            run_dir,
            out,
            workers=workers,
            progress=advance,
        )
    path = out / INPUTS["predictions"]
    _describe(record, read_predictions(path), out)
    return path


def _origin(made_by: dict[str, Any]) -> dict[str, Any]:
    """Return what a run keeps of the run its predictions come from: enough to say how they were made."""
    stages = made_by.get("stages", {})
    if "origin" in made_by and "training" not in stages:
        return dict(made_by["origin"])  # that run had taken them from another
    origin = {k: made_by[k] for k in ("profile", "seed", "commit", "versions") if k in made_by}
    kept = {
        "training": stages.get("training", {}).get("settings"),
        "sizes": stages.get("cohort", {}).get("sizes"),
    }
    return origin | {k: v for k, v in kept.items() if v}


def _copy_table(source: Path, target: Path) -> None:
    if source.is_file() and source.resolve() != target.resolve():
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def _describe(record: RunRecord, table: pd.DataFrame, run_dir: Path) -> None:
    counts = table.groupby("cohort", sort=False).agg(
        ecgs=("ecg_id", "size"), patients=("patient_id", "nunique")
    )
    text = "; ".join(f"{c} {n.ecgs} of {n.patients} patients" for c, n in counts.iterrows())
    record.update(data_kind=str(table["data_kind"].iloc[0]), counts=text, versions=versions(),
                  predictions_sha256=sha256_file(run_dir / INPUTS["predictions"]))  # fmt: skip
