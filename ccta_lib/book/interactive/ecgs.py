"""Data of the ECG viewer: a few virtual ECGs, drawn again from the run's seed and checked against its truth.

Only virtual patients are shown. A real ECG identifies a person as a fingerprint does, and a page is easily passed on.
"""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ccta_lib.errors import InputError
from ccta_lib.evaluation.tables import cohort_column
from ccta_lib.explain.peaks import r_peaks
from ccta_lib.files import read_json
from ccta_lib.profile import load_profile
from ccta_lib.schema import LEADS, VESSELS
from ccta_lib.simulate.cohort import BLOCK, COHORT_CODES, Job, block_waves
from ccta_lib.simulate.leads import INDEPENDENT
from ccta_lib.simulate.patients import Cohort, CohortName, CohortSizes, draw_cohort
from ccta_lib.simulate.settings import DEFAULT_SETTINGS
from ccta_lib.simulate.synthesis import HZ, synthesise
from ccta_lib.simulate.waves import PLANTED_WAVES, ST, Q, T

COHORT: CohortName = "internal"
SIGNAL_STEP = 2  # every second sample, 250 Hz: 4 ms is a tenth of a small square
OVERLAY_STEP = 4  # 125 Hz; the displacement holds no QRS, so it moves slowly
OF_TWELVE = [LEADS.index(lead) for lead in INDEPENDENT]
WHOLE_STENOSIS = 70.0


def job_of(run_dir: Path, run: dict[str, Any]) -> Job:
    """Return the simulation that made a run's virtual cohort.

    Raises
    ------
    InputError
        If the record does not say which cohort it was.
    """
    made_by = run.get("origin", run)
    sizes = run.get("stages", {}).get("cohort", {}).get("sizes")
    if (run_dir / "cohort" / "simulation.json").is_file():
        sizes = read_json(run_dir / "cohort" / "simulation.json")["sizes"]
    if sizes is None and "profile" in made_by:
        sizes = load_profile(made_by["profile"]).simulation.model_dump()
    if sizes is None or made_by.get("seed") is None:
        raise InputError(
            f"{run_dir / 'run.json'}: does not say from which seed and sizes the cohort was drawn"
        )
    return Job(CohortSizes(**sizes), made_by["seed"], DEFAULT_SETTINGS)


def choose(truth: pd.DataFrame) -> dict[str, str]:
    """Choose ECGs worth looking at; returns what each shows -> ecg_id, each ECG once.

    Per artery the largest T displacement among ECGs in which it alone is severe, one with all arteries, an old
    infarct, hypertrophy without stenosis, an inert severe stenosis, and nothing at all.
    """
    percent = truth[[f"percent_{v.lower()}" for v in VESSELS]].to_numpy()
    dull = truth["af"] | truth["lbbb"] | truth["rbbb"] | (truth["pvc"] > 0) | (truth["pac"] > 0)
    plain = ~dull.to_numpy() & ~(truth["infarct_size"] > 0).to_numpy() & truth["injury"].isna().to_numpy()
    healthy_wall = plain & ~(truth["lvh"] > 0).to_numpy() & ~(truth["nonspecific_t_mv"] > 0).to_numpy()
    size = truth.filter(regex="^planted_t_").abs().max(axis=1).to_numpy()
    severe = percent >= WHOLE_STENOSIS
    wishes: list[tuple[str, np.ndarray, np.ndarray]] = [
        (f"severe {v} alone", healthy_wall & severe[:, i] & (severe.sum(axis=1) == 1), size)
        for i, v in enumerate(VESSELS)
    ]
    wishes += [
        ("several severe arteries", healthy_wall & (severe.sum(axis=1) >= 2), size),
        (
            "old infarct",
            ~dull.to_numpy() & (truth["infarct_size"] > 0).to_numpy(),
            truth["infarct_size"].to_numpy(),
        ),
        (
            "hypertrophy without severe stenosis",
            plain & ~severe.any(axis=1) & (truth["lvh"] > 0).to_numpy(),
            truth["lvh"].to_numpy(),
        ),
        ("severe, but silent", healthy_wall & severe.any(axis=1), -size),
        ("no stenosis", healthy_wall & (percent.max(axis=1) < 25), -truth["burden"].to_numpy()),
    ]
    chosen: dict[str, str] = {}
    ids = truth["ecg_id"].astype(str).to_numpy()
    for name, allowed, score in wishes:
        allowed = allowed & ~np.isin(ids, list(chosen.values()))
        if allowed.any():
            chosen[name] = ids[np.argmax(np.where(allowed, score, -np.inf))]
    return chosen


