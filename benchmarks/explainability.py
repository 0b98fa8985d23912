"""Explainability at the paper's size: 4,620 stored ECGs, from waveforms to tested and drawn groups.

Run `python benchmarks/explainability.py` (two cores at most, one is used). Every ECG counts: each patient's ECGs are
taken as one examination. The ratio printed last is the time allowed, 120 s, over the time taken.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("agg")

from ccta_lib.cohort import WaveformStore
from ccta_lib.explain import contrast_table, make_beats, patient_beats, planted_table, r_peaks
from ccta_lib.explain.beats import CONTRASTS
from ccta_lib.plots.beats import beat_grid
from ccta_lib.plots.style import apply_style
from ccta_lib.schema import VESSELS, read_cohort
from ccta_lib.simulate import CohortSizes, simulate_cohort

ALLOWED_S = 120.0


def main() -> None:
    """Simulate the cohort, then time each stage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = read_cohort(
            simulate_cohort(folder, sizes=CohortSizes(2323, 2595, 4620, 0, 0), seed=1011, workers=2)
        )
        first = table.groupby("patient_id").cumcount() == 0
        grades = [v.grade_column for v in VESSELS]
        table[grades] = table[grades].where(first).groupby(table["patient_id"]).transform("first")
        rng = np.random.default_rng(0)
        predictions = table.assign(
            exam_id=table["patient_id"], **{v.prob_column: rng.random(len(table)) for v in VESSELS}
        )
        store, truth = WaveformStore.open(folder / "waveforms"), pd.read_parquet(folder / "truth.parquet")
        measure(predictions, store, truth)


def measure(predictions: pd.DataFrame, store: WaveformStore, truth: pd.DataFrame) -> None:
    """Time the stages that the chapter runs, and the two rules for R peaks alone."""
    some = store.signals(predictions["ecg_id"].iloc[:256].to_numpy())
    for rule in ("paper", "all leads"):
        seconds, _ = timed(
            lambda rule=rule: [r_peaks(some[i : i + 64], rule=rule) for i in range(0, 256, 64)]
        )
        print(f"R peaks, {rule}: {256 / seconds:,.0f} ECGs/s")
    before = peak_mib()
    beats_s, patients = timed(lambda: patient_beats(predictions, store, truth=truth))
    print(f"mean beats of {len(patients.table):,} patients from {len(predictions):,} ECGs: {beats_s:.1f} s "
          f"({len(predictions) / beats_s:,.0f} ECGs/s), peak memory + {peak_mib() - before:.0f} MiB")  # fmt: skip
    test_s, tables = timed(lambda: [make_beats(patients, scale=s) for s in ("z-score", "millivolt")])
    print(f"groups and 2 x 8 cluster tests of 1,000 permutations: {test_s:.1f} s")
    draw_s, largest = timed(lambda: draw(tables[0]))
    planted_s, _ = timed(lambda: planted_table(patients))
    print(
        f"tables and two figures as SVG, PDF and PNG: {draw_s + planted_s:.1f} s, largest SVG {largest / 1e3:.0f} kB"
    )
    total = beats_s + test_s + draw_s + planted_s
    print(f"total: {total:.1f} s, peak memory {peak_mib():.0f} MiB")
    print(f"{ALLOWED_S / total:.1f}")


def draw(beats: pd.DataFrame) -> int:
    """Draw and save both figures of the chapter; returns the bytes of the larger SVG."""
    apply_style()
    contrasts = contrast_table(beats)
    with tempfile.TemporaryDirectory() as name:
        for contrast, groups in CONTRASTS.items():
            figure = beat_grid(beats, contrasts[contrasts["contrast"] == contrast], groups, unit="z-score")
            for suffix in ("svg", "pdf", "png"):
                figure.savefig(Path(name) / f"{contrast}.{suffix}")
        return max(path.stat().st_size for path in Path(name).glob("*.svg"))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds and result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_mib() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
