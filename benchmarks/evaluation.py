"""Speed of the statistics against the plain way, same data, same run; each ratio is printed last on its line.

Run `python benchmarks/evaluation.py`. Needs the extra `test` (dcurves). n = 5,000 ECGs of 2,500 patients.
Both sides of a comparison are timed by their best of several runs, the slow side on fewer repetitions that are
scaled up, so that other programs on the machine do not decide the ratio.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import dcurves
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from statsmodels.nonparametric.smoothers_lowess import lowess

from ccta_lib.evaluation import (
    auc_interval,
    calibration_curve,
    calibration_groups,
    net_benefit_difference,
    net_benefit_survival,
)

N_PATIENTS, N_BOOT_AUC, N_BOOT_CURVE = 2_500, 1_000, 500
HORIZON = 700.0


def virtual_rows(rng: np.random.Generator) -> pd.DataFrame:
    """Return 5,000 rows, two ECGs per patient, with label, probability and follow-up."""
    patient = np.repeat(np.arange(N_PATIENTS), 2)
    latent = rng.normal(-1.7, 1.0, N_PATIENTS)[patient]
    score = latent + rng.normal(0, 0.5, len(patient))
    days = rng.exponential(900 / expit(score + 1))
    return pd.DataFrame(
        {
            "patient": patient,
            "y": (rng.random(N_PATIENTS)[patient] < expit(latent)).astype(int),
            "p": expit(score),
            "days": np.minimum(days, 1200.0),
            "event": (days < 1200).astype(int),
        }
    )


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Return the best wall time of some runs."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def cluster_bootstrap(data: pd.DataFrame) -> tuple[float, float]:
    """Compare 1,000 patient resamples of AUC with a loop over roc_auc_score."""
    y, p, patient = (data[c].to_numpy() for c in ("y", "p", "patient"))
    ours = seconds(lambda: auc_interval(y, p, groups=patient, method="bootstrap", n_boot=N_BOOT_AUC))
    rows_of = [np.flatnonzero(patient == g) for g in range(N_PATIENTS)]
    rng = np.random.default_rng(0)
    few = N_BOOT_AUC // 20

    def loop() -> None:
        for _ in range(few):
            rows = np.concatenate([rows_of[g] for g in rng.integers(0, N_PATIENTS, N_PATIENTS)])
            roc_auc_score(y[rows], p[rows])

    return ours, seconds(loop) * N_BOOT_AUC / few


def decision_curve(data: pd.DataFrame) -> tuple[float, float]:
    """Compare one of 500 resampled curves over 300 thresholds with one curve of dcurves."""
    cut = np.linspace(0.01, 0.60, 300)
    ours = seconds(
        lambda: net_benefit_difference(data["y"], data["p"], cut, groups=data["patient"], n_boot=N_BOOT_CURVE)
    )
    theirs = seconds(lambda: dcurves.dca(data=data, outcome="y", modelnames=["p"], thresholds=cut), 2)
    return ours / (N_BOOT_CURVE + 1), theirs


def survival_curve(data: pd.DataFrame) -> tuple[float, float]:
    """Compare a survival decision curve over 100 thresholds with dcurves."""
    cut = np.linspace(0.01, 0.20, 100)
    ours = seconds(lambda: net_benefit_survival(data["days"], data["event"], data["p"], cut, horizon=HORIZON))
    theirs = seconds(
        lambda: dcurves.dca(
            data=data,
            outcome="event",
            modelnames=["p"],
            thresholds=cut,
            time=HORIZON,
            time_to_outcome_col="days",
        ),
        1,
    )
    return ours, theirs


def calibration_bands(data: pd.DataFrame) -> tuple[float, float]:
    """Compare the bands of 500 replicates with statsmodels' default LOWESS on the same 250 groups, 500 times."""
    ours = seconds(
        lambda: calibration_curve(data["y"], data["p"], groups=data["patient"], n_boot=N_BOOT_CURVE), 2
    )
    points = calibration_groups(data["y"], data["p"])
    x, observed = points["mean_p"].to_numpy(), points["observed"].to_numpy()
    few = N_BOOT_CURVE // 10

    def plain() -> None:
        for _ in range(few):
            lowess(observed, x)

    return ours, seconds(plain) * N_BOOT_CURVE / few


COMPARISONS = {
    "patient-cluster bootstrap of AUC, 1,000 resamples, against roc_auc_score": (cluster_bootstrap, 40),
    "decision curve, 300 thresholds, per bootstrap curve, against dcurves": (decision_curve, 100),
    "survival decision curve, 100 thresholds, against dcurves": (survival_curve, 50),
    "calibration bands, 250 groups, against default LOWESS": (calibration_bands, 5),
}


def main() -> int:
    """Print every comparison; exit 1 when a ratio is below what the project promises."""
    data = virtual_rows(np.random.default_rng(2024))
    met = True
    for name, (compare, promised) in COMPARISONS.items():
        ours, theirs = compare(data)
        met &= theirs / ours >= promised
        print(
            f"{name}: {1e3 * ours:.3g} ms, {1e3 * theirs:.4g} ms, at least {promised}: {theirs / ours:.1f} x"
        )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
