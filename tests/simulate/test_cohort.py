"""The written cohort: same bytes however it is made, resumed after a kill, readable by the contract."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort.store import WaveformStore
from ccta_lib.errors import InputError, ParameterError
from ccta_lib.files import sha256_file
from ccta_lib.schema import LEADS, VESSELS, read_cohort
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes, assumptions, simulate_cohort

SMALL = CohortSizes.scaled(160, 80, 60)
FILES = ("cohort.parquet", "truth.parquet", "ceiling.csv", "simulation.json", "waveforms/signals.npy",
         "waveforms/index.parquet")  # fmt: skip


def hashes(folder: Path) -> dict[str, str]:
    return {name: sha256_file(folder / name) for name in FILES}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    calls: list[tuple[int, int, str]] = []
    folder = tmp_path_factory.mktemp("cohort") / "run"
    path = simulate_cohort(folder, sizes=SMALL, seed=1000, progress=lambda *a: calls.append(a))
    assert path == folder / "cohort.parquet"
    assert calls[-1][:2] == (SMALL.total, SMALL.total)
    assert [c[0] for c in calls] == sorted(c[0] for c in calls)
    return folder


def test_what_is_written(cohort: Path) -> None:
    table, truth = read_cohort(cohort / "cohort.parquet"), pd.read_parquet(cohort / "truth.parquet")
    store = WaveformStore.open(cohort / "waveforms")
    assert len(table) == len(truth) == len(store) == SMALL.total
    assert list(truth["ecg_id"]) == list(table["ecg_id"])
    assert table["waveform"].iloc[17] == "waveforms/signals.npy#17"
    raw = np.load(cohort / "waveforms" / "signals.npy", mmap_mode="r")
    np.testing.assert_allclose(store.signals([17])[0], raw[17] / np.float32(1000), atol=1e-6)
    for v in VESSELS:
        assert truth[f"percent_{v.lower()}"].between(0, 100).all()
        assert truth[f"ideal_{v.lower()}"].between(0, 1).all()
    ceiling = pd.read_csv(cohort / "ceiling.csv")
    assert set(ceiling["cohort"]) == {"internal", "external", "followup"}
    record = json.loads((cohort / "simulation.json").read_text())
    assert record["data_kind"] == "simulated"
    assert record["sha256"]["cohort.parquet"] == sha256_file(cohort / "cohort.parquet")


def test_signals_look_like_ecgs(cohort: Path) -> None:
    x = WaveformStore.open(cohort / "waveforms").signals(np.arange(SMALL.total))
    index = {name: i for i, name in enumerate(LEADS)}
    assert np.isfinite(x).all()
    span = np.ptp(x, axis=2)
    assert (span > 0.05).all()
    assert (span < 20).all()
    middle = x - np.median(x, axis=2, keepdims=True)
    up, down = np.quantile(middle, 0.998, axis=2), -np.quantile(middle, 0.002, axis=2)
    assert (down[:, index["aVR"]] > up[:, index["aVR"]]).mean() > 0.9
    assert (up[:, index["II"]] > down[:, index["II"]]).mean() > 0.8
    share = up / (up + down)
    progression = np.median(share[:, [index[f"V{k}"] for k in range(1, 6)]], axis=0)
    assert (np.diff(progression) > 0).all()
    # Rank over three: the fourth singular value of the eight independent leads is no rounding error.
    clean = x[:20][:, [0, 1, 6, 7, 8, 9, 10, 11]]
    values = np.linalg.svd(clean - clean.mean(axis=2, keepdims=True), compute_uv=False)
    assert (values[:, 3] > 0.01 * values[:, 0]).all()


def test_einthoven_exact_in_the_store(cohort: Path) -> None:
    x = np.load(cohort / "waveforms" / "signals.npy", mmap_mode="r").astype(int)
    np.testing.assert_array_equal(x[:, 2], x[:, 1] - x[:, 0])
    np.testing.assert_array_equal(x[:, 3:6].sum(axis=1), 0)
    np.testing.assert_array_equal(2 * x[:, 5], 2 * x[:, 1] - x[:, 0])


def test_same_bytes_with_two_workers(cohort: Path, tmp_path: Path) -> None:
    simulate_cohort(tmp_path / "again", sizes=SMALL, seed=1000, workers=2)
    assert hashes(tmp_path / "again") == hashes(cohort)


def test_finished_folder_is_left_alone_and_others_refused(cohort: Path) -> None:
    before = {name: (cohort / name).stat().st_mtime_ns for name in FILES}
    simulate_cohort(cohort, sizes=SMALL, seed=1000)
    assert before == {name: (cohort / name).stat().st_mtime_ns for name in FILES}
    with pytest.raises(InputError):
        simulate_cohort(cohort, sizes=SMALL, seed=1001)


def test_other_seed_other_cohort(cohort: Path, tmp_path: Path) -> None:
    simulate_cohort(tmp_path / "other", sizes=CohortSizes.scaled(64, 0, 0), seed=1001)
    a = np.load(cohort / "waveforms" / "signals.npy", mmap_mode="r")[:64]
    b = np.load(tmp_path / "other" / "waveforms" / "signals.npy", mmap_mode="r")
    assert not (a == b).all(axis=(1, 2)).any()
    assert (a.astype(float).std(axis=(1, 2)) > 0).all()


def test_resumes_after_sigkill(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    script = textwrap.dedent(f"""
        import time
        from ccta_lib.simulate import CohortSizes, simulate_cohort
        def slow(done, total, note=""):
            print(done, flush=True); time.sleep(0.5)
        simulate_cohort({str(out)!r}, sizes=CohortSizes.scaled(160, 80, 60), seed=1000, progress=slow)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "cohort.parquet").exists()
    seen: list[int] = []
    simulate_cohort(out, sizes=SMALL, seed=1000, progress=lambda done, total, note: seen.append(done))
    assert len(seen) < 6
    assert hashes(out) == hashes(cohort)


