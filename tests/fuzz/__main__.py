"""`python -m tests.fuzz [TARGET...] --seconds N`: fuzz the readers for as long as wanted, and say what was tried.

Each target runs by random damage and, where atheris is installed, guided by coverage; each in a process with limits of
time and memory (`guard.py` states them). Inputs that were read wrongly, or not as they should be refused, lie in
`--out` with their tracebacks; then the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """Run the targets one after the other."""
    from tests.fuzz.registry import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of: {', '.join(TARGETS)}  [default: all]"
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="of the processor, for each target and engine [20]"
    )
    parser.add_argument("--engine", choices=("damage", "atheris", "both"), default="both")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    given = parser.parse_args()
    if unknown := [t for t in given.targets if t not in TARGETS]:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    engines = ("damage", "atheris") if given.engine == "both" else (given.engine,)
    rows = []
    for name in given.targets or TARGETS:
        absent = [m for m in TARGETS[name].needs if find_spec(m) is None]
        for engine in engines:
            absent_here = [
                *absent,
                *(["atheris"] if engine == "atheris" and find_spec("atheris") is None else []),
            ]
            if absent_here:
                rows.append({"target": name, "engine": engine, "skipped": ", ".join(absent_here)})
                continue
            rows.append(_run(name, engine, given))
            _say(rows[-1])
    total = {key: sum(row.get(key, 0) for row in rows) for key in ("inputs", "read", "refused", "findings")}
    (given.out / "report.json").write_text(json.dumps({"total": total, "targets": rows}, indent=1))
    sys.stdout.write(f"{total['inputs']:,} inputs: {total['read']:,} read, {total['refused']:,} refused, "
                     f"{total['findings']:,} findings; {given.out / 'report.json'}\n")  # fmt: skip
    return 1 if total["findings"] else 0


def _run(name: str, engine: str, given: argparse.Namespace) -> dict:
    result = given.out / f"{name}-{engine}.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.worker", name, "--engine", engine, "--seconds", str(given.seconds),
               "--seed", str(given.seed), "--out", str(given.out)]  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    with open(given.out / f"{name}-{engine}.log", "wb") as log:
        ended = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False,
                               timeout=60 * given.seconds + 3600)  # fmt: skip
    row = json.loads(result.read_text()) if result.is_file() else {"target": name, "engine": engine}
    if ended.returncode or not row.get("done"):
        row["findings"] = row.get("findings", 0) + 1
        row["ended"] = f"the process ended with {ended.returncode}; see {name}-{engine}.log"
    return row


def _say(row: dict) -> None:
    counts = "  ".join(f"{row.get(key, 0):9,} {key}" for key in ("inputs", "read", "refused", "findings"))
    sys.stdout.write(f"{row['target']:24} {row['engine']:8} {counts}\n")
    for one in row.get("found", []):
        sys.stdout.write(f"    {one['where']}  {one['what'][:150]}  ({one['kind']}: {one['input']})\n")
    if "ended" in row:
        sys.stdout.write(f"    {row['ended']}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
