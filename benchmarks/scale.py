"""From ten thousand rows to a million: a prediction table checked, evaluated and rendered, in time and memory.

Run `python benchmarks/scale.py` (some two hours on two slow cores); sizes measured already are kept, `--anew` starts
again. A table of n rows is patients drawn with replacement from the shipped run, under new identifiers, their
probabilities moved a little so that no two are equal. Then, each in processes of its own: `ccta check`, and
`ccta book --predictions` with the smoke profile's numbers of resamples. Seconds are those of the processor, all
processes together, which other programs on the machine hardly change; memory is the largest of one process. The tables
go to book/reference/scale.csv and scale_chapters.csv (there, wall-clock seconds) and the figure to scale.svg, which the
page beside them shows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ccta_lib.book.locate import shipped_run
from ccta_lib.files import atomic_path, read_json
from ccta_lib.plots.style import MARKERS, NEUTRAL, SERIES, WIDTH, apply_style
from ccta_lib.schema import VESSELS, read_predictions, write_table

OUT = Path(__file__).resolve().parent.parent / "book" / "reference"
SIZES = (10_000, 30_000, 100_000, 1_000_000)
STEPS = {"check": "validated", "book": "evaluated and rendered"}


def enlarge(table: pd.DataFrame, n: int, *, rng: np.random.Generator) -> pd.DataFrame:
    """Return about n rows: patients drawn with replacement within their cohort, each copy somebody else."""
    rows_of = table.groupby("patient_id", sort=False).indices
    patients = list(rows_of)
    lengths = np.array([len(rows_of[p]) for p in patients])
    drawn = rng.integers(len(patients), size=int(n / lengths.mean() * 1.02))
    drawn = drawn[: np.searchsorted(np.cumsum(lengths[drawn]), n) + 1]
    rows = np.concatenate([rows_of[patients[i]] for i in drawn])
    copy = np.repeat(np.arange(len(drawn)), lengths[drawn])
    large = table.iloc[rows].reset_index(drop=True)
    for column in ("ecg_id", "patient_id", "exam_id"):
        large[column] = large[column].astype(str) + "-" + pd.Series(copy).astype(str)
    for vessel in VESSELS:
        name = f"prob_{vessel.lower()}"
        moved = logit(large[name].clip(1e-6, 1 - 1e-6)) + rng.normal(0, 0.01, len(large))
        large[name] = expit(moved)
    return large


WATCH = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"cpu_seconds": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}))
"""


def measured(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command; return processor and wall seconds, and the memory of its largest process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *command], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout) | {"wall_seconds": time.perf_counter() - start}


def measure(n: int, shipped: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what each step and what each chapter of the book took for a table of n rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = enlarge(shipped, n, rng=np.random.default_rng(n))
        write_table(large, folder / "large.parquet")
        rows = len(large)
        del large
        commands = {
            "check": ["check", "large.parquet"],
            "book": ["book", "--profile", "smoke", "--predictions", "large.parquet", "--out", "run"],
        }
        steps = [
            {"rows": rows, "step": STEPS[step]}
            | measured([sys.executable, "-m", "ccta_lib", *arguments], folder)
            for step, arguments in commands.items()
        ]
        stages = read_json(folder / "run" / "run.json")["stages"]
        chapters = [
            {"rows": rows, "chapter": stage.removeprefix("chapter "), "wall_seconds": values["run_seconds"],
             "peak_mib": values["peak_mib"]}
            for stage, values in stages.items()
            if stage.startswith("chapter ")
        ]  # fmt: skip
        return pd.DataFrame(steps), pd.DataFrame(chapters)


def joined(table: pd.DataFrame, path: Path, by: list[str]) -> pd.DataFrame:
    """Add rows to the table in a file and return it whole."""
    whole = pd.concat([pd.read_csv(path), table]) if path.is_file() else table
    # After a kill between the two tables a size is measured again.
    whole = whole.drop_duplicates(by, keep="last").sort_values(by, ignore_index=True).round(1)
    write_table(whole, path)
    return whole


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw processor seconds and memory against rows, with the straight line through the ends."""
    apply_style()
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3), layout="constrained")
    for ax, cost in zip(axes, ("cpu_seconds", "peak_mib"), strict=True):
        for step, colour, marker in zip(STEPS.values(), SERIES, MARKERS, strict=False):
            part = table[table["step"] == step]
            ax.loglog(part["rows"], part[cost], marker=marker, color=colour, markersize=5, label=step)
            ends = part.iloc[[0, -1]]
            rows = np.geomspace(*ends["rows"], 100)
            ax.plot(rows, np.interp(rows, ends["rows"], ends[cost]), ":", color=NEUTRAL, linewidth=0.9)
        ax.plot([], [], ":", color=NEUTRAL, linewidth=0.9, label="straight line")
    axes[0].set(xlabel="Rows", ylabel="Processor seconds")
    axes[1].set(xlabel="Rows", ylabel="Largest process, MiB")
    axes[0].legend()
    plt.rcParams["svg.hashsalt"] = "scale"
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata={"Date": None})


def main() -> None:
    """Measure every size that is still to be measured, and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    path, of_chapters = given.out / "scale.csv", given.out / "scale_chapters.csv"
    if given.anew:
        path.unlink(missing_ok=True)
        of_chapters.unlink(missing_ok=True)
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    shipped = read_predictions(shipped_run() / "predictions.parquet")
    os.environ["OMP_NUM_THREADS"] = "1"
    for n in given.sizes:
        if len(table) and ((table["rows"] - n).abs() < 0.01 * n).any():
            continue
        steps, chapters = measure(n, shipped)
        joined(chapters, of_chapters, ["chapter", "rows"])
        table = joined(steps, path, ["step", "rows"])
        print(steps.to_string(index=False), flush=True)
    draw(table, given.out / "scale.svg")
    book = table[table["step"] == STEPS["book"]]
    grown, times = (
        book["cpu_seconds"].iloc[-1] / book["cpu_seconds"].iloc[0],
        book["rows"].iloc[-1] / book["rows"].iloc[0],
    )
    print(f"{times:.0f} times the rows take {grown:.1f} times the processor's seconds")


if __name__ == "__main__":
    main()
