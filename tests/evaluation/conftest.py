"""Small prediction tables with every awkward cell a real one has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ccta_lib.schema import VESSELS, Grade


def make_predictions(n_patients: int = 150, *, cohort: str = "internal", seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), 1 + rng.poisson(1.0, n_patients))
    exam = 2 * patient + (rng.random(len(patient)) < 0.1)
    n = len(patient)
    ccta = pd.Timestamp("2022-01-01") + pd.to_timedelta(exam, unit="D")
    out = pd.DataFrame(
        {
            "ecg_id": [f"{cohort}-{i}" for i in range(n)],
            "patient_id": [f"{cohort}-p{i}" for i in patient],
            "exam_id": [f"{cohort}-x{i}" for i in exam],
            "cohort": cohort,
            "ecg_time": ccta - pd.to_timedelta(rng.exponential(5, n), unit="h"),
            "ccta_time": ccta,
            "age": rng.normal(63, 11, n_patients).round()[patient],
            "sex": rng.choice(["F", "M"], n_patients)[patient],
            "data_kind": "simulated",
        }
    )
    for name, share in (("diabetes", 0.3), ("hypertension", 0.6), ("prior_mi", 0.1), ("ecg_normal", 0.4)):
        u = rng.random(n_patients)[patient]
        out[name] = pd.array(np.where(u > 0.95, None, u < share), dtype="boolean")
    grades = [str(g) for g in Grade]
    for vessel, prevalence in zip(VESSELS, (0.2, 0.1, 0.3, 0.2), strict=True):
        z = rng.normal(size=2 * n_patients)
        cut = np.quantile(z, [0.35, 0.55, 1 - prevalence, 1 - prevalence / 4])
        grade = np.array(grades, dtype=object)[np.searchsorted(cut, z)]
        grade[rng.random(2 * n_patients) < 0.03] = None
        out[vessel.grade_column] = pd.array(grade[exam], dtype="string")
        score = z[exam] + rng.normal(size=n) + np.log(prevalence / (1 - prevalence))
        out[vessel.prob_column] = 1 / (1 + np.exp(-score))
    out["fold"] = rng.integers(0, 5, n_patients)[patient].astype(float) if cohort == "internal" else np.nan
    if cohort == "followup":
        out["followup_days"] = (rng.exponential(900, n_patients).clip(5, 1200).round() + 2)[patient]
        event = (rng.random(n_patients) < 0.2)[patient]
        out["mi_event"] = pd.array(event, dtype="boolean")
        other = rng.choice(["death", "revascularisation", "end"], n_patients, p=[0.1, 0.1, 0.8])[patient]
        out["end_reason"] = np.where(event, "mi", other)
    return out


@pytest.fixture(scope="session")
def make() -> Callable[..., pd.DataFrame]:
    return make_predictions


@pytest.fixture(scope="session")
def predictions() -> pd.DataFrame:
    cohorts = ("internal", "external", "followup")
    return pd.concat(
        [make_predictions(150, cohort=c, seed=i) for i, c in enumerate(cohorts)], ignore_index=True
    )
