"""What all disease together did to each virtual patient's mean beat: the truth behind a difference of group means."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.explain.beats import BEAT_MS
from ccta_lib.simulate.cohort import BLOCK, Job, block_waves
from ccta_lib.simulate.components import wave_courses
from ccta_lib.simulate.patients import draw_cohort
from ccta_lib.simulate.waves import ST, Q, T


def planted_beats(job: Job, table: pd.DataFrame, patients: pd.DataFrame) -> np.ndarray:
    """Return the planted displacement of each patient's beat, without any noise.

    Parameters
    ----------
    job : the simulation of an internal cohort
    table : its cohort table, all rows in order
    patients : one row per patient with the `exam_id` that stands for him (`PatientBeats.table`)

    Returns
    -------
    (patients, 12, times) millivolt at `BEAT_MS`
        Mean over the examination's ECGs of what ischaemia and infarct displaced in Q, ST and T.

    Raises
    ------
    InputError
        If the table is not that of the simulation.
    """
    cohort = draw_cohort("internal", job.sizes, seed=job.seed, settings=job.settings)
    if len(table) != len(cohort.table):
        raise InputError(
            f"table: {len(table)} ECGs, and the simulation drew {len(cohort.table)}; give all its rows"
        )
    exams = table["exam_id"].astype(str)
    number = pd.Series(range(len(patients)), index=patients["exam_id"].astype(str)).reindex(exams).to_numpy()
    total, count = np.zeros((len(patients), 12, BEAT_MS.size)), np.zeros(len(patients))
    start = 0
    for block in range(-(-len(table) // BLOCK)):
        waves, _ = block_waves(cohort, block, seed=job.seed, settings=job.settings)
        for i in range(len(waves)):
            who = number[start + i]
            if not np.isnan(who):
                total[int(who)] += waves.planted[i] @ wave_courses(waves, i, BEAT_MS)[[Q, ST, T]]
                count[int(who)] += 1
        start += len(waves)
    return total / count[:, None, None]