def test_workers_leave_with_their_parent(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import multiprocessing, time
        from ccta_lib.simulate import CohortSizes, simulate_cohort
        def tell(done, total, note=""):
            print(*[p.pid for p in multiprocessing.active_children()], flush=True); time.sleep(30)
        if __name__ == "__main__":
            sizes = CohortSizes.scaled(640, 0, 0)
            simulate_cohort({str(tmp_path / "x")!r}, sizes=sizes, seed=1, workers=2, progress=tell)
    """)
    (tmp_path / "script.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    children = [int(pid) for pid in process.stdout.readline().split()]
    assert len(children) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_null_cohort_has_the_same_patients_and_no_trace(cohort: Path, tmp_path: Path) -> None:
    path = simulate_cohort(tmp_path / "null", sizes=SMALL, seed=1000, null=True)
    table, ill = read_cohort(path), read_cohort(cohort / "cohort.parquet")
    same = [c for c in table.columns if c not in {"ecg_normal"}]
    pd.testing.assert_frame_equal(table[same], ill[same])
    truth = pd.read_parquet(path.parent / "truth.parquet")
    assert truth.filter(like="planted_").abs().to_numpy().max() == 0.0
    ceiling = pd.read_csv(path.parent / "ceiling.csv")
    np.testing.assert_array_equal(ceiling["upper"], ceiling["null_floor"])


def test_bad_parameters() -> None:
    with pytest.raises(ParameterError, match=r"seed(.|\n)*workers"):
        simulate_cohort("x", sizes=SMALL, seed=-1, workers=0)


def test_every_number_is_listed_with_a_source() -> None:
    listed = assumptions()
    assert listed["name"].is_unique
    assert (listed["source"].str.len() > 0).all()
    assert {"Dower 1980", "assumption"} <= set(listed["source"])
    assert "internal.severe" in set(listed["name"])
    assert listed["source"].str.startswith("assumption").mean() > 0.5
    assert len(listed) > 140


def test_changed_settings_have_no_frozen_truth(tmp_path: Path) -> None:
    import dataclasses

    changed = dataclasses.replace(DEFAULT_SETTINGS, t_change=0.3)
    path = simulate_cohort(tmp_path / "changed", sizes=CohortSizes.scaled(10, 0, 0), seed=1, settings=changed)
    assert pd.read_parquet(path.parent / "truth.parquet")["ideal_lad"].isna().all()
    ceiling = pd.read_csv(path.parent / "ceiling.csv")
    assert ceiling["upper"].isna().all()
    assert ceiling["note"].str.contains("not estimated").all()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_cohort(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import resource, sys
        from ccta_lib.simulate import CohortSizes, simulate_cohort
        simulate_cohort(sys.argv[1], sizes=CohortSizes.scaled(int(sys.argv[2]), 0, 0), seed=1)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """)

    def peak(n: int) -> float:
        run = subprocess.run([sys.executable, "-c", script, str(tmp_path / str(n)), str(n)], check=True,
                             capture_output=True, text=True)  # fmt: skip
        return float(run.stdout.split()[-1]) / 1024

    small, large = peak(400), peak(4400)
    # 4,000 more ECGs are 480 MB of samples; table and hearts may take 3 kB per ECG.
    assert large - small < 30.0
