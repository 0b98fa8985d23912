"""How well could anyone do? The attainable AUC of the virtual cohort, and the ideal observer.

Z is what an ECG holds once every nuisance of recording is removed (`waves.features`): wave amplitudes in
eight leads with ischaemic and innocent parts already summed, timing, rate, rhythm. Never the planted
ischaemia, the percent stenosis, age, sex, history or site. No model of the waveform can know more, so the
AUC of E[label | Z] is an upper limit. E[label | Z] is estimated by a small network and a logistic regression
fitted to the wave features of fresh ECGs and scored on others; its learning curve shows how far the
estimate still rises.

The internal cohort's observer, frozen in ``frozen/ideal_observer.npz``, scores the ECGs of each simulated
cohort.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from ccta_lib.errors import ParameterError
from ccta_lib.evaluation import auc_interval
from ccta_lib.schema import VESSELS, labels, write_table
from ccta_lib.simulate.cohort import BLOCK, Job, block_waves
from ccta_lib.simulate.measured import measure_cohort
from ccta_lib.simulate.observer import CEILING, COLUMNS, CURVE, OBSERVER, IdealObserver, settings_key
from ccta_lib.simulate.patients import COHORT_CODES, CohortName, CohortSizes, draw_cohort
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings
from ccta_lib.simulate.waves import features

UNITS = {"ecg": "ecg_id", "exam": "exam_id", "patient": "patient_id"}


@dataclass(frozen=True)
class Fresh:
    """Wave features of freshly drawn ECGs, with labels (n, 4) and the cohort table."""

    z: np.ndarray
    y: np.ndarray
    table: pd.DataFrame
    normal: np.ndarray


def draw_fresh(name: CohortName, n: int, *, seed: int, settings: Settings) -> Fresh:
    """Draw n ECGs of one cohort as wave features, without waveforms."""
    cohort = draw_cohort(name, CohortSizes.scaled(n, n, n), seed=seed, settings=settings)
    drawn = [block_waves(cohort, b, seed=seed, settings=settings) for b in range(-(-n // BLOCK))]
    z = np.concatenate([features(w)[0].astype(np.float32) for w, _ in drawn])
    y = np.column_stack([labels(cohort.table[v.grade_column]) for v in VESSELS])
    return Fresh(z, y, cohort.table, np.concatenate([normal for _, normal in drawn]))


def fit_observer(fresh: Fresh, *, seed: int, key: str, passes: int = 25, patience: int = 4) -> IdealObserver:
    """Fit E[label | Z] on fresh ECGs.

    Network and logistic regression are fitted to nine tenths; the last tenth (other patients) says when the
    network stops and, per vessel, how much of either enters: where little is to be seen the line wins.
    """
    mean, scale = fresh.z.mean(axis=0), fresh.z.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0).astype(np.float32)
    x, y = (fresh.z - mean) / scale, fresh.y
    patient = pd.factorize(fresh.table["patient_id"].iloc[: len(x)])[0]
    split = int(np.searchsorted(patient, patient[int(0.9 * len(x))]))
    net = MLPClassifier((64, 32), alpha=3e-4, learning_rate_init=1e-3, batch_size=1024, random_state=seed)
    best, since = np.inf, 0
    kept: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for number in range(passes):
        net.partial_fit(x[:split], y[:split], **({"classes": np.arange(4)} if number == 0 else {}))
        chance = np.clip(net.predict_proba(x[split:]).astype(float), 1e-6, 1.0 - 1e-6)
        loss = float(np.mean(_loss(y[split:], logit(chance))))
        since += 1
        if loss < best:
            best, since = loss, 0
            kept = (
                [w.astype(np.float32) for w in net.coefs_],
                [b.astype(np.float32) for b in net.intercepts_],
            )
        if since == patience:
            break
    lines = [LogisticRegression(max_iter=300).fit(x[:split], y[:split, v]) for v in range(4)]
    line = np.column_stack([m.coef_[0] for m in lines]).astype(np.float32)
    line_bias = np.array([m.intercept_[0] for m in lines], dtype=np.float32)
    observer = IdealObserver(mean, scale, tuple(kept[0]), tuple(kept[1]), line, line_bias, np.zeros(4), key)
    deep, straight = observer.parts(fresh.z[split:])
    shares = np.linspace(0.0, 1.0, 6)
    losses = np.array([_loss(y[split:], (1 - a) * deep + a * straight).mean(axis=0) for a in shares])
    share = shares[losses.argmin(axis=0)]
    # Stochastic steps leave the level a little off; one number per vessel sets it, the order stays.
    level = _level((1 - share) * deep + share * straight, y[split:])
    return dataclasses.replace(
        observer, line_share=share, line_bias=(line_bias + level).astype(np.float32),
        biases=(*kept[1][:-1], (kept[1][-1] + level).astype(np.float32)),
    )  # fmt: skip


def _level(log_odds: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Shift of the log odds at which their mean probability is the prevalence (Newton's method)."""
    shift = np.zeros(y.shape[1])
    for _ in range(25):
        p = expit(log_odds + shift)
        shift += (y - p).mean(axis=0) / (p * (1 - p)).mean(axis=0)
    return shift


