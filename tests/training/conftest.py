"""A small cohort of drawn waveforms in which RCA stenosis flattens a lead: something a network can learn."""

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort.store import StoreWriter, WaveformStore
from ccta_lib.schema import validate

N_INTERNAL, N_EXTERNAL = 60, 12


def draw(rng, ill):
    time = np.arange(5000) / 500
    beat = sum(np.exp(-(((time - t) / 0.02) ** 2)) for t in np.arange(0.3, 10, 0.8))
    wave = sum(np.exp(-(((time - t - 0.3) / 0.05) ** 2)) for t in np.arange(0.3, 10, 0.8))
    gain = rng.uniform(0.5, 1.5, (12, 1))
    return gain * (beat + (-0.3 if ill else 0.3) * wave) + rng.normal(0, 0.02, (12, 5000))


@pytest.fixture(scope="session")
def cohort_and_store(tmp_path_factory) -> tuple[pd.DataFrame, WaveformStore]:
    rng = np.random.default_rng(0)
    n = N_INTERNAL + N_EXTERNAL
    ill = rng.random(n) < 0.4
    grade = np.where(ill, "severe", "mild").astype(object)
    unlabelled = np.arange(n) % 15 == 4
    grade[unlabelled] = None
    table = pd.DataFrame(
        {
            "ecg_id": [f"e{i:03d}" for i in range(n)],
            "patient_id": [f"p{i // 2:03d}" for i in range(n)],
            "exam_id": [f"x{i:03d}" for i in range(n)],
            "cohort": ["internal"] * N_INTERNAL + ["external"] * N_EXTERNAL,
            "waveform": [f"w{i}" for i in range(n)],
            "grade_rca": grade,
            "grade_lm": None,
            "grade_lad": np.where(unlabelled, None, np.where(rng.random(n) < 0.3, "occluded", "normal")),
        }
    )
    writer = StoreWriter(tmp_path_factory.mktemp("store") / "waveforms", table["ecg_id"], key="drawn")
    writer.exclude(7, "flat lead")
    rows = [i for i in range(n) if i != 7]
    writer.write(rows, np.stack([draw(rng, ill[i]) for i in rows]).astype(np.float32))
    return validate(table), writer.finish()


@pytest.fixture(scope="session")
def fold_job(cohort_and_store):
    """Make the job of one fold on the small cohort: 36 ECGs to train on, 8 to choose the epoch, 12 to report."""
    torch = pytest.importorskip("torch")
    from ccta_lib.model.contract import NANO_CONTRACT
    from ccta_lib.training.folds import label_matrix
    from ccta_lib.training.job import FoldJob
    from ccta_lib.training.prepared import prepare_signals

    def make(folder, *, fold, settings, **rest):
        torch.set_num_threads(1)
        cohort, store = cohort_and_store
        table = cohort[cohort["ecg_id"] != "e007"].reset_index(drop=True)
        signals = prepare_signals(store, table["ecg_id"].tolist(), NANO_CONTRACT, folder / "x.npy")
        targets = label_matrix(table)
        rows = np.flatnonzero(~np.isnan(targets).all(axis=1))
        return FoldJob(
            fold=fold, folder=folder / f"fold{fold}", key="k", signals=signals, targets=targets, train=rows[:36],
            inner=rows[36:44], outer=rows[44:56], settings=settings, seed=5, **rest,
        )  # fmt: skip

    return make
