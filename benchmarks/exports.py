"""A hospital's export of a million reports and thousands of recordings: rows and files per second, and memory.

Run `python benchmarks/exports.py`. The reports are a few thousand distinct texts over and over, each row of its own
patient; the recordings are MUSE XML, of patients who are in the reports, so every one is stored. A build of both
by two processes; then the reports read whole by pandas. The last line is the ratio of the two in memory.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np

from ccta_lib.cohort import Ecg
from ccta_lib.cohort.recording import limb_leads
from ccta_lib.simulate.exports.reports import report_set
from ccta_lib.simulate.recordings import write_recording

TEXTS = 2_000
HEADER = ["patient_id", "exam_id", "ccta_time", "report", "history", "sex", "birth_date", "name"]
WATCH = ("import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode;"
         "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)")  # fmt: skip
READ_WHOLE = "import sys, pandas as pd; t = pd.read_csv(sys.argv[1], dtype=str); print(len(t))"


def write_reports(path: Path, rows: int) -> None:
    """Write a table of so many reports."""
    sets = [report_set("develop", n=TEXTS // 2, seed=1, language=language) for language in ("zh", "en")]
    texts = [text for one in sets for text in one["report"]]
    history = "hypertension for 10 years, denies diabetes"
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for i in range(rows):
            time_of_ccta = f"2023-{1 + i % 12:02d}-{1 + i % 28:02d} 10:{i % 60:02d}"
            person = ["MF"[i % 2], f"19{40 + i % 50}-05-17", f"Person {i}"]
            writer.writerow([f"{i:08d}", f"CT{i}", time_of_ccta, texts[i % len(texts)], history, *person])


def write_ecgs(folder: Path, files: int) -> None:
    """Write recordings of the first patients, all before any CCTA; a hundred signals, each with another offset."""
    rng = np.random.default_rng(1)
    t = np.arange(5000) / 500
    free = [
        np.sin(2 * np.pi * rng.uniform(0.5, 8, (8, 1)) * t) + rng.normal(0, 0.02, (8, 5000))
        for _ in range(100)
    ]
    for i in range(files):
        lead = free[i % 100] + 0.005 * (i // 100)
        signal = np.stack([*lead[:2], *limb_leads(*lead[:2]).values(), *lead[2:]]).astype(np.float32)
        ecg = Ecg(
            signal=signal, sampling_hz=500.0, patient_id=f"{i:08d}", time=datetime(2022, 5, 1, 8, i % 60)
        )
        write_recording(folder / f"{i % 50:02d}" / f"{i:06d}", ecg, "muse")


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds, and MiB of the largest process at its peak: asked by a process of its own, which starts no other."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", WATCH, *command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    said = (done.stderr + done.stdout).splitlines()
    print("".join(f"    {line}\n" for line in said if "done in" in line or " kept" in line), end="")
    return time.perf_counter() - start, float(said[-1]) / 1024


def main() -> None:
    """Print the speeds and the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_reports(root / "reports.csv", given.rows)
        write_ecgs(root / "ecgs", given.files)
        size = (root / "reports.csv").stat().st_size / 1e6
        print(
            f"{given.rows:,} reports ({size:,.0f} MB), {given.files:,} recordings, {given.workers} processes"
        )
        command = [sys.executable, "-m", "ccta_lib", "cohort", "build", "--ecgs", str(root / "ecgs"), "--reports",
                   str(root / "reports.csv"), "--out", str(root / "out"), "--workers", str(given.workers)]  # fmt: skip
        seconds, streamed = measured(command)
        print(f"build: {seconds:,.0f} s, peak of the largest process {streamed:,.0f} MiB")
        _, whole = measured([sys.executable, "-c", READ_WHOLE, str(root / "reports.csv")])
        print(f"the table read whole by pandas: {whole:,.0f} MiB")
        print(f"ratio of memory, streamed build to the table read whole: {streamed / whole:.2f}")


if __name__ == "__main__":
    main()
