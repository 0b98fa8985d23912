"""Time and memory of training steps and of scoring against batch, samples, parameters and worker processes.

Run `python benchmarks/scaling.py` (some two and a half minutes on two quiet cores); it goes on where it was killed, and
`--anew` starts again. Every row is a fresh process with one torch thread; with two workers, two at the same time,
each with its own batch. Times are medians over repeated calls after one that does not count. The table goes to
book/reference/scaling.csv, which the page beside it shows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from ccta_lib.files import atomic_path

OUT = Path(__file__).resolve().parent.parent / "book" / "reference" / "scaling.csv"
KEYS = ["network", "task", "batch", "samples", "workers"]
TASKS = ("scoring", "features", "exact")
LEAST_SECONDS, LEAST_CALLS, MOST_CALLS = 2.0, 3, 20


def cases() -> list[dict[str, Any]]:
    """Return what is measured: one thing varied at a time around batch 4 and each network's own samples."""
    own = {"nano": 1000, "middle": 2500, "full": 5000}
    rows = [(network, task, batch, own[network], 1) for network, task, batch in product(own, TASKS, (4, 16))]
    rows += [("full", task, 4, samples, 1) for task, samples in product(TASKS, (1000, 2500))]
    rows += [(network, task, 4, own[network], 2) for network, task in product(own, TASKS)]
    return [dict(zip(KEYS, row, strict=True)) for row in rows]


def measure(case: dict[str, Any]) -> dict[str, float]:
    """Return parameters, seconds per call and peak memory of one case, in this process."""
    import torch

    from ccta_lib.model.net1d import NANO_CONFIG, Net1D, Net1DConfig
    from ccta_lib.training.settings import TrainingSettings
    from ccta_lib.training.step import TrainingStep

    torch.set_num_threads(1)
    middle = Net1DConfig(
        base_filters=32, filter_list=(32, 64, 64, 128, 128, 256), m_blocks_list=(1, 1, 1, 2, 2, 1)
    )
    config = {"nano": NANO_CONFIG, "middle": middle, "full": Net1DConfig()}[case["network"]]
    torch.manual_seed(0)
    model, log_variance = Net1D(config), torch.zeros(4, requires_grad=True)
    x = torch.randn(case["batch"], 12, case["samples"])
    y = (torch.rand(case["batch"], 4) < 0.4).float()
    if case["task"] == "scoring":
        model.eval()

        def call() -> None:
            with torch.no_grad():
                model(x)
    else:
        optimizer = torch.optim.AdamW(
            [*(p for p in model.parameters() if p.requires_grad), log_variance], lr=1e-4, fused=True
        )
        settings = TrainingSettings(init="scratch", pcgrad=case["task"])
        step, generator = TrainingStep(model, log_variance, optimizer, settings), torch.Generator()

        def call() -> None:
            step(x, y, generator=generator)

    call()
    times: list[float] = []
    while len(times) < LEAST_CALLS or (sum(times) < LEAST_SECONDS and len(times) < MOST_CALLS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return {
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "seconds_per_call": statistics.median(times),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def run(case: dict[str, Any]) -> dict[str, Any]:
    """Measure a case in as many fresh processes at a time as it has workers."""
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    started = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        for _ in range(case["workers"])
    ]
    found = [json.loads(process.communicate()[0]) for process in started]
    slowest = max(f["seconds_per_call"] for f in found)
    return case | {
        "parameters": found[0]["parameters"],
        "seconds_per_call": round(slowest, 4),
        "ms_per_ecg": round(1000 * slowest / case["batch"], 2),
        "ecgs_per_second": round(sum(case["batch"] / f["seconds_per_call"] for f in found), 2),
        "peak_mib": round(max(f["peak_mib"] for f in found)),
    }


def main() -> None:
    """Measure what the table does not hold yet and write it row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT, help="the table, CSV")
    parser.add_argument("--anew", action="store_true", help="measure every row again")
    parser.add_argument("--networks", nargs="+", default=["nano", "middle", "full"], help="only these")
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measure(given.case)))
        return
    old = pd.read_csv(given.out) if given.out.is_file() and not given.anew else pd.DataFrame(columns=KEYS)
    done = {tuple(row) for row in old[KEYS].itertuples(index=False)}
    rows = old.to_dict("records")
    for case in cases():
        if case["network"] in given.networks and tuple(case.values()) not in done:
            rows.append(run(case))
            print(rows[-1], flush=True)
            with atomic_path(given.out) as temporary:
                pd.DataFrame(rows).to_csv(temporary, index=False)


if __name__ == "__main__":
    main()
