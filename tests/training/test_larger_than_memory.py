"""A cohort whose prepared ECGs are twice the machine's memory trains in a small part of it."""

import os
import subprocess
import sys

import numpy as np
import pytest

CODE = """
import resource, sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(1)
from ccta_lib.training.job import FoldJob
from ccta_lib.training.loop import train_fold
from ccta_lib.training.settings import TrainingSettings
folder = Path(sys.argv[1])
n = np.load(folder / "x.npy", mmap_mode="r").shape[0]
rows = np.linspace(0, n - 1, 96).astype(int)
targets = np.full((n, 4), np.nan, np.float32)
targets[rows] = np.random.default_rng(0).integers(0, 2, (96, 4))
# Only what the process itself holds counts: pages of the mapped file can be dropped at any time.
resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
job = FoldJob(fold=0, folder=folder / "fold0", key="k", signals=folder / "x.npy", targets=targets,
              train=rows[:64], inner=rows[64:80], outer=rows[80:],
              settings=TrainingSettings(epochs=1, batch_size=16, tensorboard=False), seed=1)
record = train_fold(job)
print(record["log"][0]["loss_rca"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_it_trains(tmp_path):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    n = int(2 * memory / (12 * 1000 * 4))
    signals = np.lib.format.open_memmap(  # a sparse file: it takes space for the rows written only
        tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(n, 12, 1000)
    )
    for row in np.linspace(0, n - 1, 96).astype(int):
        signals[row] = np.random.default_rng(row).normal(size=(12, 1000))
    signals.flush()
    del signals
    assert (tmp_path / "x.npy").stat().st_size > 1.9 * memory
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    loss, mib = map(float, done.stdout.split())
    assert 0 < loss < 5
    assert mib < 1500
