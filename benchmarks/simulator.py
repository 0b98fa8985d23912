"""ECGs of 12 x 5000 samples per second, written to a store, by one and by two worker processes."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from ccta_lib.simulate import CohortSizes, simulate_cohort


def main() -> None:
    """Print the speed with one worker, with two, and the ratio of two to the 400 per second asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=4000, help="ECGs")
    n = parser.parse_args().n
    speed = {}
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            start = time.perf_counter()
            simulate_cohort(
                Path(folder) / str(workers), sizes=CohortSizes.scaled(n, 0, 0), seed=1000, workers=workers
            )
            speed[workers] = n / (time.perf_counter() - start)
            print(f"{workers} worker(s): {speed[workers]:.0f} ECGs/s ({n} ECGs, table and truth included)")
    print(f"ratio to 400 ECGs/s: {speed[2] / 400:.2f}")


if __name__ == "__main__":
    main()