def _loss(y: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Binary cross-entropy."""
    return np.logaddexp(0.0, log_odds) - y * log_odds


def _aucs(fresh: Fresh, scores: np.ndarray) -> pd.DataFrame:
    """AUC per vessel and unit: unit, vessel, auc, se, n, normal."""
    rows = []
    for unit, column in UNITS.items():
        for v, vessel in enumerate(VESSELS):
            frame = pd.DataFrame({"p": scores[:, v], "y": fresh.y[:, v], "normal": fresh.normal,
                                  "patient": fresh.table["patient_id"], "unit": fresh.table[column],
                                  "time": fresh.table["ccta_time"]})  # fmt: skip
            if unit == "patient":
                # The index examination, as the book counts patients.
                first = frame.groupby("patient")["time"].transform("min")
                frame = frame[frame["time"] == first]
            if unit != "ecg":
                frame = frame.groupby("unit", sort=False).agg(
                    p=("p", "mean"), y=("y", "first"), normal=("normal", "all"), patient=("patient", "first")
                )
            whole = auc_interval(
                frame["y"].to_numpy(), frame["p"].to_numpy(), groups=frame["patient"].to_numpy()
            )
            part = frame[frame["normal"]]
            normal = auc_interval(
                part["y"].to_numpy(), part["p"].to_numpy(), groups=part["patient"].to_numpy()
            )
            rows.append((unit, str(vessel), whole.estimate, whole.se, len(frame), normal.estimate))
    return pd.DataFrame(rows, columns=["unit", "vessel", "auc", "se", "n", "normal"])


def estimate_ceiling(
    out: str | os.PathLike[str],
    *,
    n: int = 300_000,
    n_scored: int = 100_000,
    seed: int = 900_001,
    settings: Settings = DEFAULT_SETTINGS,
    progress: Callable[..., None] | None = None,
) -> Path:
    """Estimate the attainable AUC and freeze the ideal observer (`ccta simulate --ceiling`).

    Parameters
    ----------
    out : path
        Folder for ideal_observer.npz (internal cohort), ceiling.csv and learning_curve.csv.
    n, n_scored : int
        Fresh ECGs to fit and, other ones, to score, per cohort, with and without disease.
    seed : int
        Never one of a cohort that is reported on.
    settings : Settings
    progress : callable, optional
        `progress(done, total, note)`.

    Returns
    -------
    pathlib.Path
        ceiling.csv.

    Raises
    ------
    ParameterError
        If n or n_scored is under 2,000: too few for the rarest vessel.
    """
    faults = [f"{name}: found {value!r}; give a whole number of at least 2000"
              for name, value in (("n", n), ("n_scored", n_scored))
              if not isinstance(value, int) or value < 2000]  # fmt: skip
    if faults:
        raise ParameterError(*faults)
    folder, key = Path(out), settings_key(settings)
    sizes = [m for m in (25_000, 50_000, 100_000, 200_000) if m < n] + [n]
    total = 2 * len(COHORT_CODES) + len(sizes) - 1
    done = 0

    def step(note: str) -> None:
        nonlocal done
        if progress is not None:
            progress(done, total, note)
        done += 1

    rows, curve = [], []
    for name in COHORT_CODES:
        results = {}
        for null in (False, True):
            used = settings.without_disease() if null else settings
            step(f"{name}{', no disease' if null else ''}: {n} ECGs")
            fresh = draw_fresh(name, n, seed=seed, settings=used)
            other = draw_fresh(name, n_scored, seed=seed + 1, settings=used)
            if name == "internal" and not null:
                for m in sizes[:-1]:
                    step(f"learning curve: {m} ECGs")
                    part = Fresh(fresh.z[:m], fresh.y[:m], fresh.table, fresh.normal)
                    scores = fit_observer(part, seed=0, key=key).scores(other.z)
                    curve.append(_aucs(other, scores).assign(n_fitted=m))
            observer = fit_observer(fresh, seed=0, key=key)
            results[null] = _aucs(other, observer.scores(other.z))
            if name == "internal" and not null:
                observer.save(folder / OBSERVER)
                curve.append(results[null].assign(n_fitted=n))
        rows.append(_ceiling_rows(name, results[False], results[True], n))
    ceiling = pd.concat(rows, ignore_index=True)
    ceiling["key"] = key
    write_table(ceiling.round(5), folder / CEILING)
    write_table(pd.concat(curve, ignore_index=True).round(5), folder / CURVE)
    if progress is not None:
        progress(total, total, "attainable AUC")
    return folder / CEILING


def _ceiling_rows(name: str, upper: pd.DataFrame, null: pd.DataFrame, n: int) -> pd.DataFrame:
    return pd.DataFrame({
        "cohort": name, "vessel": upper["vessel"], "unit": upper["unit"], "upper": upper["auc"],
        "upper_se": upper["se"], "lower": np.nan,
            "lower_se": np.nan, "null_floor": null["auc"], "normal_ecg_upper": upper["normal"],
        "n": n, "n_scored": upper["n"],
        "method": "network and logistic regression on noise-free wave features of fresh ECGs; "
                  "scores averaged within exam or patient",
        "note": "lower limit not measured: it needs the best waveform model on many fresh ECGs",
    })[COLUMNS]  # fmt: skip


def estimate_lower(
    out: str | os.PathLike[str],
    *,
    n: int = 40_000,
    n_scored: int = 10_000,
    seed: int = 900_101,
    settings: Settings = DEFAULT_SETTINGS,
    workers: int = 1,
    progress: Callable[..., None] | None = None,
) -> Path:
    """Measure the lower limit on waveforms and write it into an existing ceiling.csv.

    A model of the median beat (`measured`) is fitted to n fresh internal ECGs and scored on others of each
    cohort: an AUC that a model of the waveform does reach, given enough ECGs.

    Parameters
    ----------
    out : path
        Folder with the ceiling.csv of `estimate_ceiling`.
    n, n_scored : int
        Fresh ECGs to fit, and to score in each cohort.
    seed, settings, workers, progress
        As elsewhere.
    """
    folder, key = Path(out), settings_key(settings)
    fresh = draw_fresh("internal", n, seed=seed, settings=settings)
    job = Job(CohortSizes.scaled(n, n, n), seed, settings)
    beats = measure_cohort(job, "internal", workers=workers, progress=progress)
    scale = np.ones(beats.shape[1], dtype=np.float32)
    scale[-2:] = 1.0 / beats[:, -2:].std(axis=0)  # RR in seconds is no millivolt
    components = PCA(60, svd_solver="covariance_eigh").fit(beats * scale)

    def reduced(x: np.ndarray) -> np.ndarray:
        return np.asarray(components.transform(x * scale), dtype=np.float32)

    observer = fit_observer(dataclasses.replace(fresh, z=reduced(beats)), seed=0, key=key)
    table = pd.read_csv(folder / CEILING, float_precision="round_trip").set_index(
        ["cohort", "unit", "vessel"]
    )
    for name in COHORT_CODES:
        other = draw_fresh(name, n_scored, seed=seed + 1, settings=settings)
        scored = Job(CohortSizes.scaled(n_scored, n_scored, n_scored), seed + 1, settings)
        scores = observer.scores(reduced(measure_cohort(scored, name, workers=workers, progress=progress)))
        for row in _aucs(other, scores).itertuples():
            table.loc[(name, row.unit, row.vessel), ["lower", "lower_se"]] = row.auc, row.se
    table["note"] = f"lower limit: model of the median beat fitted to {n} internal ECGs, {n_scored} scored"
    write_table(table.reset_index()[[*COLUMNS, "key"]].round(5), folder / CEILING)
    return folder / CEILING
