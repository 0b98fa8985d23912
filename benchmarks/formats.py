"""Recordings read per second, form by form, by one and by two worker processes."""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from ccta_lib.cohort import Ecg, read_ecg
from ccta_lib.cohort.recording import limb_leads
from ccta_lib.simulate.recordings import WRITABLE, write_recording

WANTED = 150  # MUSE files per second on two cores
CHUNK = 25


def recording(seed: int) -> Ecg:
    """Ten seconds of slow waves and noise, which compresses no better than a real ECG."""
    generator = np.random.default_rng(seed)
    t = np.arange(5000) / 500
    free = np.sin(2 * np.pi * generator.uniform(0.5, 8, (8, 1)) * t) + generator.normal(0, 0.02, (8, 5000))
    signal = np.stack([*free[:2], *limb_leads(*free[:2]).values(), *free[2:]]).astype(np.float32)
    return Ecg(signal=signal, sampling_hz=500.0, patient_id=str(seed), statements=("Sinus rhythm",))


def read_all(paths: list[Path]) -> float:
    """Read recordings, and return the processor's seconds; the samples stay here, as in a build."""
    start = time.process_time()
    assert all(read_ecg(p, sampling_hz=500).signal.shape[1] == 5000 for p in paths)
    return time.process_time() - start


def speeds(paths: list[Path]) -> tuple[float, dict[int, float]]:
    """Milliseconds of processor per file; files per second by one and by two processes, started beforehand."""
    found, milliseconds = {}, 0.0
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    for workers in (1, 2):
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(read_all, [paths[:1]] * workers * 4))
            start = time.perf_counter()
            milliseconds = sum(pool.map(read_all, chunks)) / len(paths) * 1e3
            found[workers] = len(paths) / (time.perf_counter() - start)
    return milliseconds, found


def main() -> None:
    """Print the speeds of each form, and last the ratio of MUSE by two workers to the 150 per second asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=1000, help="files of each form")
    n = parser.parse_args().n
    muse = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for form in WRITABLE:
            few = [
                write_recording(Path(folder) / form / f"{i:04d}", recording(i), form)
                for i in range(min(n, 100))
            ]
            cost, found = speeds((few * (n // len(few) + 1))[:n])
            kilobytes = sum(p.stat().st_size for p in few[0].parent.glob(f"{few[0].stem}*")) / 1e3
            print(f"{form:<10} {kilobytes:5.0f} kB {cost:6.1f} ms of processor"
                  f"  one process {found[1]:5.0f}/s  two {found[2]:5.0f}/s")  # fmt: skip
            muse = found[2] if form == "muse" else muse
    print(f"ratio of MUSE by two workers to {WANTED} files/s: {muse / WANTED:.2f}")


if __name__ == "__main__":
    main()
