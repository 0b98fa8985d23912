"""The machine's share of the 90-minute lesson: each command of the plan, as the class types it, on two cores."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from ccta_lib.schema import write_table

PAGE = Path(__file__).resolve().parent.parent / "book" / "howto" / "lesson-times.csv"
# In the plan's order; a command may use what an earlier one has made.
COMMANDS = (
    "ccta run discrimination --out lesson",
    'ccta run discrimination --out lesson -p n_boot 200 -p vessels \'["LM", "LAD"]\'',
    "ccta simulate --profile smoke --seed 1 --out virtual",
    "ccta book --profile smoke --seed 1 --out mine",
    "ccta run calibration --run mine --sweep group_size 10 20 40",
    "ccta compare mine lesson",
)


def main() -> None:
    """Run every command once in an empty folder, and write the table of the page with --write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"replace {PAGE.name}")
    write = parser.parse_args().write
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            start = time.perf_counter()
            call = f"{sys.executable} -m ccta_lib {command.removeprefix('ccta ')}"
            subprocess.run(call, shell=True, cwd=folder, check=True, capture_output=True)
            rows.append((f"`{command}`", round(time.perf_counter() - start)))
            print(f"{rows[-1][1]:5d} s  {command}", flush=True)
    table = pd.DataFrame(rows, columns=["Command", "Seconds"])
    if write:
        write_table(table, PAGE)
    print(f"minutes of the machine in 90 minutes of lesson: {table['Seconds'].sum() / 60:.1f}")


if __name__ == "__main__":
    main()