def viewer_data(run_dir: Path, run: dict[str, Any], predictions: pd.DataFrame) -> dict[str, Any]:
    """Collect the ECGs of the viewer.

    Parameters
    ----------
    run_dir : run directory with truth.parquet
    run : its run.json
    predictions : contract 2

    Returns
    -------
    dict of plain values
        `hz`, `leads` (those stored; the others follow by Einthoven's and Goldberger's relations), `vessels`, and
        `ecgs`: title, ecg_id, facts, grades, probabilities, `signal` (8 leads x samples, int16 microvolt, little
        endian, base64), `beats` (s) and `overlays`: label, unit, hz, step (value of one unit), `values` (12 leads,
        int8, base64).

    Raises
    ------
    InputError
        If the patients are not simulated, the truth is not there, or the simulator of this version does not draw
        the run's ECGs again.
    """
    if run["data_kind"] != "simulated":
        raise InputError("Only virtual patients' ECGs are put into a page: a real ECG identifies its owner.")
    path = run_dir / "truth.parquet"
    if not path.is_file():
        raise InputError("This run does not say what was planted in its ECGs (`truth.parquet`).")
    truth = pd.read_parquet(path)
    rows = predictions.loc[cohort_column(predictions) == COHORT].assign(
        ecg_id=lambda t: t["ecg_id"].astype(str)
    )
    truth = truth[truth["ecg_id"].astype(str).isin(rows["ecg_id"])].reset_index(drop=True)
    job = job_of(run_dir, run)
    cohort = draw_cohort(COHORT, job.sizes, seed=job.seed, settings=job.settings)
    position = {str(e): i for i, e in enumerate(cohort.table["ecg_id"])}
    by_id, facts = (
        rows.set_index("ecg_id"),
        truth.assign(ecg_id=truth["ecg_id"].astype(str)).set_index("ecg_id"),
    )
    chosen = choose(truth)
    if not chosen:
        raise InputError("This run holds no ECG of the kinds the viewer shows.")
    ecgs = []
    for title, ecg_id in chosen.items():
        if ecg_id not in position:
            raise InputError(
                f"ECG {ecg_id} is not in the cohort that this version draws from the run's seed."
            )
        signal, displaced = _draw(job, cohort, position[ecg_id], facts.loc[ecg_id])  # type: ignore[arg-type]
        ecgs.append(_entry(title, ecg_id, signal, displaced, by_id.loc[ecg_id], facts.loc[ecg_id]))  # type: ignore[arg-type]
    return {"hz": HZ // SIGNAL_STEP, "leads": list(INDEPENDENT), "all_leads": list(LEADS),
            "vessels": [str(v) for v in VESSELS], "ecgs": ecgs}  # fmt: skip


def _draw(job: Job, cohort: Cohort, row: int, truth: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Draw one ECG again, with and without what was planted; returns it and the difference, microvolt (12, 5000)."""
    block, i = divmod(row, BLOCK)
    waves, _ = block_waves(cohort, block, seed=job.seed, settings=job.settings)
    names = [[f"planted_{w.lower()}_{lead.lower()}_mv" for w in PLANTED_WAVES] for lead in LEADS]
    planted = np.array([[truth[n] for n in of_lead] for of_lead in names], dtype=float)
    if not np.allclose(planted, waves.planted[i], atol=1e-9):
        raise InputError("The simulator of this version draws other ECGs than those of this run.")
    healthy = dataclasses.replace(waves, amplitude=waves.amplitude.copy())
    healthy.amplitude[i][:, [Q, ST, T]] -= waves.planted[i][OF_TWELVE]
    seed = [job.seed, COHORT_CODES[COHORT], 3, row]
    with threadpool_limits(1):  # as the cohort was drawn
        with_it, without = (
            synthesise(w, i, job.settings, np.random.default_rng(seed), noise=cohort.margins.noise)
            for w in (waves, healthy)
        )
    return with_it, with_it.astype(np.int32) - without


def _entry(
    title: str, ecg_id: str, signal: np.ndarray, displaced: np.ndarray, row: pd.Series, truth: pd.Series
) -> dict[str, Any]:
    beats = r_peaks(signal[None] / 1000.0)[0] / HZ
    rate = 60.0 / float(np.median(np.diff(beats))) if beats.size > 1 else float("nan")
    known = [f"{row['age']:.0f} years" if pd.notna(row["age"]) else "age unknown",
             {"F": "woman", "M": "man"}.get(str(row["sex"]), "sex unknown")]  # fmt: skip
    known += [] if np.isnan(rate) else [f"{rate:.0f} beats/min"]
    slow = displaced.reshape(len(LEADS), -1, OVERLAY_STEP).mean(axis=2)
    step = max(float(np.abs(slow).max()), 1.0) / 127.0
    return {
        "title": title, "ecg_id": ecg_id, "facts": ", ".join(known), "beats": np.round(beats, 3).tolist(),
        "grades": [None if pd.isna(row[v.grade_column]) else str(row[v.grade_column]) for v in VESSELS],
        "percent": [round(float(truth[f"percent_{v.lower()}"])) for v in VESSELS],
        "probabilities": [None if pd.isna(p) else round(float(p), 8) for p in (row[v.prob_column] for v in VESSELS)],
        "signal": _packed(signal[OF_TWELVE][:, ::SIGNAL_STEP], "<i2"),
        "overlays": [{
            "label": "what disease was planted (Q, ST, T)", "unit": "µV", "hz": HZ // OVERLAY_STEP,
            "step": round(step, 6), "values": _packed(np.rint(slow / step), "i1"),
        }],
    }  # fmt: skip


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values).astype(kind).tobytes()).decode()


def viewer_table(data: dict[str, Any]) -> pd.DataFrame:
    """Return who is shown, one row per ECG and artery: title, ecg_id, facts, vessel, percent, grade, probability."""
    return pd.DataFrame([
        {"title": e["title"], "ecg_id": e["ecg_id"], "facts": e["facts"], "beats": len(e["beats"]), "vessel": v,
         "percent": e["percent"][i], "grade": e["grades"][i], "probability": e["probabilities"][i]}
        for e in data["ecgs"] for i, v in enumerate(data["vessels"])
    ])  # fmt: skip
